//! The worker pool: CPU-heavy work (OpenPGP, MIME, images) off the arbiters, in two lanes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use parking_lot::{Condvar, Mutex};
use tokio::sync::Semaphore;
use volary_engine::ground::work::{self, Job, Lane, Unfinished, Workers};

/// At most that many jobs of a lane wait; more callers wait for a place.
const MAX_WAITING: usize = 1_024;
/// Stack of a worker in bytes: deep MIME trees are read without recursion, images need little.
const STACK: usize = 2 << 20;

/// A fixed number of threads. Cheap to clone; the threads end with the last clone.
#[derive(Clone)]
pub struct Pool {
    handle: Arc<Handle>,
}

struct Handle {
    shared: Arc<Shared>,
    places: [Arc<Semaphore>; 2],
}

struct Shared {
    lanes: Mutex<Lanes>,
    ready: Condvar,
}

#[derive(Default)]
struct Lanes {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

impl Pool {
    /// A pool with `threads` workers (at least one).
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { lanes: Mutex::default(), ready: Condvar::new() });
        for n in 0..threads.max(1) {
            let shared = shared.clone();
            thread::Builder::new()
                .name(format!("volary-pool-{n}"))
                .stack_size(STACK)
                .spawn(move || work(&shared))?;
        }
        let places = [0, 1].map(|_| Arc::new(Semaphore::new(MAX_WAITING)));
        Ok(Self { handle: Arc::new(Handle { shared, places }) })
    }

    /// Runs `job` on a worker.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Unfinished> {
        work::run(self, lane, job).await
    }
}

impl Workers for Pool {
    fn start(&self, lane: Lane, job: Job) -> BoxFuture<'_, Result<(), Unfinished>> {
        async move {
            // The place is taken until the job has run, whether or not its caller still waits.
            let places = self.handle.places[lane as usize].clone();
            let place = places.acquire_owned().await.map_err(|_| Unfinished)?;
            let job: Job = Box::new(move || {
                job();
                drop(place);
            });
            {
                let mut lanes = self.handle.shared.lanes.lock();
                match lane {
                    Lane::Interactive => lanes.interactive.push_back(job),
                    Lane::Bulk => lanes.bulk.push_back(job),
                }
            }
            self.handle.shared.ready.notify_one();
            Ok(())
        }
        .boxed()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.lanes.lock().closed = true;
        self.shared.ready.notify_all();
    }
}

fn work(shared: &Shared) {
    loop {
        let job = {
            let mut lanes = shared.lanes.lock();
            loop {
                if let Some(job) = lanes.interactive.pop_front().or_else(|| lanes.bulk.pop_front()) {
                    break job;
                }
                if lanes.closed {
                    return;
                }
                shared.ready.wait(&mut lanes);
            }
        };
        job();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panicking_job_leaves_the_pool_working() {
        let pool = Pool::new(1).unwrap();
        let broken: Result<(), _> = pool.run(Lane::Bulk, || panic!("broken input")).await;
        assert_eq!(broken, Err(Unfinished));
        assert_eq!(pool.run(Lane::Interactive, || 6 * 7).await, Ok(42));
    }
}
