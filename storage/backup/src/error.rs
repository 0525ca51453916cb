//! What can go wrong with a backup file.

use std::io;

/// Why a backup cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database is none, or does not open with this passphrase. Chatmail core does not tell these apart, either.
    #[error("file is not a database: Error code 26: File opened that is not a database file")]
    NotADatabase,
    /// The program that wrote the database was interrupted, and its journal was not played back yet.
    #[error("its last change was interrupted; start the program that it belongs to once, and end it")]
    Unfinished,
    /// Whoever asked for it does not want it any more.
    #[error("canceled")]
    Cancelled,
    /// A file or the stream cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The database cannot be read or written.
    #[error(transparent)]
    Database(rusqlite::Error),
    /// The container holds no database.
    #[error("the file is no backup: it has no {}", crate::archive::DATABASE)]
    NoDatabase,
    /// The container cannot be read.
    #[error("Failed to get next entry: {0}")]
    Entry(io::Error),
    /// An entry of the container cannot be read to its end.
    #[error("Failed to unpack file: {0}")]
    Unpack(io::Error),
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::NotADatabase,
            _ => Self::Database(error),
        }
    }
}
