//! The lock of a data folder: one store at a time, who has it, and whether the last one ended orderly.
//!
//! `volary.lock` is locked as long as a store is open. It holds the process id of its holder, which is removed when
//! the store was closed in full: what is found in a file that nobody has locked shows an unclean end.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::OpenError;
use crate::file::io_error;
use crate::private;

/// Name of the lock file in its folder.
const LOCK_NAME: &str = "volary.lock";
/// No process id is longer.
const MAX_PID_BYTES: u64 = 20;

/// The lock of an open store.
pub(crate) struct FolderLock {
    file: File,
    path: PathBuf,
    /// The store before this one did not end orderly.
    pub(crate) unclean: bool,
}

impl FolderLock {
    /// Takes the lock of `dir`, or says who has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, OpenError> {
        let path = dir.join(LOCK_NAME);
        let opened = private::options().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|source| io_error(&path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(OpenError::Locked { path: dir.to_owned(), pid: read_pid(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(&path, source)),
        }
        private::tighten_file(&path);
        let unclean = file.metadata().map_err(|source| io_error(&path, source))?.len() > 0;
        if let Err(error) = write_pid(&mut file) {
            // The lock holds all the same; on a full disk the store has to open, so that something can be removed.
            tracing::warn!(path = %path.display(), %error, "the process id cannot be written");
        }
        Ok(Self { file, path, unclean })
    }

    /// Remembers that the store ended orderly, and gives the lock back.
    pub(crate) fn release(self) {
        if let Err(error) = self.file.set_len(0) {
            tracing::warn!(path = %self.path.display(), %error, "the next start will take this end for an unclean one");
        }
    }
}

/// Who holds the lock of `dir`, for a conflict that shows elsewhere.
pub(crate) fn holder(dir: &Path) -> Option<u32> {
    read_pid(&mut File::open(dir.join(LOCK_NAME)).ok()?)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(MAX_PID_BYTES).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())?;
    // Otherwise the loss of power would pass for an orderly end.
    file.sync_data()
}
