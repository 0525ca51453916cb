//! Blobs that come one after the other: each is written to the disk while the next one comes.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::{BlobName, Blobs, Copied, not_on_the_writer};

/// Files that are complete and wait for the disk.
const WAITING: usize = 4;

/// Stores blobs that are durable together, at [`finish`](Self::finish). Rows that refer to them are committed after that.
pub struct Series {
    blobs: Blobs,
    settling: Option<(SyncSender<Copied>, JoinHandle<io::Result<()>>)>,
}

impl Blobs {
    /// Begins a series, which has a thread of its own.
    pub fn series(&self) -> io::Result<Series> {
        let (sender, receiver) = sync_channel(WAITING);
        let blobs = self.clone();
        let thread =
            thread::Builder::new().name("blobs".to_owned()).spawn(move || settle(&blobs, receiver))?;
        Ok(Series { blobs: self.clone(), settling: Some((sender, thread)) })
    }
}

impl Series {
    /// Stores what `source` gives, piece by piece.
    ///
    /// It can fail for one that came before. A series that has failed takes no more.
    pub fn put_reader(&mut self, source: &mut impl Read, extension: &str) -> io::Result<BlobName> {
        not_on_the_writer();
        let copied = self.blobs.copied(source, extension)?;
        let name = copied.name.clone();
        match &self.settling {
            Some((sender, _)) if sender.send(copied).is_ok() => Ok(name),
            _ => self.end().and(Err(io::Error::other("the series of blobs has ended"))),
        }
    }

    /// Waits until all are durable.
    pub fn finish(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some((sender, thread)) = self.settling.take() else { return Ok(()) };
        drop(sender);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that stores blobs panicked")))
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        // Given up: what is stored by then is swept later, if nothing refers to it.
        let _ = self.end();
    }
}

fn settle(blobs: &Blobs, copied: Receiver<Copied>) -> io::Result<()> {
    let mut any = false;
    for copied in copied {
        copied.settle(blobs)?;
        any = true;
    }
    // Without a blob there may be no folder.
    if any { blobs.sync_dir() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn all_blobs_of_a_series_are_there_at_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path().join("blobs"));
        let mut series = blobs.series().unwrap();
        let contents: Vec<Vec<u8>> = (0..20_u8).map(|number| vec![number % 10; 70_000]).collect();
        let names: Vec<BlobName> =
            contents.iter().map(|content| series.put_reader(&mut &content[..], "bin").unwrap()).collect();
        series.finish().unwrap();
        for (name, content) in names.iter().zip(&contents) {
            assert_eq!(&blobs.read(name, 100_000).unwrap(), content);
        }
        assert_eq!(fs::read_dir(blobs.dir()).unwrap().count(), 10, "the same content is stored once");
        blobs.series().unwrap().finish().unwrap();
        Blobs::new(dir.path().join("none")).series().unwrap().finish().unwrap();
    }

    #[test]
    fn a_blob_that_cannot_be_stored_fails_the_series() {
        let dir = tempfile::tempdir().unwrap();
        let blobs = Blobs::new(dir.path());
        // A folder where the blob should be.
        fs::create_dir_all(blobs.path(&BlobName::of(b"no", "")).join("full")).unwrap();
        let mut series = blobs.series().unwrap();
        series.put_reader(&mut &b"yes"[..], "").unwrap();
        series.put_reader(&mut &b"no"[..], "").unwrap();
        assert!(series.finish().is_err());
        let mut series = blobs.series().unwrap();
        let failed = (0..100).find_map(|_| series.put_reader(&mut &b"no"[..], "").err());
        assert!(failed.is_some(), "what comes later is told");
        drop(series);
        let left = fs::read_dir(blobs.dir()).unwrap().flatten();
        let left: Vec<String> = left.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        assert!(
            left.iter().all(|name| name.parse::<BlobName>().is_ok()),
            "no temporary file stays: {left:?}"
        );
    }
}
