//! Whether the engine answers: a command goes through supervisor and profiles' registry, a query through the database.

use std::time::Duration;

use volary::Engine;
use volary_proto::{GetAllAccountIds, GetConnectivity};

use super::systemd;

/// Longest that an engine may take to answer that is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// Proves that the engine answers, or says why it does not.
pub(crate) async fn check(engine: &Engine) -> Result<(), String> {
    let asking = async {
        let profiles = engine.call(0, GetAllAccountIds {}).await?.ids;
        // The supervisor answers this itself or hands it to the actor of the profile; a snapshot alone does not.
        match profiles.first() {
            Some(profile) => engine.call(*profile, GetConnectivity {}).await.map(|_| ()),
            None => Ok(()),
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("the engine has not answered within {} s", PATIENCE.as_secs())),
    }
}

/// Gives the service manager signs of life for as long as the engine answers. Ends at once if it wants none.
pub(crate) async fn feed_the_watchdog(engine: Engine) {
    let Some(time) = systemd::watchdog() else { return };
    // Twice in the time that is allowed, as is usual; the first one comes at once.
    let mut beats = tokio::time::interval(time / 2);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        match check(&engine).await {
            Ok(()) => systemd::notify("WATCHDOG=1"),
            Err(error) => {
                tracing::error!(error, "the engine is not well: the service manager gets no sign of life")
            }
        }
    }
}
