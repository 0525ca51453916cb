use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::*;
use crate::message::avatar::Avatar;
use crate::message::bounds::{OUTER_DATE_SPREAD, PRE_MESSAGE_THRESHOLD};
use crate::message::headers::ChatContent;
use crate::message::read::mime::Entity;
use crate::message::text::wire;

const NOW: i64 = 1_795_469_034;
const ARMOR: &str = "-----BEGIN PGP MESSAGE-----\n\nAAAA\n=AAAA\n-----END PGP MESSAGE-----\n";

fn rng() -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(7)
}

fn alice() -> Mailbox {
    Mailbox::new("Alice", "alice@example.org")
}

fn bob() -> Recipients {
    Recipients::Listed(vec![Mailbox::new("Bob", "bob@example.net")])
}

fn id(text: &str) -> MessageId {
    MessageId::parse(text).unwrap()
}

fn message(text: &str) -> Outgoing {
    let mut out = Outgoing::text(alice(), bob(), id("own@localhost"), NOW, text);
    out.subject = "Hello".into();
    out
}

fn with_body(body: Body) -> Outgoing {
    Outgoing::new(alice(), bob(), id("own@localhost"), NOW, body)
}

fn payload(outgoing: &Outgoing) -> String {
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng());
    String::from_utf8(render_payload(outgoing, &outer, &mut rng())).unwrap()
}

fn clear(outgoing: &Outgoing) -> String {
    String::from_utf8(render_unencrypted(outgoing, &mut rng())).unwrap()
}

fn body(mail: &str) -> &str {
    mail.split_once("\r\n\r\n").unwrap().1
}

fn names(mail: &str) -> Vec<&str> {
    let head = mail.split_once("\r\n\r\n").unwrap().0;
    head.split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|l| l.split(':').next())
        .collect()
}

#[test]
fn the_outer_mail_tells_as_little_as_possible() {
    let mut out = message("hi");
    out.from.name = "Alice \u{c4}".into();
    let outer = OuterHeaders::draw(&out, NOW, &mut rng());
    let mail = String::from_utf8(render_encrypted(&outer, ARMOR, &mut rng())).unwrap();
    assert_eq!(names(&mail), ["From", "Date", "Message-ID", "MIME-Version", "To", "Subject", "Content-Type"]);
    assert!(mail.starts_with("From: <alice@example.org>\r\n"));
    assert!(mail.contains("\r\nTo: \"hidden-recipients\": ;\r\nSubject: [...]\r\n"));
    assert!(mail.contains(
        "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n boundary=\""
    ));
    assert!(!mail.contains("Alice") && !mail.contains("w4Q"));
    assert!(!mail.replace("\r\n", "").contains('\n'));
}

#[test]
fn relays_see_exactly_two_parts_of_the_known_types() {
    let outer = OuterHeaders::draw(&message("hi"), NOW, &mut rng());
    let mail = render_encrypted(&outer, ARMOR, &mut rng());
    let root = Entity::parse(&mail);
    assert_eq!(root.child_types(), ["application/pgp-encrypted", "application/octet-stream"]);
    assert_eq!(root.children[0].body, b"Version: 1\r\n");
    assert!(root.children.iter().all(|part| part.disposition.is_none() && part.file_name().is_none()));
    assert_eq!(String::from_utf8_lossy(root.children[1].body).replace('\r', ""), ARMOR);
}

#[test]
fn every_outer_date_is_random_and_recent_and_the_inner_one_true() {
    let mut rng = rng();
    let dates: std::collections::HashSet<_> =
        (0..200).map(|_| OuterHeaders::draw(&message("hi"), NOW, &mut rng).date).collect();
    assert!(dates.len() > 190 && dates.iter().all(|d| (NOW - OUTER_DATE_SPREAD + 1..=NOW).contains(d)));
    assert!(payload(&message("hi")).contains("\r\nDate: Mon, 23 Nov 2026 21:23:54 +0000\r\n"));
}

#[test]
fn each_outer_header_has_one_protected_copy() {
    let mut out = message("hi");
    out.stage = Stage::Post;
    let outer = OuterHeaders::draw(&out, NOW, &mut rng());
    let mail = render_encrypted(&outer, ARMOR, &mut rng());
    let inner = render_payload(&out, &outer, &mut rng());
    let structural = ["MIME-Version", "Content-Type"];
    let shown: Vec<_> = Entity::parse(&mail)
        .headers
        .iter()
        .filter(|field| !structural.contains(&field.name))
        .map(|field| format!("{}: {}", field.name, crate::message::read::value::unfold(field.raw)))
        .collect();
    let mut copies = Entity::parse(&inner).headers.all("hp-outer");
    let mut expected = shown;
    copies.sort();
    expected.sort();
    assert_eq!(copies, expected);
    assert_eq!(copies.len(), 6);
}

#[test]
fn the_payload_protects_its_headers_in_the_usual_order() {
    let mut out = message("hi");
    out.autocrypt = Some("addr=alice@example.org; prefer-encrypt=mutual; keydata=xjME".into());
    out.gossip = vec!["addr=bob@example.net; keydata=xjME".into()];
    out.in_reply_to = Some(id("parent@localhost"));
    out.references = vec![id("root@localhost"), id("parent@localhost")];
    out.headers = vec![
        ChatHeader::UserAvatar(Avatar::Removed),
        ChatHeader::RequestReceipt,
        ChatHeader::EphemeralTimer(60),
    ];
    let payload = payload(&out);
    assert_eq!(
        names(&payload),
        [
            "From",
            "HP-Outer",
            "HP-Outer",
            "Message-ID",
            "HP-Outer",
            "Autocrypt",
            "HP-Outer",
            "HP-Outer",
            "Content-Type",
            "Date",
            "To",
            "Subject",
            "In-Reply-To",
            "References",
            "Chat-Version",
            "Chat-Disposition-Notification-To",
            "Ephemeral-Timer",
            "Chat-User-Avatar",
            "Autocrypt-Gossip",
            "Content-Transfer-Encoding"
        ]
    );
    let root = Entity::parse(payload.as_bytes());
    assert_eq!(root.content_type.get("hp"), Some("cipher"));
    assert_eq!(root.content_type.get("protected-headers"), Some("v1"));
    assert!(payload.contains("\r\nTo: \"Bob\" <bob@example.net>\r\n"));
    assert!(payload.contains("\r\nReferences: <root@localhost> <parent@localhost>\r\n"));
}

#[test]
fn names_that_are_no_ascii_are_encoded_words_without_quotes() {
    let mut out = message("hi");
    out.from.name = "Alice \u{c4}".into();
    assert!(payload(&out).starts_with("From: =?utf-8?B?QWxpY2Ugw4Q=?= <alice@example.org>\r\n"));
    out.from.name = "alice@example.org".into();
    assert!(payload(&out).starts_with("From: <alice@example.org>\r\n"));
}

#[test]
fn a_value_cannot_start_another_header() {
    let mut out = message("hi");
    out.subject = "a\r\nChat-Version: 9".into();
    out.headers = vec![
        ChatHeader::GroupName("g\r\nX-Evil: 1".into()),
        ChatHeader::GroupId("id\r\nX-Evil: 1".into()),
        ChatHeader::PastMembers(vec![Mailbox::new("n\r\nX-Evil: 1", "a@b\r\nX-Evil: 1")]),
    ];
    assert!(!names(&payload(&out)).contains(&"X-Evil"));
}

#[test]
fn values_with_line_breaks_are_one_b_word() {
    let mut out = message("hi");
    out.headers = vec![
        ChatHeader::GroupDescription(String::new()),
        ChatHeader::WebrtcRoom("v=0\r\n".repeat(500)),
        ChatHeader::WebrtcHasVideo(true),
        ChatHeader::Content(ChatContent::Call),
    ];
    let payload = payload(&out);
    assert!(payload.contains("\r\nChat-Group-Description: =?utf-8?B??=\r\n"));
    assert!(payload.contains("\r\nChat-Webrtc-Has-Video-Initially: =?utf-8?B?MQ==?=\r\n"));
    let room = payload.split("\r\n").find(|line| line.starts_with("Chat-Webrtc-Room: ")).unwrap();
    assert!(room.ends_with("?=") && room.len() > 3_000);
}

#[test]
fn keys_are_folded_whether_they_came_with_blanks_or_not() {
    let data = "x".repeat(400);
    let compact = super::header::key_header("Autocrypt", &format!("addr=a@b; keydata={data}"));
    let spaced =
        super::header::key_header("Autocrypt", &format!("addr=a@b; keydata={} {}", &data[..70], &data[70..]));
    assert_eq!(format!("{compact:?}"), format!("{spaced:?}"));
    let mut out = message("hi");
    out.autocrypt = Some(format!("addr=a@b; keydata={data}"));
    assert!(payload(&out).lines().all(|line| line.len() <= 79));
}

#[test]
fn text_is_protected_against_being_read_as_quote_or_footer() {
    assert_eq!(body(&clear(&message("> q"))), "\r\n> q");
    let chat = ChatBody { text: "-- x\na\n-- b".into(), status: "me".into(), ..Default::default() };
    assert_eq!(super::body::text_body(&chat, false), "-\u{200B}- x\na\n-\u{200B}- b\n\n-- \nme");
    let caption = ChatBody { status: "me".into(), ..Default::default() };
    assert_eq!(super::body::text_body(&caption, false), "-- \nme");
}

#[test]
fn a_protected_quote_does_not_leak_into_clear_mail() {
    let quote = Some(Quoted { text: "secret\nline".into(), protected: true });
    let chat = ChatBody { text: "answer".into(), quote, forwarded: true, ..Default::default() };
    assert_eq!(
        super::body::text_body(&chat, false),
        "---------- Forwarded message ----------\nFrom: Delta Chat\n\n> secret\n> line\n\nanswer"
    );
    assert!(super::body::text_body(&chat, true).ends_with("\n\n> ...\n\nanswer"));
}

#[test]
fn clear_mail_has_one_header_block_and_no_pictures() {
    let mut out = message("plain mail \u{fc}");
    out.headers =
        vec![ChatHeader::UserAvatar(Avatar::Image(vec![1; 10])), ChatHeader::GroupAvatar(Avatar::Removed)];
    let mail = clear(&out);
    assert_eq!(
        names(&mail),
        [
            "From",
            "Message-ID",
            "MIME-Version",
            "Content-Type",
            "Date",
            "To",
            "Subject",
            "Chat-Version",
            "Content-Transfer-Encoding"
        ]
    );
    assert!(mail.contains("Content-Type: text/plain; charset=\"utf-8\"\r\n"));
    assert!(mail.contains("quoted-printable\r\n\r\nplain mail =C3=BC"), "{mail}");
}

#[test]
fn a_clear_join_request_is_wrapped_and_nameless() {
    let handshake =
        Handshake { step: "vc-request".into(), invite_number: Some("INV".into()), ..Default::default() };
    let mail = clear(&with_body(Body::Handshake(handshake)));
    let root = Entity::parse(mail.as_bytes());
    assert_eq!((root.mime(), root.child_types()), ("multipart/mixed", vec!["text/plain"]));
    assert_eq!(root.children[0].body, b"Secure-Join: vc-request");
    assert!(
        mail.starts_with("From: <alice@example.org>\r\n")
            && mail.contains("\r\nSecure-Join-Invitenumber: INV\r\n")
    );
}

#[test]
fn a_password_encrypted_step_is_no_chat_message() {
    let handshake =
        Handshake { step: Handshake::REQUEST_PUBKEY.into(), auth: Some("AUTH".into()), ..Default::default() };
    let out =
        Outgoing::new(alice(), Recipients::Hidden, id("own@localhost"), NOW, Body::Handshake(handshake));
    let payload = payload(&out);
    assert!(!payload.contains("Chat-Version") && payload.contains("\r\nSubject: Secure-Join\r\n"));
    assert!(payload.contains("\r\nSecure-Join: vc-request-pubkey\r\nSecure-Join-Auth: AUTH\r\n"));
    assert_eq!(body(&payload), "Secure-Join");
    assert!(!out.is_signed() && !out.is_compressed());
}

#[test]
fn a_receipt_names_all_messages() {
    let ids = vec![id("a@localhost"), id("b@localhost"), id("c@localhost")];
    let payload = payload(&with_body(Body::Receipt { message_ids: ids }));
    let root = Entity::parse(payload.as_bytes());
    assert_eq!(root.content_type.get("report-type"), Some("disposition-notification"));
    assert_eq!(root.child_types(), ["text/plain", "message/disposition-notification"]);
    assert_eq!(
        root.children[1].body,
        b"Original-Message-ID: <a@localhost>\r\nDisposition: manual-action/MDN-sent-automatically; displayed\r\n\
          Additional-Message-IDs: <b@localhost>\r\n <c@localhost>\r\n"
    );
    assert!(
        payload.starts_with("From: <alice@example.org>\r\n")
            && payload.contains("\r\nAuto-Submitted: auto-replied\r\n")
    );
}

#[test]
fn a_key_update_is_no_chat_message() {
    let out = Outgoing::new(alice(), Recipients::Hidden, id("own@localhost"), NOW, Body::KeyUpdate);
    let payload = payload(&out);
    assert!(!payload.contains("Chat-Version") && payload.contains("\r\nSubject: Keyupdate\r\n"));
    assert!(payload.contains("Disposition: automatic-action/MDN-sent-automatically; processed\r\n"));
    assert!(!out.is_signed() && !out.is_compressed());
}

#[test]
fn reactions_edits_and_deletions() {
    let reaction = payload(&with_body(Body::Reaction("\u{1F44D}".into())));
    assert!(
        reaction.contains("\r\nContent-Disposition: reaction\r\n") && body(&reaction).starts_with("8J+RjQ==")
    );
    let edit =
        with_body(Body::Edit { target: id("t@localhost"), old_text: "old".into(), new_text: "new".into() });
    let edit = payload(&edit);
    assert!(edit.contains("\r\nChat-Edit: <t@localhost>\r\n"));
    let decoded = Entity::parse(edit.as_bytes()).decoded().unwrap().into_owned();
    assert_eq!(String::from_utf8(decoded).unwrap(), "> old\r\n\r\n\u{270F}\u{FE0F}new");
    let delete = payload(&with_body(Body::Delete { targets: vec![id("a"), id("b")] }));
    assert!(delete.contains("\r\nChat-Delete: <a b>\r\n"));
}

#[test]
fn sync_and_status_updates_are_reports() {
    let sync = payload(&with_body(Body::Sync { json: "{}".into() }));
    let root = Entity::parse(sync.as_bytes());
    assert_eq!(root.content_type.get("report-type"), Some("multi-device-sync"));
    assert_eq!(root.children[1].file_name().as_deref(), Some("multi-device-sync.json"));
    let update = payload(&with_body(Body::StatusUpdate { quote: "app".into(), json: "{}".into() }));
    let root = Entity::parse(update.as_bytes());
    assert_eq!(root.children[0].body, b"> app\r\n\r\nWebxdc Status Update");
    assert_eq!(root.children[1].file_name().as_deref(), Some("status-update.json"));
    assert!(update.contains("\r\nAuto-Submitted: auto-generated\r\n"));
}

#[test]
fn file_names_are_quoted_or_rfc_2231() {
    let named = |name: &str| {
        let mut out = message("hi");
        out.chat_body_mut().unwrap().file = Some(Attachment::from_name(name, vec![0; 3]));
        payload(&out)
    };
    assert!(named("a b.jpg").contains(
        "\r\nContent-Type: image/jpeg\r\nContent-Disposition: attachment; filename=\"a b.jpg\"\r\n"
    ));
    assert!(named("na\u{ef}ve file.txt").contains("filename*=UTF-8''na%C3%AFve%20file.txt\r\n"));
}

#[test]
fn html_and_file_nest_as_expected() {
    let mut out = message("hi");
    let chat = out.chat_body_mut().unwrap();
    chat.html = Some("<b>hi</b>".into());
    chat.file = Some(Attachment::from_name("a.bin", vec![1]));
    chat.track_kml = Some("<kml/>".into());
    let payload = payload(&out);
    let root = Entity::parse(payload.as_bytes());
    assert_eq!(
        root.child_types(),
        ["multipart/alternative", "application/octet-stream", "application/vnd.google-earth.kml+xml"]
    );
    assert_eq!(root.children[0].child_types(), ["text/plain", "text/html"]);
}

#[test]
fn only_files_over_the_threshold_are_split() {
    let with_file = |len| {
        let mut out = message("caption");
        out.gossip = vec!["addr=x; keydata=y".into()];
        out.headers =
            vec![ChatHeader::UserAvatar(Avatar::Removed), ChatHeader::GroupId("abcdefghijkl".into())];
        out.chat_body_mut().unwrap().file = Some(Attachment::from_name("big.bin", vec![b'x'; len]));
        out
    };
    assert_eq!(split_large(with_file(PRE_MESSAGE_THRESHOLD), &mut rng()).len(), 1);
    let halves = split_large(with_file(PRE_MESSAGE_THRESHOLD + 1), &mut rng());
    let [pre, post] = halves.as_slice() else { panic!("{}", halves.len()) };
    let (pre_mail, post_mail) = (payload(pre), payload(post));
    assert!(pre_mail.len() < 5_000 && pre_mail.contains("Chat-Post-Message-ID: <own@localhost>"));
    assert!(pre_mail.contains(r#""size":140001"#) && pre_mail.contains("Chat-User-Avatar: 0"));
    assert!(
        post_mail.contains("\r\nMessage-ID: <own@localhost>\r\n")
            && post_mail.contains("\r\nChat-Is-Post-Message: 1\r\n")
    );
    assert!(!post_mail.contains("Chat-User-Avatar") && !post_mail.contains("Autocrypt-Gossip"));
    assert!(post_mail.contains("Chat-Group-ID") && pre_mail.contains("Chat-Group-ID"));
    assert!(!post_mail.contains("caption"));
    assert_ne!(pre.message_id, post.message_id);
    assert!(OuterHeaders::draw(post, NOW, &mut rng()).is_post_message);
    assert!(!OuterHeaders::draw(pre, NOW, &mut rng()).is_post_message);
}

#[test]
fn a_channel_name_that_is_no_ascii_is_encoded_with_its_id() {
    let mut out = message(wire::NAME_CHANGED);
    out.headers = vec![ChatHeader::ListId { name: "Ch\u{e4}n".into(), id: "abcdefghijklmnop".into() }];
    let payload = payload(&out);
    let line = payload.split("\r\n").find(|line| line.starts_with("Chat-List-ID: ")).unwrap();
    assert!(line.starts_with("Chat-List-ID: =?utf-8?") && line.ends_with("?="));
}

proptest! {
    #[test]
    fn rendering_gives_crlf_lines_whatever_the_values(
        text in "\\PC{0,80}(\n|\r|\r\n|-- |> ){0,3}\\PC{0,40}", name in "\\PC{0,40}", subject in any::<String>(),
        group in any::<String>(), file in any::<String>(),
    ) {
        let mut out = message(&text);
        out.from.name = name;
        out.subject = subject;
        out.headers = vec![ChatHeader::GroupName(group)];
        out.chat_body_mut().unwrap().file = Some(Attachment::from_name(file, vec![1, 2, 3]));
        let payload = payload(&out);
        prop_assert!(!payload.replace("\r\n", "").contains(['\r', '\n']));
        prop_assert!(payload.is_ascii());
    }
}
