//! When a connection may be tried again. Pure: the clock is passed in.
//!
//! Two rules hold together. After failures the delay grows with jitter, so that many clients of a relay that went
//! away do not come back in step. And a server that accepts connections only to drop them is not hammered: after a
//! burst of [`BURST`] connections there is at most one per [`REFILL`].

use std::time::Duration;

use rand::Rng;

/// Shortest delay after a failure.
pub const MIN_DELAY: Duration = Duration::from_secs(2);
/// The delay stops to grow beyond twice this value.
pub const DELAY_KNEE: Duration = Duration::from_secs(40);
/// Connections in a row that are not limited.
pub const BURST: u32 = 2;
/// Time after which one more connection is allowed.
pub const REFILL: Duration = Duration::from_secs(60);

/// Decides when the next attempt is due. Times are durations since any fixed moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    last_attempt: Option<Duration>,
    delay: Duration,
    /// Connections that count against the burst, as the time at which the bucket is empty again.
    drained_at: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// No attempt yet: the first one is due at once.
    pub fn new() -> Self {
        Self { last_attempt: None, delay: Duration::ZERO, drained_at: Duration::ZERO }
    }

    /// How long to wait at `now` until the next attempt.
    pub fn wait(&self, now: Duration) -> Duration {
        let Some(last) = self.last_attempt else { return Duration::ZERO };
        let by_failures = (last + self.delay).saturating_sub(now);
        let room = self.drained_at.saturating_sub(now);
        // One more connection adds REFILL; the bucket holds BURST of them.
        let by_rate = (room + REFILL).saturating_sub(REFILL * BURST);
        by_failures.max(by_rate)
    }

    /// An attempt begins.
    pub fn begin(&mut self, now: Duration) {
        self.last_attempt = Some(now);
    }

    /// The connection could not be made.
    pub fn failed(&mut self, rng: &mut impl Rng) {
        self.delay = if self.delay < MIN_DELAY {
            MIN_DELAY
        } else {
            let base = self.delay.min(DELAY_KNEE);
            base + rng.gen_range(base / 2..=base)
        };
    }

    /// The connection stands, whatever happens to the login.
    pub fn connected(&mut self, now: Duration) {
        self.delay = Duration::ZERO;
        self.drained_at = self.drained_at.max(now) + REFILL;
    }

    /// The network changed: earlier failures say nothing any more.
    pub fn reset(&mut self) {
        *self = Self::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{SeedableRng, rngs::StdRng};

    fn secs(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn the_first_attempt_is_due_at_once() {
        assert_eq!(Backoff::new().wait(secs(0)), Duration::ZERO);
    }

    #[test]
    fn delays_grow_with_jitter_up_to_eighty_seconds() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut backoff = Backoff::new();
        let mut seen = Vec::new();
        for _ in 0..12 {
            backoff.begin(secs(0));
            backoff.failed(&mut rng);
            seen.push(backoff.wait(secs(0)));
        }
        assert_eq!(seen[0], secs(2));
        assert!(seen[1] >= secs(3) && seen[1] <= secs(4));
        assert!(seen[11] >= secs(60) && seen[11] <= secs(80));
    }

    // Spec 05 §5.10: a server that hangs up after the login is tried twice at once, then once a minute.
    #[test]
    fn a_server_that_hangs_up_is_tried_once_a_minute_after_the_burst() {
        let mut backoff = Backoff::new();
        let mut now = Duration::ZERO;
        let mut times = Vec::new();
        for _ in 0..5 {
            now += backoff.wait(now);
            times.push(now.as_secs());
            backoff.begin(now);
            backoff.connected(now);
        }
        assert_eq!(times, [0, 0, 60, 120, 180]);
    }

    #[test]
    fn a_changed_network_ends_the_wait() {
        let mut backoff = Backoff::new();
        backoff.begin(secs(100));
        backoff.failed(&mut StdRng::seed_from_u64(1));
        backoff.reset();
        assert_eq!(backoff.wait(secs(100)), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn the_wait_never_exceeds_its_bounds(steps in prop::collection::vec((any::<bool>(), 0u64..200), 0..60), seed: u64) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new();
            let mut now = Duration::ZERO;
            for (fails, later) in steps {
                now += backoff.wait(now).max(secs(later));
                backoff.begin(now);
                if fails { backoff.failed(&mut rng) } else { backoff.connected(now) }
                prop_assert!(backoff.wait(now) <= secs(80));
            }
        }
    }
}
