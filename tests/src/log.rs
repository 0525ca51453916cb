//! Everything that was told about a profile.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use volary::EventStream;
use volary_proto::event::Kind;

/// The events of one profile since its test began, in order.
#[derive(Default)]
pub struct Log {
    events: Mutex<Vec<Kind>>,
}

impl Log {
    /// All events so far.
    pub fn all(&self) -> Vec<Kind> {
        self.events.lock().clone()
    }

    /// How many there are so far: a mark for [`Log::since`].
    pub fn mark(&self) -> usize {
        self.events.lock().len()
    }

    /// The events behind a mark.
    pub fn since(&self, mark: usize) -> Vec<Kind> {
        self.events.lock().get(mark..).unwrap_or_default().to_vec()
    }

    /// Position of the first event that `pick` likes.
    pub fn position(&self, pick: impl Fn(&Kind) -> bool) -> Option<usize> {
        self.events.lock().iter().position(pick)
    }

    /// What `pick` finds in the first event that it likes.
    pub fn find<T>(&self, mut pick: impl FnMut(&Kind) -> Option<T>) -> Option<T> {
        self.events.lock().iter().find_map(&mut pick)
    }

    /// The last warnings and errors, to explain a failure.
    pub fn troubles(&self) -> String {
        let events = self.events.lock();
        let troubles = events.iter().rev().filter_map(|kind| match kind {
            Kind::Warning(event) => Some(format!("warning: {}", event.msg)),
            Kind::Error(event) => Some(format!("error: {}", event.msg)),
            _ => None,
        });
        let mut last: Vec<String> = troubles.take(5).collect();
        last.reverse();
        last.join("\n  ")
    }

    fn put(&self, kind: Kind) {
        self.events.lock().push(kind);
    }
}

/// The logs of all profiles of an engine.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<HashMap<u32, Arc<Log>>>>);

impl Logs {
    /// The log of a profile, from its first event on.
    pub(crate) fn of(&self, profile: u32) -> Arc<Log> {
        Arc::clone(self.0.lock().entry(profile).or_default())
    }

    /// Fills the logs until the engine stops.
    pub(crate) fn keep(&self, events: EventStream) {
        let logs = self.clone();
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let Some(kind) = &event.kind {
                    logs.of(event.profile_id).put(kind.clone());
                }
            }
        });
    }
}
