//! What can go wrong with backups.

use volary_proto::ErrorCode;
use volary_storage::StoreError;
use volary_vault::VaultError;

use crate::ground::error::Failure;

/// Why a backup, restore or check failed.
#[derive(Debug, thiserror::Error)]
pub enum VaultFailure {
    /// The files of the backup.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database, or files of the host.
    #[error(transparent)]
    Host(#[from] Failure),
    /// The caller asked for something that is not possible.
    #[error("{0}")]
    Refused(String),
    /// There is no such profile.
    #[error("{0}")]
    NotFound(String),
    /// The caller does not wait any more, or the engine is stopping.
    #[error("cancelled; the backups that were there before are whole")]
    Cancelled,
}

/// Result of a step.
pub(super) type Done<T> = Result<T, VaultFailure>;

impl From<StoreError> for VaultFailure {
    fn from(error: StoreError) -> Self {
        Self::Host(Failure::Storage(error))
    }
}

impl From<VaultFailure> for volary_proto::Error {
    fn from(failure: VaultFailure) -> Self {
        let text = failure.to_string();
        match failure {
            VaultFailure::Vault(VaultError::DiskFull { .. }) => Self::new(ErrorCode::DiskFull, text),
            VaultFailure::Vault(
                VaultError::Locked(_) | VaultError::BeingRead(_) | VaultError::BeingRemoved(_),
            ) => Self::new(ErrorCode::Busy, text),
            VaultFailure::Host(failure) => failure.into(),
            VaultFailure::NotFound(_) => Self::not_found(text),
            VaultFailure::Cancelled => Self::new(ErrorCode::Cancelled, text),
            VaultFailure::Vault(_) | VaultFailure::Refused(_) => Self::failed(text),
        }
    }
}
