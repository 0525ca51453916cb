//! Copies of mail on relays, and what is to become of them.

use volary_storage::records::{FlagRecord, KnownMailRecord, ServerCopyRecord};
use volary_storage::tables::{COPIES_BY_MID, KNOWN_MAIL, PENDING_FLAGS, SERVER_COPIES};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::{ProfileId, TransportId};

/// Where a copy lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The transport.
    pub transport: TransportId,
    /// UIDVALIDITY of its folder.
    pub uid_validity: u32,
    /// UID in the folder.
    pub uid: u32,
}

/// Remembers a copy; what is wanted of all copies of the mail is wanted of this one, too.
pub fn add(tx: &mut Tx<'_, '_>, place: Place, mid: &str) -> Result<(), StoreError> {
    let Place { transport, uid_validity, uid } = place;
    let profile = tx.profile;
    tx.store.put(
        &SERVER_COPIES,
        &(profile, transport, uid_validity, uid),
        &ServerCopyRecord { mid: mid.to_owned() },
    )?;
    tx.store.set(&COPIES_BY_MID, &(profile, mid.to_owned(), transport, uid_validity, uid))?;
    if let Some(known) = tx.store.get(&KNOWN_MAIL, &(profile, mid))?
        && (known.delete || known.seen)
    {
        ask(tx, place, known.delete)?;
    }
    Ok(())
}

/// A relay has to delete or (else) flag a copy.
pub fn ask(tx: &mut Tx<'_, '_>, place: Place, delete: bool) -> Result<(), StoreError> {
    let key = (tx.profile, place.transport, place.uid_validity, place.uid);
    let delete = delete || tx.store.get(&PENDING_FLAGS, &key)?.is_some_and(|record| record.delete);
    tx.store.put(&PENDING_FLAGS, &key, &FlagRecord { delete })?;
    tx.effects().flags = true;
    Ok(())
}

/// A relay has flagged a copy.
pub fn answered(tx: &mut Tx<'_, '_>, place: Place) -> Result<(), StoreError> {
    let key = (tx.profile, place.transport, place.uid_validity, place.uid);
    if tx.store.get(&PENDING_FLAGS, &key)?.is_some_and(|record| !record.delete) {
        tx.store.remove(&PENDING_FLAGS, &key)?;
    }
    Ok(())
}

/// What a transport still has to do, with whether it is a deletion.
pub fn pending(
    view: &impl View,
    profile: ProfileId,
    transport: TransportId,
) -> Result<Vec<(Place, bool)>, StoreError> {
    view.scan_prefix(&PENDING_FLAGS, &(profile, transport))?
        .map(|row| {
            row.map(|((_, transport, uid_validity, uid), record)| {
                (Place { transport, uid_validity, uid }, record.delete)
            })
        })
        .collect()
}

/// Forgets a copy that is gone from its relay.
pub fn forget(tx: &mut Tx<'_, '_>, place: Place) -> Result<(), StoreError> {
    let Place { transport, uid_validity, uid } = place;
    let profile = tx.profile;
    let key = (profile, transport, uid_validity, uid);
    tx.store.remove(&PENDING_FLAGS, &key)?;
    if let Some(record) = tx.store.get(&SERVER_COPIES, &key)? {
        tx.store.remove(&SERVER_COPIES, &key)?;
        tx.store.unset(&COPIES_BY_MID, &(profile, record.mid, transport, uid_validity, uid))?;
    }
    Ok(())
}

/// Forgets all copies of a transport.
pub fn forget_all(tx: &mut Tx<'_, '_>, transport: TransportId) -> Result<(), StoreError> {
    for (place, _) in of_transport(tx.store, tx.profile, transport)? {
        forget(tx, place)?;
    }
    Ok(())
}

/// All known copies on a transport with their Message-IDs.
pub fn of_transport(
    view: &impl View,
    profile: ProfileId,
    transport: TransportId,
) -> Result<Vec<(Place, String)>, StoreError> {
    view.scan_prefix(&SERVER_COPIES, &(profile, transport))?
        .map(|row| {
            row.map(|((_, transport, uid_validity, uid), record)| {
                (Place { transport, uid_validity, uid }, record.mid)
            })
        })
        .collect()
}

/// All known copies of a mail.
pub fn of_mail(view: &impl View, profile: ProfileId, mid: &str) -> Result<Vec<Place>, StoreError> {
    view.scan_prefix(&COPIES_BY_MID, &(profile, mid.to_owned()))?
        .map(|row| {
            row.map(|((_, _, transport, uid_validity, uid), _)| Place { transport, uid_validity, uid })
        })
        .collect()
}

/// All relay copies of this mail shall be deleted, also those that turn up later.
pub fn want_deleted(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    want(tx, mid, |record| record.delete = true)
}

/// All relay copies of this mail shall be flagged as seen, also those that turn up later.
pub fn want_seen(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    want(tx, mid, |record| record.seen = true)
}

fn want(tx: &mut Tx<'_, '_>, mid: &str, change: impl FnOnce(&mut KnownMailRecord)) -> Result<(), StoreError> {
    if mid.is_empty() {
        return Ok(());
    }
    let key = (tx.profile, mid.to_owned());
    let unknown = KnownMailRecord { time: tx.now, ..KnownMailRecord::default() };
    let mut record = tx.store.get(&KNOWN_MAIL, &key)?.unwrap_or(unknown);
    change(&mut record);
    tx.store.put(&KNOWN_MAIL, &key, &record)?;
    for place in of_mail(tx.store, tx.profile, mid)? {
        ask(tx, place, record.delete)?;
    }
    Ok(())
}
