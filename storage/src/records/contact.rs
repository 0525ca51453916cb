//! Contacts and their certificates.

/// How well a contact is known; higher is better. Contact lists show contacts from [`origin::REPLY_TO`] on.
pub mod origin {
    /// Pseudo contact that stands for a blocked list.
    pub const MAILINGLIST_ADDRESS: u32 = 0x2;
    /// Known only from a member list or gossip.
    pub const HIDDEN: u32 = 0x8;
    /// Sender of a message that was not accepted.
    pub const INCOMING_UNKNOWN_FROM: u32 = 0x10;
    /// Co-recipient of an unknown sender.
    pub const INCOMING_UNKNOWN_TO: u32 = 0x40;
    /// A code with an address was scanned.
    pub const UNHANDLED_QR_SCAN: u32 = 0x80;
    /// An invite was scanned, nothing done yet.
    pub const UNHANDLED_SECUREJOIN_SCAN: u32 = 0x81;
    /// An unknown sender replied to a message that we know.
    pub const REPLY_TO: u32 = 0x100;
    /// Co-recipient of a known sender, member of an accepted group.
    pub const INCOMING_TO: u32 = 0x400;
    /// The user made or accepted a single chat, or imported a vCard.
    pub const CREATE_CHAT: u32 = 0x800;
    /// We wrote to exactly this recipient.
    pub const OUTGOING_TO: u32 = 0x4000;
    /// Taken from an address book.
    pub const ADDRESS_BOOK: u32 = 0x8_0000;
    /// Joined one of our groups by code.
    pub const SECUREJOIN_INVITED: u32 = 0x100_0000;
    /// We joined by this contact's code.
    pub const SECUREJOIN_JOINED: u32 = 0x200_0000;
    /// The user typed the address.
    pub const MANUALLY_CREATED: u32 = 0x400_0000;
}

/// A contact: identified by its fingerprint (key-contact) or, without one, by its address (address-contact).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ContactRecord {
    /// The last seen address of a key-contact, the identity of an address-contact.
    #[prost(string, tag = "1")]
    pub addr: String,
    /// Upper-case hex fingerprint; empty for an address-contact.
    #[prost(string, tag = "2")]
    pub fingerprint: String,
    /// The name that the user gave; never sent.
    #[prost(string, tag = "3")]
    pub name: String,
    /// The name that the contact gave itself.
    #[prost(string, tag = "4")]
    pub auth_name: String,
    /// One of [`origin`].
    #[prost(uint32, tag = "5")]
    pub origin: u32,
    /// The user blocked this contact.
    #[prost(bool, tag = "6")]
    pub blocked: bool,
    /// Newest sent time of all mail of this contact.
    #[prost(int64, tag = "7")]
    pub last_seen: i64,
    /// The footer text of its messages.
    #[prost(string, tag = "8")]
    pub status: String,
    /// Sent time of the mail that set `status`.
    #[prost(int64, tag = "9")]
    pub status_changed: i64,
    /// Blob name of its picture; empty for none.
    #[prost(string, tag = "10")]
    pub avatar: String,
    /// Sent time of the mail that set `avatar`.
    #[prost(int64, tag = "11")]
    pub avatar_changed: i64,
    /// Its messages are marked as automatically generated.
    #[prost(bool, tag = "12")]
    pub is_bot: bool,
    /// Verification: 0 none, 1 by our own handshake, another contact's id: introduced by it, the contact's own
    /// id: introduced by somebody unknown.
    #[prost(uint32, tag = "13")]
    pub verifier: u32,
    /// When our own picture was last sent to this contact.
    #[prost(int64, tag = "14")]
    pub own_avatar_sent: i64,
}

/// The OpenPGP certificate of a fingerprint.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CertificateRecord {
    /// Transferable public key, binary (RFC 9580 §10.1).
    #[prost(bytes = "vec", tag = "1")]
    pub certificate: Vec<u8>,
    /// Addresses of the relay list, newest first.
    #[prost(string, repeated, tag = "2")]
    pub relays: Vec<String>,
}
