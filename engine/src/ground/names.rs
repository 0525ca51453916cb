//! Names that came over the wire or from the user are cleaned before they are stored or shown.

/// Longest name of a group that is accepted from the wire, in bytes (exclusive).
pub const MAX_GROUP_NAME: usize = 200;
/// Deepest nesting of bidirectional isolates in a name.
const MAX_ISOLATE_DEPTH: i32 = 125;

/// Makes a name a single line: line breaks become blanks, bidirectional overrides vanish, ends are trimmed.
pub fn clean_line(name: &str) -> String {
    let line: String = name.chars().map(|c| if matches!(c, '\r' | '\n') { ' ' } else { c }).collect();
    clean_bidi(&line)
}

/// As [`clean_line`] with one pair of enclosing quotes or angle brackets removed.
pub fn clean_contact_name(name: &str) -> String {
    let line = clean_line(name);
    for (open, close) in [('\'', '\''), ('"', '"'), ('<', '>')] {
        if line.chars().count() >= 2
            && let Some(inner) = line.strip_prefix(open).and_then(|rest| rest.strip_suffix(close))
        {
            return inner.trim().to_owned();
        }
    }
    line
}

/// Removes bidirectional overrides and, if they are not properly closed, isolates; trims the ends, keeps lines.
pub fn clean_bidi(text: &str) -> String {
    let is_override = |c: &char| matches!(c, '\u{202A}'..='\u{202E}');
    let is_isolate = |c: char| matches!(c, '\u{2066}'..='\u{2069}');
    let plain: String = text.chars().filter(|c| !is_override(c)).collect();
    let mut depth = 0;
    let mut proper = true;
    for c in plain.chars() {
        match c {
            '\u{2066}'..='\u{2068}' => depth += 1,
            '\u{2069}' => depth -= 1,
            _ => {}
        }
        proper &= (0..=MAX_ISOLATE_DEPTH).contains(&depth);
    }
    if proper && depth == 0 {
        plain.trim().to_owned()
    } else {
        plain.chars().filter(|c| !is_isolate(*c)).collect::<String>().trim().to_owned()
    }
}

/// Whether a text is a valid id of a group or channel: 11 to 32 characters of the URL-safe base64 alphabet.
pub fn is_group_id(id: &str) -> bool {
    (11..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether a text is a valid channel secret: 43 to 100 characters of the URL-safe base64 alphabet.
pub fn is_channel_secret(secret: &str) -> bool {
    (43..=100).contains(&secret.len())
        && secret.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_names_lose_line_breaks_and_overrides() {
        assert_eq!(clean_line(" a\nb\u{202E}c "), "a bc");
        assert_eq!(clean_line("\u{2066}closed\u{2069}"), "\u{2066}closed\u{2069}");
        assert_eq!(clean_line("\u{2066}open"), "open");
        assert_eq!(clean_line("\u{2069}\u{2066}x"), "x");
    }

    #[test]
    fn contact_names_lose_one_pair_of_quotes() {
        assert_eq!(clean_contact_name("'Bob'"), "Bob");
        assert_eq!(clean_contact_name("<\"Bob\">"), "\"Bob\"");
        assert_eq!(clean_contact_name("'"), "'");
    }

    #[test]
    fn ids_have_limits_on_length_and_alphabet() {
        assert!(is_group_id("V1tamBsv5AUJR7gDIL_vOtgX"));
        for bad in ["0123456789", "012345678901234567890123456789012", "abcdefghij/k", ""] {
            assert!(!is_group_id(bad), "{bad}");
        }
    }
}
