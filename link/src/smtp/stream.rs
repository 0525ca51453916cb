//! Commands out and replies in: the transport of async-smtp over a guarded socket.

use std::{
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_smtp::{
    SmtpClient, SmtpTransport,
    error::{Error, SmtpResult},
    response::{Response, Severity},
};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader, ReadBuf};

use crate::{
    guard::{Guard, smtp::SmtpFraming},
    wire::{BoxedStream, WireError},
};

/// Read buffer of the library; the guard hands over one reply at a time.
const READ_BUFFER: usize = 1024;

/// Why an SMTP command failed.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The socket failed.
    #[error("{0}")]
    Wire(#[from] WireError),
    /// A 4xx reply.
    #[error("transient: {0}")]
    Temporary(String),
    /// A 5xx reply.
    #[error("permanent: {0}")]
    Permanent(String),
    /// The server does something it must not do.
    #[error("{0}")]
    Protocol(&'static str),
}

/// The guarded socket, shared with the library: its transport cannot be taken apart and put together again, and the
/// content of a mail goes past it.
#[derive(Clone)]
struct Socket(Arc<Mutex<Guard<SmtpFraming>>>);

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Socket")
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0.lock()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0.lock()).poll_shutdown(cx)
    }
}

/// A connection on which the server has said what it can do.
pub(super) struct Transport {
    library: SmtpTransport<BufReader<Socket>>,
    socket: Socket,
}

impl Transport {
    /// Reads the greeting and sends EHLO. Returns the reply to it, too.
    pub async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<(Self, Response), SmtpError> {
        let socket = Socket(Arc::new(Mutex::new(Guard::new(stream, SmtpFraming::default()))));
        // The name of the device is nobody's business: the default of the library is the loopback address.
        let client = SmtpClient::new();
        let client = if expect_greeting { client } else { client.without_greeting() };
        let reader = BufReader::with_capacity(READ_BUFFER, socket.clone());
        let library = SmtpTransport::new(client, reader).await.map_err(failure)?;
        let said = socket.0.lock().framing().take_last();
        let reply = said.parse::<Response>().map_err(failure)?;
        Ok((Self { library, socket }, reply))
    }

    /// Sends commands, all in one write.
    pub async fn commands(&mut self, commands: &str) -> Result<(), SmtpError> {
        self.library.get_mut().send_command(commands).await.map_err(failure)
    }

    /// Sends bytes past the library.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), SmtpError> {
        self.socket.write_all(bytes).await.map_err(WireError::from)?;
        Ok(self.socket.flush().await.map_err(WireError::from)?)
    }

    /// Reads one reply. The outer error means that the session is over, the inner one is a refusal.
    pub async fn reply(&mut self, patience: Duration) -> Result<Result<Response, SmtpError>, SmtpError> {
        self.socket.0.lock().expect(patience);
        match outcome(self.library.get_mut().read_response().await) {
            refusal @ Err(SmtpError::Temporary(_) | SmtpError::Permanent(_)) => Ok(refusal),
            other => other.map(Ok),
        }
    }

    /// Gives the socket back. What the server sent ahead is dropped.
    pub fn into_stream(self) -> Result<BoxedStream, SmtpError> {
        drop(self.library);
        let guard = Arc::into_inner(self.socket.0).ok_or(WireError::Closed)?;
        Ok(guard.into_inner().into_stream())
    }
}

/// What a reply means for a command.
pub(super) fn outcome(reply: SmtpResult) -> Result<Response, SmtpError> {
    reply.map_err(failure)
}

fn failure(error: Error) -> SmtpError {
    let refused = match error {
        Error::Transient(reply) | Error::Permanent(reply) => reply,
        Error::Io(error) => return WireError::from(error).into(),
        _ => return WireError::Unreadable.into(),
    };
    // `550 5.5.0` is used by some servers for conditions that pass.
    let passes = refused.has_code(550) && refused.first_word() == Some("5.5.0");
    let text = if refused.message.iter().all(String::is_empty) {
        "undetailed error during SMTP transaction".to_string()
    } else {
        refused.message.join("; ")
    };
    match refused.code.severity {
        Severity::PermanentNegativeCompletion if !passes => SmtpError::Permanent(text),
        _ => SmtpError::Temporary(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5321 section 4.2.1; the exceptions are those of chatmail core.
    #[test]
    fn a_refusal_is_temporary_if_its_code_says_so() {
        let read = |text: &str| {
            let reply = text.parse::<Response>().unwrap();
            outcome(if reply.is_positive() { Ok(reply) } else { Err(reply.into()) })
        };
        assert!(read("250 2.0.0 Ok\r\n").is_ok() && read("354 go\r\n").is_ok());
        assert!(matches!(read("450 later\r\n"), Err(SmtpError::Temporary(_))));
        assert!(matches!(read("550 5.5.0 hm\r\n"), Err(SmtpError::Temporary(_))));
        assert!(matches!(read("554 5.5.0 hm\r\n"), Err(SmtpError::Permanent(_))));
        assert!(matches!(read("550 5.1.1 no\r\n"), Err(SmtpError::Permanent(text)) if text == "5.1.1 no"));
    }
}
