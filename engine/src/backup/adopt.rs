//! A profile of chatmail core that lies on this disk becomes ours. Its files are read and never written.

use std::fs::{self, DirEntry, File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use volary_backup::BackupError;
use volary_backup::cipher::PLAIN_START;
use volary_backup::wal;
use volary_proto::v1::Tally;
use volary_storage::Blobs;

use super::meter::{Cancel, Meter};
use super::unpack::{self, Files};
use super::{
    BUFFER, blob_dir_of, fill, folder_of, private_file, rows_in, tally, told, unused, whole_or_nothing,
};
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;

/// Folder of the stickers, beside the database; in it one folder for each pack.
const STICKERS: &str = "stickers";
/// What was tried when an attachment could not be copied.
const STORING: &str = "attachments cannot be copied";
/// What follows the name of the database in that of the folder of attachments, and of the files that SQLite keeps.
const BLOBS: &str = "-blobs";
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];
/// The file that programs hold which use a folder with profiles.
const LOCK: &str = "accounts.lock";

/// The files of one profile.
#[derive(Clone, Debug)]
pub struct Foreign {
    database: PathBuf,
    blobs: PathBuf,
    stickers: PathBuf,
}

/// Finds the files of a profile by its database.
pub fn foreign(database: &Path) -> Outcome<Foreign> {
    let with = |ending: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let blobs = with(BLOBS);
    if !database.is_file() {
        return Err(Failure::refused(format!("no database found: {}", database.display())));
    }
    if !blobs.is_dir() {
        return Err(Failure::refused(format!("no blobdir found: {}", blobs.display())));
    }
    Ok(Foreign { database: database.to_owned(), blobs, stickers: database.with_file_name(STICKERS) })
}

impl Foreign {
    /// Refuses if a program has the folder of chatmail core open that the profile is in.
    pub fn not_in_use(&self) -> Outcome<()> {
        let Some(folder) = self.database.parent().and_then(Path::parent) else { return Ok(()) };
        // Where there is no such file, or no locks, nobody can tell.
        let Ok(lock) = File::open(folder.join(LOCK)) else { return Ok(()) };
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => Err(Failure::refused(format!(
                "{} is in use (its {LOCK} is held): end the program that uses it, and try again",
                folder.display()
            ))),
            Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
        }
    }

    /// Removes the files.
    pub fn remove(&self) -> io::Result<()> {
        for ending in BESIDE {
            let mut name = self.database.as_os_str().to_owned();
            name.push(ending);
            missing_is_fine(fs::remove_file(PathBuf::from(name)))?;
        }
        fs::remove_file(&self.database)?;
        missing_is_fine(fs::remove_dir_all(&self.stickers))?;
        fs::remove_dir_all(&self.blobs)
    }

    fn is_plain(&self) -> io::Result<bool> {
        let mut start = Vec::new();
        File::open(&self.database)?.take(PLAIN_START.len() as u64).read_to_end(&mut start)?;
        Ok(start.is_empty() || start == PLAIN_START)
    }

    /// Bytes that are read.
    fn bytes(&self) -> io::Result<u64> {
        let mut bytes = wal::length(&self.database)?;
        for entry in fs::read_dir(&self.blobs)? {
            bytes += entry?.metadata()?.len();
        }
        Ok(bytes)
    }
}

/// What came of a profile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Came {
    /// What there was.
    pub found: Tally,
    /// What there is now.
    pub taken: Tally,
    /// Files that rows name and that were not there.
    pub missing: u32,
}

/// Fills an unused profile with what there is of another. Says how much there was and how much came. Emits progress. When it
/// fails, the profile is empty.
pub fn adopt(
    db: &Db,
    profile: ProfileId,
    from: &Foreign,
    passphrase: &str,
    cancel: &Cancel,
) -> Outcome<Came> {
    Meter::begins(db, profile);
    let adopted = unused(db, profile).and_then(|()| {
        whole_or_nothing(db, profile, || {
            let lay =
                |database: &Path, blobs: &Blobs| lay(db, profile, from, passphrase, database, blobs, cancel);
            fill(db, profile, rows_in::Device::Same, cancel, lay)
        })
    });
    let adopted = adopted.and_then(|(found, missing)| {
        let blobs = Blobs::new(blob_dir_of(db, profile)?);
        let taken = db.read(|view| tally::taken(view, profile, &blobs))?;
        tracing::info!(%profile, messages = taken.messages, files = taken.files, missing, "a profile of chatmail core was copied");
        Ok(Came { found, taken, missing })
    });
    told(db, profile, adopted)
}

fn lay(
    db: &Db,
    profile: ProfileId,
    from: &Foreign,
    passphrase: &str,
    database: &Path,
    blobs: &Blobs,
    cancel: &Cancel,
) -> Outcome<Files> {
    let reading = |error| Failure::file(from.database.display().to_string())(error);
    let passphrase = if from.is_plain().map_err(reading)? { "" } else { passphrase };
    let mut meter = Meter::new(db, profile, from.bytes().map_err(reading)?, cancel.clone());
    let mut out = BufWriter::with_capacity(BUFFER, private_file(database).map_err(reading)?);
    let copied = wal::copy(&from.database, passphrase, &mut out, |bytes| {
        meter.moved(bytes);
        if cancel.is_cancelled() { Err(BackupError::Cancelled) } else { Ok(()) }
    });
    copied.map_err(|error| match error {
        BackupError::NotADatabase if passphrase.is_empty() => Failure::refused(format!(
            "{} cannot be opened: it is encrypted and needs its passphrase, or it is no database",
            from.database.display()
        )),
        BackupError::NotADatabase => unpack::attaching(error),
        BackupError::Unfinished => Failure::refused(format!("{}: {error}", from.database.display())),
        other => other.into(),
    })?;
    out.flush().map_err(reading)?;
    copy_stickers(&from.stickers, &folder_of(db, profile)?.join(STICKERS)).map_err(reading)?;
    let mut files = Files::default();
    let mut attachments = blobs.series().map_err(Failure::file(STORING))?;
    for entry in fs::read_dir(&from.blobs).map_err(reading)? {
        let entry = entry.map_err(reading)?;
        let (true, Ok(name)) = (is_file(&entry).map_err(reading)?, entry.file_name().into_string()) else {
            continue;
        };
        let file = File::open(entry.path()).map_err(reading)?;
        let length = file.metadata().map_err(reading)?.len();
        let mut file = BufReader::with_capacity(BUFFER, file);
        let extension = Path::new(&name).extension().map(|end| end.to_string_lossy().into_owned());
        let ours = attachments.put_reader(&mut meter.reads(&mut file), &extension.unwrap_or_default());
        let ours = ours.map_err(|error| meter.failure(STORING, error))?;
        files.add(name, ours.as_str().to_owned(), length);
    }
    attachments.finish().map_err(Failure::file(STORING))?;
    Ok(files)
}

/// Whether an entry of a folder is a file itself, and not a link to one.
fn is_file(entry: &DirEntry) -> io::Result<bool> {
    Ok(entry.file_type()?.is_file())
}

/// Packs of stickers are folders of pictures.
fn copy_stickers(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for pack in fs::read_dir(from)? {
        let pack = pack?;
        if !pack.file_type()?.is_dir() {
            continue;
        }
        let into = to.join(pack.file_name());
        fs::create_dir_all(&into)?;
        for sticker in fs::read_dir(pack.path())? {
            let sticker = sticker?;
            if is_file(&sticker)? {
                fs::copy(sticker.path(), into.join(sticker.file_name()))?;
            }
        }
    }
    Ok(())
}

fn missing_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
