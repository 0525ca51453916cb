//! The process around a session: command line, accounts directory, signals, end.

use std::{
    env,
    future::Future,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use thiserror::Error;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{
    directory::{AccountsDirectory, DirectoryError},
    logging, openrpc,
    session::End,
    stdio,
};
use crate::{bus::Bus, memory};

/// The version that clients of the interface ask for: the interface is that of this release.
pub(super) const INTERFACE_VERSION: &str = "2.65.0";

/// Where profiles live unless `DC_ACCOUNTS_PATH` says otherwise.
const DEFAULT_PATH: &str = "accounts";

/// How long connections may take to close when the process ends.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Why the process does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The first argument is not known.
    #[error("Unrecognized option {0:?}")]
    UnknownOption(String),
    /// There is something after a complete command line.
    #[error("Unrecognized argument {0:?}")]
    UnknownArgument(String),
    /// The accounts directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The operating system refuses.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The engine does not start.
    #[error("{0}")]
    Engine(String),
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Invocation {
    Serve,
    Version,
    OpenRpc,
}

/// Runs the server. `start` opens the engine on the accounts directory, inside the runtime.
pub fn main<B, F, S>(start: S) -> ExitCode
where
    B: Bus,
    F: Future<Output = Result<B, String>>,
    S: FnOnce(PathBuf) -> F,
{
    match run(env::args().skip(1), start) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The last line of standard error is the reason that clients show.
            writeln!(io::stderr(), "Error: {error}.").ok();
            ExitCode::FAILURE
        }
    }
}

fn run<B, F, S>(arguments: impl Iterator<Item = String>, start: S) -> Result<(), StartError>
where
    B: Bus,
    F: Future<Output = Result<B, String>>,
    S: FnOnce(PathBuf) -> F,
{
    match invocation(arguments)? {
        Invocation::Version => Ok(writeln!(io::stderr(), "{INTERFACE_VERSION}")?),
        Invocation::OpenRpc => Ok(writeln!(io::stdout(), "{:#}", openrpc::document())?),
        Invocation::Serve => {
            logging::start();
            crate::descriptors::raise_limit();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let result = runtime.block_on(serve(start));
            // Standard input may be in the middle of a read that never ends.
            runtime.shutdown_background();
            result
        }
    }
}

pub(super) fn invocation(mut arguments: impl Iterator<Item = String>) -> Result<Invocation, StartError> {
    let invocation = match arguments.next().as_deref() {
        None => Invocation::Serve,
        Some("--version") => Invocation::Version,
        Some("--openrpc") => Invocation::OpenRpc,
        Some(other) => return Err(StartError::UnknownOption(other.to_owned())),
    };
    match arguments.next() {
        Some(more) => Err(StartError::UnknownArgument(more)),
        None => Ok(invocation),
    }
}

async fn serve<B, F, S>(start: S) -> Result<(), StartError>
where
    B: Bus,
    F: Future<Output = Result<B, String>>,
    S: FnOnce(PathBuf) -> F,
{
    let mut signals = Signals::new()?;
    let path = env::var_os("DC_ACCOUNTS_PATH").map_or_else(|| PathBuf::from(DEFAULT_PATH), PathBuf::from);
    let directory = tokio::select! {
        directory = open(&path) => directory?,
        () = signals.any() => return Ok(()),
    };
    let bus = start(directory.path().to_owned()).await.map_err(StartError::Engine)?;

    tokio::select! {
        end = stdio::serve_stdio(bus.clone()) => match end? {
            End::InputClosed => tracing::info!("the client has closed its side"),
            End::OutputClosed => tracing::info!("the client reads no more answers"),
        },
        () = signals.any() => tracing::info!("asked to end"),
        () = memory::return_when_at_rest() => {}
    }
    tokio::time::timeout(STOP_TIME, bus.stop()).await.ok();
    // The engine may still be closing its files: the lock goes with the process, not before.
    std::mem::forget(directory);
    Ok(())
}

/// Waiting for the lock takes seconds, which must not hold up signals.
async fn open(path: &Path) -> Result<AccountsDirectory, StartError> {
    let path = path.to_owned();
    let opened = tokio::task::spawn_blocking(move || AccountsDirectory::open(&path)).await;
    Ok(opened.map_err(io::Error::other)??)
}

/// The signals that end the process in an orderly way.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one of them.
    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
