//! The accounts directory: made on first use, held by one process at a time.
//!
//! `accounts.lock` and `accounts.toml` carry the names that other engines for the same clients use, so that no two of
//! them work on one directory. What stands in `accounts.toml` names the engine that the directory belongs to.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

const LOCK_FILE: &str = "accounts.lock";
const CONFIG_FILE: &str = "accounts.toml";
const CONFIG_TEXT: &str = "# This directory belongs to the Volary engine.\nengine = \"volary\"\nformat = 1\n";

/// Pauses between attempts to get the lock: a process that is just ending gets the time to do so.
const LOCK_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// Why the accounts directory cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The directory may not be written.
    #[error("{path:?} cannot be written: {source}")]
    ReadOnly {
        /// The file in it that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are files that do not belong to an engine.
    #[error("{0:?} is not empty")]
    NotEmpty(PathBuf),
    /// `accounts.toml` cannot be understood.
    #[error("Failed to parse config: {0}")]
    Config(#[from] toml::de::Error),
    /// `accounts.toml` names no engine, or another one.
    #[error("{0:?} was not made by Volary; import a backup instead of opening it")]
    Foreign(PathBuf),
    /// Another process holds the directory.
    #[error(
        "Delta Chat is already running. To use Delta Chat, you must first close the existing Delta Chat process, \
         or restart your device. (accounts.lock file is already locked)"
    )]
    Locked,
}

/// An accounts directory that belongs to this process until it is dropped.
#[derive(Debug)]
pub struct AccountsDirectory {
    path: PathBuf,
    _lock: File,
}

impl AccountsDirectory {
    /// Makes or opens a directory and locks it, waiting a few seconds for its present holder to leave.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        Self::open_patiently(path, &LOCK_PAUSES)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens with the given pauses between attempts to get the lock.
    pub(super) fn open_patiently(path: &Path, pauses: &[Duration]) -> Result<Self, DirectoryError> {
        prepare(path)?;
        let lock = lock(&path.join(LOCK_FILE), pauses)?;
        let config = path.join(CONFIG_FILE);
        match fs::read_to_string(&config) {
            Ok(text) => check(&text, path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => write_durably(&config, CONFIG_TEXT)?,
            Err(error) => return Err(error.into()),
        }
        Ok(Self { path: path.canonicalize()?, _lock: lock })
    }
}

/// Makes the directory, or sees to it that it is one of ours or empty. Writes nothing into it.
fn prepare(path: &Path) -> Result<(), DirectoryError> {
    if path.as_os_str().is_empty() {
        return Err(io::Error::from_raw_os_error(libc::ENOENT).into());
    }
    if !path.try_exists()? {
        fs::create_dir_all(path)?;
        return Ok(());
    }
    if path.join(CONFIG_FILE).try_exists()? {
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        // A process that was killed at its very first start leaves a lock file behind.
        if entry?.file_name() != LOCK_FILE {
            return Err(DirectoryError::NotEmpty(path.to_owned()));
        }
    }
    Ok(())
}

fn check(text: &str, path: &Path) -> Result<(), DirectoryError> {
    let config: toml::Table = toml::from_str(text)?;
    if config.get("engine").and_then(toml::Value::as_str) == Some("volary") {
        Ok(())
    } else {
        Err(DirectoryError::Foreign(path.to_owned()))
    }
}

fn lock(path: &Path, pauses: &[Duration]) -> Result<File, DirectoryError> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(|source| match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            DirectoryError::ReadOnly { path: path.to_owned(), source }
        }
        _ => source.into(),
    })?;
    let mut pauses = pauses.iter();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => match pauses.next() {
                Some(pause) => thread::sleep(*pause),
                None => return Err(DirectoryError::Locked),
            },
            Err(error) => return Err(io::Error::from(error).into()),
        }
    }
}

/// Writes a file so that after a crash it is there in full or not at all.
fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let temporary = path.with_extension("toml.tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
