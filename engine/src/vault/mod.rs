//! Backups of the host in our own form: profiles go into a folder of backups while they run, and come back from there.
//!
//! | file | holds |
//! |---|---|
//! | `job` | how far the work has come, and whether it is still wanted |
//! | `failure` | what can go wrong |
//! | `save` | making a backup |
//! | `restore` | bringing profiles back |
//! | `look` | listing and verifying |
//! | `prune` | removing old backups |
//!
//! All of it blocks, for minutes if there is much to do, and belongs on a thread of its own. The files themselves are the
//! business of the crate `volary-vault`; `docs/backup.md` describes them.

mod failure;
mod job;
mod look;
mod prune;
mod restore;
mod save;

pub use failure::VaultFailure;
pub use job::Job;
pub use look::{list, verify};
pub use prune::prune;
pub use restore::{abandon, restore};
pub use save::create;

#[cfg(test)]
mod tests;
