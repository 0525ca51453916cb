//! Text for terminals: colours where they are wanted, and nothing that a stranger could use to draw.

use std::fmt::Display;
use std::io::IsTerminal;

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colours {
    on: bool,
}

/// Colours that distinguish people.
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

/// Characters of the local part of an address that the log shows.
const SHOWN_OF_ADDRESS: usize = 2;

/// Text with every mail address shortened: the log says whose relay it is about, not who it is.
pub fn shortened(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for piece in text.split_inclusive(separates) {
        let word = piece.trim_end_matches(separates);
        match word.split_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
                out.extend(local.chars().take(SHOWN_OF_ADDRESS));
                out.push_str("…@");
                out.push_str(domain);
                out.push_str(&piece[word.len()..]);
            }
            _ => out.push_str(piece),
        }
    }
    out
}

/// The domain of the first mail address in a text.
pub fn domain(text: &str) -> Option<&str> {
    text.split(separates).find_map(|word| match word.split_once('@') {
        Some((local, domain)) if !local.is_empty() && !domain.is_empty() => {
            Some(domain.trim_end_matches('.'))
        }
        _ => None,
    })
}

/// What stands between the words of a text, as far as addresses are concerned.
fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ',' | ';' | ':' | '(' | ')' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shortened_and_everything_else_stays() {
        let text = "IMAP-LOGIN as alice0001@_relay.test: \"bob@b.test\" <c@d> @ 5 @home";
        let short = "IMAP-LOGIN as al…@_relay.test: \"bo…@b.test\" <c…@d> @ 5 @home";
        assert_eq!(shortened(text), short);
        assert_eq!(shortened("no address: 1, 2"), "no address: 1, 2");
        assert_eq!(shortened("ünal@x.test"), "ün…@x.test");
    }

    #[test]
    fn a_line_names_the_relay_of_its_address() {
        assert_eq!(domain("cannot log in as alice@_relay.test."), Some("_relay.test"));
        assert_eq!(domain("nobody @ nowhere"), None);
    }

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
