//! What stands between a socket and a client library, so that nothing a server sends can make the library fail, hang,
//! panic or grow.
//!
//! On reading a guard cuts what arrives into responses (its [`Framing`] knows how), checks and bounds each of them, and
//! hands over whole responses only, never more than one with a read. On writing it gathers what is written until the
//! flush, so that a group of commands leaves in one piece. It owns no buffer while nothing is under way, which is what
//! makes ten thousands of waiting connections cheap.

pub mod imap;
pub mod smtp;

use std::{
    fmt,
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf as _, BytesMut};
use tokio::{
    io::{AsyncBufRead, AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    time::{Sleep, sleep, timeout},
};

use crate::wire::{BoxedStream, IO_TIMEOUT, WireError};

/// Bytes taken from the socket at once.
const READ_CHUNK: usize = 16 * 1024;
/// The least by which the buffer for a large response grows.
const GROWTH: usize = 4 * 1024;
/// Bytes written to the socket at once; also bounds what TLS buffers.
const WRITE_CHUNK: usize = 16 * 1024;

/// How the bytes of a protocol become responses.
pub trait Framing: Send + Unpin {
    /// Goes on with what has arrived, taking from the front of `input` what is understood.
    fn next(&mut self, input: &mut BytesMut) -> Result<Step, WireError>;

    /// A response has begun and is not complete.
    fn has_begun(&self) -> bool;
}

/// What has arrived of a response.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// A whole response, in a form that the library understands.
    Response(BytesMut),
    /// At least this many more bytes are needed (0: unknown).
    Needs(usize),
}

/// A connected socket behind a guard.
pub struct Guard<F> {
    stream: BoxedStream,
    framing: F,
    /// What has arrived and was not looked at.
    input: BytesMut,
    /// The response that is handed over.
    response: BytesMut,
    /// What is written and was not flushed.
    output: BytesMut,
    /// How long the first byte of a response may take.
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<F> fmt::Debug for Guard<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("buffered", &self.input.len()).finish_non_exhaustive()
    }
}

impl<F: Framing> Guard<F> {
    /// Guards a connected socket.
    pub fn new(stream: BoxedStream, framing: F) -> Self {
        Self {
            stream,
            framing,
            input: BytesMut::new(),
            response: BytesMut::new(),
            output: BytesMut::new(),
            patience: IO_TIMEOUT,
            timer: None,
        }
    }

    /// Gives the socket back. What was read ahead is dropped: before a STARTTLS handshake it must not be trusted.
    pub fn into_stream(self) -> BoxedStream {
        self.stream
    }

    /// The rules of the protocol.
    pub fn framing(&mut self) -> &mut F {
        &mut self.framing
    }

    /// From now on a response may take this long to begin. Once it has begun, the rest must follow as fast as anything.
    pub fn expect(&mut self, patience: Duration) {
        self.patience = patience;
        self.timer = None;
    }

    /// Waits until a response is there. Dropping the future loses nothing.
    pub async fn ready(&mut self) -> Result<(), WireError> {
        Ok(poll_fn(|cx| self.poll_response(cx)).await?)
    }

    /// Sends all bytes, past the library and its logs.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<(), WireError> {
        for chunk in bytes.chunks(WRITE_CHUNK) {
            timeout(IO_TIMEOUT, self.stream.write_all(chunk)).await.map_err(|_| WireError::TimedOut)??;
        }
        timeout(IO_TIMEOUT, self.stream.flush()).await.map_err(|_| WireError::TimedOut)??;
        Ok(())
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.response.is_empty() {
            match self.framing.next(&mut self.input)? {
                Step::Response(response) => {
                    self.response = response;
                    if self.input.is_empty() {
                        self.input = BytesMut::new();
                    }
                }
                Step::Needs(want) => ready!(self.poll_fill(cx, want))?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads more from the socket, in bounded time.
    fn poll_fill(&mut self, cx: &mut Context<'_>, want: usize) -> Poll<io::Result<()>> {
        // A chunk on the stack of this poll: a waiting session owns no read buffer.
        let mut chunk = [MaybeUninit::uninit(); READ_CHUNK];
        let mut read = ReadBuf::uninit(&mut chunk);
        match Pin::new(&mut self.stream).poll_read(cx, &mut read) {
            Poll::Ready(result) => {
                self.timer = None;
                result?;
            }
            Poll::Pending => {
                let begun = !self.input.is_empty() || self.framing.has_begun();
                return self.poll_timer(cx, if begun { IO_TIMEOUT } else { self.patience });
            }
        }
        let bytes = read.filled();
        if bytes.is_empty() {
            return Poll::Ready(Err(WireError::Closed.into()));
        }
        let buffer = &mut self.input;
        if buffer.capacity() - buffer.len() < bytes.len() {
            // Grow by what is expected, but never by more than has arrived already: a claim alone costs nothing.
            buffer.reserve(want.min(buffer.len().max(GROWTH)).max(bytes.len()));
        }
        buffer.extend_from_slice(bytes);
        Poll::Ready(Ok(()))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, limit: Duration) -> Poll<io::Result<()>> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(limit)));
        ready!(timer.as_mut().poll(cx));
        self.timer = None;
        Poll::Ready(Err(WireError::TimedOut.into()))
    }
}

impl<F: Framing> AsyncBufRead for Guard<F> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        ready!(this.poll_response(cx))?;
        Poll::Ready(Ok(&this.response))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        this.response.advance(amount);
        if this.response.is_empty() {
            this.response = BytesMut::new();
        }
    }
}

impl<F: Framing> AsyncRead for Guard<F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let response = ready!(self.as_mut().poll_fill_buf(cx))?;
        let amount = response.len().min(buffer.remaining());
        buffer.put_slice(&response[..amount]);
        self.consume(amount);
        Poll::Ready(Ok(()))
    }
}

impl<F: Framing> AsyncWrite for Guard<F> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().output.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            let piece = &this.output[..this.output.len().min(WRITE_CHUNK)];
            let progress = if piece.is_empty() {
                Pin::new(&mut this.stream).poll_flush(cx).map_ok(|()| 0)
            } else {
                Pin::new(&mut this.stream).poll_write(cx, piece)
            };
            match progress {
                Poll::Pending => return this.poll_timer(cx, IO_TIMEOUT),
                Poll::Ready(written) => {
                    this.timer = None;
                    let (written, was_empty) = (written?, this.output.is_empty());
                    if was_empty {
                        this.output = BytesMut::new();
                        return Poll::Ready(Ok(()));
                    }
                    if written == 0 {
                        return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                    }
                    this.output.advance(written);
                }
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// A line without its end, if one has arrived. `scanned` bytes were looked at before; `limit` bounds the length.
fn take_line(input: &mut BytesMut, scanned: &mut usize, limit: usize) -> Result<Option<BytesMut>, WireError> {
    let Some(at) = input[*scanned..].iter().position(|&b| b == b'\n') else {
        *scanned = input.len();
        return if input.len() > limit { Err(WireError::TooLong(limit)) } else { Ok(None) };
    };
    let mut line = input.split_to(*scanned + at + 1);
    *scanned = 0;
    line.truncate(line.len() - 1);
    if line.ends_with(b"\r") {
        line.truncate(line.len() - 1);
    }
    if line.len() > limit { Err(WireError::TooLong(limit)) } else { Ok(Some(line)) }
}

#[cfg(test)]
mod tests;
