//! Waiting for something with a limit.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Pause between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// How long to wait at most unless `VOLARY_PATIENCE` says otherwise, in seconds.
const PATIENCE: u64 = 90;

/// How long tests wait for something that must happen.
pub fn patience() -> Duration {
    let seconds = std::env::var("VOLARY_PATIENCE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(PATIENCE))
}

/// Looks again and again until there is something. Panics when it takes too long.
pub async fn eventually<T>(what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
    match until(look).await {
        Some(found) => found,
        None => panic!("it did not happen within {} s: {what}", patience().as_secs()),
    }
}

/// The same, but `None` when it takes too long.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + patience();
    loop {
        let late = Instant::now() >= end;
        if let Some(found) = look().await {
            return Some(found);
        }
        if late {
            return None;
        }
        sleep(PAUSE).await;
    }
}
