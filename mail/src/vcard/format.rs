//! Cards as text.

use std::fmt::Write as _;

use super::Card;
use crate::time::format_utc;

/// Writes cards one after the other, without a final line break. `now` (Unix seconds) stands in for missing times.
pub fn format(cards: &[Card], now: i64) -> String {
    let mut out = String::new();
    for card in cards {
        push_card(&mut out, card, now);
    }
    out.truncate(out.trim_end().len());
    out
}

fn push_card(out: &mut String, card: &Card, now: i64) {
    let mut line = |name: &str, value: &str| {
        // Writing into a string cannot fail.
        let _ = write!(out, "{name}:{value}\r\n");
    };
    line("BEGIN", "VCARD");
    line("VERSION", "4.0");
    line("EMAIL", &escape(&card.address));
    line("FN", &escape(card.display_name()));
    if let Some(key) = &card.key {
        line("KEY", &format!("data:application/pgp-keys;base64\\,{key}"));
    }
    if let Some(picture) = &card.picture {
        line("PHOTO", &format!("data:image/jpeg;base64\\,{picture}"));
    }
    if let Some(status) = card.status.as_deref().filter(|status| !status.is_empty()) {
        line("NOTE", &escape(status));
    }
    line("REV", &format_utc(card.timestamp.unwrap_or(now)));
    line("END", "VCARD");
}

/// RFC 6350 §3.4. Carriage returns would end the line, so they go.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            ',' => out.push_str("\\,"),
            ';' => out.push_str("\\;"),
            '\n' => out.push_str("\\n"),
            '\r' => {}
            c => out.push(c),
        }
    }
    out
}
