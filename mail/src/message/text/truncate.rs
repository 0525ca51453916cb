//! What of a long text a message shows.

use super::wire::ELLIPSIS;
use crate::message::bounds::{DISPLAY_LINE_CHARS, DISPLAY_LINES};

/// Cuts `text` to what fits on [`DISPLAY_LINES`] display lines; the flag tells whether something was cut.
pub fn truncate(text: &str) -> (String, bool) {
    let Some(end) = end_of_display(text) else {
        return (text.to_owned(), false);
    };
    let end = text[..end].rfind([' ', '\n']).map_or(end, |blank| blank + 1);
    (format!("{}{ELLIPSIS}", &text[..end]), true)
}

/// Where the last display line is complete, if text follows it.
fn end_of_display(text: &str) -> Option<usize> {
    let mut lines = 0;
    let mut chars = 0;
    for (at, c) in text.char_indices() {
        let end = if c == '\n' {
            chars = 0;
            at
        } else {
            chars += 1;
            if chars < DISPLAY_LINE_CHARS {
                continue;
            }
            chars = 0;
            at + c.len_utf8()
        };
        lines += 1;
        if lines == DISPLAY_LINES {
            return (end < text.len()).then_some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_lines_become_thirty_seven_and_an_ellipsis() {
        let (text, cut) = truncate(&["x"; 60].join("\n"));
        assert!(cut);
        assert_eq!(text, format!("{}[...]", "x\n".repeat(37)));
    }

    #[test]
    fn a_text_without_blanks_is_cut_hard() {
        let (text, _) = truncate(&"y".repeat(4_000));
        assert_eq!(text, format!("{}[...]", "y".repeat(3_800)));
        assert_eq!(truncate(&"ü".repeat(4_000)).0.chars().count(), 3_805);
    }

    #[test]
    fn short_text_stays() {
        for text in ["", "a\nb", &"y".repeat(3_800), &["x"; 38].join("\n")] {
            assert_eq!(truncate(text), (text.to_owned(), false));
        }
    }
}
