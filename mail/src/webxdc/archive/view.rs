//! What the zip library gets to see: the data of the entries, and behind it the directory written anew.

use std::io::{self, Read, Seek, SeekFrom};

/// The first `data_len` bytes of a file, then `tail`.
pub(super) struct View<R> {
    file: R,
    /// Where the file stands, if that is known.
    file_at: Option<u64>,
    data_len: u64,
    tail: Vec<u8>,
    at: u64,
}

impl<R> View<R> {
    pub(super) fn new(file: R, data_len: u64, tail: Vec<u8>) -> Self {
        Self { file, file_at: None, data_len, tail, at: 0 }
    }

    fn len(&self) -> u64 {
        self.data_len + self.tail.len() as u64
    }
}

impl<R: Read + Seek> Read for View<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.data_len {
            let from = usize::try_from(self.at - self.data_len).unwrap_or(usize::MAX);
            let count = self.tail.get(from..).unwrap_or_default().read(buffer)?;
            self.at += count as u64;
            return Ok(count);
        }
        if self.file_at != Some(self.at) {
            self.file_at = None;
            self.file.seek(SeekFrom::Start(self.at))?;
        }
        let most = usize::try_from(self.data_len - self.at).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read(&mut buffer[..most])?;
        if count == 0 && most > 0 {
            // The file became shorter since its directory was read.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.at += count as u64;
        self.file_at = Some(self.at);
        Ok(count)
    }
}

impl<R> Seek for View<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
