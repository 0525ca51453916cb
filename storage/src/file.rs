//! The database file: opening, telling what is wrong with it, compacting, closing.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;

use redb::{Builder, Database, DatabaseError, StorageError};

use crate::error::{OpenError, StoreError, panic_text};
use crate::schema;
use crate::store::{Options, Shared};
use crate::view::shielded;

/// A file is compacted when it is at least this large,
const COMPACT_FROM_BYTES: u64 = 1 << 20;
/// at least one in this many bytes of it was removed since it was opened, and at least one in this many is unused.
const COMPACT_PART: u64 = 4;
/// Size of a page of redb.
const PAGE_BYTES: u64 = 4096;

/// Opens or makes the file at `path` in `dir`.
pub(crate) fn open(dir: &Path, path: &Path, options: &Options) -> Result<Database, OpenError> {
    fs::create_dir_all(dir).map_err(|source| io_error(dir, source))?;
    // redb takes an empty file for a new one, so an interrupted first opening is made good by the next.
    let new = fs::metadata(path).map_or(true, |file| file.len() == 0);
    let mut database = open_file(path, options)?;
    schema::bring_up_to_date(&mut database, path, new)?;
    if new {
        // The name of the file has to survive, too, before anything in it is called durable.
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error(dir, source))?;
    }
    Ok(database)
}

fn open_file(path: &Path, options: &Options) -> Result<Database, OpenError> {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= options.verify_bytes);
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(small);
    let shown = path.to_owned();
    builder.set_repair_callback(move |repair| {
        tracing::warn!(path = %shown.display(), progress = repair.progress(), "repairing the database");
    });
    match catch_unwind(AssertUnwindSafe(|| builder.create(path))) {
        Ok(result) => result.map_err(|error| open_error(path, error)),
        Err(payload) => Err(corrupt(path, panic_text(payload.as_ref()))),
    }
}

/// Compacts the file if that is worthwhile, and closes it.
pub(crate) fn close(mut database: Database, shared: &Shared) -> Result<(), StoreError> {
    let bytes = shared.file_bytes();
    let removed = shared.removed.load(Ordering::Relaxed);
    // What is unused takes a walk over the whole tree to know, so it is looked at last.
    if bytes >= COMPACT_FROM_BYTES
        && removed >= bytes / COMPACT_PART
        && unused(&database, bytes)? >= bytes / COMPACT_PART
    {
        // Without compaction the file is merely larger than it has to be: a reader that is still there may refuse it.
        if let Err(error) = shielded(|| database.compact()) {
            tracing::info!(%error, "the database was not compacted");
        }
    }
    shielded(|| database.close())
}

/// How many of the file's bytes hold nothing.
fn unused(database: &Database, bytes: u64) -> Result<u64, StoreError> {
    let transaction = shielded(|| database.begin_write())?;
    let used = shielded(|| transaction.stats())?.allocated_pages() * PAGE_BYTES;
    shielded(|| transaction.abort())?;
    Ok(bytes.saturating_sub(used))
}

fn corrupt(path: &Path, detail: &str) -> OpenError {
    OpenError::Corrupt { path: path.to_owned(), detail: detail.to_owned() }
}

fn open_error(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::Locked { path: path.to_owned() },
        DatabaseError::UpgradeRequired(version) => {
            corrupt(path, &format!("file format {version} is too old"))
        }
        DatabaseError::RepairAborted => corrupt(path, "it could not be repaired"),
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == io::ErrorKind::InvalidData => {
            OpenError::NotADatabase { path: path.to_owned() }
        }
        // A file that ends early.
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == io::ErrorKind::UnexpectedEof => {
            corrupt(path, "it is truncated")
        }
        DatabaseError::Storage(StorageError::Io(source)) => io_error(path, source),
        DatabaseError::Storage(StorageError::Corrupted(detail)) => corrupt(path, &detail),
        other => OpenError::Io { path: path.to_owned(), source: io::Error::other(other) },
    }
}

/// Tells the failures of the system apart that a user can do something about.
pub(crate) fn io_error(path: &Path, source: io::Error) -> OpenError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            OpenError::ReadOnly { path, source }
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull { path },
        _ => OpenError::Io { path, source },
    }
}

/// What a failure means at opening.
pub(crate) fn store_error(path: &Path, error: StoreError) -> OpenError {
    match error {
        StoreError::DiskFull => OpenError::DiskFull { path: path.to_owned() },
        StoreError::Corrupt(detail) => corrupt(path, &detail),
        other => OpenError::Io { path: path.to_owned(), source: io::Error::other(other) },
    }
}
