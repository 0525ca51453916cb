//! Broken and malicious mail: never a panic, never more than linear work.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// Far above what linear work takes even unoptimised on a slow machine, far below what quadratic work takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads bytes in every role: as clear mail and as payload.
fn read_everywhere(bytes: &[u8]) {
    if let Ok(outer) = parse_outer(bytes) {
        let _ = parse_effective(&outer, None, ReadOptions::default());
    }
    let mail = frame("");
    let outer = parse_outer(mail.as_bytes()).unwrap();
    for signed in [true, false] {
        let _ = parse_effective(&outer, Some(&Payload { bytes, signed }), ReadOptions::default());
    }
    detached_signature(bytes);
    crate::message::text::view::full_view(bytes);
}

fn nested(kind: &str, depth: usize) -> String {
    let mut mail = "From: a@b.org\n".to_owned();
    for level in 0..depth {
        mail.push_str(&format!("Content-Type: multipart/{kind}; boundary=b{level}\n\n--b{level}\n"));
    }
    mail.push_str("Content-Type: text/plain\n\nhello\n");
    for level in (0..depth).rev() {
        mail.push_str(&format!("--b{level}--\n"));
    }
    mail
}

#[test]
fn bombs_are_read_in_linear_time() {
    let header = |name: &str, value: &str, count: usize| {
        format!("From: a@b.org\n{name}: {}\n\nx", value.repeat(count))
    };
    let parts = |part: &str, count: usize| {
        format!(
            "From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n{}",
            format!("--b\n{part}\n").repeat(count)
        )
    };
    let bombs = [
        ("10,000-fold nesting", nested("mixed", 10_000)),
        ("10,000-fold alternatives", nested("alternative", 10_000)),
        ("nested mails", format!("From: a@b.org\n{}", "Content-Type: message/rfc822\n\n".repeat(100_000))),
        ("the same boundary everywhere", {
            let level = "--b\nContent-Type: multipart/mixed; boundary=b\n\n";
            format!("From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n{}", level.repeat(50_000))
        }),
        ("100,000 headers", format!("From: a@b.org\n{}\nx", "X-Y: z\n".repeat(100_000))),
        ("100,000 senders", format!("{}\nx", "From: a@b.org\n".repeat(100_000))),
        ("one 10 MB header", header("Subject", "x", 10_000_000)),
        ("10 MB of folds", header("Subject", "x\n ", 3_000_000)),
        ("10 MB of encoded words", header("Subject", "=?utf-8?Q?x?= ", 700_000)),
        ("100,000 recipients", header("To", "a@b.org, ", 100_000)),
        ("100,000 parameters", header("Content-Type", "text/plain; a=b; ", 100_000)),
        ("100,000 file name sections", header("Content-Disposition", "attachment; filename*1=b; ", 100_000)),
        ("100,000 references", header("References", "<a> ", 100_000)),
        ("100,000 parts", parts("\nx", 100_000)),
        ("100,000 unnamed boundaries", parts("--c", 100_000)),
        ("5 MB of dashes", parts("\n", 1) + &"--\n".repeat(1_700_000)),
        ("a deep quote", header("X", "x", 1) + &">".repeat(1_000_000)),
        ("a million quote lines", header("X", "x", 1) + "\n" + &">\n\n".repeat(1_000_000)),
        ("a million footers", header("X", "x", 1) + "\n" + &"--\n\n".repeat(1_000_000)),
        ("5 MB of HTML", header("Content-Type", "text/html", 1) + &"<div><b>".repeat(600_000)),
    ];
    for (name, bomb) in bombs {
        let start = Instant::now();
        read_everywhere(bomb.as_bytes());
        assert!(start.elapsed() < PATIENCE, "{name}: {:?}", start.elapsed());
    }
}

#[test]
fn nesting_within_the_bound_is_read() {
    assert_eq!(clear(&nested("mixed", 50)).parts[0].text, "hello");
}

#[test]
fn surplus_parts_are_left_out() {
    let mail = format!(
        "From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\nx\n".repeat(10_000)
    );
    assert_eq!(clear(&mail).parts.len(), crate::message::bounds::MAX_PARTS);
}

#[test]
fn garbage_has_a_result() {
    for bytes in [
        b"".as_slice(),
        b"\0\0\0",
        b"\n",
        b"\xff\xfe\xfd: \xff\n\n\xff",
        b"From: a@b.org\nContent-Type: multipart/mixed; boundary=\"\"\n\nx",
        b"From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n--b",
        b"From: a@b.org\nContent-Type: multipart/mixed; boundary=b\n\n--b--",
        b"From: a@b.org\nContent-Type: multipart/encrypted; boundary=b\n\n--b\n--b\n--b--",
        b"From: =?utf-8?B?\xff?= <a@b.org>\nSubject: =?x?=\n\n",
        b"From: \"unclosed <a@b.org>\nTo: (((((\n\n",
    ] {
        read_everywhere(bytes);
    }
}

#[test]
fn a_payload_that_is_no_mime_is_an_empty_message() {
    let message = decrypted("", "just some words", true).unwrap();
    assert_eq!(message.parts.len(), 1);
    assert_eq!(message.parts[0].text, "");
}

#[test]
fn a_mail_over_the_limit_is_refused_unread() {
    let raw = vec![b'x'; crate::message::bounds::MAX_MAIL_BYTES + 1];
    assert!(matches!(parse_outer(&raw), Err(ParseError::TooLarge(_))));
}

fn mail_like() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("From: a@b.org\n"),
        Just("Content-Type: multipart/mixed; boundary=b\n"),
        Just("Content-Type: multipart/report; report-type=delivery-status; boundary=b\n"),
        Just("Content-Type: multipart/report; report-type=disposition-notification; boundary=b\n"),
        Just("Content-Type: multipart/alternative; boundary=c\n"),
        Just("Content-Type: multipart/encrypted; boundary=b\n"),
        Just("Content-Type: application/octet-stream\n"),
        Just("Content-Type: application/pgp-encrypted\n"),
        Just("Content-Type: message/rfc822\n"),
        Just("Content-Type: text/html; charset=utf-8\n"),
        Just("Content-Type: image/png; name=a.png\n"),
        Just("Content-Type: text/plain; hp=cipher; format=flowed; delsp=yes; hp-legacy-display=1\n"),
        Just("Content-Disposition: reaction\n"),
        Just("Content-Disposition: attachment; filename=\"a.xdc\"\n"),
        Just("Content-Disposition: attachment; filename*0*=utf-8''%ff; filename*1=\"\n"),
        Just("Content-Transfer-Encoding: base64\n"),
        Just("Content-Transfer-Encoding: quoted-printable\n"),
        Just("Chat-Version: 1.0\n"),
        Just("Subject: =?utf-8?Q?=C3?= =?utf-8?Q?=A4?=\n"),
        Just("Chat-Group-Member-Timestamps: 1 2 99999999999999999999\n"),
        Just("Date: Mon, 99 Foo 99999 99:99:99 +9999\n"),
        Just("\n"),
        Just("--b\n"),
        Just("--c\n"),
        Just("--b--\n"),
        Just("> quote\n"),
        Just("-- \n"),
        Just("PK\u{3}\u{4}"),
        Just("=C3=\n"),
        Just("\u{e4}\u{1F600}"),
        Just(" "),
    ];
    proptest::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

proptest! {
    #[test]
    fn mail_like_text_never_panics(mail in mail_like()) {
        read_everywhere(mail.as_bytes());
    }

    #[test]
    fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        read_everywhere(&bytes);
    }
}
