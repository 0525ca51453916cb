//! Where a mail comes from.

use crate::state::copies::Place;

/// Where a mail comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From a relay, which waits for an answer about its copy.
    Relay(Place),
    /// From quarantine, where it has this number.
    Quarantine(u64),
}
