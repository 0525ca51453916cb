//! `volary rpc`: JSON-RPC on standard input and output, for a program that starts its server itself and that a running host
//! serves.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use parking_lot::Mutex;
use tokio::sync::Notify;
use volary::access::{Access, Limited};
use volary::bus::{Bus, EventSource};
use volary::grpc::{Remote, RemoteEvents};
use volary::jsonrpc::{self, End};
use volary_proto::{Answer, Error, Event, Request};

use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
#[command(after_help = "\
A bot or client that starts a `deltachat-rpc-server` shares the host by a script in its place:
    #!/bin/sh
    exec volary rpc --data /var/lib/volary --profile 7
It ends with its client, and with 1 when the host ends.")]
pub(super) struct RpcArgs {
    /// Folder of the profiles, on which a host runs
    #[arg(long, value_name = "DIR", env = "VOLARY_DATA", hide_env_values = true, default_value = "profiles")]
    data: PathBuf,
    /// Only these profiles, and nothing about the process as a whole
    #[arg(long = "profile", value_name = "N")]
    profiles: Vec<u32>,
    /// Only reading
    #[arg(long)]
    read_only: bool,
}

pub(super) async fn run(args: RpcArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let remote = Remote::connect(&args.data).await?;
    let profiles: BTreeSet<u32> = args.profiles.into_iter().collect();
    // Events are under way before the client asks for anything.
    let events = remote.events(profiles.iter().copied().collect()).await?;
    let access = Access { profiles: (!profiles.is_empty()).then_some(profiles), read_only: args.read_only };
    let host = Host { remote, first: Arc::new(Mutex::new(Some(events))), ended: Arc::default() };
    let ended = host.ended.clone();
    let host = Limited::on_this_machine(host, access);
    tokio::select! {
        end = jsonrpc::serve_stdio(host) => match end? {
            End::InputClosed | End::OutputClosed => Ok(()),
        },
        () = ended.notified() => Err(format!("the host on {} has ended", args.data.display()).into()),
        () = signals.end() => Ok(()),
    }
}

/// A running host.
#[derive(Clone)]
struct Host {
    remote: Remote,
    /// For the client, which takes them once.
    first: Arc<Mutex<Option<RemoteEvents>>>,
    /// The client waits for events, and there are no more.
    ended: Arc<Notify>,
}

impl Bus for Host {
    type Events = Watched;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        Bus::call(&self.remote, request)
    }

    fn subscribe(&self) -> Watched {
        let events = self.first.lock().take().unwrap_or_else(|| self.remote.subscribe());
        Watched { events, ended: self.ended.clone() }
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        self.remote.stop()
    }
}

struct Watched {
    events: RemoteEvents,
    ended: Arc<Notify>,
}

impl EventSource for Watched {
    async fn next(&mut self) -> Option<Arc<Event>> {
        let event = self.events.next().await;
        if event.is_none() {
            self.ended.notify_one();
        }
        event
    }
}
