//! `volary serve`: keeps all profiles of a folder connected.

use std::path::PathBuf;

use clap::Args;
use volary::jsonrpc::{self, End};
use volary::{Engine, memory};
use volary_proto::{GetAllAccountIds, StartIoForAllAccounts};

use crate::process::event_log;
use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Folder of the profiles; made if it does not exist
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Speaks JSON-RPC on standard input and output; ends with the input
    #[arg(long)]
    rpc: bool,
}

pub(super) async fn run(args: ServeArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let engine = Engine::start(args.data).await?;
    let events = tokio::spawn(event_log::write(engine.events()));
    let profiles = engine.call(0, GetAllAccountIds {}).await?.ids.len();
    engine.call(0, StartIoForAllAccounts {}).await?;
    tracing::info!(profiles, folder = %engine.dir().display(), pid = std::process::id(), "serving");
    if profiles == 0 && !args.rpc {
        tracing::warn!(
            "the folder has no profiles: make some with volary-rpc-server or `volary serve --rpc`"
        );
    }

    tokio::select! {
        end = jsonrpc::serve_stdio(engine.clone()), if args.rpc => match end? {
            End::InputClosed => tracing::info!("the client has closed its side: stopping"),
            End::OutputClosed => tracing::info!("the client reads no more answers: stopping"),
        },
        () = signals.end() => tracing::info!("asked to end: stopping"),
        () = memory::return_when_at_rest() => {}
    }
    tokio::select! {
        () = engine.stop() => tracing::info!("stopped: all connections are closed, everything is stored"),
        again = Signals::end_again() => {
            again?;
            tracing::warn!("asked twice: ended before all connections were closed; nothing that was stored is lost");
            return Ok(());
        }
    }
    // The stream ends with the engine.
    events.await?;
    Ok(())
}
