//! Backups in the form of chatmail core: a profile as a tar stream, and a profile made of one.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`prepare`], [`export_file`], [`import`], [`import_file`]: what callers use |
//! | `package` | a profile that is ready to be streamed |
//! | `rows_out`, `rows_in` | our rows to the tables of a backup, and back |
//! | `older` | what older databases keep in other places |
//! | `people`, `messages`, `settings` | the rules: one row to one row, pure |
//! | `adopt` | a profile of chatmail core that lies on this disk, instead of a stream |
//! | `tally` | how much there was, and how much there is |
//! | `unpack` | a stream as attachments and a plain database |
//! | `meter` | progress and cancelling |
//!
//! All of it blocks on the disk, and on the stream it writes to or reads from, for as long as that takes: it runs on a
//! thread of its own, never on the workers.
//!
//! **Importing.** The registry notes that a profile is being filled before its first row is written. Rows come in short
//! transactions, the relays in the last, which also takes the note back: until then the profile is not configured. What
//! fails is emptied at once, what was killed at the next start ([`process::finish_imports`]).

mod adopt;
mod messages;
mod meter;
mod older;
mod package;
mod people;
mod rows_in;
mod rows_out;
mod settings;
mod tally;
mod unpack;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_adopt;

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use chrono::DateTime;
use futures::executor::block_on;
use volary_backup::BackupError;
use volary_backup::database::{OLDEST_SCHEMA, Reader, VERSION};
use volary_proto::v1::{Tally, event};
use volary_storage::Blobs;

pub use self::adopt::{Came, Foreign, adopt, foreign};
pub use self::meter::{Cancel, Meter};
pub use self::package::Package;
use crate::commands::process;
use crate::ground::db::{Db, blob_dir};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::state::{config, keys, profiles, transports};

/// Bytes that are read or written at a time.
const BUFFER: usize = 256 << 10;
/// Backups of one day in one folder.
const MAX_OF_A_DAY: u32 = 64;

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        match error {
            BackupError::Cancelled => Self::Cancelled,
            BackupError::Io(source) => Self::File { context: "backup".to_owned(), source },
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Makes a profile ready to be streamed: its rows as one database at `database`, encrypted with a passphrase unless that is
/// empty, and the list of its attachments. What is not encrypted yet stays in the folder of the profile. Own devices get
/// copies of everything from now on.
pub fn prepare(
    db: &Db,
    profile: ProfileId,
    passphrase: &str,
    database: &Path,
    cancel: &Cancel,
) -> Outcome<Package> {
    block_on(db.transact_durably::<_, Failure, _>(profile, |tx| {
        keys::ensure_own(tx)?;
        Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)
    }))?;
    package::make(db, profile, passphrase, database, cancel)
}

/// Writes a profile to a new file in a folder and returns its path. Emits progress, and the path at the end.
pub fn export_file(
    db: &Db,
    profile: ProfileId,
    folder: &Path,
    passphrase: &str,
    cancel: &Cancel,
) -> Outcome<PathBuf> {
    let written = || {
        Meter::begins(db, profile);
        let fingerprint = block_on(db.transact_durably(profile, keys::ensure_own))?.fingerprint().to_string();
        fs::create_dir_all(folder).map_err(Failure::file(folder.display().to_string()))?;
        let names = Names::free(folder, db.now(), &fingerprint)?;
        let kept = Discarded(vec![names.database.clone(), names.part.clone()]);
        let package = prepare(db, profile, passphrase, &names.database, cancel)?;
        let exporting = || Failure::file("Exporting backup to file failed");
        let file = private_file(&names.part).map_err(exporting())?;
        let mut meter = Meter::new(db, profile, package.bytes(), cancel.clone());
        let mut out = BufWriter::with_capacity(BUFFER, file);
        package.write(&mut out, &mut meter)?;
        out.flush().map_err(exporting())?;
        out.get_ref().sync_all().map_err(exporting())?;
        drop(out);
        fs::rename(&names.part, &names.whole).map_err(exporting())?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(exporting())?;
        drop(kept);
        let path = names.whole.to_string_lossy().into_owned();
        db.emit(profile, event::Kind::ImexFileWritten(event::ImexFileWritten { path }));
        Ok(names.whole)
    };
    told(db, profile, written())
}

/// Fills an unused profile from a file. Emits progress.
pub fn import_file(
    db: &Db,
    profile: ProfileId,
    file: &Path,
    passphrase: &str,
    cancel: &Cancel,
) -> Outcome<()> {
    let opened = File::open(file).and_then(|file| Ok((file.metadata()?.len(), file)));
    match opened {
        Ok((length, file)) => {
            import(db, profile, &mut BufReader::with_capacity(BUFFER, file), length, passphrase, cancel)
        }
        Err(error) => {
            Meter::begins(db, profile);
            told(db, profile, Err(Failure::refused(error.to_string())))
        }
    }
}

/// Fills an unused profile from a stream of about `length` bytes. Emits progress. When it fails, the profile is empty.
pub fn import(
    db: &Db,
    profile: ProfileId,
    stream: &mut dyn Read,
    length: u64,
    passphrase: &str,
    cancel: &Cancel,
) -> Outcome<()> {
    Meter::begins(db, profile);
    let imported = unused(db, profile).and_then(|()| {
        whole_or_nothing(db, profile, || {
            let mut meter = Meter::new(db, profile, length, cancel.clone());
            let lay = |database: &Path, blobs: &Blobs| {
                unpack::run(&mut meter.reads(stream), passphrase, database, blobs)
            };
            fill(db, profile, rows_in::Device::Another, cancel, lay)
        })
    });
    told(db, profile, imported.map(drop))
}

/// Empties the profile again if it cannot be filled.
fn whole_or_nothing<T>(db: &Db, profile: ProfileId, filled: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    let filled = filled();
    if filled.is_err()
        && let Err(error) = block_on(process::empty(db, profile))
    {
        tracing::error!(%profile, %error, "what was left of an import is removed at the next start");
    }
    filled
}

/// A backup fills only a profile without relays.
fn unused(db: &Db, profile: ProfileId) -> Outcome<()> {
    if db.look(|view| transports::all(view, profile))?.is_empty() {
        Ok(())
    } else {
        Err(Failure::refused("Cannot import backups to accounts in use"))
    }
}

/// Fills a profile from what `lay` leaves: a plain database at a path, and attachments. Says how much there was where it
/// stays the same device, and how many files were missing.
fn fill(
    db: &Db,
    profile: ProfileId,
    device: rows_in::Device,
    cancel: &Cancel,
    lay: impl FnOnce(&Path, &Blobs) -> Outcome<unpack::Files>,
) -> Outcome<(Tally, u32)> {
    let is_arriving = db.look(|view| profiles::load(view, profile))?.is_some_and(|record| record.arriving);
    if !is_arriving && db.look(profiles::manager)?.importing.contains(&profile) {
        return Err(Failure::refused("what an interrupted import left is still being removed; try again"));
    }
    block_on(db.transact_durably(profile, profiles::begin_import))?;
    let database = own_folder(db, profile)?.join(unpack::DATABASE);
    let kept = Discarded(vec![database.clone()]);
    let blobs = Blobs::new(blob_dir_of(db, profile)?);
    let files = lay(&database, &blobs)?;
    let opened = Reader::open(&database).map_err(unpack::attaching)?;
    check(&opened)?;
    let found = match device {
        rows_in::Device::Same => tally::found(&opened, &files)?,
        // Nobody asks: what the other device has is not here to compare with.
        rows_in::Device::Another => (Tally::default(), 0),
    };
    rows_in::run(db, profile, &opened, &files, device, cancel)?;
    drop(kept);
    Ok(found)
}

/// Refuses what is too new or too old.
fn check(reader: &Reader) -> Outcome<()> {
    let version = reader
        .version()
        .map_err(|error| Failure::refused(format!("failed to fetch raw config: backup_version: {error}")))?;
    if version > VERSION {
        return Err(Failure::refused(format!(
            "This profile is from a newer version of Delta Chat. Please update Delta Chat and try again (profile version \
             is v{version}, the latest supported is v{VERSION})"
        )));
    }
    let schema = reader.schema()?;
    if schema < OLDEST_SCHEMA {
        return Err(Failure::refused(format!(
            "This backup is of an old version of Delta Chat (database version {schema}); import it with a current one and \
             export it again. At least version {OLDEST_SCHEMA} can be read"
        )));
    }
    Ok(())
}

fn folder_of(db: &Db, profile: ProfileId) -> Outcome<PathBuf> {
    let record = db.look(|view| profiles::load(view, profile))?;
    let record = record.ok_or_else(|| Failure::refused(format!("account with id {profile} not found")))?;
    Ok(db.dir().join(record.uuid))
}

/// The folder of a profile, made if there was no file yet.
fn own_folder(db: &Db, profile: ProfileId) -> Outcome<PathBuf> {
    let folder = folder_of(db, profile)?;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(Failure::file(folder.display().to_string()))?;
    Ok(folder)
}

fn blob_dir_of(db: &Db, profile: ProfileId) -> Outcome<PathBuf> {
    let folder = folder_of(db, profile)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(blob_dir(db.dir(), &name))
}

/// Emits how it ended.
fn told<T>(db: &Db, profile: ProfileId, outcome: Outcome<T>) -> Outcome<T> {
    if let Err(error) = &outcome {
        tracing::warn!(%profile, %error, "a backup failed");
        db.emit(profile, event::Kind::Error(event::Error { msg: error.to_string() }));
    }
    let progress = if outcome.is_ok() { 1000 } else { 0 };
    db.emit(profile, event::Kind::ImexProgress(event::ImexProgress { progress }));
    outcome
}

fn private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The files of one export.
struct Names {
    whole: PathBuf,
    part: PathBuf,
    database: PathBuf,
}

impl Names {
    /// The first that are free in a folder.
    fn free(folder: &Path, now: i64, fingerprint: &str) -> Outcome<Self> {
        let day = DateTime::from_timestamp(now, 0).unwrap_or_default().format("%Y-%m-%d");
        for number in 0..MAX_OF_A_DAY {
            let stem = format!("delta-chat-backup-{day}-{number:02}-{fingerprint}");
            let of = |ending: &str| folder.join(format!("{stem}.{ending}"));
            let names = Self { whole: of("tar"), part: of("tar.part"), database: of("db") };
            if [&names.whole, &names.part, &names.database].iter().all(|path| !path.exists()) {
                return Ok(names);
            }
        }
        Err(Failure::refused("could not create backup file, disk full?"))
    }
}

/// Files that go when this is dropped.
struct Discarded(Vec<PathBuf>);

impl Drop for Discarded {
    fn drop(&mut self) {
        for path in &self.0 {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "a temporary file stays");
                }
                _ => {}
            }
        }
    }
}
