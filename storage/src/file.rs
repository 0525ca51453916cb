//! The database file: opening, telling what is wrong with it, compacting, closing.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::time::Instant;

use redb::{Builder, Database, DatabaseError, StorageError};

use crate::error::{OpenError, StoreError, panic_text};
use crate::lock::{self, FolderLock};
use crate::private;
use crate::schema;
use crate::store::{Options, Shared};
use crate::view::shielded;

/// A file is compacted when it is at least this large,
const COMPACT_FROM_BYTES: u64 = 1 << 20;
/// at least one in this many bytes of it was removed since it was opened, and at least one in this many is unused.
const COMPACT_PART: u64 = 4;
/// Progress that redb reports once the newest commit is found to be whole.
const FIRST_PASS_DONE: f64 = 0.5;
/// Size of a page of redb.
const PAGE_BYTES: u64 = 4096;

/// An open file, and the lock of its folder.
pub(crate) struct Opened {
    pub(crate) database: Database,
    pub(crate) lock: FolderLock,
}

/// Opens or makes the file at `path` in `dir`.
pub(crate) fn open(dir: &Path, path: &Path, options: &Options) -> Result<Opened, OpenError> {
    let begun = Instant::now();
    private::make_folder(dir).map_err(|source| io_error(dir, source))?;
    private::tighten_folder(dir);
    let lock = FolderLock::take(dir)?;
    // redb takes an empty file for a new one, so an interrupted first opening is made good by the next.
    let new = fs::metadata(path).map_or(true, |file| file.len() == 0);
    make_private(path).map_err(|source| io_error(path, source))?;
    let mut database = open_file(path, options, lock.unclean)?;
    schema::bring_up_to_date(&mut database, path, new)?;
    if new {
        // The name of the file has to survive, too, before anything in it is called durable.
        fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(|source| io_error(dir, source))?;
    }
    tracing::info!(
        path = %path.display(),
        bytes = fs::metadata(path).map_or(0, |file| file.len()),
        ms = begun.elapsed().as_millis(),
        new,
        "the database is open"
    );
    Ok(Opened { database, lock })
}

/// Sees to it that only its owner can read the file, before anything is in it.
fn make_private(path: &Path) -> io::Result<()> {
    private::options().write(true).create(true).truncate(false).open(path)?;
    private::tighten_file(path);
    Ok(())
}

fn open_file(path: &Path, options: &Options, unclean: bool) -> Result<Database, OpenError> {
    let small = fs::metadata(path).is_ok_and(|file| file.len() <= options.verify_bytes);
    let mut builder = Builder::new();
    builder.set_cache_size(options.cache_bytes).set_check_integrity_on_open(small);
    let tell = tell_repair(path.to_owned(), small && !unclean);
    builder.set_repair_callback(move |repair| tell(repair.progress()));
    match catch_unwind(AssertUnwindSafe(|| builder.create(path))) {
        Ok(result) => result.map_err(|error| open_error(path, error)),
        Err(payload) => Err(corrupt(path, panic_text(payload.as_ref()))),
    }
}

/// Logs a repair. redb goes the same way when it is asked to verify a file after an orderly end, `asked`: then
/// there is nothing to warn of. Only when the newest commit is found to be damaged, it reports a third of the way.
fn tell_repair(path: PathBuf, asked: bool) -> impl Fn(f64) {
    move |progress| {
        let path = path.display();
        if progress > 0.0 && progress < FIRST_PASS_DONE {
            tracing::warn!(%path, "the newest commit is damaged: the one before it is taken");
        } else if progress == 0.0 && !asked {
            tracing::warn!(%path, "the last run did not end orderly: the database is checked and repaired");
        } else {
            tracing::debug!(%path, progress, "checking the database");
        }
    }
}

/// Compacts the file if that is worthwhile, and closes it.
pub(crate) fn close(mut database: Database, shared: &Shared) -> Result<(), StoreError> {
    let bytes = shared.file_bytes();
    let removed = shared.removed.load(Ordering::Relaxed);
    // What is unused takes a scan of the whole tree to know, so it is looked at last.
    if bytes >= COMPACT_FROM_BYTES
        && removed >= bytes / COMPACT_PART
        && unused(&database, bytes)? >= bytes / COMPACT_PART
    {
        // Without compaction the file is merely larger than it has to be: a reader that is still there may refuse it.
        if let Err(error) = shielded(|| database.compact()) {
            tracing::info!(path = %shared.path.display(), %error, "the database was not compacted");
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
        // By a program that takes no lock of the folder.
        DatabaseError::DatabaseAlreadyOpen => {
            let dir = path.parent().unwrap_or(path);
            OpenError::Locked { path: dir.to_owned(), pid: lock::holder(dir) }
        }
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

/// Distinguishes the failures of the system that a user can do something about.
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
        StoreError::DiskFull { .. } => OpenError::DiskFull { path: path.to_owned() },
        StoreError::Corrupt(detail) => corrupt(path, &detail),
        other => OpenError::Io { path: path.to_owned(), source: io::Error::other(other) },
    }
}
