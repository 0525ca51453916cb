//! The deadline table: what is due when, over all profiles.

use volary_storage::records::TimeRecord;
use volary_storage::tables::{DEADLINES, SINGLE_DEADLINES};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;

/// Kinds of deadlines.
pub mod kind {
    /// A message with a timer disappears; id = message.
    pub const MESSAGE_EXPIRES: u32 = 1;
    /// A queued mail may be tried again; id = 0.
    pub const RETRY_SENDING: u32 = 2;
    /// A mute ends; id = chat.
    pub const MUTE_ENDS: u32 = 3;
    /// A changed relay list is announced; id = 0, one at most.
    pub const KEY_UPDATE: u32 = 4;
    /// "Recently seen" of a contact ends; id = contact, one at most.
    pub const RECENTLY_SEEN_ENDS: u32 = 5;
    /// Old tombstones and unused files are removed; id = 0, one at most.
    pub const HOUSEKEEPING: u32 = 6;
    /// Messages older than `delete_device_after` are removed; id = 0, one at most.
    pub const DELETE_OLD: u32 = 7;
    /// More messages of a deleted chat are removed; id = chat.
    pub const CHAT_DELETED: u32 = 8;
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it is due, Unix seconds.
    pub time: i64,
    /// Whose it is.
    pub profile: u32,
    /// One of [`kind`].
    pub kind: u32,
    /// What it is about.
    pub id: u64,
}

/// Adds a deadline. There may be several of this kind and id.
pub fn add(tx: &mut Tx<'_, '_>, time: i64, kind: u32, id: u64) -> Result<(), StoreError> {
    tx.store.set(&DEADLINES, &(time, tx.profile, kind, id))?;
    let effects = tx.effects();
    effects.deadline = Some(effects.deadline.map_or(time, |other| other.min(time)));
    Ok(())
}

/// When the one deadline of this kind and id is due, if it is set.
pub fn single(view: &impl View, profile: u32, kind: u32, id: u64) -> Result<Option<i64>, StoreError> {
    Ok(view.get(&SINGLE_DEADLINES, &(profile, kind, id))?.map(|record| record.time))
}

/// Sets the one deadline of this kind and id, in place of the one that may be there.
pub fn set_single(tx: &mut Tx<'_, '_>, time: i64, kind: u32, id: u64) -> Result<(), StoreError> {
    cancel_single(tx, kind, id)?;
    tx.store.put(&SINGLE_DEADLINES, &(tx.profile, kind, id), &TimeRecord { time })?;
    add(tx, time, kind, id)
}

/// Takes back the one deadline of this kind and id.
pub fn cancel_single(tx: &mut Tx<'_, '_>, kind: u32, id: u64) -> Result<(), StoreError> {
    match single(tx.store, tx.profile, kind, id)? {
        Some(time) => remove(tx, Deadline { time, profile: tx.profile, kind, id }),
        None => Ok(()),
    }
}

/// Removes a deadline that was handled or is not needed any more.
pub fn remove(tx: &mut Tx<'_, '_>, deadline: Deadline) -> Result<(), StoreError> {
    let Deadline { time, profile, kind, id } = deadline;
    tx.store.unset(&DEADLINES, &(time, profile, kind, id))?;
    if single(tx.store, profile, kind, id)? == Some(time) {
        tx.store.remove(&SINGLE_DEADLINES, &(profile, kind, id))?;
    }
    Ok(())
}

/// The first `limit` deadlines, earliest first.
pub fn first(view: &impl View, limit: usize) -> Result<Vec<Deadline>, StoreError> {
    rows(view)?.take(limit).collect()
}

/// All deadlines of a profile. Looks at those of all profiles.
pub fn of_profile(view: &impl View, profile: u32) -> Result<Vec<Deadline>, StoreError> {
    rows(view)?.filter(|row| row.as_ref().map_or(true, |row| row.profile == profile)).collect()
}

/// All deadlines of all profiles, earliest first.
pub fn all(view: &impl View) -> Result<impl Iterator<Item = Result<Deadline, StoreError>>, StoreError> {
    rows(view)
}

fn rows(view: &impl View) -> Result<impl Iterator<Item = Result<Deadline, StoreError>>, StoreError> {
    let rows = view.scan_prefix(&DEADLINES, &())?;
    Ok(rows.map(|row| row.map(|((time, profile, kind, id), _)| Deadline { time, profile, kind, id })))
}
