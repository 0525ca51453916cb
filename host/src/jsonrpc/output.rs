//! Answers on their way out. A client that does not read its answers gets no further requests read.
//!
//! The task that has an answer writes it itself, as far as the client takes it at once. Only what is left over waits for
//! [`Output::write_rest`], and then everything else waits behind it.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};

use parking_lot::Mutex;
use tokio::{io::AsyncWrite, sync::Notify};

/// Bytes of answers that may wait before reading stops.
pub(super) const MAX_WAITING_BYTES: usize = 16 << 20;

/// Where answers are put.
#[derive(Clone)]
pub(super) struct Output {
    shared: Arc<Shared>,
}

struct Shared {
    way: Mutex<Way>,
    /// Less is waiting than before.
    less: Notify,
}

/// The way to the client.
struct Way {
    /// None once it is closed or has failed: what is put is dropped.
    writer: Option<Pin<Box<dyn AsyncWrite + Send>>>,
    waiting: Vec<u8>,
    /// So much of `waiting` is written.
    written: usize,
    /// `write_rest` is at work; nobody else writes.
    busy: bool,
    /// Wakes `write_rest`.
    rest: Option<Waker>,
}

impl Output {
    pub(super) fn new(writer: impl AsyncWrite + Send + 'static) -> Self {
        let way =
            Way { writer: Some(Box::pin(writer)), waiting: Vec::new(), written: 0, busy: false, rest: None };
        Self { shared: Arc::new(Shared { way: Mutex::new(way), less: Notify::new() }) }
    }

    /// Puts one line; when nobody reads any more it is dropped.
    pub(super) fn put(&self, line: Vec<u8>) {
        let mut way = self.shared.way.lock();
        if way.writer.is_none() {
            return;
        }
        way.append(line);
        if way.busy {
            return;
        }
        match way.advance(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => return,
            Poll::Pending => way.busy = true,
            Poll::Ready(Err(error)) => way.fail(&error),
        }
        if let Some(rest) = way.rest.take() {
            rest.wake();
        }
    }

    /// Writes what could not be written at once, whenever there is any; ends when the client has closed its side.
    pub(super) async fn write_rest(&self) {
        std::future::poll_fn(|context| {
            let mut way = self.shared.way.lock();
            if way.writer.is_none() {
                return Poll::Ready(());
            }
            way.rest = Some(context.waker().clone());
            if way.busy {
                match way.advance(context) {
                    Poll::Ready(Ok(())) => way.busy = false,
                    Poll::Ready(Err(error)) => way.fail(&error),
                    Poll::Pending => {}
                }
                self.shared.less.notify_one();
            }
            if way.writer.is_none() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Waits until few enough bytes are waiting. Only the reader of requests calls this.
    pub(super) async fn ready(&self) {
        self.at_most(MAX_WAITING_BYTES).await;
    }

    /// Waits until everything is written, after the last request was read.
    pub(super) async fn drained(&self) {
        self.at_most(0).await;
    }

    async fn at_most(&self, bytes: usize) {
        loop {
            {
                let way = self.shared.way.lock();
                let waiting = way.waiting.len() - way.written;
                let few = waiting <= bytes && (bytes > 0 || !way.busy);
                if few || way.writer.is_none() {
                    return;
                }
            }
            self.shared.less.notified().await;
        }
    }

    /// Takes no further lines and lets go of the writer.
    pub(super) fn close(&self) {
        self.shared.way.lock().close();
        self.shared.less.notify_one();
    }
}

impl Way {
    fn append(&mut self, line: Vec<u8>) {
        if self.waiting.is_empty() {
            self.waiting = line;
            return;
        }
        if self.written > self.waiting.len() / 2 {
            self.waiting.drain(..self.written);
            self.written = 0;
        }
        self.waiting.extend_from_slice(&line);
    }

    /// Writes what the client takes now. Ready when everything has left this process.
    fn advance(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(writer) = &mut self.writer else { return Poll::Ready(Ok(())) };
        while self.written < self.waiting.len() {
            match ready!(writer.as_mut().poll_write(context, &self.waiting[self.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        self.waiting = Vec::new();
        self.written = 0;
        writer.as_mut().poll_flush(context)
    }

    fn fail(&mut self, error: &io::Error) {
        tracing::debug!(%error, "answers cannot be written any more");
        self.close();
    }

    fn close(&mut self) {
        self.writer = None;
        self.waiting = Vec::new();
        self.written = 0;
        self.busy = false;
    }
}
