//! The end of a host: what is due still goes out, for a moment; what is left is counted and said.

use std::fmt;
use std::time::Duration;

use volary::Engine;
use volary::event_log::EventLog;
use volary_proto::{Error, GetAllAccountIds, GetSendQueue};

use super::interfaces::Interfaces;
use crate::process::failure::Failure;
use crate::process::signals::Signals;

/// How long the process takes to end at most.
const ALL: Duration = Duration::from_secs(5);
/// How much of that mail that is due may take to go out.
const DRAIN: Duration = Duration::from_secs(3);
/// Pause between looks at the queues.
const LOOK: Duration = Duration::from_millis(50);

/// What waits to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Left {
    messages: usize,
    profiles: usize,
    /// Those that would go now; the others wait for the time of their next try, or for a relay.
    due: usize,
}

/// Ends everything in order, within [`ALL`]; at once if the process is asked again. Says whether the engine has stopped.
pub(super) async fn end(engine: Engine, mut log: EventLog, interfaces: Interfaces) -> Result<bool, Failure> {
    let bus = interfaces.close();
    let stopping = async {
        // Nobody brings anything new, except callers of the bus: it ends first.
        bus.stop().await;
        drain(&engine).await;
        match left(&engine).await {
            Ok(left) => tell(left),
            Err(error) => tracing::warn!(%error, "the queues cannot be read"),
        }
        engine.stop().await;
        log.closed().await;
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(ALL, stopping) => ended.is_ok(),
        again = Signals::end_again() => {
            again?;
            tracing::warn!("asked twice: ended before all connections were closed; nothing that was stored is lost");
            return Ok(false);
        }
    };
    if ended {
        tracing::info!("stopped: all connections are closed, everything is stored");
    } else {
        tracing::warn!(
            "ended before all connections were closed: they took longer than {} s; nothing that was stored is lost",
            ALL.as_secs()
        );
        // The engine may still be closing its files: the lock of the folder goes with the process, not before.
        std::mem::forget(engine);
    }
    Ok(ended)
}

/// Waits until nothing is due any more.
async fn drain(engine: &Engine) {
    let emptying = async {
        while left(engine).await.is_ok_and(|left| left.due > 0) {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(DRAIN, emptying).await.ok();
}

async fn left(engine: &Engine) -> Result<Left, Error> {
    let mut left = Left::default();
    for profile in engine.call(0, GetAllAccountIds {}).await?.ids {
        let mails = match engine.call(profile, GetSendQueue { limit: 0 }).await {
            Ok(queue) => queue.mails,
            // It was removed meanwhile.
            Err(_) => continue,
        };
        left.messages += mails.len();
        left.profiles += usize::from(!mails.is_empty());
        left.due += mails.iter().filter(|mail| mail.not_before == 0 && !mail.held).count();
    }
    Ok(left)
}

fn tell(left: Left) {
    if left == Left::default() {
        return tracing::info!("nothing is left to be sent");
    }
    tracing::warn!(messages = left.messages, profiles = left.profiles, "{left}");
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages, profiles, .. } = self;
        write!(
            f,
            "{messages} messages of {profiles} profiles are left to be sent: they go after the next start"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_in_numbers() {
        let left = Left { messages: 3, profiles: 2, due: 1 };
        assert_eq!(
            left.to_string(),
            "3 messages of 2 profiles are left to be sent: they go after the next start"
        );
    }
}
