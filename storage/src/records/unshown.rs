//! Received mails of which nothing is shown: those that wait, and what became of the others.

use super::field::record;
use crate::TransportId;

/// Why a mail waits.
pub mod wait {
    /// No known shared secret opens it.
    pub const SECRET: u32 = 1;
    /// The key of its signer is unknown.
    pub const SIGNER: u32 = 2;
    /// The group or channel that it changes is unknown, or its author is not known to be a member.
    pub const GROUP: u32 = 3;
    /// A fault of this program or of its data.
    pub const FAULT: u32 = 4;
}

record! {
    /// A mail that cannot be taken in now. Its bytes are a blob.
    pub struct QuarantineRecord {
        /// Outer Message-ID without angle brackets, or a made-up one.
        pub mid: String = 1,
        /// Hash of what stands behind the header: copies on several relays have the same.
        pub digest: String = 2,
        /// Name of the blob that holds the mail.
        pub blob: String = 3,
        /// Length of the mail.
        pub bytes: u64 = 4,
        /// One of [`wait`].
        pub wait: u32 = 5,
        /// Fingerprints of possible signers, or the id of the group.
        pub waits_for: Vec<String> = 6,
        /// What failed, if it is a fault.
        pub detail: String = 7,
        /// When it was received first.
        pub first_seen: i64 = 8,
        /// How often it was tried.
        pub tries: u32 = 9,
        /// The relay had it flagged as seen.
        pub seen: bool = 10,
        /// The transport that it came over.
        pub transport: TransportId = 11,
    }
}

record! {
    /// What is to be known of a mail of which nothing is shown.
    pub struct NotShownRecord {
        /// When it was received.
        pub time: i64 = 1,
        /// Host of the address that it came to.
        pub relay: String = 2,
        /// Message-ID without angle brackets, or a made-up one.
        pub mid: String = 3,
        /// The visible sender, shortened.
        pub sender: String = 4,
        /// Number of the reason, as the query names them.
        pub reason: u32 = 5,
        /// The reason in words.
        pub text: String = 6,
        /// Number of what became of it, as the query names them.
        pub state: u32 = 7,
    }
}

record! {
    /// A new text for a message that is not here yet.
    pub struct PendingEditRecord {
        /// The text.
        pub text: String = 1,
        /// When the author sent the edit.
        pub sent: i64 = 2,
        /// It came encrypted and signed.
        pub encrypted: bool = 3,
        /// When it arrived.
        pub time: i64 = 4,
    }
}
