//! `volary demo`.

use std::path::PathBuf;

use clap::Args;

use crate::demo::{DemoOptions, MAX_PROFILES, Stage, Transcript, apps, guest, perform};
use crate::process::failure::Failure;
use crate::process::signals::Signals;

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Folder for the profiles, new or empty; without it a temporary one is used and removed
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How many profiles take part
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(2..=MAX_PROFILES))]
    profiles: u32,
    /// Leaves relay and profiles running at the end and shows how to connect with another client
    #[arg(long)]
    keep_running: bool,
    /// Leaves them running at the end, with in-chat apps that two of them share in a browser
    #[arg(long)]
    apps: bool,
}

pub(super) async fn run(args: DemoArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let options = DemoOptions { data: args.data, ..DemoOptions::with_profiles(args.profiles) };
    let transcript = Transcript::on_stdout();
    let stage = tokio::select! {
        stage = Stage::set_up(options, &transcript) => stage?,
        () = signals.end() => return Err("interrupted".into()),
    };
    let outcome = tokio::select! {
        report = perform(&stage, &transcript) => report.map_err(Failure::from),
        () = signals.end() => Err("interrupted".into()),
    };
    if let Ok(report) = &outcome {
        transcript.summary(report);
        let _shown = match args.apps {
            true => Some(apps::show(&stage, &transcript).await?),
            false => None,
        };
        if args.apps && !args.keep_running {
            signals.end().await;
        }
        if args.keep_running {
            guest::invite(&stage, &transcript).await?;
            tokio::select! {
                () = guest::watch(&stage, &transcript) => {}
                () = signals.end() => {}
            }
        }
    }
    stage.tear_down().await;
    outcome.map(|_| ())
}
