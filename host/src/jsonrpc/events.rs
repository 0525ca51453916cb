//! Events on request: polls are served one after another in the order of their arrival.

use std::sync::Arc;

use futures::FutureExt;
use tokio::sync::Mutex;
use volary_proto::{Event, event};

use crate::bus::EventSource;

/// Most events in one batch.
pub(super) const MAX_BATCH: usize = 101;

/// The event stream of the engine, shared by all polls.
///
/// How many events may wait is decided by the stream itself. The lock hands over in the order in which it was asked
/// for, so that the oldest poll gets the next event.
pub(super) struct EventQueue<S> {
    source: Mutex<Source<S>>,
}

struct Source<S> {
    stream: S,
    /// Taken from the stream, but not given out yet.
    held: Option<Arc<Event>>,
}

impl<S: EventSource> EventQueue<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { source: Mutex::new(Source { stream, held: None }) }
    }

    /// Waits for one event; `None` after the engine has stopped.
    pub(super) async fn next(&self) -> Option<Arc<Event>> {
        self.source.lock().await.next().await
    }

    /// Waits for an event and takes what is there beside it; empty after the engine has stopped.
    pub(super) async fn next_batch(&self) -> Vec<Arc<Event>> {
        let mut source = self.source.lock().await;
        let mut batch: Vec<Arc<Event>> = source.next().await.into_iter().collect();
        while !batch.is_empty() && batch.len() < MAX_BATCH {
            match source.next().now_or_never() {
                Some(Some(event)) => batch.push(event),
                _ => break,
            }
        }
        batch
    }
}

impl<S: EventSource> Source<S> {
    async fn next(&mut self) -> Option<Arc<Event>> {
        let event = match self.held.take() {
            Some(event) => event,
            None => self.stream.next().await?,
        };
        Some(match lost(&event) {
            Some(n) => self.overflow(n),
            None => event,
        })
    }

    /// Adds up what all profiles lost. Clients expect one overflow, of profile 0: event loops of one profile stop at a
    /// kind that they do not know.
    fn overflow(&mut self, mut n: u64) -> Arc<Event> {
        while let Some(Some(event)) = self.stream.next().now_or_never() {
            match lost(&event) {
                Some(more) => n += more,
                None => {
                    self.held = Some(event);
                    break;
                }
            }
        }
        let overflow = event::EventChannelOverflow { n };
        Arc::new(Event { profile_id: 0, kind: Some(event::Kind::EventChannelOverflow(overflow)) })
    }
}

fn lost(event: &Event) -> Option<u64> {
    match &event.kind {
        Some(event::Kind::EventChannelOverflow(overflow)) => Some(overflow.n),
        _ => None,
    }
}
