//! The log on standard error. Nobody may be reading it, so lines that find no room are dropped.

use std::{
    io::{self, Write},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Lines that may wait for standard error.
const MAX_WAITING_LINES: usize = 1024;

/// Starts logging as `RUST_LOG` says; by default errors only.
pub(super) fn start() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("error"));
    let (lines, receiver) = sync_channel(MAX_WAITING_LINES);
    if thread::Builder::new().name("log".into()).spawn(move || write(receiver)).is_err() {
        return;
    }
    // A logger that is already set stays.
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(Log { lines }).try_init().ok();
}

fn write(lines: Receiver<Vec<u8>>) {
    let mut stderr = io::stderr();
    for line in lines {
        stderr.write_all(&line).ok();
    }
}

#[derive(Clone)]
struct Log {
    lines: SyncSender<Vec<u8>>,
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.try_send(line.to_vec()).ok();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Log;

    fn make_writer(&'a self) -> Self::Writer {
        self.clone()
    }
}
