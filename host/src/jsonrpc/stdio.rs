//! A session over standard input and output, with as few threads between a request and its answer as possible: the
//! thread that reads a line also answers it, if that is quickly done, and the task that has an answer writes it itself.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    thread,
};

use rustix::{
    event::{PollFd, PollFlags, poll},
    io::Errno,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, BufReader, ReadBuf},
    runtime::Handle,
    sync::oneshot,
};

use super::session::{End, Session};
use crate::bus::Bus;

/// Longest line buffer of standard input between reads.
const INPUT_BUFFER: usize = 64 << 10;

/// Serves the client at standard input and output until either side closes. Fails if the system gives no thread.
///
/// The thread that reads stays behind when the client reads no more answers; it ends with the process.
pub async fn serve_stdio<B: Bus>(bus: B) -> io::Result<End> {
    let session = Arc::new(Session::new(bus, DirectOutput::new()));
    let (reader, runtime) = (Arc::clone(&session), Handle::current());
    let (ended, input_closed) = oneshot::channel::<()>();
    thread::Builder::new().name("volary-requests".to_owned()).spawn(move || {
        let input = BufReader::with_capacity(INPUT_BUFFER, BlockingInput);
        runtime.block_on(reader.read(input));
        drop(ended);
    })?;
    // Nothing is ever sent: the end of the sender is the end of the input.
    Ok(session.run(async { drop(input_closed.await) }).await)
}

/// Standard input that holds up its thread while there is nothing to read.
struct BlockingInput;

impl AsyncRead for BlockingInput {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let input = io::stdin();
        loop {
            match rustix::io::read(&input, buffer.initialize_unfilled()) {
                Ok(bytes) => {
                    buffer.advance(bytes);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::INTR) => {}
                // Somebody made it non-blocking, perhaps for his own side of a terminal.
                Err(Errno::AGAIN) => {
                    poll(&mut [PollFd::new(&input, PollFlags::IN)], None).ok();
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }
}

/// Standard output that is written to on the spot as far as it takes bytes without waiting; the rest goes to a thread
/// that waits.
struct DirectOutput {
    waiting: tokio::io::Stdout,
    /// Something is on its way through `waiting`.
    busy: bool,
    /// Standard output is of a kind that can be written to without waiting.
    direct: bool,
}

impl DirectOutput {
    fn new() -> Self {
        Self { waiting: tokio::io::stdout(), busy: false, direct: true }
    }
}

impl AsyncWrite for DirectOutput {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.direct && !self.busy {
            match write_now(bytes) {
                Ok(0) | Err(Errno::AGAIN | Errno::INTR) => {}
                Ok(written) => return Poll::Ready(Ok(written)),
                Err(Errno::PIPE) => return Poll::Ready(Err(Errno::PIPE.into())),
                Err(_) => self.direct = false,
            }
        }
        self.busy = true;
        Pin::new(&mut self.waiting).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.busy {
            ready!(Pin::new(&mut self.waiting).poll_flush(context))?;
            self.busy = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(context)
    }
}

/// Writes what can be written without waiting. The flag is of this one call: the file may be shared with others, who
/// must not find it changed.
#[cfg(target_os = "linux")]
fn write_now(bytes: &[u8]) -> Result<usize, Errno> {
    /// Where the file stands, which is the only place in a pipe.
    const HERE: u64 = u64::MAX;
    rustix::io::pwritev2(io::stdout(), &[IoSlice::new(bytes)], HERE, rustix::io::ReadWriteFlags::NOWAIT)
}

#[cfg(not(target_os = "linux"))]
fn write_now(_: &[u8]) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}
