//! The fields of one header block (RFC 5322 §2.2).

use std::collections::VecDeque;

use super::value::unfold;
use crate::message::bounds::{MAX_HEADER_FIELDS, MAX_HEADER_NAME, MAX_HEADER_VALUE};

/// One field as it stands in the mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Name in its original letter case.
    pub name: &'a str,
    /// Value with folds.
    pub raw: &'a [u8],
}

/// The last fields of a header block, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderBlock<'a> {
    fields: VecDeque<Field<'a>>,
}

impl<'a> HeaderBlock<'a> {
    /// Splits `data` into its header block and what follows the empty line.
    pub fn parse(data: &'a [u8]) -> (Self, &'a [u8]) {
        let mut fields = VecDeque::new();
        let mut rest = data;
        loop {
            let (line, after) = split_line(rest);
            if line.is_empty() {
                return (Self { fields }, after);
            }
            let (raw, after) = with_continuations(rest, line.len(), after);
            if let Some(field) = parse_field(raw) {
                if fields.len() == MAX_HEADER_FIELDS {
                    fields.pop_front();
                }
                fields.push_back(field);
            }
            if after.is_empty() {
                return (Self { fields }, after);
            }
            rest = after;
        }
    }

    /// All fields, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Field<'a>> + '_ {
        self.fields.iter().copied()
    }

    /// The unfolded value of the last field of that name: a field put in front must not win.
    pub fn last(&self, name: &str) -> Option<String> {
        self.iter().rev().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| unfold(field.raw))
    }

    /// The unfolded values of all fields of that name, in order.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.iter()
            .filter(|field| field.name.eq_ignore_ascii_case(name))
            .map(|field| unfold(field.raw))
            .collect()
    }

    /// Whether a field of that name exists.
    pub fn has(&self, name: &str) -> bool {
        self.iter().any(|field| field.name.eq_ignore_ascii_case(name))
    }
}

/// The line at the start of `data` without its end, and what follows.
pub(super) fn split_line(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|b| *b == b'\n') {
        Some(at) => {
            let line = &data[..at];
            (line.strip_suffix(b"\r").unwrap_or(line), &data[at + 1..])
        }
        None => (data, &[]),
    }
}

/// Adds the continuation lines that follow a first line.
fn with_continuations<'a>(start: &'a [u8], first_len: usize, mut after: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let mut len = first_len;
    while let [b' ' | b'\t', ..] = after {
        let (line, next) = split_line(after);
        len = start.len() - after.len() + line.len();
        after = next;
    }
    (&start[..len], after)
}

fn parse_field(raw: &[u8]) -> Option<Field<'_>> {
    let colon = raw.iter().take(MAX_HEADER_NAME).position(|b| *b == b':')?;
    let name = std::str::from_utf8(&raw[..colon]).ok()?.trim_end();
    let value = &raw[colon + 1..];
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic());
    (is_name && value.len() <= MAX_HEADER_VALUE).then_some(Field { name, raw: value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_repeated_fields_counts() {
        let (block, body) = HeaderBlock::parse(b"A: 1\r\nb:2\r\na:\r\n 3\r\n\r\nbody");
        assert_eq!(block.last("A").as_deref(), Some("3"));
        assert_eq!(block.all("a"), ["1", "3"]);
        assert_eq!(body, b"body");
    }

    #[test]
    fn garbage_lines_are_no_fields() {
        let (block, body) = HeaderBlock::parse(b"no colon here\nA b: c\n:x\nOk : 1\n\nrest");
        assert_eq!(block.iter().map(|f| f.name).collect::<Vec<_>>(), ["Ok"]);
        assert_eq!(body, b"rest");
    }

    #[test]
    fn of_too_many_fields_the_last_are_kept() {
        let data = (0..MAX_HEADER_FIELDS + 10).map(|i| format!("f{i}: x\n")).collect::<String>();
        let (block, _) = HeaderBlock::parse(data.as_bytes());
        assert_eq!(block.iter().count(), MAX_HEADER_FIELDS);
        assert!(block.has(&format!("f{}", MAX_HEADER_FIELDS + 9)) && !block.has("f9"));
    }
}
