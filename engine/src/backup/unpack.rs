//! A backup as a stream becomes attachments of a profile and a plain database.

use std::collections::HashMap;
use std::io::{self, BufWriter, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use volary_backup::archive::{self, Part};
use volary_backup::{BackupError, cipher};
use volary_storage::Blobs;

use super::meter::Metered;
use super::{BUFFER, private_file};
use crate::ground::error::{Failure, Outcome};

/// Name of the database while it is read, in the folder of the profile.
pub const DATABASE: &str = "import.db";
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

/// Reads a stream to its end.
pub fn run(
    stream: &mut Metered<'_, '_, dyn Read + '_>,
    passphrase: &str,
    database: &Path,
    blobs: &Blobs,
) -> Outcome<Files> {
    let mut files = Files::default();
    let mut unopened = false;
    let unpacked = archive::unpack(&mut *stream, |part, content| match part {
        Part::Database => match take_database(content, passphrase, database) {
            // The rest is read all the same: who sends it waits for that.
            Err(BackupError::NotADatabase) => {
                unopened = true;
                Ok(())
            }
            taken => taken,
        },
        Part::Blob(name) => {
            let extension = Path::new(&name).extension().map(|end| end.to_string_lossy().into_owned());
            let mut counted = Counted { content, bytes: 0 };
            let ours = blobs.put_reader(&mut counted, &extension.unwrap_or_default())?;
            files.add(name, ours.as_str().to_owned(), counted.bytes);
            Ok(())
        }
    });
    if stream.is_cancelled() {
        return Err(Failure::Cancelled);
    }
    if unopened {
        return Err(attaching(BackupError::NotADatabase));
    }
    unpacked?;
    Ok(files)
}

fn take_database(content: &mut dyn Read, passphrase: &str, database: &Path) -> Result<(), BackupError> {
    let mut out = BufWriter::with_capacity(BUFFER, private_file(database)?);
    let mut content = content;
    if passphrase.is_empty() {
        io::copy(&mut content, &mut out)?;
    } else {
        cipher::decrypt(&mut content, passphrase, &mut out)?;
    }
    out.flush()?;
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
