//! Profiles, their settings, keys and transports.

use super::field::record;
use crate::{ChatId, ContactId, LocationId, MessageId};
use crate::{ProfileId, TransportId};

record! {
    /// The process-wide registry: which profile is selected and how they are ordered for display.
    pub struct ManagerRecord {
        /// The id that the next new profile gets; ids are never reused.
        pub next_id: ProfileId = 1,
        /// The selected profile.
        pub selected: Option<ProfileId> = 2,
        /// Profile ids in display order.
        pub order: Vec<ProfileId> = 3,
        /// Profiles that were removed, but not all of their rows.
        pub leaving: Vec<LeavingRecord> = 4,
        /// Token of this device for push notifications; empty for none.
        pub push_token: String = 5,
        /// Certificate of the notification proxy, armored; empty for that of most relays.
        pub push_proxy: String = 6,
        /// Profiles that are being filled from a backup.
        pub importing: Vec<ProfileId> = 7,
        /// Profiles of which a backup is being restored: not there yet, and removed if that does not come to its end.
        pub arriving: Vec<LeavingRecord> = 8,
    }
}

record! {
    /// A profile that was removed from the registry, while its rows and its folder are still being removed.
    pub struct LeavingRecord {
        /// Its id.
        pub profile: ProfileId = 1,
        /// Name of its folder.
        pub uuid: String = 2,
    }
}

record! {
    /// One profile.
    pub struct ProfileRecord {
        /// Random name of the profile's folder.
        pub uuid: String = 1,
        /// When the profile was made.
        pub created: i64 = 2,
        /// What it was copied from; empty if it was made here.
        pub source: String = 9,
        /// The copy is not whole: the profile goes at the next start.
        pub arriving: bool = 10,
    }
}

record! {
    /// Next free numbers within a profile. Real ids start at 10, smaller ones are special.
    pub struct CounterRecord {
        /// Last message id given out.
        pub message: MessageId = 1,
        /// Last chat id given out.
        pub chat: ChatId = 2,
        /// Last contact id given out.
        pub contact: ContactId = 3,
        /// Last transport id given out.
        pub transport: TransportId = 4,
        /// Last sequence number given out (outbox, tokens, joins).
        pub sequence: u64 = 5,
        /// Last location id given out.
        pub location: LocationId = 20,
        /// Last number given out to an update of an app.
        pub app_update: u32 = 6,
        /// Segments of messages of which changes are noted for the search index: those below this number.
        pub search_claimed: u32 = 14,
        /// Segments of messages in the search index: those below this number.
        pub search_indexed: u32 = 15,
        /// What the search index covers; the index of another number is made anew.
        pub search_form: u32 = 21,
    }
}

record! {
    /// How often something happened.
    pub struct CountRecord {
        /// The count, which starts anew when it overflows.
        pub count: u32 = 1,
    }
}

record! {
    /// The own OpenPGP key.
    pub struct KeyRecord {
        /// Transferable secret key, binary (RFC 9580 §10.2).
        pub secret_key: Vec<u8> = 1,
        /// Upper-case hex fingerprint.
        pub fingerprint: String = 2,
        /// Creation time of the key.
        pub created: i64 = 3,
        /// When the relay list last changed: the signature time of the transmitted certificate.
        pub relays_changed: i64 = 4,
    }
}

record! {
    /// A relay of the profile: one e-mail address with its IMAP and SMTP logins.
    pub struct TransportRecord {
        /// The address, lower-case.
        pub addr: String = 1,
        /// What the user entered, in the JSON form that devices exchange.
        pub entered: String = 2,
        /// What was found to work, in the JSON form that devices exchange; empty for a transport without servers.
        pub configured: String = 3,
        /// When it was added.
        pub added: i64 = 4,
        /// UIDVALIDITY of the watched folder, 0 if never selected.
        pub uid_validity: u32 = 5,
        /// First UID that was not looked at yet.
        pub uid_next: u32 = 6,
        /// Last successful submission.
        pub sent_ok: i64 = 7,
        /// Last failed submission.
        pub sent_failed: i64 = 8,
        /// Last mail received.
        pub received: i64 = 9,
        /// When the newest mail arrived that was in the folder when the transport was added, by the clock of the relay: mail
        /// from before is left alone for ever. 0 if there was none.
        pub ignored_until: i64 = 10,
        /// The folder was renumbered: UIDs from `uid_next` up to this one are looked at once more. Not 0 before the first
        /// visit: another device watches the folder already, so it is looked at from its beginning.
        pub rescan_below: u32 = 11,
        /// Contacts are not to send to it: it is only looked at.
        pub unpublished: bool = 12,
    }
}

record! {
    /// A single text value.
    pub struct TextRecord {
        /// The text.
        pub text: String = 1,
    }
}

record! {
    /// A single time value.
    pub struct TimeRecord {
        /// The time.
        pub time: i64 = 1,
    }
}

record! {
    /// The key that a host showed when its certificate was last checked.
    pub struct HostKeyRecord {
        /// SHA-256 of the SubjectPublicKeyInfo.
        pub hash: Vec<u8> = 1,
        /// When it was last seen.
        pub time: i64 = 2,
    }
}

record! {
    /// A connection that worked.
    #[derive(Copy)]
    pub struct RouteRecord {
        /// When it last did.
        pub time: i64 = 1,
        /// The certificate was checked.
        pub strict: bool = 2,
    }
}
