//! The durable state of Volary: typed redb tables, one group-committing writer, snapshots, blob files.

pub mod records;
pub mod tables;

mod barrier;
mod error;
mod file;
mod key;
mod rows;
mod schema;
mod space;
mod store;
mod table;
mod view;
mod wait;
mod write_tx;
mod writer;

pub use barrier::{Barrier, Written};
pub use error::{OpenError, StoreError};
pub use key::{AsKey, Key, Prefix};
pub use schema::SCHEMA_VERSION;
pub use store::{FILE_NAME, Options, Store};
pub use table::{Empty, MAX_KEY_BYTES, MAX_VALUE_BYTES, Raw, Table, Value};
pub use view::{ReadTx, Rows, View};
pub use write_tx::WriteTx;
