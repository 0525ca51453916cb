//! The files of Volary's own backups: encrypted, checked, incremental.
//!
//! A [`Target`] is a folder that holds any number of backups of the same host. What several of them have in common is in
//! it once. This crate knows files, keys and checksums; what the rows of a profile mean is the business of others, who
//! give it a profile as a stream of [`Entry`]s and get that stream back.
//!
//! | file | holds |
//! |---|---|
//! | `keys` | passphrase, key file, sealing |
//! | `records` | what is written, as prost messages |
//! | `files` | writing files so that they are there in full or not at all |
//! | `pack` | packs: files of sealed chunks with an index |
//! | `index` | where each chunk is |
//! | `target` | the folder: making, opening, locking, listing |
//! | `write` | a backup that is being written |
//! | `chunker` | where the stream of a profile is cut, so that a change touches few chunks |
//! | `read` | streams and files of a profile, checked while they are read |
//! | `check` | everything that is wrong with a backup, by profile |
//! | `prune` | removing backups, and what only they needed |
//!
//! `docs/backup.md` describes the files byte by byte.

mod check;
mod chunker;
mod error;
mod files;
mod index;
mod keys;
mod pack;
mod prune;
mod read;
mod records;
mod target;
mod write;

pub use check::{Damage, PackCheck};
pub use error::VaultError;
pub use keys::Passphrase;
pub use prune::Pruned;
pub use read::{FileReader, Reader, StreamReader};
pub use records::entry::Item;
pub use records::{Due, Entry, FileEntry, ProfileRecord, Row, SnapshotRecord};
pub use target::{Held, Snapshot, Target};
pub use write::{Backup, ProfileWriter, Written};

#[cfg(test)]
mod tests;
