//! File names: sanitising, extensions, names chosen for sent media.

use mail_parser::DateTime;

use super::bounds::{MAX_EXTENSION, MAX_FILE_NAME};
use super::text::bidi::strip_bidi;
use super::view_type::ViewType;

/// What a name starts with that would be empty or hidden otherwise.
const STEM: &str = "file";

/// A name that is harmless as a file name on every system; never empty, never starting with a dot.
pub fn sanitise(name: &str) -> String {
    let last = last_component(last_component(name, '/'), '\\');
    let kept: String = strip_bidi(last).chars().filter(|c| !is_forbidden(*c)).collect();
    let kept = if kept.chars().all(|c| c == '.') || is_device_name(&kept) { "" } else { kept.as_str() };
    let kept = cut(kept, MAX_FILE_NAME);
    if !kept.is_empty() && !kept.starts_with('.') {
        return kept.to_owned();
    }
    format!("{STEM}{}", cut(kept, MAX_FILE_NAME - STEM.len()))
}

fn last_component(name: &str, separator: char) -> &str {
    name.rsplit(separator).find(|part| !part.is_empty()).unwrap_or("")
}

fn is_forbidden(c: char) -> bool {
    matches!(c, '/' | '?' | '<' | '>' | '\\' | ':' | '*' | '|' | '"' | '\0'..='\u{1F}' | '\u{80}'..='\u{9F}')
}

fn is_device_name(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or("").to_ascii_lowercase();
    match stem.as_bytes() {
        b"con" | b"prn" | b"aux" | b"nul" => true,
        [b'c', b'o', b'm', digit] | [b'l', b'p', b't', digit] => digit.is_ascii_digit(),
        _ => false,
    }
}

/// At most `max` bytes, without dots and blanks at the end, which some systems drop.
fn cut(text: &str, max: usize) -> &str {
    beginning(text, max).trim_end_matches(['.', ' '])
}

/// As many bytes as fit, without half a character at the end.
pub(crate) fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The lower-cased, harmless extension that a blob of this raw name keeps; only the last one, `None` for dot files.
pub fn blob_extension(raw_name: &str) -> Option<String> {
    let sanitised = sanitise(raw_name);
    let last = last_component(last_component(raw_name, '/'), '\\');
    if last.starts_with('.') && last.matches('.').count() == 1 {
        return None;
    }
    let (_, extension) = sanitised.rsplit_once('.')?;
    let extension = extension.to_lowercase();
    (!extension.is_empty() && extension.len() <= MAX_EXTENSION && !extension.contains(char::is_whitespace))
        .then_some(extension)
}

/// The name under which a file is sent: media made in the chat are named after type and time (UTC), so that
/// camera counters and local folders stay private; other files keep their own name.
pub fn name_for_sending(requested: ViewType, given: &str, sent_at: i64) -> String {
    let prefix = match requested {
        // Three "s": what peers write.
        ViewType::Voice => "voice-messsage",
        ViewType::Image | ViewType::Gif => "image",
        ViewType::Video => "video",
        _ => return sanitise(given),
    };
    let t = DateTime::from_timestamp(sent_at);
    let extension = blob_extension(given).unwrap_or_else(|| "dat".to_owned());
    format!(
        "{prefix}_{:04}-{:02}-{:02}_{:02}-{:02}-{:02}.{extension}",
        t.year, t.month, t.day, t.hour, t.minute, t.second
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_lose_paths_devices_and_controls() {
        for (raw, harmless) in [
            ("te\u{202E}st/../../con:<a>|b?.E*XE ", "conab.EXE"),
            ("../../b.pdf", "b.pdf"),
            (".htaccess", "file.htaccess"),
            ("con.txt", "file"),
            ("LPT1", "file"),
            ("..", "file"),
            ("", "file"),
            ("a\\b\\c.txt", "c.txt"),
            ("tail. . ", "tail"),
            ("naïve file.txt", "naïve file.txt"),
        ] {
            assert_eq!(sanitise(raw), harmless, "{raw:?}");
        }
    }

    #[test]
    fn a_blob_keeps_the_last_extension_only() {
        assert_eq!(blob_extension("a.tar.GZ").as_deref(), Some("gz"));
        assert_eq!(blob_extension(".htaccess"), None);
        assert_eq!(blob_extension("noext"), None);
        assert_eq!(blob_extension(&format!("a.{}", "x".repeat(33))), None);
        assert_eq!(blob_extension("te\u{202E}st/con:<a>|b?.E*XE ").as_deref(), Some("exe"));
    }

    #[test]
    fn media_are_named_after_type_and_time() {
        let at = 1_795_469_034; // 2026-11-23 21:23:54 UTC
        assert_eq!(name_for_sending(ViewType::Image, "IMG_0042.JPG", at), "image_2026-11-23_21-23-54.jpg");
        assert_eq!(name_for_sending(ViewType::Voice, "x", at), "voice-messsage_2026-11-23_21-23-54.dat");
        assert_eq!(name_for_sending(ViewType::File, "../x.pdf", at), "x.pdf");
    }

    proptest! {
        #[test]
        fn sanitised_names_stay_in_their_folder(raw in "\\PC{0,400}") {
            let name = sanitise(&raw);
            prop_assert!(!name.is_empty() && !name.starts_with('.') && name.len() <= MAX_FILE_NAME);
            prop_assert!(!name.contains(['/', '\\', '\0']));
            prop_assert_eq!(sanitise(&name), name);
        }
    }
}
