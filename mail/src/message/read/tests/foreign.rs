//! What other mail programs write.

use super::*;

/// Reads a mail of bytes that need not be UTF-8.
fn raw(mail: &[u8]) -> ParsedMessage {
    let outer = parse_outer(mail).unwrap();
    parse_effective(&outer, None, ReadOptions::default()).unwrap()
}

#[test]
fn headers_in_raw_latin_1_are_readable() {
    let message =
        raw(b"From: K\xFCn\xF4 <kuno@example.org>\r\nTo: \"J\xF6rg, \xC4nne\" <joerg@example.org>\r\n\
          Subject: M\xFCsli f\xFCr\r\n alle \x96 5 \x80\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nx");
    assert_eq!(
        (message.from.name.as_str(), message.from.address.as_str()),
        ("K\u{fc}n\u{f4}", "kuno@example.org")
    );
    assert_eq!(message.to[0].name, "J\u{f6}rg, \u{c4}nne");
    assert_eq!(message.subject.as_deref(), Some("M\u{fc}sli f\u{fc}r alle \u{2013} 5 \u{20ac}"));
}

#[test]
fn headers_in_raw_utf_8_stay_utf_8() {
    let message = clear("From: Künô <kuno@example.org>\nSubject: Müsli für alle 🦊\n\nx");
    assert_eq!((message.from.name.as_str(), message.subject.as_deref()), ("Künô", Some("Müsli für alle 🦊")));
}

#[test]
fn files_named_in_raw_bytes_or_old_words_keep_name_and_extension() {
    let file = |disposition: &[u8]| {
        let head = b"From: a@b.org\nContent-Type: multipart/mixed; boundary=m\n\n--m\n\nsee file\n--m\n\
            Content-Type: application/pdf\nContent-Disposition: attachment; ";
        let mail = [head.as_slice(), disposition, b"\n\n%PDF\n--m--\n"].concat();
        raw(&mail).parts.into_iter().find_map(|part| part.file).map(|file| file.name).unwrap_or_default()
    };
    for (disposition, name) in [
        (b"filename*=\"=?utf-8?q?Annas_Bericht=2Epdf?=\"".as_slice(), "Annas Bericht.pdf"),
        (b"filename=\"\xDCbersicht.pdf\"", "\u{dc}bersicht.pdf"),
        ("filename=\"Übersicht.pdf\"".as_bytes(), "Übersicht.pdf"),
        (b"filename*0=\"=?utf-8?q?Annas\";\n filename*1=\"_Bericht=2Epdf?=\"", "Annas Bericht.pdf"),
    ] {
        assert_eq!(file(disposition), name);
    }
}

#[test]
fn recipients_that_are_no_addresses_are_told_from_those_that_are() {
    let usable = |to: &str| {
        let message = clear(&format!("From: dora@example.org\nTo: {to}\n\nx"));
        message
            .to
            .iter()
            .filter_map(|mailbox| mailbox.checked().ok())
            .map(|addr| addr.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(usable("Anna <anna@example.org>, nobody at all <@>, <>"), ["anna@example.org"]);
    for nobody in
        ["undisclosed-recipients:;", "undisclosed-recipients", "<>", "<@>", "a@, @b", ";,:", "\"\" <a b@c>"]
    {
        assert!(usable(nobody).is_empty(), "{nobody}");
    }
}
