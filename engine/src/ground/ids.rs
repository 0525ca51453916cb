//! Ids. Real chats, contacts and messages start at 10; those below are reserved.

pub use volary_storage::{ChatId, ContactId, LocationId, MessageId, ProfileId, TransportId};

/// Ids as answers and events carry them.
pub fn numbers<T: Into<u32>>(ids: impl IntoIterator<Item = T>) -> Vec<u32> {
    ids.into_iter().map(Into::into).collect()
}

/// Ids out of what requests carry.
pub fn typed<T: From<u32>>(numbers: &[u32]) -> Vec<T> {
    numbers.iter().copied().map(T::from).collect()
}
