//! Which mail may pass: end-to-end encrypted mail, and the two unencrypted steps of a contact exchange.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use mail_parser::{Message, MessageParser, MessagePart, MimeHeaders, PartType};

const ARMOR_BEGIN: &[u8] = b"-----BEGIN PGP MESSAGE-----\r\n";
const ARMOR_END: &[u8] = b"-----END PGP MESSAGE-----";

/// OpenPGP packet types (RFC 9580, section 5).
const PUBLIC_KEY_ENCRYPTED_SESSION_KEY: u8 = 1;
const SYMMETRIC_KEY_ENCRYPTED_SESSION_KEY: u8 = 3;
const ENCRYPTED_AND_PROTECTED_DATA: u8 = 18;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Whether the relay takes this mail although it cannot read it: it is encrypted, or it opens a contact exchange.
pub(crate) fn may_pass(raw: &[u8]) -> bool {
    MessageParser::default().parse(raw).is_some_and(|mail| is_encrypted(&mail) || opens_contact(&mail))
}

/// RFC 3156, section 4, with content that is really an encrypted OpenPGP message.
fn is_encrypted(mail: &Message<'_>) -> bool {
    let Some([control, content]) = children(mail, "multipart", "encrypted").and_then(|parts| {
        let parts: Result<[&MessagePart<'_>; 2], _> = parts.try_into();
        parts.ok()
    }) else {
        return false;
    };
    has_type(control, "application", "pgp-encrypted")
        && control.contents().trim_ascii() == b"Version: 1"
        && has_type(content, "application", "octet-stream")
        && is_encrypted_armor(content.contents())
}

/// The first, necessarily unencrypted request of a contact exchange.
fn opens_contact(mail: &Message<'_>) -> bool {
    let step = mail.header_raw("Secure-Join").map(str::trim);
    if !matches!(step, Some("vc-request" | "vg-request")) {
        return false;
    }
    let Some(PartType::Multipart(ids)) = mail.parts.first().map(|part| &part.body) else { return false };
    let [id] = ids.as_slice() else { return false };
    let Some(part) = mail.parts.get(*id as usize).filter(|part| has_type(part, "text", "plain")) else {
        return false;
    };
    let text = part.contents().trim_ascii().to_ascii_lowercase();
    text == b"secure-join: vc-request" || text == b"secure-join: vg-request"
}

/// The children of the top-level part if it is a multipart of this type.
fn children<'a>(mail: &'a Message<'_>, kind: &str, subtype: &str) -> Option<Vec<&'a MessagePart<'a>>> {
    let top = mail.parts.first()?;
    let PartType::Multipart(ids) = &top.body else { return None };
    if !has_type(top, kind, subtype) {
        return None;
    }
    ids.iter().map(|id| mail.parts.get(*id as usize)).collect()
}

fn has_type(part: &MessagePart<'_>, kind: &str, subtype: &str) -> bool {
    part.content_type().is_some_and(|own| {
        own.ctype().eq_ignore_ascii_case(kind)
            && own.subtype().is_some_and(|name| name.eq_ignore_ascii_case(subtype))
    })
}

/// ASCII armor (RFC 9580, section 6) around an encrypted message. A `Version` line is refused since it reveals which
/// program wrote the mail.
fn is_encrypted_armor(armor: &[u8]) -> bool {
    let Some(rest) = armor.strip_prefix(ARMOR_BEGIN) else { return false };
    let Some(rest) = rest.trim_ascii_end().strip_suffix(ARMOR_END) else { return false };
    let Some(body) = skip_armor_headers(rest) else { return false };
    let mut text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    if let Some(checksum) = checksum_start(&text) {
        text.truncate(checksum);
    }
    BASE64.decode(text).is_ok_and(|packets| is_encrypted_message(&packets))
}

/// Everything behind the empty line that ends the armor headers.
fn skip_armor_headers(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let end = rest.iter().position(|byte| *byte == b'\n')?;
        let (line, behind) = rest.split_at(end + 1);
        let line = line.trim_ascii();
        if line.is_empty() {
            return Some(behind);
        }
        if line.starts_with(b"Version:") || !line.contains(&b':') {
            return None;
        }
        rest = behind;
    }
}

/// Where the optional checksum begins: `=` and four characters at the very end.
fn checksum_start(text: &[u8]) -> Option<usize> {
    let start = text.len().checked_sub(5)?;
    (text.get(start) == Some(&b'=')).then_some(start)
}

/// Session keys followed by exactly one encrypted packet that ends the data (RFC 9580, section 10.3).
fn is_encrypted_message(mut data: &[u8]) -> bool {
    while let Some((tag, behind)) = data.split_first() {
        // Only the current packet format; bits 7 and 6 are set in it.
        if tag & 0xC0 != 0xC0 {
            return false;
        }
        let Some(rest) = skip_packet_body(behind) else { return false };
        match tag & 0x3F {
            PUBLIC_KEY_ENCRYPTED_SESSION_KEY | SYMMETRIC_KEY_ENCRYPTED_SESSION_KEY => data = rest,
            ENCRYPTED_AND_PROTECTED_DATA => return rest.is_empty(),
            _ => return false,
        }
    }
    false
}

/// Skips length and body of a packet, over all its partial lengths (RFC 9580, section 4.2.1).
fn skip_packet_body(mut data: &[u8]) -> Option<&[u8]> {
    loop {
        let (first, rest) = data.split_first()?;
        let first = usize::from(*first);
        match first {
            0..192 => return rest.get(first..),
            192..224 => {
                let (second, rest) = rest.split_first()?;
                return rest.get(((first - 192) << 8) + usize::from(*second) + 192..);
            }
            224..255 => data = rest.get(1 << (first & 0x1F)..)?,
            _ => {
                let (length, rest) = rest.split_first_chunk::<4>()?;
                return rest.get(usize::try_from(u32::from_be_bytes(*length)).ok()?..);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packets(list: &[(u8, usize)]) -> Vec<u8> {
        let mut data = Vec::new();
        for (kind, length) in list {
            data.extend([0xC0 | kind, u8::try_from(*length).unwrap()]);
            data.extend(std::iter::repeat_n(7, *length));
        }
        data
    }

    fn armored(data: &[u8], header: &str) -> String {
        format!(
            "-----BEGIN PGP MESSAGE-----\r\n{header}\r\n{}\r\n=abcd\r\n-----END PGP MESSAGE-----\r\n",
            BASE64.encode(data)
        )
    }

    fn encrypted_mail(armor: &str) -> String {
        format!(
            "From: <a@x>\r\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; \
             boundary=\"b\"\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n\
             --b\r\nContent-Type: application/octet-stream\r\n\r\n{armor}\r\n--b--\r\n"
        )
    }

    #[test]
    fn an_encrypted_mail_passes() {
        let armor = armored(&packets(&[(1, 90), (3, 20), (18, 100)]), "");
        assert!(may_pass(encrypted_mail(&armor).as_bytes()));
    }

    #[test]
    fn partial_lengths_are_followed_to_the_end() {
        let mut data = vec![0xC0 | 18, 224 | 4];
        data.extend([9; 16]);
        data.push(3);
        data.extend([9; 3]);
        assert!(is_encrypted_message(&data));
        data.push(0);
        assert!(!is_encrypted_message(&data), "nothing may follow");
    }

    #[test]
    fn what_only_looks_encrypted_does_not_pass() {
        let good = packets(&[(1, 10), (18, 50)]);
        let cases = [
            ("no session data", armored(&packets(&[(1, 10)]), "")),
            ("literal packet", armored(&packets(&[(11, 10)]), "")),
            ("data behind", armored(&packets(&[(18, 10), (1, 10)]), "")),
            ("old packet format", armored(&[0x84, 1, 1], "")),
            ("length beyond the end", armored(&[0xD2, 200, 0, 1], "")),
            ("program name", armored(&good, "Version: X\r\n")),
            ("no base64", armored(&good, "").replace('H', "!")),
            ("empty", String::new()),
        ];
        for (what, armor) in cases {
            assert!(!may_pass(encrypted_mail(&armor).as_bytes()), "{what}");
        }
    }

    #[test]
    fn wrong_structure_does_not_pass() {
        let mail = encrypted_mail(&armored(&packets(&[(18, 50)]), ""));
        for (from, to) in [
            ("multipart/encrypted", "multipart/mixed"),
            ("application/pgp-encrypted\r\n", "text/plain\r\n"),
            ("Version: 1", "Version: 2"),
            ("application/octet-stream", "text/plain"),
            ("--b--", "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n--b--"),
        ] {
            assert!(!may_pass(mail.replace(from, to).as_bytes()), "{from} → {to}");
        }
        assert!(!may_pass(b"From: a@x\r\n\r\nhello"));
    }

    #[test]
    fn the_first_step_of_a_contact_exchange_passes() {
        let request = "From: <a@x>\r\nSecure-Join: vc-request\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n\
                       --b\r\nContent-Type: text/plain\r\n\r\nsecure-join: vc-request\r\n--b--\r\n";
        assert!(may_pass(request.as_bytes()));
        assert!(!may_pass(request.replace("\r\n\r\nsecure-join: vc-request", "\r\n\r\nhello").as_bytes()));
        assert!(!may_pass(request.replace("Join: vc-request", "Join: vc-auth").as_bytes()));
    }

    proptest! {
        #[test]
        fn any_packet_data_is_judged_without_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            is_encrypted_message(&data);
            is_encrypted_armor(&data);
            may_pass(&data);
        }
    }
}
