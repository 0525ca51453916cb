//! Changes that wait to be told to the other devices of the user.

use super::field::record;
use crate::MessageId;

record! {
    /// A change.
    pub struct SyncItemRecord {
        /// When it was made.
        pub time: i64 = 1,
        /// Its wire form, JSON.
        pub data: String = 2,
        /// Hidden message that brings it; `None` while it waits for one.
        pub mail: Option<MessageId> = 3,
    }
}
