//! Blob files: the attachments of one profile, named by what they contain.
//!
//! A blob is written under a temporary name, synced, renamed to its final one, and the folder is synced, all before
//! [`Blobs::put`] returns: a row that refers to a blob is committed after that, so it never refers to nothing. The
//! same content is stored once. Whether a blob is still referred to is for the caller to know; see [`Blobs::sweep`].
//!
//! All calls block on the disk.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Largest blob.
pub const MAX_BLOB_BYTES: u64 = 4 << 30;
/// Hexadecimal digits of the hash in a name: 124 bits.
const DIGITS: usize = 31;
/// Longest extension; a longer one is left away.
const MAX_EXTENSION: usize = 16;
/// What temporary files begin with; no blob does.
const TEMPORARY: &str = ".new-";
/// Files are copied in pieces of this size.
const PIECE: usize = 64 << 10;

/// Numbers temporary files within the process.
static TEMPORARIES: AtomicU64 = AtomicU64::new(0);

/// Name of a blob: 31 hexadecimal digits of the BLAKE3 hash of its content, and an extension in lower case if there
/// is a sensible one.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobName(String);

impl BlobName {
    fn new(hash: &blake3::Hash, extension: &str) -> Self {
        let mut name = hash.to_hex()[..DIGITS].to_owned();
        if let Some(extension) = sensible(extension) {
            name.push('.');
            name.push_str(&extension);
        }
        Self(name)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the name of a blob.
#[derive(Debug, thiserror::Error)]
#[error("not the name of a blob")]
pub struct NotABlobName;

impl FromStr for BlobName {
    type Err = NotABlobName;

    /// Takes exactly the names that blobs get, so that no name leads out of the folder.
    fn from_str(name: &str) -> Result<Self, NotABlobName> {
        let (digits, extension) =
            name.split_once('.').map_or((name, None), |(digits, rest)| (digits, Some(rest)));
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let good = digits.len() == DIGITS
            && digits.bytes().all(hexadecimal)
            && extension.is_none_or(|extension| sensible(extension).as_deref() == Some(extension));
        good.then(|| Self(name.to_owned())).ok_or(NotABlobName)
    }
}

/// The extension without its dot, in lower case, if it is short and made of ASCII letters and digits.
fn sensible(extension: &str) -> Option<String> {
    let extension = extension.strip_prefix('.').unwrap_or(extension);
    let good = (1..=MAX_EXTENSION).contains(&extension.len())
        && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| extension.to_ascii_lowercase())
}

/// The blobs in one folder. The folder is made with the first of them.
#[derive(Clone, Debug)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// The blobs in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where a blob is, or would be.
    pub fn path(&self, name: &BlobName) -> PathBuf {
        self.dir.join(name.as_str())
    }

    /// Stores `content`. It is durable when this returns.
    pub fn put(&self, content: &[u8], extension: &str) -> io::Result<BlobName> {
        let length = content.len() as u64;
        if length > MAX_BLOB_BYTES {
            return Err(too_large());
        }
        let name = BlobName::new(&blake3::hash(content), extension);
        if !self.renewed(&name, length)? {
            let mut temporary = self.temporary()?;
            temporary.file.write_all(content)?;
            temporary.settle(&self.path(&name))?;
        }
        self.sync_dir()?;
        Ok(name)
    }

    /// Stores a copy of the file at `source`, piece by piece. It is durable when this returns.
    pub fn put_file(&self, source: &Path, extension: &str) -> io::Result<BlobName> {
        self.put_reader(&mut File::open(source)?, extension)
    }

    /// Stores what `source` gives, piece by piece. It is durable when this returns.
    pub fn put_reader(&self, source: &mut impl Read, extension: &str) -> io::Result<BlobName> {
        let mut temporary = self.temporary()?;
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        loop {
            let count = match source.read(&mut piece) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            length += count as u64;
            if length > MAX_BLOB_BYTES {
                return Err(too_large());
            }
            hasher.update(&piece[..count]);
            temporary.file.write_all(&piece[..count])?;
        }
        let name = BlobName::new(&hasher.finalize(), extension);
        if !self.renewed(&name, length)? {
            temporary.settle(&self.path(&name))?;
        }
        self.sync_dir()?;
        Ok(name)
    }

    /// Opens a blob for reading.
    pub fn open(&self, name: &BlobName) -> io::Result<File> {
        File::open(self.path(name))
    }

    /// Reads a whole blob of at most `limit` bytes into memory.
    pub fn read(&self, name: &BlobName, limit: u64) -> io::Result<Vec<u8>> {
        let file = self.open(name)?;
        let length = file.metadata()?.len();
        if length > limit {
            return Err(too_large());
        }
        let mut content = Vec::with_capacity(length as usize);
        file.take(limit).read_to_end(&mut content)?;
        Ok(content)
    }

    /// Length of a blob. `None` if there is none of this name.
    pub fn len(&self, name: &BlobName) -> io::Result<Option<u64>> {
        match fs::metadata(self.path(name)) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Removes a blob. Whether it was there.
    pub fn remove(&self, name: &BlobName) -> io::Result<bool> {
        removed(&self.path(name))
    }

    /// The names of all blobs, in no order. Files of other names are passed over.
    pub fn list(&self) -> io::Result<impl Iterator<Item = io::Result<BlobName>> + use<>> {
        let entries = self.entries()?;
        Ok(entries.into_iter().flatten().filter_map(|entry| match entry {
            Ok(entry) => entry.file_name().to_str()?.parse().ok().map(Ok),
            Err(error) => Some(Err(error)),
        }))
    }

    /// Removes the blobs that `keep` does not want and what interrupted calls left behind, as far as they are older
    /// than `age`. How many files there were.
    ///
    /// A blob may be stored, or found to be there already, some time before a row refers to it: storing it counts
    /// as its birth either way, and `age` has to be longer than that time.
    pub fn sweep(&self, age: Duration, mut keep: impl FnMut(&BlobName) -> bool) -> io::Result<u64> {
        let mut count = 0;
        for entry in self.entries()?.into_iter().flatten() {
            let entry = entry?;
            let file_name = entry.file_name();
            let Some(file_name) = file_name.to_str() else { continue };
            let unwanted = match file_name.parse() {
                Ok(name) => !keep(&name),
                Err(NotABlobName) => file_name.starts_with(TEMPORARY),
            };
            if unwanted && older(&entry, age)? && removed(&entry.path())? {
                count += 1;
            }
        }
        Ok(count)
    }

    /// The files of the folder. `None` while there is no folder.
    fn entries(&self) -> io::Result<Option<fs::ReadDir>> {
        match fs::read_dir(&self.dir) {
            Ok(entries) => Ok(Some(entries)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the blob is there already, whole; if so, it is as good as new.
    fn renewed(&self, name: &BlobName, length: u64) -> io::Result<bool> {
        match File::options().write(true).open(self.path(name)) {
            // A blob of another length is damaged and written anew.
            Ok(file) if file.metadata()?.len() == length => {
                file.set_modified(SystemTime::now()).map(|()| true)
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn temporary(&self) -> io::Result<Temporary> {
        let number = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        let create = || File::options().write(true).create(true).truncate(true).open(&path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.dir)?;
                if let Some(parent) = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    File::open(parent)?.sync_all()?;
                }
                create()?
            }
            file => file?,
        };
        Ok(Temporary { file, path })
    }

    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

/// A file that is being written. Goes away unless it is settled.
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    fn settle(self, path: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(&self.path, path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Settled, there is nothing to remove; a file that stays in spite of this is swept later.
        let _ = fs::remove_file(&self.path);
    }
}

fn older(entry: &fs::DirEntry, age: Duration) -> io::Result<bool> {
    match entry.metadata() {
        // A time in the future is no age.
        Ok(file) => Ok(file.modified()?.elapsed().is_ok_and(|elapsed| elapsed >= age)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn removed(path: &Path) -> io::Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn too_large() -> io::Error {
    io::Error::from(io::ErrorKind::FileTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> (tempfile::TempDir, Blobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().join("profile").join("blobs"));
        (dir, blobs)
    }

    fn files(blobs: &Blobs) -> usize {
        fs::read_dir(blobs.dir()).unwrap().count()
    }

    #[test]
    fn content_comes_back_under_the_name_of_its_hash() {
        let (_dir, blobs) = empty();
        let name = blobs.put(b"hello", "TXT").unwrap();
        assert_eq!(name.as_str(), format!("{}.txt", &blake3::hash(b"hello").to_hex()[..31]));
        assert_eq!(blobs.read(&name, 5).unwrap(), b"hello");
        assert_eq!(blobs.len(&name).unwrap(), Some(5));
        assert_eq!(name.as_str().parse::<BlobName>().unwrap(), name);
        assert!(blobs.read(&name, 4).is_err());
    }

    #[test]
    fn the_same_content_is_stored_once() {
        let (dir, blobs) = empty();
        let content: Vec<u8> = (0..300_000u32).flat_map(u32::to_le_bytes).collect();
        let source = dir.path().join("source.bin");
        fs::write(&source, &content).unwrap();
        let streamed = blobs.put_file(&source, "bin").unwrap();
        assert_eq!(blobs.put(&content, "bin").unwrap(), streamed);
        assert_eq!(files(&blobs), 1);
        assert_eq!(blobs.read(&streamed, u64::MAX).unwrap(), content);
    }

    #[test]
    fn a_damaged_blob_is_healed_by_storing_it_again() {
        let (_dir, blobs) = empty();
        let name = blobs.put(b"whole content", "").unwrap();
        fs::write(blobs.path(&name), b"whole").unwrap();
        assert_eq!(blobs.put(b"whole content", "").unwrap(), name);
        assert_eq!(blobs.read(&name, 100).unwrap(), b"whole content");
    }

    #[test]
    fn strange_extensions_are_left_away() {
        let (_dir, blobs) = empty();
        for extension in ["", ".", "a/b", "../x", "tar.gz", "ÄÖ", "averyveryverylongone", "e\0xe", "s p"] {
            let name = blobs.put(b"x", extension).unwrap();
            assert_eq!(name.as_str().len(), DIGITS, "{extension}");
        }
        assert!(blobs.put(b"x", ".JPeg").unwrap().as_str().ends_with(".jpeg"));
    }

    #[test]
    fn only_names_of_blobs_are_names() {
        let digits = "0123456789abcdef0123456789abcde";
        for good in [digits.to_owned(), format!("{digits}.png")] {
            assert!(good.parse::<BlobName>().is_ok(), "{good}");
        }
        let bad = ["", "..", "../etc/passwd", &digits[1..], &digits.to_uppercase()];
        for bad in bad
            .map(str::to_owned)
            .into_iter()
            .chain(["", "PNG", "../x", "tar.gz"].map(|e| format!("{digits}.{e}")))
        {
            assert!(bad.parse::<BlobName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_interrupted_source_leaves_nothing() {
        struct Torn(u8);
        impl Read for Torn {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 => Err(io::ErrorKind::Interrupted.into()),
                    2 => Ok(buffer.len()),
                    _ => Err(io::ErrorKind::ConnectionReset.into()),
                }
            }
        }
        let (_dir, blobs) = empty();
        assert!(blobs.put_reader(&mut Torn(0), "bin").is_err());
        assert_eq!(files(&blobs), 0);
    }

    #[test]
    fn sweeping_removes_what_is_old_and_unwanted() {
        let (_dir, blobs) = empty();
        assert_eq!(blobs.sweep(Duration::ZERO, |_| false).unwrap(), 0);
        assert_eq!(blobs.list().unwrap().count(), 0);
        let kept = blobs.put(b"kept", "").unwrap();
        let doomed = blobs.put(b"doomed", "").unwrap();
        fs::write(blobs.dir().join(".new-1-1"), b"left behind").unwrap();
        fs::write(blobs.dir().join("notes.txt"), b"not ours").unwrap();
        assert_eq!(blobs.sweep(Duration::from_secs(60), |name| *name == kept).unwrap(), 0);
        assert_eq!(blobs.sweep(Duration::ZERO, |name| *name == kept).unwrap(), 2);
        assert_eq!(blobs.len(&doomed).unwrap(), None);
        assert_eq!(blobs.list().unwrap().collect::<io::Result<Vec<_>>>().unwrap(), [kept]);
        assert!(blobs.dir().join("notes.txt").exists());
    }

    #[test]
    fn storing_again_what_is_there_makes_it_young() {
        let (_dir, blobs) = empty();
        let name = blobs.put(b"old", "").unwrap();
        let long_ago = SystemTime::now() - Duration::from_secs(1000);
        File::options().write(true).open(blobs.path(&name)).unwrap().set_modified(long_ago).unwrap();
        blobs.put(b"old", "").unwrap();
        assert_eq!(blobs.sweep(Duration::from_secs(500), |_| false).unwrap(), 0);
    }

    #[test]
    fn removing_twice_removes_once() {
        let (_dir, blobs) = empty();
        let name = blobs.put(b"x", "").unwrap();
        assert!(blobs.remove(&name).unwrap());
        assert!(!blobs.remove(&name).unwrap());
        assert!(blobs.open(&name).is_err());
    }
}
