//! The schema version of a database, and how an older one becomes the current one.
//!
//! The version counts changes that prost and versioned table names cannot absorb. Migrations only go forward, one
//! version at a time, all within one durable commit: either the file is current afterwards or it is as before.

use std::path::Path;

use redb::{Database, Durability};

use crate::error::{OpenError, StoreError};
use crate::file::store_error;
use crate::table::{Raw, Table};
use crate::view::{View, shielded};
use crate::write_tx::WriteTx;

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Facts about the database itself, by name.
const META: Table<String, Raw> = Table::new("meta.v1");
/// The schema version, big-endian. A file without it has version 0.
const VERSION: &str = "schema-version";

/// One step: from the version before to [`to`](Self::to).
struct Migration {
    to: u32,
    run: fn(&mut WriteTx<'_>) -> Result<(), StoreError>,
}

/// All steps, in order.
const MIGRATIONS: &[Migration] = &[
    // Before version 1 there was no version; its rows are those of version 1.
    Migration { to: 1, run: |_| Ok(()) },
];

/// Writes the version into a new file, migrates an older one, refuses a newer one.
pub(crate) fn bring_up_to_date(database: &mut Database, path: &Path, new: bool) -> Result<(), OpenError> {
    let migrations = if new { &[] } else { MIGRATIONS };
    migrate(database, path, SCHEMA_VERSION, migrations)
}

fn migrate(database: &mut Database, path: &Path, current: u32, migrations: &[Migration]) -> Result<(), OpenError> {
    let told = |error| store_error(path, error);
    let mut transaction = shielded(|| database.begin_write()).map_err(told)?;
    shielded(|| transaction.set_durability(Durability::Immediate)).map_err(told)?;
    let mut tx = WriteTx::new(&transaction).map_err(told)?;
    let found = version(&tx).map_err(told)?;
    if found > current {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: current });
    }
    if found == current {
        return Ok(());
    }
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        tracing::info!(path = %path.display(), to = migration.to, "migrating the database");
        (migration.run)(&mut tx).map_err(|source| OpenError::Migration {
            path: path.to_owned(),
            to: migration.to,
            source,
        })?;
        tx.keep();
    }
    tx.put(&META, &VERSION, &Raw(current.to_be_bytes().to_vec())).map_err(told)?;
    tx.finish();
    shielded(|| transaction.commit()).map_err(told)
}

fn version(view: &impl View) -> Result<u32, StoreError> {
    let Some(Raw(bytes)) = view.get(&META, &VERSION)? else { return Ok(0) };
    let bytes = bytes.try_into().map_err(|_| StoreError::Row { table: META.name(), part: "value" })?;
    Ok(u32::from_be_bytes(bytes))
}
