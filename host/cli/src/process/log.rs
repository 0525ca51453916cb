//! The log on standard error. Nobody may be reading it, so lines that find no space are dropped, and counted.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Registry;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::process::journal;
use crate::text::Colours;

/// Lines that may wait for standard error.
const MAX_WAITING_LINES: usize = 1024;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Longest filter that is taken from outside.
const MAX_FILTER: usize = 1024;

/// The log of this process. Dropping it waits until the lines so far are written.
pub(crate) struct Log {
    lines: Option<Lines>,
    level: Level,
}

/// How much is logged, which can be changed while the process runs. All clones are of the same log.
#[derive(Clone)]
pub(crate) struct Level {
    handle: Option<reload::Handle<EnvFilter, Registry>>,
    filter: Arc<Mutex<String>>,
    dropped: Arc<AtomicU64>,
}

#[derive(Clone)]
struct Lines {
    sender: SyncSender<Entry>,
    /// Dropped lines that the log does not tell of yet.
    unsaid: Arc<AtomicU64>,
    /// All dropped lines.
    dropped: Arc<AtomicU64>,
}

enum Entry {
    Line(Vec<u8>),
    /// Everything before is written when the sender inside is dropped.
    Mark(SyncSender<()>),
}

/// Starts the log as `RUST_LOG` says, otherwise as `default` does. Lines have colours on terminals only,
/// and what the journal has anyway is not in them.
pub(crate) fn start(default: &str) -> Log {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).ok().filter(|text| !text.is_empty());
    let (text, filter, misread) = match wanted.as_ref().map(EnvFilter::try_new) {
        None => (default.to_owned(), EnvFilter::new(default), None),
        Some(Ok(filter)) => (wanted.unwrap_or_default(), filter, None),
        Some(Err(error)) => (default.to_owned(), EnvFilter::new(default), Some(error)),
    };
    let (sender, receiver) = sync_channel(MAX_WAITING_LINES);
    let waiting = Arc::<AtomicU64>::default();
    let counted = Arc::clone(&waiting);
    let dropped = Arc::<AtomicU64>::default();
    let mut level = Level { handle: None, filter: Arc::new(Mutex::new(text)), dropped: Arc::clone(&dropped) };
    let thread = thread::Builder::new().name("log".to_owned());
    if thread.spawn(move || write(&receiver, &counted, io::stderr())).is_err() {
        return Log { lines: None, level };
    }
    let lines = Lines { sender, unsaid: waiting, dropped };
    let (filter, handle) = reload::Layer::new(filter);
    let layer = tracing_subscriber::fmt::layer().with_writer(lines.clone());
    let registry = tracing_subscriber::registry().with(filter);
    // A logger that is already set stays.
    let set = if journal::reads(&io::stderr()) {
        registry.with(layer.with_ansi(false).event_format(journal::Entries::default())).try_init()
    } else {
        registry.with(layer.with_ansi(Colours::wanted_on(&io::stderr()).are_on())).try_init()
    };
    if set.is_ok() {
        level.handle = Some(handle);
    }
    if let Some(error) = misread {
        tracing::warn!("RUST_LOG is not understood ({error}); the log is \"{default}\"");
    }
    Log { lines: Some(lines), level }
}

impl Log {
    /// How much is logged.
    pub(crate) fn level(&self) -> Level {
        self.level.clone()
    }
}

impl Level {
    /// What is logged, in the form of `RUST_LOG`.
    pub(crate) fn filter(&self) -> String {
        self.filter.lock().clone()
    }

    /// Logs this from now on. Fails with the reason if it makes no sense.
    pub(crate) fn set(&self, filter: &str) -> Result<(), String> {
        if filter.is_empty() || filter.len() > MAX_FILTER {
            return Err(format!("a filter of the log has 1 to {MAX_FILTER} characters"));
        }
        let new = EnvFilter::try_new(filter).map_err(|error| format!("not a filter of the log: {error}"))?;
        let mut current = self.filter.lock();
        let handle = self.handle.as_ref().ok_or("the log of this process cannot be changed")?;
        handle.reload(new).map_err(|error| format!("the log cannot be changed: {error}"))?;
        filter.clone_into(&mut current);
        Ok(())
    }

    /// Lines that were dropped since the start because standard error was not read in time.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }
}

/// Writes until all senders are gone.
fn write(lines: &Receiver<Entry>, unsaid: &AtomicU64, mut out: impl Write) {
    for entry in lines {
        let line = match entry {
            Entry::Line(line) => line,
            Entry::Mark(mark) => {
                drop(mark);
                continue;
            }
        };
        let lost = unsaid.swap(0, Relaxed);
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
            self.unsaid.fetch_add(1, Relaxed);
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
    fn a_filter_that_makes_no_sense_changes_nothing() {
        let level =
            Level { handle: None, filter: Arc::new(Mutex::new("info".into())), dropped: Arc::default() };
        assert!(level.set("volary=loud").unwrap_err().contains("not a filter of the log"));
        assert!(level.set("").is_err() && level.set(&"a".repeat(2000)).is_err());
        assert!(level.set("debug").unwrap_err().contains("cannot be changed"));
        assert_eq!(level.filter(), "info");
    }

    #[test]
    fn lines_that_find_no_room_are_counted_in_the_log() {
        let (sender, receiver) = sync_channel(2);
        let mut lines = Lines { sender, unsaid: Arc::default(), dropped: Arc::default() };
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        let unsaid = Arc::clone(&lines.unsaid);
        assert_eq!(lines.dropped.load(Relaxed), 2);
        drop(lines);
        let mut written = Vec::new();
        write(&receiver, &unsaid, &mut written);
        let expected = "2 lines of the log were dropped: standard error was not read in time\none\ntwo\n";
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }
}
