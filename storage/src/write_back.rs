//! Writing a large file back while more of it comes, so that who syncs it at the end waits for little.

use std::fs::File;
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// After so many bytes more the file is written back. Smaller files are not worth a thread.
const EVERY: u64 = if cfg!(test) { 16 << 10 } else { 16 << 20 };

/// Writes a growing file back beside the thread that fills it.
#[derive(Default)]
pub(crate) struct WriteBack {
    thread: Option<(SyncSender<()>, JoinHandle<io::Result<()>>)>,
    asked_at: u64,
}

impl WriteBack {
    /// The file has `length` bytes now.
    pub(crate) fn grown(&mut self, file: &File, length: u64) -> io::Result<()> {
        if length - self.asked_at < EVERY {
            return Ok(());
        }
        self.asked_at = length;
        let (ask, _) = match &mut self.thread {
            Some(running) => running,
            none => none.insert(start(file.try_clone()?)?),
        };
        match ask.try_send(()) {
            // What is asked for already covers this, too.
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            // It has failed: the end says why.
            Err(TrySendError::Disconnected(())) => self.end(),
        }
    }

    /// Waits for what was begun. A failure of the disk is told once to all who hold the file, so it has to be asked for here
    /// before the file is synced as a whole.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        let Some((ask, thread)) = self.thread.take() else { return Ok(()) };
        drop(ask);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that writes a file back panicked")))
    }
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        // The file is given up: nobody asks whether it is on the disk.
        let _ = self.end();
    }
}

fn start(file: File) -> io::Result<(SyncSender<()>, JoinHandle<io::Result<()>>)> {
    let (ask, asked) = sync_channel(1);
    let thread = thread::Builder::new().name("write-back".to_owned()).spawn(move || {
        for () in asked {
            file.sync_data()?;
        }
        Ok(())
    })?;
    Ok((ask, thread))
}
