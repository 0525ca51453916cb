//! Every limit on received and built mail. Whatever exceeds one is cut or refused; nothing grows without one.

/// Largest mail that is looked at at all, in bytes; relays refuse far smaller ones.
pub const MAX_MAIL_BYTES: usize = 256 * 1024 * 1024;

/// Deepest accepted nesting of MIME containers. What lies deeper is not opened.
pub const MAX_NESTING: usize = 64;

/// Most MIME entities taken from one mail; later ones are not looked at.
pub const MAX_ENTITIES: usize = 2_000;

/// Most parts (each becomes a message) taken from one mail.
pub const MAX_PARTS: usize = 200;

/// Most header fields kept per header block. Of repeated fields the last counts, so the *last* ones are kept.
pub const MAX_HEADER_FIELDS: usize = 5_000;

/// Longest kept value of one header field in bytes; longer fields are treated as absent.
/// Avatars and keys are the largest legitimate values.
pub const MAX_HEADER_VALUE: usize = 4 * 1024 * 1024;

/// Longest header name in bytes (RFC 5322 §2.1.1 line limit).
pub const MAX_HEADER_NAME: usize = 998;

/// Most addresses taken from one address header.
pub const MAX_ADDRESSES: usize = 10_000;

/// Most message ids taken from one header.
pub const MAX_MESSAGE_IDS: usize = 10_000;

/// Longest message id in bytes (RFC 5322 §2.1.1 line limit).
pub const MAX_MESSAGE_ID: usize = 998;

/// Most parameters of one structured header such as `Content-Type`.
pub const MAX_PARAMETERS: usize = 500;

/// Longest `boundary` parameter in bytes. RFC 2046 §5.1.1 allows 70; longer ones occur.
pub const MAX_BOUNDARY: usize = 200;

/// Most Autocrypt and most gossip headers that are handed out.
pub const MAX_KEY_HEADERS: usize = 1_000;

/// Longest text body in bytes that becomes a message text; the rest is cut.
pub const MAX_TEXT_BYTES: usize = 8 * 1024 * 1024;

/// Deepest element nesting that the HTML reader tracks.
pub const MAX_HTML_DEPTH: usize = 500;

/// Largest accepted KML file in bytes.
pub const MAX_KML_BYTES: usize = 1024 * 1024;

/// Largest accepted avatar, decoded, in bytes.
pub const MAX_AVATAR_BYTES: usize = 1024 * 1024;

/// A picture with more pixels than this is only a file: decoding it could exhaust a client's memory.
pub const MAX_IMAGE_PIXELS: u64 = 50_000_000;

/// Files with more bytes than this travel in a post-message of their own.
pub const PRE_MESSAGE_THRESHOLD: usize = 140_000;

/// Longest kept file name in bytes.
pub const MAX_FILE_NAME: usize = 255;

/// Longest file extension in bytes that a blob keeps.
pub const MAX_EXTENSION: usize = 32;

/// Lines of text that a message shows before it is cut, each of [`DISPLAY_LINE_CHARS`] characters.
pub const DISPLAY_LINES: usize = 38;

/// Characters that count as one display line.
pub const DISPLAY_LINE_CHARS: usize = 100;

/// A reaction must have fewer bytes than this.
pub const MAX_REACTION_BYTES: usize = 30;

/// A voice, audio or video duration must be below this many milliseconds (one day).
pub const MAX_DURATION_MS: u64 = 86_400_000;

/// The outer `Date` lies at most this many seconds (6 days) in the past.
pub const OUTER_DATE_SPREAD: i64 = 518_400;

/// Bytes of a long text that are kept for searching.
pub const MAX_WHOLE_TEXT: usize = 1 << 20;
