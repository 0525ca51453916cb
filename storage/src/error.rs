//! What can go wrong.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another store of this one, has it open.
    #[error("{path} is in use by {}", holder(*pid))]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The process that has it, as far as it can be known.
        pid: Option<u32>,
    },
    /// The folder or the file may not be written.
    #[error("{path} cannot be written: {source}")]
    ReadOnly {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No space is left.
    #[error("the disk of {path} is full")]
    DiskFull {
        /// The database file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a database")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is damaged beyond what can be repaired.
    #[error("{path} is damaged: {detail}")]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The file was written by a newer version.
    #[error("{path} was written by a newer version (schema {found}, this version knows {known})")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version that this build knows.
        known: u32,
    },
    /// A migration to a newer schema failed. The file is as it was.
    #[error("{path} could not be migrated to schema {to}: {source}")]
    Migration {
        /// The file.
        path: PathBuf,
        /// The schema version whose migration failed.
        to: u32,
        /// The cause.
        source: StoreError,
    },
    /// Any other failure of the system.
    #[error("{path}: {source}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Names the process that holds a folder.
fn holder(pid: Option<u32>) -> String {
    match pid {
        Some(pid) if pid == std::process::id() => format!("another store of this process ({pid})"),
        Some(pid) => format!("another process ({pid})"),
        None => "another process".to_owned(),
    }
}

/// Where there is no space, and how much is left.
fn space(dir: &Path, free: u64) -> String {
    if dir.as_os_str().is_empty() {
        return String::new();
    }
    format!(": {free} bytes are free for {}", dir.display())
}

/// Adds the path to an error of the system, which does not name the file that it is about.
pub(crate) fn with_path(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), FileError { path: path.to_owned(), source: error })
}

/// An error of the system with the file that it is about.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {source}")]
struct FileError {
    path: PathBuf,
    source: io::Error,
}

/// Why a read or a change failed. Cheap to clone: one failure may be returned to many.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Less space is left on the disk than the store keeps free; nothing was changed.
    #[error("the disk is full{}", space(dir, *free))]
    DiskFull {
        /// The folder of the store; empty if it is not known here.
        dir: Arc<Path>,
        /// Bytes that are free on its disk.
        free: u64,
    },
    /// Reading or writing the file failed. After a failed write the store refuses everything until it is opened
    /// anew; what was not durable by then is lost.
    #[error("the database failed: {0}")]
    Failed(Arc<str>),
    /// The file is damaged.
    #[error("the database is damaged: {0}")]
    Corrupt(Arc<str>),
    /// The job of this call panicked; it changed nothing.
    #[error("a change to the database panicked: {0}")]
    Panicked(Arc<str>),
    /// A key is longer than [`MAX_KEY_BYTES`](crate::MAX_KEY_BYTES).
    #[error("key of {bytes} bytes for table {table} is too long")]
    KeyTooLong {
        /// The table.
        table: &'static str,
        /// Length of the key.
        bytes: usize,
    },
    /// A value is longer than [`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES).
    #[error("value of {bytes} bytes for table {table} is too long")]
    ValueTooLong {
        /// The table.
        table: &'static str,
        /// Length of the value.
        bytes: usize,
    },
    /// A range of a profile's table has no bound, or bounds in different profiles.
    #[error("a range of table {table} does not stay within one profile")]
    Range {
        /// The table.
        table: &'static str,
    },
    /// A stored row cannot be read as what its table holds.
    #[error("a {part} of table {table} cannot be read")]
    Row {
        /// The table.
        table: &'static str,
        /// `key` or `value`.
        part: &'static str,
    },
}

impl StoreError {
    /// From any error of redb.
    pub(crate) fn from_redb(error: impl Into<redb::Error>) -> Self {
        match error.into() {
            redb::Error::Corrupted(detail) => Self::Corrupt(detail.into()),
            redb::Error::DatabaseClosed => Self::Closed,
            redb::Error::Io(error) if error.kind() == io::ErrorKind::StorageFull => {
                Self::DiskFull { dir: Path::new("").into(), free: 0 }
            }
            other => Self::Failed(other.to_string().into()),
        }
    }

    /// Says which file failed.
    pub(crate) fn of_file(self, path: &Path) -> Self {
        let text = |why: Arc<str>| format!("{}: {why}", path.display()).into();
        match self {
            Self::Failed(why) => Self::Failed(text(why)),
            Self::Corrupt(why) => Self::Corrupt(text(why)),
            Self::DiskFull { dir, free } if dir.as_os_str().is_empty() => {
                Self::DiskFull { dir: path.parent().unwrap_or(path).into(), free }
            }
            other => other,
        }
    }

    /// From the payload of a caught panic of redb: it panics where a damaged file contradicts itself.
    pub(crate) fn from_redb_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        Self::Corrupt(panic_text(payload).into())
    }

    /// From the payload of a caught panic of a job.
    pub(crate) fn from_job_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        Self::Panicked(panic_text(payload).into())
    }
}

/// The message of a panic.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
