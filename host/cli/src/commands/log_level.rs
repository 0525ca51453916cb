//! `volary log-level`: how much a running host logs.

use clap::Args;
use serde_json::json;
use volary::grpc::Remote;

use super::host::Place;
use super::{folder, output};
use crate::process::failure::Failure;

#[derive(Debug, Args)]
#[command(after_help = "A change holds until the host ends or reads its configuration again (SIGHUP).")]
pub(super) struct LogLevelArgs {
    #[command(flatten)]
    place: Place,
    /// What is logged from now on, in the form of RUST_LOG (like `debug` or `info,volary_actors=trace`); without it, what is
    /// logged is shown
    filter: Option<String>,
}

pub(super) async fn run(args: LogLevelArgs) -> Result<(), Failure> {
    folder::check(&args.place.data)?;
    let filter = Remote::connect(&args.place.data).await?.log_level(args.filter).await?;
    if args.place.json { output::json(&json!({"filter": filter})) } else { output::line(filter) }
}
