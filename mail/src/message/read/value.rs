//! Header values: unfolding, encoded words (RFC 2047), charsets, dates.

use mail_parser::DateTime;
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::charsets::map::charset_decoder;

/// Removes line ends; the blanks after them stay. The bytes are read as [`decode_raw`] does.
pub fn unfold(raw: &[u8]) -> String {
    let kept: Vec<u8> = raw.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n' | 0)).collect();
    let text = String::from_utf8(kept).unwrap_or_else(|error| decode_raw(error.as_bytes()));
    text.trim().to_owned()
}

/// Decodes bytes whose charset nobody declared: UTF-8, and windows-1252 (which holds Latin-1) where they are none. Many
/// programs put such bytes into headers. Those that windows-1252 leaves open become U+FFFD.
pub fn decode_raw(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            let text = decode_charset(None, chunk.invalid());
            out.extend(text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }));
        }
    }
    out
}

/// Decodes text of a declared charset. No charset means US-ASCII, which is read as windows-1252; of an unknown one
/// only ASCII is readable.
pub fn decode_charset(charset: Option<&str>, bytes: &[u8]) -> String {
    let charset = charset.unwrap_or("us-ascii").trim();
    if charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8") {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    match charset_decoder(charset.as_bytes()) {
        Some(decode) => decode(bytes),
        None => bytes.iter().map(|b| if b.is_ascii() { char::from(*b) } else { '\u{FFFD}' }).collect(),
    }
}

/// One encoded word, not yet decoded to text.
struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
    len: usize,
}

/// Where encoded words are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordRule {
    /// Anywhere in the text.
    Anywhere,
    /// Only if a blank or the end follows.
    Delimited,
}

/// Decodes all encoded words of a header value. Blanks between two words are dropped; characters that are split
/// over two words are joined.
pub fn decode_words(text: &str) -> String {
    decode_words_by(text, WordRule::Anywhere)
}

/// [`decode_words`] with a choice where words are recognised.
pub fn decode_words_by(text: &str, rule: WordRule) -> String {
    let mut out = String::with_capacity(text.len());
    let mut pending: Option<(&str, Vec<u8>)> = None;
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, candidate) = rest.split_at(at);
        let between_words = pending.is_some() && before.chars().all(char::is_whitespace);
        if !before.is_empty() && !between_words {
            flush(&mut pending, &mut out);
            out.push_str(before);
        }
        match encoded_word(candidate)
            .filter(|word| rule == WordRule::Anywhere || ends_there(&candidate[word.len..]))
        {
            Some(word) => {
                match &mut pending {
                    Some((charset, bytes)) if charset.eq_ignore_ascii_case(word.charset) => {
                        bytes.extend(word.bytes)
                    }
                    _ => {
                        flush(&mut pending, &mut out);
                        pending = Some((word.charset, word.bytes));
                    }
                }
                rest = &candidate[word.len..];
            }
            None => {
                flush(&mut pending, &mut out);
                if between_words {
                    out.push_str(before);
                }
                out.push_str("=?");
                rest = &candidate[2..];
            }
        }
    }
    flush(&mut pending, &mut out);
    out.push_str(rest);
    out
}

fn ends_there(rest: &str) -> bool {
    rest.chars().next().is_none_or(char::is_whitespace)
}

fn flush(pending: &mut Option<(&str, Vec<u8>)>, out: &mut String) {
    if let Some((charset, bytes)) = pending.take() {
        // NUL is never text, neither as it stands nor encoded.
        out.extend(decode_charset(Some(charset), &bytes).chars().filter(|c| *c != '\0'));
    }
}

/// Longest charset name.
const MAX_CHARSET: usize = 60;

/// The encoded word at the start of `text`, which starts with `=?`. Encoded text holds no `?`, which bounds the search.
fn encoded_word(text: &str) -> Option<Word<'_>> {
    let after = &text[2..];
    let charset_end = after.bytes().take(MAX_CHARSET).position(|b| b == b'?')?;
    // RFC 2231 allows a language after the charset.
    let charset = after[..charset_end].split('*').next().filter(|name| !name.is_empty())?;
    let rest = &after[charset_end + 1..];
    let encoding = rest.bytes().next()?.to_ascii_lowercase();
    let encoded = rest.get(1..)?.strip_prefix('?')?;
    let end = encoded.find('?')?;
    if encoded.as_bytes().get(end + 1) != Some(&b'=') {
        return None;
    }
    let bytes = match encoding {
        b'b' => base64_decode(&encoded.as_bytes()[..end])?,
        b'q' => decode_q(&encoded[..end]),
        _ => return None,
    };
    let len = text.len() - encoded.len() + end + 2;
    Some(Word { charset, bytes, len })
}

fn decode_q(encoded: &str) -> Vec<u8> {
    let bytes = encoded.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'_' => out.push(b' '),
            b'=' => match bytes.get(at + 1..at + 3).and_then(|pair| hex::decode(pair).ok()) {
                Some(decoded) => {
                    out.extend(decoded);
                    at += 2;
                }
                None => out.push(b'='),
            },
            other => out.push(other),
        }
        at += 1;
    }
    out
}

/// Unix seconds of a date (RFC 5322 §3.3). `None` if it is no valid date.
pub fn parse_date(value: &str) -> Option<i64> {
    // Longer values are no dates; the digits of the parser must not overflow.
    let date = DateTime::parse_rfc822(value.get(..value.len().min(100))?)?;
    let plausible = date.is_valid() && date.tz_hour < 24 && date.tz_minute < 60;
    plausible.then(|| date.to_timestamp())
}

/// A decimal number, blanks around it allowed.
pub fn parse_number<T: std::str::FromStr>(value: &str) -> Option<T> {
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_decoded_and_joined() {
        for (encoded, decoded) in [
            ("plain", "plain"),
            ("=?utf-8?B?w6Q=?= b", "ä b"),
            ("=?utf-8?Q?=C3?= \t=?utf-8?q?=A4?=", "ä"),
            ("=?iso-8859-1?Q?a_=E4?= =?utf-8?B?YQ==?=", "a äa"),
            ("a =?utf-8?B??= b", "a  b"),
            ("=?utf-8*en?Q?x?=y", "xy"),
            ("=?utf-8?X?x?= =?broken", "=?utf-8?X?x?= =?broken"),
            ("=?utf-8?Q?a?= =?b", "a =?b"),
            ("=?utf-8?Q?a=00b?= =?utf-16be?B?AGMAAA==?=", "abc"),
            ("=?us-ascii?Q?{\"node=5Fid\":1}?=", "{\"node_id\":1}"),
        ] {
            assert_eq!(decode_words(encoded), decoded, "{encoded}");
        }
        assert_eq!(decode_words_by("=?utf-8?q?foo?=.bar", WordRule::Delimited), "=?utf-8?q?foo?=.bar");
    }

    #[test]
    fn charsets_default_to_windows_1252() {
        assert_eq!(decode_charset(None, "ä".as_bytes()), "Ã¤");
        assert_eq!(decode_charset(Some("iso-8859-1"), &[0xFC, 0xE4, 0xDF]), "üäß");
        assert_eq!(decode_charset(Some("klingon"), &[b'a', 0xE4]), "a\u{FFFD}");
        assert_eq!(decode_charset(Some("UTF-8"), &[b'a', 0xE4]), "a\u{FFFD}");
    }

    #[test]
    fn undeclared_bytes_are_utf8_or_windows_1252() {
        for (raw, text) in [
            (b" M\xFCsli f\xFCr\r\n alle".as_slice(), "Müsli für alle"),
            (b"K\xFCn\xF4 <kuno@example.org>", "Künô <kuno@example.org>"),
            ("Müsli".as_bytes(), "Müsli"),
            (b"M\xC3\xBCsli f\xFCr 5 \x80", "Müsli für 5 €"),
            (b"\x93quoted\x94 \x81", "\u{201C}quoted\u{201D} \u{FFFD}"),
            (b"\xE4\xF6\xFC\xDF", "äöüß"),
            (b"cut \xE2\x82", "cut â‚"),
            (b"=?utf-8?q?x?= \xFC", "=?utf-8?q?x?= ü"),
        ] {
            assert_eq!(unfold(raw), text);
        }
    }

    #[test]
    fn dates_with_zones() {
        assert_eq!(parse_date("Mon, 23 Nov 2026 21:23:54 +0000"), Some(1_795_469_034));
        assert_eq!(parse_date("23 Nov 2026 23:23:54 +0200 (CET)"), Some(1_795_469_034));
        assert_eq!(parse_date("yesterday"), None);
        assert_eq!(parse_date(""), None);
    }

    #[test]
    fn word_bombs_are_read_in_linear_time() {
        let start = std::time::Instant::now();
        for bomb in ["=?", "=?u?q?", "=?u?q?x ", "=?utf-8?B?YQ==?= ", "=?utf-8?B?YQ"] {
            decode_words(&bomb.repeat(500_000));
        }
        assert!(start.elapsed().as_secs() < 60);
    }

    proptest! {
        #[test]
        fn decoding_never_panics(text in "(=\\?|\\?=|utf-8|\\?B\\?|\\?q\\?|=|é| |a){0,40}") {
            decode_words(&text);
        }

        #[test]
        fn every_byte_string_is_some_text(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = decode_raw(&bytes);
            if let Ok(valid) = std::str::from_utf8(&bytes) {
                prop_assert_eq!(text, valid);
            } else {
                prop_assert!(!text.is_empty());
            }
        }

        #[test]
        fn dates_never_panic(text in "[ -~]{0,60}", digits in "[0-9 :+-]{0,40}") {
            parse_date(&text);
            parse_date(&digits);
        }
    }
}
