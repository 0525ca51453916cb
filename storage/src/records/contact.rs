//! Contacts and their certificates.

use super::field::record;
use super::number::numbers;
use crate::ContactId;

numbers! {
    /// How well a contact is known; higher is better. Contact lists show contacts from [`ReplyTo`](Self::ReplyTo) on.
    #[derive(PartialOrd, Ord)]
    pub enum ContactOrigin {
        /// Nothing is known; the own contact.
        #[default]
        Unknown = 0,
        /// Pseudo contact that stands for a blocked list.
        MailinglistAddress = 0x2,
        /// Known only from a member list or gossip.
        Hidden = 0x8,
        /// Sender of a message that was not accepted.
        IncomingUnknownFrom = 0x10,
        /// Co-recipient of an unknown sender.
        IncomingUnknownTo = 0x40,
        /// A code with an address was scanned.
        UnhandledQrScan = 0x80,
        /// An invite was scanned, nothing done yet.
        UnhandledSecurejoinScan = 0x81,
        /// An unknown sender replied to a message that we know.
        ReplyTo = 0x100,
        /// Co-recipient of a known sender, member of an accepted group.
        IncomingTo = 0x400,
        /// The user made or accepted a single chat, or imported a vCard.
        CreateChat = 0x800,
        /// We wrote to exactly this recipient.
        OutgoingTo = 0x4000,
        /// Taken from an address book.
        AddressBook = 0x8_0000,
        /// Joined one of our groups by code.
        SecurejoinInvited = 0x100_0000,
        /// We joined by this contact's code.
        SecurejoinJoined = 0x200_0000,
        /// The user typed the address.
        ManuallyCreated = 0x400_0000,
    }
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
        /// How well it is known.
        pub origin: ContactOrigin = 5,
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
