//! Received mails of which nothing is shown: the newest of them, with the reason.

use volary_storage::records::NotShownRecord;
use volary_storage::tables::{NOT_SHOWN, NOT_SHOWN_BY_MID};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;

/// That many are remembered for a profile; older ones are forgotten.
pub const REMEMBERED: u64 = 1_000;

/// Remembers a mail. One that is known already under the same reason only gets another state. Whether it is new.
pub fn note(tx: &mut Tx<'_, '_>, record: &NotShownRecord) -> Result<bool, StoreError> {
    for (sequence, mut old) in of_mail(tx.store, tx.profile, &record.mid)? {
        if old.reason == record.reason {
            let changed = old.state != record.state;
            if changed {
                old.state = record.state;
                tx.store.put(&NOT_SHOWN, &(tx.profile, sequence), &old)?;
            }
            return Ok(changed);
        }
    }
    let last = tx.store.scan_prefix(&NOT_SHOWN, &tx.profile)?.next_back().transpose()?;
    let sequence = last.map_or(1, |((_, sequence), _)| sequence + 1);
    tx.store.put(&NOT_SHOWN, &(tx.profile, sequence), record)?;
    tx.store.set(&NOT_SHOWN_BY_MID, &(tx.profile, record.mid.clone(), sequence))?;
    while let Some(((_, first), old)) = tx.store.first(&NOT_SHOWN, &tx.profile)? {
        if first + REMEMBERED > sequence {
            break;
        }
        remove(tx, first, &old.mid)?;
    }
    Ok(true)
}

/// A mail is shown after all.
pub fn forget(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    for (sequence, _) in of_mail(tx.store, tx.profile, mid)? {
        remove(tx, sequence, mid)?;
    }
    Ok(())
}

/// The newest, newest first; at most `limit`.
pub fn newest(view: &impl View, profile: ProfileId, limit: usize) -> Result<Vec<NotShownRecord>, StoreError> {
    view.scan_prefix(&NOT_SHOWN, &profile)?
        .rev()
        .take(limit)
        .map(|row| row.map(|(_, record)| record))
        .collect()
}

fn of_mail(
    view: &impl View,
    profile: ProfileId,
    mid: &str,
) -> Result<Vec<(u64, NotShownRecord)>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&NOT_SHOWN_BY_MID, &(profile, mid.to_owned()))? {
        let ((_, _, sequence), _) = row?;
        found.extend(view.get(&NOT_SHOWN, &(profile, sequence))?.map(|record| (sequence, record)));
    }
    Ok(found)
}

fn remove(tx: &mut Tx<'_, '_>, sequence: u64, mid: &str) -> Result<(), StoreError> {
    tx.store.remove(&NOT_SHOWN, &(tx.profile, sequence))?;
    tx.store.unset(&NOT_SHOWN_BY_MID, &(tx.profile, mid.to_owned(), sequence)).map(|_| ())
}
