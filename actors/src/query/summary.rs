//! What is shown of a message in one line.

use volary_storage::records::MessageRecord;
use volary_storage::{StoreError, View};

use crate::texts::Texts;

/// The summary of a message as the chat list shows it.
pub fn text(_view: &impl View, _texts: &Texts, _profile: u32, record: &MessageRecord) -> Result<String, StoreError> {
    Ok(record.text.split_whitespace().collect::<Vec<_>>().join(" "))
}
