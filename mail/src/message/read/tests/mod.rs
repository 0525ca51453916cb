//! Received mail, by topic.

mod foreign;
mod hostile;
mod kinds;
mod protection;
mod reports;
mod roundtrip;
mod structure;
mod webxdc;

use super::*;

/// Reads a mail in clear.
fn clear(mail: &str) -> ParsedMessage {
    let outer = parse_outer(mail.as_bytes()).unwrap();
    parse_effective(&outer, None, ReadOptions::default()).unwrap()
}

/// The frame of an encrypted mail with further outer headers.
fn frame(outer_headers: &str) -> String {
    format!(
        "From: <alice@example.org>\nMessage-ID: <outer@localhost>\nDate: Mon, 23 Nov 2026 00:00:00 +0000\n\
         {outer_headers}Content-Type: multipart/encrypted; boundary=f\n\n--f\nContent-Type: application/pgp-encrypted\n\n\
         Version: 1\n\n--f\nContent-Type: application/octet-stream\n\nCIPHERTEXT\n--f--\n"
    )
}

/// Reads an encrypted mail, given its decrypted payload.
fn decrypted(outer_headers: &str, payload: &str, signed: bool) -> Result<ParsedMessage, ParseError> {
    let mail = frame(outer_headers);
    let outer = parse_outer(mail.as_bytes()).unwrap();
    let payload = Payload { bytes: payload.as_bytes(), signed };
    parse_effective(&outer, Some(&payload), ReadOptions::default())
}

/// A signed payload with protected headers.
fn signed(headers: &str, text: &str) -> ParsedMessage {
    let payload = format!(
        "Content-Type: text/plain; charset=utf-8; hp=cipher\nFrom: Alice <alice@example.org>\n{headers}\n{text}"
    );
    decrypted("", &payload, true).unwrap()
}

fn id(text: &str) -> crate::message::MessageId {
    crate::message::MessageId::parse(text).unwrap()
}
