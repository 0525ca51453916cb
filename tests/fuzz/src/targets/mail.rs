//! A received mail: what it shows outside, what counts after decryption, what it says.
//!
//! The bytes are read as a whole mail, and as the decrypted payload of a proper one. Two NUL octets divide a mail from
//! a payload of its own.

use std::sync::LazyLock;

use volary_mail::message::bounds::{
    MAX_ADDRESSES, MAX_DURATION_MS, MAX_FILE_NAME, MAX_IMAGE_PIXELS, MAX_KEY_HEADERS, MAX_MESSAGE_IDS,
    MAX_PARTS,
};
use volary_mail::message::filename::sanitise;
use volary_mail::message::read::list::list_chat_name;
use volary_mail::message::text::bidi::strip_bidi;
use volary_mail::message::text::truncate::truncate;
use volary_mail::message::text::view::full_view;
use volary_mail::message::{
    Outer, ParsedMessage, Payload, ReadOptions, ViewType, detached_signature, parse_effective, parse_outer,
    render_unencrypted,
};

use crate::{mails, people};

static FRAME: LazyLock<Vec<u8>> =
    LazyLock::new(|| people::frame(&people::text(""), "-----BEGIN PGP MESSAGE-----"));

/// How much larger than the mail what is read of it may be: one octet in some charset, shown in UTF-8, and a few
/// copies.
const GROWTH: usize = 64;
/// What the engine may add to any mail by itself.
const OWN_TEXT: usize = 64 * 1024;

/// Reads the mail.
pub fn run(data: &[u8]) {
    match data.windows(2).position(|pair| pair == [0, 0]) {
        Some(at) => {
            let Ok(outer) = parse_outer(&data[..at]) else { return };
            read(&outer, Some(&data[at + 2..]), data.len());
        }
        None => {
            if let Ok(outer) = parse_outer(data) {
                read(&outer, None, data.len());
            }
            let outer = parse_outer(&FRAME).expect("the builder's own frame");
            read(&outer, Some(data), data.len());
        }
    }
    if let Some(html) = full_view(data) {
        assert!(html.len() <= GROWTH * data.len() + OWN_TEXT, "the full view has {} octets", html.len());
    }
}

fn read(outer: &Outer<'_>, payload: Option<&[u8]>, size: usize) {
    if let Some(bytes) = payload {
        if let Some(found) = detached_signature(bytes) {
            assert!(found.signed.len() <= bytes.len() && found.signature.len() <= bytes.len());
        }
        for signed in [false, true] {
            let payload = Payload { bytes, signed };
            check_readings(outer, Some(&payload), size);
        }
    } else {
        check_readings(outer, None, size);
    }
}

fn check_readings(outer: &Outer<'_>, payload: Option<&Payload<'_>>, size: usize) {
    let for_people = parse_effective(outer, payload, ReadOptions::default());
    let for_bots = parse_effective(outer, payload, ReadOptions { for_bot: true });
    assert_eq!(for_people.is_ok(), for_bots.is_ok(), "bots and people receive the same mails");
    let (Ok(for_people), Ok(for_bots)) = (for_people, for_bots) else { return };
    assert_eq!(for_people.parts.len(), for_bots.parts.len(), "bots and people receive the same parts");
    assert_eq!(for_people.kind(), for_bots.kind());
    for message in [for_people, for_bots] {
        check_bounds(&message, size);
        check_protection(&message, outer, payload);
        check_parts(&message);
        message.sent_at(people::NOW);
        message.edited_text();
        list_chat_name(&message);
    }
}

fn check_bounds(message: &ParsedMessage, size: usize) {
    assert!(message.parts.len() <= MAX_PARTS);
    for addresses in [&message.to, &message.cc, &message.group.past_members] {
        assert!(addresses.len() <= MAX_ADDRESSES);
    }
    for ids in [&message.references, &message.delete, &message.bounce_candidates] {
        assert!(ids.len() <= MAX_MESSAGE_IDS);
    }
    for keys in [&message.autocrypt, &message.gossip] {
        assert!(keys.len() <= MAX_KEY_HEADERS);
    }
    let octets = |part: &volary_mail::message::read::Part| {
        part.text.len()
            + part.quote.as_ref().map_or(0, String::len)
            + part.file.as_ref().map_or(0, |file| file.bytes.len() + file.raw_name.len())
    };
    let all: usize = message.parts.iter().map(octets).sum();
    assert!(all <= GROWTH * size + OWN_TEXT, "{size} octets became {all}");
}

/// What a mail without a valid signature must not be able to say.
fn check_protection(message: &ParsedMessage, outer: &Outer<'_>, payload: Option<&Payload<'_>>) {
    let signed = payload.is_some_and(|payload| payload.signed);
    assert_eq!((message.decrypted, message.signed), (payload.is_some(), signed));
    assert_eq!(message.undecryptable, outer.is_encrypted() && payload.is_none());
    if message.undecryptable {
        assert!(message.parts.len() == 1 && message.parts[0].file.is_none() && !message.wants_receipt);
    }
    if !signed {
        assert!(message.gossip.is_empty() && !message.group.verified);
        assert!(message.handshake.as_ref().is_none_or(|handshake| handshake.fingerprint.is_none()));
        let outside = outer.from.as_ref().map(|from| from.address.as_str());
        assert_eq!(
            outside,
            Some(message.from.address.as_str()),
            "an unsigned mail is from whom it shows outside"
        );
    }
}

fn check_parts(message: &ParsedMessage) {
    for part in &message.parts {
        assert!(!part.text.contains('\0'), "{:?}", part.text);
        assert!(part.duration.is_none_or(|duration| duration < MAX_DURATION_MS));
        let (short, cut) = truncate(&part.text);
        assert!(cut || short == part.text);
        let Some(file) = &part.file else { continue };
        assert_eq!(sanitise(&file.name), file.name);
        assert!(!file.name.is_empty() && file.name.len() <= MAX_FILE_NAME);
        assert_eq!(strip_bidi(&file.raw_name), file.raw_name);
        if let (ViewType::Image, Some((width, height))) = (part.view_type, file.dimensions) {
            assert!(u64::from(width) * u64::from(height) <= MAX_IMAGE_PIXELS);
        }
    }
}

/// Every kind of mail: in clear, as a payload, and as both with a frame.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![];
    for mail in mails::all() {
        let payload = people::payload(&mail);
        seeds.push([people::frame(&mail, "-----BEGIN PGP MESSAGE-----"), payload.clone()].join(&b"\0\0"[..]));
        seeds.push(payload);
        seeds.push(render_unencrypted(&mail, &mut people::rng()));
    }
    seeds.push(people::mail(&people::text("Hello")));
    seeds.extend(FOREIGN.iter().map(|mail| mail.as_bytes().to_vec()));
    seeds
}

/// What other programs send, as they send it.
const FOREIGN: [&str; 6] = [
    "From: MAILER-DAEMON@example.org\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
     --b\r\nContent-Type: text/plain\r\n\r\nundelivered\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n\
     Reporting-MTA: dns; example.org\r\n\r\nFinal-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n\
     --b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: <own@localhost>\r\n\r\nHi\r\n--b--\r\n",
    "From: a@b.org\r\nContent-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\r\n\r\n\
     --b\r\nContent-Type: text/plain; charset=iso-8859-1; format=flowed; delsp=yes\r\n\
     Content-Transfer-Encoding: quoted-printable\r\n\r\n=E4 \r\nsoft\r\n-- \r\nfooter\r\n\
     --b\r\nContent-Type: application/pgp-signature\r\n\r\n-----BEGIN PGP SIGNATURE-----\r\n--b--\r\n",
    "From: \"List, the\" <list@example.org>\r\nList-ID: Some list <some.example.org>\r\nPrecedence: list\r\n\
     List-Post: <mailto:some@example.org>\r\nSubject: =?utf-8?B?w6Q=?= =?iso-8859-1?Q?_=E4?=\r\n\
     Content-Type: multipart/alternative; boundary=\"c d\"\r\n\r\n--c d\r\nContent-Type: text/plain\r\n\r\n> quoted\r\n\r\nanswer\r\n\
     --c d\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>answer<br>x</p>\r\n--c d--\r\n",
    "From: a@b.org\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n--m\r\nContent-Type: text/plain\r\n\r\nx\r\n\
     --m\r\nContent-Type: multipart/encrypted; boundary=e\r\n\r\n--e\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\
     --e\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nLS0tLS0=\r\n--e--\r\n--m--\r\n",
    "From: a@b.org\r\nContent-Type: image/png; name*0*=utf-8''%c3%a4; name*1=\".png\"\r\n\
     Content-Disposition: attachment; filename=\"../../x\u{202e}gpj.exe\"\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n",
    "From: a@b.org\r\nSubject: old\r\nContent-Type: text/html; charset=utf-16\r\n\r\n<div><blockquote>x</blockquote><pre>y</pre><script>z</script></div>",
];
