//! The newest entries in memory, and the frontends that wait for more.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use super::entry::{Entry, Gap, Item};
use super::segments::{Begin, Kept};

/// Most entries in memory.
pub const MAX_ENTRIES: usize = 4096;
/// Most bytes of entries in memory, as they are stored.
const MAX_BYTES: usize = 4 << 20;

/// A frontend that listens.
#[derive(Default)]
pub struct Follower {
    /// The first entry for it since it had read everything; 0 = there is none. Written under the lock of the tail.
    pub first: AtomicU64,
    pub notify: Notify,
}

/// The end of the log.
pub struct Tail {
    id: u64,
    entries: VecDeque<Arc<Entry>>,
    /// Bytes of `entries`.
    bytes: usize,
    /// Everything after this number is in `entries`.
    after: u64,
    /// The last number.
    head: u64,
    kept: Arc<Kept>,
    to_all: Vec<Arc<Follower>>,
    to_profile: HashMap<u32, Vec<Arc<Follower>>>,
    closed: bool,
}

/// What a frontend finds when it looks for more.
pub enum Found {
    /// Entries for it, and the number up to which it has now read.
    Entries(Vec<Arc<Entry>>, u64),
    /// What it looks for is in the files, if anywhere, up to this number.
    InFiles(Arc<Kept>, u64),
    /// It has read everything.
    Nothing,
    /// It has read everything, and nothing comes any more.
    End,
}

/// Who has to be woken. Outside of the lock.
#[must_use]
pub struct Woken(Vec<Arc<Follower>>);

impl Woken {
    pub fn wake(self) {
        self.0.iter().for_each(|follower| follower.notify.notify_one());
    }
}

impl Tail {
    pub fn new(begin: Begin) -> Self {
        let mut tail = Self {
            id: begin.id,
            entries: VecDeque::new(),
            bytes: 0,
            after: begin.last,
            head: begin.last,
            kept: begin.kept,
            to_all: Vec::new(),
            to_profile: HashMap::new(),
            closed: false,
        };
        // Nobody follows yet.
        let kept = tail.kept.clone();
        tail.show(begin.entries, kept).wake();
        tail
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn head(&self) -> u64 {
        self.head
    }

    /// Appends what is written.
    pub fn show(&mut self, entries: Vec<Entry>, kept: Arc<Kept>) -> Woken {
        self.kept = kept;
        let mut woken = Vec::new();
        for entry in entries {
            self.head = entry.number;
            self.reach(&entry, &mut woken);
            self.bytes += entry.size();
            self.entries.push_back(Arc::new(entry));
            while (self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES)
                && let Some(oldest) = self.entries.pop_front()
            {
                self.bytes -= oldest.size();
                self.after = oldest.number;
            }
        }
        Woken(woken)
    }

    fn reach(&self, entry: &Entry, woken: &mut Vec<Arc<Follower>>) {
        let mut reach = |follower: &Arc<Follower>| {
            // Only who has read everything waits.
            if follower.first.load(Ordering::Relaxed) == 0 {
                follower.first.store(entry.number, Ordering::Relaxed);
                woken.push(follower.clone());
            }
        };
        self.to_all.iter().for_each(&mut reach);
        let of = |profile: &u32| self.to_profile.get(profile).into_iter().flatten();
        match &entry.item {
            Item::Event(event) => of(&event.profile_id).for_each(reach),
            Item::Gap(Gap::All) => self.to_profile.values().flatten().for_each(reach),
            Item::Gap(Gap::Of(profiles)) => profiles.iter().flat_map(of).for_each(reach),
            Item::Reached => {}
        }
    }

    /// Nothing comes any more.
    pub fn close(&mut self) -> Woken {
        self.closed = true;
        Woken(self.to_all.iter().chain(self.to_profile.values().flatten()).cloned().collect())
    }

    pub fn follow(&mut self, profiles: Option<&[u32]>, follower: &Arc<Follower>) {
        match profiles {
            None => self.to_all.push(follower.clone()),
            Some(profiles) => {
                for profile in profiles {
                    self.to_profile.entry(*profile).or_default().push(follower.clone());
                }
            }
        }
    }

    pub fn leave(&mut self, profiles: Option<&[u32]>, follower: &Arc<Follower>) {
        let others = |other: &Arc<Follower>| !Arc::ptr_eq(other, follower);
        let Some(profiles) = profiles else { return self.to_all.retain(others) };
        for profile in profiles {
            if let Some(listening) = self.to_profile.get_mut(profile) {
                listening.retain(others);
                if listening.is_empty() {
                    self.to_profile.remove(profile);
                }
            }
        }
    }

    /// Looks for entries after a number, at most so many.
    pub fn look(&self, after: u64, limit: usize, wanted: &impl Fn(u32) -> bool) -> Found {
        if after >= self.head {
            return if self.closed { Found::End } else { Found::Nothing };
        }
        if after < self.after {
            return Found::InFiles(self.kept.clone(), self.after);
        }
        let begin = self.entries.partition_point(|entry| entry.number <= after);
        let mut found = Vec::new();
        let mut reached = after;
        for entry in self.entries.range(begin..) {
            reached = entry.number;
            if entry.concerns(wanted) {
                found.push(entry.clone());
                if found.len() >= limit {
                    break;
                }
            }
        }
        Found::Entries(found, reached)
    }
}
