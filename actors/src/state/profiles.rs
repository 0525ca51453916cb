//! Removing everything that belongs to a profile: the registry forgets it at once, its rows go little by little, so
//! that a large profile does not hold up the others.

use volary_storage::records::LeavingRecord;
use volary_storage::tables::{COUNTERS, KEYS, MANAGER, PROFILES};
use volary_storage::{StoreError, View as _};

use super::deadlines;
use crate::db::Tx;

/// Rows removed in one transaction.
const ROWS_AT_ONCE: usize = 2_000;

/// The registry forgets a profile, and remembers that its rows and its folder are still to be removed.
pub fn leave(tx: &mut Tx<'_, '_>, profile: u32) -> Result<(), StoreError> {
    let Some(record) = tx.store.get(&PROFILES, &profile)? else { return Ok(()) };
    tx.store.remove(&PROFILES, &profile)?;
    let left: Vec<u32> = tx.store.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
    tx.store.update_or_default(&MANAGER, &0, |manager| {
        manager.order.retain(|known| *known != profile);
        if manager.selected == profile {
            manager.selected = left.into_iter().min().unwrap_or(0);
        }
        manager.leaving.push(LeavingRecord { profile, uuid: record.uuid });
    })
}

/// Removes some rows of a profile that left; whether there were any.
pub fn erase_some(tx: &mut Tx<'_, '_>, profile: u32) -> Result<bool, StoreError> {
    Ok(tx.store.remove_profile(profile, ROWS_AT_ONCE)? > 0)
}

/// Removes the last traces of a profile that left.
pub fn forget(tx: &mut Tx<'_, '_>, profile: u32) -> Result<(), StoreError> {
    for deadline in deadlines::of_profile(tx.store, profile)? {
        deadlines::remove(tx, deadline)?;
    }
    tx.store.remove(&COUNTERS, &profile)?;
    tx.store.remove(&KEYS, &profile)?;
    tx.store.update_or_default(&MANAGER, &0, |manager| {
        manager.leaving.retain(|leaving| leaving.profile != profile);
    })
}
