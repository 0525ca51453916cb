//! Bidirectional controls in names and texts: a name must not be able to turn what stands beside it.

/// Deepest nesting of bidirectional isolates (Unicode UAX #9, max_depth).
const MAX_ISOLATES: i32 = 125;

/// Removes U+202A…U+202E; removes all isolate controls as well if they are not balanced.
pub fn strip_bidi(text: &str) -> String {
    let text: String = text.chars().filter(|c| !matches!(c, '\u{202A}'..='\u{202E}')).collect();
    if isolates_are_balanced(&text) {
        return text;
    }
    text.chars().filter(|c| !matches!(c, '\u{2066}'..='\u{2069}')).collect()
}

fn isolates_are_balanced(text: &str) -> bool {
    let mut depth = 0;
    for c in text.chars() {
        match c {
            '\u{2066}'..='\u{2068}' => depth += 1,
            '\u{2069}' => depth -= 1,
            _ => {}
        }
        if !(0..=MAX_ISOLATES).contains(&depth) {
            return false;
        }
    }
    depth == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unbalanced_isolates_are_removed() {
        assert_eq!(strip_bidi("a\u{2067}b\u{2069}\u{202E}c"), "a\u{2067}b\u{2069}c");
        assert_eq!(strip_bidi("a\u{2069}b\u{2067}c"), "abc");
    }
}
