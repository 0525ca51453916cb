//! What was said and who heard it. Every message must reach every other member exactly once and, for each author, in
//! the order in which it was said.
//!
//! A text carries its own identity (`chat`, author, number), so nothing but the text itself is believed.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Identity of a message, as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the chat.
    pub chat: usize,
    /// Profile of the author.
    pub author: u32,
    /// Counted from 1 for each author in each chat; 0 = before counting begins.
    pub number: u32,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chat {} author {} line {}", self.chat, self.author, self.number)
    }
}

/// The text is none of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a line of this run")]
pub struct NotALine;

impl FromStr for Line {
    type Err = NotALine;

    fn from_str(text: &str) -> Result<Self, NotALine> {
        let mut words = text.split(' ');
        let mut field = |name| match (words.next(), words.next().map(str::parse::<u32>)) {
            (Some(word), Some(Ok(value))) if word == name => Ok(value),
            _ => Err(NotALine),
        };
        Ok(Self { chat: field("chat")? as usize, author: field("author")?, number: field("line")? })
    }
}

/// How often something went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Faults {
    /// Said, but not there.
    pub missing: u64,
    /// There more than once.
    pub doubled: u64,
    /// There before one that was said earlier by the same author.
    pub disordered: u64,
    /// In the wrong chat, or said by nobody.
    pub strange: u64,
}

impl Faults {
    /// Whether nothing went wrong.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            missing: self.missing + other.missing,
            doubled: self.doubled + other.doubled,
            disordered: self.disordered + other.disordered,
            strange: self.strange + other.strange,
        }
    }
}

/// What one member has seen of one chat.
#[derive(Clone, Debug, Default)]
pub struct Page {
    seen: HashMap<u32, Author>,
    faults: Faults,
}

#[derive(Clone, Debug, Default)]
struct Author {
    /// All up to here were seen.
    complete: u32,
    /// The highest that was seen.
    highest: u32,
    /// Seen beyond `complete`.
    ahead: std::collections::BTreeSet<u32>,
}

impl Page {
    /// Notes a message of the chat `chat`.
    pub fn hears(&mut self, chat: usize, line: Line) {
        if line.chat != chat {
            self.faults.strange += 1;
            return;
        }
        let author = self.seen.entry(line.author).or_default();
        if line.number <= author.complete || !author.ahead.insert(line.number) {
            self.faults.doubled += 1;
            return;
        }
        if line.number < author.highest {
            self.faults.disordered += 1;
        }
        author.highest = author.highest.max(line.number);
        while author.ahead.remove(&(author.complete + 1)) {
            author.complete += 1;
        }
    }

    /// How many were heard.
    pub fn heard(&self) -> u64 {
        self.seen.values().map(|author| u64::from(author.complete) + author.ahead.len() as u64).sum()
    }

    /// What is wrong, when each author of `said` has said that many.
    pub fn faults(&self, said: &HashMap<u32, u32>) -> Faults {
        let mut faults = self.faults;
        for (author, count) in said {
            let seen = self.seen.get(author);
            let within = seen.map_or(0, |seen| {
                u64::from(seen.complete.min(*count)) + seen.ahead.range(..=*count).count() as u64
            });
            faults.missing += u64::from(*count) - within;
        }
        for (author, seen) in &self.seen {
            let count = said.get(author).copied().unwrap_or(0);
            let beyond = seen.ahead.iter().filter(|number| **number > count).count() as u64;
            faults.strange += u64::from(seen.complete.saturating_sub(count)) + beyond;
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u32) -> Line {
        Line { chat: 3, author: 7, number }
    }

    fn page(numbers: &[u32]) -> Faults {
        let mut page = Page::default();
        for number in numbers {
            page.hears(3, line(*number));
        }
        page.faults(&HashMap::from([(7, 3)]))
    }

    #[test]
    fn a_text_tells_which_message_it_is() {
        assert_eq!(line(12).to_string().parse(), Ok(line(12)));
        assert_eq!(format!("{} and more words", line(12)).parse(), Ok(line(12)));
        assert_eq!("chat 3 author x line 12".parse::<Line>(), Err(NotALine));
        assert_eq!("Messages are end-to-end encrypted.".parse::<Line>(), Err(NotALine));
    }

    #[test]
    fn all_in_order_is_flawless() {
        assert!(page(&[1, 2, 3]).is_none());
    }

    #[test]
    fn every_kind_of_fault_is_counted() {
        assert_eq!(page(&[1, 3]), Faults { missing: 1, ..Faults::default() });
        assert_eq!(page(&[]), Faults { missing: 3, ..Faults::default() });
        assert_eq!(page(&[1, 2, 2, 3]), Faults { doubled: 1, ..Faults::default() });
        assert_eq!(page(&[1, 3, 2]), Faults { disordered: 1, ..Faults::default() });
        assert_eq!(page(&[1, 3, 3, 2, 3]), Faults { disordered: 1, doubled: 2, ..Faults::default() });
        assert_eq!(page(&[1, 2, 3, 4]), Faults { strange: 1, ..Faults::default() });
        let mut wrong_chat = Page::default();
        wrong_chat.hears(4, line(1));
        assert_eq!(wrong_chat.faults(&HashMap::new()), Faults { strange: 1, ..Faults::default() });
    }

    #[test]
    fn authors_are_counted_apart() {
        let mut page = Page::default();
        page.hears(3, line(1));
        page.hears(3, Line { author: 8, ..line(1) });
        page.hears(3, line(2));
        assert_eq!(page.heard(), 3);
        assert!(page.faults(&HashMap::from([(7, 2), (8, 1)])).is_none());
    }
}
