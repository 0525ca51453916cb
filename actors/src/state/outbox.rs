//! The queue of mail to be sent.

use volary_storage::records::{OutboxRecord, ReceiptJobRecord};
use volary_storage::tables::{COUNTERS, OUTBOX, RECEIPT_JOBS};
use volary_storage::{StoreError, View};

use crate::db::Tx;

/// The next sequence number of the profile.
pub fn next_sequence(tx: &mut Tx<'_, '_>) -> Result<u64, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.sequence += 1;
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    Ok(counters.sequence)
}

/// Queues a mail.
pub fn push(tx: &mut Tx<'_, '_>, record: &OutboxRecord) -> Result<u64, StoreError> {
    let sequence = next_sequence(tx)?;
    tx.store.put(&OUTBOX, &(tx.profile, sequence), record)?;
    tx.effects().outbox = true;
    Ok(sequence)
}

/// The queue, oldest first, at most `limit` entries.
pub fn entries(view: &impl View, profile: u32, limit: usize) -> Result<Vec<(u64, OutboxRecord)>, StoreError> {
    let rows = view.scan_prefix(&OUTBOX, &profile)?.take(limit);
    rows.map(|row| row.map(|((_, sequence), record)| (sequence, record))).collect()
}

/// Whether anything waits to be sent.
pub fn is_empty(view: &impl View, profile: u32) -> Result<bool, StoreError> {
    Ok(view.scan_prefix(&OUTBOX, &profile)?.next().transpose()?.is_none())
}

/// Whether a message still waits to be sent.
pub fn is_queued(view: &impl View, profile: u32, message: u32) -> Result<bool, StoreError> {
    for row in view.scan_prefix(&OUTBOX, &profile)? {
        if row?.1.message == message {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Takes an entry from the queue.
pub fn remove(tx: &mut Tx<'_, '_>, sequence: u64) -> Result<bool, StoreError> {
    tx.store.remove(&OUTBOX, &(tx.profile, sequence))
}

/// Changes an entry; entries that are gone are left alone.
pub fn update(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    change: impl FnOnce(&mut OutboxRecord),
) -> Result<(), StoreError> {
    let key = (tx.profile, sequence);
    if let Some(mut record) = tx.store.get(&OUTBOX, &key)? {
        change(&mut record);
        tx.store.put(&OUTBOX, &key, &record)?;
    }
    Ok(())
}

/// Queues a read receipt for a message of a contact (SELF: only for own devices).
pub fn push_receipt(tx: &mut Tx<'_, '_>, contact: u32, message: u32, mid: &str) -> Result<(), StoreError> {
    let record = ReceiptJobRecord { mid: mid.to_owned(), ..Default::default() };
    tx.store.put(&RECEIPT_JOBS, &(tx.profile, contact, message), &record)?;
    tx.effects().outbox = true;
    Ok(())
}

/// The waiting read receipts: (contact, message, job).
pub fn receipts(view: &impl View, profile: u32) -> Result<Vec<(u32, u32, ReceiptJobRecord)>, StoreError> {
    let rows = view.scan_prefix(&RECEIPT_JOBS, &profile)?;
    rows.map(|row| row.map(|((_, contact, message), record)| (contact, message, record))).collect()
}
