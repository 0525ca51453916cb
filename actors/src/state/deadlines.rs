//! The deadline table: what is due when, over all profiles.

use volary_storage::tables::DEADLINES;
use volary_storage::{StoreError, View};

use crate::db::Tx;

/// Kinds of deadlines.
pub mod kind {
    /// A message with a timer disappears; id = message.
    pub const MESSAGE_EXPIRES: u32 = 1;
    /// A queued mail may be tried again; id = 0.
    pub const RETRY_SENDING: u32 = 2;
    /// A mute ends; id = chat.
    pub const MUTE_ENDS: u32 = 3;
    /// A changed relay list is announced; id = 0.
    pub const KEY_UPDATE: u32 = 4;
    /// "Recently seen" of a contact ends; id = contact.
    pub const RECENTLY_SEEN_ENDS: u32 = 5;
    /// Old tombstones and unused files are removed; id = 0.
    pub const HOUSEKEEPING: u32 = 6;
    /// Messages older than `delete_device_after` are removed; id = 0.
    pub const DELETE_OLD: u32 = 7;
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

/// Adds a deadline.
pub fn add(tx: &mut Tx<'_, '_>, time: i64, kind: u32, id: u64) -> Result<(), StoreError> {
    tx.store.set(&DEADLINES, &(time, tx.profile, kind, id))?;
    let effects = tx.effects();
    effects.deadline = Some(effects.deadline.map_or(time, |other| other.min(time)));
    Ok(())
}

/// Removes a deadline that was handled or is not needed any more.
pub fn remove(tx: &mut Tx<'_, '_>, deadline: Deadline) -> Result<(), StoreError> {
    let Deadline { time, profile, kind, id } = deadline;
    tx.store.unset(&DEADLINES, &(time, profile, kind, id)).map(|_| ())
}

/// The first `limit` deadlines, earliest first.
pub fn first(view: &impl View, limit: usize) -> Result<Vec<Deadline>, StoreError> {
    view.scan_prefix(&DEADLINES, &())?
        .take(limit)
        .map(|row| row.map(|((time, profile, kind, id), _)| Deadline { time, profile, kind, id }))
        .collect()
}
