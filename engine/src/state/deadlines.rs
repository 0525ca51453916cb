//! The deadline table: what is due when, over all profiles.

use volary_storage::records::TimeRecord;
use volary_storage::tables::{DEADLINES, SEARCH_INDEX_DUE, SINGLE_DEADLINES};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;

/// What becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message with a timer disappears; id = message.
    MessageExpires,
    /// A queued mail may be tried again; id = 0.
    RetrySending,
    /// A mute ends; id = chat.
    MuteEnds,
    /// A changed relay list is announced; id = 0, one at most.
    KeyUpdate,
    /// "Recently seen" of a contact ends; id = contact, one at most.
    RecentlySeenEnds,
    /// Old tombstones and unused files are removed; id = 0, one at most.
    Housekeeping,
    /// Messages older than `delete_device_after` are removed; id = 0, one at most.
    DeleteOld,
    /// A deleted chat is emptied further; id = chat, one at most.
    ChatDeleted,
    /// Updates of an app are sent; id = its message, one at most.
    AppUpdates,
    /// A deleted app loses more of its updates; id = its message, one at most.
    AppForgotten,
    /// Full segments of messages are indexed for searching; id = 0, one at most.
    SearchIndex,
    /// A call has rung for as long as calls do; id = message, one at most.
    CallRingsOut,
    /// The own location is not streamed to a chat any longer; id = chat, one at most.
    StreamEnds,
    /// Own positions may be sent to a chat; id = chat, one at most.
    PositionsDue,
    /// Copies on relays have stayed long enough for other own devices; id = 0, one at most.
    CopiesGo,
}

impl Kind {
    /// All of them, with the number that is stored.
    const STORED: [(Self, u32); 15] = [
        (Self::MessageExpires, 1),
        (Self::RetrySending, 2),
        (Self::MuteEnds, 3),
        (Self::KeyUpdate, 4),
        (Self::RecentlySeenEnds, 5),
        (Self::Housekeeping, 6),
        (Self::DeleteOld, 7),
        (Self::ChatDeleted, 8),
        (Self::AppUpdates, 9),
        (Self::AppForgotten, 10),
        (Self::SearchIndex, SEARCH_INDEX_DUE),
        (Self::CallRingsOut, 30),
        (Self::StreamEnds, 31),
        (Self::PositionsDue, 32),
        (Self::CopiesGo, 33),
    ];

    fn stored(self) -> u32 {
        Self::STORED.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, number)| *number)
    }

    fn of(stored: u32) -> Option<Self> {
        Self::STORED.iter().find(|(_, number)| *number == stored).map(|(kind, _)| *kind)
    }
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline {
    /// When it is due, Unix seconds.
    pub time: i64,
    /// Whose it is.
    pub profile: ProfileId,
    /// What becomes due.
    pub kind: Kind,
    /// What it is about.
    pub id: u64,
}

/// Adds a deadline. There may be several of this kind and id.
pub fn add(tx: &mut Tx<'_, '_>, time: i64, kind: Kind, id: u64) -> Result<(), StoreError> {
    tx.store.set(&DEADLINES, &(time, tx.profile, kind.stored(), id))?;
    let effects = tx.effects();
    effects.deadline = Some(effects.deadline.map_or(time, |other| other.min(time)));
    Ok(())
}

/// When the one deadline of this kind and id is due, if it is set.
pub fn single(view: &impl View, profile: ProfileId, kind: Kind, id: u64) -> Result<Option<i64>, StoreError> {
    Ok(view.get(&SINGLE_DEADLINES, &(profile, kind.stored(), id))?.map(|record| record.time))
}

/// What the deadlines of this kind of a profile are about, if there is one at most for each.
pub fn ids_of(view: &impl View, profile: ProfileId, kind: Kind) -> Result<Vec<u64>, StoreError> {
    let rows = view.scan_prefix(&SINGLE_DEADLINES, &(profile, kind.stored()))?;
    rows.map(|row| row.map(|((_, _, id), _)| id)).collect()
}

/// Sets the one deadline of this kind and id, in place of the one that may be there.
pub fn set_single(tx: &mut Tx<'_, '_>, time: i64, kind: Kind, id: u64) -> Result<(), StoreError> {
    cancel_single(tx, kind, id)?;
    tx.store.put(&SINGLE_DEADLINES, &(tx.profile, kind.stored(), id), &TimeRecord { time })?;
    add(tx, time, kind, id)
}

/// Takes back the one deadline of this kind and id.
pub fn cancel_single(tx: &mut Tx<'_, '_>, kind: Kind, id: u64) -> Result<(), StoreError> {
    match single(tx.store, tx.profile, kind, id)? {
        Some(time) => remove(tx, Deadline { time, profile: tx.profile, kind, id }),
        None => Ok(()),
    }
}

/// Removes a deadline that was handled or is not needed any more.
pub fn remove(tx: &mut Tx<'_, '_>, deadline: Deadline) -> Result<(), StoreError> {
    let Deadline { time, profile, kind, id } = deadline;
    tx.store.unset(&DEADLINES, &(time, profile, kind.stored(), id))?;
    if single(tx.store, profile, kind, id)? == Some(time) {
        tx.store.remove(&SINGLE_DEADLINES, &(profile, kind.stored(), id))?;
    }
    Ok(())
}

/// The first `limit` deadlines, earliest first.
pub fn first(view: &impl View, limit: usize) -> Result<Vec<Deadline>, StoreError> {
    rows(view)?.take(limit).collect()
}

/// All deadlines of a profile. Looks at those of all profiles.
pub fn of_profile(view: &impl View, profile: ProfileId) -> Result<Vec<Deadline>, StoreError> {
    rows(view)?.filter(|row| row.as_ref().map_or(true, |row| row.profile == profile)).collect()
}

/// All deadlines of all profiles, earliest first.
pub fn all(view: &impl View) -> Result<impl Iterator<Item = Result<Deadline, StoreError>>, StoreError> {
    rows(view)
}

fn rows(view: &impl View) -> Result<impl Iterator<Item = Result<Deadline, StoreError>>, StoreError> {
    let rows = view.scan_prefix(&DEADLINES, &())?;
    // A newer release may have left kinds that this one does not know; they wait for it.
    Ok(rows.filter_map(|row| {
        row.map(|((time, profile, kind, id), _)| Some(Deadline { time, profile, kind: Kind::of(kind)?, id }))
            .transpose()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Desk, PROFILE};

    #[tokio::test]
    async fn rows_of_a_kind_that_is_not_known_are_passed_over() {
        let desk = Desk::new().await;
        desk.change(|tx| {
            tx.store.set(&DEADLINES, &(1, PROFILE, 99, 7))?;
            Ok(add(tx, 2, Kind::MuteEnds, 10)?)
        })
        .await;
        let rows = desk.db.look(|view| first(view, 10)).unwrap();
        assert_eq!(rows, [Deadline { time: 2, profile: PROFILE, kind: Kind::MuteEnds, id: 10 }]);
    }

    #[test]
    fn every_kind_comes_back_from_its_number() {
        for (kind, number) in Kind::STORED {
            assert_eq!((kind.stored(), Kind::of(number)), (number, Some(kind)));
        }
        assert_eq!(Kind::of(0), None);
    }
}
