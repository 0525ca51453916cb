//! The files of the log. Each begins with the numbers that every profile had reached before it, so that what is deleted
//! with the files before is still known by profile.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use prost::Message;
use volary_proto::Event;

use super::EventLogError;
use super::entry::{self, Entry, Gap, Item};
use super::frames::{self, Frames};

/// Bytes of all files together, beyond which the oldest is deleted.
pub const MAX_BYTES: u64 = 16 << 20;
/// Most files.
pub const MAX_SEGMENTS: usize = 64;
/// Bytes of a file, beyond which the next one begins.
const SEGMENT_BYTES: u64 = 2 << 20;
/// Numbers that are reserved ahead.
const RESERVED: u64 = 1_000_000;
/// So many reserved numbers are left when further ones are reserved.
const LOW: u64 = 100_000;
/// Pause before a log that could not be written is tried again.
const RETRY: Duration = Duration::from_secs(1);
const STATE_FILE: &str = "state";
const EXTENSION: &str = "log";

/// The last number of each profile, up to some point of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reached {
    /// The last number at all.
    pub last: u64,
    /// The last gap that concerns everybody.
    pub all: u64,
    pub by_profile: HashMap<u32, u64>,
}

/// The same as it is stored, at the beginning of a file.
#[derive(Clone, PartialEq, Message)]
struct StoredReached {
    #[prost(uint64, tag = "1")]
    last: u64,
    #[prost(uint64, tag = "2")]
    all: u64,
    #[prost(map = "uint32, uint64", tag = "3")]
    by_profile: HashMap<u32, u64>,
}

/// What must survive a kill at any moment.
#[derive(Clone, PartialEq, Message)]
struct State {
    /// Random.
    #[prost(fixed64, tag = "1")]
    log: u64,
    /// Lower numbers may be in use.
    #[prost(uint64, tag = "2")]
    reserved: u64,
}

/// What is in the files.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// First numbers of the files, which are their names.
    pub firsts: Vec<u64>,
    /// What is in no file any more.
    pub gone: Reached,
}

/// How a log begins after it was opened.
pub struct Begin {
    pub id: u64,
    /// The last number before this process.
    pub last: u64,
    pub kept: Arc<Kept>,
    /// A gap, if the log was not closed.
    pub entries: Vec<Entry>,
}

/// The files, and where to write next.
pub struct Segments {
    folder: PathBuf,
    state: State,
    next: u64,
    reached: Reached,
    /// First number and bytes of each file.
    files: VecDeque<(u64, u64)>,
    kept: Arc<Kept>,
    current: Option<File>,
    /// Something could not be written; not tried again before.
    broken: Option<Instant>,
}

impl Segments {
    /// Opens the log, or makes one. `complete`: what has happened so far is in it.
    pub fn open(folder: &Path, mut complete: bool) -> Result<(Self, Begin), EventLogError> {
        let failed = |error| EventLogError::File { path: folder.to_owned(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let state = read_state(folder);
        let firsts = list(folder).map_err(failed)?;
        let mut segments = Self {
            folder: folder.to_owned(),
            next: 1,
            reached: Reached::default(),
            files: VecDeque::new(),
            kept: Arc::default(),
            current: None,
            broken: None,
            state: State { log: new_id(), reserved: 1 },
        };
        match state {
            Some(state) => complete &= segments.go_on(state, firsts).map_err(failed)?,
            None => {
                // Nobody has a number of a new log.
                complete = true;
                let remove = |first: &u64| fs::remove_file(path(folder, *first));
                firsts.iter().try_for_each(remove).map_err(failed)?;
            }
        }
        let last = segments.next - 1;
        segments.reserve().map_err(failed)?;
        let mut entries = Vec::new();
        if !complete {
            tracing::info!(number = segments.next, "not all events were logged: the log has a gap here");
            entries.push(segments.gap());
            segments.store(&entries);
        }
        let begin = Begin { id: segments.state.log, last, kept: segments.kept.clone(), entries };
        Ok((segments, begin))
    }

    /// Reads what is there; false if something is missing.
    fn go_on(&mut self, state: State, firsts: Vec<u64>) -> io::Result<bool> {
        let (mut gone, mut complete) = (None, true);
        for first in firsts {
            let file = File::open(path(&self.folder, first))?;
            let bytes = file.metadata()?.len();
            let mut frames = Frames::new(file);
            let Some(head) = frames.next()?.and_then(|head| StoredReached::decode(&head[..]).ok()) else {
                // The process ended while it began this file.
                fs::remove_file(path(&self.folder, first))?;
                complete = false;
                continue;
            };
            let head = Reached { last: head.last, all: head.all, by_profile: head.by_profile };
            if gone.is_none() {
                self.reached = head.clone();
                gone = Some(head);
            }
            while let Some(entry) = frames.next()?.and_then(|bytes| Entry::from_bytes(&bytes)) {
                self.reached.note(&entry);
            }
            self.files.push_back((first, bytes));
        }
        let gone = gone.unwrap_or_else(|| {
            // Of a log without files nobody knows what was in them.
            let all = state.reserved.saturating_sub(1);
            self.reached = Reached { last: all, all, by_profile: HashMap::new() };
            self.reached.clone()
        });
        self.next = state.reserved.max(self.reached.last + 1);
        self.state = state;
        self.keep(gone);
        Ok(complete)
    }

    /// Numbers events and writes them. Those that cannot be written are missing later, which is then said by a gap.
    pub fn append(&mut self, events: Vec<Arc<Event>>) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(events.len());
        if self.broken.is_some_and(|retry| retry <= Instant::now()) {
            self.broken = None;
            entries.push(self.gap());
        }
        for event in events {
            entries.push(entry::of_event(self.number(), event));
        }
        if self.next + LOW > self.state.reserved
            && let Err(error) = self.reserve()
        {
            self.fail(&error);
        }
        self.store(&entries);
        entries
    }

    /// What is in the files now.
    pub fn kept(&self) -> Arc<Kept> {
        self.kept.clone()
    }

    /// Writes the end. Fails if something is not written.
    pub fn close(mut self) -> io::Result<()> {
        if self.broken.is_some() {
            return Err(io::Error::other("some events could not be written"));
        }
        self.current.take().map_or(Ok(()), |file| file.sync_all())?;
        write_state(&self.folder, &State { reserved: self.next, ..self.state })
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn gap(&mut self) -> Entry {
        Entry { number: self.number(), item: Item::Gap(Gap::All) }
    }

    fn reserve(&mut self) -> io::Result<()> {
        self.state = State { reserved: self.next + RESERVED, ..self.state };
        write_state(&self.folder, &self.state)
    }

    fn store(&mut self, entries: &[Entry]) {
        if self.broken.is_none()
            && let Some(first) = entries.first()
            && let Err(error) = self.try_store(first.number, entries)
        {
            self.fail(&error);
        }
        entries.iter().for_each(|entry| self.reached.note(entry));
    }

    fn try_store(&mut self, first: u64, entries: &[Entry]) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut file = match self.current.take() {
            Some(file) => file,
            None => self.begin(first, &mut bytes)?,
        };
        for entry in entries.iter().filter_map(Entry::to_bytes) {
            frames::put(&mut bytes, &entry);
        }
        file.write_all(&bytes)?;
        let filled = match self.files.back_mut() {
            Some((_, size)) => {
                *size += bytes.len() as u64;
                *size >= SEGMENT_BYTES
            }
            None => true,
        };
        if !filled {
            self.current = Some(file);
        }
        Ok(())
    }

    /// Begins a file, and deletes the oldest if there are too many.
    fn begin(&mut self, first: u64, bytes: &mut Vec<u8>) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(path(&self.folder, first))?;
        let Reached { last, all, by_profile } = self.reached.clone();
        frames::put(bytes, &StoredReached { last, all, by_profile }.encode_to_vec());
        let mut gone = if self.files.is_empty() { self.reached.clone() } else { self.kept.gone.clone() };
        self.files.push_back((first, 0));
        let total = |files: &VecDeque<(u64, u64)>| files.iter().map(|(_, bytes)| bytes).sum::<u64>();
        while self.files.len() > MAX_SEGMENTS || (self.files.len() > 2 && total(&self.files) > MAX_BYTES) {
            let Some((oldest, _)) = self.files.pop_front() else { break };
            fs::remove_file(path(&self.folder, oldest))?;
            gone = self.oldest_head()?.unwrap_or_else(|| self.reached.clone());
        }
        self.keep(gone);
        Ok(file)
    }

    /// What the oldest file says about those before it; none if it has just been begun.
    fn oldest_head(&self) -> io::Result<Option<Reached>> {
        let Some((oldest, 1..)) = self.files.front() else { return Ok(None) };
        let head = Frames::new(File::open(path(&self.folder, *oldest))?).next()?;
        let head = head.and_then(|head| StoredReached::decode(&head[..]).ok());
        Ok(head.map(|head| Reached { last: head.last, all: head.all, by_profile: head.by_profile }))
    }

    fn keep(&mut self, gone: Reached) {
        self.kept = Arc::new(Kept { firsts: self.files.iter().map(|(first, _)| *first).collect(), gone });
    }

    fn fail(&mut self, error: &io::Error) {
        if self.broken.is_none() {
            tracing::error!(%error, "events cannot be logged: a frontend that was away has to read anew");
        }
        self.current = None;
        self.broken = Some(Instant::now() + RETRY);
    }
}

impl Reached {
    fn note(&mut self, entry: &Entry) {
        self.last = self.last.max(entry.number);
        match &entry.item {
            Item::Event(event) => {
                self.by_profile.insert(event.profile_id, entry.number);
            }
            Item::Gap(Gap::All) => self.all = entry.number,
            Item::Gap(Gap::Of(profiles)) => {
                self.by_profile.extend(profiles.iter().map(|profile| (*profile, entry.number)));
            }
            Item::Reached => {}
        }
    }

    /// Whose events came after a number.
    pub fn since(&self, number: u64) -> Option<Gap> {
        if self.all > number {
            return Some(Gap::All);
        }
        let changed = self.by_profile.iter().filter(|(_, last)| **last > number);
        let mut profiles: Vec<u32> = changed.map(|(profile, _)| *profile).collect();
        profiles.sort_unstable();
        (!profiles.is_empty()).then_some(Gap::Of(profiles))
    }
}

/// The id of a new log: never 0, which stands for none, and in JSON the same number for all programs, of which many have only
/// 53 bits.
fn new_id() -> u64 {
    const BITS: u32 = 53;
    (rand::random::<u64>() >> (u64::BITS - BITS)).max(1)
}

/// The file that begins with a number.
pub fn path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}.{EXTENSION}"))
}

/// First numbers of the files, in order.
fn list(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            firsts.extend(path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok()));
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn read_state(folder: &Path) -> Option<State> {
    let file = File::open(folder.join(STATE_FILE)).ok()?;
    State::decode(&Frames::new(file).next().ok()??[..]).ok()
}

/// Writes the state so that after a crash the old or the new one is there.
fn write_state(folder: &Path, state: &State) -> io::Result<()> {
    let mut bytes = Vec::new();
    frames::put(&mut bytes, &state.encode_to_vec());
    let fresh = folder.join("state.new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(STATE_FILE))?;
    File::open(folder)?.sync_all()
}
