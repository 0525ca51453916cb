//! The registry of profiles. It forgets a removed profile at once; the rows go little by little, so that a large
//! profile does not hold up the others.

use std::collections::HashMap;

use volary_storage::records::{CounterRecord, LeavingRecord, ManagerRecord, ProfileRecord};
use volary_storage::tables::{COUNTERS, KEYS, MANAGER, PROFILES};
use volary_storage::{StoreError, View};

use super::{deadlines, transports};
use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;

/// Rows removed in one transaction.
const ROWS_AT_ONCE: usize = 2_000;

/// The record of a profile.
pub fn load(view: &impl View, profile: ProfileId) -> Result<Option<ProfileRecord>, StoreError> {
    view.get(&PROFILES, &profile)
}

/// The registry.
pub fn manager(view: &impl View) -> Result<ManagerRecord, StoreError> {
    Ok(view.get(&MANAGER, &0)?.unwrap_or_default())
}

/// Profile ids in display order.
pub fn ids(view: &impl View) -> Result<Vec<ProfileId>, StoreError> {
    let all = view.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
    Ok(ordered(all, &manager(view)?.order))
}

/// Profiles in the order that is wanted; those that it does not name come last, by id. It may name too many, and some
/// of them twice.
pub fn ordered(mut all: Vec<ProfileId>, wanted: &[ProfileId]) -> Vec<ProfileId> {
    let mut positions: HashMap<ProfileId, usize> = HashMap::with_capacity(wanted.len());
    for (position, id) in wanted.iter().enumerate() {
        positions.entry(*id).or_insert(position);
    }
    all.sort_unstable_by_key(|id| (positions.get(id).copied().unwrap_or(usize::MAX), *id));
    all
}

/// Whether a profile has at least one transport.
pub fn is_configured(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(!transports::all(view, profile)?.is_empty())
}

/// The registry forgets a profile, and remembers that its rows and its folder are still to be removed.
pub fn leave(tx: &mut Tx<'_, '_>, profile: ProfileId) -> Result<(), StoreError> {
    let Some(record) = tx.store.get(&PROFILES, &profile)? else { return Ok(()) };
    tx.store.remove(&PROFILES, &profile)?;
    let left: Vec<ProfileId> = tx.store.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
    tx.store.update_or_default(&MANAGER, &0, |manager| {
        manager.order.retain(|known| *known != profile);
        manager.importing.retain(|known| *known != profile);
        if manager.selected == Some(profile) {
            manager.selected = left.into_iter().min();
        }
        manager.leaving.push(LeavingRecord { profile, uuid: record.uuid });
    })
}

/// Removes some rows of a profile that left; whether there were any.
pub fn erase_some(tx: &mut Tx<'_, '_>, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(tx.store.remove_profile(profile, ROWS_AT_ONCE)? > 0)
}

/// Remembers that a profile is being filled: what there is of it then is no profile yet.
pub fn begin_import(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let profile = tx.profile;
    tx.store.update_or_default(&MANAGER, &0, |manager| {
        if !manager.importing.contains(&profile) {
            manager.importing.push(profile);
        }
    })
}

/// The profile that was copied from something, if it came in full.
pub fn from_source(view: &impl View, source: &str) -> Result<Option<ProfileId>, StoreError> {
    for row in view.scan_prefix(&PROFILES, &())? {
        let (profile, record) = row?;
        if record.source == source && !record.arriving {
            return Ok(Some(profile));
        }
    }
    Ok(None)
}

/// A profile that was being filled is whole.
pub fn arrive(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let profile = tx.profile;
    if let Some(mut record) = tx.store.get(&PROFILES, &profile)?
        && record.arriving
    {
        record.arriving = false;
        tx.store.put(&PROFILES, &profile, &record)?;
    }
    end_import(tx)
}

/// A profile is whole, or empty again.
pub fn end_import(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let profile = tx.profile;
    tx.store.update_or_default(&MANAGER, &0, |manager| manager.importing.retain(|known| *known != profile))
}

/// Makes a profile whose rows were removed as good as new.
pub fn reset(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let profile = tx.profile;
    for deadline in deadlines::of_profile(tx.store, profile)? {
        deadlines::remove(tx, deadline)?;
    }
    tx.store.put(&COUNTERS, &profile, &CounterRecord::default())?;
    tx.store.remove(&KEYS, &profile).map(|_| ())
}

/// Removes the last traces of a profile that left.
pub fn forget(tx: &mut Tx<'_, '_>, profile: ProfileId) -> Result<(), StoreError> {
    for deadline in deadlines::of_profile(tx.store, profile)? {
        deadlines::remove(tx, deadline)?;
    }
    tx.store.remove(&COUNTERS, &profile)?;
    tx.store.remove(&KEYS, &profile)?;
    tx.store.update_or_default(&MANAGER, &0, |manager| {
        manager.leaving.retain(|leaving| leaving.profile != profile);
        manager.arriving.retain(|arriving| arriving.profile != profile);
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::ground::ids::{numbers, typed};

    #[test]
    fn profiles_come_as_wanted_and_then_by_id() {
        let sorted = |all: &[u32], wanted: &[u32]| numbers(ordered(typed(all), &typed::<ProfileId>(wanted)));
        assert_eq!(sorted(&[1, 2, 3, 4], &[3, 9, 1, 3]), [3, 1, 2, 4]);
        assert_eq!(sorted(&[7, 5, 6], &[]), [5, 6, 7]);
        assert!(sorted(&[], &[1, 2]).is_empty());
    }

    #[test]
    fn sorting_a_hundred_thousand_profiles_takes_no_time_to_speak_of() {
        let all: Vec<ProfileId> = (1..=100_000).map(ProfileId::new).collect();
        let wanted: Vec<ProfileId> = all.iter().rev().copied().collect();
        let begun = Instant::now();
        assert_eq!(ordered(all, &wanted), wanted);
        // Looking for each one in the list took more than ten times that long, optimised.
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}
