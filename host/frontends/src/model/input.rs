//! A line that is being typed. A rule: no I/O.

use unicode_segmentation::UnicodeSegmentation as _;

/// Longest text that can be typed or pasted, in bytes.
pub const MAX_INPUT: usize = 100_000;

/// A text and the place in it where the next letter goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    text: String,
    /// Always between two letters as people see them.
    cursor: usize,
}

impl Input {
    /// A line in which nothing is typed.
    pub const EMPTY: Self = Self { text: String::new(), cursor: 0 };

    /// What is typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor, and what behind it.
    pub fn halves(&self) -> (&str, &str) {
        self.text.split_at(self.cursor)
    }

    /// Another text, with the cursor at its end. What is too long is cut off.
    pub fn set(&mut self, mut text: String) {
        let end = (0..=MAX_INPUT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or_default());
        self.cursor = text.len();
        self.text = text;
    }

    /// Puts something where the cursor is. What would make the text too long is left out.
    pub fn insert(&mut self, typed: &str) {
        let typed = typed.replace("\r\n", "\n").replace('\r', "\n");
        if self.text.len() + typed.len() <= MAX_INPUT {
            self.text.insert_str(self.cursor, &typed);
            self.cursor += typed.len();
        }
    }

    /// Takes the letter before the cursor away.
    pub fn backspace(&mut self) {
        let end = self.cursor;
        self.left();
        self.text.replace_range(self.cursor..end, "");
    }

    /// Takes the letter behind the cursor away.
    pub fn delete(&mut self) {
        let begin = self.cursor;
        self.right();
        self.text.replace_range(begin..self.cursor, "");
        self.cursor = begin;
    }

    /// Takes the word before the cursor away.
    pub fn delete_word(&mut self) {
        let before = self.halves().0.trim_end();
        let begin = before
            .rfind(char::is_whitespace)
            .map_or(0, |space| space + before[space..].chars().next().map_or(0, char::len_utf8));
        self.text.replace_range(begin..self.cursor, "");
        self.cursor = begin;
    }

    /// To the letter before.
    pub fn left(&mut self) {
        let letter = self.halves().0.graphemes(true).next_back().map_or(0, str::len);
        self.cursor -= letter;
    }

    /// To the next letter.
    pub fn right(&mut self) {
        let letter = self.halves().1.graphemes(true).next().map_or(0, str::len);
        self.cursor += letter;
    }

    /// To the begin.
    pub fn home(&mut self) {
        self.cursor = 0;
    }

    /// To the end.
    pub fn end(&mut self) {
        self.cursor = self.text.len();
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Input {
        let mut input = Input::default();
        input.insert(text);
        input
    }

    #[test]
    fn letters_are_what_people_see() {
        let mut input = typed("a👨‍👩‍👧e\u{301}");
        input.backspace();
        assert_eq!(input.text(), "a👨‍👩‍👧", "an accent goes with its letter");
        input.left();
        assert_eq!(input.halves(), ("a", "👨‍👩‍👧"));
        input.insert("b");
        input.delete();
        assert_eq!(input.halves(), ("ab", ""));
        input.home();
        input.backspace();
        input.left();
        assert_eq!(input.halves(), ("", "ab"), "there is nothing before the begin");
        input.end();
        input.delete();
        input.right();
        assert_eq!(input.halves(), ("ab", ""));
    }

    #[test]
    fn a_word_is_taken_away_with_the_space_behind_it() {
        let mut input = typed("one two  ");
        input.delete_word();
        assert_eq!(input.text(), "one ");
        input.delete_word();
        input.delete_word();
        assert_eq!(input, Input::default());
    }

    #[test]
    fn a_line_has_an_end() {
        let mut input = typed(&"ä".repeat(MAX_INPUT / 2));
        input.insert("x");
        assert_eq!(input.text().len(), MAX_INPUT);
        input.set("ä".repeat(MAX_INPUT));
        assert_eq!((input.text().len(), input.halves().1), (MAX_INPUT, ""));
        input.set("ä\r\n".to_owned());
        input.clear();
        input.insert("one\r\ntwo\rthree");
        assert_eq!(input.text(), "one\ntwo\nthree", "all ends of lines are the same");
    }
}
