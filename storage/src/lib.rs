//! The durable state of Volary: typed redb tables, one group-committing writer, snapshots, blob files.
//!
//! - A [`Table`] names what is stored under which [`Key`]; [`tables`] lists them all, [`records`] holds their values.
//! - [`Store::read`] looks at a snapshot, on the caller's thread. [`Store::write`] runs a job on the one writer.
//! - When `write` returns, the change is visible. [`Barrier::durable`] waits until it is on the disk, which it is
//!   some tens of milliseconds later also if nobody waits.
//! - A job that fails or panics changes nothing.
//! - [`Blobs`] are files beside the database, for content of any size.
//!
//! ```
//! use volary_storage::{Options, Raw, Store, StoreError, Table, View};
//!
//! // The first component of a key is the profile.
//! const NOTES: Table<(u32, String), Raw> = Table::new("notes.v1");
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let store = Store::open(folder.path(), Options::default())?;
//! let written = store
//!     .write(|tx| {
//!         tx.put(&NOTES, &(1, "milk"), &Raw(b"two litres".to_vec()))?;
//!         tx.count_prefix(&NOTES, &1)
//!     })
//!     .await?;
//! assert_eq!(written.value, 1);
//! written.barrier.durable().await?;
//!
//! let note = store.read(|tx| tx.get(&NOTES, &(1, "milk")))?;
//! assert_eq!(note, Some(Raw(b"two litres".to_vec())));
//! store.close()?;
//! # Ok(())
//! # }
//! ```

pub mod records;
pub mod tables;

mod barrier;
mod blobs;
mod error;
mod file;
mod ids;
mod key;
mod lock;
mod measures;
mod private;
mod raw;
mod rows;
mod schema;
mod space;
mod store;
mod table;
mod view;
mod wait;
mod write_back;
mod write_tx;
mod writer;

pub use barrier::{Barrier, Written};
pub use blobs::{BlobName, Blobs, MAX_BLOB_BYTES, NotABlobName, Series};
pub use error::{OpenError, StoreError};
pub use ids::{ChatId, ContactId, LocationId, MessageId, ProfileId, TransportId};
pub use key::{AsKey, Key, PerProfile, Prefix, Scope, Whole};
pub use raw::{RawRow, RawRows};
pub use schema::SCHEMA_VERSION;
pub use space::free_space;
pub use store::{FILE_NAME, Options, Store};
pub use table::{Empty, MAX_KEY_BYTES, MAX_VALUE_BYTES, Raw, Table, Value};
pub use view::{ReadTx, Rows, View};
pub use write_tx::WriteTx;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
