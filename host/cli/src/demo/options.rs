//! What a demo is asked to do, and why it may not come to its end.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;
use volary::StartError;
use volary::apps::AppsError;
use volary_relay::RelayError;

use super::person::Trouble;

/// Most profiles of a demo: their addresses have five digits, the relay keeps all mail in memory.
pub(crate) const MAX_PROFILES: i64 = 10_000;
/// Up to that many profiles everything that happens is shown.
pub(super) const FEW: usize = 3;
/// Usual patience. A waiting time, not a goal: a loaded machine must not make a demo fail.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is played.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Folder for the profiles, new or empty; `None` = a temporary one.
    pub data: Option<PathBuf>,
    /// How many profiles take part, at least two.
    pub profiles: u32,
    /// How long anything that is claimed may take.
    pub patience: Duration,
}

impl DemoOptions {
    /// A demo in a temporary folder.
    pub fn with_profiles(profiles: u32) -> Self {
        Self { data: None, profiles, patience: PATIENCE }
    }
}

/// Why a demo does not come to its end.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The folder has profiles already.
    #[error("{} already has profiles; a demo needs a new folder", .0.display())]
    HasProfiles(PathBuf),
    /// A demo is about people who talk to each other.
    #[error("a demo needs at least two profiles")]
    TooFew,
    /// The system gives no temporary folder.
    #[error("no temporary folder can be made in {}: {source}", .folder.display())]
    Temporary {
        /// Where it was to be.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The relay does not start.
    #[error("relay: {0}")]
    Relay(#[from] RelayError),
    /// The engine does not start.
    #[error("{0}")]
    Engine(#[from] StartError),
    /// Apps cannot be served.
    #[error("{0}")]
    Apps(#[from] AppsError),
    /// Something does not happen that should.
    #[error("this did not happen: {claim}: {trouble}")]
    Claim {
        /// What should have happened.
        claim: String,
        /// What happened instead.
        trouble: Trouble,
    },
}
