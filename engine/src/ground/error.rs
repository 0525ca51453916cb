//! What can go wrong when a command or query is carried out.

use std::io;

use volary_mail::openpgp::StoredKeyError;
use volary_proto::ErrorCode;
use volary_storage::StoreError;

/// Why a command or query failed. API callers see the text.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The caller asked for something that is not possible.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error("storage: {0}")]
    Storage(#[from] StoreError),
    /// A file could not be read or written.
    #[error("{context}: {source}")]
    File {
        /// What was tried.
        context: String,
        /// The cause.
        source: io::Error,
    },
    /// Something of ours makes no sense: a row, or a step that cannot fail. Never the fault of a caller or a sender.
    #[error("internal error: {0}")]
    Internal(String),
    /// An OpenPGP operation failed.
    #[error("OpenPGP: {0}")]
    OpenPgp(String),
    /// A row of our own cannot be used. Never the fault of who or what made us look at it.
    #[error(transparent)]
    Stored(#[from] StoredKeyError),
    /// The engine is stopping.
    #[error("the engine is stopping")]
    Stopping,
    /// Whoever asked for it has cancelled it.
    #[error("canceled")]
    Cancelled,
}

impl Failure {
    /// A refusal with the given text.
    pub fn refused(text: impl Into<String>) -> Self {
        Self::Refused(text.into())
    }

    /// Whether something of our own is broken, so that neither the caller nor the input nor the machine is to blame.
    pub fn is_fault(&self) -> bool {
        matches!(self, Self::Internal(_) | Self::Stored(_))
    }

    /// A file error with what was tried.
    pub fn file(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::File { context, source }
    }
}

/// Result of a command or query.
pub type Outcome<T> = Result<T, Failure>;

impl From<Failure> for volary_proto::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Storage(error @ StoreError::DiskFull { .. }) => {
                Self::new(ErrorCode::DiskFull, error.to_string())
            }
            Failure::File { ref source, .. } if is_full(source) => {
                Self::new(ErrorCode::DiskFull, failure.to_string())
            }
            Failure::Storage(error) => Self::internal(error.to_string()),
            Failure::Stored(error) => Self::internal(error.to_string()),
            Failure::Internal(_) => Self::internal(failure.to_string()),
            Failure::Stopping | Failure::Cancelled => Self::new(ErrorCode::Cancelled, failure.to_string()),
            other => Self::failed(other.to_string()),
        }
    }
}

/// Whether the system had no space for what was to be written.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_full_disk_has_a_code_of_its_own_whoever_met_it() {
        let of_store = Failure::Storage(StoreError::DiskFull { dir: Path::new("/data").into(), free: 4_096 });
        let of_file = Failure::file("a picture in /data")(io::ErrorKind::StorageFull.into());
        for (failure, text) in [
            (of_store, "the disk is full: 4096 bytes are free for /data"),
            (of_file, "a picture in /data: no storage space"),
        ] {
            let error = volary_proto::Error::from(failure);
            assert_eq!((error.code(), error.message.as_str()), (ErrorCode::DiskFull, text));
        }
        let other = Failure::file("a picture")(io::ErrorKind::NotFound.into());
        assert_eq!(volary_proto::Error::from(other).code(), ErrorCode::Failed);
    }
}
