//! Archives of apps: zip files from strangers.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Archive`], and entries as streams |
//! | `directory` | the guard: end record and central directory, checked as a whole |
//! | `name` | names of entries that are refused |
//! | `view` | what the zip library gets to see |
//! | [`bounds`] | all limits |
//! | `error` | why something is refused |
//!
//! An archive is refused as a whole when one entry is encrypted, overlaps another, has the name of another or a name
//! that leads elsewhere, uses a method other than stored and deflate, or inflates to more than the [`bounds`] allow.
//! An archive inside an archive is a file like any other: it is handed out as it is, and never opened.

mod directory;
mod error;
mod name;
mod view;

pub mod bounds;

#[cfg(test)]
mod tests;

use std::io::{self, Read, Seek};

use zip::read::{ArchiveOffset, Config, ZipFile};
use zip::result::ZipError;

use directory::Directory;
use view::View;

pub use error::ArchiveError;
pub use name::NameFault;

/// The page that an app starts with.
pub const START_PAGE: &str = "index.html";

/// An opened archive whose directory is checked. Holds the directory in memory, and no content.
pub struct Archive<R> {
    zip: zip::ZipArchive<View<R>>,
    directory: Directory,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens an archive, whether it is an app or not.
    pub fn open(mut file: R) -> Result<Self, ArchiveError> {
        let directory = Directory::read(&mut file)?;
        let view = View::new(file, directory.start, directory.rewritten());
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = zip::ZipArchive::with_config(config, view).map_err(from_library)?;
        if zip.len() != directory.entries.len() {
            return Err(ArchiveError::Damaged("its entries cannot be told apart"));
        }
        Ok(Self { zip, directory })
    }

    /// Opens an app: the archive has a start page, and all of its entries are where the directory tells.
    pub fn app(file: R) -> Result<Self, ArchiveError> {
        let mut archive = Self::open(file)?;
        if !archive.contains(START_PAGE) {
            return Err(ArchiveError::NoStartPage);
        }
        for at in 0..archive.directory.entries.len() {
            let data_at = archive.zip.by_index_raw(at).map_err(from_library)?.data_start();
            archive.directory.check_data(at, data_at)?;
        }
        Ok(archive)
    }

    /// Whether there is a file of exactly this name.
    pub fn contains(&self, name: &str) -> bool {
        self.directory.by_name.contains_key(name)
    }

    /// Names of all files, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.directory.by_name.keys().map(AsRef::as_ref)
    }

    /// A file as a stream, by its exact name.
    pub fn entry(&mut self, name: &str) -> Result<EntryReader<'_, R>, ArchiveError> {
        let Some(&at) = self.directory.by_name.get(name) else {
            return Err(ArchiveError::NotFound(name.to_owned()));
        };
        let size = self.directory.entries[at].size;
        let file = self.zip.by_index(at).map_err(from_library)?;
        self.directory.check_data(at, file.data_start())?;
        Ok(EntryReader { file, size, left: size })
    }

    /// The content of a file of at most `limit` bytes.
    pub fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let mut entry = self.entry(name)?;
        if entry.size > limit {
            return Err(ArchiveError::TooLarge { what: "bytes of a file", found: entry.size, limit });
        }
        // What the directory claims is bounded, and allocated only as far as it comes.
        let mut content = Vec::new();
        match entry.read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(error) => Err(from_stream(error)),
        }
    }
}

/// A file of an archive, inflated as it is read. Errors when there is more or less than the directory tells, or when
/// the checksum is wrong, which shows at the end.
pub struct EntryReader<'a, R: Read + Seek> {
    file: ZipFile<'a, View<R>>,
    size: u64,
    left: u64,
}

impl<R: Read + Seek> EntryReader<'_, R> {
    /// Bytes of the whole file.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl<R: Read + Seek> Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.left > 0 {
            let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
            let count = self.file.read(&mut buffer[..most])?;
            if count == 0 {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the entry is shorter than it tells"));
            }
            self.left -= count as u64;
            return Ok(count);
        }
        // Reading on to the end makes the library compare the checksum.
        match self.file.read(&mut [0])? {
            0 => Ok(0),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the entry is longer than it tells")),
        }
    }
}

/// Whether the bytes of an app are in `file`.
pub fn is_app(file: impl Read + Seek) -> bool {
    Archive::app(file).is_ok()
}

fn from_library(error: ZipError) -> ArchiveError {
    match error {
        ZipError::Io(error) => from_stream(error),
        _ => ArchiveError::Damaged("an entry is not where the directory tells"),
    }
}

fn from_stream(error: io::Error) -> ArchiveError {
    match error.kind() {
        io::ErrorKind::InvalidData if error.to_string() == "Invalid checksum" => ArchiveError::Checksum,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            ArchiveError::Damaged("an entry cannot be inflated")
        }
        io::ErrorKind::UnexpectedEof => ArchiveError::Damaged("an entry is cut off"),
        _ => ArchiveError::Io(error),
    }
}
