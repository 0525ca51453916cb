//! Own keys as files: written for safekeeping, read into a new profile.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use volary_mail::openpgp::{MAX_CERTIFICATE_LEN, SecretKey};
use volary_proto::Error;
use volary_proto::v1::event;

use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::work::Lane;
use crate::state::keys;

/// Largest key file that is read: armor makes a key longer by about a third.
const MAX_KEY_FILE: u64 = 2 * MAX_CERTIFICATE_LEN as u64;
/// Files of a folder that are looked at.
const MAX_KEY_FILES: usize = 100;

/// Writes the own key, made now if there is none, to two files in an existing folder.
pub async fn export(
    db: &Db,
    profile: ProfileId,
    dir: String,
    passphrase: Option<String>,
) -> Result<(), Error> {
    let exported = async {
        no_passphrase(passphrase)?;
        let secret = db.transact_durably(profile, keys::ensure_own).await?;
        for path in db.work(Lane::Interactive, move || write_files(Path::new(&dir), &secret)).await? {
            let path = path.to_string_lossy().into_owned();
            db.emit(profile, event::Kind::ImexFileWritten(event::ImexFileWritten { path }));
        }
        Ok(())
    };
    tell(db, profile, exported).await
}

/// Reads the own key of a profile that has none yet, from a file or from the first fitting file of a folder.
pub async fn import(
    db: &Db,
    profile: ProfileId,
    path: String,
    passphrase: Option<String>,
) -> Result<(), Error> {
    let imported = async {
        no_passphrase(passphrase)?;
        let path = PathBuf::from(path);
        // What is not there has no keys: chatmail core says the same of it.
        if path.exists() && !path.is_dir() {
            return import_file(db, profile, path).await;
        }
        let folder = path.clone();
        let mut done = false;
        for file in db.work(Lane::Interactive, move || key_files(&folder)).await? {
            match import_file(db, profile, file.clone()).await {
                Ok(()) => done = true,
                Err(error) => {
                    let msg = format!("Cannot import key from {}: {error}", file.display());
                    db.emit(profile, event::Kind::Warning(event::Warning { msg }));
                }
            }
        }
        if done {
            Ok(())
        } else {
            Err(Failure::refused(format!("No private keys found in {}.", path.display())))
        }
    };
    tell(db, profile, imported).await
}

/// Emits beginning and end of a transfer.
async fn tell(db: &Db, profile: ProfileId, transfer: impl Future<Output = Outcome<()>>) -> Result<(), Error> {
    let progress = |progress| db.emit(profile, event::Kind::ImexProgress(event::ImexProgress { progress }));
    progress(1);
    let outcome = transfer.await;
    if let Err(error) = &outcome {
        db.emit(profile, event::Kind::Error(event::Error { msg: error.to_string() }));
    }
    progress(if outcome.is_ok() { 1000 } else { 0 });
    Ok(outcome?)
}

/// Who gives a passphrase expects protection that the files do not have.
fn no_passphrase(passphrase: Option<String>) -> Outcome<()> {
    match passphrase.filter(|text| !text.is_empty()) {
        Some(_) => Err(Failure::refused("keys cannot be protected by a passphrase")),
        None => Ok(()),
    }
}

fn write_files(dir: &Path, secret: &SecretKey) -> Outcome<Vec<PathBuf>> {
    fs::create_dir_all(dir)
        .map_err(|error| Failure::refused(format!("folder {} cannot be made: {error}", dir.display())))?;
    let fingerprint = secret.fingerprint();
    let files = [("private", secret.to_armor()?), ("public", secret.to_public_armor()?)];
    let mut written = Vec::new();
    for (kind, armor) in files {
        let path = dir.join(format!("{kind}-key-default-{fingerprint}.asc"));
        write_private(&path, armor.as_bytes()).map_err(Failure::file(path.display().to_string()))?;
        written.push(path);
    }
    Ok(written)
}

/// Writes a file that only its owner can read, in place of the one that may be there.
fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// The files of a folder that may be keys, in order of their names.
fn key_files(dir: &Path) -> Outcome<Vec<PathBuf>> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(dir).map_err(Failure::file(dir.display().to_string()))?;
    let armored = |path: &PathBuf| path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("asc"));
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(armored).collect();
    files.sort();
    files.truncate(MAX_KEY_FILES);
    Ok(files)
}

async fn import_file(db: &Db, profile: ProfileId, path: PathBuf) -> Outcome<()> {
    let secret = db.work(Lane::Interactive, move || {
        let mut armor = Vec::new();
        let file = File::open(&path).map_err(Failure::file(path.display().to_string()))?;
        file.take(MAX_KEY_FILE + 1)
            .read_to_end(&mut armor)
            .map_err(Failure::file(path.display().to_string()))?;
        Ok(SecretKey::from_armor(&armor)?)
    });
    let secret = secret.await?;
    db.transact_durably(profile, move |tx| keys::store_own(tx, &secret)).await
}
