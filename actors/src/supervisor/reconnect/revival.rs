//! When an actor or a task that failed is started again. Pure: the clock is passed in.
//!
//! A panic is a fault of ours, and most often it comes back at once. The first restart comes soon, because somebody may
//! be waiting; the pause doubles with each failure, so that a fault that stays costs next to nothing. What has run for
//! [`FORGIVEN`] without a failure begins anew.

use std::time::{Duration, Instant};

/// Pause before the first restart.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// What ran that long has no failures behind it any more.
pub const FORGIVEN: Duration = Duration::from_secs(600);

/// How often something failed lately.
#[derive(Clone, Copy, Debug)]
pub struct Revival {
    failures: u32,
    begun: Instant,
}

impl Revival {
    /// It begins at `now`, for the first time.
    pub fn new(now: Instant) -> Self {
        Self { failures: 0, begun: now }
    }

    /// It failed at `now`; how long to wait until it begins again.
    pub fn failed(&mut self, now: Instant) -> Duration {
        if now.saturating_duration_since(self.begun) >= FORGIVEN {
            self.failures = 0;
        }
        let pause = LONGEST_PAUSE.min(FIRST_PAUSE * (1 << self.failures.min(16)));
        self.failures = self.failures.saturating_add(1);
        self.begun = now + pause;
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        let start = Instant::now();
        let mut revival = Revival::new(start);
        let pauses: Vec<u128> = (0..40).map(|_| revival.failed(start).as_millis()).collect();
        assert_eq!(pauses[..4], [250, 500, 1_000, 2_000]);
        assert!(pauses.is_sorted());
        assert_eq!(pauses[39], LONGEST_PAUSE.as_millis());
    }

    #[test]
    fn what_ran_for_long_begins_anew() {
        let start = Instant::now();
        let mut revival = Revival::new(start);
        let second = start + revival.failed(start);
        assert_eq!(revival.failed(second + FORGIVEN / 2), FIRST_PAUSE * 2);
        assert_eq!(revival.failed(second + FORGIVEN * 3), FIRST_PAUSE);
    }
}
