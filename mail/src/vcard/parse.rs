//! Text as cards, whatever program wrote it.

use super::Card;
use crate::time;

/// Cards that are read of one text.
pub const MAX_CARDS: usize = 1000;

/// Reads all cards of a text. Properties that are unknown or malformed are left out; of several the first counts.
pub fn parse(text: &str) -> Vec<Card> {
    let unfolded = unfold(text);
    let mut cards = Vec::new();
    let mut current: Option<Draft> = None;
    for line in unfolded.lines() {
        if is_line(line, "BEGIN:VCARD") {
            // A card inside a card adds to the outer one.
            current.get_or_insert_default();
        } else if is_line(line, "END:VCARD") {
            cards.extend(current.take().map(Draft::finish));
            if cards.len() >= MAX_CARDS {
                break;
            }
        } else if let Some(draft) = &mut current {
            draft.read(line);
        }
    }
    cards
}

fn is_line(line: &str, expected: &str) -> bool {
    line.trim_end().eq_ignore_ascii_case(expected)
}

/// Joins continued lines (RFC 6350 §3.2).
fn unfold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.strip_prefix([' ', '\t']) {
            Some(rest) => out.push_str(rest),
            None => {
                if !out.is_empty() {
                    out.push('\n');
                }
                out.push_str(line);
            }
        }
    }
    out
}

/// A card while it is read.
#[derive(Default)]
struct Draft {
    address: Option<String>,
    name: Option<String>,
    key: Option<String>,
    picture: Option<String>,
    status: Option<String>,
    revision: Option<String>,
}

impl Draft {
    fn read(&mut self, line: &str) {
        let Some(Property { name, params, value }) = Property::split(line) else { return };
        let slot = match name.as_str() {
            "EMAIL" => &mut self.address,
            "FN" => &mut self.name,
            "NOTE" => &mut self.status,
            "REV" => &mut self.revision,
            "KEY" => {
                if self.key.is_none() {
                    self.key = base64_value(params, value, "application/pgp-keys", "PGP");
                }
                return;
            }
            "PHOTO" => {
                if self.picture.is_none() {
                    self.picture = base64_value(params, value, "image/jpeg", "JPEG");
                }
                return;
            }
            _ => return,
        };
        if slot.is_none() {
            *slot = Some(unescape(value));
        }
    }

    fn finish(self) -> Card {
        // Neither addresses nor names hold line ends or other controls.
        let address = self.address.map(|address| address.replace(char::is_control, "")).unwrap_or_default();
        let (name_in_address, address) = split_name(address.trim());
        let name = self.name.map(|name| name.replace(char::is_control, " ").trim().to_owned());
        let name = name.filter(|name| !name.is_empty()).unwrap_or(name_in_address);
        Card {
            // Writers without a name repeat the address.
            name: if name == address { String::new() } else { name },
            address,
            key: self.key,
            picture: self.picture,
            status: self.status,
            timestamp: self.revision.as_deref().and_then(time::parse),
        }
    }
}

/// Splits `Name <address>`.
fn split_name(text: &str) -> (String, String) {
    match text.strip_suffix('>').and_then(|head| head.rsplit_once('<')) {
        Some((name, address)) => (name.trim().trim_matches('"').to_owned(), address.trim().to_owned()),
        None => (String::new(), text.to_owned()),
    }
}

/// A content line (RFC 6350 §3.3) without its group.
struct Property<'a> {
    name: String,
    params: &'a str,
    value: &'a str,
}

impl<'a> Property<'a> {
    fn split(line: &'a str) -> Option<Self> {
        let (head, value) = split_unquoted(line)?;
        let (name, params) = head.split_once(';').unwrap_or((head, ""));
        // Some programs group properties, as in `item1.EMAIL`.
        let name = name.rsplit('.').next().unwrap_or_default();
        Some(Self { name: name.trim().to_ascii_uppercase(), params, value })
    }
}

/// Splits at the first colon that is not inside the quotes of a parameter.
fn split_unquoted(line: &str) -> Option<(&str, &str)> {
    let mut quoted = false;
    let colon = line.bytes().position(|byte| {
        quoted ^= byte == b'"';
        byte == b':' && !quoted
    })?;
    Some((&line[..colon], &line[colon + 1..]))
}

/// Undoes the escapes of RFC 6350 §3.4.
fn unescape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n' | 'N') => out.push('\n'),
                Some(escaped @ ('\\' | ',' | ';')) => out.push(escaped),
                other => {
                    out.push('\\');
                    out.extend(other);
                }
            },
            c => out.push(c),
        }
    }
    out
}

/// Base64 either as a data URI, or with parameters that name type and encoding.
fn base64_value(params: &str, value: &str, media_type: &str, old_type: &str) -> Option<String> {
    let value = value.trim();
    let data = match value.get(..5) {
        Some(scheme) if scheme.eq_ignore_ascii_case("data:") => {
            let (kind, data) = value[5..].split_once(',')?;
            let kind = kind.trim_end_matches('\\');
            let (kind, encoding) = kind.split_once(';')?;
            if !kind.eq_ignore_ascii_case(media_type) || !encoding.eq_ignore_ascii_case("base64") {
                return None;
            }
            data
        }
        _ => {
            let mut params = params.split(';').map(|p| p.trim().to_ascii_uppercase());
            let (mut typed, mut encoded) = (false, false);
            for param in params.by_ref() {
                match param.as_str() {
                    "ENCODING=B" | "ENCODING=BASE64" => encoded = true,
                    other => typed |= other.strip_prefix("TYPE=").unwrap_or(other) == old_type,
                }
            }
            if !(typed && encoded) {
                return None;
            }
            value
        }
    };
    (!data.is_empty()).then(|| data.to_owned())
}
