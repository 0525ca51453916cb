//! Apps and their status updates, as they travel.

use std::io::{Cursor, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::message::read::facts::Part;
use crate::message::{
    Attachment, Body, Mailbox, OuterHeaders, Outgoing, Recipients, ViewType, render_payload, split_large,
};
use crate::webxdc::update::{Update, batch};

const NOW: i64 = 1_795_469_034;

/// An archive with a page of this name and `padding` bytes that do not compress.
fn archive(page: &str, padding: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file(page, SimpleFileOptions::default()).unwrap();
    zip.write_all(b"<html>").unwrap();
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip.start_file("padding", stored).unwrap();
    zip.write_all(&vec![7; padding]).unwrap();
    zip.finish().unwrap().into_inner()
}

/// An attachment of a mail; `is_chat` tells whether a chat program wrote it.
fn part_of(is_chat: bool, mime: &str, name: &str, bytes: &[u8]) -> Part {
    let chat = if is_chat { "Chat-Version: 1.0\n" } else { "" };
    let mut message = clear(&format!(
        "From: a@example.org\nMessage-ID: <m@localhost>\n{chat}Content-Type: multipart/mixed; boundary=b\n\n--b\n\
         Content-Type: {mime}\nContent-Disposition: attachment; filename=\"{name}\"\n\
         Content-Transfer-Encoding: base64\n\n{}\n--b--\n",
        STANDARD.encode(bytes)
    ));
    message.parts.remove(0)
}

#[test]
fn an_app_is_known_by_its_name_and_its_content_alone() {
    let good = archive("index.html", 0);
    for is_chat in [true, false] {
        for mime in ["application/webxdc+zip", "application/octet-stream", "text/plain", "image/png"] {
            let app = part_of(is_chat, mime, "a/b.xdc", &good);
            assert_eq!(
                (app.view_type, app.file.unwrap().name.as_str()),
                (ViewType::Webxdc, "b.xdc"),
                "{mime}"
            );
        }
        for name in ["foo.XDC", "foo.xdc.zip", "fooxdc", "index.html"] {
            for mime in ["application/webxdc+zip", "application/octet-stream"] {
                assert_eq!(part_of(is_chat, mime, name, &good).view_type, ViewType::File, "{name}");
            }
        }
        for bad in [b"no archive".to_vec(), archive("Index.html", 0), good[..good.len() - 1].to_vec()] {
            assert_eq!(part_of(is_chat, "application/webxdc+zip", "foo.xdc", &bad).view_type, ViewType::File);
        }
    }
}

#[test]
fn two_apps_in_one_mail_are_two_parts() {
    let app = |name: &str| {
        format!(
            "--b\nContent-Type: application/zip\nContent-Disposition: attachment; filename=\"{name}\"\n\
             Content-Transfer-Encoding: base64\n\n{}\n",
            STANDARD.encode(archive("index.html", 0))
        )
    };
    let message = clear(&format!(
        "From: a@example.org\nMessage-ID: <m@localhost>\nChat-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: text/plain\n\nhello\n{}{}--b--\n",
        app("one.xdc"),
        app("two.xdc")
    ));
    let apps = message.parts.iter().filter(|part| part.view_type == ViewType::Webxdc);
    let names: Vec<_> = apps.map(|part| part.file.as_ref().unwrap().name.as_str()).collect();
    assert_eq!(names, ["one.xdc", "two.xdc"]);
}

fn outgoing(body: Body) -> Outgoing {
    let to = Recipients::Listed(vec![Mailbox::new("Bob", "bob@example.net")]);
    Outgoing::new(Mailbox::new("Alice", "alice@example.org"), to, id("own@localhost"), NOW, body)
}

fn payload(outgoing: &Outgoing) -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let outer = OuterHeaders::draw(outgoing, NOW, &mut rng);
    String::from_utf8(render_payload(outgoing, &outer, &mut rng)).unwrap()
}

fn through(outgoing: &Outgoing) -> ParsedMessage {
    decrypted("", &payload(outgoing), true).unwrap()
}

/// Nothing is left to be shown.
fn says_nothing(message: &ParsedMessage) -> bool {
    message.parts.iter().all(|part| part.text.is_empty() && part.file.is_none())
}

/// Updates with all that a transfer could damage: long lines, line ends, characters that need care.
fn updates() -> String {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let texts = [
        r#"{"payload":"a\r\nb\nc\u0000 From x\n.\n--b--","info":"ä\u2028 \ud83d\ude00"}"#.to_owned(),
        format!("{{\"payload\":\"{}\"}}", "= long ".repeat(20_000)),
    ];
    batch::write(texts.map(|text| Update::from_app(&text, &mut rng).unwrap().to_wire()))
}

#[test]
fn updates_alone_arrive_byte_for_byte_as_a_report() {
    let json = updates();
    let mut mail = outgoing(Body::StatusUpdate { quote: "> play".into(), json: json.clone() });
    mail.in_reply_to = Some(id("instance@localhost"));
    let bytes = payload(&mail);
    assert!(bytes.contains("multipart/report; report-type="));
    assert!(
        bytes.contains("\r\nAuto-Submitted: auto-generated\r\n")
            && bytes.contains("\r\nChat-Version: 1.0\r\n")
    );
    assert!(!bytes.contains("Chat-Disposition-Notification-To"));
    let message = through(&mail);
    assert_eq!(message.kind(), MessageKind::StatusUpdate);
    assert_eq!(message.status_update_json.as_deref(), Some(json.as_str()));
    assert_eq!(message.in_reply_to, Some(id("instance@localhost")));
    assert!(says_nothing(&message) && !message.is_from_bot());
    assert_eq!(batch::parse(&json).unwrap().len(), 2);
}

fn instance(padding: usize) -> Outgoing {
    let mut mail = outgoing(Body::Chat(Box::default()));
    let chat = mail.chat_body_mut().unwrap();
    chat.text = "play".into();
    chat.file = Some(Attachment::from_name("chess.xdc", archive("index.html", padding)));
    chat.status_updates = Some(updates());
    mail
}

#[test]
fn an_app_brings_its_updates_along() {
    let mail = instance(0);
    assert!(payload(&mail).contains("application/webxdc+zip"));
    let message = through(&mail);
    assert_eq!(message.kind(), MessageKind::Visible);
    assert_eq!(message.status_update_json, Some(updates()));
    let [part] = message.parts.as_slice() else { panic!("{:?}", message.parts) };
    assert_eq!((part.view_type, part.text.as_str()), (ViewType::Webxdc, "play"));
}

#[test]
fn updates_of_a_large_app_travel_with_its_file() {
    let halves = split_large(instance(200_000), &mut ChaCha20Rng::seed_from_u64(1));
    let (pre, post) = (through(&halves[0]), through(&halves[1]));
    assert_eq!(pre.status_update_json, None);
    assert_eq!(post.status_update_json, Some(updates()));
    assert_eq!(post.parts[0].view_type, ViewType::Webxdc);
}

#[test]
fn updates_beside_a_text_leave_the_text() {
    let message = clear(&format!(
        "From: a@example.org\nMessage-ID: <m@localhost>\nIn-Reply-To: <app@localhost>\nChat-Version: 1.0\n\
         Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nhello\n--b\n\
         Content-Type: application/json\nContent-Disposition: attachment; filename=status-update.json\n\n\
         {{\"updates\":[]}}\n--b\nContent-Type: application/json\n\
         Content-Disposition: attachment; filename=status-update.json\n\n{}\n--b--\n",
        "{\"updates\":[{\"payload\":1}]}"
    ));
    assert_eq!((message.kind(), message.parts[0].text.as_str()), (MessageKind::Visible, "hello"));
    assert_eq!(message.parts.len(), 1);
    assert_eq!(
        batch::parse(message.status_update_json.as_deref().unwrap()).unwrap().len(),
        1,
        "the last counts"
    );
}

#[test]
fn of_a_report_only_the_second_part_is_looked_at() {
    let report = |first: &str, second: &str| {
        clear(&format!(
            "From: a@example.org\nMessage-ID: <m@localhost>\nChat-Version: 1.0\n\
             Content-Type: multipart/report; report-type=status-update; boundary=b\n\n--b\n{first}\n--b\n{second}\n--b--\n"
        ))
    };
    let text = "Content-Type: text/plain\n\nhello";
    let updates =
        "Content-Type: application/json\nContent-Disposition: attachment; filename=status-update.json\n\n{}";
    let message = report(text, updates);
    assert!(message.status_update_json.as_deref() == Some("{}") && says_nothing(&message));
    assert_eq!(report(updates, text).status_update_json, None);
}
