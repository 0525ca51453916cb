//! What can be wrong with a backup, and with writing one.

use std::io;
use std::path::{Path, PathBuf};

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// The system refuses.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no space on the disk of the backup.
    #[error("the disk of the backup is full: {path}; earlier backups there are whole")]
    DiskFull {
        /// The file that found no space.
        path: PathBuf,
    },
    /// There is no backup in the folder.
    #[error("{0} holds no backup")]
    NoBackup(PathBuf),
    /// Other things are in the folder.
    #[error("{0} is not empty and holds no backup; name a new or empty folder")]
    NotEmpty(PathBuf),
    /// The passphrase opens nothing.
    #[error("the passphrase is wrong: it does not open the backup in {0}")]
    WrongPassphrase(PathBuf),
    /// An empty passphrase.
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    /// A newer release wrote it.
    #[error("{path} was written by a newer release (form {found}, this one reads up to {known})")]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its form.
        found: u32,
        /// The newest form that is known here.
        known: u32,
    },
    /// Another process writes into the same folder.
    #[error("another backup is being written into {0}")]
    Locked(PathBuf),
    /// Backups are being read, so that none may go.
    #[error("backups in {0} are being read; none was removed")]
    BeingRead(PathBuf),
    /// Backups are being removed, so that none can be read.
    #[error("backups in {0} are being removed; try again in a moment")]
    BeingRemoved(PathBuf),
    /// There is no backup of this name.
    #[error("{dir} has no backup {name:?}")]
    NoSuchSnapshot {
        /// The folder.
        dir: PathBuf,
        /// What was asked for.
        name: String,
    },
    /// A file is not as it was written.
    #[error("{path} is damaged: {detail}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What shows it.
        detail: String,
    },
    /// A profile is not in the backup as it was written.
    #[error("the profile {profile} is damaged: {detail}")]
    Profile {
        /// Which one, for people.
        profile: String,
        /// What shows it.
        detail: String,
    },
    /// The system gives no randomness.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl VaultError {
    /// A failure of the system with the file that it is about.
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }

    /// A file that is not as it was written.
    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), detail: detail.into() }
    }

    /// Whether the backup itself is damaged: neither the caller nor the system is to blame.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Profile { .. })
    }
}
