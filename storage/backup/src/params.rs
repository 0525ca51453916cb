//! Parameter strings: what rows hold besides their columns, as lines of a letter and a value.

use std::collections::BTreeMap;

/// The parameters of a row, by letter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(BTreeMap<char, String>);

impl Params {
    /// Reads a parameter string. Lines that are none are passed over.
    pub fn parse(text: &str) -> Self {
        let mut found = BTreeMap::new();
        let mut lines = text.split('\n').peekable();
        while let Some(line) = lines.next() {
            let Some((letter, value)) = line.split_once('=') else { continue };
            let mut letters = letter.chars();
            let (Some(letter), None) = (letters.next(), letters.next()) else { continue };
            let mut value = value.trim_end_matches('\r').to_owned();
            // A line break in a value is written twice: what follows an empty line belongs to it.
            while lines.peek().is_some_and(|next| next.is_empty()) {
                lines.next();
                let Some(rest) = lines.next() else { break };
                value.push('\n');
                value.push_str(rest.trim_end_matches('\r'));
            }
            found.insert(letter, value);
        }
        Self(found)
    }

    /// The value of a letter.
    pub fn get(&self, letter: char) -> Option<&str> {
        self.0.get(&letter).map(String::as_str)
    }

    /// The value of a letter as a number; 0 if there is none.
    pub fn number(&self, letter: char) -> i64 {
        self.get(letter).and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// Whether a letter is set to another number than 0.
    pub fn flag(&self, letter: char) -> bool {
        self.number(letter) != 0
    }

    /// Sets a text, unless it is empty.
    pub fn set(&mut self, letter: char, text: &str) {
        if !text.is_empty() {
            self.0.insert(letter, text.replace("\r\n", "\n").replace('\r', "\n"));
        }
    }

    /// Sets a number, unless it is 0.
    pub fn set_number(&mut self, letter: char, number: impl Into<i64>) {
        let number = number.into();
        if number != 0 {
            self.0.insert(letter, number.to_string());
        }
    }

    /// Sets a letter to 1 if a flag is on.
    pub fn set_flag(&mut self, letter: char, on: bool) {
        self.set_number(letter, i64::from(on));
    }

    /// The parameter string.
    pub fn to_text(&self) -> String {
        let lines = self.0.iter().map(|(letter, value)| format!("{letter}={}", value.replace('\n', "\n\n")));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn letters_come_sorted_and_line_breaks_are_doubled() {
        let mut params = Params::default();
        params.set('v', "a\nb.txt");
        params.set('f', "$BLOBDIR/x");
        params.set_flag('c', true);
        params.set_flag('L', false);
        params.set('q', "");
        assert_eq!(params.to_text(), "c=1\nf=$BLOBDIR/x\nv=a\n\nb.txt");
        assert_eq!(Params::parse(&params.to_text()), params);
    }

    #[test]
    fn odd_lines_are_passed_over() {
        let params = Params::parse("no sign\nab=1\nw=12\n=x\nd=zz");
        assert_eq!((params.number('w'), params.number('d'), params.get('a')), (12, 0, None));
        assert_eq!(Params::parse("").to_text(), "");
        assert_eq!(Params::parse("q=x\n\n").get('q'), Some("x\n"));
    }

    proptest! {
        #[test]
        fn every_text_comes_back(texts in proptest::collection::btree_map("[a-zA-Z0-9]", "[^\r]{1,20}", 0..6)) {
            let mut params = Params::default();
            for (letter, text) in &texts {
                params.set(letter.chars().next().unwrap(), text);
            }
            prop_assert_eq!(Params::parse(&params.to_text()), params);
        }

        #[test]
        fn nothing_makes_the_reader_fail(text in ".{0,200}") {
            Params::parse(&text);
        }
    }
}
