//! Structured MIME headers: `Content-Type` and `Content-Disposition` (RFC 2045 §5.1, RFC 2183, RFC 2231).

use super::value::{WordRule, decode_charset, decode_raw, decode_words_by};
use crate::message::bounds::MAX_PARAMETERS;
use crate::message::text::bidi::strip_bidi;

/// A value with parameters, such as `text/plain; charset=utf-8`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameterised {
    /// Lower-cased value before the first semicolon.
    pub value: String,
    /// Lower-cased names with values, in order.
    parameters: Vec<(String, String)>,
}

impl Parameterised {
    /// Reads an unfolded header value.
    pub fn parse(header: &str) -> Self {
        let mut pieces = split_parameters(header).into_iter();
        let value = pieces.next().unwrap_or_default().trim().to_ascii_lowercase();
        let parameters = pieces.filter_map(|piece| {
            let (name, value) = piece.split_once('=')?;
            Some((name.trim().to_ascii_lowercase(), value.to_owned()))
        });
        Self { value, parameters: parameters.collect() }
    }

    /// The first parameter of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that may hold any text: plain or as encoded words, else in the forms of RFC 2231.
    pub fn get_text(&self, name: &str) -> Option<String> {
        if let Some(value) = self.get(name) {
            return Some(decode_words_by(value, WordRule::Delimited));
        }
        let mut sections: Vec<(u32, bool, &str)> = Vec::new();
        for (known, value) in &self.parameters {
            if let Some(suffix) = known.strip_prefix(name).and_then(|rest| rest.strip_prefix('*')) {
                let (index, extended) = match suffix.strip_suffix('*') {
                    Some(index) => (index, true),
                    None => (suffix, suffix.is_empty()),
                };
                // What has no number is some other parameter.
                if let Ok(index) = if index.is_empty() { Ok(0) } else { index.parse() } {
                    sections.push((index, extended, value));
                }
            }
        }
        if sections.is_empty() {
            return None;
        }
        sections.sort_by_key(|(index, ..)| *index);
        Some(join_sections(&sections))
    }
}

/// Joins the sections of RFC 2231 §3 and decodes their octets (§4). Without a charset in front they are no such value:
/// older chat programs put encoded words there.
fn join_sections(sections: &[(u32, bool, &str)]) -> String {
    let mut charset = None;
    let mut bytes = Vec::new();
    for (position, (_, extended, value)) in sections.iter().enumerate() {
        if position == 0 && *extended {
            match charset_and_text(value) {
                Some((name, text)) => {
                    charset = Some(name);
                    bytes.extend(percent_encoding::percent_decode_str(text));
                }
                // The value is taken as it stands.
                None => bytes.extend_from_slice(value.as_bytes()),
            }
        } else if *extended {
            bytes.extend(percent_encoding::percent_decode_str(value));
        } else {
            bytes.extend_from_slice(value.as_bytes());
        }
    }
    match charset {
        Some(name) if !name.is_empty() => decode_charset(Some(name), &bytes),
        Some(_) => decode_raw(&bytes),
        None => decode_words_by(&decode_raw(&bytes), WordRule::Delimited),
    }
}

/// Takes `charset'language'` off. `None` if the value does not begin so: names hold apostrophes, too.
fn charset_and_text(value: &str) -> Option<(&str, &str)> {
    let (charset, rest) = value.split_once('\'')?;
    let (language, text) = rest.split_once('\'')?;
    let consists = |name: &str, of: &[u8]| name.bytes().all(|b| b.is_ascii_alphanumeric() || of.contains(&b));
    (consists(charset, b"-_.:+") && consists(language, b"-")).then_some((charset, text))
}

/// Splits at semicolons outside of quotes; quotes, escapes and comments are resolved, blanks around values dropped.
fn split_parameters(header: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    // Blanks before this offset were quoted and belong to the value.
    let mut kept = 0;
    let mut quoted = false;
    // Only in front of a value there are comments.
    let mut in_value = false;
    let mut chars = header.chars();
    while let Some(c) = chars.next() {
        in_value |= c == '=';
        match c {
            '"' => {
                quoted = !quoted;
                kept = piece.len();
            }
            '\\' if quoted => piece.extend(chars.next()),
            ';' if !quoted => {
                pieces.push(trimmed(std::mem::take(&mut piece), kept));
                kept = 0;
                in_value = false;
                if pieces.len() > MAX_PARAMETERS {
                    return pieces;
                }
            }
            '(' if !quoted && !in_value => {
                let _ = chars.by_ref().find(|c| *c == ')');
            }
            c if c.is_whitespace() && !quoted && (piece.is_empty() || piece.ends_with('=')) => {}
            c => piece.push(c),
        }
    }
    pieces.push(trimmed(piece, if quoted { usize::MAX } else { kept }));
    pieces
}

fn trimmed(mut piece: String, kept: usize) -> String {
    let end = piece.trim_end().len().max(kept.min(piece.len()));
    piece.truncate(end);
    piece
}

/// The name of a part, freed of bidirectional controls. `None` for parts that are no files.
pub fn part_name(content_type: &Parameterised, disposition: Option<&Parameterised>) -> Option<String> {
    let from_disposition = disposition.and_then(|d| d.get_text("filename").or_else(|| d.get_text("name")));
    let name = from_disposition.or_else(|| content_type.get_text("name"));
    let fallback = || {
        let subtype = content_type.value.split('/').nth(1).unwrap_or("dat");
        disposition.filter(|d| d.value == "attachment").map(|_| format!("file.{subtype}"))
    };
    let name = name.filter(|name| !name.is_empty()).or_else(fallback)?;
    Some(strip_bidi(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn named(disposition: &str) -> Option<String> {
        part_name(&Parameterised::parse("application/zip"), Some(&Parameterised::parse(disposition)))
    }

    #[test]
    fn file_names_come_in_many_forms() {
        for (disposition, name) in [
            ("attachment; filename=\"a; b.txt\"", "a; b.txt"),
            ("attachment; FILENAME=plain.txt", "plain.txt"),
            ("attachment; filename*=UTF-8''na%C3%AFve%20file.txt", "naïve file.txt"),
            (
                "attachment; filename*0*=UTF-8''na%C3%AF; filename*1=\"ve \"; filename*2*=%66.txt",
                "naïve f.txt",
            ),
            ("attachment; filename*0=\"a\"; filename*1=\"b.txt\"", "ab.txt"),
            ("attachment; filename*=windows-1251''%EF.txt", "п.txt"),
            ("attachment; filename*=not-rfc-2231.txt", "not-rfc-2231.txt"),
            ("attachment; filename=\"=?utf-8?B?w6Q=?=\"", "ä"),
            ("attachment; filename=\"=?utf-8?q?foo?=.bar\"", "=?utf-8?q?foo?=.bar"),
            ("attachment; filename=a.txt; filename*0*=UTF-8''b.txt", "a.txt"),
            ("attachment; filename*=it's_Bob's.txt", "it's_Bob's.txt"),
            ("attachment; filename*=''na%C3%AFve.txt", "naïve.txt"),
            ("attachment; filename*x=y; filename*=utf-8''a.txt", "a.txt"),
            ("attachment; name=n.txt", "n.txt"),
            ("attachment", "file.zip"),
            ("inline; filename=\"q\\\"q\"", "q\"q"),
        ] {
            assert_eq!(named(disposition).as_deref(), Some(name), "{disposition}");
        }
        assert_eq!(named("inline"), None);
    }

    // What older chat programs write.
    #[test]
    fn encoded_words_are_read_where_rfc_2231_is_announced() {
        for (disposition, name) in [
            ("attachment; filename*=\"=?utf-8?q?Annas_Bericht=2Epdf?=\"", "Annas Bericht.pdf"),
            ("attachment; filename*==?utf-8?b?w4RiYy5wZGY=?=", "Äbc.pdf"),
            ("attachment; filename*=\"=?utf-8?q?Anna's_'Bericht'=2Epdf?=\"", "Anna's 'Bericht'.pdf"),
            ("attachment; filename*=\"=?utf-8?q?Annas_?= =?utf-8?q?Bericht.pdf?=\"", "Annas Bericht.pdf"),
            (
                "attachment; filename*0*=\"=?utf-8?q?Annas\"; filename*1*=\"_Bericht=2Epdf?=\"",
                "Annas Bericht.pdf",
            ),
            ("attachment; filename*0=\"=?windows-1251?q?=EF\"; filename*1=\".pdf?=\"", "п.pdf"),
        ] {
            assert_eq!(named(disposition).as_deref(), Some(name), "{disposition}");
        }
        let content_type = Parameterised::parse("application/pdf; name*=\"=?utf-8?q?a=2Epdf?=\"");
        assert_eq!(part_name(&content_type, None).as_deref(), Some("a.pdf"));
    }

    #[test]
    fn parameter_bombs_are_read_in_linear_time() {
        let start = std::time::Instant::now();
        let name = "a".repeat(1_000_000);
        for bomb in ["()", "(", "=(", "\"(\"", ";=", "\\"] {
            Parameterised::parse(&format!("{name}{}", bomb.repeat(1_000_000)));
            Parameterised::parse(&format!("{name}={}", bomb.repeat(1_000_000)));
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    #[test]
    fn the_type_may_carry_the_name() {
        let content_type = Parameterised::parse("Image/PNG (photo); name=x.png; charset");
        assert_eq!(content_type.value, "image/png");
        assert_eq!(part_name(&content_type, None).as_deref(), Some("x.png"));
    }

    proptest! {
        #[test]
        fn never_panics(header in "(;|=|\"|\\\\|\\(|\\)|filename|\\*|0|1|'|%|C3|é| |a){0,40}") {
            let parsed = Parameterised::parse(&header);
            part_name(&parsed, Some(&parsed));
        }
    }
}
