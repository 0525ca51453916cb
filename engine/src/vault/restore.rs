//! Bringing profiles back.
//!
//! First everything that is to be restored is read and checked. Then the rows are written under ids that no profile has,
//! and the attachments into new folders; both are noted as arriving, so that they go again if this does not come to its
//! end. At last one transaction makes the profiles known, all of them.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read};

use futures::executor::block_on;
use volary_proto::{RestoreHostBackup, RestoredProfile, RestoredProfiles, event};
use volary_storage::records::{CounterRecord, KeyRecord, LeavingRecord, ManagerRecord, ProfileRecord};
use volary_storage::tables::{COUNTERS, DEADLINES, KEYS, MANAGER, PROFILES};
use volary_storage::{Blobs, SCHEMA_VERSION, StoreError, Value, View as _};
use volary_vault as vault;
use volary_vault::{Damage, Due, FileReader, Item, PackCheck, Reader, Row, Snapshot, Target};

use super::failure::{Done, VaultFailure};
use super::job::Job;
use super::save::{outside, passphrase};
use crate::commands::process;
use crate::ground::db::{Db, Tx, blob_dir};
use crate::ground::error::Failure;
use crate::ground::ids::ProfileId;
use crate::state::profiles;

/// Rows that are written in one transaction, and bytes of them.
const ROWS_AT_ONCE: usize = 1_000;
const BYTES_AT_ONCE: usize = 1 << 20;
/// What a restore leaves free on the disk.
const KEEP_FREE: u64 = 64 << 20;

/// Restores the profiles that `call` names, all of them or none.
pub fn restore(db: &Db, job: &Job, call: &RestoreHostBackup) -> Done<RestoredProfiles> {
    let (dir, passphrase) = (outside(db, &call.target)?, passphrase(call.passphrase.as_ref())?);
    let target = Target::open(&dir, &passphrase)?;
    let reader = target.reader()?;
    let snapshot = target.snapshot(call.snapshot.as_deref())?;
    let mut chosen = chosen(&snapshot, &call.profiles)?;
    // In the order of their ids, so that a new host gives them the same ones.
    chosen.sort_by_key(|record| record.id);
    are_new(db, &chosen)?;
    check(job, &reader, &chosen)?;
    has_space(db, &chosen)?;

    let arriving = Arriving::announce(db, &chosen)?;
    let mut known = Vec::new();
    job.step("restoring", chosen.len());
    for (record, place) in chosen.iter().zip(&arriving.places) {
        known.push(bring(db, job, &reader, record, place)?);
        job.done();
    }
    let restored = chosen.iter().zip(&arriving.places).map(|(record, place)| RestoredProfile {
        id: place.profile.get(),
        former_id: record.id,
        name: record.name.clone(),
        address: record.address.clone(),
        messages: record.messages,
    });
    let restored = RestoredProfiles { profiles: restored.collect() };
    arriving.arrive(known, snapshot.record.schema, &snapshot.record)?;
    tracing::info!(path = %dir.display(), name = snapshot.name, profiles = restored.profiles.len(), "profiles are restored");
    Ok(restored)
}

/// The profiles of a backup that are wanted.
fn chosen<'s>(snapshot: &'s Snapshot, wanted: &[u32]) -> Done<Vec<&'s vault::ProfileRecord>> {
    if snapshot.record.schema > SCHEMA_VERSION {
        return Err(VaultFailure::Refused(format!(
            "the backup {} was made by a newer release ({}) than this one ({})",
            snapshot.name,
            snapshot.record.release,
            env!("CARGO_PKG_VERSION")
        )));
    }
    let all = &snapshot.record.profiles;
    for id in wanted {
        if !all.iter().any(|record| record.id == *id) {
            return Err(VaultFailure::NotFound(format!("the backup {} has no profile {id}", snapshot.name)));
        }
    }
    Ok(all.iter().filter(|record| wanted.is_empty() || wanted.contains(&record.id)).collect())
}

/// Refuses if one of the profiles is here already: nothing is overwritten, and two copies of one profile on one host would
/// take each other's mail.
fn are_new(db: &Db, chosen: &[&vault::ProfileRecord]) -> Done<()> {
    let here: Vec<(ProfileId, String)> = db.read::<_, VaultFailure>(|view| {
        let rows = view.scan_prefix(&PROFILES, &())?;
        Ok(rows.map(|row| row.map(|(id, record)| (id, record.uuid))).collect::<Result<_, StoreError>>()?)
    })?;
    for record in chosen {
        if let Some((id, _)) = here.iter().find(|(_, uuid)| *uuid == record.uuid) {
            return Err(VaultFailure::Refused(format!(
                "the profile {} is here already, as profile {id}: remove it first, or restore into another folder",
                record.label()
            )));
        }
        if record.uuid.is_empty() || !record.uuid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Err(VaultFailure::Refused(format!(
                "the profile {} has no proper name of a folder",
                record.label()
            )));
        }
    }
    Ok(())
}

/// Reads everything that is to be restored, before anything is written.
fn check(job: &Job, reader: &Reader<'_>, chosen: &[&vault::ProfileRecord]) -> Done<()> {
    job.step("verifying", chosen.len());
    let (mut check, mut damage) = (PackCheck::default(), Vec::<Damage>::new());
    let mut go_on = |bytes| job.read(bytes);
    for record in chosen {
        let found =
            reader.check_profile(record, &mut check, &mut go_on).map_err(|error| job.why(error.into()))?;
        damage.extend(found);
        job.done();
    }
    let found = reader.check_used(&check, &mut go_on).map_err(|error| job.why(error.into()))?;
    damage.extend(found);
    let Some(first) = damage.first() else { return Ok(()) };
    let more = match damage.len() - 1 {
        0 => String::new(),
        more => format!(" (and {more} more; `volary backup verify` names all)"),
    };
    Err(VaultFailure::Refused(format!("{first}{more}; nothing was restored")))
}

/// Refuses if there is too little space for all of it.
fn has_space(db: &Db, chosen: &[&vault::ProfileRecord]) -> Done<()> {
    // Pages of the database are about half full.
    let wanted: u64 = chosen.iter().map(|record| record.file_bytes + 2 * record.row_bytes).sum();
    let Some(free) = volary_storage::free_space(db.dir()) else { return Ok(()) };
    if free < wanted.saturating_add(KEEP_FREE) {
        let source = io::ErrorKind::StorageFull.into();
        let context = format!(
            "{free} bytes are free for {}, and {wanted} are needed beside the {KEEP_FREE} that stay free",
            db.dir().display()
        );
        return Err(Failure::File { context, source }.into());
    }
    Ok(())
}

/// Profiles that are being restored. Removes them when it is dropped before they have arrived.
struct Arriving<'d> {
    db: &'d Db,
    places: Vec<LeavingRecord>,
}

impl<'d> Arriving<'d> {
    /// Finds an id and a folder for each, and notes durably that they may have to be removed.
    fn announce(db: &'d Db, chosen: &[&vault::ProfileRecord]) -> Done<Self> {
        let wanted = chosen.iter().map(|record| {
            let taken = db.dir().join(&record.uuid).exists();
            (ProfileId::new(record.id), if taken { process::new_uuid() } else { record.uuid.clone() })
        });
        let wanted: Vec<(ProfileId, String)> = wanted.collect();
        let live = db.arriving();
        let announced = db.transact_durably::<_, StoreError, _>(ProfileId::PROCESS, move |tx| {
            let mut manager = profiles::manager(tx.store)?;
            // Whatever the registry says: rows of a profile that is here are never written over.
            let here = tx
                .store
                .scan_prefix(&PROFILES, &())?
                .keys()
                .try_fold(None, |last, id| Ok::<_, StoreError>(last.max(Some(id?))))?;
            manager.next_id = manager.next_id.max(here.map_or(ProfileId::FIRST, ProfileId::next));
            let places: Vec<LeavingRecord> =
                wanted.into_iter().map(|(id, uuid)| place(&mut manager, id, uuid)).collect();
            manager.arriving.extend(places.iter().cloned());
            tx.store.put(&MANAGER, &0, &manager)?;
            // Before the commit: whoever sees the record sees that it is being worked on.
            live.lock().extend(places.iter().map(|place| place.profile));
            Ok(places)
        });
        Ok(Self { db, places: block_on(announced)? })
    }

    /// Makes the profiles known.
    fn arrive(mut self, known: Vec<Known>, schema: u32, snapshot: &vault::SnapshotRecord) -> Done<()> {
        let places = self.places.clone();
        // In the order in which the backup shows them.
        let at: HashMap<u32, ProfileId> =
            known.iter().zip(&places).map(|(known, place)| (known.former, place.profile)).collect();
        let order: Vec<ProfileId> =
            snapshot.profiles.iter().filter_map(|record| at.get(&record.id)).copied().collect();
        let selected = at.get(&snapshot.selected).or(order.first()).copied();
        let arrived = self.db.transact_durably::<_, StoreError, _>(ProfileId::PROCESS, move |tx| {
            let mut manager = profiles::manager(tx.store)?;
            for (known, place) in known.into_iter().zip(&places) {
                known.store(tx, place)?;
                if schema < SCHEMA_VERSION {
                    tx.store.migrate_profile(place.profile, schema)?;
                }
            }
            let arrived: HashSet<ProfileId> = order.iter().copied().collect();
            manager.arriving.retain(|arriving| !arrived.contains(&arriving.profile));
            manager.order.extend(order);
            manager.selected = manager.selected.or(selected);
            tx.store.put(&MANAGER, &0, &manager)?;
            tx.emit(event::Kind::AccountsChanged(event::AccountsChanged {}));
            Ok(())
        });
        block_on(arrived)?;
        let live = self.db.arriving();
        let mut live = live.lock();
        for place in self.places.drain(..) {
            live.remove(&place.profile);
        }
        Ok(())
    }
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        if self.places.is_empty() {
            return;
        }
        {
            let live = self.db.arriving();
            let mut live = live.lock();
            for place in &self.places {
                live.remove(&place.profile);
            }
        }
        if let Err(error) = block_on(abandon(self.db)) {
            tracing::warn!(%error, "what a restore wrote that did not end is removed at the next start");
        }
    }
}

/// Removes what is left of restores that did not come to their end.
pub async fn abandon(db: &Db) -> Result<(), Failure> {
    let live = db.arriving().lock().clone();
    let arriving = db.look(profiles::manager)?.arriving;
    for record in arriving.into_iter().filter(|record| !live.contains(&record.profile)) {
        tracing::info!(profile = %record.profile, "a restore did not come to its end: what it wrote is removed");
        process::remove_traces(db, record).await?;
    }
    Ok(())
}

/// An id and a folder that no profile has.
fn place(manager: &mut ManagerRecord, wanted: ProfileId, uuid: String) -> LeavingRecord {
    // An id is never given out twice.
    let profile = wanted.max(manager.next_id).max(ProfileId::FIRST);
    manager.next_id = profile.next();
    let taken = manager.leaving.iter().chain(&manager.arriving).any(|other| other.uuid == uuid);
    let uuid = if taken { process::new_uuid() } else { uuid };
    LeavingRecord { profile, uuid }
}

/// What tables of the host say of a profile.
#[derive(Default)]
struct Known {
    former: u32,
    profile: Option<ProfileRecord>,
    counters: Option<CounterRecord>,
    key: Option<KeyRecord>,
    due: Vec<Due>,
}

impl Known {
    fn take(&mut self, row: &Row) -> Option<()> {
        let table = row.key.as_slice();
        if table == PROFILES.name().as_bytes() {
            self.profile = Some(ProfileRecord::decode_value(&row.value)?);
        } else if table == COUNTERS.name().as_bytes() {
            self.counters = Some(CounterRecord::decode_value(&row.value)?);
        } else if table == KEYS.name().as_bytes() {
            self.key = Some(KeyRecord::decode_value(&row.value)?);
        }
        Some(())
    }

    fn store(self, tx: &mut Tx<'_, '_>, place: &LeavingRecord) -> Result<(), StoreError> {
        let profile = place.profile;
        let record = ProfileRecord { uuid: place.uuid.clone(), ..self.profile.unwrap_or_default() };
        tx.store.put(&PROFILES, &profile, &record)?;
        tx.store.put(&COUNTERS, &profile, &self.counters.unwrap_or_default())?;
        if let Some(key) = self.key {
            tx.store.put(&KEYS, &profile, &key)?;
        }
        for Due { time, kind, id } in self.due {
            tx.store.set(&DEADLINES, &(time, profile, kind, id))?;
            let effects = tx.effects();
            effects.deadline = Some(effects.deadline.map_or(time, |other| other.min(time)));
        }
        Ok(())
    }
}

/// Writes rows and attachments of a profile.
fn bring(
    db: &Db,
    job: &Job,
    reader: &Reader<'_>,
    record: &vault::ProfileRecord,
    place: &LeavingRecord,
) -> Done<Known> {
    let profile = place.profile;
    let storing = "an attachment cannot be written";
    let mut attachments =
        Blobs::new(blob_dir(db.dir(), &place.uuid)).series().map_err(Failure::file(storing))?;
    let mut known = Known { former: record.id, ..Default::default() };
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut stream = reader.stream(record);
    while let Some(entry) = stream.next_entry()? {
        match entry.item {
            Some(Item::Row(row)) => {
                bytes += row.key.len() + row.value.len();
                rows.push(row);
                if rows.len() >= ROWS_AT_ONCE || bytes >= BYTES_AT_ONCE {
                    put(db, profile, std::mem::take(&mut rows))?;
                    job.go_on(std::mem::take(&mut bytes) as u64)?;
                }
            }
            Some(Item::OfHost(row)) => known.take(&row).ok_or_else(|| unreadable(record))?,
            Some(Item::Due(due)) => known.due.push(due),
            Some(Item::File(file)) => {
                let mut content =
                    Content { pieces: reader.file(record, &file)?, piece: Vec::new(), at: 0, failed: None };
                let extension = file.name.split_once('.').map_or("", |(_, extension)| extension);
                let stored = attachments.put_reader(&mut content, extension);
                if let Some(error) = content.failed {
                    return Err(error.into());
                }
                let stored = stored.map_err(Failure::file(storing))?;
                if stored.as_str() != file.name {
                    return Err(unreadable(record));
                }
                job.go_on(file.length)?;
            }
            None => {}
        }
    }
    put(db, profile, rows)?;
    attachments.finish().map_err(Failure::file(storing))?;
    job.go_on(bytes as u64)?;
    match known.profile {
        Some(_) => Ok(known),
        None => Err(unreadable(record)),
    }
}

fn unreadable(record: &vault::ProfileRecord) -> VaultFailure {
    VaultFailure::Refused(format!("the profile {} cannot be read by this release", record.label()))
}

fn put(db: &Db, profile: ProfileId, rows: Vec<Row>) -> Done<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let written = db.transact::<_, StoreError, _>(ProfileId::PROCESS, move |tx| {
        rows.iter().try_for_each(|row| tx.store.put_raw(profile, &row.key, &row.value))
    });
    block_on(written)?;
    Ok(())
}

/// The content of an attachment as a reader.
struct Content<'r, 't> {
    pieces: FileReader<'r, 't>,
    piece: Vec<u8>,
    at: usize,
    failed: Option<vault::VaultError>,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.piece.len() {
            match self.pieces.next_piece() {
                Ok(Some(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(None) => return Ok(0),
                Err(error) => {
                    let text = error.to_string();
                    self.failed = Some(error);
                    return Err(io::Error::other(text));
                }
            }
        }
        let count = out.len().min(self.piece.len() - self.at);
        out[..count].copy_from_slice(&self.piece[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
