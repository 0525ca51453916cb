//! What browsers keep of apps (`localStorage`, IndexedDB and so on) goes with the instance. Only a browser can remove it,
//! when one of the origins of the instance tells it to: the page around the app asks for that as long as it is open, and
//! otherwise the next page that a person opens leads past the origins that are due.
//!
//! What was ever opened, and what is due, is in a file: a browser may be asked weeks later, after restarts.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::names::Names;

/// The file, in the folder of the engine. A line for each instance: profile, message, and `gone` if it is due.
const FILE: &str = "apps.opened";
/// Names that are answered although their browser was asked already: other windows of the same app ask, too.
const MAX_ASKED: usize = 1_000;

/// An instance: profile and message.
pub type Id = (u32, u32);

/// What browsers may keep.
pub struct Storage {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Instances that were opened, and are there.
    opened: BTreeSet<Id>,
    /// Those of which a browser may still keep something.
    due: BTreeSet<Id>,
    /// Names of those whose browser was asked since the start.
    asked: HashSet<String>,
}

impl Storage {
    /// What the file of a folder says.
    pub fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, state: Mutex::new(parse(&text)) })
    }

    /// An instance is about to be shown.
    pub fn opens(&self, id: Id) {
        let mut state = self.state.lock();
        if state.opened.insert(id) {
            self.write(&state);
        }
    }

    /// Instances of a profile (0: all) that were opened and were there when anybody looked.
    pub fn opened(&self, profile: u32) -> Vec<Id> {
        let state = self.state.lock();
        state.opened.iter().filter(|id| profile == 0 || id.0 == profile).copied().collect()
    }

    /// An instance is gone. Whether browsers may keep something of it.
    pub fn is_gone(&self, id: Id) -> bool {
        let mut state = self.state.lock();
        let known = state.opened.remove(&id);
        if known {
            state.due.insert(id);
            self.write(&state);
        }
        known
    }

    /// Names of instances that are due, at most so many.
    pub fn due(&self, names: &Names, count: usize) -> Vec<String> {
        let state = self.state.lock();
        state.due.iter().take(count).map(|(profile, message)| names.instance(*profile, *message)).collect()
    }

    /// Whether a browser that asks at this name is to remove what it keeps.
    pub fn is_due(&self, names: &Names, name: &str) -> bool {
        let state = self.state.lock();
        state.asked.contains(name) || find(&state, names, name).is_some()
    }

    /// A browser was asked at this name.
    pub fn asked(&self, names: &Names, name: &str) {
        let mut state = self.state.lock();
        if let Some(id) = find(&state, names, name) {
            state.due.remove(&id);
            self.write(&state);
            if state.asked.len() >= MAX_ASKED {
                state.asked.clear();
            }
            state.asked.insert(name.to_owned());
            tracing::info!(profile = id.0, msg = id.1, "a browser was asked to remove what an app kept");
        }
    }

    fn write(&self, state: &State) {
        if let Err(error) = write(&self.path, &print(state)) {
            // It is written again with the next change.
            tracing::warn!(%error, "what browsers keep of apps cannot be noted");
        }
    }
}

fn find(state: &State, names: &Names, name: &str) -> Option<Id> {
    state.due.iter().copied().find(|(profile, message)| names.instance(*profile, *message) == name)
}

fn parse(text: &str) -> State {
    let mut state = State::default();
    for line in text.lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
        let (Some(profile), Some(message)) = (number(), number()) else { continue };
        match words.next() {
            None => state.opened.insert((profile, message)),
            Some(_) => state.due.insert((profile, message)),
        };
    }
    state
}

fn print(state: &State) -> String {
    let mut text = String::new();
    for (ids, end) in [(&state.opened, ""), (&state.due, " gone")] {
        for (profile, message) in ids {
            // Writing to a text does not fail.
            let _ = writeln!(text, "{profile} {message}{end}");
        }
    }
    text
}

/// Whole or not at all.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("opened.new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_due_is_known_after_a_restart_and_only_what_was_opened_is() {
        let folder = tempfile::tempdir().unwrap();
        let names = Names::of(folder.path()).unwrap();
        let storage = Storage::of(folder.path()).unwrap();
        storage.opens((1, 10));
        storage.opens((2, 10));
        assert!(storage.is_gone((1, 10)));
        assert!(!storage.is_gone((1, 11)), "it was never opened");
        let again = Storage::of(folder.path()).unwrap();
        assert_eq!((again.opened(0), again.opened(1)), (vec![(2, 10)], vec![]));
        let name = names.instance(1, 10);
        assert_eq!(again.due(&names, 5), [name.as_str()]);
        assert!(again.is_due(&names, &name) && !again.is_due(&names, &names.instance(2, 10)));
        again.asked(&names, &name);
        assert!(again.due(&names, 5).is_empty());
        assert!(again.is_due(&names, &name), "other windows of the app ask, too");
        assert!(!Storage::of(folder.path()).unwrap().is_due(&names, &name), "it is done");
    }

    #[test]
    fn lines_that_make_no_sense_are_passed_over() {
        let state = parse("1 10\nnonsense\n2 x\n3 30 gone\n");
        assert_eq!(print(&state), "1 10\n3 30 gone\n");
    }
}
