//! The instances that run: opened by somebody and not ended since.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use volary_proto::event::Kind;

use super::realtime::Channel;

/// Instances that may run at a time. Each costs some hundred bytes, but a program that opens without end has a fault.
pub const MAX_RUNNING: usize = 1_000;

/// Files of one instance that are read at a time: as many connections as a browser opens to an origin.
const MAX_READS: usize = 6;

/// A running instance.
pub struct Instance {
    /// Name of its origins.
    pub name: String,
    /// The profile.
    pub profile: u32,
    /// The message.
    pub message: u32,
    /// Longest update that it may send, in bytes.
    pub update_limit: usize,
    /// Its realtime channel.
    pub realtime: Channel,
    /// Places for reading its files, so that an app that asks for files and does not take them holds up itself first.
    pub reads: Arc<Semaphore>,
    state: watch::Sender<State>,
}

/// What those who show an instance wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Grows with every change.
    pub version: u64,
    /// It was ended, and why.
    pub ended: Option<End>,
}

/// Why an instance does not run any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Somebody closed it, or nobody holds it any more. What it keeps in a browser stays.
    Closed,
    /// Its message is gone, and so is what it keeps in a browser.
    Deleted,
}

impl Instance {
    /// What there is to wait for.
    pub fn watch(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    fn changed(&self) {
        self.state.send_modify(|state| state.version += 1);
    }

    /// Whether it was ended.
    pub fn has_ended(&self) -> bool {
        self.state.borrow().ended.is_some()
    }

    fn end(&self, end: End) {
        self.state.send_modify(|state| {
            state.version += 1;
            state.ended = Some(end);
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
    /// Adds an instance, or finds the one that runs; and whether it is new. `None`: there are too many.
    pub fn add(
        &self,
        name: String,
        profile: u32,
        message: u32,
        update_limit: usize,
    ) -> Option<(Arc<Instance>, bool)> {
        let mut running = self.by_name.lock();
        if let Some(known) = running.get(&name) {
            return Some((known.clone(), false));
        }
        if running.len() >= MAX_RUNNING {
            return None;
        }
        let state = watch::Sender::new(State::default());
        let realtime = Channel::default();
        let reads = Arc::new(Semaphore::new(MAX_READS));
        let own_name = name.clone();
        let instance =
            Arc::new(Instance { name: own_name, profile, message, update_limit, realtime, reads, state });
        running.insert(name, instance.clone());
        Some((instance, true))
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

    /// Ends the instances that `which` says; how many.
    pub fn end(&self, end: End, which: impl Fn(&Instance) -> bool) -> usize {
        let mut count = 0;
        self.by_name.lock().retain(|_, instance| {
            let ends = which(instance);
            if ends {
                tracing::info!(profile = instance.profile, msg = instance.message, ?end, "an app has ended");
                instance.end(end);
                count += 1;
            }
            !ends
        });
        count
    }
}

#[cfg(test)]
mod tests {
    use volary_proto::event;

    use super::*;

    #[test]
    fn an_instance_ends_for_everybody_who_shows_it() {
        let running = Running::default();
        let first = running.add("a".to_owned(), 1, 10, 0).unwrap().0;
        let (again, is_new) = running.add("a".to_owned(), 1, 10, 0).unwrap();
        assert!(Arc::ptr_eq(&first, &again) && !is_new, "two windows of one app are one instance");
        let other = running.add("b".to_owned(), 2, 10, 0).unwrap().0;
        let waits = first.watch();
        running.changed(1, 10);
        assert_eq!((waits.borrow().version, other.watch().borrow().version), (1, 0));
        assert_eq!(running.end(End::Deleted, |instance| instance.profile == 1), 1);
        assert_eq!(running.end(End::Closed, |instance| instance.profile == 1), 0, "it has ended already");
        assert_eq!((first.watch().borrow().ended, other.has_ended()), (Some(End::Deleted), false));
        assert!(running.get("a").is_none() && running.get("b").is_some());
    }

    #[test]
    fn more_than_the_bound_do_not_run() {
        let running = Running::default();
        for number in 0..MAX_RUNNING {
            assert!(running.add(number.to_string(), 1, u32::try_from(number).unwrap(), 0).is_some());
        }
        assert!(running.add("one more".to_owned(), 1, 1, 0).is_none());
        assert!(running.add("0".to_owned(), 1, 0, 0).is_some(), "what runs is found");
    }

    #[test]
    fn events_of_deletion_end_an_instance() {
        let deleted = Kind::WebxdcInstanceDeleted(event::WebxdcInstanceDeleted { msg_id: 7 });
        assert_eq!(meaning(&deleted), Meaning::Gone(7));
        assert_eq!(meaning(&Kind::ChatDeleted(event::ChatDeleted { chat_id: 3 })), Meaning::LookAgain);
    }
}
