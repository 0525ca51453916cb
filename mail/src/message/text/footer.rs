//! The footer mark: the line `-- ` ends a text, what follows is a footer (in chats the status of the sender).
//!
//! Lines of a text that look like one are sent with a zero-width space inside, and shown without it.

/// Whether a line is the standard mark.
pub fn is_mark(line: &str) -> bool {
    line == "-- " || line == "--  "
}

const ESCAPED: &str = "-\u{200B}-";

/// Puts a zero-width space into each line that starts like a mark, so that no reader takes it for one.
pub fn escape(text: &str) -> String {
    let lines = text.split('\n').map(|line| match line.strip_prefix("--") {
        Some(rest) if rest.is_empty() || rest.starts_with(' ') => format!("{ESCAPED}{rest}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Undoes [`escape`].
pub fn unescape(text: &str) -> String {
    if !text.contains(ESCAPED) {
        return text.to_owned();
    }
    let lines = text.split('\n').map(|line| match line.strip_prefix(ESCAPED) {
        Some(rest) => format!("--{rest}"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_lines_that_start_like_a_mark_are_changed() {
        assert_eq!(escape("--\n-- x\n---\na -- b"), "-\u{200B}-\n-\u{200B}- x\n---\na -- b");
        assert_eq!(unescape("a -\u{200B}- b\n-\u{200B}-"), "a -\u{200B}- b\n--");
    }

    proptest! {
        #[test]
        fn an_escaped_text_has_no_mark_and_comes_back(text in "(-- |--|-|\n| |a|é){0,30}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.split('\n').any(is_mark));
            prop_assert_eq!(unescape(&escaped), text);
        }
    }
}
