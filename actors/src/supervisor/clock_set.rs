//! Notices that the clock was set.

use std::time::Instant;

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
