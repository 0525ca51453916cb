//! The other end of a connection, played from bytes, without sockets and without waiting.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// Stands for the tag of the last command in what a scripted IMAP server says.
const TAG: u8 = 1;
/// Stands for the tag of the command before.
const TAG_BEFORE: u8 = 2;

/// A stream that yields one part after the other, then its end, and keeps what is written to it.
pub struct Script {
    parts: VecDeque<Vec<u8>>,
    written: Written,
    tagged: bool,
}

/// What was written to a [`Script`].
#[derive(Clone, Default)]
pub struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    /// All of it so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The first word of the line that is `back` lines from the end.
    fn tag(&self, back: usize) -> Vec<u8> {
        let bytes = self.bytes();
        let line = bytes.trim_ascii_end().rsplit(|octet| *octet == b'\n').nth(back).unwrap_or_default();
        line.split(|octet| *octet == b' ').next().unwrap_or_default().to_vec()
    }
}

impl Script {
    /// A client, whose bytes are yielded as they are.
    pub fn client(bytes: &[u8]) -> Self {
        Self { parts: VecDeque::from([bytes.to_vec()]), written: Written::default(), tagged: false }
    }

    /// A server: NUL octets divide what comes with one read from what comes with the next, the octets 1 and 2 stand for
    /// the tags of the last two commands.
    pub fn server(bytes: &[u8]) -> Self {
        let parts = bytes.split(|octet| *octet == 0).map(<[u8]>::to_vec).collect();
        Self { parts, written: Written::default(), tagged: true }
    }

    /// What is written to it from now on can be read there.
    pub fn written(&self) -> Written {
        self.written.clone()
    }

    fn next_part(&mut self) -> Option<Vec<u8>> {
        let part = self.parts.pop_front()?;
        if !self.tagged {
            return Some(part);
        }
        let mut out = Vec::with_capacity(part.len());
        for octet in part {
            match octet {
                TAG => out.extend(self.written.tag(0)),
                TAG_BEFORE => out.extend(self.written.tag(1)),
                other => out.push(other),
            }
        }
        Some(out)
    }
}

impl AsyncRead for Script {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while let Some(mut part) = this.next_part() {
            if part.is_empty() {
                continue;
            }
            let rest = part.split_off(part.len().min(buffer.remaining()));
            buffer.put_slice(&part);
            if !rest.is_empty() {
                this.parts.push_front(rest);
            }
            break;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.written.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(data);
        Poll::Ready(Ok(data.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Runs to the end on a clock that jumps to the next deadline when nothing else is to be done.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: RefCell<Runtime> =
            RefCell::new(Builder::new_current_thread().enable_time().start_paused(true).build().unwrap());
    }
    RUNTIME.with_borrow(|runtime| runtime.block_on(future))
}
