//! Ids. Real chats, contacts and messages start at 10; those below are reserved.

pub use volary_storage::{ChatId, ContactId, MessageId, ProfileId, TransportId};

/// Ids as answers and events carry them.
pub fn numbers<T: Into<u32>>(ids: impl IntoIterator<Item = T>) -> Vec<u32> {
    ids.into_iter().map(Into::into).collect()
}

/// Ids out of what requests carry.
pub fn typed<T: From<u32>>(numbers: impl IntoIterator<Item = u32>) -> Vec<T> {
    numbers.into_iter().map(T::from).collect()
}

/// Highest reserved id of any kind.
pub const LAST_SPECIAL: u32 = 9;

/// Reserved contact ids.
pub mod contact {
    /// Ourselves.
    pub const SELF: u32 = 1;
    /// Author of info lines that are made locally.
    pub const INFO: u32 = 2;
    /// Author of device messages.
    pub const DEVICE: u32 = 5;
}

/// Reserved chat ids.
pub mod chat {
    /// Deleted messages.
    pub const TRASH: u32 = 3;
    /// Entry of the chat list that leads to the archive.
    pub const ARCHIVED_LINK: u32 = 6;
    /// Entry of the chat list that hints at an all-archived list.
    pub const ALL_DONE_HINT: u32 = 7;
}

/// Id that stands for a day marker in lists of message ids.
pub const DAY_MARKER: u32 = 9;
