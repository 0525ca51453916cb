//! Text for terminals: colours where they are wanted, and nothing that a stranger could use to draw.

use std::fmt::Display;
use std::io::IsTerminal;

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    on: bool,
}

/// Colours in which people are told apart.
const PEOPLE: [u8; 6] = [36, 33, 35, 32, 34, 31];

impl Colours {
    /// No colours.
    pub const OFF: Self = Self { on: false };

    /// Colours if `stream` is a terminal, unless the user does not want them (`NO_COLOR`).
    pub fn wanted_on(stream: &impl IsTerminal) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { on: stream.is_terminal() && !refused }
    }

    /// Whether there are any.
    pub fn are_on(self) -> bool {
        self.on
    }

    /// For what went well.
    pub fn green(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// For what is less important.
    pub fn dim(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// For headings.
    pub fn bold(self, text: impl Display) -> String {
        self.paint("1", text)
    }

    /// For the name of the person with this number.
    pub fn person(self, number: usize, text: impl Display) -> String {
        self.paint(&format!("1;{}", PEOPLE[number % PEOPLE.len()]), text)
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// Text of somebody else without control characters, so that it cannot move the cursor or change colours.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_that_are_off_leave_text_alone() {
        assert_eq!(Colours::OFF.green("yes"), "yes");
        assert_eq!(Colours { on: true }.green("yes"), "\x1b[32myes\x1b[0m");
    }

    #[test]
    fn names_cannot_draw() {
        assert_eq!(plain("Eve\x1b[2J\n"), "Eve\u{fffd}[2J\u{fffd}");
        assert_eq!(plain("Zoë 🦊"), "Zoë 🦊");
    }
}
