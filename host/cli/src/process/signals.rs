//! Signals: interrupt and terminate ask the process to end, a hangup asks it to read its files again.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal is often sent twice, to a process and to its group. One that comes later is meant as a second one.
const SAME: Duration = Duration::from_secs(1);

/// The signals that a program listens to.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To end.
    End,
    /// To read the configuration again.
    Reload,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until the process is asked to end once more.
    pub(crate) async fn end_again() -> io::Result<()> {
        tokio::time::sleep(SAME).await;
        Self::new()?.end().await;
        Ok(())
    }

    /// Waits for the next signal. Dropping the future before it is ready loses none.
    pub(crate) async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }

    /// Waits until the process is asked to end. A hangup (the terminal is closed, or somebody wants files to be read
    /// again) is noted and ignored: there is nothing to read again, and profiles go on without a terminal.
    pub(crate) async fn end(&mut self) {
        while self.next().await == Asked::Reload {
            tracing::info!("SIGHUP ignored; SIGTERM or SIGINT ends the process");
        }
    }
}
