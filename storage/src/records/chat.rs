//! Chats and their members.

use super::field::record;
use crate::{ContactId, MessageId};

/// Numbers of chat types.
pub mod chat_type {
    /// Chat with one contact.
    pub const SINGLE: u32 = 100;
    /// Group.
    pub const GROUP: u32 = 120;
    /// Classic mailing list.
    pub const MAILINGLIST: u32 = 140;
    /// Channel that we own.
    pub const OUT_BROADCAST: u32 = 160;
    /// Channel that we subscribed.
    pub const IN_BROADCAST: u32 = 165;
}

/// Block states of chats.
pub mod block {
    /// Shown.
    pub const NOT: u32 = 0;
    /// Hidden everywhere.
    pub const YES: u32 = 1;
    /// Contact request.
    pub const REQUEST: u32 = 2;
}

/// Visibilities of chats.
pub mod visibility {
    /// In the normal list.
    pub const NORMAL: u32 = 0;
    /// In the archive.
    pub const ARCHIVED: u32 = 1;
    /// At the top.
    pub const PINNED: u32 = 2;
}

record! {
    /// A chat.
    pub struct ChatRecord {
        /// One of [`chat_type`].
        pub chat_type: u32 = 1,
        /// Own name of groups, channels and lists; empty for single chats.
        pub name: String = 2,
        /// Group, channel or list id; empty for single chats and groups without id.
        pub group_id: String = 3,
        /// One of [`block`].
        pub blocked: u32 = 4,
        /// One of [`visibility`].
        pub visibility: u32 = 5,
        /// 0 not muted, -1 for ever, else the end of the mute.
        pub muted_until: i64 = 6,
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
    }
}
