//! The durability barrier: who waits for which commit to be on the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

use crate::error::StoreError;
use crate::writer::Queue;

/// How far the writer's commits have come. Groups are numbered from 1.
pub(crate) struct Progress {
    durable: AtomicU64,
    state: watch::Sender<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    durable: u64,
    /// Set when nothing will become durable any more.
    ended: Option<StoreError>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { durable: AtomicU64::new(0), state: watch::Sender::new(State::default()) }
    }

    /// All groups up to `group` are on the disk.
    pub(crate) fn reached(&self, group: u64) {
        self.durable.store(group, Ordering::Release);
        self.state.send_modify(|state| state.durable = group);
    }

    /// Nothing more will be on the disk.
    pub(crate) fn ended(&self, reason: StoreError) {
        self.state.send_modify(|state| {
            state.ended.get_or_insert(reason);
        });
    }

    fn is_durable(&self, group: u64) -> bool {
        self.durable.load(Ordering::Acquire) >= group
    }

    async fn durable(&self, group: u64) -> Result<(), StoreError> {
        let mut state = self.state.subscribe();
        // The sender lives as long as `self`, so that waiting cannot fail for its loss.
        let state = state.wait_for(|state| state.durable >= group || state.ended.is_some()).await;
        match state {
            Ok(state) if state.durable >= group => Ok(()),
            Ok(state) => Err(state.ended.clone().unwrap_or(StoreError::Closed)),
            Err(_) => Err(StoreError::Closed),
        }
    }
}

/// Tells when the change that it was returned with is durable.
#[derive(Clone)]
pub struct Barrier {
    pub(crate) group: u64,
    pub(crate) progress: Arc<Progress>,
    pub(crate) queue: Arc<Queue>,
}

impl Barrier {
    /// Waits until the change would survive the loss of the process and of power. Waiting makes the writer sync soon.
    pub async fn durable(&self) -> Result<(), StoreError> {
        if self.is_durable() {
            return Ok(());
        }
        self.queue.want_sync();
        self.progress.durable(self.group).await
    }

    /// Whether the change is durable already.
    pub fn is_durable(&self) -> bool {
        self.progress.is_durable(self.group)
    }
}

impl std::fmt::Debug for Barrier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Barrier").field("group", &self.group).field("durable", &self.is_durable()).finish()
    }
}

/// A change that is visible, what its job returned, and the barrier that tells when it is durable.
#[derive(Debug)]
pub struct Written<T> {
    /// What the job returned.
    pub value: T,
    /// Tells when the change is durable.
    pub barrier: Barrier,
}
