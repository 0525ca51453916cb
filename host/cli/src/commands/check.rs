//! `volary check`: whether a folder is fit for a host.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;
use volary::access::Tokens;
use volary_proto::{GetAllAccountIds, IsConfigured};

use super::host::{Host, Place};
use super::{folder, output};
use crate::process::failure::Failure;

/// Rights of others than the owner.
const OTHERS: u32 = 0o077;

#[derive(Debug, Args)]
#[command(after_help = "Changes nothing. Exits with 1 if something is wrong.")]
pub(super) struct CheckArgs {
    #[command(flatten)]
    place: Place,
}

/// What was looked at, and what is wrong with it.
struct Finding {
    what: &'static str,
    wrong: Option<String>,
}

pub(super) async fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    let place = args.place;
    folder::check(&place.data)?;
    let mut findings = vec![rights(&place.data), tokens(&place.data)];
    match Host::open(&place.data).await {
        Ok(host) => {
            let what = match host {
                Host::Here(..) => "the database opens; no host is running",
                Host::There(..) => "a host is running and answers",
            };
            findings.push(Finding { what, wrong: None });
            let outcome = profiles(&host).await;
            host.close().await;
            findings.push(outcome?);
        }
        Err(error) => findings.push(Finding { what: "the database opens", wrong: Some(error.to_string()) }),
    }
    for Finding { what, wrong } in &findings {
        if place.json {
            output::json(&json!({"check": what, "wrong": wrong}))?;
        } else {
            output::line(match wrong {
                None => format!("✓ {what}"),
                Some(wrong) => format!("✗ {what}: {wrong}"),
            })?;
        }
    }
    let well = findings.iter().all(|finding| finding.wrong.is_none());
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rights(folder: &Path) -> Finding {
    let wrong = match fs::metadata(folder) {
        Ok(about) if about.mode() & OTHERS == 0 => None,
        Ok(about) => Some(format!("its rights are {:o}; chmod 700", about.mode() & 0o777)),
        Err(error) => Some(error.to_string()),
    };
    Finding { what: "the folder is for its owner alone", wrong }
}

fn tokens(folder: &Path) -> Finding {
    let wrong = Tokens::of(folder).list().err().map(|error| error.to_string());
    Finding { what: "the file of tokens can be read", wrong }
}

async fn profiles(host: &Host) -> Result<Finding, Failure> {
    let mut without = Vec::new();
    for profile in host.call(0, GetAllAccountIds {}).await?.ids {
        if !host.call(profile, IsConfigured {}).await?.value {
            without.push(profile.to_string());
        }
    }
    let wrong = (!without.is_empty()).then(|| format!("profiles {} have none", without.join(", ")));
    Ok(Finding { what: "every profile has a relay", wrong })
}
