//! `volary receive`: what has come since the last time, each message once.

use clap::Args;
use volary_proto::{GetConfig, GetNextMsgs, SetConfig, WaitNextMsgs};

use super::chats::{self, Whose};
use super::host::{Host, One};
use crate::process::failure::Failure;
use crate::process::signals::Signals;

/// The setting that holds the newest message that was taken.
const TAKEN: &str = "last_msg_id";

#[derive(Debug, Args)]
#[command(after_help = "Messages count as received when they are written; the next call goes on after them.")]
pub(super) struct ReceiveArgs {
    #[command(flatten)]
    one: One,
    /// Goes on with what comes, until interrupted
    #[arg(long)]
    follow: bool,
}

pub(super) async fn run(args: ReceiveArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let host = Host::open(&args.one.place.data).await?;
    let outcome = tokio::select! {
        outcome = receive(&host, &args) => outcome,
        () = signals.end() => Ok(()),
    };
    host.close().await;
    outcome
}

async fn receive(host: &Host, args: &ReceiveArgs) -> Result<(), Failure> {
    let profile = host.profile(args.one.profile).await?;
    if args.follow {
        host.connect(profile).await?;
    }
    if host.call(profile, GetConfig { key: TAKEN.to_owned() }).await?.text.is_none() {
        // Nothing was taken yet. Otherwise only the newest would be given.
        host.call(profile, taken(0)).await?;
    }
    let mut ids = host.call(profile, GetNextMsgs {}).await?.ids;
    loop {
        chats::show(host, profile, &ids, Whose::Others, args.one.place.json).await?;
        if let Some(last) = ids.iter().max() {
            host.call(profile, taken(*last)).await?;
        }
        if !args.follow {
            return Ok(());
        }
        ids = host.call(profile, WaitNextMsgs {}).await?.ids;
    }
}

fn taken(message: u32) -> SetConfig {
    SetConfig { key: TAKEN.to_owned(), value: Some(message.to_string()) }
}
