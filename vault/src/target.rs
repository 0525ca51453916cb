//! The folder: making, opening, locking, listing.
//!
//! ```text
//! backup.key                        keys, sealed with the passphrase
//! lock                              locked while a backup is written or removed
//! readers                           shared by those who read, exclusive for who removes
//! packs/<random>.pack               chunks; never changed once it has its name
//! snapshots/<time>-<random>.snapshot   one backup each; written last
//! ```

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use prost::Message as _;

use crate::error::VaultError;
use crate::files::{self, NewFile};
use crate::index::Index;
use crate::keys::{KEY_FILE, Keys, Passphrase, random};
use crate::pack::NAME_BYTES;
use crate::read::Reader;
use crate::records::{FORM, SnapshotRecord};
use crate::write::Backup;

/// Folder of the packs.
const PACKS: &str = "packs";
/// Folder of the backups.
const SNAPSHOTS: &str = "snapshots";
/// The file that is locked.
const LOCK: &str = "lock";
/// The file that is locked by who reads.
const READERS: &str = "readers";
/// Extension of backups.
const EXTENSION: &str = ".snapshot";
/// How the time is written in the names of backups.
const TIME: &str = "%Y%m%dT%H%M%SZ";
/// What a backup begins with.
const MAGIC: &[u8; 8] = b"VOLSNAP1";
/// Longest snapshot file that is read: some million profiles.
const MAX_SNAPSHOT: u64 = 1 << 30;

/// A folder with backups of a host.
pub struct Target {
    dir: PathBuf,
    pub(crate) keys: Keys,
}

/// While this is there, no backup goes.
pub struct Held(#[expect(dead_code, reason = "the lock ends with it")] Option<File>);

/// A backup in a target.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub record: SnapshotRecord,
}

impl Target {
    /// Opens a folder that holds backups.
    pub fn open(dir: &Path, passphrase: &Passphrase) -> Result<Self, VaultError> {
        if !Self::is_one(dir)? {
            return Err(VaultError::NoBackup(dir.to_owned()));
        }
        Ok(Self { dir: dir.to_owned(), keys: Keys::open(dir, passphrase)? })
    }

    /// Opens a folder that holds backups, or makes a new or empty one into such a folder.
    pub fn open_or_create(dir: &Path, passphrase: &Passphrase) -> Result<Self, VaultError> {
        files::make_folder(dir)?;
        if Self::is_one(dir)? {
            return Self::open(dir, passphrase);
        }
        for entry in fs::read_dir(dir).map_err(VaultError::io(dir))? {
            let name = entry.map_err(VaultError::io(dir))?.file_name();
            // What a first backup leaves behind that was killed in its first moments, and what another one has begun.
            let known = name.to_str().is_some_and(|name| {
                name.starts_with(files::TEMPORARY) || [LOCK, KEY_FILE, "lost+found"].contains(&name)
            });
            if !known && Self::is_one(dir)? {
                return Self::open(dir, passphrase);
            }
            if !known {
                return Err(VaultError::NotEmpty(dir.to_owned()));
            }
        }
        // Of two hosts that make the same folder theirs, the keys of one would be written over those of the other.
        let _lock = locked(dir)?;
        if Self::is_one(dir)? {
            return Self::open(dir, passphrase);
        }
        let keys = Keys::create(dir, passphrase)?;
        tracing::info!(path = %dir.display(), "a folder for backups is made");
        Ok(Self { dir: dir.to_owned(), keys })
    }

    /// Whether a folder holds backups.
    pub fn is_one(dir: &Path) -> Result<bool, VaultError> {
        let path = dir.join(KEY_FILE);
        path.try_exists().map_err(VaultError::io(&path))
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Names of all backups, the oldest first.
    pub fn names(&self) -> Result<Vec<String>, VaultError> {
        match files::names(&self.snapshots_dir(), EXTENSION) {
            Err(VaultError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            names => names,
        }
    }

    /// Reads a backup, or the newest one.
    pub fn snapshot(&self, name: Option<&str>) -> Result<Snapshot, VaultError> {
        let names = self.names()?;
        let found = match name {
            Some(wanted) => names.into_iter().find(|name| name == wanted),
            None => names.into_iter().next_back(),
        };
        let Some(name) = found else {
            return Err(match name {
                Some(name) => VaultError::NoSuchSnapshot { dir: self.dir.clone(), name: name.to_owned() },
                None => VaultError::NoBackup(self.dir.clone()),
            });
        };
        let path = self.snapshot_path(&name);
        let damaged = |detail: &str| VaultError::damaged(&path, detail);
        let bytes = files::read_checked(&path, MAX_SNAPSHOT)?;
        let sealed = bytes.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no backup"))?;
        let opened = self.keys.open_sealed(sealed, name.as_bytes());
        let opened = opened.ok_or_else(|| damaged("it cannot be decrypted"))?;
        let record = SnapshotRecord::decode(opened.as_slice()).map_err(|_| damaged("it cannot be read"))?;
        if record.form > FORM {
            return Err(VaultError::Newer { path, found: record.form, known: FORM });
        }
        Ok(Snapshot { name, record })
    }

    /// Begins a backup. One at a time writes into a folder.
    pub fn begin(&self) -> Result<Backup<'_>, VaultError> {
        let lock = self.lock()?;
        let (packs, snapshots) = (self.packs_dir(), self.snapshots_dir());
        for dir in [&self.dir, &packs, &snapshots] {
            files::make_folder(dir)?;
            files::remove_temporaries(dir)?;
        }
        files::sync_folder(&self.dir)?;
        let mut damage = Vec::new();
        let index = Index::read(&packs, &self.keys, &mut damage)?;
        let trusted = damage.is_empty() && self.is_complete(&index);
        for damage in damage {
            tracing::warn!(%damage, "what this pack holds is stored once more");
        }
        Ok(Backup::new(self, index, trusted, packs, lock))
    }

    /// Whether all packs are there that the newest backup knew.
    fn is_complete(&self, index: &Index) -> bool {
        let Ok(newest) = self.snapshot(None) else { return false };
        let (known, there) = (newest.record.packs, index.names());
        let there: HashSet<&[u8]> = there.chunks(NAME_BYTES).collect();
        known.chunks(NAME_BYTES).all(|name| there.contains(name))
    }

    /// Reads what backups are made of.
    pub fn reader(&self) -> Result<Reader<'_>, VaultError> {
        let held = self.hold()?;
        let mut damage = Vec::new();
        let packs = self.packs_dir();
        let index = match packs.try_exists().map_err(VaultError::io(&packs))? {
            true => Index::read(&packs, &self.keys, &mut damage)?,
            false => {
                damage.push(crate::Damage::of_file(VaultError::damaged(&packs, "it is missing")));
                Index::empty()
            }
        };
        Ok(Reader::new(self, index, damage, held))
    }

    /// Writes the file that makes a backup one.
    pub(crate) fn write_snapshot(&self, record: &SnapshotRecord) -> Result<(String, u64), VaultError> {
        let mut tail = [0; 4];
        random(&mut tail)?;
        let time = DateTime::<Utc>::from_timestamp(record.created, 0).unwrap_or_default().naive_utc();
        // The order of names is that of backups, also after a clock was set back.
        let last = self.names()?.pop().and_then(|name| time_of(&name));
        let time = last.map_or(time, |last| time.max(last + TimeDelta::seconds(1)));
        let name = format!("{}-{}", time.format(TIME), hex::encode(tail));
        let mut file = NewFile::create(self.snapshot_path(&name))?;
        file.write(MAGIC)?;
        file.write(&self.keys.seal(&record.encode_to_vec(), name.as_bytes())?)?;
        let length = file.settle()?;
        Ok((name, length))
    }

    /// Keeps all backups where they are while they are read.
    pub fn hold(&self) -> Result<Held, VaultError> {
        let path = self.dir.join(READERS);
        // On a medium that is read only nobody removes anything, and neither where there are no locks.
        let Ok(file) = lock_file(&path).or_else(|_| File::open(&path)) else { return Ok(Held(None)) };
        match file.try_lock_shared() {
            Ok(()) => Ok(Held(Some(file))),
            Err(TryLockError::WouldBlock) => Err(VaultError::BeingRemoved(self.dir.clone())),
            Err(TryLockError::Error(_)) => Ok(Held(None)),
        }
    }

    /// Sees to it that nobody reads.
    pub(crate) fn alone(&self) -> Result<Held, VaultError> {
        let path = self.dir.join(READERS);
        let file = lock_file(&path).map_err(VaultError::io(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Held(Some(file))),
            Err(TryLockError::WouldBlock) => Err(VaultError::BeingRead(self.dir.clone())),
            Err(TryLockError::Error(error)) => Err(VaultError::io(&path)(error)),
        }
    }

    /// Sees to it that nobody else writes.
    pub(crate) fn lock(&self) -> Result<File, VaultError> {
        locked(&self.dir)
    }

    pub(crate) fn packs_dir(&self) -> PathBuf {
        self.dir.join(PACKS)
    }

    pub(crate) fn snapshots_dir(&self) -> PathBuf {
        self.dir.join(SNAPSHOTS)
    }

    pub(crate) fn snapshot_path(&self, name: &str) -> PathBuf {
        self.snapshots_dir().join(format!("{name}{EXTENSION}"))
    }
}

/// Sees to it that nobody else writes into a folder.
fn locked(dir: &Path) -> Result<File, VaultError> {
    let path = dir.join(LOCK);
    let file = lock_file(&path).map_err(VaultError::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VaultError::Locked(dir.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
            tracing::warn!(path = %path.display(), "the file system knows no locks: see to it that one backup runs at a time");
            Ok(file)
        }
        Err(TryLockError::Error(error)) => Err(VaultError::io(&path)(error)),
    }
}

/// The time in the name of a backup.
fn time_of(name: &str) -> Option<NaiveDateTime> {
    NaiveDateTime::parse_from_str(name.split_once('-')?.0, TIME).ok()
}

fn lock_file(path: &Path) -> io::Result<File> {
    File::options().write(true).create(true).truncate(false).mode(0o600).open(path)
}
