//! What becomes due by itself: deadlines, housekeeping, and what follows when the clock was set.

pub mod clock_set;
pub mod deadlines;
pub mod housekeeping;
pub mod search_index;
