//! `volary statistics`: what statistics would say.

use std::io::{Write as _, stdout};
use std::path::PathBuf;

use clap::Args;
use volary::Engine;
use volary_proto::GetStatistics;

use super::folder;
use crate::process::failure::{Failure, OutputError};

#[derive(Debug, Args)]
pub(super) struct StatisticsArgs {
    /// Folder of the profiles; no other process may be using it
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Only this profile
    #[arg(long, value_name = "N")]
    profile: Option<u32>,
}

pub(super) async fn run(args: StatisticsArgs) -> Result<(), Failure> {
    let engine = folder::open(&args.data).await?;
    let outcome = show(&engine, args.profile).await;
    engine.stop().await;
    outcome
}

async fn show(engine: &Engine, only: Option<u32>) -> Result<(), Failure> {
    for profile in folder::profiles(engine, only).await? {
        let json = engine.call(profile, GetStatistics {}).await?.text;
        writeln!(stdout().lock(), "Profile {profile}:\n{json}").map_err(OutputError::from)?;
    }
    Ok(())
}
