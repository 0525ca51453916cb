//! Text in lines as wide as there is room. A rule: no I/O.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The lines of a text, none of them wider than `width`. Breaks between words where it can.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    text.split('\n').flat_map(|line| wrap_line(line, width)).collect()
}

fn wrap_line(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split_word_bounds() {
        let wide = word.width();
        if used + wide <= width {
            push(&mut lines, word);
            used += wide;
            continue;
        }
        if word.trim().is_empty() {
            // The space between two words is not needed where a line ends.
            used = width;
            continue;
        }
        if wide <= width {
            lines.push(word.to_owned());
            used = wide;
            continue;
        }
        for letter in word.graphemes(true) {
            let wide = letter.width();
            if used + wide > width && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter);
            used += wide;
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(last) = lines.last_mut() {
        last.push_str(text);
    }
}

/// The end of a text that fits into a width.
pub fn end_of(text: &str, width: usize) -> &str {
    let mut used = 0;
    let mut begin = text.len();
    for (place, letter) in text.grapheme_indices(true).rev() {
        used += letter.width();
        if used > width {
            break;
        }
        begin = place;
    }
    &text[begin..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_where_they_can() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("one\n\ntwo", 8), ["one", "", "two"]);
        assert_eq!(wrap("see https://example.org", 10), ["see https:", "//example.", "org"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn a_letter_may_be_twice_as_wide_or_wider_than_the_room() {
        assert_eq!(wrap("日本語", 4), ["日本", "語"]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
        assert!(wrap("the 🦊 jumps over the 日本 dog", 6).iter().all(|line| line.width() <= 6));
    }

    #[test]
    fn the_end_of_a_text_has_whole_letters() {
        assert_eq!(end_of("abcdef", 3), "def");
        assert_eq!(end_of("ab日本", 3), "本", "half a letter is not shown");
        assert_eq!(end_of("ab", 9), "ab");
    }
}
