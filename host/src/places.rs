//! Places for connections. A connection is a stranger until it has asked something that makes sense; when all places are
//! taken, the oldest stranger makes room for who comes now. So connections that are left open keep nobody out.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::seldom::Seldom;

/// How long a stranger that was asked to leave may take before the next one is asked, too.
const LEAVING: Duration = Duration::from_millis(100);

/// The places of a listener.
pub struct Places {
    count: usize,
    free: Arc<Semaphore>,
    /// Those who have a place, in the order in which they came. Some are gone or no strangers any more.
    strangers: Mutex<VecDeque<Weak<Standing>>>,
    full: Seldom,
}

/// What is known of a connection.
#[derive(Default)]
pub struct Standing {
    known: AtomicBool,
    leave: Notify,
}

/// A place; dropping it gives it back.
pub struct Place {
    standing: Arc<Standing>,
    _place: OwnedSemaphorePermit,
}

impl Places {
    pub fn new(count: usize) -> Self {
        let (free, strangers) = (Arc::new(Semaphore::new(count)), Mutex::default());
        Self { count, free, strangers, full: Seldom::default() }
    }

    /// A place for a connection that has just come. While all places are taken by those who are known, it waits.
    pub async fn take(&self) -> Place {
        let place = loop {
            if let Ok(place) = self.free.clone().try_acquire_owned() {
                break place;
            }
            if !self.ask_oldest()
                && let Some(times) = self.full.now()
            {
                tracing::warn!(places = self.count, times, "all places for connections are taken");
            }
            // The semaphore is never closed.
            if let Ok(Ok(place)) = timeout(LEAVING, self.free.clone().acquire_owned()).await {
                break place;
            }
        };
        let standing = Arc::<Standing>::default();
        let mut strangers = self.strangers.lock();
        strangers.push_back(Arc::downgrade(&standing));
        if strangers.len() > 2 * self.count {
            strangers.retain(|one| one.upgrade().is_some_and(|one| !one.is_known()));
        }
        Place { standing, _place: place }
    }

    /// Asks the oldest stranger to leave; tells whether there is one.
    fn ask_oldest(&self) -> bool {
        let mut strangers = self.strangers.lock();
        while let Some(oldest) = strangers.pop_front() {
            if let Some(oldest) = oldest.upgrade()
                && !oldest.is_known()
            {
                oldest.leave.notify_one();
                return true;
            }
        }
        false
    }
}

impl Place {
    /// Whether the connection keeps its place.
    #[cfg(feature = "grpc")]
    pub fn is_known(&self) -> bool {
        self.standing.is_known()
    }

    /// What is known of the connection, for who finds out more.
    pub fn standing(&self) -> Arc<Standing> {
        self.standing.clone()
    }

    /// Waits until a stranger has to go: others need its place, or it has been one for so long. For ever once it is known.
    pub fn outstayed(&self, limit: Duration) -> impl Future<Output = ()> + Send + 'static {
        let standing = self.standing.clone();
        async move {
            timeout(limit, standing.leave.notified()).await.ok();
            if standing.is_known() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Standing {
    /// It has asked something that makes sense, and keeps its place.
    pub fn becomes_known(&self) {
        self.known.store(true, Ordering::Relaxed);
    }

    /// Whether it keeps its place.
    pub fn is_known(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn the_oldest_stranger_makes_room_and_who_is_known_stays() {
        let places = Places::new(2);
        let (known, stranger) = (places.take().await, places.take().await);
        known.standing().becomes_known();
        let left = stranger.outstayed(LONG);
        let leaving = tokio::spawn(async move {
            left.await;
            drop(stranger);
        });
        let new = places.take().await;
        leaving.await.unwrap();
        assert!(known.outstayed(LONG).now_or_never().is_none());
        new.standing().becomes_known();
        // Nobody is left who could go.
        assert!(timeout(LONG, places.take()).await.is_err());
        drop(known);
        timeout(LONG, places.take()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stranger_goes_after_a_while_and_a_place_is_soon_forgotten() {
        let places = Places::new(1);
        for _ in 0..10 {
            let place = places.take().await;
            place.outstayed(LONG).await;
            place.standing().becomes_known();
            assert!(timeout(2 * LONG, place.outstayed(LONG)).await.is_err());
        }
        assert!(places.strangers.lock().len() <= 3);
    }
}
