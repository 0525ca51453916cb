//! The deadline queue: one actor for all profiles that sleeps until the next row of the deadline table is due.
//!
//! It knows nothing that is not in the table, so the supervisor can start it again at any time.

use std::time::Duration;

use actix::{
    Actor, ActorContext as _, AsyncContext as _, Context, WrapFuture as _, fut::ActorFutureExt as _,
};
use tokio::sync::mpsc;
use tracing::Instrument as _;

use super::housekeeping::Due;
use super::{ChildEnded, clock_set};
use crate::faults::Spot;
use crate::hub::Hub;
use crate::watch::Farewell;
use volary_engine::ground::db::Db;
use volary_engine::ground::error::Outcome;
use volary_engine::upkeep::deadlines::{Quiet, handle_due};

/// Longest sleep: the clock may be set while we sleep.
const MAX_SLEEP: Duration = Duration::from_secs(30);

/// The actor. See the module documentation.
pub struct DeadlineQueue {
    hub: Hub,
    cleaning: Due,
    _farewell: Farewell<ChildEnded>,
}

impl DeadlineQueue {
    /// A queue that passes profiles on to housekeeping.
    pub fn new(hub: Hub, cleaning: Due, farewell: Farewell<ChildEnded>) -> Self {
        Self { hub, cleaning, _farewell: farewell }
    }
}

impl Actor for DeadlineQueue {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let work = run(self.hub.clone(), self.cleaning.clone()).instrument(tracing::info_span!("deadlines"));
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

/// Handles deadlines for ever.
async fn run(hub: Hub, cleaning: Due) {
    let db = hub.db.clone();
    let mut added = hub.wakes.register_deadlines();
    let mut queue = Queue { started: db.now(), set: None, db: db.clone(), cleaning };
    let mut clock = clock_set::Watch::new(db.now());
    // It may have been set back while this process did not run.
    queue.mend().await;
    let mut was_set = false;
    loop {
        hub.faults.pass(Spot::Deadlines);
        was_set |= clock.was_set(db.now());
        if std::mem::take(&mut was_set) {
            queue.clock_was_set().await;
        }
        let next = match queue.handle_due().await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "deadlines cannot be handled");
                Some(db.now() + 10)
            }
        };
        let sleep = next.map_or(MAX_SLEEP, |time| {
            let seconds = u64::try_from(time - db.now()).unwrap_or(0);
            Duration::from_secs(seconds).min(MAX_SLEEP)
        });
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            wake = wake(&db, &mut added, next, &mut clock) => match wake {
                Some(Wake::Earlier) => {}
                Some(Wake::ClockWasSet) => was_set = true,
                None => return,
            },
        }
    }
}

/// Why the queue looks again before the next deadline.
enum Wake {
    /// One was added that comes before it.
    Earlier,
    /// One was added by a clock that was set.
    ClockWasSet,
}

/// Waits until an added deadline is a reason to look. `None` when none can be added any more.
async fn wake(
    db: &Db,
    added: &mut mpsc::UnboundedReceiver<i64>,
    next: Option<i64>,
    clock: &mut clock_set::Watch,
) -> Option<Wake> {
    while let Some(time) = added.recv().await {
        // Also a clock that is wrong only for a moment leaves deadlines behind.
        if clock.was_set(db.now()) {
            return Some(Wake::ClockWasSet);
        }
        if next.is_none_or(|next| time < next) {
            return Some(Wake::Earlier);
        }
    }
    None
}

struct Queue {
    db: Db,
    started: i64,
    /// When the clock was last found to be set, by its new time.
    set: Option<i64>,
    cleaning: Due,
}

impl Queue {
    /// The clock was set. What removes things by their age waits for a while: the clock may be put right soon.
    async fn clock_was_set(&mut self) {
        let now = self.db.now();
        tracing::warn!(now, "the clock was set, or the machine slept");
        self.started = now;
        self.set = Some(now);
        self.mend().await;
    }

    async fn mend(&self) {
        match volary_engine::upkeep::clock_set::mend(&self.db).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(count, "deadlines of a clock that was ahead are mended"),
            Err(error) => tracing::error!(%error, "deadlines cannot be mended"),
        }
    }

    /// Handles what is due and returns when the next one is.
    async fn handle_due(&self) -> Outcome<Option<i64>> {
        let quiet = Quiet { housekeeping: self.started, aging: self.set };
        let handled = handle_due(&self.db, quiet).await?;
        for work in handled.upkeep {
            self.cleaning.add(work);
        }
        Ok(handled.next)
    }
}
