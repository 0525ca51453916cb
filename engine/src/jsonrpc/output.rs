//! Answers on their way out. Who does not read his answers gets no further requests read.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncWrite, AsyncWriteExt, BufWriter},
    sync::{Notify, mpsc},
};

/// Bytes of answers that may wait before reading stops.
pub(super) const MAX_WAITING_BYTES: usize = 16 << 20;

/// Where answers are put.
#[derive(Clone)]
pub(super) struct Output {
    lines: mpsc::UnboundedSender<Vec<u8>>,
    waiting: Arc<Waiting>,
}

#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    less: Notify,
}

/// Starts a task that writes lines until all clones of the output are gone or the reader has left.
pub(super) fn start<W>(writer: W) -> (Output, tokio::task::JoinHandle<std::io::Result<()>>)
where
    W: AsyncWrite + Unpin + Send + 'static,
{
    // Bounded by `MAX_WAITING_BYTES` and the number of requests under way.
    let (lines, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(Waiting::default());
    let task = tokio::spawn(write(BufWriter::new(writer), receiver, Arc::clone(&waiting)));
    (Output { lines, waiting }, task)
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: BufWriter<W>,
    mut lines: mpsc::UnboundedReceiver<Vec<u8>>,
    waiting: Arc<Waiting>,
) -> std::io::Result<()> {
    while let Some(line) = lines.recv().await {
        let mut next = Some(line);
        while let Some(line) = next {
            writer.write_all(&line).await?;
            waiting.bytes.fetch_sub(line.len(), Ordering::AcqRel);
            waiting.less.notify_one();
            next = lines.try_recv().ok();
        }
        writer.flush().await?;
    }
    Ok(())
}

impl Output {
    /// Puts one line; when nobody reads any more it is dropped.
    pub(super) fn put(&self, line: Vec<u8>) {
        self.waiting.bytes.fetch_add(line.len(), Ordering::AcqRel);
        self.lines.send(line).ok();
    }

    /// Waits until few enough bytes are waiting. Only the reader of requests calls this.
    pub(super) async fn ready(&self) {
        while self.waiting.bytes.load(Ordering::Acquire) > MAX_WAITING_BYTES {
            self.waiting.less.notified().await;
        }
    }
}
