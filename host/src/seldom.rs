//! Lines of the log that strangers can cause, as often as they like.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Pause between two lines about the same.
const PAUSE: Duration = Duration::from_secs(10);

/// Lets a line through now and then.
#[derive(Default)]
pub struct Seldom {
    state: Mutex<(Option<Instant>, u64)>,
}

impl Seldom {
    /// It has happened. If there is to be a line now: how often it has happened since the last one.
    pub fn now(&self) -> Option<u64> {
        let (last, times) = &mut *self.state.lock();
        *times += 1;
        if last.is_some_and(|last| last.elapsed() < PAUSE) {
            return None;
        }
        *last = Some(Instant::now());
        Some(std::mem::take(times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_tells_of_all_that_happened_since_the_last_one() {
        let seldom = Seldom::default();
        assert_eq!(seldom.now(), Some(1));
        for _ in 0..1000 {
            assert_eq!(seldom.now(), None);
        }
        tokio::time::advance(PAUSE).await;
        assert_eq!(seldom.now(), Some(1001));
        assert_eq!(seldom.now(), None);
    }
}
