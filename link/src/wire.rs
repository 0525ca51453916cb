//! Bounded reading and writing of line-based protocols.
//!
//! [`Wire`] owns the socket of one session. It keeps no buffer while nothing is under way, which is what makes ten
//! thousands of waiting connections cheap, and every read has a limit in bytes and in time, so that no server can make
//! it grow or hang.

use std::{future::poll_fn, io, mem::MaybeUninit, ops::Range, pin::Pin, task::ready, time::Duration};

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::timeout,
};

/// Longest time for one read or write on a socket.
pub const IO_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes taken from the socket at once.
const READ_CHUNK: usize = 16 * 1024;

/// A buffer that grew beyond this is given back when it is empty.
const KEEP_CAPACITY: usize = 4 * 1024;

/// Bytes written to the socket at once; also bounds what TLS buffers.
const WRITE_CHUNK: usize = 16 * 1024;

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
    Io(#[from] io::Error),
    /// The server closed the connection.
    #[error("connection closed by the server")]
    Closed,
    /// No byte arrived, or none could be sent, for [`IO_TIMEOUT`].
    #[error("timed out")]
    TimedOut,
    /// The server sent a line or literal beyond the limit.
    #[error("the server sent more than {0} bytes")]
    TooLong(usize),
}

/// Socket with a read buffer.
pub struct Wire {
    stream: BoxedStream,
    buffer: BytesMut,
}

impl Wire {
    /// Takes over a connected socket.
    pub fn new(stream: BoxedStream) -> Self {
        Self { stream, buffer: BytesMut::new() }
    }

    /// Gives the socket back. Bytes already read are dropped: before a STARTTLS handshake they must not be trusted.
    pub fn into_stream(self) -> BoxedStream {
        self.stream
    }

    /// Bytes that were read but not yet taken.
    pub fn buffered(&self) -> &[u8] {
        &self.buffer
    }

    /// Takes the first `len` buffered bytes without copying them.
    pub fn take(&mut self, len: usize) -> Bytes {
        let taken = self.buffer.split_to(len).freeze();
        self.relax();
        taken
    }

    /// Gives memory back when nothing is buffered.
    fn relax(&mut self) {
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
    }

    /// Waits for more bytes and appends them to the buffer. Dropping the future loses nothing.
    ///
    /// `want` is how many more bytes are expected (a hint that avoids copies of large mails), at most `limit` bytes
    /// may be buffered at once.
    pub async fn fill(&mut self, want: usize, limit: usize, patience: Duration) -> Result<(), WireError> {
        if self.buffer.len() >= limit {
            return Err(WireError::TooLong(limit));
        }
        let read = timeout(patience, self.read_some(want)).await.map_err(|_| WireError::TimedOut)??;
        if read == 0 { Err(WireError::Closed) } else { Ok(()) }
    }

    async fn read_some(&mut self, want: usize) -> io::Result<usize> {
        let Self { stream, buffer } = self;
        poll_fn(|cx| {
            // A chunk on the stack of this poll: a waiting session owns no read buffer.
            let mut chunk = [MaybeUninit::uninit(); READ_CHUNK];
            let mut read = ReadBuf::uninit(&mut chunk);
            ready!(Pin::new(&mut *stream).poll_read(cx, &mut read))?;
            let bytes = read.filled();
            if buffer.capacity() - buffer.len() < bytes.len() {
                // Grow by what is expected, but never by more than has arrived already: a claim alone costs nothing.
                buffer.reserve(want.min(buffer.len().max(KEEP_CAPACITY)).max(bytes.len()));
            }
            buffer.extend_from_slice(bytes);
            std::task::Poll::Ready(Ok(bytes.len()))
        })
        .await
    }

    /// Overwrites buffered bytes with the digit 0.
    pub fn fill_with_zeros(&mut self, range: Range<usize>) {
        if let Some(bytes) = self.buffer.get_mut(range) {
            bytes.fill(b'0');
        }
    }

    /// Drops `len` bytes behind the first `at`, also those that have yet to arrive. Keeps no more than a chunk of them.
    pub async fn cut(&mut self, at: usize, len: usize, patience: Duration) -> Result<(), WireError> {
        let mut kept = self.buffer.split_to(at.min(self.buffer.len()));
        let mut left = len;
        loop {
            let dropped = left.min(self.buffer.len());
            self.buffer.advance(dropped);
            left -= dropped;
            if left == 0 {
                break;
            }
            self.buffer.clear();
            self.fill(0, READ_CHUNK, patience).await?;
        }
        kept.extend_from_slice(&self.buffer);
        self.buffer = kept;
        Ok(())
    }

    /// Takes one line without its line end. `limit` bounds its length.
    pub async fn read_line(&mut self, limit: usize, patience: Duration) -> Result<Bytes, WireError> {
        let mut scanned = 0;
        loop {
            if let Some(pos) = self.buffer[scanned..].iter().position(|&b| b == b'\n') {
                let end = scanned + pos;
                if end > limit {
                    return Err(WireError::TooLong(limit));
                }
                let mut line = self.take(end + 1);
                line.truncate(if line[..end].ends_with(b"\r") { end - 1 } else { end });
                return Ok(line);
            }
            scanned = self.buffer.len();
            self.fill(0, limit, patience).await?;
        }
    }

    /// Sends all bytes.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        for chunk in bytes.chunks(WRITE_CHUNK) {
            timeout(IO_TIMEOUT, self.stream.write_all(chunk)).await.map_err(|_| WireError::TimedOut)??;
        }
        timeout(IO_TIMEOUT, self.stream.flush()).await.map_err(|_| WireError::TimedOut)??;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Wire, tokio::io::DuplexStream) {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        (Wire::new(Box::new(ours)), theirs)
    }

    #[tokio::test]
    async fn what_is_cut_out_is_not_kept() {
        let (mut wire, mut server) = pair();
        server.write_all(b"head42").await.unwrap();
        wire.fill(0, 100, IO_TIMEOUT).await.unwrap();
        let content = tokio::spawn(async move {
            server.write_all(&vec![b'x'; 300_000]).await.unwrap();
            server.write_all(b" tail\r\n").await.unwrap();
            server
        });
        wire.fill_with_zeros(4..6);
        wire.cut(6, 300_000, IO_TIMEOUT).await.unwrap();
        assert!(wire.buffer.capacity() < 2 * READ_CHUNK);
        assert_eq!(wire.read_line(100, IO_TIMEOUT).await.unwrap(), "head00 tail");
        content.await.unwrap();
    }

    #[tokio::test]
    async fn lines_are_taken_one_by_one() {
        let (mut wire, mut server) = pair();
        server.write_all(b"one\r\ntwo\nthr").await.unwrap();
        assert_eq!(wire.read_line(100, IO_TIMEOUT).await.unwrap(), "one");
        assert_eq!(wire.read_line(100, IO_TIMEOUT).await.unwrap(), "two");
        server.write_all(b"ee\r\n").await.unwrap();
        assert_eq!(wire.read_line(100, IO_TIMEOUT).await.unwrap(), "three");
        assert_eq!(wire.buffer.capacity(), 0, "nothing is kept while idle");
    }

    #[tokio::test]
    async fn an_endless_line_ends_in_an_error() {
        let (mut wire, mut server) = pair();
        server.write_all(&[b'x'; 5000]).await.unwrap();
        assert!(matches!(wire.read_line(1000, IO_TIMEOUT).await, Err(WireError::TooLong(1000))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_times_out() {
        let (mut wire, _server) = pair();
        assert!(matches!(wire.read_line(10, IO_TIMEOUT).await, Err(WireError::TimedOut)));
    }

    #[tokio::test]
    async fn a_cancelled_read_loses_nothing() {
        let (mut wire, mut server) = pair();
        server.write_all(b"half").await.unwrap();
        assert!(timeout(Duration::from_millis(20), wire.read_line(100, IO_TIMEOUT)).await.is_err());
        server.write_all(b" done\r\n").await.unwrap();
        assert_eq!(wire.read_line(100, IO_TIMEOUT).await.unwrap(), "half done");
    }
}
