//! In-chat apps: what is known of an instance beside its message, and its log of updates.

use super::field::record;
use crate::{ChatId, MessageId};

record! {
    /// An app instance that has, or had, updates.
    pub struct AppRecord {
        /// Name of the document that is open in it; empty for none.
        pub document: String = 1,
        /// Time of the update that set it.
        pub document_at: i64 = 2,
        /// Its short status; empty for none.
        pub summary: String = 3,
        /// Time of the update that set it.
        pub summary_at: i64 = 4,
        /// Updates up to this number travel in the mail of the app itself.
        pub with_app: u32 = 5,
        /// First update that waits to be sent in a mail of its own; 0 for none.
        pub unsent_first: u32 = 6,
        /// Last update that waits to be sent.
        pub unsent_last: u32 = 7,
        /// Hidden message with the updates that were queued last.
        pub mail: Option<MessageId> = 8,
        /// Until when the mails with updates are paid for: each takes the place of others for an interval.
        pub paid_until: i64 = 9,
        /// Chat for which it shows a map; `None` for all.
        pub map_chat: Option<ChatId> = 10,
    }
}

record! {
    /// A node of the realtime channel of an app.
    pub struct AppNodeRecord {
        /// URL of the relay at which it can be found; empty for none.
        pub relay: String = 1,
        /// When it was announced last.
        pub time: i64 = 2,
    }
}

record! {
    /// An update of an app.
    pub struct AppUpdateRecord {
        /// Its wire form, JSON.
        pub json: String = 1,
        /// What tells its repetitions; empty for none.
        pub uid: String = 2,
    }
}
