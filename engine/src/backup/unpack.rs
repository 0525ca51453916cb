//! A backup as a stream becomes attachments of a profile and a plain database.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::thread;

use volary_backup::archive::{self, Part};
use volary_backup::{BackupError, cipher};
use volary_storage::{Blobs, Series};

use super::meter::Metered;
use super::{BUFFER, Discarded, private_file};
use crate::ground::error::{Failure, Outcome};

/// Name of the database while it is read, in the folder of the profile.
pub const DATABASE: &str = "import.db";
/// What is at the end of its name while it is encrypted.
const ENCRYPTED: &str = "encrypted";
/// Where rows say that a file is an attachment.
const FOLDER: &str = "$BLOBDIR/";
/// Bytes of a header that say how the database is journalled: never with a log beside it.
const JOURNAL: (u64, [u8; 2]) = (18, [1, 1]);

/// The attachments of a backup: their names in it, and ours with their sizes.
#[derive(Debug, Default)]
pub struct Files(HashMap<String, (String, u64)>);

impl Files {
    /// The name and size of a file that a row refers to; empty for none, and for one that did not come.
    pub fn of(&self, reference: &str) -> (String, u64) {
        let name = reference.strip_prefix(FOLDER).unwrap_or(reference);
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// An attachment came.
    pub fn add(&mut self, name: String, ours: String, bytes: u64) {
        self.0.insert(name, (ours, bytes));
    }
}

/// How rows of a backup refer to an attachment.
pub fn reference(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("{FOLDER}{name}") }
}

/// The database does not open.
pub fn attaching(error: BackupError) -> Failure {
    Failure::refused(format!("cannot import unpacked database: failed to attach backup database: {error}"))
}

/// Reads a stream to its end. An encrypted database is decrypted on a thread of its own while the attachments come: deriving
/// its key alone takes a third of a second.
pub fn run(
    stream: &mut Metered<'_, '_, dyn Read + '_>,
    passphrase: &str,
    database: &Path,
    blobs: &Blobs,
) -> Outcome<Files> {
    let encrypted = database.with_extension(ENCRYPTED);
    let _discarded = Discarded(vec![encrypted.clone()]);
    let mut files = Files::default();
    let mut attachments = blobs.series().map_err(BackupError::from)?;
    let (unpacked, decrypted) = thread::scope(|threads| {
        let mut decrypting = None;
        let unpacked = archive::unpack(&mut *stream, |part, content| match part {
            Part::Database if passphrase.is_empty() => take_database(content, database),
            Part::Database => {
                io::copy(content, &mut private_file(&encrypted)?)?;
                decrypting = Some(threads.spawn(|| decrypt(&encrypted, passphrase, database)));
                Ok(())
            }
            Part::Blob(name) => take_blob(name, content, &mut attachments, &mut files),
        });
        (unpacked, decrypting.map_or(Ok(Ok(())), thread::ScopedJoinHandle::join))
    });
    if stream.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    let decrypted =
        decrypted.map_err(|_| Failure::Internal("the thread that decrypts panicked".to_owned()))?;
    // A wrong passphrase counts before a stream that ends early: it is what the user can put right.
    if let Err(error @ BackupError::NotADatabase) = decrypted {
        return Err(attaching(error));
    }
    unpacked?;
    decrypted?;
    attachments.finish().map_err(BackupError::from)?;
    Ok(files)
}

fn take_blob(
    name: String,
    content: &mut dyn Read,
    attachments: &mut Series,
    files: &mut Files,
) -> Result<(), BackupError> {
    let extension = Path::new(&name).extension().map(|end| end.to_string_lossy().into_owned());
    let mut counted = Counted { content, bytes: 0 };
    let ours = attachments.put_reader(&mut counted, &extension.unwrap_or_default())?;
    files.add(name, ours.as_str().to_owned(), counted.bytes);
    Ok(())
}

fn decrypt(encrypted: &Path, passphrase: &str, database: &Path) -> Result<(), BackupError> {
    let mut encrypted = BufReader::with_capacity(BUFFER, File::open(encrypted)?);
    write_database(database, |out| cipher::decrypt(&mut encrypted, passphrase, out))
}

fn take_database(mut content: &mut dyn Read, database: &Path) -> Result<(), BackupError> {
    write_database(database, |out| Ok(io::copy(&mut content, out).map(drop)?))
}

/// Writes the plain database, and says in it that there is no log beside it.
fn write_database(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut out = BufWriter::with_capacity(BUFFER, private_file(path)?);
    write(&mut out)?;
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.seek(SeekFrom::Start(JOURNAL.0))?;
    file.write_all(&JOURNAL.1)?;
    Ok(())
}

struct Counted<'r> {
    content: &'r mut dyn Read,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.content.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
