//! The log on standard error. Nobody may be reading it, so lines that find no space are dropped, and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::text::Colours;

/// Lines that may wait for standard error.
const MAX_WAITING_LINES: usize = 1024;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The log of this process. Dropping it waits until the lines so far are written.
pub(crate) struct Log {
    lines: Option<Lines>,
}

#[derive(Clone)]
struct Lines {
    sender: SyncSender<Entry>,
    dropped: Arc<AtomicU64>,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before is written when the sender inside is dropped.
    Mark(SyncSender<()>),
}

/// Starts the log as `RUST_LOG` says, otherwise as `default` does. Lines have colours on terminals only.
pub(crate) fn start(default: &str) -> Log {
    let wanted = std::env::var_os(EnvFilter::DEFAULT_ENV).is_some();
    let (filter, misread) = match EnvFilter::try_from_default_env() {
        Ok(filter) => (filter, None),
        Err(error) => (EnvFilter::new(default), wanted.then_some(error)),
    };
    let (sender, receiver) = sync_channel(MAX_WAITING_LINES);
    let dropped = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&dropped);
    let thread = thread::Builder::new().name("log".to_owned());
    if thread.spawn(move || write(&receiver, &counted, io::stderr())).is_err() {
        return Log { lines: None };
    }
    let lines = Lines { sender, dropped };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    // A logger that is already set stays.
    subscriber.with_ansi(Colours::wanted_on(&io::stderr()).are_on()).try_init().ok();
    if let Some(error) = misread {
        tracing::warn!("RUST_LOG is not understood ({error}); the log is \"{default}\"");
    }
    Log { lines: Some(lines) }
}

/// Writes until all senders are gone.
fn write(lines: &Receiver<Entry>, dropped: &AtomicU64, mut out: impl Write) {
    for entry in lines {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Mark(mark) => {
                drop(mark);
                continue;
            }
        };
        let lost = dropped.swap(0, Relaxed);
        if lost > 0 {
            writeln!(out, "{lost} lines of the log were dropped: standard error was not read in time").ok();
        }
        out.write_all(&line).ok();
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(lines) = &self.lines else { return };
        let (mark, written) = sync_channel(0);
        // With a full queue nobody reads, and nobody will read these either.
        if lines.sender.try_send(Entry::Mark(mark)).is_ok() {
            // Nothing is ever sent: the end of the sender is the answer.
            written.recv_timeout(LAST_LINES).ok();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Entry::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_find_no_room_are_counted_in_the_log() {
        let (sender, receiver) = sync_channel(2);
        let mut lines = Lines { sender, dropped: Arc::default() };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        let dropped = Arc::clone(&lines.dropped);
        drop(lines);
        let mut written = Vec::new();
        write(&receiver, &dropped, &mut written);
        let expected = "2 lines of the log were dropped: standard error was not read in time\none\ntwo\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
