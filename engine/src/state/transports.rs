//! Transports of a profile.

use volary_storage::records::TransportRecord;
use volary_storage::tables::{COUNTERS, TRANSPORTS};
use volary_storage::{StoreError, View};

use super::config;
use crate::ground::db::Tx;
use crate::ground::ids::{ProfileId, TransportId};

/// A profile has at most that many transports.
pub const MAX_TRANSPORTS: usize = 5;

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
