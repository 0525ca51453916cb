//! The log of events: a number for each, and what frontends missed that were away.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`EventLog`]: opening, the thread that writes |
//! | `entry` | an event with its number |
//! | `segments` | the files: written in order, the oldest deleted |
//! | `frames` | what stands in a file: length, checksum, bytes |
//! | `tail` | the newest entries in memory, and who waits for more |
//! | `subscription` | [`Subscription`]: one frontend's place in the log |
//!
//! One thread takes the events from the bus, numbers them, writes them and shows them to frontends, in this order and as
//! many at a time as there are. A number that a frontend has seen is therefore in the file and is never given to another
//! event, also if the process is killed: numbers are reserved ahead, and a log that was not closed goes on behind what
//! was reserved, with a gap. So it does when another engine worked on the folder meanwhile and logged nothing.
//!
//! A frontend is a place in the log and has no queue: one that reads slowly reads from memory, later from the files, and
//! costs nobody anything. What is in no file any more is a gap, which names the profiles whose events are gone.
//!
//! The files are written without waiting for the disk. After a crash of the machine their end may be missing, which is
//! the same as a kill: a gap.

mod entry;
mod frames;
mod segments;
mod subscription;
mod tail;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use futures::FutureExt as _;
use futures::executor::block_on;
use parking_lot::Mutex;
use thiserror::Error;
use tokio::sync::watch;

pub use self::entry::{Entry, Gap, Item};
use self::segments::Segments;
pub use self::segments::{MAX_BYTES, MAX_SEGMENTS};
pub use self::subscription::{Follow, Position, Subscription};
use self::tail::Tail;
use crate::Engine;
use crate::bus::EventSource;
use crate::directory::LOGGED_FILE;

/// The folder of the log, in the folder of the profiles.
const FOLDER: &str = "events";
/// Most events that are written and shown together.
const MAX_BATCH: usize = 1024;

/// Why there is no log.
#[derive(Debug, Error)]
pub enum EventLogError {
    /// A file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The system gives no thread.
    #[error("thread cannot be started: {0}")]
    Thread(io::Error),
}

/// The log of a running engine. Cheap to clone.
#[derive(Clone)]
pub struct EventLog {
    tail: Arc<Mutex<Tail>>,
    folder: Arc<Path>,
    /// Becomes true when everything is written.
    closed: watch::Receiver<bool>,
}

impl EventLog {
    /// Logs the events of an engine that has just been started, until it stops. Blocks for a moment.
    pub fn of(engine: &Engine) -> Result<Self, EventLogError> {
        Self::open(engine.dir(), engine.events(), engine.was_logged())
    }

    /// Opens the log in a folder of profiles and goes on with these events, until they end. `complete`: the log was
    /// closed, and nothing has happened since.
    pub(crate) fn open(
        profiles: &Path,
        events: impl EventSource,
        complete: bool,
    ) -> Result<Self, EventLogError> {
        let folder = profiles.join(FOLDER);
        let (segments, begin) = Segments::open(&folder, complete)?;
        let tail = Arc::new(Mutex::new(Tail::new(begin)));
        let (closing, closed) = watch::channel(false);
        let (shown, mark) = (tail.clone(), profiles.join(LOGGED_FILE));
        let thread = thread::Builder::new().name("volary-events".to_owned());
        thread
            .spawn(move || {
                write(segments, events, &shown, &mark);
                closing.send_replace(true);
            })
            .map_err(EventLogError::Thread)?;
        Ok(Self { tail, folder: folder.into(), closed })
    }

    /// Which log it is: another one after the folder was made anew.
    pub fn id(&self) -> u64 {
        self.tail.lock().id()
    }

    /// Follows the events.
    pub fn follow(&self, follow: Follow) -> Subscription {
        Subscription::new(self.tail.clone(), self.folder.clone(), follow)
    }

    /// Waits until the events have ended and the log is closed. Whoever opens it then finds no gap.
    pub async fn closed(&mut self) {
        // Without a sender the thread has ended early, which it has logged.
        self.closed.wait_for(|closed| *closed).await.ok();
    }
}

/// Writes and shows events until they end.
fn write(mut segments: Segments, mut events: impl EventSource, tail: &Mutex<Tail>, mark: &Path) {
    while let Some(first) = block_on(events.next()) {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH {
            match events.next().now_or_never() {
                Some(Some(event)) => batch.push(event),
                Some(None) | None => break,
            }
        }
        let entries = segments.append(batch);
        let woken = tail.lock().show(entries, segments.kept());
        woken.wake();
    }
    if let Err(error) = segments.close().and_then(|()| File::create(mark)) {
        tracing::warn!(%error, "the log of events cannot be closed: it will have a gap here");
    }
    tail.lock().close().wake();
}
