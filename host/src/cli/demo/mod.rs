//! `volary demo`: profiles that meet, chat, read and forget, on a relay inside this process.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the play from curtain to curtain |
//! | `stage` | relay, engine and people |
//! | `person` | one profile: its calls, and waiting for its events |
//! | `events` | hands the events of the engine to the people |
//! | `pair` | what two people do: meet by invite, chat, read, send a picture, let a message disappear |
//! | `group` | what a group does: add, invite, chat, introduce |
//! | `record` | what was claimed, how long messages took |
//! | [`transcript`](Transcript) | the text that is shown |
//! | `summary` | the end: figures |
//! | `guest` | how another client takes part |
//!
//! Nothing is shown as done before the events of everybody concerned were seen *and* queries agree with it. Everything
//! goes through [`Engine`](crate::Engine), as in any other program.

mod events;
mod group;
mod guest;
mod pair;
mod person;
mod picture;
mod record;
mod stage;
mod summary;
mod transcript;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use thiserror::Error;
use volary_relay::RelayError;

pub use self::person::Trouble;
pub use self::summary::Report;
pub use self::transcript::Transcript;

use self::record::Record;
use self::stage::Stage;
use super::Failure;
use super::process::Signals;

/// Most profiles of a demo: their addresses have five digits, the relay keeps all mail in memory.
pub(super) const MAX_PROFILES: i64 = 10_000;
/// How many pairs play at the same time.
const PAIRS_AT_ONCE: usize = 32;
/// Up to that many profiles everything that happens is shown.
const FEW: usize = 3;
/// Largest group.
const GROUP: usize = 10;
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
    /// A folder or file cannot be used.
    #[error("files of the demo: {0}")]
    Io(#[from] std::io::Error),
    /// The relay does not start.
    #[error("relay: {0}")]
    Relay(#[from] RelayError),
    /// The engine does not start.
    #[error("engine: {0}")]
    Engine(#[from] crate::StartError),
    /// Something does not happen that should.
    #[error("this did not happen: {claim}: {trouble}")]
    Claim {
        /// What should have happened.
        claim: String,
        /// What happened instead.
        trouble: Trouble,
    },
}

/// Plays the whole demo, checks everything and cleans up.
pub async fn play(options: DemoOptions, transcript: &Transcript) -> Result<Report, DemoError> {
    let stage = Stage::set_up(options, transcript).await?;
    let report = perform(&stage, transcript).await;
    stage.tear_down().await;
    report
}

/// `volary demo`.
pub(super) async fn command(options: DemoOptions, keep_running: bool) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let transcript = Transcript::on_stdout();
    let stage = tokio::select! {
        stage = Stage::set_up(options, &transcript) => stage?,
        () = signals.any() => return Err("interrupted".into()),
    };
    let outcome = tokio::select! {
        report = perform(&stage, &transcript) => report.map_err(Failure::from),
        () = signals.any() => Err("interrupted".into()),
    };
    if let Ok(report) = &outcome {
        transcript.summary(report);
        if keep_running {
            guest::invite(&stage, &transcript).await?;
            tokio::select! {
                () = guest::watch(&stage, &transcript) => {}
                () = signals.any() => {}
            }
        }
    }
    stage.tear_down().await;
    outcome.map(|_| ())
}

/// Everything between set-up and summary.
async fn perform(stage: &Stage, transcript: &Transcript) -> Result<Report, DemoError> {
    let record = Record::default();
    let started = Instant::now();
    let [first, second, ..] = &stage.people[..] else { return Err(DemoError::TooFew) };
    pair::play(stage, first, second, &record, transcript).await?;
    group::play(stage, &record, transcript).await?;
    other_pairs(stage, &record, transcript).await?;
    Ok(Report::new(stage, &record, started.elapsed()))
}

/// Everybody else plays the same in pairs, unseen.
async fn other_pairs(stage: &Stage, record: &Record, transcript: &Transcript) -> Result<(), DemoError> {
    if stage.people.len() <= FEW {
        return Ok(());
    }
    let mut pairs: Vec<_> = stage.people[2..].chunks_exact(2).map(|pair| (&pair[0], &pair[1])).collect();
    if let [.., before_last, last] = &stage.people[..]
        && stage.people.len() % 2 == 1
    {
        pairs.push((before_last, last));
    }
    let bar = transcript.progress("pairs", pairs.len());
    let quiet = Transcript::silent();
    stream::iter(pairs)
        .map(Ok)
        .try_for_each_concurrent(PAIRS_AT_ONCE, |(one, other)| {
            let (bar, quiet) = (&bar, &quiet);
            async move {
                pair::play(stage, one, other, record, quiet).await?;
                bar.inc(1);
                Ok::<_, DemoError>(())
            }
        })
        .await?;
    bar.finish_and_clear();
    transcript.claim(&format!("the other {} pairs did the same", bar.length().unwrap_or(0)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_claim_that_does_not_come_true_fails_the_demo() {
        let options = DemoOptions { patience: Duration::from_millis(300), ..DemoOptions::with_profiles(2) };
        let silent = Transcript::silent();
        let stage = Stage::set_up(options, &silent).await.unwrap();
        stage.relay.set_down(true).await;
        let outcome = perform(&stage, &silent).await;
        stage.tear_down().await;
        let Err(DemoError::Claim { claim, trouble: Trouble::Unseen { .. } }) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(claim, "Alice and Bob have verified each other (SecureJoin)");
    }
}
