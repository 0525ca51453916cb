//! Wake-ups: effects of committed changes on their way to the actors of a profile.

use std::collections::HashMap;
use std::sync::Arc;

use futures::channel::mpsc as slim;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, watch};
use volary_engine::ground::effects::Effects;
use volary_engine::ground::ids::ProfileId;

/// Where actors register for the wake-ups of a profile. Cheap to clone.
#[derive(Clone, Default)]
pub struct Wakes {
    inner: Arc<Mutex<Registered>>,
}

#[derive(Default)]
struct Registered {
    /// Most profiles are idle most of the time; these channels take next to no memory while they are empty.
    profiles: HashMap<ProfileId, slim::UnboundedSender<Effects>>,
    new_messages: HashMap<ProfileId, Arc<Notify>>,
    deadlines: Option<mpsc::UnboundedSender<i64>>,
    stop_fetching: Arc<Notify>,
    realtime: HashMap<ProfileId, watch::Sender<u64>>,
}

impl Wakes {
    /// Wake-ups of one profile, for its actor. A second registration replaces the first.
    pub fn register(&self, profile: ProfileId) -> slim::UnboundedReceiver<Effects> {
        let (sender, receiver) = slim::unbounded();
        self.inner.lock().profiles.insert(profile, sender);
        receiver
    }

    /// Notified when messages were added to a profile. It begins notified, and remembers one call that nobody waited for.
    pub fn new_messages(&self, profile: ProfileId) -> Arc<Notify> {
        let mut registered = self.inner.lock();
        let notify = registered.new_messages.entry(profile).or_insert_with(|| {
            let notify = Notify::new();
            notify.notify_one();
            Arc::new(notify)
        });
        notify.clone()
    }

    /// Notified when a running background fetch shall end.
    pub fn stop_background_fetch(&self) -> Arc<Notify> {
        self.inner.lock().stop_fetching.clone()
    }

    /// Changes when apps of a profile may have fallen out of their realtime channels though nobody left, and when channels
    /// may be used again: whoever wants to be in one joins anew. Ends with the registration of the profile.
    pub fn realtime(&self, profile: ProfileId) -> watch::Receiver<u64> {
        self.inner.lock().realtime.entry(profile).or_default().subscribe()
    }

    /// Says so.
    pub fn realtime_changed(&self, profile: ProfileId) {
        let mut registered = self.inner.lock();
        let Some(sender) = registered.realtime.get(&profile) else { return };
        if sender.is_closed() {
            // Nobody is in a channel of the profile any more.
            registered.realtime.remove(&profile);
        } else {
            sender.send_modify(|number| *number += 1);
        }
    }

    /// New deadlines of all profiles, for the deadline queue.
    pub fn register_deadlines(&self) -> mpsc::UnboundedReceiver<i64> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.inner.lock().deadlines = Some(sender);
        receiver
    }

    /// Ends the registration of a profile.
    pub fn unregister(&self, profile: ProfileId) {
        let mut registered = self.inner.lock();
        registered.profiles.remove(&profile);
        registered.realtime.remove(&profile);
        if let Some(waiting) = registered.new_messages.remove(&profile) {
            waiting.notify_waiters();
        }
    }

    /// Passes wake-ups on; nobody may be listening, the state itself is in the tables.
    pub fn send(&self, profile: ProfileId, effects: Effects) {
        if effects == Effects::default() {
            return;
        }
        let registered = self.inner.lock();
        if let Some(sender) = registered.profiles.get(&profile) {
            let _ = sender.unbounded_send(effects);
        }
        if let Some(notify) = registered.new_messages.get(&profile) {
            // One call reaches a bot that waits, a second one is kept for its next wait; more would not add up.
            for _ in 0..effects.messages.min(2) {
                notify.notify_one();
            }
        }
        if let (Some(sender), Some(time)) = (&registered.deadlines, effects.deadline) {
            let _ = sender.send(time);
        }
    }
}
