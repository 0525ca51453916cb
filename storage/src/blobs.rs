//! Blob files: the attachments of one profile, named by what they contain.
//!
//! A blob is written under a temporary name, synced, renamed to its final one, and the folder is synced, all before
//! [`Blobs::put`] returns: a row that refers to a blob is committed after that, so it never refers to nothing. The
//! same content is stored once. Whether a blob is still referred to is for the caller to know; see [`Blobs::sweep`].
//!
//! All calls block on the disk, so none belongs into a job of the writer: a blob is stored first, and the job that
//! refers to it knows its name, also from [`BlobName::of`]. Errors name the file that they are about.

mod series;

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub use self::series::Series;
use crate::error::with_path;
use crate::write_back::WriteBack;
use crate::{measures, private, writer};

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
    /// The name that a blob with this content and extension gets. Does not touch the disk.
    pub fn of(content: &[u8], extension: &str) -> Self {
        Self::new(&blake3::hash(content), extension)
    }

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
        not_on_the_writer();
        let name = BlobName::of(content, extension);
        if !self.renewed(&name, length)? {
            let mut temporary = self.temporary()?;
            temporary.write(content)?;
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
        not_on_the_writer();
        let copied = self.copied(source, extension)?;
        let name = copied.name.clone();
        copied.settle(self)?;
        self.sync_dir()?;
        Ok(name)
    }

    /// Copies what `source` gives to a temporary file.
    fn copied(&self, source: &mut impl Read, extension: &str) -> io::Result<Copied> {
        let mut temporary = self.temporary()?;
        let mut hasher = blake3::Hasher::new();
        let mut piece = vec![0; PIECE];
        let mut length = 0;
        let mut write_back = WriteBack::default();
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
            temporary.write(&piece[..count])?;
            write_back.grown(&temporary.file, length).map_err(with_path(&temporary.path))?;
        }
        Ok(Copied { temporary, write_back, name: BlobName::new(&hasher.finalize(), extension), length })
    }

    /// Opens a blob for reading.
    pub fn open(&self, name: &BlobName) -> io::Result<File> {
        let path = self.path(name);
        File::open(&path).map_err(with_path(&path))
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
        let path = self.path(name);
        match fs::metadata(&path) {
            Ok(file) => Ok(Some(file.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(with_path(&path)(error)),
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
            let entry = entry.map_err(with_path(&self.dir))?;
            let file_name = entry.file_name();
            let Some(file_name) = file_name.to_str() else { continue };
            let unwanted = match file_name.parse() {
                Ok(name) => !keep(&name),
                Err(NotABlobName) => file_name.starts_with(TEMPORARY),
            };
            if unwanted && older(&entry, age).map_err(with_path(&entry.path()))? && removed(&entry.path())? {
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
            Err(error) => Err(with_path(&self.dir)(error)),
        }
    }

    /// Whether the blob is there already, whole; if so, it is as good as new.
    fn renewed(&self, name: &BlobName, length: u64) -> io::Result<bool> {
        let path = self.path(name);
        match File::options().write(true).open(&path) {
            // A blob of another length is damaged and written anew.
            Ok(file) if file.metadata()?.len() == length => {
                file.set_modified(SystemTime::now()).map(|()| true).map_err(with_path(&path))
            }
            Ok(_) => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(with_path(&path)(error)),
        }
    }

    fn temporary(&self) -> io::Result<Temporary> {
        let number = TEMPORARIES.fetch_add(1, Ordering::Relaxed);
        let path = self.dir.join(format!("{TEMPORARY}{}-{number}", std::process::id()));
        let create = || private::options().write(true).create(true).truncate(true).open(&path);
        let file = match create() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                private::make_folders(&self.dir).map_err(with_path(&self.dir))?;
                if let Some(parent) = self.dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
                    sync_folder(parent)?;
                }
                create()
            }
            file => file,
        };
        let file = file.map_err(with_path(&path))?;
        Ok(Temporary { file, path })
    }

    fn sync_dir(&self) -> io::Result<()> {
        sync_folder(&self.dir)
    }
}

fn sync_folder(dir: &Path) -> io::Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(with_path(dir))
}

/// All profiles would wait for the disk.
fn not_on_the_writer() {
    debug_assert!(!writer::is_this_thread(), "a blob is stored by a job of the writer");
}

/// A blob that is complete, and not on the disk yet.
struct Copied {
    temporary: Temporary,
    write_back: WriteBack,
    name: BlobName,
    length: u64,
}

impl Copied {
    /// Gives it its name. The folder is synced after that.
    fn settle(mut self, blobs: &Blobs) -> io::Result<()> {
        self.write_back.end().map_err(with_path(&self.temporary.path))?;
        if !blobs.renewed(&self.name, self.length)? {
            self.temporary.settle(&blobs.path(&self.name))?;
        }
        Ok(())
    }
}

/// A file that is being written. Goes away unless it is settled.
struct Temporary {
    file: File,
    path: PathBuf,
}

impl Temporary {
    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.write_all(content).map_err(with_path(&self.path))
    }

    fn settle(self, path: &Path) -> io::Result<()> {
        let began = Instant::now();
        self.file.sync_all().map_err(with_path(&self.path))?;
        fs::rename(&self.path, path).map_err(with_path(path))?;
        measures::blob(began.elapsed());
        Ok(())
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
        Err(error) => Err(with_path(path)(error)),
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
    fn a_name_is_known_before_the_blob_is_stored() {
        let (_dir, blobs) = empty();
        let name = BlobName::of(b"hello", "TXT");
        assert_eq!(blobs.len(&name).unwrap(), None);
        assert_eq!(blobs.put(b"hello", "txt").unwrap(), name);
    }

    #[test]
    fn blobs_and_their_folders_are_private() {
        use std::os::unix::fs::MetadataExt as _;
        let (dir, blobs) = empty();
        let name = blobs.put(b"hello", "txt").unwrap();
        let streamed = blobs.put_reader(&mut &b"world"[..], "txt").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        for folder in [blobs.dir(), &dir.path().join("profile")] {
            assert_eq!(mode(folder), 0o700);
        }
        for name in [name, streamed] {
            assert_eq!(mode(&blobs.path(&name)), 0o600);
        }
    }

    #[test]
    fn errors_name_the_file() {
        let (dir, blobs) = empty();
        let missing = blobs.open(&BlobName::of(b"", "")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
        assert!(missing.to_string().starts_with(&*blobs.dir().to_string_lossy()), "{missing}");
        fs::write(dir.path().join("profile"), "a file where the folder should be").unwrap();
        let error = blobs.put(b"x", "").unwrap_err().to_string();
        assert!(error.starts_with(&*dir.path().to_string_lossy()), "{error}");
    }

    #[test]
    #[cfg(debug_assertions)]
    fn a_job_of_the_writer_that_stores_a_blob_panics() {
        let (dir, blobs) = empty();
        let store = crate::Store::open(dir.path(), crate::Options::default()).unwrap();
        let stored = store.write_blocking(move |_| Ok::<_, crate::StoreError>(blobs.put(b"x", "").is_ok()));
        assert!(matches!(stored, Err(crate::StoreError::Panicked(_))));
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
