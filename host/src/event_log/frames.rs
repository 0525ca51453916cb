//! What stands in a file of the log: frames of length, checksum and bytes. Reading ends at the first frame that is not
//! whole, which is where the process or the machine has ended.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Bytes before the content of a frame.
const HEAD: usize = 8;
/// Longest frame that is read: the list of very many profiles.
const MAX_FRAME: usize = 64 << 20;
/// Bytes that are read at a time.
const READ: usize = 64 << 10;

/// Appends a frame.
pub fn put(out: &mut Vec<u8>, content: &[u8]) {
    // Nothing that is written comes near 4 GiB.
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(content));
    out.extend_from_slice(content);
}

fn checksum(content: &[u8]) -> [u8; 4] {
    let hash = blake3::hash(content);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// Reads frames one after the other.
pub struct Frames {
    file: File,
    /// Where the next frame begins.
    offset: u64,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    buffered_at: u64,
}

impl Frames {
    pub fn new(file: File) -> Self {
        Self::from(file, 0)
    }

    /// Goes on where others have read up to an offset.
    pub fn from(file: File, offset: u64) -> Self {
        Self { file, offset, buffer: Vec::new(), buffered_at: 0 }
    }

    /// Where the next frame begins.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The content of the next frame; none while there is no whole one.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some(head) = self.bytes(self.offset, HEAD)? else { return Ok(None) };
        let (Ok(length), Ok(sum)) = (head[..4].try_into(), <[u8; 4]>::try_from(&head[4..])) else {
            return Ok(None);
        };
        let length = u32::from_le_bytes(length) as usize;
        if length > MAX_FRAME {
            return Ok(None);
        }
        let Some(content) = self.bytes(self.offset + HEAD as u64, length)? else { return Ok(None) };
        if checksum(content) != sum {
            // It may be half written at this moment: it is read anew the next time.
            self.buffer.clear();
            return Ok(None);
        }
        let content = content.to_vec();
        self.offset += (HEAD + length) as u64;
        Ok(Some(content))
    }

    /// Bytes of the file, if it has so many.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<Option<&[u8]>> {
        let end = at + length as u64;
        if at < self.buffered_at || end > self.buffered_at + self.buffer.len() as u64 {
            self.buffer.resize(length.max(READ), 0);
            self.buffered_at = at;
            let mut filled = 0;
            while filled < self.buffer.len() {
                match self.file.read_at(&mut self.buffer[filled..], at + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            self.buffer.truncate(filled);
        }
        // The difference fits: the buffer holds it.
        let begin = (at - self.buffered_at) as usize;
        Ok(self.buffer.get(begin..begin + length))
    }
}
