//! The demo: profiles that meet, chat, read and forget, on a relay inside this process.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the whole story |
//! | `options` | how many take part, where; why a demo fails |
//! | `stage` | relay, engine and people |
//! | `person` | one profile: its calls, and waiting for its events |
//! | `events` | hands the events of the engine to the people |
//! | `pair` | what two people do: meet by invite, chat, read, send a picture, let a message disappear |
//! | `group` | what a group does: add, invite, chat, introduce |
//! | `record` | what was claimed, how long messages took |
//! | [`transcript`](Transcript), `code` | the text that is shown, codes to be scanned |
//! | `summary` | the end: figures |
//! | `guest` | how another client takes part |
//! | `apps` | in-chat apps of two people, in a browser |
//!
//! Nothing is shown as done before the events of everybody concerned were seen *and* queries agree with it. Everything
//! goes through [`Engine`](volary::Engine), as in any other program.

pub(crate) mod apps;
mod code;
mod events;
mod group;
pub(crate) mod guest;
mod options;
mod pair;
mod person;
mod picture;
mod record;
mod stage;
mod summary;
mod transcript;

use std::time::Instant;

use futures::{StreamExt as _, TryStreamExt as _, stream};

pub(crate) use self::options::MAX_PROFILES;
pub use self::options::{DemoError, DemoOptions};
pub use self::person::Trouble;
pub(crate) use self::stage::Stage;
pub use self::summary::Report;
pub use self::transcript::Transcript;

use self::options::FEW;
use self::record::Record;

/// How many pairs play at the same time.
const PAIRS_AT_ONCE: usize = 32;

/// Plays the whole demo, checks everything and cleans up.
pub async fn play(options: DemoOptions, transcript: &Transcript) -> Result<Report, DemoError> {
    let stage = Stage::set_up(options, transcript).await?;
    let report = perform(&stage, transcript).await;
    stage.tear_down().await;
    report
}

/// Everything between set-up and summary.
pub(crate) async fn perform(stage: &Stage, transcript: &Transcript) -> Result<Report, DemoError> {
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
    use std::time::Duration;

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
