//! Several updates as one attachment, `status-update.json`.

use serde::Deserialize;

use super::Update;

/// A mail takes updates until the next one would make them this long, in bytes; the first one always.
pub const BATCH_BYTES: usize = 100 * 1024;

/// Most updates that are taken from one mail. A mail with the whole state of an app in long use has some thousand.
pub const MAX_UPDATES: usize = 200_000;

/// Largest attachment that is read, in bytes.
pub const MAX_BATCH_BYTES: usize = 30 << 20;

/// Why an attachment is refused. One bad update refuses all.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Not the JSON of updates.
    #[error("the updates cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// More bytes than [`MAX_BATCH_BYTES`].
    #[error("the updates have {0} bytes, at most {MAX_BATCH_BYTES} are read")]
    Size(usize),
    /// More than [`MAX_UPDATES`].
    #[error("there are {0} updates, at most {MAX_UPDATES} are read")]
    Count(usize),
}

#[derive(Deserialize)]
struct Attachment {
    updates: Vec<Update>,
}

/// Reads an attachment.
pub fn parse(json: &str) -> Result<Vec<Update>, BatchError> {
    if json.len() > MAX_BATCH_BYTES {
        return Err(BatchError::Size(json.len()));
    }
    let Attachment { updates } = serde_json::from_str(json)?;
    if updates.len() > MAX_UPDATES {
        return Err(BatchError::Count(updates.len()));
    }
    Ok(updates)
}

/// Writes an attachment from updates in their wire form.
pub fn write<T: AsRef<str>>(updates: impl IntoIterator<Item = T>) -> String {
    let mut json = String::from("{\"updates\":[");
    for (at, update) in updates.into_iter().enumerate() {
        if at > 0 {
            json.push_str(",\n");
        }
        json.push_str(update.as_ref());
    }
    json.push_str("]}");
    json
}

/// How many updates the next mail takes, by the length of their wire forms.
pub fn next_mail(lengths: impl IntoIterator<Item = usize>) -> usize {
    let mut total = 0usize;
    let mut count = 0;
    for length in lengths {
        total = total.saturating_add(length);
        if count > 0 && total >= BATCH_BYTES {
            break;
        }
        count += 1;
    }
    count
}
