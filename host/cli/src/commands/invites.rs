//! `volary invite` and `volary join`: how people and groups come together.

use clap::Args;
use serde_json::json;
use volary_proto::event::Kind;
use volary_proto::{GetChatSecurejoinQrCode, SecureJoin};

use super::host::{Events, Host, One};
use super::output;
use crate::process::failure::Failure;

/// The progress of a handshake that is done.
const DONE: u32 = 1000;

#[derive(Debug, Args)]
pub(super) struct InviteArgs {
    #[command(flatten)]
    one: One,
    /// Invites to this group or channel; otherwise to a chat with the profile
    #[arg(long, value_name = "ID")]
    chat: Option<u32>,
}

#[derive(Debug, Args)]
pub(super) struct JoinArgs {
    #[command(flatten)]
    one: One,
    /// Waits until the other side has confirmed
    #[arg(long)]
    wait: bool,
    /// The invite
    code: String,
}

pub(super) async fn invite(args: InviteArgs) -> Result<(), Failure> {
    let host = Host::open(&args.one.place.data).await?;
    let outcome = async {
        let profile = host.profile(args.one.profile).await?;
        let code = host.call(profile, GetChatSecurejoinQrCode { chat_id: args.chat }).await?.text;
        if args.one.place.json { output::json(&json!({"invite": code})) } else { output::line(code) }
    };
    let outcome = outcome.await;
    host.close().await;
    outcome
}

pub(super) async fn join(args: JoinArgs) -> Result<(), Failure> {
    let host = Host::open(&args.one.place.data).await?;
    let outcome = follow(&host, &args).await;
    host.close().await;
    outcome
}

async fn follow(host: &Host, args: &JoinArgs) -> Result<(), Failure> {
    let profile = host.profile(args.one.profile).await?;
    let mut events = host.events().await?;
    host.connect(profile).await?;
    let chat = host.call(profile, SecureJoin { qr: args.code.clone(), ..Default::default() }).await?.id;
    // Without a host nobody else sends what the handshake needs.
    if args.wait || matches!(host, Host::Here(..)) {
        until_joined(&mut events, profile).await?;
    }
    if args.one.place.json { output::json(&json!({"chat": chat})) } else { output::line(chat.to_string()) }
}

async fn until_joined(events: &mut Events, profile: u32) -> Result<(), Failure> {
    loop {
        let event = events.next().await?;
        match &event.kind {
            Some(Kind::SecurejoinJoinerProgress(joined)) if event.profile_id == profile => {
                match joined.progress {
                    DONE => return Ok(()),
                    0 => return Err("the other side cannot be joined".into()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
