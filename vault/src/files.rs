//! Files that are there in full or not at all: written under a temporary name, synced, renamed, and the folder synced.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::VaultError;

/// What temporary files begin with.
pub(crate) const TEMPORARY: &str = ".new-";
/// Bytes of the checksum at the end of every file.
pub(crate) const CHECKSUM: usize = 32;
/// After so many bytes the system is asked to write them: a sync at the end of a large file would hold up others who
/// wait for the same disk.
const SYNC_EVERY: u64 = 8 << 20;
/// What is left free on the disk: the host may be on the same one, and stops taking changes when it is nearly full.
const KEEP_FREE: u64 = 48 << 20;
/// Files are read in pieces of this size.
const PIECE: usize = 256 << 10;

/// Makes a folder that only its owner may enter.
pub(crate) fn make_folder(dir: &Path) -> Result<(), VaultError> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(VaultError::io(dir))
}

/// Makes what was renamed or removed in a folder last.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::io(dir))
}

/// A file that gets its name when it is whole. Ends in the BLAKE3 hash of everything before.
pub(crate) struct NewFile {
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    hasher: blake3::Hasher,
    length: u64,
    unsynced: u64,
    settled: bool,
}

impl NewFile {
    /// A file that will be at `path`.
    pub(crate) fn create(path: PathBuf) -> Result<Self, VaultError> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let temporary = path.with_file_name(format!("{TEMPORARY}{name}"));
        let parent = path.parent().unwrap_or(&path);
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(&temporary).map_err(VaultError::io(&temporary))?;
        let new = Self {
            file,
            temporary,
            hasher: blake3::Hasher::new(),
            length: 0,
            unsynced: 0,
            settled: false,
            path: path.clone(),
        };
        has_space(parent, 0)?;
        Ok(new)
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        self.file.write_all(bytes).map_err(VaultError::io(&self.path))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        self.unsynced += bytes.len() as u64;
        if self.unsynced >= SYNC_EVERY {
            self.unsynced = 0;
            self.file.sync_data().map_err(VaultError::io(&self.path))?;
            has_space(self.path.parent().unwrap_or(&self.path), 0)?;
        }
        Ok(())
    }

    /// Appends the checksum and gives the file its name. It is durable when this returns.
    pub(crate) fn settle(mut self) -> Result<u64, VaultError> {
        let hash = self.hasher.finalize();
        self.file.write_all(hash.as_bytes()).map_err(VaultError::io(&self.path))?;
        self.file.sync_all().map_err(VaultError::io(&self.path))?;
        fs::rename(&self.temporary, &self.path).map_err(VaultError::io(&self.path))?;
        self.settled = true;
        sync_folder(self.path.parent().unwrap_or(&self.path))?;
        Ok(self.length + CHECKSUM as u64)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.settled {
            // What is left is removed by the next backup.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Refuses to go on when the disk is nearly full.
fn has_space(dir: &Path, wanted: u64) -> Result<(), VaultError> {
    let Ok(disk) = rustix::fs::statvfs(dir) else { return Ok(()) };
    let (free, all) =
        (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
    // A very small disk is given up to the backup but for a part.
    if free < KEEP_FREE.min(all / 8).saturating_add(wanted) {
        return Err(VaultError::DiskFull { path: dir.to_owned() });
    }
    Ok(())
}

/// Reads a small file and verifies its checksum. What comes before the checksum.
pub(crate) fn read_checked(path: &Path, limit: u64) -> Result<Vec<u8>, VaultError> {
    let file = File::open(path).map_err(VaultError::io(path))?;
    let length = file.metadata().map_err(VaultError::io(path))?.len();
    if length > limit {
        return Err(VaultError::damaged(path, "it is too long"));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.take(limit).read_to_end(&mut bytes).map_err(VaultError::io(path))?;
    let Some(at) = bytes.len().checked_sub(CHECKSUM) else {
        return Err(VaultError::damaged(path, "it is truncated"));
    };
    if blake3::hash(&bytes[..at]).as_bytes() != &bytes[at..] {
        return Err(VaultError::damaged(path, "its checksum is wrong"));
    }
    bytes.truncate(at);
    Ok(bytes)
}

/// Reads a whole file, however large, to verify its checksum. `go_on` is asked now and then.
pub(crate) fn verify(path: &Path, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), VaultError> {
    let mut file = File::open(path).map_err(VaultError::io(path))?;
    let length = file.metadata().map_err(VaultError::io(path))?.len();
    let Some(mut rest) = length.checked_sub(CHECKSUM as u64) else {
        return Err(VaultError::damaged(path, "it is truncated"));
    };
    let (mut hasher, mut piece) = (blake3::Hasher::new(), vec![0; PIECE]);
    while rest > 0 {
        let count = piece.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
        file.read_exact(&mut piece[..count]).map_err(VaultError::io(path))?;
        hasher.update(&piece[..count]);
        rest -= count as u64;
        if !go_on(count as u64) {
            return Err(VaultError::Io { path: path.to_owned(), source: io::ErrorKind::Interrupted.into() });
        }
    }
    let mut found = [0; CHECKSUM];
    file.read_exact(&mut found).map_err(VaultError::io(path))?;
    match hasher.finalize().as_bytes() == &found {
        true => Ok(()),
        false => Err(VaultError::damaged(path, "its checksum is wrong")),
    }
}

/// Removes what interrupted backups left behind. Only who holds the lock may do so.
pub(crate) fn remove_temporaries(dir: &Path) -> Result<(), VaultError> {
    for entry in fs::read_dir(dir).map_err(VaultError::io(dir))? {
        let entry = entry.map_err(VaultError::io(dir))?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
            fs::remove_file(entry.path()).map_err(VaultError::io(&entry.path()))?;
        }
    }
    Ok(())
}

/// Names of the files in a folder that end in `extension`, in order.
pub(crate) fn names(dir: &Path, extension: &str) -> Result<Vec<String>, VaultError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(VaultError::io(dir))? {
        let name = entry.map_err(VaultError::io(dir))?.file_name();
        if let Some(stem) = name.to_str().and_then(|name| name.strip_suffix(extension))
            && !stem.starts_with('.')
        {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}
