//! Transports of a profile.

use volary_storage::records::{TimeRecord, TransportRecord};
use volary_storage::tables::{COUNTERS, REMOVED_TRANSPORTS, TRANSPORTS};
use volary_storage::{StoreError, View};

use super::{config, copies};
use crate::ground::db::Tx;
use crate::ground::ids::{ProfileId, TransportId};

/// The user may add transports up to that many.
pub const MAX_TRANSPORTS: usize = 5;

/// More transports a profile never has: two devices may each have added what one may have at most.
pub const MAX_TOGETHER: usize = 2 * MAX_TRANSPORTS;

/// The transport that a profile was set up with: its login never leaves the device.
pub const FIRST: TransportId = TransportId::new(1);

/// All transports in order of creation.
pub fn all(view: &impl View, profile: ProfileId) -> Result<Vec<(TransportId, TransportRecord)>, StoreError> {
    view.scan_prefix(&TRANSPORTS, &profile)?.map(|row| row.map(|((_, id), record)| (id, record))).collect()
}

/// One transport.
pub fn load(
    view: &impl View,
    profile: ProfileId,
    transport: TransportId,
) -> Result<Option<TransportRecord>, StoreError> {
    view.get(&TRANSPORTS, &(profile, transport))
}

/// Own addresses, the most recently added first.
pub fn own_addrs(view: &impl View, profile: ProfileId) -> Result<Vec<String>, StoreError> {
    let mut transports = all(view, profile)?;
    transports.sort_by_key(|(id, record)| std::cmp::Reverse((record.added, *id)));
    Ok(transports.into_iter().map(|(_, record)| record.addr).collect())
}

/// Own addresses that contacts and other devices send to, the most recently added first.
pub fn published_addrs(view: &impl View, profile: ProfileId) -> Result<Vec<String>, StoreError> {
    let mut transports = all(view, profile)?;
    // There is always somewhere to send to.
    if transports.iter().any(|(_, record)| !record.unpublished) {
        transports.retain(|(_, record)| !record.unpublished);
    }
    transports.sort_by_key(|(id, record)| std::cmp::Reverse((record.added, *id)));
    Ok(transports.into_iter().map(|(_, record)| record.addr).collect())
}

/// Whether an address belongs to one of our transports.
pub fn is_own_addr(view: &impl View, profile: ProfileId, addr: &str) -> Result<bool, StoreError> {
    Ok(all(view, profile)?.iter().any(|(_, record)| record.addr.eq_ignore_ascii_case(addr)))
}

/// The address shown as our own: `configured_addr`, else the newest transport.
pub fn self_addr(view: &impl View, profile: ProfileId) -> Result<Option<String>, StoreError> {
    match config::stored(view, profile, config::key::CONFIGURED_ADDR)? {
        Some(addr) => Ok(Some(addr)),
        None => Ok(own_addrs(view, profile)?.into_iter().next()),
    }
}

/// Transport ids in the order in which sending tries them: last success first; never failed before failed; oldest
/// failure first; then order of creation.
pub fn sending_order(view: &impl View, profile: ProfileId) -> Result<Vec<TransportId>, StoreError> {
    let mut transports = all(view, profile)?;
    transports.sort_by_key(|(id, record)| (std::cmp::Reverse(record.sent_ok), record.sent_failed, *id));
    Ok(transports.into_iter().filter(|(_, record)| !record.configured.is_empty()).map(|(id, _)| id).collect())
}

/// Saves a transport.
pub fn save(tx: &mut Tx<'_, '_>, transport: TransportId, record: &TransportRecord) -> Result<(), StoreError> {
    tx.store.put(&TRANSPORTS, &(tx.profile, transport), record)
}

/// Adds a transport and returns its id.
pub fn add(tx: &mut Tx<'_, '_>, record: &TransportRecord) -> Result<TransportId, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.transport = counters.transport.next();
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    save(tx, counters.transport, record)?;
    Ok(counters.transport)
}

/// Changes a transport in place; one that is gone is left alone.
pub fn update(
    tx: &mut Tx<'_, '_>,
    transport: TransportId,
    change: impl FnOnce(&mut TransportRecord),
) -> Result<(), StoreError> {
    if let Some(mut record) = load(tx.store, tx.profile, transport)? {
        change(&mut record);
        save(tx, transport, &record)?;
    }
    Ok(())
}

/// Removes a transport with all that is known of its folder, and remembers when. The address that is shown as our own
/// becomes another one if need be.
pub fn remove(tx: &mut Tx<'_, '_>, transport: TransportId, addr: &str, time: i64) -> Result<(), StoreError> {
    let profile = tx.profile;
    tx.store.remove(&TRANSPORTS, &(profile, transport))?;
    copies::forget_all(tx, transport)?;
    note_removal(tx, addr, time)?;
    if config::stored(tx.store, profile, config::key::CONFIGURED_ADDR)?.as_deref() == Some(addr) {
        let newest = own_addrs(tx.store, profile)?.into_iter().next();
        config::set(tx, config::key::CONFIGURED_ADDR, newest.as_deref())?;
    }
    Ok(())
}

/// When a transport with this address was removed last.
pub fn removed_at(view: &impl View, profile: ProfileId, addr: &str) -> Result<Option<i64>, StoreError> {
    Ok(view.get(&REMOVED_TRANSPORTS, &(profile, addr))?.map(|record| record.time))
}

/// All removals: addresses and times.
pub fn removals(view: &impl View, profile: ProfileId) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = view.scan_prefix(&REMOVED_TRANSPORTS, &profile)?;
    rows.map(|row| row.map(|((_, addr), record)| (addr, record.time))).collect()
}

/// Remembers that a transport was removed, if that is newer than what is known.
pub fn note_removal(tx: &mut Tx<'_, '_>, addr: &str, time: i64) -> Result<(), StoreError> {
    if removed_at(tx.store, tx.profile, addr)?.is_none_or(|known| known < time) {
        tx.store.put(&REMOVED_TRANSPORTS, &(tx.profile, addr), &TimeRecord { time })?;
    }
    Ok(())
}
