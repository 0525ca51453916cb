//! Housekeeping: once a day for each profile, what nobody refers to any more goes. One profile after the other.
//!
//! - Tombstones of mails of which no relay has a copy.
//! - Files among the attachments that no row names.
//! - Steps of tracks beyond those that are kept.
//! - Mails that waited too long, and changes to messages that never came.
//!
//! The note of a transfer to a second device comes back if somebody has deleted it.

use std::collections::HashSet;
use std::time::Duration;

use volary_storage::records::KnownMail;
use volary_storage::tables::{
    CHATS, CONTACTS, COPIES_BY_MID, KNOWN_MAIL, MESSAGES, PENDING_CALLS, PENDING_DELETIONS, PENDING_EDITS,
    PENDING_REACTIONS, QUARANTINE, SAVED_BEFORE,
};
use volary_storage::{Blobs, StoreError, View};

use crate::chat::device;
use crate::ground::db::{Db, Tx, blob_dir};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::work::Lane;
use crate::incoming;
use crate::state::deadlines::{self, Kind};
use crate::state::{config, copies, forgotten, locations, messages, profiles, removed, transports};

/// Time between two times for one profile, in seconds.
const PERIOD: i64 = 24 * 3600;
/// Nothing is done in the first minutes after the start, when everything else is, in seconds.
pub const QUIET: i64 = 600;
/// No time is further away than that, in seconds.
pub const LONGEST_PAUSE: i64 = PERIOD + QUIET + SPREAD;
/// Profiles that are due at the same time are spread over that many seconds.
const SPREAD: i64 = 3600;
/// A tombstone is kept that long, in seconds: a copy of its mail may be on its way.
const TOMBSTONE_AGE: i64 = 2 * 24 * 3600;
/// Tombstones removed in one time.
const MAX_TOMBSTONES: usize = 100_000;
/// A change to a message that has not come is remembered that long, in seconds.
const CHANGE_AGE: i64 = 14 * 24 * 3600;
/// Changes of each kind looked at in one time.
const MAX_CHANGES: usize = 5_000;
/// Tombstones removed in one transaction.
const BATCH: usize = 500;
/// A file is kept that long: the row that names it may not be stored yet.
const FILE_AGE: Duration = Duration::from_secs(24 * 3600);

/// When a profile is due that was not yet: after the quiet time that begins at `start`.
pub fn first_time(profile: ProfileId, start: i64) -> i64 {
    start + QUIET + i64::from(profile) % SPREAD
}

/// Makes housekeeping due, unless it is already.
pub fn schedule(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    if deadlines::single(tx.store, tx.profile, Kind::Housekeeping, 0)?.is_some() {
        return Ok(());
    }
    deadlines::set_single(tx, first_time(tx.profile, tx.now), Kind::Housekeeping, 0)
}

/// Makes it due again tomorrow.
pub fn again(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    deadlines::set_single(tx, tx.now + PERIOD, Kind::Housekeeping, 0)
}

/// Cleans up a profile; how many tombstones and files went.
pub async fn clean(db: &Db, profile: ProfileId) -> Outcome<(usize, u64)> {
    let Some(record) = db.look(|view| profiles::load(view, profile))? else { return Ok((0, 0)) };
    let latest = db.now() - TOMBSTONE_AGE;
    let reader = db.clone();
    let old = db.work(Lane::Bulk, move || reader.look(|view| tombstones(view, profile, latest))).await?;
    let mut removed = 0;
    for mids in old.chunks(BATCH) {
        let mids = mids.to_vec();
        removed += db.transact_freeing(profile, move |tx| remove_tombstones(tx, &mids, latest)).await?.value;
    }
    db.transact_freeing::<_, Failure, _>(profile, |tx| {
        incoming::expire(tx)?;
        locations::bound(tx)?;
        device::restore_transfer_notice(tx)?;
        Ok(forget_changes(tx)?)
    })
    .await?;
    let (reader, blobs) = (db.clone(), Blobs::new(blob_dir(db.dir(), &record.uuid)));
    let swept = db.work(Lane::Bulk, move || {
        // A backup may be about to copy what its snapshot names and ours does not; tomorrow is early enough.
        let Some(_sweeping) = reader.sweeps_files() else { return Ok(0) };
        let used = reader.look(|view| used_files(view, profile))?;
        blobs
            .sweep(FILE_AGE, |name| used.contains(name.as_str()))
            .map_err(Failure::file("attachments cannot be swept"))
    });
    Ok((removed, swept.await?))
}

/// Message-IDs of tombstones that are not needed any more. While a renumbered folder is looked through anew all are:
/// which copies it has will be known afterwards.
fn tombstones(view: &impl View, profile: ProfileId, latest: i64) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    if transports::all(view, profile)?.iter().any(|(_, record)| record.uid_next < record.rescan_below) {
        return Ok(found);
    }
    for row in view.scan_prefix(&KNOWN_MAIL, &profile)? {
        let ((_, mid), record) = row?;
        let grave = matches!(record.kind, KnownMail::Tombstone | KnownMail::Nothing);
        if grave && record.time < latest && view.first(&COPIES_BY_MID, &(profile, mid.clone()))?.is_none() {
            found.push(mid);
            if found.len() == MAX_TOMBSTONES {
                break;
            }
        }
    }
    Ok(found)
}

/// Removes them, as far as nothing came in between.
fn remove_tombstones(tx: &mut Tx<'_, '_>, mids: &[String], latest: i64) -> Result<usize, StoreError> {
    let profile = tx.profile;
    let mut removed = 0;
    for mid in mids {
        let Some(record) = messages::known(tx.store, profile, mid)? else { continue };
        let grave = matches!(record.kind, KnownMail::Tombstone | KnownMail::Nothing) && record.time < latest;
        if grave && copies::of_mail(tx.store, profile, mid)?.is_empty() {
            removed += usize::from(tx.store.remove(&KNOWN_MAIL, &(profile, mid.as_str()))?);
        }
    }
    Ok(removed)
}

/// Forgets edits, deletions, reactions and news of calls whose message has not come for long.
fn forget_changes(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    let (profile, oldest) = (tx.profile, tx.now - CHANGE_AGE);
    let mut old = Vec::new();
    for row in tx.store.scan_prefix(&PENDING_EDITS, &profile)?.take(MAX_CHANGES) {
        let (key, record) = row?;
        old.extend((record.time < oldest).then_some(key));
    }
    for key in old.drain(..) {
        tx.store.remove(&PENDING_EDITS, &key)?;
    }
    for row in tx.store.scan_prefix(&PENDING_DELETIONS, &profile)?.take(MAX_CHANGES) {
        let (key, record) = row?;
        old.extend((record.time < oldest).then_some(key));
    }
    for key in old.drain(..) {
        tx.store.remove(&PENDING_DELETIONS, &key)?;
    }
    for row in tx.store.scan_prefix(&PENDING_REACTIONS, &profile)?.take(MAX_CHANGES) {
        let (key, record) = row?;
        old.extend((record.time < oldest).then_some(key));
    }
    for key in old.drain(..) {
        tx.store.remove(&PENDING_REACTIONS, &key)?;
    }
    for row in tx.store.scan_prefix(&PENDING_CALLS, &profile)?.take(MAX_CHANGES) {
        let (key, record) = row?;
        old.extend((record.time < oldest).then_some(key));
    }
    for key in old.drain(..) {
        tx.store.remove(&PENDING_CALLS, &key)?;
    }
    removed::forget_old(tx, MAX_CHANGES)?;
    forgotten::clean(tx, MAX_CHANGES)?;
    let mut lost = Vec::new();
    for row in tx.store.scan_prefix(&SAVED_BEFORE, &profile)?.take(MAX_CHANGES) {
        let (key, record) = row?;
        lost.extend((record.time < oldest).then_some(key));
    }
    for key in lost {
        tx.store.remove(&SAVED_BEFORE, &key)?;
    }
    Ok(())
}

/// The names of all files that rows of a profile refer to.
pub(crate) fn used_files(view: &impl View, profile: ProfileId) -> Result<HashSet<String>, StoreError> {
    let mut used = HashSet::new();
    for row in view.scan_prefix(&MESSAGES, &profile)? {
        let (_, record) = row?;
        used.extend([record.blob, record.html_blob]);
    }
    for row in view.scan_prefix(&CONTACTS, &profile)? {
        used.insert(row?.1.avatar);
    }
    for row in view.scan_prefix(&CHATS, &profile)? {
        used.insert(row?.1.avatar);
    }
    for row in view.scan_prefix(&QUARANTINE, &profile)? {
        used.insert(row?.1.blob);
    }
    used.extend(config::stored(view, profile, config::key::SELFAVATAR)?);
    Ok(used)
}

#[cfg(test)]
mod tests;
