//! `volary status`: how the host on a folder is.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use volary::grpc::{ConnectError, Remote};
use volary_proto::{Connectivity, GetAllAccountIds, GetConnectivity, GetFreshMsgs, IsConfigured};

use super::host::Place;
use super::{folder, output};
use crate::process::failure::Failure;

#[derive(Debug, Args)]
#[command(
    after_help = "Exits with 1 if no host runs on the folder, or a profile with a relay is not connected."
)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    place: Place,
}

/// How long a host may take to say how it is.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a profile is.
struct State {
    profile: u32,
    /// None without a relay.
    connectivity: Option<Connectivity>,
    fresh: usize,
}

pub(super) async fn run(args: StatusArgs) -> Result<ExitCode, Failure> {
    let place = args.place;
    folder::check(&place.data)?;
    let remote = match Remote::connect(&place.data).await {
        Ok(remote) => remote,
        Err(error @ ConnectError::NoHost(_)) => {
            let told = json!({"running": false});
            if place.json {
                output::json(&told)?
            } else {
                output::line(error.to_string())?
            }
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    // A service manager may listen for a host that cannot start.
    let Ok(states) = tokio::time::timeout(PATIENCE, states(&remote)).await else {
        return Err(format!(
            "the host on {} has not answered within {} s",
            place.data.display(),
            PATIENCE.as_secs()
        )
        .into());
    };
    let states = states?;
    let well = states.iter().all(|state| state.is_well());
    if place.json {
        let profiles: Vec<_> = states.iter().map(State::json).collect();
        output::json(&json!({"running": true, "well": well, "profiles": profiles}))?;
    } else {
        output::line(format!("a host is running, with {} profiles", states.len()))?;
        states.iter().try_for_each(|state| output::line(state.line()))?;
    }
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How all profiles are.
async fn states(remote: &Remote) -> Result<Vec<State>, Failure> {
    let mut states = Vec::new();
    for profile in remote.call(0, GetAllAccountIds {}).await?.ids {
        let configured = remote.call(profile, IsConfigured {}).await?.value;
        let number = remote.call(profile, GetConnectivity {}).await?.value;
        let known = i32::try_from(number).ok().and_then(|number| Connectivity::try_from(number).ok());
        let connectivity = configured.then(|| known.unwrap_or(Connectivity::Unknown));
        let fresh = remote.call(profile, GetFreshMsgs {}).await?.ids.len();
        states.push(State { profile, connectivity, fresh });
    }
    Ok(states)
}

impl State {
    fn is_well(&self) -> bool {
        self.connectivity.is_none_or(|connectivity| {
            matches!(connectivity, Connectivity::Working | Connectivity::Connected)
        })
    }

    fn word(&self) -> &'static str {
        match self.connectivity {
            None => "no relay yet",
            Some(Connectivity::NotConnected | Connectivity::Unknown) => "not connected",
            Some(Connectivity::Connecting) => "connecting",
            Some(Connectivity::Working) => "working",
            Some(Connectivity::Connected) => "connected",
        }
    }

    fn line(&self) -> String {
        format!("{:>4}  {}, {} new messages", self.profile, self.word(), self.fresh)
    }

    fn json(&self) -> serde_json::Value {
        json!({"profile": self.profile, "state": self.word(), "well": self.is_well(), "fresh": self.fresh})
    }
}
