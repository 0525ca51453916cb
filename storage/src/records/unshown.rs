//! Received mails of which nothing is shown: those that wait, and what became of the others.

use super::field::record;
use super::number::numbers;
use crate::TransportId;

numbers! {
    /// Why a mail waits. One of a later version is kept as if by a fault of this program, until that version is back.
    pub enum WaitKind else Other {
        /// No known shared secret opens it.
        Secret = 1,
        /// The key of its signer is unknown.
        Signer = 2,
        /// The group or channel that it changes is unknown, or its author is not known to be a member.
        Group = 3,
        /// A fault of this program or of its data.
        #[default]
        Fault = 4,
        /// The app whose updates it brings is not here.
        App = 5,
    }
}

numbers! {
    /// Why nothing of a received mail is shown.
    ///
    /// Later versions may have more reasons.
    pub enum NotShownReason else Other {
        /// Not known.
        #[default]
        Unknown = 0,
        /// No known shared secret opens it (a channel or an invite that is not known yet, or not any more).
        NoSecret = 1,
        /// It is signed with a key that is not known yet.
        SignerUnknown = 2,
        /// It changes a group or channel that is not known yet, or its author is not known to be a member.
        GroupUnknown = 3,
        /// A fault of this program or of its data.
        Fault = 4,
        /// It is no mail that can be read.
        Unreadable = 5,
        /// It is not encrypted, and only encrypted mail is wanted.
        Unencrypted = 6,
        /// It is not encrypted to the own key.
        NotDecrypted = 7,
        /// It is encrypted, but not validly signed, and only signed mail is wanted.
        Unsigned = 8,
        /// Whoever signed it may not send it so, or meant it for others; or the sender is forged.
        Refused = 9,
        /// It names no sender that can be used.
        NoSender = 10,
        /// Its sender is blocked.
        Blocked = 11,
        /// A step of a handshake that was refused.
        Handshake = 12,
        /// It belongs to no chat.
        NoChat = 13,
        /// A kind of message that is not supported yet.
        NotSupported = 14,
        /// It brings updates of an app that is not here yet.
        AppUnknown = 15,
    }
}

numbers! {
    /// What became of a received mail of which nothing is shown.
    ///
    /// Later versions may have more states.
    pub enum NotShownState else Other {
        /// It is kept here and tried again when something changes.
        #[default]
        Kept = 0,
        /// It was kept and tried again for long, or there were too many.
        GivenUp = 1,
        /// It was judged and is gone.
        Dropped = 2,
        /// It was judged by its header fields and left on the relay.
        Skipped = 3,
        /// It is stored in a chat that is not shown.
        Hidden = 4,
    }
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
        /// Why it waits.
        pub wait: WaitKind = 5,
        /// Fingerprints of possible signers, the id of the group, or the Message-ID of the app.
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
        /// The reason.
        pub reason: NotShownReason = 5,
        /// The reason in words.
        pub text: String = 6,
        /// What became of it.
        pub state: NotShownState = 7,
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
