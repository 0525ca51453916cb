//! Backups of the host, each on a thread of its own: they read and write files for minutes, and a worker of the pool that
//! waits for a disk would hold up mail. The thread has the lowest priority for the processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use parking_lot::Mutex;
use tokio::sync::oneshot;
use volary_engine::ground::db::Db;
use volary_engine::vault::{self, Job, VaultFailure};
use volary_proto::v1::{Answer, Error, ErrorCode, HostBackupProgress, request};

/// Priority of the threads, of 19 at the lowest: what has less is not run at all on a busy machine.
const NICE: i32 = 15;
/// Most lists and checks that run at a time.
const MAX_READERS: usize = 8;

/// The backups, restores and checks of a host. One writes at a time.
#[derive(Default)]
pub struct Vault {
    running: Mutex<Vec<Running>>,
    last: Mutex<Option<Arc<Job>>>,
    stopping: AtomicBool,
}

struct Running {
    job: Arc<Job>,
    writes: bool,
    thread: JoinHandle<()>,
}

/// Cancels a job whose caller does not wait any more.
struct Waiting(Arc<Job>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Vault {
    /// Answers requests that are about backups of the host.
    pub async fn answer(&self, db: &Db, kind: &request::Kind) -> Option<Result<Answer, Error>> {
        use request::Kind;
        let db = db.clone();
        Some(match kind {
            Kind::CreateHostBackup(call) => {
                let call = call.clone();
                self.run(true, move |job| vault::create(&db, job, &call).map(Answer::new)).await
            }
            Kind::RestoreHostBackup(call) => {
                let call = call.clone();
                self.run(true, move |job| vault::restore(&db, job, &call).map(Answer::new)).await
            }
            Kind::PruneHostBackups(call) => {
                let call = call.clone();
                self.run(true, move |job| vault::prune(job, &call).map(Answer::new)).await
            }
            Kind::VerifyHostBackups(call) => {
                let call = call.clone();
                self.run(false, move |job| vault::verify(job, &call).map(Answer::new)).await
            }
            Kind::ListHostBackups(call) => {
                let call = call.clone();
                self.run(false, move |_| vault::list(&call).map(Answer::new)).await
            }
            Kind::GetHostBackupProgress(_) => Ok(Answer::new(self.progress())),
            _ => return None,
        })
    }

    /// Cancels everything and waits until it has ended.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let running = std::mem::take(&mut *self.running.lock());
        for running in &running {
            running.job.cancel();
        }
        let ended = tokio::task::spawn_blocking(move || {
            running.into_iter().all(|running| running.thread.join().is_ok())
        });
        if !ended.await.unwrap_or(false) {
            tracing::error!("a backup ended with a panic");
        }
    }

    fn progress(&self) -> HostBackupProgress {
        self.last.lock().as_ref().map(|job| job.progress()).unwrap_or_default()
    }

    /// Runs work on a thread. When the caller does not wait any more, it is cancelled.
    async fn run(
        &self,
        writes: bool,
        work: impl FnOnce(&Job) -> Result<Answer, VaultFailure> + Send + 'static,
    ) -> Result<Answer, Error> {
        let (sender, answer) = oneshot::channel();
        let waiting = Waiting(self.start(writes, sender, work)?);
        let answer = answer.await.unwrap_or_else(|_| Err(Error::internal("a backup ended with a panic")));
        drop(waiting);
        answer
    }

    fn start(
        &self,
        writes: bool,
        answer: oneshot::Sender<Result<Answer, Error>>,
        work: impl FnOnce(&Job) -> Result<Answer, VaultFailure> + Send + 'static,
    ) -> Result<Arc<Job>, Error> {
        let mut running = self.running.lock();
        if self.stopping.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorCode::Cancelled, "the engine is stopping"));
        }
        // The thread may still be ending when its caller, who has the answer, asks for the next thing.
        running.retain(|running| running.job.is_running() && !running.thread.is_finished());
        if writes && running.iter().any(|running| running.writes) {
            return Err(Error::new(ErrorCode::Busy, "a backup or restore of this host is running already"));
        }
        if running.len() > MAX_READERS {
            return Err(Error::new(ErrorCode::Busy, "too many backups are being read already"));
        }
        let job = Arc::new(Job::new(true));
        let ours = job.clone();
        let thread = thread::Builder::new().name("volary-backup".to_owned()).spawn(move || {
            lower_priority();
            let outcome = work(&ours).map_err(Error::from);
            ours.end();
            // The caller may have gone.
            let _ = answer.send(outcome);
        });
        let thread = thread.map_err(|error| Error::internal(format!("thread cannot be started: {error}")))?;
        *self.last.lock() = Some(job.clone());
        running.push(Running { job: job.clone(), writes, thread });
        Ok(job)
    }
}

/// Lets all other threads have the processor first. Where that is the business of the whole process, nothing happens.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE) {
        tracing::debug!(%error, "the priority of a backup cannot be lowered");
    }
}
