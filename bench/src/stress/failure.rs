//! Why a run does not come to its end.

use std::time::Duration;

use thiserror::Error;

/// How long anything may take that is waited for, unless the options say otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Why a run does not come to its end.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Program(String),
    #[error("files: {0}")]
    Io(#[from] std::io::Error),
    #[error("engine: {0}")]
    Engine(#[from] volary::StartError),
    #[error("profile {profile}: {call}: {error}")]
    Call { profile: u32, call: &'static str, error: volary::proto::Error },
    #[error("{what} did not happen within {} s", .within.as_secs())]
    Late { what: String, within: Duration },
    #[error("the report cannot be written: {0}")]
    Report(#[from] serde_json::Error),
}
