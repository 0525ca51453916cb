//! Keeps some of the disk free: a commit that runs out of space costs the store, a refused job only itself.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::{StoreError, measures};

/// How long an answer of the system about free space is trusted.
const TRUSTED_FOR: Duration = Duration::from_millis(20);

/// Bytes that are free on the disk of a folder, as far as the system says.
pub fn free_space(dir: &Path) -> Option<u64> {
    rustix::fs::statvfs(dir).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// The free space that has to stay.
pub(crate) struct Space {
    dir: Arc<Path>,
    kept: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: Option<Instant>,
    free: u64,
    short: bool,
    /// The system does not say what is free, and that was logged.
    unknown: bool,
}

impl Space {
    pub(crate) fn new(dir: &Path, kept: u64) -> Self {
        Self { dir: dir.into(), kept, state: Mutex::default() }
    }

    /// The refusal of a change, if less is free than has to stay.
    pub(crate) fn refusal(&self) -> Option<StoreError> {
        let mut state = self.state.lock();
        if state.asked.is_none_or(|asked| asked.elapsed() >= TRUSTED_FOR) {
            state.asked = Some(Instant::now());
            self.ask(&mut state);
        }
        state.short.then(|| StoreError::DiskFull { dir: self.dir.clone(), free: state.free })
    }

    /// Where the system does not say, there is space until a write says otherwise.
    fn ask(&self, state: &mut State) {
        let path = self.dir.display();
        let free = match rustix::fs::statvfs(&*self.dir) {
            Ok(disk) => disk.f_bavail.saturating_mul(disk.f_frsize),
            Err(error) => {
                if !std::mem::replace(&mut state.unknown, true) {
                    tracing::warn!(%path, %error, "free space of the disk cannot be asked for");
                }
                u64::MAX
            }
        };
        let short = free < self.kept;
        match (state.short, short) {
            (false, true) => {
                tracing::warn!(%path, free, kept = self.kept, "the disk is nearly full: changes are refused");
            }
            (true, false) => tracing::info!(%path, free, "the disk has space again"),
            _ => {}
        }
        (state.short, state.free) = (short, free);
        measures::space(free, short);
    }
}
