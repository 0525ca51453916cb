//! Keeps some of the disk free: a commit that runs out of space costs the store, a refused job only itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How long an answer of the system about free space is trusted.
const TRUSTED_FOR: Duration = Duration::from_millis(20);

/// The free space that has to stay.
pub(crate) struct Space {
    dir: PathBuf,
    kept: u64,
    last: Mutex<Option<(Instant, bool)>>,
}

impl Space {
    pub(crate) fn new(dir: PathBuf, kept: u64) -> Self {
        Self { dir, kept, last: Mutex::new(None) }
    }

    /// Whether less is free than has to stay.
    pub(crate) fn is_short(&self) -> bool {
        let mut last = self.last.lock();
        match *last {
            Some((when, short)) if when.elapsed() < TRUSTED_FOR => short,
            _ => {
                let short = self.ask();
                *last = Some((Instant::now(), short));
                short
            }
        }
    }

    /// Where the system does not say, there is space until a write says otherwise.
    fn ask(&self) -> bool {
        rustix::fs::statvfs(&self.dir)
            .is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < self.kept)
    }
}
