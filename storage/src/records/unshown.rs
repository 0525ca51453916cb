//! Received mails of which nothing is shown: those that wait, and what became of the others.

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

/// A mail that cannot be taken in now. Its bytes are a blob.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct QuarantineRecord {
    /// Outer Message-ID without angle brackets, or a made-up one.
    #[prost(string, tag = "1")]
    pub mid: String,
    /// Hash of what stands behind the header: copies on several relays have the same.
    #[prost(string, tag = "2")]
    pub digest: String,
    /// Name of the blob that holds the mail.
    #[prost(string, tag = "3")]
    pub blob: String,
    /// Length of the mail.
    #[prost(uint64, tag = "4")]
    pub bytes: u64,
    /// One of [`wait`].
    #[prost(uint32, tag = "5")]
    pub wait: u32,
    /// Fingerprints of possible signers, or the id of the group.
    #[prost(string, repeated, tag = "6")]
    pub waits_for: Vec<String>,
    /// What failed, if it is a fault.
    #[prost(string, tag = "7")]
    pub detail: String,
    /// When it was received first.
    #[prost(int64, tag = "8")]
    pub first_seen: i64,
    /// How often it was tried.
    #[prost(uint32, tag = "9")]
    pub tries: u32,
    /// The relay had it flagged as seen.
    #[prost(bool, tag = "10")]
    pub seen: bool,
    /// The transport that it came over.
    #[prost(uint32, tag = "11")]
    pub transport: u32,
}

/// What is to be known of a mail of which nothing is shown.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct NotShownRecord {
    /// When it was received.
    #[prost(int64, tag = "1")]
    pub time: i64,
    /// Host of the address that it came to.
    #[prost(string, tag = "2")]
    pub relay: String,
    /// Message-ID without angle brackets, or a made-up one.
    #[prost(string, tag = "3")]
    pub mid: String,
    /// The visible sender, shortened.
    #[prost(string, tag = "4")]
    pub sender: String,
    /// Number of the reason, as the query names them.
    #[prost(uint32, tag = "5")]
    pub reason: u32,
    /// The reason in words.
    #[prost(string, tag = "6")]
    pub text: String,
    /// Number of what became of it, as the query names them.
    #[prost(uint32, tag = "7")]
    pub state: u32,
}

/// A new text for a message that is not here yet.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct PendingEditRecord {
    /// The text.
    #[prost(string, tag = "1")]
    pub text: String,
    /// When the author sent the edit.
    #[prost(int64, tag = "2")]
    pub sent: i64,
    /// It came encrypted and signed.
    #[prost(bool, tag = "3")]
    pub encrypted: bool,
    /// When it arrived.
    #[prost(int64, tag = "4")]
    pub time: i64,
}
