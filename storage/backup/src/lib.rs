//! Backup files as chatmail core writes and reads them.
//!
//! A backup is a tar stream ([`archive`]) with an SQLite database first and the attachments behind it. With a passphrase the
//! database is encrypted page by page ([`cipher`]); attachments never are. [`database`] writes and reads the database,
//! [`wal`] reads a database that a program left on the disk,
//! [`tables`] has its rows as plain structs, and [`params`] the strings in which rows keep what has no column.
//!
//! The crate knows the form and nothing of what we store: what becomes of the rows is for `volary_engine::backup`.

pub mod archive;
pub mod cipher;
mod column;
pub mod database;
mod error;
pub mod params;
pub mod reserved;
pub mod tables;
pub mod wal;

pub use column::MaybeText;
pub use error::BackupError;
