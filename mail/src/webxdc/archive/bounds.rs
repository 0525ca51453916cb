//! Every limit on an archive. What exceeds one is refused before anything is inflated.

/// Largest archive in bytes; larger than any relay transports.
pub const MAX_ARCHIVE: u64 = 1 << 30;

/// Most entries. The largest apps known have some thousand.
pub const MAX_ENTRIES: u64 = 10_000;

/// Largest central directory in bytes: it is read into memory.
pub const MAX_DIRECTORY: u64 = 4 << 20;

/// Longest name of an entry in bytes.
pub const MAX_NAME: usize = 1_024;

/// Most bytes that one entry may inflate to: it is handed out as one answer.
pub const MAX_ENTRY: u64 = 100 << 20;

/// Most bytes that all entries together may inflate to.
pub const MAX_TOTAL: u64 = 512 << 20;

/// Most bytes that one packed byte may stand for, on average over an entry or an archive above [`RATIO_FREE`].
/// Deflate reaches some 1,030 with constant data only; code, pictures and fonts stay below 20.
pub const MAX_RATIO: u64 = 200;

/// Up to so many inflated bytes any ratio is accepted: an empty canvas or a second of silence compresses well.
pub const RATIO_FREE: u64 = 16 << 20;

/// Largest `manifest.toml` in bytes that is looked at.
pub const MAX_MANIFEST: u64 = 256 << 10;

/// Most bytes behind the end of the archive that are skipped when its end is searched.
pub const MAX_TRAILER: u64 = 65_535;
