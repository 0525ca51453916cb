//! A budget for connection attempts, shared by all connections of the process.
//!
//! After a loss of the network every profile wants to reconnect at once. The pacer lets a bounded number of handshakes
//! run at a time, first come first served. An attempt that hangs gives its place to the next one after a while, so
//! that a relay that does not answer cannot starve the others.

use std::{future::Future, pin::pin, time::Duration};

use tokio::{sync::Semaphore, time::timeout};

/// Handshakes at the same time unless configured otherwise.
pub const DEFAULT_HANDSHAKES: usize = 64;

/// An attempt that takes longer than this no longer counts against the budget.
const HOLD: Duration = Duration::from_secs(3);

/// Budget for handshakes.
#[derive(Debug)]
pub struct Pacer {
    places: Semaphore,
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(DEFAULT_HANDSHAKES)
    }
}

impl Pacer {
    /// Allows `handshakes` attempts at the same time.
    pub fn new(handshakes: usize) -> Self {
        Self { places: Semaphore::new(handshakes.max(1)) }
    }

    /// Runs an attempt when its turn comes.
    pub async fn run<F: Future>(&self, attempt: F) -> F::Output {
        // The semaphore is never closed; if it were, attempts would simply not be limited.
        let place = self.places.acquire().await.ok();
        let mut attempt = pin!(attempt);
        if let Ok(output) = timeout(HOLD, attempt.as_mut()).await {
            return output;
        }
        drop(place);
        attempt.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_budget_run_at_once() {
        let pacer = Arc::new(Pacer::new(3));
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let attempts = (0..20).map(|_| {
            let (pacer, running, most) = (pacer.clone(), running.clone(), most.clone());
            tokio::spawn(async move {
                pacer
                    .run(async {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        running.fetch_sub(1, Ordering::SeqCst);
                    })
                    .await;
            })
        });
        futures::future::join_all(attempts).await;
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_relay_does_not_starve_the_others() {
        let pacer = Arc::new(Pacer::new(1));
        let silent = tokio::spawn({
            let pacer = pacer.clone();
            async move { pacer.run(std::future::pending::<()>()).await }
        });
        tokio::task::yield_now().await;
        timeout(Duration::from_secs(5), pacer.run(async {})).await.unwrap();
        silent.abort();
    }
}
