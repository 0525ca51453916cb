//! A profile that is ready to be streamed.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use volary_backup::archive::Archive;
use volary_backup::cipher;
use volary_backup::database::Writer;
use volary_storage::{BlobName, Blobs};

use super::meter::{Cancel, Meter};
use super::{BUFFER, Discarded, blob_dir_of, own_folder, private_file, rows_out};
use crate::commands::process::OFFERED_PLAIN;
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;

/// The database of a profile as a file, and its attachments by name and size. The file goes with it.
pub struct Package {
    database: PathBuf,
    database_bytes: u64,
    blobs: Blobs,
    names: Vec<(BlobName, u64)>,
    _kept: Discarded,
}

/// Writes the database of a profile and lists its attachments.
pub fn make(
    db: &Db,
    profile: ProfileId,
    passphrase: &str,
    database: &Path,
    cancel: &Cancel,
) -> Outcome<Package> {
    // The folder of the profile is there for a database that is offered, and clear text does not leave it.
    let plain = own_folder(db, profile)?.join(OFFERED_PLAIN);
    let kept = Discarded(vec![database.to_owned(), plain.clone()]);
    let blobs = Blobs::new(blob_dir_of(db, profile)?);
    let mut writer = Writer::create(if passphrase.is_empty() { database } else { &plain })?;
    let used = db.read(|view| rows_out::run(db, view, profile, &blobs, &mut writer, cancel))?;
    writer.finish()?;
    if !passphrase.is_empty() {
        let mut from = BufReader::with_capacity(BUFFER, File::open(&plain).map_err(writing)?);
        let mut to = BufWriter::with_capacity(BUFFER, private_file(database).map_err(writing)?);
        cipher::encrypt(&mut from, passphrase, &mut to)?;
        to.flush().map_err(writing)?;
        fs::remove_file(&plain).map_err(writing)?;
    }
    let mut names = Vec::new();
    for name in used {
        // A row may name a file that is gone.
        if let Some(bytes) = blobs.len(&name).map_err(writing)? {
            names.push((name, bytes));
        }
    }
    let database_bytes = fs::metadata(database).map_err(writing)?.len();
    Ok(Package { database: database.to_owned(), database_bytes, blobs, names, _kept: kept })
}

fn writing(error: io::Error) -> Failure {
    Failure::file("Exporting backup to file failed")(error)
}

impl Package {
    /// Bytes of the database and the attachments.
    pub fn bytes(&self) -> u64 {
        self.names.iter().map(|(_, bytes)| bytes).sum::<u64>() + self.database_bytes
    }

    /// Streams it.
    pub fn write(&self, out: &mut dyn Write, meter: &mut Meter<'_>) -> Outcome<()> {
        let written = (|| {
            let mut archive = Archive::new(meter.writes(out));
            let database = BufReader::with_capacity(BUFFER, File::open(&self.database)?);
            archive.database(database, self.database_bytes)?;
            for (name, bytes) in &self.names {
                let file = BufReader::with_capacity(BUFFER, self.blobs.open(name)?);
                archive.blob(name.as_str(), file, *bytes)?;
            }
            archive.finish()?.flush()
        })();
        written.map_err(|error| meter.failure("Exporting backup to file failed", error))
    }
}
