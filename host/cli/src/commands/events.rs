//! `volary events`: what happens, as lines of JSON.

use clap::Args;
use serde_json::json;
use volary::grpc::Remote;
use volary_grpc::{EventsItem, EventsRequest, events_item};

use super::host::{Host, Place};
use super::output;
use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
#[command(after_help = "\
Each line is an object. With a running host it has the number of the event; a program that was away goes on with
`--log LOG --after NUMBER`, and gets what it missed or a line with `gap`, which names the profiles to read anew.")]
pub(super) struct EventsArgs {
    #[command(flatten)]
    place: Place,
    /// Only events of these profiles (0 = the process as a whole)
    #[arg(long = "profile", value_name = "N")]
    profiles: Vec<u32>,
    /// Begins after this number; needs a running host
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
    /// The log that the number is from, as the first line has said
    #[arg(long, value_name = "LOG", requires = "after", default_value_t = 0)]
    log: u64,
}

pub(super) async fn run(args: EventsArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let host = Host::open(&args.place.data).await?;
    let outcome = tokio::select! {
        outcome = follow(&host, args) => outcome,
        () = signals.end() => Ok(()),
    };
    host.close().await;
    outcome
}

async fn follow(host: &Host, args: EventsArgs) -> Result<(), Failure> {
    for profile in args.profiles.iter().filter(|profile| **profile > 0) {
        // Of one that is not there nothing would ever come.
        host.profile(Some(*profile)).await?;
    }
    match host {
        Host::There(remote, _) => numbered(remote, args).await,
        Host::Here(..) if args.after.is_some() => {
            Err("no host is running: nobody has numbered events".into())
        }
        Host::Here(..) => {
            let mut events = host.events().await?;
            for profile in host.profiles(None).await? {
                host.connect(profile).await?;
            }
            loop {
                let event = events.next().await?;
                if args.profiles.is_empty() || args.profiles.contains(&event.profile_id) {
                    output::json(&*event)?;
                }
            }
        }
    }
}

async fn numbered(remote: &Remote, args: EventsArgs) -> Result<(), Failure> {
    let request = EventsRequest { profiles: args.profiles, after: args.after, log: args.log };
    let mut items = remote.follow(request).await?;
    while let Some(item) = items.message().await.map_err(|status| volary_grpc::error(&status))? {
        output::json(&as_json(&item)?)?;
    }
    Ok(())
}

fn as_json(item: &EventsItem) -> Result<serde_json::Value, Failure> {
    let number = item.number;
    Ok(match &item.kind {
        Some(events_item::Kind::Started(started)) => json!({"number": number, "log": started.log}),
        Some(events_item::Kind::Event(event)) => {
            let mut line = serde_json::to_value(event)?;
            line["number"] = number.into();
            line
        }
        Some(events_item::Kind::Gap(gap)) if gap.all => json!({"number": number, "gap": null}),
        Some(events_item::Kind::Gap(gap)) => json!({"number": number, "gap": gap.profiles}),
        Some(events_item::Kind::Reached(_)) | None => json!({"number": number}),
    })
}
