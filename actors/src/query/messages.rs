//! Messages.

use volary_storage::records::message_state;
use volary_storage::tables::MESSAGES;
use volary_storage::{StoreError, View};

use crate::state::{config, ids};

/// Ids of the shown messages after the setting `last_msg_id`, oldest first.
pub fn next_msgs(view: &impl View, profile: u32) -> Result<Vec<u32>, StoreError> {
    let last = config::number(view, profile, config::key::LAST_MSG_ID)?;
    let first = u32::try_from(last.saturating_add(1)).unwrap_or(0).max(ids::LAST_SPECIAL + 1);
    let mut found = Vec::new();
    for row in view.range(&MESSAGES, (profile, first)..)? {
        let ((_, id), record) = row?;
        if !record.hidden && record.state != message_state::OUT_DRAFT {
            found.push(id);
        }
    }
    Ok(found)
}
