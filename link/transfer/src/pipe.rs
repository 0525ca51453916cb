//! Bounded pipes between the stream of a transfer and what writes or reads the archive on a thread of its own.
//!
//! A pipe holds a few chunks: who is faster waits. An end that goes away fails the other one, so that each side notices
//! when the transfer is cancelled.

use std::io::{self, Read, Write};

use bytes::Bytes;
use tokio::sync::mpsc;

/// Longest chunk.
pub(crate) const CHUNK: usize = 64 * 1024;
/// Chunks that wait in a pipe.
const WAITING: usize = 8;

enum Piece {
    Data(Bytes),
    End,
    Broken(String),
}

/// Where an archive is written to.
pub struct ArchiveWriter {
    pieces: mpsc::Sender<Piece>,
    buffer: Vec<u8>,
}

/// What comes out of an [`ArchiveWriter`].
pub struct Chunks(mpsc::Receiver<Piece>);

/// A pipe from what writes an archive to the network.
pub fn to_network() -> (ArchiveWriter, Chunks) {
    let (pieces, chunks) = mpsc::channel(WAITING);
    (ArchiveWriter { pieces, buffer: Vec::new() }, Chunks(chunks))
}

impl ArchiveWriter {
    /// The archive is complete. Without this call the other side takes it as broken off.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.pieces.blocking_send(Piece::End).map_err(|_| gone())
    }
}

impl Write for ArchiveWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let taken = data.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(data.get(..taken).unwrap_or_default());
        if self.buffer.len() == CHUNK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let data = Bytes::from(std::mem::take(&mut self.buffer));
        self.pieces.blocking_send(Piece::Data(data)).map_err(|_| gone())
    }
}

impl Chunks {
    /// The next chunk, none at the end of the archive.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, crate::TransferError> {
        match self.0.recv().await {
            Some(Piece::Data(data)) => Ok(Some(data)),
            Some(Piece::End) => Ok(None),
            Some(Piece::Broken(_)) | None => Err(crate::TransferError::Archive),
        }
    }
}

/// Where an archive is read from. A connection that breaks off is an error, not an end.
pub struct ArchiveReader {
    pieces: mpsc::Receiver<Piece>,
    chunk: Bytes,
    ended: bool,
}

/// What an [`ArchiveReader`] is fed with.
pub struct Feed(mpsc::Sender<Piece>);

/// A pipe from the network to what reads an archive.
pub fn from_network() -> (Feed, ArchiveReader) {
    let (feed, pieces) = mpsc::channel(WAITING);
    (Feed(feed), ArchiveReader { pieces, chunk: Bytes::new(), ended: false })
}

impl Feed {
    /// Passes a chunk on. False: nobody reads any more.
    pub(crate) async fn pass(&self, chunk: Bytes) -> bool {
        self.0.send(Piece::Data(chunk)).await.is_ok()
    }

    /// The stream broke off; the reader fails with the reason.
    pub(crate) async fn fail(self, reason: String) {
        // A reader that is gone needs none.
        let _ = self.0.send(Piece::Broken(reason)).await;
    }

    /// The archive is complete.
    pub(crate) async fn finish(self) {
        // A reader that knows the end from the archive itself may be gone.
        let _ = self.0.send(Piece::End).await;
    }
}

impl Read for ArchiveReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Data(data)) => self.chunk = data,
                Some(Piece::End) => self.ended = true,
                Some(Piece::Broken(reason)) => {
                    return Err(io::Error::new(io::ErrorKind::ConnectionAborted, reason));
                }
                None => return Err(gone()),
            }
        }
        let part = self.chunk.split_to(self.chunk.len().min(into.len()));
        if let Some(into) = into.get_mut(..part.len()) {
            into.copy_from_slice(&part);
        }
        Ok(part.len())
    }
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the transfer has ended")
}
