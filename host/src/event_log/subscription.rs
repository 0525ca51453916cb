//! One frontend's place in the log.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use parking_lot::Mutex;

use super::entry::{Entry, Gap, Item};
use super::frames::Frames;
use super::segments::{self, Kept};
use super::tail::{Follower, Found, Tail};

/// Most entries that are fetched together.
const FETCH: usize = 256;
/// Most entries of a file that are looked at together.
const LOOK: usize = 20_000;
/// A frontend to which nothing happens is told the number from time to time.
const QUIET: Duration = Duration::from_secs(30);

/// Where a frontend begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Position {
    /// With what happens from now on.
    #[default]
    Now,
    /// After a number.
    After {
        /// The log that the number is from; 0 = not checked.
        log: u64,
        /// The last number that the frontend has seen.
        number: u64,
    },
}

/// What a frontend follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Follow {
    /// These profiles; none = all, and the process as a whole (profile 0).
    pub profiles: Option<Vec<u32>>,
    /// Where it begins.
    pub from: Position,
}

/// A frontend that follows the log. It has no queue: one that does not read costs nobody anything.
pub struct Subscription {
    tail: Arc<Mutex<Tail>>,
    folder: Arc<Path>,
    follower: Arc<Follower>,
    profiles: Option<Vec<u32>>,
    log: u64,
    /// Where it began.
    began: u64,
    /// Everything up to here is in `fetched`, given out, or not for it.
    place: u64,
    /// It had read everything: whatever comes for it is announced by `follower`.
    caught_up: bool,
    /// The number of what was given out last.
    given: u64,
    fetched: VecDeque<Arc<Entry>>,
    reader: Option<Reader>,
}

impl Subscription {
    pub(super) fn new(tail: Arc<Mutex<Tail>>, folder: Arc<Path>, mut follow: Follow) -> Self {
        if let Some(profiles) = &mut follow.profiles {
            // In order they are looked through faster.
            profiles.sort_unstable();
            profiles.dedup();
        }
        let follower = Arc::<Follower>::default();
        let mut locked = tail.lock();
        let (log, head) = (locked.id(), locked.head());
        let mut fetched = VecDeque::new();
        let place = match follow.from {
            Position::Now => head,
            // A number of another log, or one that was never given.
            Position::After { log: asked, number } if (asked != 0 && asked != log) || number > head => {
                fetched.push_back(Arc::new(Entry { number: head, item: Item::Gap(Gap::All) }));
                head
            }
            Position::After { number, .. } => number,
        };
        locked.follow(follow.profiles.as_deref(), &follower);
        drop(locked);
        let profiles = follow.profiles;
        Self {
            tail,
            folder,
            follower,
            profiles,
            log,
            began: place,
            place,
            caught_up: false,
            given: place,
            fetched,
            reader: None,
        }
    }

    /// The log, and the number after which this subscription began.
    pub fn began(&self) -> (u64, u64) {
        (self.log, self.began)
    }

    /// The next entry; none when the log is closed. Dropping the future before it is ready loses nothing.
    pub async fn next(&mut self) -> Option<Arc<Entry>> {
        let mut quiet = false;
        loop {
            if let Some(entry) = self.fetched.pop_front() {
                self.given = entry.number;
                return Some(entry);
            }
            match self.look() {
                Found::Entries(entries, reached) => {
                    self.place = reached;
                    self.fetched = entries.into();
                    self.reader = None;
                }
                Found::InFiles(kept, until) => self.read_files(kept, until).await,
                Found::End => return None,
                Found::Nothing if quiet && self.place > self.given => {
                    self.given = self.place;
                    return Some(Arc::new(Entry { number: self.place, item: Item::Reached }));
                }
                Found::Nothing => {
                    let more = self.follower.notify.notified();
                    quiet = tokio::time::timeout(QUIET, more).await.is_err();
                }
            }
        }
    }

    fn look(&mut self) -> Found {
        let tail = self.tail.lock();
        // Under the lock of the tail, so that nothing comes in between.
        let first = self.follower.first.swap(0, Ordering::Relaxed);
        if self.caught_up {
            // Nothing before was for this frontend.
            self.place = self.place.max(if first == 0 { tail.head() } else { first - 1 });
        }
        let found = tail.look(self.place, FETCH, &wanted(self.profiles.as_deref()));
        self.caught_up = matches!(found, Found::Nothing);
        found
    }

    /// Fetches what is not in memory any more.
    async fn read_files(&mut self, kept: Arc<Kept>, until: u64) {
        if let Some(gap) = kept.gone.since(self.place) {
            self.place = kept.gone.last;
            self.reader = None;
            if let Some(gap) = gap.for_profiles(&wanted(self.profiles.as_deref())) {
                self.fetched.push_back(Arc::new(Entry { number: self.place, item: Item::Gap(gap) }));
            }
            return;
        }
        let (reader, folder, profiles) = (self.reader.take(), self.folder.clone(), self.profiles.clone());
        let place = self.place;
        let reading = tokio::task::spawn_blocking(move || {
            let mut reader = reader.unwrap_or_default();
            let read = reader.read(&folder, &kept, place, until, &wanted(profiles.as_deref()));
            read.map(|(entries, reached)| (entries, reached, reader))
        });
        match reading.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok((entries, reached, reader)) => {
                self.place = reached;
                self.fetched = entries.into();
                self.reader = Some(reader);
            }
            // The oldest file was deleted in this moment: the next look finds out. Anything else is a gap.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.is_current(place) => {}
            Err(error) => {
                tracing::error!(%error, "the log of events cannot be read: a frontend has to read anew");
                self.place = until;
                self.fetched.push_back(Arc::new(Entry { number: until, item: Item::Gap(Gap::All) }));
            }
        }
    }

    /// Whether what comes after a number is still in the files.
    fn is_current(&self, place: u64) -> bool {
        match self.tail.lock().look(place, 1, &|_| true) {
            Found::InFiles(kept, _) => kept.gone.since(place).is_none(),
            _ => false,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.tail.lock().leave(self.profiles.as_deref(), &self.follower);
    }
}

/// Whether events of a profile are followed. The profiles are in order.
fn wanted(profiles: Option<&[u32]>) -> impl Fn(u32) -> bool {
    move |profile| profiles.is_none_or(|profiles| profiles.binary_search(&profile).is_ok())
}

/// Reads the files in their order. Between two reads no file is open: who reads slowly costs no descriptor.
#[derive(Default)]
struct Reader {
    /// The first number of the file that is read, and how far.
    at: Option<(u64, u64)>,
}

impl Reader {
    /// Entries after a number, and the number up to which was read. All that is stored up to `until` is in the files.
    fn read(
        &mut self,
        folder: &Path,
        kept: &Kept,
        place: u64,
        until: u64,
        wanted: &impl Fn(u32) -> bool,
    ) -> io::Result<(Vec<Arc<Entry>>, u64)> {
        let (mut first, mut frames) = match self.at {
            Some((first, offset)) => (first, open(folder, first, Some(offset))?),
            None => {
                // The last file that can hold the next number; before all of them, the first.
                let at = kept.firsts.partition_point(|first| *first <= place + 1).saturating_sub(1);
                let Some(first) = kept.firsts.get(at) else { return Ok((Vec::new(), until)) };
                (*first, open(folder, *first, None)?)
            }
        };
        let (mut found, mut reached) = (Vec::new(), place);
        for _ in 0..LOOK {
            match frames.next()?.map(|bytes| Entry::from_bytes(&bytes)) {
                Some(Some(entry)) if entry.number > reached => {
                    reached = entry.number;
                    if entry.concerns(wanted) {
                        found.push(Arc::new(entry));
                        if found.len() >= FETCH {
                            break;
                        }
                    }
                }
                Some(_) => {}
                None => match kept.firsts.iter().find(|next| **next > first) {
                    Some(next) => (first, frames) = (*next, open(folder, *next, None)?),
                    None => {
                        reached = reached.max(until);
                        break;
                    }
                },
            }
        }
        self.at = Some((first, frames.offset()));
        Ok((found, reached))
    }
}

/// A file from an offset on, or without its head.
fn open(folder: &Path, first: u64, offset: Option<u64>) -> io::Result<Frames> {
    let file = File::open(segments::path(folder, first))?;
    if let Some(offset) = offset {
        return Ok(Frames::from(file, offset));
    }
    let mut frames = Frames::new(file);
    frames.next()?;
    Ok(frames)
}
