//! The receiving side: the loop that keeps a folder watched, and how far it has come (pure).

mod check;
mod progress;
mod run;

pub(super) use run::run;
