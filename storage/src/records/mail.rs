//! Mail that is known, queued or expected; secrets of handshakes; deadlines.

/// What is known about a Message-ID.
pub mod known_mail {
    /// Shown or hidden message.
    pub const MESSAGE: u32 = 1;
    /// Must never be shown (again).
    pub const TOMBSTONE: u32 = 2;
    /// The pre-message of a split attachment.
    pub const PRE_MESSAGE: u32 = 3;
    /// A post-message that waits on a relay.
    pub const AVAILABLE: u32 = 4;
}

/// What is known about a Message-ID.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct KnownMailRecord {
    /// One of [`known_mail`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// The message, 0 for none.
    #[prost(uint32, tag = "2")]
    pub message: u32,
    /// When it became known.
    #[prost(int64, tag = "3")]
    pub time: i64,
    /// The relay copies should be deleted.
    #[prost(bool, tag = "4")]
    pub delete: bool,
    /// The relay copies should be flagged as seen.
    #[prost(bool, tag = "5")]
    pub seen: bool,
}

/// A copy of a mail on a relay.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ServerCopyRecord {
    /// Message-ID without angle brackets.
    #[prost(string, tag = "1")]
    pub mid: String,
}

/// What a relay still has to do with a copy.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct FlagRecord {
    /// Delete it; else flag it as seen.
    #[prost(bool, tag = "1")]
    pub delete: bool,
}

/// Kinds of queued mail.
pub mod outbox {
    /// The message itself (with pre- and post-message if it is large).
    pub const MESSAGE: u32 = 1;
    /// Only for the contacts named in the record.
    pub const DIRECTED: u32 = 2;
    /// Encrypted with a password instead of keys.
    pub const PASSWORD: u32 = 3;
    /// Clear text (first step of the legacy handshake).
    pub const CLEAR: u32 = 4;
    /// Announces the relay list to the contacts named in the record, unsigned.
    pub const KEY_UPDATE: u32 = 5;
}

/// A mail that waits to be sent; it is rendered when a relay is about to take it.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct OutboxRecord {
    /// One of [`outbox`].
    #[prost(uint32, tag = "1")]
    pub kind: u32,
    /// The message, hidden ones included.
    #[prost(uint32, tag = "2")]
    pub message: u32,
    /// Contacts to send to, in place of the members of the chat.
    #[prost(uint32, repeated, tag = "3")]
    pub contacts: Vec<u32>,
    /// Addresses to send to, in place of the relays of the contacts.
    #[prost(string, repeated, tag = "4")]
    pub addrs: Vec<String>,
    /// Secret of a mail of kind [`outbox::PASSWORD`]: fingerprint of the inviter, `/`, auth token.
    #[prost(string, tag = "5")]
    pub password: String,
    /// Sign a mail of kind [`outbox::PASSWORD`] and attach the own certificate.
    #[prost(bool, tag = "6")]
    pub signed: bool,
    /// Tries so far.
    #[prost(uint32, tag = "7")]
    pub tries: u32,
    /// Not before this time.
    #[prost(int64, tag = "8")]
    pub not_before: i64,
    /// Gossip the keys of all recipients, whatever the gossip period says.
    #[prost(bool, tag = "9")]
    pub gossip: bool,
    /// Recipients that need no mail of it any more, because they have got it or were refused; empty before anybody has.
    #[prost(string, repeated, tag = "10")]
    pub done: Vec<String>,
    /// Do not compress the encrypted part.
    #[prost(bool, tag = "11")]
    pub uncompressed: bool,
    /// The pre-message of a split attachment was sent.
    #[prost(bool, tag = "12")]
    pub pre_sent: bool,
    /// Send no copy to own devices.
    #[prost(bool, tag = "13")]
    pub no_self_copy: bool,
    /// Chat of the message, 0 for none: within a chat mails leave in order.
    #[prost(uint32, tag = "14")]
    pub chat: u32,
    /// It waits because no relay was reachable, not because one refused it for now.
    #[prost(bool, tag = "15")]
    pub unreachable: bool,
}

/// A read receipt that waits to be sent.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ReceiptJobRecord {
    /// Message-ID of the message that was read.
    #[prost(string, tag = "1")]
    pub mid: String,
    /// Tries so far.
    #[prost(uint32, tag = "2")]
    pub tries: u32,
    /// Not before this time.
    #[prost(int64, tag = "3")]
    pub not_before: i64,
}

/// Namespaces of tokens.
pub mod token {
    /// Invite number.
    pub const INVITE: u32 = 1;
    /// Auth token.
    pub const AUTH: u32 = 2;
}

/// A secret of an own invite code.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TokenRecord {
    /// One of [`token`].
    #[prost(uint32, tag = "1")]
    pub namespace: u32,
    /// Empty for contact codes, else the group or channel id.
    #[prost(string, tag = "2")]
    pub scope: String,
    /// The secret.
    #[prost(string, tag = "3")]
    pub value: String,
    /// When it was made.
    #[prost(int64, tag = "4")]
    pub created: i64,
}

/// A handshake that we started as joiner and that waits for the inviter.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct JoinRecord {
    /// Contact id of the inviter.
    #[prost(uint32, tag = "1")]
    pub contact: u32,
    /// Serialised state of the handshake.
    #[prost(bytes = "vec", tag = "2")]
    pub state: Vec<u8>,
    /// Auth token of the code.
    #[prost(string, tag = "3")]
    pub password: String,
    /// Fingerprint of the inviter.
    #[prost(string, tag = "4")]
    pub fingerprint: String,
    /// The group or channel that is joined, 0 for none.
    #[prost(uint32, tag = "5")]
    pub chat: u32,
}

/// Something that is due at a time.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct DeadlineRecord {}
