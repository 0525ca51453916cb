//! Events on request: polls are served one after another in the order of their arrival.

use futures::FutureExt;
use tokio::sync::Mutex;
use volary_proto::Event;

use crate::bus::EventSource;

/// Most events in one batch.
pub(super) const MAX_BATCH: usize = 101;

/// The event stream of the engine, shared by all polls.
///
/// How many events may wait, and what happens when they are more, is decided by the stream itself. The lock hands
/// over in the order in which it was asked for, so that the oldest poll gets the next event.
pub(super) struct EventDoor<S> {
    stream: Mutex<S>,
}

impl<S: EventSource> EventDoor<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream: Mutex::new(stream) }
    }

    /// Waits for one event; `None` after the engine has stopped.
    pub(super) async fn next(&self) -> Option<Event> {
        self.stream.lock().await.next().await
    }

    /// Waits for an event and takes what is there beside it; empty after the engine has stopped.
    pub(super) async fn next_batch(&self) -> Vec<Event> {
        let mut stream = self.stream.lock().await;
        let mut batch: Vec<Event> = stream.next().await.into_iter().collect();
        while !batch.is_empty() && batch.len() < MAX_BATCH {
            match stream.next().now_or_never() {
                Some(Some(event)) => batch.push(event),
                _ => break,
            }
        }
        batch
    }
}
