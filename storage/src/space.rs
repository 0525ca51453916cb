//! Keeps some of the disk free: a commit that runs out of space costs the store, a refused job only itself.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::StoreError;

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

    /// Fails when less is free than has to stay.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        let mut last = self.last.lock();
        let enough = match *last {
            Some((when, enough)) if when.elapsed() < TRUSTED_FOR => enough,
            _ => {
                let enough = self.enough();
                *last = Some((Instant::now(), enough));
                enough
            }
        };
        if enough { Ok(()) } else { Err(StoreError::DiskFull) }
    }

    /// Where the system does not say, there is space until a write says otherwise.
    fn enough(&self) -> bool {
        rustix::fs::statvfs(&self.dir).map_or(true, |stat| stat.f_bavail.saturating_mul(stat.f_frsize) >= self.kept)
    }
}
