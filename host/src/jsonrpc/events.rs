//! Events on request: polls are served one after another in the order of their arrival.

use std::{collections::VecDeque, sync::Arc};

use futures::FutureExt;
use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, MutexGuard, Notify};
use volary_proto::{Event, event};

use super::frame::Id;
use crate::bus::EventSource;

/// Most events in one batch.
pub(super) const MAX_BATCH: usize = 101;

/// The event stream of the engine, shared by all polls of a client.
///
/// How many events may wait is decided by the stream itself. The oldest poll gets the next event, unless a newer one has
/// an id that is not greater: such a client counts from the beginning again, because its page was loaded anew, and
/// nobody waits for the answers of the polls before. They stand behind the newer ones from then on.
pub(super) struct EventQueue<S> {
    source: AsyncMutex<Source<S>>,
    line: Mutex<VecDeque<Turn>>,
}

struct Source<S> {
    stream: S,
    /// Taken from the stream, but not given out yet.
    held: Option<Arc<Event>>,
}

/// A poll that waits.
struct Turn {
    id: Id,
    /// A client that started anew left it behind.
    stale: bool,
    /// Wakes it when it has become the first, or no longer is.
    moved: Arc<Notify>,
}

/// The place of a poll, which it leaves in any case.
struct Place<'a> {
    line: &'a Mutex<VecDeque<Turn>>,
    moved: Arc<Notify>,
}

impl<S: EventSource> EventQueue<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { source: AsyncMutex::new(Source { stream, held: None }), line: Mutex::default() }
    }

    /// Waits for one event; `None` after the engine has stopped.
    pub(super) async fn next(&self, id: &Id) -> Option<Arc<Event>> {
        self.first(id).await.0
    }

    /// Waits for an event and takes what is there beside it; empty after the engine has stopped.
    pub(super) async fn next_batch(&self, id: &Id) -> Vec<Arc<Event>> {
        let (event, mut source, _place) = self.first(id).await;
        let mut batch: Vec<Arc<Event>> = event.into_iter().collect();
        while !batch.is_empty() && batch.len() < MAX_BATCH {
            match source.next().now_or_never() {
                Some(Some(event)) => batch.push(event),
                _ => break,
            }
        }
        batch
    }

    /// Waits for an event while this poll is the first.
    async fn first(&self, id: &Id) -> (Option<Arc<Event>>, MutexGuard<'_, Source<S>>, Place<'_>) {
        let place = self.stand(id);
        loop {
            if !place.is_first() {
                place.moved.notified().await;
                continue;
            }
            let taking = async {
                let mut source = self.source.lock().await;
                (source.next().await, source)
            };
            tokio::select! {
                biased;
                (event, source) = taking => return (event, source, place),
                () = place.moved.notified() => {}
            }
        }
    }

    fn stand(&self, id: &Id) -> Place<'_> {
        let mut line = self.line.lock();
        if line.iter().any(|turn| !turn.stale && comes_again(id, &turn.id)) {
            line.iter_mut().for_each(|turn| turn.stale = true);
        }
        let position = line.iter().position(|turn| turn.stale).unwrap_or(line.len());
        let moved = Arc::new(Notify::new());
        line.insert(position, Turn { id: id.clone(), stale: false, moved: moved.clone() });
        if position == 0
            && let Some(former) = line.get(1)
        {
            former.moved.notify_one();
        }
        Place { line: &self.line, moved }
    }
}

/// Whether a client that has given the id `earlier` would give this one only after starting anew.
fn comes_again(id: &Id, earlier: &Id) -> bool {
    matches!((id, earlier), (Id::Number(id), Id::Number(earlier)) if id <= earlier)
}

impl Place<'_> {
    fn is_first(&self) -> bool {
        self.line.lock().front().is_some_and(|turn| Arc::ptr_eq(&turn.moved, &self.moved))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut line = self.line.lock();
        line.retain(|turn| !Arc::ptr_eq(&turn.moved, &self.moved));
        if let Some(first) = line.front() {
            first.moved.notify_one();
        }
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
