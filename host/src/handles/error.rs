//! Why a call failed.

use thiserror::Error;
use volary_proto::{Error, ErrorCode, WrongAnswer};

/// Why a call failed. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallError {
    /// What was asked for cannot be done, or there is no such chat, message or contact.
    #[error("{0}")]
    Failed(String),
    /// There is no such profile.
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense as it stands.
    #[error("{0}")]
    Invalid(String),
    /// The host does not do this.
    #[error("{0}")]
    Unsupported(String),
    /// Cancelled, or the host is stopping.
    #[error("{0}")]
    Cancelled(String),
    /// There is too much to do at the moment; it may be tried again.
    #[error("{0}")]
    Busy(String),
    /// A fault of the host or of its data.
    #[error("{0}")]
    Internal(String),
    /// The disk is full, or nearly so; nothing was changed.
    #[error("{0}")]
    DiskFull(String),
}

impl CallError {
    /// What kind of failure it is, as other interfaces number it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Failed(_) => ErrorCode::Failed,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::Invalid(_) => ErrorCode::Invalid,
            Self::Unsupported(_) => ErrorCode::Unsupported,
            Self::Cancelled(_) => ErrorCode::Cancelled,
            Self::Busy(_) => ErrorCode::Busy,
            Self::Internal(_) => ErrorCode::Internal,
            Self::DiskFull(_) => ErrorCode::DiskFull,
        }
    }

    /// The host answered with something that is newer than this library.
    pub(super) fn not_understood(call: &str) -> Self {
        Self::Internal(format!("the answer to {call} is not understood"))
    }
}

impl From<Error> for CallError {
    fn from(error: Error) -> Self {
        let text = error.message;
        match ErrorCode::try_from(error.code) {
            Ok(ErrorCode::Failed) => Self::Failed(text),
            Ok(ErrorCode::NotFound) => Self::NotFound(text),
            Ok(ErrorCode::Invalid) => Self::Invalid(text),
            Ok(ErrorCode::Unsupported) => Self::Unsupported(text),
            Ok(ErrorCode::Cancelled) => Self::Cancelled(text),
            Ok(ErrorCode::Busy) => Self::Busy(text),
            // A code of a newer host is no reason to lose the text.
            Ok(ErrorCode::Internal) | Err(_) => Self::Internal(text),
            Ok(ErrorCode::DiskFull) => Self::DiskFull(text),
        }
    }
}

impl From<WrongAnswer> for CallError {
    fn from(error: WrongAnswer) -> Self {
        Error::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_kind_and_its_text() {
        for number in 0..8 {
            let code = ErrorCode::try_from(number).unwrap();
            let error = CallError::from(Error::new(code, "why"));
            assert_eq!((error.code(), error.to_string().as_str()), (code, "why"));
        }
        let newer = Error { code: 99, message: "something new".to_owned() };
        assert_eq!(CallError::from(newer), CallError::Internal("something new".to_owned()));
    }
}
