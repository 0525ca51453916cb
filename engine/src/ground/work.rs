//! Heavy work: files, images, OpenPGP, MIME. It runs on threads that the process lends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::channel::oneshot;
use futures::future::BoxFuture;

/// Which work goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Somebody is waiting for it: sending, single mails.
    Interactive,
    /// Catching up, images, archives.
    Bulk,
}

/// The job did not finish: it panicked, or the threads have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was not finished")]
pub struct Unfinished;

/// A piece of work.
pub type Job = Box<dyn FnOnce() + Send>;

/// Threads for heavy work.
pub trait Workers: Send + Sync + 'static {
    /// Runs a job soon; waits for a place when too many wait.
    fn start(&self, lane: Lane, job: Job) -> BoxFuture<'_, Result<(), Unfinished>>;
}

/// Runs `job` on a worker and returns what it returned. A panic ends the job, not the worker.
pub async fn run<T: Send + 'static>(
    workers: &dyn Workers,
    lane: Lane,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unfinished> {
    let (sender, receiver) = oneshot::channel();
    let job: Job = Box::new(move || {
        // The caller sees a dropped sender.
        if let Ok(value) = catch_unwind(AssertUnwindSafe(job)) {
            let _ = sender.send(value);
        }
    });
    workers.start(lane, job).await?;
    receiver.await.map_err(|_| Unfinished)
}
