//! Answers on their way to a client.

use std::fmt::{self, Write as _};
use std::ops::Range;
use std::sync::Arc;

/// Queued answers. Message bytes are referenced, not copied, so that fetching a large mailbox costs no memory.
#[derive(Default)]
pub(crate) struct Reply {
    segments: Vec<Segment>,
    text: usize,
}

/// A piece of an answer.
pub(crate) enum Segment {
    Text(Vec<u8>),
    Shared(Arc<[u8]>, Range<usize>),
}

impl Segment {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            // Ranges are made from the same message they point into; a wrong one yields nothing rather than a panic.
            Self::Shared(data, range) => data.get(range.clone()).unwrap_or_default(),
        }
    }
}

impl Reply {
    /// Appends one line; CRLF is added.
    pub(crate) fn line(&mut self, line: fmt::Arguments<'_>) {
        self.put(line);
        self.bytes(b"\r\n");
    }

    /// Appends formatted text.
    pub(crate) fn put(&mut self, text: fmt::Arguments<'_>) {
        // Formatting into memory cannot fail unless a Display implementation does; then the text is cut there.
        let _ = self.write_fmt(text);
    }

    /// Appends bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.text += bytes.len();
        match self.segments.last_mut() {
            Some(Segment::Text(text)) => text.extend_from_slice(bytes),
            _ => self.segments.push(Segment::Text(bytes.to_vec())),
        }
    }

    /// Appends a part of a stored message.
    pub(crate) fn share(&mut self, data: &Arc<[u8]>, range: Range<usize>) {
        self.segments.push(Segment::Shared(Arc::clone(data), range));
    }

    /// Bytes of text held in memory by this reply, without shared messages.
    pub(crate) fn text_len(&self) -> usize {
        self.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Takes everything that is queued and leaves an empty reply that owns no memory.
    pub(crate) fn take(&mut self) -> Vec<Segment> {
        self.text = 0;
        std::mem::take(&mut self.segments)
    }
}

impl fmt::Write for Reply {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.bytes(text.as_bytes());
        Ok(())
    }
}
