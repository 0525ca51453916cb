//! Places: steps of tracks by their time, and the places that messages point at.

use std::collections::BTreeMap;

use volary_mail::kml::Point;
use volary_storage::records::LocationRecord;
use volary_storage::tables::{COUNTERS, LOCATION_OF_MESSAGE, LOCATIONS, TRACK_STEPS};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::{ContactId, LocationId, MessageId, ProfileId};

/// Steps of tracks that a profile keeps; the oldest go.
pub const MAX_STEPS: usize = 100_000;
/// Steps removed in one time beyond those.
const BATCH: usize = 10_000;

/// Adds a place.
pub fn add(tx: &mut Tx<'_, '_>, record: &LocationRecord) -> Result<LocationId, StoreError> {
    let profile = tx.profile;
    let mut counters = tx.store.get(&COUNTERS, &profile)?.unwrap_or_default();
    counters.location = counters.location.next();
    tx.store.put(&COUNTERS, &profile, &counters)?;
    put(tx, counters.location, record)?;
    Ok(counters.location)
}

/// Stores a place that has its id already.
pub fn put(tx: &mut Tx<'_, '_>, id: LocationId, record: &LocationRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    tx.store.put(&LOCATIONS, &(profile, id), record)?;
    match record.message {
        Some(message) => tx.store.set(&LOCATION_OF_MESSAGE, &(profile, message, id)),
        None => tx.store.set(&TRACK_STEPS, &(profile, record.time, id)),
    }
    .map(|_| ())
}

/// The place of a row, if its numbers are one.
pub fn point(record: &LocationRecord) -> Option<Point> {
    Point::new(record.latitude.into(), record.longitude.into(), record.accuracy.into(), record.time)
}

/// Whether a contact has a step at this time.
pub fn has_step(
    view: &impl View,
    profile: ProfileId,
    contact: ContactId,
    time: i64,
) -> Result<bool, StoreError> {
    for row in view.scan_prefix(&TRACK_STEPS, &(profile, time))? {
        let ((_, _, id), _) = row?;
        if view.get(&LOCATIONS, &(profile, id))?.is_some_and(|record| record.contact == contact) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The time of the newest own step since `begin`.
pub fn newest_own(view: &impl View, profile: ProfileId, begin: i64) -> Result<Option<i64>, StoreError> {
    for row in view.range(&TRACK_STEPS, (profile, begin, LocationId::NONE)..)?.rev() {
        let ((_, time, id), _) = row?;
        if view.get(&LOCATIONS, &(profile, id))?.is_some_and(|record| record.contact == ContactId::SELF) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

/// The own track between two times, both included: one step for each second, in whichever chats they were noted.
pub fn own_track(
    view: &impl View,
    profile: ProfileId,
    begin: i64,
    end: i64,
) -> Result<Vec<Point>, StoreError> {
    let mut steps: BTreeMap<i64, Point> = BTreeMap::new();
    let after = (profile, end.saturating_add(1), LocationId::NONE);
    for row in view.range(&TRACK_STEPS, (profile, begin, LocationId::NONE)..after)? {
        let ((_, time, id), _) = row?;
        let record = view.get(&LOCATIONS, &(profile, id))?.filter(|record| record.contact == ContactId::SELF);
        if let Some(step) = record.and_then(|record| point(&record)) {
            steps.insert(time, step);
        }
    }
    Ok(steps.into_values().collect())
}

/// The place that a message points at.
pub fn of_message(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
) -> Result<Option<LocationRecord>, StoreError> {
    match view.first(&LOCATION_OF_MESSAGE, &(profile, message))? {
        Some(((_, _, id), _)) => view.get(&LOCATIONS, &(profile, id)),
        None => Ok(None),
    }
}

/// A message is gone, and the place that it pointed at with it.
pub fn forget_message(tx: &mut Tx<'_, '_>, message: MessageId) -> Result<(), StoreError> {
    let profile = tx.profile;
    let rows = tx.store.scan_prefix(&LOCATION_OF_MESSAGE, &(profile, message))?;
    let ids = rows.map(|row| row.map(|((_, _, id), _)| id)).collect::<Result<Vec<_>, _>>()?;
    for id in ids {
        tx.store.unset(&LOCATION_OF_MESSAGE, &(profile, message, id))?;
        tx.store.remove(&LOCATIONS, &(profile, id))?;
    }
    Ok(())
}

/// Every place of a profile: steps between two times, both included, and all that messages point at.
pub fn all(
    view: &impl View,
    profile: ProfileId,
    begin: i64,
    end: i64,
) -> Result<Vec<(LocationId, LocationRecord)>, StoreError> {
    let mut ids = Vec::new();
    let after = (profile, end.saturating_add(1), LocationId::NONE);
    for row in view.range(&TRACK_STEPS, (profile, begin, LocationId::NONE)..after)? {
        ids.push(row?.0.2);
    }
    for row in view.scan_prefix(&LOCATION_OF_MESSAGE, &profile)? {
        ids.push(row?.0.2);
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.extend(view.get(&LOCATIONS, &(profile, id))?.map(|record| (id, record)));
    }
    Ok(found)
}

/// The time of the oldest step.
pub fn oldest_step(view: &impl View, profile: ProfileId) -> Result<Option<i64>, StoreError> {
    Ok(view.first(&TRACK_STEPS, &profile)?.map(|((_, time, _), _)| time))
}

/// Removes steps from before `limit`, at most so many; how many there were.
pub fn remove_steps_before(tx: &mut Tx<'_, '_>, limit: i64, most: usize) -> Result<usize, StoreError> {
    let profile = tx.profile;
    let mut old = Vec::new();
    for row in tx.store.scan_prefix(&TRACK_STEPS, &profile)?.take(most) {
        let (key, _) = row?;
        if key.1 >= limit {
            break;
        }
        old.push(key);
    }
    for key in &old {
        tx.store.unset(&TRACK_STEPS, key)?;
        tx.store.remove(&LOCATIONS, &(profile, key.2))?;
    }
    Ok(old.len())
}

/// Removes the oldest steps of which there are too many.
pub fn bound(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let count = tx.store.scan_prefix(&TRACK_STEPS, &tx.profile)?.count();
    remove_steps_before(tx, i64::MAX, count.saturating_sub(MAX_STEPS).min(BATCH)).map(|_| ())
}
