//! Profiles, their settings, keys and transports.

/// The process-wide registry: which profile is selected and how they are ordered for display.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ManagerRecord {
    /// The id that the next new profile gets; ids are never reused.
    #[prost(uint32, tag = "1")]
    pub next_id: u32,
    /// The selected profile, 0 for none.
    #[prost(uint32, tag = "2")]
    pub selected: u32,
    /// Profile ids in display order.
    #[prost(uint32, repeated, tag = "3")]
    pub order: Vec<u32>,
    /// Profiles that were removed, but not all of their rows.
    #[prost(message, repeated, tag = "4")]
    pub leaving: Vec<LeavingRecord>,
}

/// A profile that was removed from the registry, while its rows and its folder are still being removed.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct LeavingRecord {
    /// Its id.
    #[prost(uint32, tag = "1")]
    pub profile: u32,
    /// Name of its folder.
    #[prost(string, tag = "2")]
    pub uuid: String,
}

/// One profile.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ProfileRecord {
    /// Random name of the profile's folder.
    #[prost(string, tag = "1")]
    pub uuid: String,
    /// When the profile was made.
    #[prost(int64, tag = "2")]
    pub created: i64,
}

/// Next free numbers within a profile. Real ids start at 10, smaller ones are special.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CounterRecord {
    /// Last message id given out.
    #[prost(uint32, tag = "1")]
    pub message: u32,
    /// Last chat id given out.
    #[prost(uint32, tag = "2")]
    pub chat: u32,
    /// Last contact id given out.
    #[prost(uint32, tag = "3")]
    pub contact: u32,
    /// Last transport id given out.
    #[prost(uint32, tag = "4")]
    pub transport: u32,
    /// Last sequence number given out (outbox, tokens, joins).
    #[prost(uint64, tag = "5")]
    pub sequence: u64,
}

/// The own OpenPGP key.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct KeyRecord {
    /// Transferable secret key, binary (RFC 9580 §10.2).
    #[prost(bytes = "vec", tag = "1")]
    pub secret_key: Vec<u8>,
    /// Upper-case hex fingerprint.
    #[prost(string, tag = "2")]
    pub fingerprint: String,
    /// Creation time of the key.
    #[prost(int64, tag = "3")]
    pub created: i64,
    /// When the relay list last changed: the signature time of the transmitted certificate.
    #[prost(int64, tag = "4")]
    pub relays_changed: i64,
}

/// A relay of the profile: one e-mail address with its IMAP and SMTP logins.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TransportRecord {
    /// The address, lower-case.
    #[prost(string, tag = "1")]
    pub addr: String,
    /// What the user entered, in the JSON form that devices exchange.
    #[prost(string, tag = "2")]
    pub entered: String,
    /// What was found to work, in the JSON form that devices exchange; empty for a transport without servers.
    #[prost(string, tag = "3")]
    pub configured: String,
    /// When it was added.
    #[prost(int64, tag = "4")]
    pub added: i64,
    /// UIDVALIDITY of the watched folder, 0 if never selected.
    #[prost(uint32, tag = "5")]
    pub uid_validity: u32,
    /// First UID that was not looked at yet.
    #[prost(uint32, tag = "6")]
    pub uid_next: u32,
    /// Last successful submission.
    #[prost(int64, tag = "7")]
    pub sent_ok: i64,
    /// Last failed submission.
    #[prost(int64, tag = "8")]
    pub sent_failed: i64,
    /// Last mail received.
    #[prost(int64, tag = "9")]
    pub received: i64,
    /// When the newest mail arrived that was in the folder before its first visit, by the clock of the relay: mail
    /// from before is left alone for ever. 0 if there was none.
    #[prost(int64, tag = "10")]
    pub ignored_until: i64,
    /// The folder was renumbered: UIDs from `uid_next` up to this one are looked at once more.
    #[prost(uint32, tag = "11")]
    pub rescan_below: u32,
}

/// A single text value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TextRecord {
    /// The text.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A single time value.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct TimeRecord {
    /// The time.
    #[prost(int64, tag = "1")]
    pub time: i64,
}

/// The key that a host showed when its certificate was last checked.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct HostKeyRecord {
    /// SHA-256 of the SubjectPublicKeyInfo.
    #[prost(bytes = "vec", tag = "1")]
    pub hash: Vec<u8>,
    /// When it was last seen.
    #[prost(int64, tag = "2")]
    pub time: i64,
}

/// A connection that worked.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct RouteRecord {
    /// When it last did.
    #[prost(int64, tag = "1")]
    pub time: i64,
    /// The certificate was checked.
    #[prost(bool, tag = "2")]
    pub strict: bool,
}
