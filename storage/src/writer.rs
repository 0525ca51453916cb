//! The one writer: takes jobs in the order of their arrival, commits them in groups, syncs now and then.
//!
//! A group is what is queued at the moment, within [`GROUP_JOBS`] and [`GROUP_TIME`]. Its commit does not wait for
//! the disk: the changes are visible at once and answered. They become durable with the next sync, which comes
//! [`SYNC_WANTED_AFTER`] a barrier is waited for and at latest [`SYNC_AFTER`] the commit. A sync is a commit that
//! waits for the disk; if jobs are queued when it is due, their group is committed that way.

use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use redb::{Durability, WriteTransaction};
use tokio::sync::oneshot;

use crate::barrier::{Barrier, Written};
use crate::error::{StoreError, panic_text};
use crate::measures::{self, Undone};
use crate::store::Shared;
use crate::view::shielded;
use crate::write_tx::WriteTx;

/// Most jobs of one group: bounds the time that the first waits for the last.
const GROUP_JOBS: usize = 1024;
/// Longest time in which a group takes up jobs.
const GROUP_TIME: Duration = Duration::from_millis(5);
/// A commit is durable this much later at the latest.
const SYNC_AFTER: Duration = Duration::from_millis(50);
/// How long a barrier that is waited for waits for company.
const SYNC_WANTED_AFTER: Duration = Duration::from_millis(1);

/// A commit that takes longer is logged: everybody waits for it.
const SLOW_COMMIT: Duration = Duration::from_secs(1);
/// A job that takes longer is logged: jobs are to be short.
const SLOW_JOB: Duration = Duration::from_millis(500);

thread_local! {
    static IS_WRITER: Cell<bool> = const { Cell::new(false) };
}

/// Whether the caller runs on the thread of a writer, that is, within a job.
pub(crate) fn is_this_thread() -> bool {
    IS_WRITER.get()
}

/// Work for the writer.
pub(crate) trait Job: Send {
    /// Makes the change. Returns whether to keep it.
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool;
    /// Whether it removes more than it adds.
    fn frees(&self) -> bool;
    /// Replaces the outcome: the change was rolled back or its group not committed.
    fn fail(&mut self, error: StoreError);
    /// Answers the caller.
    fn answer(self: Box<Self>, barrier: Barrier);
}

/// A job as it comes from a caller.
pub(crate) struct Task<T, E, F> {
    work: Option<F>,
    frees: bool,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<Written<T>, E>>,
}

impl<T, E, F> Task<T, E, F> {
    pub(crate) fn new(work: F, frees: bool) -> (Self, oneshot::Receiver<Result<Written<T>, E>>) {
        let (reply, answer) = oneshot::channel();
        (Self { work: Some(work), frees, outcome: None, reply }, answer)
    }
}

impl<T, E, F> Job for Task<T, E, F>
where
    F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send,
    E: From<StoreError> + Send,
    T: Send,
{
    fn run(&mut self, tx: &mut WriteTx<'_>) -> bool {
        self.outcome = self.work.take().map(|work| work(tx));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn frees(&self) -> bool {
        self.frees
    }

    fn fail(&mut self, error: StoreError) {
        self.outcome = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>, barrier: Barrier) {
        let outcome = self.outcome.unwrap_or_else(|| Err(StoreError::Closed.into()));
        // A caller that no longer waits does not need the answer.
        let _ = self.reply.send(outcome.map(|value| Written { value, barrier }));
    }
}

/// What the writer has to do.
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    arrived: Condvar,
}

struct QueueState {
    jobs: VecDeque<Box<dyn Job>>,
    /// Since when a barrier is waited for.
    sync_wanted: Option<Instant>,
    closed: bool,
    /// The writer waits on `arrived`.
    asleep: bool,
}

/// What the writer does next.
enum Next {
    Group(VecDeque<Box<dyn Job>>),
    Sync,
    End,
}

impl Queue {
    pub(crate) fn new() -> Self {
        let state = QueueState { jobs: VecDeque::new(), sync_wanted: None, closed: false, asleep: false };
        Self { state: Mutex::new(state), arrived: Condvar::new() }
    }

    /// Queues a job. Gives it back when the queue is closed.
    pub(crate) fn push(&self, job: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(job);
        }
        state.jobs.push_back(job);
        self.wake(&mut state);
        Ok(())
    }

    /// Somebody waits for what is committed to become durable.
    pub(crate) fn want_sync(&self) {
        let mut state = self.state.lock();
        if state.sync_wanted.is_none() {
            state.sync_wanted = Some(Instant::now());
            self.wake(&mut state);
        }
    }

    /// No more jobs are taken; the writer ends when those queued are done.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        self.wake(&mut state);
    }

    fn wake(&self, state: &mut QueueState) {
        if std::mem::take(&mut state.asleep) {
            self.arrived.notify_one();
        }
    }

    /// Waits for something to do. `unsynced` is when the oldest commit that is not durable was made.
    fn next(&self, unsynced: Option<Instant>) -> Next {
        let mut state = self.state.lock();
        loop {
            if !state.jobs.is_empty() {
                let count = state.jobs.len().min(GROUP_JOBS);
                return Next::Group(match count == state.jobs.len() {
                    true => std::mem::take(&mut state.jobs),
                    false => state.jobs.drain(..count).collect(),
                });
            }
            if state.closed {
                return Next::End;
            }
            let deadline = sync_due(unsynced, state.sync_wanted);
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return Next::Sync;
            }
            state.asleep = true;
            match deadline {
                Some(deadline) => {
                    self.arrived.wait_until(&mut state, deadline);
                }
                None => self.arrived.wait(&mut state),
            }
            state.asleep = false;
        }
    }

    /// Puts jobs back that a group had no time for.
    fn put_back(&self, mut jobs: VecDeque<Box<dyn Job>>) {
        let mut state = self.state.lock();
        jobs.append(&mut state.jobs);
        state.jobs = jobs;
    }
}

/// When the next sync is due.
fn sync_due(unsynced: Option<Instant>, wanted: Option<Instant>) -> Option<Instant> {
    let latest = unsynced? + SYNC_AFTER;
    Some(wanted.map_or(latest, |wanted| latest.min(wanted + SYNC_WANTED_AFTER)))
}

/// The writer itself: state of its thread.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    /// Groups committed.
    group: u64,
    /// When the oldest commit that is not durable was made.
    unsynced: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, group: 0, unsynced: None }
    }

    /// Works until the queue is closed and empty, or writing fails.
    pub(crate) fn work(mut self) {
        IS_WRITER.set(true);
        // Panics of jobs are caught one by one. Here arrive those of values that are dropped unanswered.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.run())) {
            self.give_up(StoreError::from_job_panic(payload.as_ref()));
        }
    }

    fn run(&mut self) {
        loop {
            let done = match self.shared.queue.next(self.unsynced) {
                Next::Group(jobs) => self.group(jobs),
                Next::Sync => self.sync(),
                Next::End => match self.sync() {
                    Ok(()) => {
                        self.shared.progress.ended(StoreError::Closed);
                        tracing::debug!(groups = self.group, "the writer of the database has ended");
                        return;
                    }
                    failed => failed,
                },
            };
            if let Err(error) = done {
                self.give_up(error);
                return;
            }
        }
    }

    /// After a failed commit the state of the file is known only to the next opening: refuse everything.
    fn give_up(&self, error: StoreError) {
        let path = self.shared.path.display();
        tracing::error!(%path, %error, "the writer has stopped: nothing is stored until the database is opened anew");
        *self.shared.failure.lock() = Some(error.clone());
        self.shared.progress.ended(error.clone());
        self.shared.queue.close();
        // Callers that still wait for a place in the queue.
        self.shared.slots.close();
        while let Next::Group(jobs) = self.shared.queue.next(None) {
            self.refuse(jobs, &error);
        }
    }

    fn refuse(&self, jobs: VecDeque<Box<dyn Job>>, error: &StoreError) {
        measures::undone(Undone::Refused, jobs.len());
        self.shared.slots.add_permits(jobs.len());
        for mut job in jobs {
            job.fail(error.clone());
            job.answer(self.barrier(self.group));
        }
    }

    fn barrier(&self, group: u64) -> Barrier {
        Barrier { group, progress: self.shared.progress.clone(), queue: self.shared.queue.clone() }
    }

    /// Runs jobs, commits them, answers them.
    fn group(&mut self, mut jobs: VecDeque<Box<dyn Job>>) -> Result<(), StoreError> {
        if let Some(refusal) = self.shared.space.refusal() {
            let (freeing, others) = jobs.into_iter().partition(|job| job.frees());
            self.refuse(others, &refusal);
            jobs = freeing;
            if jobs.is_empty() {
                return Ok(());
            }
        }
        let mut done = VecDeque::with_capacity(jobs.len());
        let committed =
            self.commit_jobs(&mut jobs, &mut done).map_err(|error| error.of_file(&self.shared.path));
        self.shared.slots.add_permits(done.len());
        if committed.is_ok() {
            self.group += 1;
            if !jobs.is_empty() {
                self.shared.queue.put_back(jobs);
            }
        } else {
            self.shared.slots.add_permits(jobs.len());
            done.append(&mut jobs);
        }
        let synced = match &committed {
            Ok(true) => {
                self.reached();
                true
            }
            Ok(false) => {
                self.unsynced.get_or_insert_with(Instant::now);
                false
            }
            Err(_) => false,
        };
        let barrier = self.barrier(self.group);
        debug_assert!(!synced || barrier.is_durable());
        for mut job in done {
            if let Err(error) = &committed {
                job.fail(error.clone());
            }
            job.answer(barrier.clone());
        }
        committed.map(drop)
    }

    /// Runs `jobs` until time is over, moving them to `done`, and commits. Whether the commit is durable.
    fn commit_jobs(
        &mut self,
        jobs: &mut VecDeque<Box<dyn Job>>,
        done: &mut VecDeque<Box<dyn Job>>,
    ) -> Result<bool, StoreError> {
        let transaction = self.begin()?;
        let mut tx = WriteTx::new(&transaction)?;
        let until = Instant::now() + GROUP_TIME;
        let mut now = Instant::now();
        while let Some(job) = jobs.pop_front() {
            done.push_back(job);
            if let Some(job) = done.back_mut() {
                run_job(job.as_mut(), &mut tx)?;
            }
            let began = std::mem::replace(&mut now, Instant::now());
            if now - began > SLOW_JOB {
                tracing::warn!(ms = (now - began).as_millis(), "a job held up the writer");
            }
            if now >= until {
                break;
            }
        }
        let removed = tx.finish();
        let durable = self.sync_is_due();
        let took = self.commit(transaction, durable)?;
        measures::group(done.len(), took, durable);
        measures::queue(jobs.len() + self.shared.queue.state.lock().jobs.len());
        self.shared.removed.fetch_add(removed, Ordering::Relaxed);
        Ok(durable)
    }

    fn begin(&self) -> Result<WriteTransaction, StoreError> {
        let database = self.shared.database.read();
        let database = database.as_ref().ok_or(StoreError::Closed)?;
        shielded(|| database.begin_write())
    }

    fn sync_is_due(&self) -> bool {
        let wanted = self.shared.queue.state.lock().sync_wanted;
        sync_due(self.unsynced, wanted).is_some_and(|due| due <= Instant::now())
    }

    /// How long it took.
    fn commit(&self, mut transaction: WriteTransaction, durable: bool) -> Result<Duration, StoreError> {
        let began = Instant::now();
        let durability = if durable { Durability::Immediate } else { Durability::None };
        if durable {
            // Who asks from here on may have missed this sync.
            self.shared.queue.state.lock().sync_wanted = None;
        }
        shielded(|| transaction.set_durability(durability))?;
        shielded(|| transaction.commit())?;
        let took = began.elapsed();
        if took > SLOW_COMMIT {
            let path = self.shared.path.display();
            tracing::warn!(%path, ms = took.as_millis(), durable, "a commit was slow");
        }
        Ok(took)
    }

    /// Makes everything that is committed durable.
    fn sync(&mut self) -> Result<(), StoreError> {
        if self.unsynced.is_some() {
            let synced = self.begin().and_then(|transaction| self.commit(transaction, true));
            measures::commit(synced.map_err(|error| error.of_file(&self.shared.path))?, true);
        }
        self.reached();
        Ok(())
    }

    fn reached(&mut self) {
        self.unsynced = None;
        measures::file(self.shared.file_bytes());
        self.shared.progress.reached(self.group);
    }
}

/// Runs one job. Whatever it does besides succeeding leaves no trace; an error means that the group is lost.
fn run_job(job: &mut dyn Job, tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    match catch_unwind(AssertUnwindSafe(|| job.run(tx))) {
        Ok(true) => tx.keep(),
        Ok(false) => {
            tx.roll_back()?;
            measures::undone(Undone::Failed, 1);
        }
        Err(payload) => {
            tracing::error!(
                cause = panic_text(payload.as_ref()),
                "a job of the writer panicked and is undone"
            );
            tx.roll_back()?;
            measures::undone(Undone::Panicked, 1);
            job.fail(StoreError::from_job_panic(payload.as_ref()));
        }
    }
    Ok(())
}
