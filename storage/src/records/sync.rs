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
        /// Its place among changes of that time.
        pub order: u32 = 4,
    }
}

record! {
    /// The last change of something that devices share.
    pub struct SyncStampRecord {
        /// When it was made, by the clock of the device that made it.
        pub time: i64 = 1,
        /// Its place among changes of that time.
        pub order: u32 = 2,
        /// Digest of its wire form, which decides between devices that made a change at the same time.
        pub digest: Vec<u8> = 3,
    }
}
