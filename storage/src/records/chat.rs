//! Chats and their members.

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType};

use super::field::{Field, record};
use super::number::numbers;
use crate::{ChatId, ContactId, MessageId};

numbers! {
    /// What a chat is.
    pub enum ChatType {
        /// Chat with one contact.
        #[default]
        Single = 100,
        /// Group.
        Group = 120,
        /// Classic mailing list.
        MailingList = 140,
        /// Channel that we own.
        OutBroadcast = 160,
        /// Channel that we subscribed.
        InBroadcast = 165,
    }
}

numbers! {
    /// Whether a chat is shown.
    pub enum Block {
        /// Shown.
        #[default]
        Not = 0,
        /// Hidden everywhere.
        Yes = 1,
        /// Contact request.
        Request = 2,
    }
}

numbers! {
    /// Where a chat is listed.
    pub enum Visibility {
        /// In the normal list.
        #[default]
        Normal = 0,
        /// In the archive.
        Archived = 1,
        /// At the top.
        Pinned = 2,
    }
}

/// Whether a chat is muted. Stored is the end of the mute; 0 if there is none, -1 if it does not end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mute {
    /// It is not.
    #[default]
    Not,
    /// For ever.
    Forever,
    /// Until this time.
    Until(i64),
}

impl Mute {
    fn stored(self) -> i64 {
        match self {
            Self::Not => 0,
            Self::Forever => -1,
            Self::Until(time) => time,
        }
    }
}

impl Field for Mute {
    fn write(&self, number: u32, out: &mut impl BufMut) {
        self.stored().write(number, out);
    }

    fn read(
        &mut self,
        wire: WireType,
        stored: &mut impl Buf,
        context: DecodeContext,
    ) -> Result<(), DecodeError> {
        let mut end = 0i64;
        end.read(wire, stored, context)?;
        *self = match end {
            0 => Self::Not,
            -1 => Self::Forever,
            end => Self::Until(end),
        };
        Ok(())
    }

    fn written_len(&self, number: u32) -> usize {
        self.stored().written_len(number)
    }
}

record! {
    /// A chat.
    pub struct ChatRecord {
        /// What it is.
        pub chat_type: ChatType = 1,
        /// Own name of groups, channels and lists; empty for single chats.
        pub name: String = 2,
        /// Group, channel or list id; empty for single chats and groups without id.
        pub group_id: String = 3,
        /// Whether it is shown.
        pub blocked: Block = 4,
        /// Where it is listed.
        pub visibility: Visibility = 5,
        /// Whether it is muted.
        pub mute: Mute = 6,
        /// A group that was not announced to anybody yet.
        pub unpromoted: bool = 7,
        /// Creation time here.
        pub created: i64 = 8,
        /// Time of the last name change, 0 if never.
        pub name_changed: i64 = 9,
        /// Description.
        pub description: String = 10,
        /// Time of the last description change.
        pub description_changed: i64 = 11,
        /// Blob name of the picture; empty for none.
        pub avatar: String = 12,
        /// Time of the last picture change.
        pub avatar_changed: i64 = 13,
        /// Seconds after which messages disappear; 0 is off.
        pub ephemeral_timer: u32 = 14,
        /// Time of the last timer change.
        pub ephemeral_changed: i64 = 15,
        /// Sent time of the last message that updated the member list.
        pub members_updated: i64 = 16,
        /// Secret of a channel; empty for others.
        pub channel_secret: String = 17,
        /// The draft.
        pub draft: Option<MessageId> = 18,
        /// Members are key-contacts.
        pub encrypted: bool = 19,
        /// The contact of a single chat; none for others.
        pub contact: ContactId = 20,
        /// Post address of a mailing list.
        pub list_post: String = 21,
        /// Deleted by the user; the row stays until its queued mail is sent.
        pub deleted: bool = 22,
        /// Subject of the last received message.
        pub last_subject: String = 23,
        /// A mailing list named several post addresses: nobody can tell which one is right.
        pub list_post_disputed: bool = 24,
        /// The mails that announce it all wait to be sent: nobody else has heard of it.
        pub unheard: bool = 25,
        /// The last timer change was told as one; else a message mentioned it.
        pub ephemeral_told: bool = 26,
        /// It came from somebody else.
        pub ephemeral_by_other: bool = 29,
        /// While [`Self::unheard`]: time of the name before the group was to be announced.
        pub name_before: i64 = 27,
        /// The same of the description.
        pub description_before: i64 = 28,
        /// Since when the own location is streamed here; 0 if it is not.
        pub stream_begin: i64 = 40,
        /// Until when.
        pub stream_until: i64 = 41,
        /// Time of the last own position that was sent here.
        pub stream_sent: i64 = 42,
        /// The mail that brought positions alone last.
        pub stream_mail: Option<MessageId> = 43,
        /// All reactions to its messages came before this time; 0 if that is not known.
        pub reacted_before: i64 = 44,
        /// While [`Self::deleted`]: until when the row stays for what other devices tell; 0 if it does not.
        pub kept_until: i64 = 45,
    }
}

record! {
    /// What stays of a deleted chat.
    #[derive(Copy)]
    pub struct RemovedChatRecord {
        /// Its row and its members are those of this chat.
        pub chat: ChatId = 1,
        /// Until when.
        pub until: i64 = 2,
    }
}

record! {
    /// Membership of one contact in a chat: a member iff `added >= removed`.
    #[derive(Copy)]
    pub struct MemberRecord {
        /// Time of the last addition.
        pub added: i64 = 1,
        /// Time of the last removal, 0 if never.
        pub removed: i64 = 2,
        /// No message has told of it: the group was not announced when it was made.
        pub quiet: bool = 3,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[derive(Clone, PartialEq, prost::Message)]
    struct End {
        #[prost(int64, tag = "6")]
        muted_until: i64,
    }

    #[test]
    fn a_mute_is_stored_as_its_end() {
        for (mute, muted_until) in
            [(Mute::Not, 0), (Mute::Forever, -1), (Mute::Until(1_750_000_000), 1_750_000_000)]
        {
            let mut stored = End { muted_until }.encode_to_vec();
            assert_eq!(ChatRecord::decode(stored.as_slice()).unwrap().mute, mute);
            // The type of a chat is always written.
            stored.splice(0..0, [1 << 3, 100]);
            let record = ChatRecord { mute, ..Default::default() };
            assert_eq!((record.encode_to_vec(), record.encoded_len()), (stored.clone(), stored.len()));
        }
    }
}
