//! The connections that a process has to the same relay, and what they owe to it and to each other.
//!
//! When a relay goes away, all of them lose it in the same instant. They come back spread over a time that grows with
//! their number, so that the relay sees about [`RATE`] connections a second and not all at once. While it is away they
//! look for it at [`SEARCH_RATE`] together. And the first one that finds it notifies the others, so that nobody sits out a
//! long delay while the relay is there.

use std::{
    collections::HashMap,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use tokio::sync::watch;

use volary_mail::login::Endpoint;

/// Connections a second that a relay gets from those that lost it together.
pub const RATE: u32 = 100;
/// Attempts a second, all members together, while the relay cannot be reached.
pub const SEARCH_RATE: u32 = 20;
/// Nobody waits longer than this for the sake of the others.
pub const MAX_SPREAD: Duration = Duration::from_secs(30);

/// All crowds of a process, by host and port.
#[derive(Debug, Default)]
pub struct Crowds(Mutex<HashMap<(String, u16), Weak<Crowd>>>);

/// The connections to one relay. A member is whoever holds a receiver.
#[derive(Debug)]
struct Crowd {
    /// Changes when the relay was found again.
    back: watch::Sender<()>,
    /// The last attempt of anybody did not reach the relay.
    away: AtomicBool,
}

impl Crowds {
    /// One more connection to this relay, for as long as the member lives.
    pub fn join(&self, relay: &Endpoint) -> Member {
        let key = (relay.host.clone(), relay.port);
        let mut crowds = self.0.lock();
        let known = crowds.get(&key).and_then(Weak::upgrade);
        let crowd = known.unwrap_or_else(|| {
            // Crowds that everybody has left go when a new one forms.
            crowds.retain(|_, crowd| crowd.strong_count() > 0);
            let crowd = Arc::new(Crowd { back: watch::Sender::new(()), away: AtomicBool::new(false) });
            crowds.insert(key, Arc::downgrade(&crowd));
            crowd
        });
        Member { back: crowd.back.subscribe(), crowd }
    }
}

/// One connection among those to the same relay.
#[derive(Debug)]
pub struct Member {
    crowd: Arc<Crowd>,
    back: watch::Receiver<()>,
}

impl Member {
    /// The time over which all members spread their next attempts.
    pub fn spread(&self) -> Duration {
        let members = u32::try_from(self.crowd.back.receiver_count()).unwrap_or(u32::MAX);
        let rate = if self.crowd.away.load(Ordering::Relaxed) { SEARCH_RATE } else { RATE };
        (Duration::from_secs(1) * members / rate).min(MAX_SPREAD)
    }

    /// An attempt begins: only a return from now on is news.
    pub fn tries(&mut self) {
        self.back.mark_unchanged();
    }

    /// The relay could not be reached.
    pub fn missed(&self) {
        self.crowd.away.store(true, Ordering::Relaxed);
    }

    /// The relay was reached. The first one after a failure notifies the others.
    pub fn reached(&self) {
        if self.crowd.away.swap(false, Ordering::Relaxed) {
            self.crowd.back.send_replace(());
        }
    }

    /// Waits until somebody finds the relay again.
    pub async fn relay_is_back(&mut self) {
        if self.back.changed().await.is_err() {
            // The sender lives as long as its members, so this does not happen; if it did, nobody would come back.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use volary_mail::login::Security;

    fn relay(port: u16) -> Endpoint {
        Endpoint { host: "relay.test".into(), port, security: Security::Tls }
    }

    #[test]
    fn the_spread_grows_with_the_crowd_and_is_bounded() {
        let crowds = Crowds::default();
        let alone = crowds.join(&relay(993));
        assert_eq!(alone.spread(), Duration::from_millis(10));
        let elsewhere = crowds.join(&relay(994));
        let others: Vec<Member> = (0..499).map(|_| crowds.join(&relay(993))).collect();
        assert_eq!(alone.spread(), Duration::from_secs(5));
        assert_eq!(elsewhere.spread(), Duration::from_millis(10));
        alone.missed();
        assert_eq!(alone.spread(), Duration::from_secs(25), "they search in less of a hurry");
        alone.reached();
        let more: Vec<Member> = (0..5000).map(|_| crowds.join(&relay(993))).collect();
        assert_eq!(alone.spread(), MAX_SPREAD);
        drop((others, more));
        assert_eq!(alone.spread(), Duration::from_millis(10));
    }

    #[test]
    fn who_finds_the_relay_again_tells_those_who_wait_and_nobody_else() {
        let crowds = Crowds::default();
        let (mut one, mut other) = (crowds.join(&relay(993)), crowds.join(&relay(993)));
        let mut elsewhere = crowds.join(&relay(994));
        one.tries();
        one.reached();
        assert!(other.relay_is_back().now_or_never().is_none(), "it was never away");
        one.missed();
        other.missed();
        one.tries();
        one.reached();
        assert!(other.relay_is_back().now_or_never().is_some());
        assert!(other.relay_is_back().now_or_never().is_none(), "it is told once");
        assert!(elsewhere.relay_is_back().now_or_never().is_none());
    }

    #[test]
    fn a_return_during_an_attempt_counts_and_one_before_it_does_not() {
        let crowds = Crowds::default();
        let (mut one, mut other) = (crowds.join(&relay(993)), crowds.join(&relay(993)));
        one.missed();
        one.reached();
        other.tries();
        assert!(other.relay_is_back().now_or_never().is_none());
        other.missed();
        one.tries();
        one.reached();
        assert!(other.relay_is_back().now_or_never().is_some());
    }

    #[test]
    fn crowds_that_were_left_are_forgotten() {
        let crowds = Crowds::default();
        for port in 1..100 {
            drop(crowds.join(&relay(port)));
        }
        assert_eq!(crowds.0.lock().len(), 1);
    }
}
