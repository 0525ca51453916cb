//! Contacts and their certificates.

use super::field::record;
use crate::ContactId;

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

record! {
    /// A contact: identified by its fingerprint (key-contact) or, without one, by its address (address-contact).
    pub struct ContactRecord {
        /// The last seen address of a key-contact, the identity of an address-contact.
        pub addr: String = 1,
        /// Upper-case hex fingerprint; empty for an address-contact.
        pub fingerprint: String = 2,
        /// The name that the user gave; never sent.
        pub name: String = 3,
        /// The name that the contact gave itself.
        pub auth_name: String = 4,
        /// One of [`origin`].
        pub origin: u32 = 5,
        /// The user blocked this contact.
        pub blocked: bool = 6,
        /// Newest sent time of all mail of this contact.
        pub last_seen: i64 = 7,
        /// The footer text of its messages.
        pub status: String = 8,
        /// Sent time of the mail that set `status`.
        pub status_changed: i64 = 9,
        /// Blob name of its picture; empty for none.
        pub avatar: String = 10,
        /// Sent time of the mail that set `avatar`.
        pub avatar_changed: i64 = 11,
        /// Its messages are marked as automatically generated.
        pub is_bot: bool = 12,
        /// Verification: by ourselves, in a handshake; by another contact, who introduced it; by the contact itself: it
        /// was introduced by somebody unknown.
        pub verifier: Option<ContactId> = 13,
        /// When our own picture was last sent to this contact.
        pub own_avatar_sent: i64 = 14,
    }
}

record! {
    /// The OpenPGP certificate of a fingerprint.
    pub struct CertificateRecord {
        /// Transferable public key, binary (RFC 9580 §10.1).
        pub certificate: Vec<u8> = 1,
        /// Addresses of the relay list, newest first.
        pub relays: Vec<String> = 2,
    }
}
