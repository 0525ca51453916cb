//! Actors that are there while something is in use: started by the first message, let go after a while without one.
//!
//! [`Rest`] is the actor's part: when nothing has come for a while it says so to its owner. [`InUse`] is the owner's: it
//! lets go of the actor, unless something is on its way to it. Without anybody who could send it something, the actor
//! ends. There is one timer for that, and only while the actor lives.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use actix::Actor;
use tokio::time::Instant;

use crate::mailbox::Mailbox;

/// What gets nothing for that long may end.
pub const IDLE: Duration = Duration::from_secs(60);
/// How often an actor says that it is quiet: a message that was on its way the first time has come by the second.
const NOTICES: u8 = 2;

/// How long nothing has come to an actor.
pub struct Rest {
    received: u64,
    used: Instant,
    watched: bool,
    quiet: u8,
}

/// What an actor does when its timer rings.
pub enum Ring {
    /// Something has come meanwhile: the timer is set again, for this long.
    Later(Duration),
    /// It tells its owner that it is quiet.
    Quiet {
        /// How many messages it has got so far.
        received: u64,
        /// Whether the timer is set again, for [`IDLE`].
        again: bool,
    },
}

impl Default for Rest {
    fn default() -> Self {
        Self { received: 0, used: Instant::now(), watched: false, quiet: 0 }
    }
}

impl Rest {
    /// Something has come; whether the timer has to be set, for [`IDLE`].
    pub fn receives(&mut self) -> bool {
        self.received += 1;
        self.used = Instant::now();
        self.quiet = 0;
        !std::mem::replace(&mut self.watched, true)
    }

    /// The timer rings.
    pub fn rings(&mut self) -> Ring {
        let left = IDLE.saturating_sub(self.used.elapsed());
        if !left.is_zero() {
            return Ring::Later(left);
        }
        self.quiet += 1;
        self.watched = self.quiet < NOTICES;
        Ring::Quiet { received: self.received, again: self.watched }
    }
}

/// Actors of one kind, by what they are for.
pub struct InUse<K, A: Actor>(RefCell<HashMap<K, Known<A>>>);

struct Known<A: Actor> {
    mailbox: Mailbox<A>,
    /// How many messages were sent to it.
    sent: u64,
    /// How many these were when it was quiet without having got them all.
    doubted: Option<u64>,
}

impl<K, A: Actor> Default for InUse<K, A> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: Eq + Hash + Copy, A: Actor<Context = actix::Context<A>>> InUse<K, A> {
    /// The actor for exactly one message. It is started if it does not run (any more); `None` if that is not possible.
    pub fn of(&self, key: K, start: impl FnOnce() -> Option<Mailbox<A>>) -> Option<Mailbox<A>> {
        let mut actors = self.0.borrow_mut();
        if actors.get(&key).is_none_or(|known| !known.mailbox.addr.connected()) {
            actors.insert(key, Known { mailbox: start()?, sent: 0, doubted: None });
        }
        let known = actors.get_mut(&key)?;
        known.sent += 1;
        Some(known.mailbox.clone())
    }

    /// Whether an actor runs.
    #[cfg(test)]
    pub fn runs(&self, key: K) -> bool {
        self.0.borrow().get(&key).is_some_and(|known| known.mailbox.addr.connected())
    }

    /// An actor was quiet for a while: it may go, unless something is on its way to it. What has not arrived by the second
    /// time was given up by its sender.
    pub fn let_go(&self, key: K, received: u64) {
        let mut actors = self.0.borrow_mut();
        let Some(known) = actors.get_mut(&key) else { return };
        if known.sent == received || known.doubted == Some(known.sent) {
            actors.remove(&key);
        } else {
            known.doubted = Some(known.sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix::Actor as _;

    use super::*;
    use crate::mailbox::Places;

    struct Anybody;

    impl Actor for Anybody {
        type Context = actix::Context<Self>;
    }

    fn starts() -> Option<Mailbox<Anybody>> {
        Some(Mailbox { addr: Anybody.start(), places: Places::new(1, "anybody") })
    }

    #[actix::test]
    async fn an_actor_whose_caller_gave_up_goes_when_it_is_quiet_for_the_second_time() {
        let actors = InUse::default();
        let is_known = || actors.runs(10);
        actors.of(10, starts).unwrap();
        actors.of(10, starts).unwrap();
        actors.let_go(10, 1);
        assert!(is_known(), "the other message may be on its way");
        actors.of(10, starts).unwrap();
        actors.let_go(10, 1);
        assert!(is_known(), "and yet another one");
        actors.let_go(10, 1);
        assert!(!is_known());
    }

    #[actix::test]
    async fn an_actor_that_ended_is_started_again() {
        let actors = InUse::default();
        assert!(actors.of(10, || None).is_none());
        let first = actors.of(10, starts).unwrap();
        assert!(actors.of(10, || None).is_some_and(|same| same.addr == first.addr));
        actors.let_go(10, 2);
        assert!(actors.of(10, starts).is_some_and(|other| other.addr != first.addr));
    }
}
