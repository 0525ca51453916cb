//! `volary statistics`: what statistics would say.

use std::io::{Write as _, stdout};

use clap::Args;
use volary_proto::GetStatistics;

use super::host::{Host, Place};
use super::output;
use crate::process::failure::{Failure, OutputError};

#[derive(Debug, Args)]
pub(super) struct StatisticsArgs {
    #[command(flatten)]
    place: Place,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
}

pub(super) async fn run(args: StatisticsArgs) -> Result<(), Failure> {
    let host = Host::open(&args.place.data).await?;
    let outcome = show(&host, &args).await;
    host.close().await;
    outcome
}

async fn show(host: &Host, args: &StatisticsArgs) -> Result<(), Failure> {
    for profile in host.profiles(args.profile).await? {
        let json = host.call(profile, GetStatistics {}).await?.text;
        if args.place.json {
            let statistics: serde_json::Value = serde_json::from_str(&json)?;
            output::json(&serde_json::json!({"profile": profile, "statistics": statistics}))?;
            continue;
        }
        writeln!(stdout().lock(), "Profile {profile}:\n{json}").map_err(OutputError::from)?;
    }
    Ok(())
}
