//! Messages as they are shown in chats, hidden ones included.

use super::field::record;
use crate::{ChatId, ContactId, MessageId};

/// Numbers of message states.
pub mod message_state {
    /// None (messages in the trash).
    pub const UNDEFINED: u32 = 0;
    /// Incoming, counted in badges.
    pub const IN_FRESH: u32 = 10;
    /// Incoming, not counted, a receipt is still possible.
    pub const IN_NOTICED: u32 = 13;
    /// Incoming, seen.
    pub const IN_SEEN: u32 = 16;
    /// Draft.
    pub const OUT_DRAFT: u32 = 19;
    /// Waits to be sent.
    pub const OUT_PENDING: u32 = 20;
    /// Could not be sent.
    pub const OUT_FAILED: u32 = 24;
    /// Accepted by the relay.
    pub const OUT_DELIVERED: u32 = 26;
    /// Read by at least one recipient; computed from receipts, never stored.
    pub const OUT_READ: u32 = 28;
}

/// Numbers of view types.
pub mod view_type {
    /// Text.
    pub const TEXT: u32 = 10;
    /// Picture.
    pub const IMAGE: u32 = 20;
    /// Animated picture.
    pub const GIF: u32 = 21;
    /// Sticker.
    pub const STICKER: u32 = 23;
    /// Sound.
    pub const AUDIO: u32 = 40;
    /// Voice message.
    pub const VOICE: u32 = 41;
    /// Video.
    pub const VIDEO: u32 = 50;
    /// Any file.
    pub const FILE: u32 = 60;
    /// Call.
    pub const CALL: u32 = 71;
    /// In-chat app.
    pub const WEBXDC: u32 = 80;
    /// Contact card.
    pub const VCARD: u32 = 90;
}

/// Numbers of system messages.
pub mod system_type {
    /// An ordinary message.
    pub const NONE: u32 = 0;
    /// The group got another name.
    pub const GROUP_NAME_CHANGED: u32 = 2;
    /// The group got another picture.
    pub const GROUP_IMAGE_CHANGED: u32 = 3;
    /// A member was added.
    pub const MEMBER_ADDED: u32 = 4;
    /// A member was removed or left.
    pub const MEMBER_REMOVED: u32 = 5;
    /// A step of a SecureJoin handshake.
    pub const SECUREJOIN: u32 = 7;
    /// The timer of disappearing messages changed.
    pub const EPHEMERAL_TIMER_CHANGED: u32 = 10;
    /// The provider refused an unencrypted mail.
    pub const INVALID_UNENCRYPTED: u32 = 13;
    /// "Establishing connection, please wait…"
    pub const SECUREJOIN_WAIT: u32 = 14;
    /// Sync items between own devices.
    pub const MULTI_DEVICE_SYNC: u32 = 20;
    /// Update of an in-chat app.
    pub const WEBXDC_STATUS_UPDATE: u32 = 30;
    /// Info line of an in-chat app.
    pub const WEBXDC_INFO: u32 = 32;
    /// "Messages are end-to-end encrypted."
    pub const CHAT_E2EE: u32 = 50;
    /// The group got another description.
    pub const GROUP_DESCRIPTION_CHANGED: u32 = 70;
    /// A message was pinned.
    pub const MESSAGE_PINNED: u32 = 71;
    /// A message was unpinned.
    pub const MESSAGE_UNPINNED: u32 = 72;
}

record! {
    /// An additional protected header of an outgoing message.
    pub struct HeaderRecord {
        /// Field name.
        pub name: String = 1,
        /// Field body, not yet encoded.
        pub value: String = 2,
    }
}

record! {
    /// A message.
    pub struct MessageRecord {
        /// The chat it is in.
        pub chat: ChatId = 1,
        /// The author.
        pub from: ContactId = 2,
        /// Message-ID without angle brackets; of the post-message for a split attachment.
        pub mid: String = 3,
        /// Message-ID of the pre-message; empty if it was not split.
        pub pre_mid: String = 4,
        /// One of [`message_state`].
        pub state: u32 = 5,
        /// One of [`view_type`].
        pub view_type: u32 = 6,
        /// One of [`system_type`], or another number of the same list.
        pub system_type: u32 = 7,
        /// Text without quote and footer.
        pub text: String = 8,
        /// Subject.
        pub subject: String = 9,
        /// When the author sent it.
        pub sent: i64 = 10,
        /// Position in the chat.
        pub sort: i64 = 11,
        /// When it arrived here; 0 for own ones.
        pub received: i64 = 12,
        /// Never listed, counted or summarised.
        pub hidden: bool = 13,
        /// Arrived encrypted and validly signed, or is sent so.
        pub encrypted: bool = 14,
        /// The author asked for a read receipt that was not answered yet.
        pub wants_receipt: bool = 15,
        /// Blob name of the attachment.
        pub blob: String = 16,
        /// Name of the attachment as shown.
        pub file_name: String = 17,
        /// Media type of the attachment.
        pub mime_type: String = 18,
        /// Size of the attachment in bytes (announced size while not downloaded).
        pub file_bytes: u64 = 19,
        /// Pixels.
        pub width: u32 = 20,
        /// Pixels.
        pub height: u32 = 21,
        /// Milliseconds.
        pub duration: u32 = 22,
        /// In-Reply-To, first id.
        pub in_reply_to: String = 23,
        /// References, newest last.
        pub references: Vec<String> = 24,
        /// Text of the quote; empty for none.
        pub quote: String = 25,
        /// The quote refers to the message named by `in_reply_to`.
        pub has_quote: bool = 26,
        /// Timer of this message in seconds.
        pub ephemeral_timer: u32 = 27,
        /// When it disappears; 0 while the countdown has not started.
        pub expires: i64 = 28,
        /// Error of sending or receiving.
        pub error: String = 29,
        /// Name to show instead of the contact's.
        pub override_name: String = 30,
        /// Forwarded from another chat.
        pub forwarded: bool = 31,
        /// The text was changed by the author.
        pub edited: bool = 32,
        /// Made by a bot.
        pub bot: bool = 33,
        /// Pinned in the chat.
        pub pinned: bool = 34,
        /// Blob name of the HTML form.
        pub html_blob: String = 35,
        /// 0 done, 10 available, 20 failure, 30 undecipherable, 1000 in progress.
        pub download_state: u32 = 36,
        /// The contact that an info line is about (the actor, or the added or removed member).
        pub info_contact: Option<ContactId> = 37,
        /// Headers that an outgoing message carries besides those of its chat.
        pub headers: Vec<HeaderRecord> = 38,
        /// Original of a saved copy.
        pub original: Option<MessageId> = 39,
        /// Saved copy of this message.
        pub saved: Option<MessageId> = 40,
        /// Relays (transport addresses) whose copy was seen, as `addr/folder;UID=n`.
        pub server_urls: Vec<String> = 41,
        /// Text that goes over the wire in place of `text` (placeholders of system messages); empty: `text`.
        pub wire_text: String = 42,
        /// Description and picture of the group go with this message.
        pub with_group_data: bool = 43,
        /// Subject was set by the sender of a message that is to be sent; else it is derived from the chat.
        pub fixed_subject: bool = 44,
        /// View type that a pre-message announces; 0 for none.
        pub announced_type: u32 = 45,
        /// When the author sent the edit whose text is shown; 0 if there was none.
        pub edit_sent: i64 = 51,
    }
}

impl MessageRecord {
    /// Field number of [`text`](Self::text).
    const TEXT: u8 = 8;

    /// The text in a record as it is stored, for looking through many: nothing is decoded, and what comes behind the
    /// text is not looked at. `None` if this is no record.
    pub fn text_in(mut stored: &[u8]) -> Option<&[u8]> {
        // Records are written in the order of their field numbers, and an empty text is not written. Keys of the first
        // fifteen fields have one byte.
        while let Some((key, rest)) = stored.split_first() {
            let (field, wire_type) = (key >> 3, key & 7);
            if field > Self::TEXT {
                break;
            }
            let (number, rest) = varint(rest)?;
            stored = match wire_type {
                0 if field < Self::TEXT => rest,
                2 => {
                    let (content, rest) = rest.split_at_checked(usize::try_from(number).ok()?)?;
                    if field == Self::TEXT {
                        return Some(content);
                    }
                    rest
                }
                // Neither the text nor any field before it is of another type.
                _ => return None,
            };
        }
        Some(&[])
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

record! {
    /// A reaction.
    pub struct ReactionRecord {
        /// The emoji.
        pub emoji: String = 1,
        /// When it arrived.
        pub time: i64 = 2,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn the_text_of_a_stored_record_is_found_whatever_stands_around_it() {
        let all = |text: &str| MessageRecord {
            chat: ChatId::new(12),
            from: ContactId::new(10),
            mid: "m@example".to_owned(),
            state: message_state::IN_SEEN,
            text: text.to_owned(),
            subject: "not this".to_owned(),
            sent: -1,
            references: vec!["r@example".to_owned()],
            ..Default::default()
        };
        let text_alone = MessageRecord { text: "ÄIGHT".to_owned(), ..Default::default() };
        for record in [all("hello"), all(""), all(&"x".repeat(70_000)), text_alone, MessageRecord::default()]
        {
            let stored = record.encode_to_vec();
            assert_eq!(MessageRecord::text_in(&stored), Some(record.text.as_bytes()));
        }
    }

    #[test]
    fn what_is_no_record_has_no_text() {
        let stored = MessageRecord { text: "hello".to_owned(), ..Default::default() }.encode_to_vec();
        assert_eq!(MessageRecord::text_in(&stored[..stored.len() - 1]), None);
        assert_eq!(MessageRecord::text_in(&[0x40, 5]), None, "a number in place of the text");
        assert_eq!(MessageRecord::text_in(&[0x42]), None, "no length");
    }
}
