//! Messages as they are shown in chats, hidden ones included.

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

/// An additional protected header of an outgoing message.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HeaderRecord {
    /// Field name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Field body, not yet encoded.
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A message.
#[derive(Clone, PartialEq, prost::Message)]
pub struct MessageRecord {
    /// The chat it is in.
    #[prost(uint32, tag = "1")]
    pub chat: u32,
    /// Author: contact id (1 = self, 2 = made locally).
    #[prost(uint32, tag = "2")]
    pub from: u32,
    /// Message-ID without angle brackets; of the post-message for a split attachment.
    #[prost(string, tag = "3")]
    pub mid: String,
    /// Message-ID of the pre-message; empty if it was not split.
    #[prost(string, tag = "4")]
    pub pre_mid: String,
    /// One of [`message_state`].
    #[prost(uint32, tag = "5")]
    pub state: u32,
    /// One of [`view_type`].
    #[prost(uint32, tag = "6")]
    pub view_type: u32,
    /// One of [`system_type`], or another number of the same list.
    #[prost(uint32, tag = "7")]
    pub system_type: u32,
    /// Text without quote and footer.
    #[prost(string, tag = "8")]
    pub text: String,
    /// Subject.
    #[prost(string, tag = "9")]
    pub subject: String,
    /// When the author sent it.
    #[prost(int64, tag = "10")]
    pub sent: i64,
    /// Position in the chat.
    #[prost(int64, tag = "11")]
    pub sort: i64,
    /// When it arrived here; 0 for own ones.
    #[prost(int64, tag = "12")]
    pub received: i64,
    /// Never listed, counted or summarised.
    #[prost(bool, tag = "13")]
    pub hidden: bool,
    /// Arrived encrypted and validly signed, or is sent so.
    #[prost(bool, tag = "14")]
    pub encrypted: bool,
    /// The author asked for a read receipt that was not answered yet.
    #[prost(bool, tag = "15")]
    pub wants_receipt: bool,
    /// Blob name of the attachment.
    #[prost(string, tag = "16")]
    pub blob: String,
    /// Name of the attachment as shown.
    #[prost(string, tag = "17")]
    pub file_name: String,
    /// Media type of the attachment.
    #[prost(string, tag = "18")]
    pub mime_type: String,
    /// Size of the attachment in bytes (announced size while not downloaded).
    #[prost(uint64, tag = "19")]
    pub file_bytes: u64,
    /// Pixels.
    #[prost(uint32, tag = "20")]
    pub width: u32,
    /// Pixels.
    #[prost(uint32, tag = "21")]
    pub height: u32,
    /// Milliseconds.
    #[prost(uint32, tag = "22")]
    pub duration: u32,
    /// In-Reply-To, first id.
    #[prost(string, tag = "23")]
    pub in_reply_to: String,
    /// References, newest last.
    #[prost(string, repeated, tag = "24")]
    pub references: Vec<String>,
    /// Text of the quote; empty for none.
    #[prost(string, tag = "25")]
    pub quote: String,
    /// The quote refers to the message named by `in_reply_to`.
    #[prost(bool, tag = "26")]
    pub has_quote: bool,
    /// Timer of this message in seconds.
    #[prost(uint32, tag = "27")]
    pub ephemeral_timer: u32,
    /// When it disappears; 0 while the countdown has not started.
    #[prost(int64, tag = "28")]
    pub expires: i64,
    /// Error of sending or receiving.
    #[prost(string, tag = "29")]
    pub error: String,
    /// Name to show instead of the contact's.
    #[prost(string, tag = "30")]
    pub override_name: String,
    /// Forwarded from another chat.
    #[prost(bool, tag = "31")]
    pub forwarded: bool,
    /// The text was changed by the author.
    #[prost(bool, tag = "32")]
    pub edited: bool,
    /// Made by a bot.
    #[prost(bool, tag = "33")]
    pub bot: bool,
    /// Pinned in the chat.
    #[prost(bool, tag = "34")]
    pub pinned: bool,
    /// Blob name of the HTML form.
    #[prost(string, tag = "35")]
    pub html_blob: String,
    /// 0 done, 10 available, 20 failure, 30 undecipherable, 1000 in progress.
    #[prost(uint32, tag = "36")]
    pub download_state: u32,
    /// The contact that an info line is about (the actor, or the added or removed member).
    #[prost(uint32, tag = "37")]
    pub info_contact: u32,
    /// Headers that an outgoing message carries besides those of its chat.
    #[prost(message, repeated, tag = "38")]
    pub headers: Vec<HeaderRecord>,
    /// Original of a saved copy.
    #[prost(uint32, tag = "39")]
    pub original: u32,
    /// Saved copy of this message.
    #[prost(uint32, tag = "40")]
    pub saved: u32,
    /// Relays (transport addresses) whose copy was seen, as `addr/folder;UID=n`.
    #[prost(string, repeated, tag = "41")]
    pub server_urls: Vec<String>,
    /// Text that goes over the wire in place of `text` (placeholders of system messages); empty: `text`.
    #[prost(string, tag = "42")]
    pub wire_text: String,
    /// Description and picture of the group go with this message.
    #[prost(bool, tag = "43")]
    pub with_group_data: bool,
    /// Subject was set by the sender of a message that is to be sent; else it is derived from the chat.
    #[prost(bool, tag = "44")]
    pub fixed_subject: bool,
    /// View type that a pre-message announces; 0 for none.
    #[prost(uint32, tag = "45")]
    pub announced_type: u32,
    /// When the author sent the edit whose text is shown; 0 if there was none.
    #[prost(int64, tag = "51")]
    pub edit_sent: i64,
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

/// A reaction.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReactionRecord {
    /// The emoji.
    #[prost(string, tag = "1")]
    pub emoji: String,
    /// When it arrived.
    #[prost(int64, tag = "2")]
    pub time: i64,
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn the_text_of_a_stored_record_is_found_whatever_stands_around_it() {
        let all = |text: &str| MessageRecord {
            chat: 12,
            from: 10,
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
