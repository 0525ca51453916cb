//! Panics that tests provoke, at places that no message reaches. Nothing is left of this outside of tests.

/// A place where a test can provoke a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Spot {
    /// A pass of the send loop.
    Sending,
    /// Submitting of one row of the send queue.
    Submitting(u64),
    /// A round of the deadline queue.
    Deadlines,
    /// Housekeeping of one profile.
    Housekeeping,
}

/// The panics that are still to come. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Faults(#[cfg(test)] std::sync::Arc<parking_lot::Mutex<provoked::Provoked>>);

impl Faults {
    /// Comes by at a place.
    #[cfg(not(test))]
    pub fn pass(&self, _: Spot) {}
}

#[cfg(test)]
mod provoked {
    use std::collections::HashMap;

    use super::{Faults, Spot};

    /// How often a place was passed, and how many panics are to come there.
    #[derive(Debug, Default)]
    pub struct Provoked(HashMap<Spot, (u32, u32)>);

    impl Faults {
        /// Comes by at a place.
        pub fn pass(&self, spot: Spot) {
            let panics = {
                let mut all = self.0.lock();
                let (passed, to_come) = all.0.entry(spot).or_default();
                *passed += 1;
                let panics = *to_come > 0;
                *to_come = to_come.saturating_sub(1);
                panics
            };
            assert!(!panics, "provoked at {spot:?}");
        }

        /// The next passages of a place panic.
        pub fn provoke(&self, spot: Spot, times: u32) {
            self.0.lock().0.entry(spot).or_default().1 = times;
        }

        /// How often a place was passed so far.
        pub fn passed(&self, spot: Spot) -> u32 {
            self.0.lock().0.get(&spot).map_or(0, |(passed, _)| *passed)
        }
    }
}
