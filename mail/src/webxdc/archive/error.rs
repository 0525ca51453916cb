//! Why an archive or one of its entries cannot be read.

use std::io;

use super::name::NameFault;

/// Most bytes of a foreign name that an error repeats.
const SHOWN_NAME: usize = 80;

/// Why an archive, or something in it, is refused. Clients show some of these texts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// No archive, or cut off.
    #[error("unable to locate the end of central directory record")]
    NoEnd,
    /// Structures that contradict each other.
    #[error("the archive is damaged: {0}")]
    Damaged(&'static str),
    /// More than a bound allows.
    #[error("the archive is too large: {what} ({found}, at most {limit})")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: u64,
        /// How much is accepted.
        limit: u64,
    },
    /// A compression method that apps must not use.
    #[error("compression not supported: {0}")]
    Compression(u16),
    /// An entry is encrypted.
    #[error("the archive is encrypted: {0}")]
    Encrypted(String),
    /// An entry has a name that no app needs.
    #[error("the archive has an entry whose name {fault}: {name}")]
    Name {
        /// What is wrong with it.
        fault: NameFault,
        /// The name, cut.
        name: String,
    },
    /// Two entries have the same name.
    #[error("the archive has two entries with the same name: {0}")]
    Duplicate(String),
    /// Two entries share bytes, or an entry runs into the directory.
    #[error("the archive has entries that overlap: {0}")]
    Overlap(String),
    /// An entry, or all of them, inflate to far more than any content would.
    #[error("the archive is a decompression bomb: {0}")]
    Bomb(String),
    /// Not an app: there is no `index.html` at the top.
    #[error("the archive has no index.html")]
    NoStartPage,
    /// There is no such entry.
    #[error("no entry found for {0}")]
    NotFound(String),
    /// The content of an entry is not what was packed.
    #[error("a computed CRC32 value did not match the expected value")]
    Checksum,
    /// An icon that is no known picture.
    #[error("Unable to determine image format")]
    IconFormat,
    /// An icon with too many pixels in one direction.
    #[error("Icon is too large")]
    IconSize,
    /// The file cannot be read: no fault of the archive.
    #[error("the archive cannot be read: {0}")]
    Io(#[from] io::Error),
}

impl ArchiveError {
    /// Whether the fault is ours, so that nothing is said about the archive.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Io(_))
    }
}

/// A foreign name as it stands in an error: printable and short.
pub(super) fn shown(name: &[u8]) -> String {
    let cut = name.get(..SHOWN_NAME);
    let text = String::from_utf8_lossy(cut.unwrap_or(name)).escape_debug().to_string();
    if cut.is_some() { format!("{text}…") } else { text }
}
