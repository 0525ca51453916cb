//! How fast one sender may send.

use std::collections::HashMap;
use std::time::Instant;

use crate::config::SendRate;

/// Senders remembered before full buckets are forgotten.
const CLEAN_AT: usize = 10_000;

/// One token bucket per sender.
pub(crate) struct RateLimiter {
    rate: SendRate,
    buckets: HashMap<String, Bucket>,
    clean_at: usize,
}

struct Bucket {
    tokens: f64,
    updated: Instant,
}

impl RateLimiter {
    pub(crate) fn new(rate: SendRate) -> Self {
        Self { rate, buckets: HashMap::new(), clean_at: CLEAN_AT }
    }

    /// Takes a token for one mail, if there is one.
    pub(crate) fn admit(&mut self, sender: &str, now: Instant) -> bool {
        self.forget_full_buckets(now);
        let full = f64::from(self.rate.burst);
        let rate = self.rate;
        let bucket =
            self.buckets.entry(sender.to_owned()).or_insert_with(|| Bucket { tokens: full, updated: now });
        bucket.tokens = bucket.filled(rate, now);
        bucket.updated = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }

    fn forget_full_buckets(&mut self, now: Instant) {
        if self.buckets.len() < self.clean_at {
            return;
        }
        let rate = self.rate;
        self.buckets.retain(|_, bucket| bucket.filled(rate, now) < f64::from(rate.burst));
        // Twice what remains, so that the cost of cleaning stays constant per mail.
        self.clean_at = (self.buckets.len() * 2).max(CLEAN_AT);
    }
}

impl Bucket {
    fn filled(&self, rate: SendRate, now: Instant) -> f64 {
        let minutes = now.saturating_duration_since(self.updated).as_secs_f64() / 60.0;
        (self.tokens + minutes * f64::from(rate.per_minute)).min(f64::from(rate.burst))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_burst_passes_then_one_mail_a_second() {
        let start = Instant::now();
        let mut limiter = RateLimiter::new(SendRate { burst: 3, per_minute: 60 });
        let sent = (0..5).filter(|_| limiter.admit("a@x", start)).count();
        assert_eq!(sent, 3);
        assert!(limiter.admit("b@x", start), "each sender has an own bucket");
        assert!(!limiter.admit("a@x", start + Duration::from_millis(500)));
        assert!(limiter.admit("a@x", start + Duration::from_millis(1600)));
        assert!(!limiter.admit("a@x", start + Duration::from_millis(1600)));
    }
}
