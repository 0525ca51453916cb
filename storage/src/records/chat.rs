//! Chats and their members.

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

/// A chat.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ChatRecord {
    /// One of [`chat_type`].
    #[prost(uint32, tag = "1")]
    pub chat_type: u32,
    /// Own name of groups, channels and lists; empty for single chats.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Group, channel or list id; empty for single chats and groups without id.
    #[prost(string, tag = "3")]
    pub group_id: String,
    /// One of [`block`].
    #[prost(uint32, tag = "4")]
    pub blocked: u32,
    /// One of [`visibility`].
    #[prost(uint32, tag = "5")]
    pub visibility: u32,
    /// 0 not muted, -1 for ever, else the end of the mute.
    #[prost(int64, tag = "6")]
    pub muted_until: i64,
    /// A group that was not announced to anybody yet.
    #[prost(bool, tag = "7")]
    pub unpromoted: bool,
    /// Creation time here.
    #[prost(int64, tag = "8")]
    pub created: i64,
    /// Time of the last name change, 0 if never.
    #[prost(int64, tag = "9")]
    pub name_changed: i64,
    /// Description.
    #[prost(string, tag = "10")]
    pub description: String,
    /// Time of the last description change.
    #[prost(int64, tag = "11")]
    pub description_changed: i64,
    /// Blob name of the picture; empty for none.
    #[prost(string, tag = "12")]
    pub avatar: String,
    /// Time of the last picture change.
    #[prost(int64, tag = "13")]
    pub avatar_changed: i64,
    /// Seconds after which messages disappear; 0 is off.
    #[prost(uint32, tag = "14")]
    pub ephemeral_timer: u32,
    /// Time of the last timer change.
    #[prost(int64, tag = "15")]
    pub ephemeral_changed: i64,
    /// Sent time of the last message that updated the member list.
    #[prost(int64, tag = "16")]
    pub members_updated: i64,
    /// Secret of a channel; empty for others.
    #[prost(string, tag = "17")]
    pub channel_secret: String,
    /// Message id of the draft, 0 for none.
    #[prost(uint32, tag = "18")]
    pub draft: u32,
    /// Members are key-contacts.
    #[prost(bool, tag = "19")]
    pub encrypted: bool,
    /// The contact of a single chat, 0 for others.
    #[prost(uint32, tag = "20")]
    pub contact: u32,
    /// Post address of a mailing list.
    #[prost(string, tag = "21")]
    pub list_post: String,
    /// Deleted by the user; the row stays until its queued mail is sent.
    #[prost(bool, tag = "22")]
    pub deleted: bool,
    /// Subject of the last received message.
    #[prost(string, tag = "23")]
    pub last_subject: String,
}

/// Membership of one contact in a chat: a member iff `added >= removed`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct MemberRecord {
    /// Time of the last addition.
    #[prost(int64, tag = "1")]
    pub added: i64,
    /// Time of the last removal, 0 if never.
    #[prost(int64, tag = "2")]
    pub removed: i64,
}
