//! Notices that the clock was set.

use tokio::time::Instant;

/// The clock may differ from the time that went by, in seconds.
const TOLERANCE: i64 = 60;

/// Compares the clock with the time that goes by.
pub struct Watch {
    clock: i64,
    steady: Instant,
}

impl Watch {
    /// Begins at `clock`.
    pub fn new(clock: i64) -> Self {
        Self { clock, steady: Instant::now() }
    }

    /// Whether the clock was set since the last call, or the machine slept.
    pub fn was_set(&mut self, clock: i64) -> bool {
        let passed = i64::try_from(self.steady.elapsed().as_secs()).unwrap_or(i64::MAX);
        let expected = self.clock.saturating_add(passed);
        *self = Self::new(clock);
        clock.saturating_sub(expected).saturating_abs() > TOLERANCE
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: i64 = 24 * 3600;

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_goes_with_the_time_was_not_set() {
        let mut watch = Watch::new(1_000);
        tokio::time::advance(Duration::from_secs(500)).await;
        assert!(!watch.was_set(1_500));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert!(!watch.was_set(1_560), "a little fast");
        assert!(watch.was_set(1_560 + DAY));
        assert!(!watch.was_set(1_560 + DAY));
        assert!(watch.was_set(1_560));
    }
}
