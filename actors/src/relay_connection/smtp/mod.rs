//! The sending side: the loop that sends what is queued.

mod run;

pub use run::DEFAULT_MAX_RECIPIENTS;
pub(super) use run::run;
