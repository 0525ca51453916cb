//! The ground of all sessions: a connected stream, its time limits, and how it fails.

use std::{io, time::Duration};

use tokio::io::{AsyncRead, AsyncWrite};

/// Longest time for one read or write on a socket.
pub const IO_TIMEOUT: Duration = Duration::from_secs(60);

/// A connected socket, plain or encrypted.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connected socket whose kind does not matter.
pub type BoxedStream = Box<dyn Stream>;

/// Why a session broke on the level of bytes.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// The socket failed.
    #[error("{0}")]
    Io(io::Error),
    /// The server closed the connection.
    #[error("connection closed by the server")]
    Closed,
    /// No byte arrived, or none could be sent, for [`IO_TIMEOUT`].
    #[error("timed out")]
    TimedOut,
    /// The server sent a line, a literal or a response beyond the limit.
    #[error("the server sent more than {0} bytes")]
    TooLong(usize),
    /// The server sent more responses or lines than belong together.
    #[error("too many responses")]
    TooMany,
    /// The server sent something that is no response, or one that cannot be left out and is not understood.
    #[error("unparsable response")]
    Unreadable,
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Io(error) => error,
            other => Self::other(other),
        }
    }
}

/// Finds the error of a guard again behind the error of a stream.
impl From<io::Error> for WireError {
    fn from(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => own,
            Err(error) => Self::Io(error),
        }
    }
}
