//! How far the work has come, and whether it is still wanted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use volary_proto::HostBackupProgress;

use super::failure::{Done, VaultFailure};

/// After that much work in a row there is a pause of half as long: whoever waits for the processor, the disk or a page
/// of the cache comes first.
const WORK: Duration = Duration::from_millis(20);
/// Longest pause.
const PAUSE: Duration = Duration::from_millis(200);

/// A backup, restore or check that runs.
#[derive(Debug)]
pub struct Job {
    cancelled: AtomicBool,
    progress: Mutex<HostBackupProgress>,
    resumed: Mutex<Instant>,
    pauses: bool,
}

impl Job {
    /// Work that leaves the machine to others now and then, if `pauses`.
    pub fn new(pauses: bool) -> Self {
        let progress = HostBackupProgress { running: true, ..Default::default() };
        Self {
            cancelled: AtomicBool::new(false),
            progress: Mutex::new(progress),
            resumed: Mutex::new(Instant::now()),
            pauses,
        }
    }

    /// It is not wanted any more.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// How far it has come.
    pub fn progress(&self) -> HostBackupProgress {
        self.progress.lock().clone()
    }

    /// Whether it is not over.
    pub fn is_running(&self) -> bool {
        self.progress.lock().running
    }

    /// It is over.
    pub fn end(&self) {
        self.progress.lock().running = false;
    }

    /// Begins a step with so many profiles.
    pub(super) fn step(&self, step: &str, total: usize) {
        let mut progress = self.progress.lock();
        (progress.step, progress.done, progress.total) = (step.to_owned(), 0, total as u32);
    }

    /// A profile is done.
    pub(super) fn done(&self) {
        self.progress.lock().done += 1;
    }

    /// So many bytes were read. Pauses if it is time to. Whether to go on.
    pub(super) fn read(&self, bytes: u64) -> bool {
        self.progress.lock().bytes += bytes;
        let mut resumed = self.resumed.lock();
        let worked = resumed.elapsed();
        if worked >= WORK {
            if self.pauses {
                thread::sleep((worked / 2).min(PAUSE));
            }
            *resumed = Instant::now();
        }
        !self.cancelled.load(Ordering::Relaxed)
    }

    /// As [`read`](Self::read), as a result.
    pub(super) fn go_on(&self, bytes: u64) -> Done<()> {
        if self.read(bytes) { Ok(()) } else { Err(VaultFailure::Cancelled) }
    }

    /// A failure, or that it was cancelled, if that is the reason.
    pub(super) fn why(&self, failure: VaultFailure) -> VaultFailure {
        if self.cancelled.load(Ordering::Relaxed) { VaultFailure::Cancelled } else { failure }
    }
}
