//! The instances that run: opened by somebody and not ended since.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use volary_proto::event::Kind;

/// Instances that may run at a time. Each costs some hundred bytes, but a program that opens without end has a fault.
pub const MAX_RUNNING: usize = 1_000;

/// A running instance.
pub struct Instance {
    /// Name of its origins.
    pub name: String,
    /// The profile.
    pub profile: u32,
    /// The message.
    pub message: u32,
    /// Windows that are in its realtime channel. Locked while the channel is joined or left.
    pub realtime: tokio::sync::Mutex<usize>,
    state: watch::Sender<State>,
}

/// What those who show an instance wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Grows with every change.
    pub version: u64,
    /// It was ended.
    pub ended: bool,
}

impl Instance {
    /// What there is to wait for.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    fn changed(&self) {
        self.state.send_modify(|state| state.version += 1);
    }

    fn end(&self) {
        self.state.send_modify(|state| {
            state.version += 1;
            state.ended = true;
        });
    }
}

/// What an event means for those that run.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing.
    Nothing,
    /// The instance of this message has changed.
    Changed(u32),
    /// The instance of this message is gone.
    Gone(u32),
    /// Any instance of the profile may be gone or changed.
    LookAgain,
}

/// What an event means.
pub fn meaning(kind: &Kind) -> Meaning {
    match kind {
        Kind::WebxdcStatusUpdate(event) => Meaning::Changed(event.msg_id),
        Kind::MsgsChanged(event) if event.msg_id != 0 => Meaning::Changed(event.msg_id),
        Kind::WebxdcInstanceDeleted(event) => Meaning::Gone(event.msg_id),
        Kind::ChatDeleted(_) | Kind::AccountsChanged(_) | Kind::EventChannelOverflow(_) => Meaning::LookAgain,
        _ => Meaning::Nothing,
    }
}

/// All that run, by name.
#[derive(Default)]
pub struct Running {
    by_name: Mutex<HashMap<String, Arc<Instance>>>,
}

impl Running {
    /// Adds an instance, or finds the one that runs. `None`: there are too many.
    pub fn add(&self, name: String, profile: u32, message: u32) -> Option<Arc<Instance>> {
        let mut running = self.by_name.lock();
        if let Some(known) = running.get(&name) {
            return Some(known.clone());
        }
        if running.len() >= MAX_RUNNING {
            return None;
        }
        let state = watch::Sender::new(State::default());
        let instance =
            Arc::new(Instance { name: name.clone(), profile, message, realtime: Default::default(), state });
        running.insert(name, instance.clone());
        Some(instance)
    }

    /// The running instance of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Instance>> {
        self.by_name.lock().get(name).cloned()
    }

    /// Those of a profile; 0: all.
    pub fn of(&self, profile: u32) -> Vec<Arc<Instance>> {
        let running = self.by_name.lock();
        running.values().filter(|instance| profile == 0 || instance.profile == profile).cloned().collect()
    }

    /// What shows an instance looks again.
    pub fn changed(&self, profile: u32, message: u32) {
        for instance in self.of(profile) {
            if instance.message == message || message == 0 {
                instance.changed();
            }
        }
    }

    /// Ends the instances that `which` says.
    pub fn end(&self, which: impl Fn(&Instance) -> bool) {
        self.by_name.lock().retain(|_, instance| {
            let ends = which(instance);
            if ends {
                tracing::info!(profile = instance.profile, message = instance.message, "an app has ended");
                instance.end();
            }
            !ends
        });
    }
}

#[cfg(test)]
mod tests {
    use volary_proto::event;

    use super::*;

    #[test]
    fn an_instance_ends_for_everybody_who_shows_it() {
        let running = Running::default();
        let first = running.add("a".to_owned(), 1, 10).unwrap();
        let again = running.add("a".to_owned(), 1, 10).unwrap();
        assert!(Arc::ptr_eq(&first, &again), "two windows of one app are one instance");
        let other = running.add("b".to_owned(), 2, 10).unwrap();
        let waits = first.watch();
        running.changed(1, 10);
        assert_eq!((waits.borrow().version, other.watch().borrow().version), (1, 0));
        running.end(|instance| instance.profile == 1);
        assert!(first.watch().borrow().ended && !other.watch().borrow().ended);
        assert!(running.get("a").is_none() && running.get("b").is_some());
    }

    #[test]
    fn more_than_the_bound_do_not_run() {
        let running = Running::default();
        for number in 0..MAX_RUNNING {
            assert!(running.add(number.to_string(), 1, u32::try_from(number).unwrap()).is_some());
        }
        assert!(running.add("one more".to_owned(), 1, 1).is_none());
        assert!(running.add("0".to_owned(), 1, 0).is_some(), "what runs is found");
    }

    #[test]
    fn events_of_deletion_end_an_instance() {
        let deleted = Kind::WebxdcInstanceDeleted(event::WebxdcInstanceDeleted { msg_id: 7 });
        assert_eq!(meaning(&deleted), Meaning::Gone(7));
        assert_eq!(meaning(&Kind::ChatDeleted(event::ChatDeleted { chat_id: 3 })), Meaning::LookAgain);
    }
}
