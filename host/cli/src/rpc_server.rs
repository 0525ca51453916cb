//! `volary-rpc-server`: the process around a JSON-RPC session. Command line, folder, signals, end.

use std::env;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use thiserror::Error;
use volary::jsonrpc::{self, End};
use volary::{Engine, memory};

use crate::commands::serve_control;
use crate::process::event_log;
use crate::process::failure::{Failure, OutputError, exit_code};
use crate::process::signals::Signals;
use crate::process::{log, options};

/// Where profiles are unless `DC_ACCOUNTS_PATH` says otherwise.
const DEFAULT_PATH: &str = "accounts";
/// What is logged unless `RUST_LOG` says otherwise: what is odd or fails, and begin and end of the process.
const DEFAULT_LOG: &str = "warn,volary_cli=info";
/// How long connections may take to close when the process ends.
const STOP_TIME: Duration = Duration::from_secs(2);

/// Why a command line makes no sense. Clients know these texts.
#[derive(Debug, Error, PartialEq, Eq)]
enum UsageError {
    /// The first argument is not known.
    #[error("Unrecognized option {0:?}")]
    UnknownOption(String),
    /// There is something after a complete command line.
    #[error("Unrecognized argument {0:?}")]
    UnknownArgument(String),
}

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
enum Invocation {
    Serve,
    Version,
    OpenRpc,
}

/// Runs the server. The last line of standard error is the reason of a failure, which clients show.
pub fn main() -> ExitCode {
    exit_code(run(env::args().skip(1)), |failure| format!("Error: {failure}."))
}

fn run(arguments: impl Iterator<Item = String>) -> Result<(), Failure> {
    match invocation(arguments)? {
        Invocation::Version => Ok(writeln!(io::stderr(), "{}", jsonrpc::INTERFACE_VERSION)?),
        Invocation::OpenRpc => {
            Ok(writeln!(io::stdout(), "{:#}", jsonrpc::description()).map_err(OutputError::from)?)
        }
        Invocation::Serve => {
            let _log = log::start(DEFAULT_LOG);
            volary::descriptors::raise_limit();
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            let result = runtime.block_on(serve());
            // Standard input may be in the middle of a read that never ends.
            runtime.shutdown_background();
            result
        }
    }
}

fn invocation(mut arguments: impl Iterator<Item = String>) -> Result<Invocation, UsageError> {
    let invocation = match arguments.next().as_deref() {
        None => Invocation::Serve,
        Some("--version") => Invocation::Version,
        Some("--openrpc") => Invocation::OpenRpc,
        Some(other) => return Err(UsageError::UnknownOption(other.to_owned())),
    };
    match arguments.next() {
        Some(more) => Err(UsageError::UnknownArgument(more)),
        None => Ok(invocation),
    }
}

async fn serve() -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let path = env::var_os("DC_ACCOUNTS_PATH").map_or_else(|| PathBuf::from(DEFAULT_PATH), PathBuf::from);
    // Waiting for another process to leave the folder takes seconds.
    let engine = tokio::select! {
        engine = Engine::start(options::for_folder(path)) => engine?,
        () = signals.end() => return Ok(()),
    };
    tokio::spawn(event_log::write(engine.events()));
    let control = serve_control(&engine);
    let folder = engine.dir().display().to_string();
    tracing::info!(folder, pid = std::process::id(), "serving JSON-RPC on standard input and output");

    tokio::select! {
        end = jsonrpc::serve_stdio(engine.clone()) => match end? {
            End::InputClosed => tracing::info!("the client has closed its side: stopping"),
            End::OutputClosed => tracing::info!("the client reads no more answers: stopping"),
        },
        () = signals.end() => tracing::info!("asked to end: stopping"),
        () = memory::return_when_at_rest() => {}
    }
    drop(control);
    match tokio::time::timeout(STOP_TIME, engine.stop()).await {
        Ok(()) => tracing::info!("stopped: all connections are closed, everything is stored"),
        Err(_) => tracing::warn!(
            "ended before all connections were closed: they took longer than {} s; nothing that was stored is lost",
            STOP_TIME.as_secs()
        ),
    }
    // The engine may still be closing its files: the lock of the folder goes with the process, not before.
    std::mem::forget(engine);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_knows_two_options() {
        let parse = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|argument| (*argument).to_owned());
            invocation(arguments).map_err(|error| error.to_string())
        };
        assert_eq!(parse(&[]), Ok(Invocation::Serve));
        assert_eq!(parse(&["--version"]), Ok(Invocation::Version));
        assert_eq!(parse(&["--openrpc"]), Ok(Invocation::OpenRpc));
        assert_eq!(parse(&["--help"]), Err("Unrecognized option \"--help\"".into()));
        assert_eq!(parse(&["--version", "x"]), Err("Unrecognized argument \"x\"".into()));
    }
}
