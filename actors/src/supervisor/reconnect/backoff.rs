//! When a connection may be tried again. Pure: the clock is passed in.
//!
//! Three rules hold together. After failures the delay grows with jitter. A server that accepts connections only to
//! drop them is not hammered: after a burst of [`BURST`] connections there is at most one per [`REFILL`]. And whatever
//! the two rules say, the attempt comes a random part of a *spread* later, so that many connections which lost the same
//! relay in the same instant do not come back in step ([`super::crowd`] says how large it is).

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
    /// The next attempt; the first one is due at once.
    due: Duration,
    last_attempt: Duration,
    delay: Duration,
    /// Connections that count against the burst, as the time at which the bucket is empty again.
    drained_at: Duration,
    /// When the word of others was last believed that the relay is back.
    hinted_at: Option<Duration>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

impl Backoff {
    /// No attempt yet: the first one is due at once.
    pub fn new() -> Self {
        let zero = Duration::ZERO;
        Self { due: zero, last_attempt: zero, delay: zero, drained_at: zero, hinted_at: None }
    }

    /// How long to wait at `now` until the next attempt.
    pub fn wait(&self, now: Duration) -> Duration {
        self.due.saturating_sub(now)
    }

    /// An attempt begins.
    pub fn begin(&mut self, now: Duration) {
        self.last_attempt = now;
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

    /// The attempt is over, or the connection that it made. The next one is due when both limits allow, and up to
    /// `spread` later.
    pub fn ended(&mut self, now: Duration, spread: Duration, rng: &mut impl Rng) {
        let by_failures = self.last_attempt + self.delay;
        self.due = by_failures.max(self.allowed_at(now)).max(now) + rng.gen_range(Duration::ZERO..=spread);
    }

    /// Somebody else has reached the relay, so that the delay after failures says nothing any more. This is believed
    /// once in [`REFILL`], because a relay that comes and goes would get an attempt from everybody each time.
    pub fn relay_is_back(&mut self, now: Duration, spread: Duration, rng: &mut impl Rng) {
        if self.hinted_at.is_some_and(|at| now < at + REFILL) {
            return;
        }
        self.hinted_at = Some(now);
        let soon = self.allowed_at(now).max(now) + rng.gen_range(Duration::ZERO..=spread);
        self.due = self.due.min(soon);
    }

    /// The network changed: earlier failures say nothing any more.
    pub fn reset(&mut self) {
        *self = Self::new();
    }

    /// When the burst allows one more connection: it adds [`REFILL`], and the bucket holds [`BURST`] of them.
    fn allowed_at(&self, now: Duration) -> Duration {
        (self.drained_at.max(now) + REFILL).saturating_sub(REFILL * BURST)
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
            backoff.ended(secs(0), secs(0), &mut rng);
            seen.push(backoff.wait(secs(0)));
        }
        assert_eq!(seen[0], secs(2));
        assert!(seen[1] >= secs(3) && seen[1] <= secs(4));
        assert!(seen[11] >= secs(60) && seen[11] <= secs(80));
    }

    // As chatmail core was observed: a server that hangs up after the login is tried twice at once, then once a minute.
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
            backoff.ended(now, secs(0), &mut StdRng::seed_from_u64(1));
        }
        assert_eq!(times, [0, 0, 60, 120, 180]);
    }

    #[test]
    fn a_changed_network_ends_the_wait() {
        let mut backoff = Backoff::new();
        let mut rng = StdRng::seed_from_u64(1);
        backoff.begin(secs(100));
        backoff.failed(&mut rng);
        backoff.ended(secs(100), secs(5), &mut rng);
        backoff.reset();
        assert_eq!(backoff.wait(secs(100)), Duration::ZERO);
    }

    #[test]
    fn those_who_lost_the_relay_together_come_back_spread() {
        let mut rng = StdRng::seed_from_u64(3);
        let mut seconds = [0; 5];
        for _ in 0..500 {
            let mut backoff = Backoff::new();
            backoff.begin(secs(10));
            backoff.connected(secs(10));
            backoff.ended(secs(1000), secs(5), &mut rng);
            let wait = backoff.wait(secs(1000));
            seconds[usize::try_from(wait.as_secs()).unwrap().min(4)] += 1;
        }
        assert!(seconds.iter().all(|count| (60..140).contains(count)), "{seconds:?}");
    }

    #[test]
    fn the_word_that_a_relay_is_back_ends_a_long_wait_but_not_again_and_again() {
        let mut rng = StdRng::seed_from_u64(4);
        let mut backoff = Backoff::new();
        let mut fail = |backoff: &mut Backoff, now| {
            for _ in 0..9 {
                backoff.begin(now);
                backoff.failed(&mut rng);
            }
            backoff.ended(now, secs(0), &mut rng);
            backoff.wait(now)
        };
        assert!(fail(&mut backoff, secs(0)) >= secs(60));
        let mut rng = StdRng::seed_from_u64(5);
        backoff.relay_is_back(secs(10), secs(5), &mut rng);
        assert!(backoff.wait(secs(10)) <= secs(5));
        let mut rng = StdRng::seed_from_u64(6);
        backoff.begin(secs(15));
        backoff.failed(&mut rng);
        backoff.ended(secs(15), secs(0), &mut rng);
        let wait = backoff.wait(secs(15));
        backoff.relay_is_back(secs(20), secs(5), &mut rng);
        assert_eq!(backoff.wait(secs(15)), wait, "it was wrong a moment ago");
        backoff.relay_is_back(secs(71), secs(5), &mut rng);
        assert!(backoff.wait(secs(71)) <= secs(5));
    }

    #[test]
    fn the_word_that_a_relay_is_back_does_not_lift_the_limit_of_connections() {
        let mut rng = StdRng::seed_from_u64(8);
        let mut backoff = Backoff::new();
        for _ in 0..BURST {
            backoff.begin(secs(0));
            backoff.connected(secs(0));
            backoff.ended(secs(0), secs(0), &mut rng);
        }
        backoff.relay_is_back(secs(1), secs(5), &mut rng);
        assert_eq!(backoff.wait(secs(0)), secs(60));
    }

    proptest! {
        #[test]
        fn the_wait_never_exceeds_its_bounds(
            steps in prop::collection::vec((any::<bool>(), any::<bool>(), 0u64..200, 0u64..30), 0..60), seed: u64,
        ) {
            let mut rng = StdRng::seed_from_u64(seed);
            let mut backoff = Backoff::new();
            let mut now = Duration::ZERO;
            for (fails, hinted, later, spread) in steps {
                now += backoff.wait(now).max(secs(later));
                backoff.begin(now);
                if fails { backoff.failed(&mut rng) } else { backoff.connected(now) }
                backoff.ended(now, secs(spread), &mut rng);
                if hinted {
                    let before = backoff.wait(now);
                    backoff.relay_is_back(now, secs(spread), &mut rng);
                    prop_assert!(backoff.wait(now) <= before);
                }
                prop_assert!(backoff.wait(now) <= secs(80 + spread));
            }
        }
    }
}
