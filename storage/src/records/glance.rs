//! What a look through many stored messages needs of each, found without decoding the rest.

use super::message::{MessageRecord, MessageState};
use crate::{ChatId, ContactId};

// Field numbers of `MessageRecord`. Records are written in the order of these numbers, an empty field is not written,
// and keys of the first fifteen fields have one byte.
const CHAT: u8 = 1;
const FROM: u8 = 2;
const STATE: u8 = 5;
const TEXT: u8 = 8;
const HIDDEN: u8 = 13;

/// The fields of a stored message that a search asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageGlance<'a> {
    /// The chat it is in.
    pub chat: ChatId,
    /// The author.
    pub from: ContactId,
    /// How far it has come.
    pub state: MessageState,
    /// Text without quote and footer.
    pub text: &'a [u8],
    /// Never listed, counted or summarised.
    pub hidden: bool,
}

impl<'a> MessageGlance<'a> {
    /// `None` if this is no record. What comes behind the last of these fields is not looked at.
    pub fn at(stored: &'a [u8]) -> Option<Self> {
        let mut glance = Self::default();
        let mut fields = Fields { stored, last: HIDDEN };
        while let Some((field, content)) = fields.next_field()? {
            match (field, content) {
                (CHAT, Content::Number(number)) => glance.chat = ChatId::new(number.try_into().ok()?),
                (FROM, Content::Number(number)) => glance.from = ContactId::new(number.try_into().ok()?),
                (STATE, Content::Number(number)) => glance.state = MessageState::of(number.try_into().ok()?)?,
                (TEXT, Content::Bytes(text)) => glance.text = text,
                (HIDDEN, Content::Number(number)) => glance.hidden = number != 0,
                (CHAT | FROM | STATE | TEXT | HIDDEN, _) => return None,
                _ => {}
            }
        }
        Some(glance)
    }
}

impl MessageRecord {
    /// The text in a record as it is stored; what comes behind it is not looked at. `None` if this is no record.
    pub fn text_in(stored: &[u8]) -> Option<&[u8]> {
        let mut fields = Fields { stored, last: TEXT };
        while let Some((field, content)) = fields.next_field()? {
            match (field, content) {
                (TEXT, Content::Bytes(text)) => return Some(text),
                (TEXT, Content::Number(_)) => return None,
                _ => {}
            }
        }
        Some(&[])
    }
}

/// The fields of a record up to the one with the number `last`.
struct Fields<'a> {
    stored: &'a [u8],
    last: u8,
}

enum Content<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    /// The next one; `Some(None)` behind the last one, `None` if this is no record.
    #[allow(clippy::option_option, reason = "no more fields and no record are different answers")]
    fn next_field(&mut self) -> Option<Option<(u8, Content<'a>)>> {
        let Some((key, rest)) = self.stored.split_first() else { return Some(None) };
        let (field, wire_type) = (key >> 3, key & 7);
        if field > self.last {
            return Some(None);
        }
        let (number, rest) = varint(rest)?;
        let content = match wire_type {
            0 => {
                self.stored = rest;
                Content::Number(number)
            }
            2 => {
                let (content, rest) = rest.split_at_checked(usize::try_from(number).ok()?)?;
                self.stored = rest;
                Content::Bytes(content)
            }
            // None of these fields is of another type.
            _ => return None,
        };
        Some(Some((field, content)))
    }
}

/// The number that `bytes` begin with, and what follows.
fn varint(mut bytes: &[u8]) -> Option<(u64, &[u8])> {
    match bytes.split_first() {
        Some((&byte, rest)) if byte < 0x80 => Some((byte.into(), rest)),
        _ => {
            let number = prost::encoding::decode_varint(&mut bytes).ok()?;
            Some((number, bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    fn with_text(text: &str) -> MessageRecord {
        MessageRecord {
            chat: ChatId::new(70_000),
            from: ContactId::new(10),
            mid: "m@example".to_owned(),
            state: MessageState::InSeen,
            text: text.to_owned(),
            subject: "not this".to_owned(),
            sent: -1,
            references: vec!["r@example".to_owned()],
            ..Default::default()
        }
    }

    #[test]
    fn what_is_seen_of_a_stored_record_is_what_it_holds() {
        let text_alone = MessageRecord { text: "ÄIGHT".to_owned(), ..Default::default() };
        let hidden = MessageRecord { hidden: true, encrypted: true, ..with_text("hidden") };
        let draft = MessageRecord { state: MessageState::OutDraft, ..with_text("draft") };
        let long = with_text(&"x".repeat(70_000));
        for record in
            [with_text("hello"), with_text(""), long, text_alone, hidden, draft, MessageRecord::default()]
        {
            let stored = record.encode_to_vec();
            let glance = MessageGlance {
                chat: record.chat,
                from: record.from,
                state: record.state,
                text: record.text.as_bytes(),
                hidden: record.hidden,
            };
            assert_eq!(MessageGlance::at(&stored), Some(glance));
            assert_eq!(MessageRecord::text_in(&stored), Some(record.text.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_record_shows_nothing() {
        let stored = MessageRecord { text: "hello".to_owned(), ..Default::default() }.encode_to_vec();
        for (stored, why) in [
            (&stored[..stored.len() - 1], "cut off"),
            (&[0x40, 5], "a number in place of the text"),
            (&[0x42], "no length"),
        ] {
            assert_eq!(MessageRecord::text_in(stored), None, "{why}");
            assert_eq!(MessageGlance::at(stored), None, "{why}");
        }
        assert_eq!(MessageGlance::at(&[0x28, 99]), None, "a state that nobody knows");
    }
}
