//! The folder of an engine: made on first use, held by one process at a time.
//!
//! `accounts.lock` and `accounts.toml` carry the names that other engines for the same clients use, so that no two of
//! them work on one folder. `accounts.toml` names the engine that the folder belongs to; `accounts.lock` names the
//! process that holds it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;

pub(crate) const LOCK_FILE: &str = "accounts.lock";
/// What may be in a folder before its first use: the lock of a process that was killed at its very first start, a
/// configuration, and the socket that a service manager has opened.
const MAY_BE_THERE: [&str; 3] = [LOCK_FILE, "volary.toml", "bus.sock"];
pub(crate) const CONFIG_FILE: &str = "accounts.toml";
const CONFIG_TEXT: &str = "# This directory belongs to the Volary engine.\nengine = \"volary\"\nformat = 1\n";
/// Is there while every event of the last engine on the folder is in the log of events, in whose folder it is.
#[cfg_attr(not(feature = "grpc"), allow(dead_code))]
pub const LOGGED_FILE: &str = "events/closed";
/// Longest `accounts.toml` that is read; those of chatmail core have a few lines for every profile.
pub(crate) const MAX_CONFIG_BYTES: u64 = 16 << 20;
/// Most digits of a process id that are read.
const MAX_PID_BYTES: u64 = 20;

/// Passwords and keys are in the folder: nobody else reads it.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Pauses between attempts to get the lock: a process that is just ending gets the time to do so.
const LOCK_PAUSES: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// Why a folder cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// No folder is named.
    #[error("the path of the folder is empty: No such file or directory")]
    NoPath,
    /// The operating system refuses.
    #[error("{path:?}: {source}")]
    Io {
        /// The file or folder that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder may not be written.
    #[error("{path:?} cannot be written: {source}")]
    ReadOnly {
        /// The file in it that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There are files that do not belong to an engine.
    #[error("{0:?} is not empty and was not made by Volary; name a new or empty folder")]
    NotEmpty(PathBuf),
    /// `accounts.toml` names no engine, or another one.
    #[error(
        "{0:?} was not made by Volary (its accounts.toml does not say so) and is left alone; name a new or empty folder. \
         If its profiles are of chatmail core (Delta Chat), `volary adopt` copies them into one"
    )]
    Foreign(PathBuf),
    /// Another process holds the folder.
    #[error(
        "{path:?} is already in use by {holder}; stop it first, or name another folder (accounts.lock is held)"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who holds it.
        holder: Holder,
    },
}

/// The process that holds a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// This process itself, through another engine.
    ThisProcess,
    /// The process with this id.
    Process(u32),
    /// A process that did not write its id.
    Unknown,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ThisProcess => f.write_str("another engine in this process"),
            Self::Process(pid) => write!(f, "process {pid}"),
            Self::Unknown => f.write_str("another process"),
        }
    }
}

/// A folder that belongs to this process until the value is dropped.
#[derive(Debug)]
pub struct AccountsDirectory {
    path: PathBuf,
    /// The engine before has logged all its events.
    was_logged: bool,
    _lock: File,
}

impl AccountsDirectory {
    /// Makes or opens a folder and locks it, waiting a few seconds for its present holder to leave.
    pub fn open(path: &Path) -> Result<Self, DirectoryError> {
        Self::open_patiently(path, &LOCK_PAUSES)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the engine before has logged all its events.
    #[cfg_attr(not(feature = "grpc"), allow(dead_code))]
    pub fn was_logged(&self) -> bool {
        self.was_logged
    }

    /// Opens with the given pauses between attempts to get the lock.
    fn open_patiently(path: &Path, pauses: &[Duration]) -> Result<Self, DirectoryError> {
        prepare(path)?;
        let lock = lock(path, pauses)?;
        // Again, because another process may have made it in the meantime.
        if !has_our_config(path)? {
            write_durably(&path.join(CONFIG_FILE), CONFIG_TEXT)?;
        }
        // Whoever opens the folder from now on makes events that are not logged, unless he logs them.
        let was_logged = fs::remove_file(path.join(LOGGED_FILE)).is_ok();
        Ok(Self { path: path.canonicalize().map_err(at(path))?, was_logged, _lock: lock })
    }
}

/// Names the file in what the system says about it.
fn at(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    move |source| match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => DirectoryError::ReadOnly { path: path.to_owned(), source },
        _ => DirectoryError::Io { path: path.to_owned(), source },
    }
}

/// The same for a file that is about to be written.
fn writing(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    move |source| match source.kind() {
        io::ErrorKind::PermissionDenied => DirectoryError::ReadOnly { path: path.to_owned(), source },
        _ => at(path)(source),
    }
}

/// Makes the folder, or sees to it that it is one of ours or empty. Writes nothing into it.
fn prepare(path: &Path) -> Result<(), DirectoryError> {
    if path.as_os_str().is_empty() {
        return Err(DirectoryError::NoPath);
    }
    if !path.try_exists().map_err(at(path))? {
        let made = fs::DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(path);
        return made.map_err(writing(path));
    }
    if has_our_config(path)? {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(at(path))? {
        if !MAY_BE_THERE.contains(&entry.map_err(at(path))?.file_name().to_string_lossy().as_ref()) {
            return Err(DirectoryError::NotEmpty(path.to_owned()));
        }
    }
    Ok(())
}

/// Whether `accounts.toml` is there; fails if it is not ours.
fn has_our_config(folder: &Path) -> Result<bool, DirectoryError> {
    let path = folder.join(CONFIG_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Err(at(folder)(error)),
        Err(error) => return Err(at(&path)(error)),
    };
    let mut text = Vec::new();
    file.take(MAX_CONFIG_BYTES).read_to_end(&mut text).map_err(at(&path))?;
    if is_ours(&String::from_utf8_lossy(&text)) {
        Ok(true)
    } else {
        Err(DirectoryError::Foreign(folder.to_owned()))
    }
}

/// Whether a text says that the folder is ours. Only files that we wrote do; they need no full reader of TOML.
pub(crate) fn is_ours(config: &str) -> bool {
    let top_level = config.lines().map(str::trim).take_while(|line| !line.starts_with('['));
    let mut pairs = top_level.filter_map(|line| line.split_once('='));
    pairs.any(|(key, value)| key.trim() == "engine" && value.trim() == "\"volary\"")
}

fn lock(folder: &Path, pauses: &[Duration]) -> Result<File, DirectoryError> {
    let path = folder.join(LOCK_FILE);
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true).mode(FILE_MODE);
    let file = options.open(&path).map_err(writing(&path))?;
    let mut pauses = pauses.iter();
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK) => match pauses.next() {
                Some(pause) => thread::sleep(*pause),
                None => {
                    return Err(DirectoryError::Locked { path: folder.to_owned(), holder: holder(&file) });
                }
            },
            Err(error) => return Err(at(&path)(error.into())),
        }
    }
    if let Err(error) = write_holder(&file) {
        // The id is for people; the lock holds without it, also on a full disk.
        tracing::debug!(%error, ?path, "the process id cannot be written");
    }
    Ok(file)
}

fn write_holder(mut lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    writeln!(lock, "{}", std::process::id())
}

/// Who wrote its id into a lock that is held.
fn holder(lock: &File) -> Holder {
    let mut text = String::new();
    match lock.take(MAX_PID_BYTES).read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok()) {
        Some(pid) if pid == std::process::id() => Holder::ThisProcess,
        Some(pid) => Holder::Process(pid),
        None => Holder::Unknown,
    }
}

/// Writes a file so that after a crash it is there in full or not at all.
fn write_durably(path: &Path, text: &str) -> Result<(), DirectoryError> {
    let temporary = path.with_extension("toml.tmp");
    let mut options = OpenOptions::new();
    let opened = options.create(true).truncate(true).write(true).mode(FILE_MODE).open(&temporary);
    let mut file = opened.map_err(writing(&temporary))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(at(&temporary))?;
    fs::rename(&temporary, path).map_err(at(path))?;
    match path.parent() {
        Some(folder) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
