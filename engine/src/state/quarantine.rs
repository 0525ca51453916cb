//! Mails that wait: their rows.

use volary_storage::records::QuarantineRecord;
use volary_storage::tables::QUARANTINE;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;

/// All rows of a profile that can be read, oldest first: a damaged one must not stop receiving.
pub fn all(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, QuarantineRecord)>, StoreError> {
    view.scan_prefix(&QUARANTINE, &profile)?
        .filter_map(|row| match row {
            Err(error @ StoreError::Row { .. }) => {
                tracing::error!(%profile, %error, "a mail that waits cannot be read");
                None
            }
            row => Some(row.map(|((_, sequence), record)| (sequence, record))),
        })
        .collect()
}

/// One row.
pub fn load(
    view: &impl View,
    profile: ProfileId,
    sequence: u64,
) -> Result<Option<QuarantineRecord>, StoreError> {
    view.get(&QUARANTINE, &(profile, sequence))
}

/// Whether no mail waits.
pub fn is_empty(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(view.first(&QUARANTINE, &profile)?.is_none())
}

/// Adds a row behind all others.
pub fn add(tx: &mut Tx<'_, '_>, record: &QuarantineRecord) -> Result<u64, StoreError> {
    let last = tx.store.scan_prefix(&QUARANTINE, &tx.profile)?.next_back().transpose()?;
    let sequence = last.map_or(1, |((_, sequence), _)| sequence + 1);
    tx.store.put(&QUARANTINE, &(tx.profile, sequence), record)?;
    Ok(sequence)
}

/// Writes a row anew.
pub fn put(tx: &mut Tx<'_, '_>, sequence: u64, record: &QuarantineRecord) -> Result<(), StoreError> {
    tx.store.put(&QUARANTINE, &(tx.profile, sequence), record)
}

/// Removes a row. Its blob goes with the next housekeeping.
pub fn remove(tx: &mut Tx<'_, '_>, sequence: u64) -> Result<(), StoreError> {
    tx.store.remove(&QUARANTINE, &(tx.profile, sequence)).map(|_| ())
}
