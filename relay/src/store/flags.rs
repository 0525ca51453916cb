//! Message flags (RFC 3501, section 2.3.2).

use std::collections::BTreeSet;
use std::fmt;

use imap_codec::imap_types::flag::{Flag, StoreType};

/// Keywords one message may carry.
const MAX_KEYWORDS: usize = 32;

/// Bytes of one keyword.
const MAX_KEYWORD: usize = 64;

/// The system flags with the letters that Maildir file names use for them, in the order Maildir demands.
const SYSTEM: [(u8, &str, char); 5] = [
    (Flags::DRAFT, "\\Draft", 'D'),
    (Flags::FLAGGED, "\\Flagged", 'F'),
    (Flags::ANSWERED, "\\Answered", 'R'),
    (Flags::SEEN, "\\Seen", 'S'),
    (Flags::DELETED, "\\Deleted", 'T'),
];

/// The flags of one message. `\Recent` is a matter of sessions and not kept here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    system: u8,
    keywords: BTreeSet<String>,
}

impl Flags {
    pub(crate) const DRAFT: u8 = 1;
    pub(crate) const FLAGGED: u8 = 2;
    pub(crate) const ANSWERED: u8 = 4;
    pub(crate) const SEEN: u8 = 8;
    pub(crate) const DELETED: u8 = 16;

    pub(crate) fn from_imap(flags: &[Flag<'_>]) -> Self {
        let mut result = Self::default();
        for flag in flags {
            match flag {
                Flag::Draft => result.system |= Self::DRAFT,
                Flag::Flagged => result.system |= Self::FLAGGED,
                Flag::Answered => result.system |= Self::ANSWERED,
                Flag::Seen => result.system |= Self::SEEN,
                Flag::Deleted => result.system |= Self::DELETED,
                Flag::Keyword(word) => {
                    let word: &str = word.as_ref();
                    if word.len() <= MAX_KEYWORD && result.keywords.len() < MAX_KEYWORDS {
                        result.keywords.insert(word.to_owned());
                    }
                }
                // Unknown system flags are not permanent, which PERMANENTFLAGS says.
                Flag::Extension(_) => {}
            }
        }
        result
    }

    pub(crate) fn from_letters(letters: &str) -> Self {
        let system = SYSTEM
            .iter()
            .filter(|(_, _, letter)| letters.contains(*letter))
            .fold(0, |sum, (bit, ..)| sum | bit);
        Self { system, keywords: BTreeSet::new() }
    }

    /// The info part of a Maildir file name. Keywords have no letter there and live in memory only.
    pub(crate) fn letters(&self) -> String {
        SYSTEM.iter().filter(|(bit, ..)| self.has(*bit)).map(|(_, _, letter)| *letter).collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    pub(crate) fn has(&self, bit: u8) -> bool {
        self.system & bit != 0
    }

    pub(crate) fn has_keyword(&self, keyword: &str) -> bool {
        self.keywords.iter().any(|word| word.eq_ignore_ascii_case(keyword))
    }

    pub(crate) fn set(&mut self, bit: u8) {
        self.system |= bit;
    }

    /// Applies a STORE command.
    pub(crate) fn apply(&mut self, kind: &StoreType, change: &Self) {
        match kind {
            StoreType::Replace => *self = change.clone(),
            StoreType::Add => {
                self.system |= change.system;
                for word in &change.keywords {
                    if self.keywords.len() < MAX_KEYWORDS {
                        self.keywords.insert(word.clone());
                    }
                }
            }
            StoreType::Remove => {
                self.system &= !change.system;
                for word in &change.keywords {
                    self.keywords.remove(word);
                }
            }
        }
    }

    /// The names as they appear in a FETCH answer, without parentheses.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let system = SYSTEM.iter().filter(|(bit, ..)| self.has(*bit)).map(|(_, name, _)| *name);
        system.chain(self.keywords.iter().map(String::as_str))
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.names().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(out, "{space}{name}")?;
        }
        Ok(())
    }
}
