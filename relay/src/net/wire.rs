//! A connection read in bounded lines and written in segments.

use std::io;
use std::time::Duration;

use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::{Reply, Socket};

/// Buffer reserved for reading while nothing is expected; an idle session owns no more than this.
const SMALL_READ: usize = 512;

/// Buffer reserved for reading while a message is coming in.
const LARGE_READ: usize = 16 * 1024;

/// Bytes of an overlong line that are skipped before the connection is given up.
const MAX_SKIPPED: usize = 1024 * 1024;

/// Bytes handed to the socket under one write deadline.
const WRITE_CHUNK: usize = 256 * 1024;

/// Why reading or writing ended.
#[derive(Debug, Error)]
pub(crate) enum WireError {
    #[error("connection closed by the client")]
    Closed,
    #[error("the client stayed silent for too long")]
    Timeout,
    #[error("line too long")]
    LineTooLong,
    #[error("line too long, and no end of it")]
    Endless,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A client connection with its buffers. Reading a line is cancel-safe: bytes stay in the buffer. Every read has a
/// deadline for the whole of it, so that sending byte by byte wins no time.
pub(crate) struct Wire {
    socket: Socket,
    input: Vec<u8>,
    /// Bytes of `input` already handed out.
    taken: usize,
    /// Bytes of `input` known to hold no line end.
    scanned: usize,
    write_deadline: Duration,
    pub(crate) reply: Reply,
}

impl Wire {
    pub(crate) fn new(socket: Socket, write_deadline: Duration) -> Self {
        Self { socket, input: Vec::new(), taken: 0, scanned: 0, write_deadline, reply: Reply::default() }
    }

    pub(crate) fn is_encrypted(&self) -> bool {
        self.socket.is_encrypted()
    }

    /// Runs the TLS handshake. Bytes sent by the client before it are discarded (RFC 3207, section 4.2).
    pub(crate) async fn upgrade(&mut self, acceptor: &TlsAcceptor, limit: Duration) -> Result<(), WireError> {
        self.input = Vec::new();
        self.taken = 0;
        self.scanned = 0;
        match std::mem::replace(&mut self.socket, Socket::Gone) {
            Socket::Plain(stream) => {
                let tls = timeout(limit, acceptor.accept(stream)).await.map_err(|_| WireError::Timeout)??;
                self.socket = Socket::Tls(Box::new(tls));
                Ok(())
            }
            other => {
                self.socket = other;
                Err(WireError::Io(io::ErrorKind::AlreadyExists.into()))
            }
        }
    }

    /// Whether a further complete line is already here.
    pub(crate) fn has_line(&self) -> bool {
        self.input.get(self.taken..).is_some_and(|rest| rest.contains(&b'\n'))
    }

    /// The next line with its line end, within the time of `patience`. A line longer than `limit` is skipped and reported as
    /// [`WireError::LineTooLong`], after which reading may go on.
    pub(crate) async fn line(&mut self, limit: usize, patience: Duration) -> Result<Vec<u8>, WireError> {
        let end = Instant::now() + patience;
        loop {
            if let Some(behind) = self.find_line_end() {
                let line = self.consume(behind);
                return if line.len() > limit { Err(WireError::LineTooLong) } else { Ok(line) };
            }
            if self.buffered() > limit {
                self.skip_line(end).await?;
                return Err(WireError::LineTooLong);
            }
            self.fill(SMALL_READ, end).await?;
        }
    }

    /// Reads exactly `count` bytes and appends them to `target`.
    pub(crate) async fn exact(
        &mut self,
        mut count: usize,
        target: &mut Vec<u8>,
        patience: Duration,
    ) -> Result<(), WireError> {
        let end = Instant::now() + patience;
        while count > 0 {
            let chunk = self.chunk_until(count, end).await?;
            count -= chunk.len();
            target.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// At least one byte, at most `limit`, of whatever comes next.
    pub(crate) async fn chunk(&mut self, limit: usize, patience: Duration) -> Result<Vec<u8>, WireError> {
        self.chunk_until(limit, Instant::now() + patience).await
    }

    async fn chunk_until(&mut self, limit: usize, end: Instant) -> Result<Vec<u8>, WireError> {
        if self.buffered() == 0 {
            self.fill(LARGE_READ, end).await?;
        }
        let behind = self.taken + limit.min(self.buffered());
        Ok(self.consume(behind))
    }

    /// Gives back bytes that were taken too much; they come first in the next read.
    pub(crate) fn unread(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let mut input = bytes.to_vec();
        input.extend_from_slice(self.input.get(self.taken..).unwrap_or_default());
        self.input = input;
        self.taken = 0;
        self.scanned = 0;
    }

    /// Writes out everything that is queued.
    pub(crate) async fn flush(&mut self) -> Result<(), WireError> {
        if self.reply.is_empty() {
            return Ok(());
        }
        for segment in self.reply.take() {
            for chunk in segment.bytes().chunks(WRITE_CHUNK) {
                let write = self.socket.write_all(chunk);
                timeout(self.write_deadline, write).await.map_err(|_| WireError::Timeout)??;
            }
        }
        timeout(self.write_deadline, self.socket.flush()).await.map_err(|_| WireError::Timeout)??;
        Ok(())
    }

    /// Says goodbye to the transport; errors no longer matter.
    pub(crate) async fn close(mut self) {
        let _ = self.flush().await;
        let _ = timeout(Duration::from_secs(1), self.socket.shutdown()).await;
    }

    fn buffered(&self) -> usize {
        self.input.len() - self.taken
    }

    /// Index behind the next line feed; remembers where it looked so that slow senders cost linear time.
    fn find_line_end(&mut self) -> Option<usize> {
        let from = self.scanned.max(self.taken);
        let found = self.input.get(from..)?.iter().position(|byte| *byte == b'\n');
        match found {
            Some(offset) => Some(from + offset + 1),
            None => {
                self.scanned = self.input.len();
                None
            }
        }
    }

    /// Hands out the bytes up to index `end` and frees the buffer once it is empty.
    fn consume(&mut self, end: usize) -> Vec<u8> {
        let bytes = self.input.get(self.taken..end).unwrap_or_default().to_vec();
        self.taken = end;
        if self.taken == self.input.len() {
            self.taken = 0;
            self.scanned = 0;
            if self.input.capacity() > SMALL_READ {
                self.input = Vec::new();
            } else {
                self.input.clear();
            }
        }
        bytes
    }

    /// Drops the rest of the current line.
    async fn skip_line(&mut self, end: Instant) -> Result<(), WireError> {
        let mut skipped = 0;
        loop {
            if let Some(behind) = self.find_line_end() {
                self.consume(behind);
                return Ok(());
            }
            skipped += self.buffered();
            if skipped > MAX_SKIPPED {
                return Err(WireError::Endless);
            }
            self.consume(self.input.len());
            self.fill(LARGE_READ, end).await?;
        }
    }

    async fn fill(&mut self, room: usize, end: Instant) -> Result<(), WireError> {
        if self.taken > 0 {
            self.input.drain(..self.taken);
            self.scanned = self.scanned.saturating_sub(self.taken);
            self.taken = 0;
        }
        if self.input.capacity() - self.input.len() < room {
            self.input.reserve_exact(room.max(self.input.len()));
        }
        let read = self.socket.read_buf(&mut self.input);
        match timeout_at(end, read).await.map_err(|_| WireError::Timeout)?? {
            0 => Err(WireError::Closed),
            _ => Ok(()),
        }
    }
}
