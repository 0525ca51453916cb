//! Values of header fields, each read by everything that reads values.

use volary_mail::address::Address;
use volary_mail::message::avatar::Avatar;
use volary_mail::message::bounds::{
    MAX_ADDRESSES, MAX_AVATAR_BYTES, MAX_EXTENSION, MAX_FILE_NAME, MAX_HEADER_FIELDS, MAX_MESSAGE_ID,
    MAX_MESSAGE_IDS,
};
use volary_mail::message::build::thread::{first_subject, reply_subject, without_prefix};
use volary_mail::message::filename::{blob_extension, name_for_sending, sanitise};
use volary_mail::message::headers::ChatContent;
use volary_mail::message::read::address_list::parse_addresses;
use volary_mail::message::read::header_block::HeaderBlock;
use volary_mail::message::read::parameters::{Parameterised, part_name};
use volary_mail::message::read::value::{
    WordRule, decode_charset, decode_words, decode_words_by, parse_date, parse_number, unfold,
};
use volary_mail::message::text::bidi::strip_bidi;
use volary_mail::message::text::flowed::unflow;
use volary_mail::message::text::html::html_to_text;
use volary_mail::message::text::simplify::simplify;
use volary_mail::message::{ChatHeader, MessageId, PostMetadata, ViewType, render_unencrypted};
use volary_mail::openpgp::Fingerprint;
use volary_mail::openpgp::autocrypt::Header;
use volary_mail::securejoin::{ChannelSecret, GroupId, Step, Token};

use crate::mails;
use crate::people::{self, NOW};

/// How many octets of UTF-8 one octet of a value may become.
const GROWTH: usize = 16;

/// Reads the bytes as a header block and as a value of every kind.
pub fn run(data: &[u8]) {
    let (block, rest) = HeaderBlock::parse(data);
    assert!(rest.len() <= data.len() && block.iter().count() <= MAX_HEADER_FIELDS);
    for field in block.iter().take(20) {
        assert!(block.has(field.name));
        assert_eq!(block.all(field.name).last(), block.last(field.name).as_ref());
    }
    let value = unfold(data);
    assert!(!value.contains(['\r', '\n', '\0']));
    assert_eq!(unfold(value.as_bytes()), value);
    words(&value, data);
    addresses(&value);
    ids(&value);
    parameters(&value);
    names(&value);
    texts(&String::from_utf8_lossy(data));
    tokens(&value);
    autocrypt(&value);
}

fn words(value: &str, data: &[u8]) {
    let decoded = decode_words(value);
    assert!(decoded.len() <= GROWTH * value.len() && !decoded.contains('\0'));
    if !value.contains("=?") {
        assert_eq!(decoded, value);
    }
    decode_words_by(value, WordRule::Delimited);
    if let Some(split) = data.iter().position(|octet| *octet == b'?') {
        let charset = String::from_utf8_lossy(&data[..split]);
        assert!(decode_charset(Some(&charset), &data[split..]).len() <= GROWTH * data.len());
    }
    decode_charset(None, data);
    parse_date(value);
    parse_number::<i64>(value);
    parse_number::<u32>(value);
    ChatContent::parse(value);
    without_prefix(value);
    assert_eq!(reply_subject(&reply_subject(value)), reply_subject(value), "an answer to an answer");
    first_subject(value, "alice@example.org");
    match Avatar::parse(value) {
        Some(Avatar::Image(bytes)) => {
            assert!(!bytes.is_empty() && bytes.len() <= MAX_AVATAR_BYTES);
            let mut mail = people::text("x");
            mail.headers = vec![ChatHeader::UserAvatar(Avatar::Image(bytes))];
            people::payload(&mail);
        }
        Some(Avatar::InAttachment(name)) => assert!(!name.is_empty()),
        Some(Avatar::Removed) | None => {}
    }
    if let Some(metadata) = PostMetadata::parse(value) {
        let json = serde_json::json!({
            "size": metadata.size, "viewtype": metadata.view_type.name(), "filename": metadata.file_name,
            "wh": metadata.dimensions.map(|(width, height)| [width, height]), "duration": metadata.duration,
        });
        assert_eq!(PostMetadata::parse(&json.to_string()), Some(metadata));
    }
}

fn addresses(value: &str) {
    let found = parse_addresses(value);
    assert!(found.len() <= MAX_ADDRESSES);
    for mailbox in found.iter().take(50) {
        assert!(!mailbox.address.is_empty());
        assert!(mailbox.same_address(&mailbox.address));
        if let Ok(address) = mailbox.checked() {
            assert_eq!(address.as_str(), mailbox.address);
            if address.as_str().starts_with('@') {
                // Between angle brackets this would be a route (RFC 5322, section 4.4).
                continue;
            }
            let alone = parse_addresses(&format!("<{address}>"));
            assert_eq!(alone.len(), 1, "{address}");
            assert_eq!(alone[0].address, mailbox.address);
        }
    }
    if let Ok(address) = Address::parse(value) {
        assert_eq!(Address::parse(address.as_str()).as_ref(), Ok(&address));
        assert!(address.as_str().ends_with(address.domain()) && !address.domain().is_empty());
    }
}

fn ids(value: &str) {
    let ids = MessageId::parse_list(value);
    assert!(ids.len() <= MAX_MESSAGE_IDS);
    assert_eq!(ids.first(), MessageId::parse(value).as_ref());
    for id in ids.iter().take(50) {
        assert!(!id.as_str().is_empty() && id.as_str().len() <= MAX_MESSAGE_ID);
        assert_eq!(MessageId::parse(&id.bracketed()).as_ref(), Some(id));
    }
}

fn parameters(value: &str) {
    let parsed = Parameterised::parse(value);
    for name in ["boundary", "charset", "name", "filename", "hp", "protocol"] {
        let text = parsed.get_text(name);
        assert!(text.is_none_or(|text| text.len() <= GROWTH * value.len()));
    }
    let empty = Parameterised::parse("");
    part_name(&parsed, None);
    part_name(&empty, Some(&parsed));
}

fn names(value: &str) {
    let name = sanitise(value);
    assert_eq!(sanitise(&name), name);
    assert!(!name.is_empty() && name.len() <= MAX_FILE_NAME && !name.starts_with('.'));
    assert!(!name.contains(['/', '\\', '\0']));
    assert_eq!(strip_bidi(&strip_bidi(value)), strip_bidi(value));
    if let Some(extension) = blob_extension(value) {
        assert!(!extension.is_empty() && extension.len() <= MAX_EXTENSION);
        assert!(!extension.contains(['/', '\\', '\0']), "{extension:?}");
    }
    for kind in [ViewType::File, ViewType::Image, ViewType::Voice] {
        assert!(!name_for_sending(kind, value, NOW).is_empty());
    }
}

fn texts(text: &str) {
    for is_chat in [false, true] {
        let simple = simplify(text, is_chat);
        assert!(simple.text.len() <= text.len() + 64, "{:?}", simple.text);
        assert!(!simple.text.contains('\r'));
    }
    for delsp in [false, true] {
        assert!(unflow(text, delsp).len() <= text.len() + 1);
    }
    if let Some(read) = html_to_text(text) {
        assert!(read.text.len() + read.quote.map_or(0, |quote| quote.len()) <= GROWTH * text.len() + 1024);
    }
}

fn tokens(value: &str) {
    if let Some(token) = Token::parse(value) {
        assert_eq!(Token::parse(token.as_str()), Some(token));
    }
    if let Some(id) = GroupId::parse(value) {
        assert_eq!(GroupId::parse(id.as_str()), Some(id));
    }
    if let Some(secret) = ChannelSecret::parse(value) {
        assert_eq!(ChannelSecret::parse(secret.as_str()), Some(secret));
    }
    if let Ok(read) = value.parse::<Fingerprint>() {
        assert_eq!(read.to_string().parse(), Ok(read));
    }
    if let Some(step) = Step::parse(value).filter(|step| !step.header().is_empty()) {
        assert_eq!(Step::parse(step.header()), Some(step));
    }
}

fn autocrypt(value: &str) {
    if let Ok(header) = Header::parse(value) {
        for written in [header.to_unfolded(), unfold(header.to_folded().as_bytes())] {
            let read = Header::parse(&written).expect("a field that we wrote");
            assert_eq!((&read.addr, &read.certificate), (&header.addr, &header.certificate));
            assert_eq!(read.prefer_encrypt, header.prefer_encrypt);
        }
    }
}

/// Header blocks of all kinds of mail, and each of their values.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for mail in mails::all() {
        for written in [people::payload(&mail), render_unencrypted(&mail, &mut people::rng())] {
            let (block, rest) = HeaderBlock::parse(&written);
            seeds.push(written[..written.len() - rest.len()].to_vec());
            seeds.extend(block.iter().map(|field| field.raw.trim_ascii().to_vec()));
        }
    }
    seeds.retain(|seed| !seed.is_empty() && seed.len() <= 4096);
    seeds.extend(OTHERS.iter().map(|value| value.as_bytes().to_vec()));
    seeds.sort();
    seeds.dedup();
    seeds
}

const OTHERS: [&str; 12] = [
    "\"A, (b)\" <a@b.org>, =?utf-8?Q?=C3=A4?= <\"x y\"@b.org>, group: c@d.org, (comment (nested)) e@f.org;, mailto:g@h.org",
    "=?utf-8*en?B?w6Q=?= =?iso-8859-1?q?_=E4?= =?koi8-r?B?8NLJ18XU?= =?utf-16be?B?AGE=?= =?gb18030?B?xOM=?= =?iso-2022-jp?B?GyRCJCI=?=",
    "Mon, 23 Nov 2026 21:23:54 +0200 (CET)",
    "attachment; filename*0*=utf-8'en'%c3%a4; filename*1=\"b.\"; filename*2=txt; size=12",
    "text/plain; charset=\"utf-8\"; format=flowed; delsp=yes; boundary=\"=_x y\"; hp=cipher",
    "<a@b> <c@d>\t<e@f> g@h",
    "base64:iVBORw0KGgo=",
    "{\"size\":5,\"viewtype\":\"Image\",\"filename\":\"a.png\",\"wh\":[1,2],\"duration\":3}",
    "a\u{202e}gpj.\u{2066}exe",
    "../../etc/con.tar.gz",
    "---------- Forwarded message ----------\nFrom: x\n\n> a\n>> b\n\nOn Monday Alice wrote:\ntext  \nflow \n-- \nfooter",
    "<html><p>a<br>b<blockquote>c</blockquote><ul><li>d</ul><a href='x'>e</a>&amp;&#65;",
];
