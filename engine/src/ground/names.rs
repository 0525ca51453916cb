//! Names that came over the wire or from the user are cleaned before they are stored or shown.

use volary_mail::message::text::bidi::strip_bidi;
use volary_storage::records::ChatType;

/// Longest name of a group that is accepted from the wire, in bytes (exclusive).
pub const MAX_GROUP_NAME: usize = 200;

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
    strip_bidi(text).trim().to_owned()
}

/// Name of a chat type in texts.
pub fn chat_type_name(kind: ChatType) -> &'static str {
    match kind {
        ChatType::Group => "Group",
        ChatType::MailingList => "Mailinglist",
        ChatType::OutBroadcast => "OutBroadcast",
        ChatType::InBroadcast => "InBroadcast",
        ChatType::Single => "Single",
    }
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
}
