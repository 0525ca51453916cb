//! When a mail that no relay took is tried again. Pure: chance comes from outside.

use rand::Rng;

/// First wait, in seconds; it doubles with each try.
const FIRST: i64 = 30;
/// Longest wait before chance adds to it, in seconds.
const LONGEST: i64 = 30 * 60;

/// Seconds before the next try: it grows up to half an hour, and up to a half of it is added by chance, so that what
/// failed together does not come back together.
pub fn delay(tries: u32, rng: &mut impl Rng) -> i64 {
    let base = FIRST.saturating_mul(1 << tries.min(6)).min(LONGEST);
    base + rng.gen_range(0..=base / 2)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;
    use volary_engine::state::outbox;

    use super::*;

    #[test]
    fn waiting_times_grow_and_are_bounded() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..200 {
            assert!((FIRST..=FIRST * 3 / 2).contains(&delay(0, &mut rng)));
            assert!(delay(1, &mut rng) >= 2 * FIRST);
            // What waits longer than this counts as due, because the clock was set.
            assert!((LONGEST..=outbox::LONGEST_WAIT).contains(&delay(40, &mut rng)));
        }
    }
}
