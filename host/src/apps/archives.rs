//! Opened archives that are at rest. A page asks for many files in a row: the directory of its archive is read once.

use std::collections::VecDeque;

use parking_lot::Mutex;
use volary_engine::webxdc::instance::OpenApp;

/// Archives that are kept, of all apps. Each holds a file open, and a directory of up to 10,000 names.
const MAX_KEPT: usize = 16;

/// Opened archives by the name of their instance, the longest unused first.
pub struct Archives<A = OpenApp> {
    kept: Mutex<VecDeque<(String, A)>>,
}

impl<A> Default for Archives<A> {
    fn default() -> Self {
        Self { kept: Mutex::default() }
    }
}

impl<A> Archives<A> {
    /// An archive of an instance, for one who reads a file of it.
    pub fn take(&self, name: &str) -> Option<A> {
        let mut kept = self.kept.lock();
        let at = kept.iter().rposition(|(of, _)| of == name)?;
        Some(kept.remove(at)?.1)
    }

    /// Keeps an archive for the next one.
    pub fn keep(&self, name: &str, archive: A) {
        let mut kept = self.kept.lock();
        if kept.len() >= MAX_KEPT {
            kept.pop_front();
        }
        kept.push_back((name.to_owned(), archive));
    }

    /// Closes those of an instance, so that the space of a file that was deleted is free.
    pub fn close(&self, name: &str) {
        self.kept.lock().retain(|(of, _)| of != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_archives_are_kept_each_for_one_reader() {
        let archives = Archives::<usize>::default();
        for number in 0..MAX_KEPT + 1 {
            archives.keep(if number % 2 == 0 { "even" } else { "odd" }, number);
        }
        assert_eq!((archives.take("even"), archives.take("none")), (Some(MAX_KEPT), None));
        assert_eq!(archives.take("even"), Some(MAX_KEPT - 2), "another reader gets another one");
        archives.close("even");
        assert_eq!(archives.take("even"), None);
        assert_eq!(archives.kept.lock().len(), MAX_KEPT / 2, "the first was closed for the last");
    }
}
