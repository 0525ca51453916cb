//! Making a backup.
//!
//! Each profile is as it is in one snapshot of the database. A snapshot serves the profiles that are read within a second:
//! while one is held, the database cannot reuse pages, so it is not held while attachments are copied, which takes longer.
//! Attachments that a snapshot names cannot go meanwhile: no files are swept while a backup runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use volary_proto::{BackedUpProfile, CreateHostBackup, HostBackup, PrunedHostBackups};
use volary_storage::records::{CounterRecord, KeyRecord, ProfileRecord};
use volary_storage::tables::{COUNTERS, DEADLINES, KEYS, MESSAGES, PROFILES};
use volary_storage::{BlobName, Blobs, ReadTx, SCHEMA_VERSION, StoreError, Value as _, View as _};
use volary_vault as vault;
use volary_vault::{Backup, Due, Passphrase, ProfileWriter, SnapshotRecord, Target};

use super::failure::{Done, VaultFailure};
use super::job::Job;
use super::prune;
use crate::ground::db::{Db, blob_dir};
use crate::ground::ids::ProfileId;
use crate::state::{config, profiles, transports};
use crate::upkeep::housekeeping;

/// A snapshot serves the profiles that are read within that time.
const LOOK: Duration = Duration::from_secs(1);
/// Progress is reported after that many bytes of rows.
const REPORTED: u64 = 256 << 10;

/// Backs up the profiles that `call` names while they run.
pub fn create(db: &Db, job: &Job, call: &CreateHostBackup) -> Done<HostBackup> {
    let (dir, passphrase) = (outside(db, &call.target)?, passphrase(call.passphrase.as_ref())?);
    let ids = wanted(db, &call.profiles)?;
    let begun = Instant::now();
    let target = Target::open_or_create(&dir, &passphrase)?;
    let mut backup = target.begin()?;
    let manager = db.look(profiles::manager)?;
    let mut record = SnapshotRecord {
        created: db.now(),
        schema: SCHEMA_VERSION,
        release: env!("CARGO_PKG_VERSION").to_owned(),
        chosen: !call.profiles.is_empty(),
        selected: manager.selected.filter(|id| ids.contains(id)).unwrap_or_default().get(),
        ..Default::default()
    };
    job.step("backing up", ids.len());
    let _files = db.keep_files();
    let (mut looks, mut changed) = (Looks::new(db), 0);
    for id in ids {
        if let Some((profile, new)) = back_up(db, job, &mut looks, &mut backup, id)? {
            changed += u32::from(new);
            record.profiles.push(profile);
        }
        job.done();
        job.go_on(0)?;
    }
    drop(looks);
    let profiles = record.profiles.iter().map(shown).collect();
    let (created, chosen, release) = (record.created, record.chosen, record.release.clone());
    let written = backup.finish(record)?;
    tracing::info!(
        path = %dir.display(),
        name = written.name,
        changed,
        bytes = written.bytes,
        ms = begun.elapsed().as_millis(),
        "a backup is made"
    );
    // Whatever becomes of the old ones, there is a new one.
    let pruned = (call.keep > 0).then(|| {
        prune::old(job, &target, call.keep).unwrap_or_else(|failure| {
            tracing::warn!(path = %dir.display(), %failure, "old backups stay");
            PrunedHostBackups { failure: failure.to_string(), ..Default::default() }
        })
    });
    Ok(HostBackup {
        name: written.name,
        created,
        profiles,
        written: written.bytes,
        changed,
        chosen,
        release,
        pruned,
    })
}

/// A profile in a backup as callers see it.
pub(super) fn shown(record: &vault::ProfileRecord) -> BackedUpProfile {
    BackedUpProfile {
        id: record.id,
        name: record.name.clone(),
        address: record.address.clone(),
        messages: record.messages,
        row_bytes: record.row_bytes,
        files: record.files,
        file_bytes: record.file_bytes,
        taken: record.taken,
        missing: record.missing.clone(),
    }
}

/// The passphrase of a call.
pub(super) fn passphrase(given: Option<&volary_proto::Passphrase>) -> Done<Passphrase> {
    Ok(Passphrase::new(given.map(|given| given.text.as_str()).unwrap_or_default())?)
}

/// The folder of the backups, which is not the one that is backed up.
pub(super) fn outside(db: &Db, target: &str) -> Done<PathBuf> {
    let dir = Path::new(target);
    if !dir.is_absolute() {
        return Err(VaultFailure::Refused(format!("{target:?} is no absolute path")));
    }
    // What does not exist yet is where the nearest folder above it is.
    let real = dir.ancestors().find_map(|above| above.canonicalize().ok()).unwrap_or_default();
    let own = db.dir().canonicalize().unwrap_or_else(|_| db.dir().clone());
    if real.starts_with(&own) {
        return Err(VaultFailure::Refused(format!(
            "{target} is in the folder of the profiles; name one outside"
        )));
    }
    Ok(dir.to_owned())
}

/// The profiles that are named, or all of them.
fn wanted(db: &Db, named: &[u32]) -> Done<Vec<ProfileId>> {
    let all = db.look(profiles::ids)?;
    if named.is_empty() {
        return Ok(all);
    }
    for id in named {
        if !all.contains(&ProfileId::new(*id)) {
            return Err(VaultFailure::NotFound(format!("account with id {id} not found")));
        }
    }
    Ok(all.into_iter().filter(|id| named.contains(&id.get())).collect())
}

/// Snapshots, one after the other.
struct Looks<'d> {
    db: &'d Db,
    look: Option<Look>,
}

struct Look {
    tx: ReadTx,
    begun: Instant,
    taken: i64,
    /// What is due for each profile. It is stored by time, so that it is read once for all of them.
    due: HashMap<ProfileId, Vec<Due>>,
}

impl<'d> Looks<'d> {
    fn new(db: &'d Db) -> Self {
        Self { db, look: None }
    }

    /// A snapshot that is not old.
    fn current(&mut self) -> Result<&Look, StoreError> {
        self.forget_old();
        let look = match self.look.take() {
            Some(look) => look,
            None => Look::take(self.db)?,
        };
        Ok(self.look.insert(look))
    }

    fn forget_old(&mut self) {
        self.look.take_if(|look| look.begun.elapsed() >= LOOK);
    }
}

impl Look {
    fn take(db: &Db) -> Result<Self, StoreError> {
        let (tx, begun) = (db.store().snapshot()?, Instant::now());
        let mut due: HashMap<ProfileId, Vec<Due>> = HashMap::new();
        for key in tx.scan_prefix(&DEADLINES, &())?.keys() {
            let (time, profile, kind, id) = key?;
            due.entry(profile).or_default().push(Due { time, kind, id });
        }
        Ok(Self { tx, begun, taken: db.now(), due })
    }
}

/// Backs up one profile; whether there was anything new. `None` if it was removed meanwhile, or is not whole yet.
fn back_up(
    db: &Db,
    job: &Job,
    looks: &mut Looks<'_>,
    backup: &mut Backup<'_>,
    id: ProfileId,
) -> Done<Option<(vault::ProfileRecord, bool)>> {
    let look = looks.current()?;
    let Some(profile) = profiles::load(&look.tx, id)? else { return Ok(None) };
    if profiles::manager(&look.tx)?.importing.contains(&id) {
        // Half of a profile is none; a restore would make it one.
        tracing::info!(profile = %id, "a profile that is being imported is not backed up");
        return Ok(None);
    }
    let mut writer = backup.profile();
    let mut record = vault::ProfileRecord {
        id: id.get(),
        uuid: profile.uuid.clone(),
        name: config::stored(&look.tx, id, config::key::DISPLAYNAME)?.unwrap_or_default(),
        address: transports::all(&look.tx, id)?
            .into_iter()
            .next()
            .map(|(_, relay)| relay.addr)
            .unwrap_or_default(),
        taken: look.taken,
        ..Default::default()
    };
    record.messages = write_rows(job, look, &mut writer, id)?;
    write_of_host(look, &mut writer, id, &profile)?;
    let mut names: Vec<String> = housekeeping::used_files(&look.tx, id)?.into_iter().collect();
    names.sort_unstable();
    let blobs = Blobs::new(blob_dir(db.dir(), &profile.uuid));
    for name in names.into_iter().filter(|name| !name.is_empty()) {
        looks.forget_old();
        if !write_file(job, &blobs, &mut writer, &name)? {
            if db.look(|view| profiles::load(view, id))?.is_none() {
                return Ok(None);
            }
            tracing::warn!(profile = %id, file = name, "an attachment is not there, or not whole: the backup goes without");
        }
    }
    Ok(Some(writer.finish(record)?))
}

/// Writes the rows of a profile. How many messages are among them.
fn write_rows(job: &Job, look: &Look, writer: &mut ProfileWriter<'_, '_>, id: ProfileId) -> Done<u64> {
    let (mut messages, mut bytes) = (0, 0);
    let mut rows = look.tx.raw_rows(id)?;
    while let Some(row) = rows.next_row()? {
        messages += u64::from(row.key().starts_with(&MESSAGES.tag()));
        bytes += (row.key().len() + row.value().len()) as u64;
        writer.row(row.key(), row.value())?;
        if bytes >= REPORTED {
            job.go_on(std::mem::take(&mut bytes))?;
        }
    }
    job.go_on(bytes)?;
    Ok(messages)
}

/// Writes what tables of the host say of a profile.
fn write_of_host(
    look: &Look,
    writer: &mut ProfileWriter<'_, '_>,
    id: ProfileId,
    profile: &ProfileRecord,
) -> Done<()> {
    let mut value = Vec::new();
    profile.encode_value(&mut value);
    writer.of_host(PROFILES.name(), value)?;
    let counters: Option<CounterRecord> = look.tx.get(&COUNTERS, &id)?;
    let key: Option<KeyRecord> = look.tx.get(&KEYS, &id)?;
    if let Some(counters) = counters {
        let mut value = Vec::new();
        counters.encode_value(&mut value);
        writer.of_host(COUNTERS.name(), value)?;
    }
    if let Some(key) = key {
        let mut value = Vec::new();
        key.encode_value(&mut value);
        writer.of_host(KEYS.name(), value)?;
    }
    for due in look.due.get(&id).into_iter().flatten() {
        writer.due(*due)?;
    }
    Ok(())
}

/// Writes an attachment. Whether it was there and whole.
fn write_file(job: &Job, blobs: &Blobs, writer: &mut ProfileWriter<'_, '_>, name: &str) -> Done<bool> {
    let Ok(blob) = name.parse::<BlobName>() else {
        writer.missing(name);
        return Ok(false);
    };
    let path = blobs.path(&blob);
    let length = blobs.len(&blob).map_err(crate::ground::error::Failure::file("an attachment"))?;
    let Some(length) = length else {
        writer.missing(name);
        return Ok(false);
    };
    let whole = writer.file(name, length, &path, &mut |bytes| job.read(bytes));
    let whole = whole.map_err(|error| job.why(error.into()))?;
    job.go_on(0)?;
    Ok(whole)
}
