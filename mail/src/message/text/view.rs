//! The full view of a message as HTML, made on request from its decrypted MIME source. Nothing is sanitised: clients
//! show it without scripts and load remote content only on demand.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::footer;
use super::html::decode_entities;
use crate::message::headers;
use crate::message::read::mime::Entity;
use crate::message::read::value::{decode_charset, decode_words};

/// Deepest nesting of mails within mails that the view shows.
const MAX_EMBEDDED: usize = 8;

const HEAD: &str = "<!DOCTYPE html>\n<html><head>\n\
    <meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\" />\n\
    <meta name=\"color-scheme\" content=\"light dark\" />\n\
    </head><body dir=\"auto\" style=\"unicode-bidi: plaintext\">\n";
const TAIL: &str = "</body></html>\n";

/// Headers shown of an embedded mail.
const SHOWN: [&str; 8] = ["date", "from", "sender", "reply-to", "to", "cc", "bcc", "subject"];

/// The view of a message. `source` is the decrypted payload, or the raw mail if it was not encrypted.
pub fn full_view(source: &[u8]) -> Option<String> {
    let root = Entity::parse(source);
    let mut view = content_view(&root)?;
    append_embedded(&root, &mut view, 0);
    inline_images(&root, &view)
}

fn content_view(root: &Entity<'_>) -> Option<String> {
    if let Some(html) = find(root, "text/html").and_then(text_of) {
        return Some(html);
    }
    let plain = find(root, "text/plain")?;
    let is_flowed = plain.content_type.get("format").is_some_and(|f| f.eq_ignore_ascii_case("flowed"));
    let delsp = plain.content_type.get("delsp").is_some_and(|d| d.eq_ignore_ascii_case("yes"));
    text_of(plain).map(|text| plain_view(&text, is_flowed, delsp))
}

/// The first unnamed leaf of a type.
fn find<'e, 'a>(entity: &'e Entity<'a>, mime: &str) -> Option<&'e Entity<'a>> {
    if entity.mime() == mime && entity.file_name().is_none() {
        return Some(entity);
    }
    entity.children.iter().find_map(|child| find(child, mime))
}

fn text_of(entity: &Entity<'_>) -> Option<String> {
    let bytes = entity.decoded()?;
    Some(decode_charset(entity.content_type.get("charset"), &bytes).replace('\r', ""))
}

fn append_embedded(entity: &Entity<'_>, view: &mut String, depth: usize) {
    if depth >= MAX_EMBEDDED {
        return;
    }
    for child in &entity.children {
        append_embedded(child, view, depth);
    }
    if entity.mime() != "message/rfc822" {
        return;
    }
    let Some(bytes) = entity.decoded() else {
        return;
    };
    let inner = Entity::parse(&bytes);
    view.push_str("<br/><br/>\n");
    for field in
        inner.headers.iter().filter(|field| SHOWN.iter().any(|name| field.name.eq_ignore_ascii_case(name)))
    {
        let value = decode_words(&crate::message::read::value::unfold(field.raw));
        view.push_str(&format!("{}: {}<br/>\n", escape(field.name), escape(&value)));
    }
    view.push_str("<br/>\n");
    view.push_str(&content_view(&inner).unwrap_or_default());
    append_embedded(&inner, view, depth + 1);
}

/// Plain text in the frame that clients know.
pub fn plain_view(text: &str, is_flowed: bool, delsp: bool) -> String {
    let mut out = HEAD.to_owned();
    let mut joining = false;
    for line in shown_lines(text).trim_end_matches('\n').split('\n') {
        let is_quote = line.starts_with('>');
        let line = if is_flowed { line.strip_prefix(' ').unwrap_or(line) } else { line };
        if is_quote {
            out.push_str(if joining { "<br/>\n<em>" } else { "<em>" });
            out.push_str(&line_view(line));
            out.push_str("</em><br/>\n");
            joining = false;
            continue;
        }
        joining = is_flowed && line.ends_with(' ');
        let line = if joining && delsp { &line[..line.len() - 1] } else { line };
        out.push_str(&line_view(line));
        if !joining {
            out.push_str("<br/>\n");
        }
    }
    out.push_str(TAIL);
    out
}

/// The text without its footer; lines that only look like a footer mark read as they were written.
fn shown_lines(text: &str) -> String {
    let mut lines = text.split_inclusive('\n');
    let shown =
        lines.by_ref().take_while(|line| !footer::is_mark(line.trim_end_matches('\n'))).map(str::len).sum();
    footer::unescape(&text[..shown])
}

fn line_view(line: &str) -> String {
    let text = line.trim_start_matches(' ');
    let mut out = "&nbsp;".repeat(line.len() - text.len());
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        out.push_str(&word_view(word));
    }
    out
}

/// A word, as link if it is a web or mail address.
fn word_view(word: &str) -> String {
    let core = word.trim_end_matches(['.', ',', ';', ':', '!', '?', ')', '>', '"', '\'']);
    let target = link_target(core.trim_start_matches(['(', '<', '"', '\'']));
    let Some((shown, target)) = target else {
        return escape(word);
    };
    let start = core.len() - shown.len();
    let (before, after) = (&word[..start], &word[core.len()..]);
    format!("{}<a href=\"{}\">{}</a>{}", escape(before), escape(&target), escape(shown), escape(after))
}

fn link_target(word: &str) -> Option<(&str, String)> {
    let is_url = word.split_once("://").is_some_and(|(scheme, rest)| {
        ["http", "https", "ftp", "ftps"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
            && !rest.is_empty()
    });
    if is_url {
        return Some((word, word.to_owned()));
    }
    let (local, domain) = word.split_once('@')?;
    let part =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || ".-_+".contains(c));
    (part(local) && part(domain) && domain.contains('.')).then(|| (word, format!("mailto:{word}")))
}

/// Text that cannot break out of an HTML element or attribute.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Most bytes that embedded images may add to a view.
const MAX_INLINED: usize = 64 * 1024 * 1024;

/// Longest `cid:` reference that is looked up, in bytes; most have 30 to 80.
const MAX_REFERENCE: usize = 255;

/// An embedded image, decoded when it is first shown.
enum Image<'e, 'a> {
    Encoded(&'e Entity<'a>),
    Shown(String),
}

impl Image<'_, '_> {
    /// The image as `data:` URI.
    fn uri(&mut self) -> &str {
        if let Self::Encoded(entity) = self {
            let bytes = entity.decoded().unwrap_or_default();
            *self = Self::Shown(format!("data:{};base64,{}", entity.mime(), STANDARD.encode(&bytes)));
        }
        match self {
            Self::Shown(uri) => uri,
            Self::Encoded(_) => "",
        }
    }
}

/// Replaces `cid:` references by the images themselves.
fn inline_images(root: &Entity<'_>, view: &str) -> Option<String> {
    let mut images = HashMap::new();
    collect_images(root, &mut images);
    let mut out = String::with_capacity(view.len());
    let mut rest = view;
    let mut added = 0;
    while let Some(at) = rest.find("cid:") {
        let (before, reference) = rest.split_at(at);
        out.push_str(before);
        let reference = &reference["cid:".len()..];
        let in_source = before.trim_end_matches(['"', '\'']).trim_end().ends_with('=');
        let id = if in_source && added < MAX_INLINED { content_id(reference) } else { None };
        match id.and_then(|id| Some((id.len(), images.get_mut(decode_entities(id).as_str())?))) {
            Some((end, image)) => {
                let uri = image.uri();
                added += uri.len();
                out.push_str(uri);
                rest = &reference[end..];
            }
            None => {
                out.push_str("cid:");
                rest = reference;
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// The id at the start of what follows `cid:`.
fn content_id(reference: &str) -> Option<&str> {
    let is_end = |byte: u8| matches!(byte, b'"' | b'\'' | b'>' | b' ' | b'\n');
    match reference.bytes().take(MAX_REFERENCE).position(is_end) {
        Some(end) => reference.get(..end),
        None => (reference.len() <= MAX_REFERENCE).then_some(reference),
    }
}

fn collect_images<'e, 'a>(entity: &'e Entity<'a>, images: &mut HashMap<String, Image<'e, 'a>>) {
    if entity.mime().starts_with("image/")
        && let Some(id) = entity.headers.last(headers::CONTENT_ID)
    {
        let id = id.trim_start_matches('<').trim_end_matches('>').to_owned();
        images.entry(id).or_insert(Image::Encoded(entity));
    }
    for child in &entity.children {
        collect_images(child, images);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_gets_the_known_frame() {
        let source = b"Content-Type: text/plain; charset=utf-8\n\nline 1\n>quote\n  indented https://example.org\n-- \nme";
        let view = full_view(source).unwrap();
        assert_eq!(
            view,
            format!(
                "{HEAD}line 1<br/>\n<em>&gt;quote</em><br/>\n&nbsp;&nbsp;indented \
                 <a href=\"https://example.org\">https://example.org</a><br/>\n{TAIL}"
            )
        );
    }

    #[test]
    fn html_shows_its_own_images() {
        let source = b"Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n\
            <img src=\"cid:x@y\"> cid:x@y\n--b\nContent-Type: image/png\nContent-ID: <x@y>\n\
            Content-Transfer-Encoding: base64\n\nAAEC\n--b--\n";
        assert_eq!(full_view(source).unwrap(), "<img src=\"data:image/png;base64,AAEC\"> cid:x@y");
    }

    #[test]
    fn lines_that_look_like_a_footer_are_text() {
        let source = "Content-Type: text/plain; charset=utf-8\n\nstart\n-\u{200B}- \nno.footer\n-\u{200B}-\nmore\n-\u{200B}- x\nend\n-- \nstatus";
        let view = full_view(source.as_bytes()).unwrap();
        assert!(
            view.contains("start<br/>\n-- <br/>\nno.footer<br/>\n--<br/>\nmore<br/>\n-- x<br/>\nend<br/>\n"),
            "{view}"
        );
        assert!(!view.contains('\u{200B}') && !view.contains("status"));
    }

    #[test]
    fn a_flowed_text_gets_its_marks_back_too() {
        let view = plain_view("-\u{200B}- \nlong \nline\n-- \nme", true, false);
        assert!(view.contains("-- long line<br/>") && !view.contains("me<"), "{view}");
    }

    #[test]
    fn view_bombs_are_read_in_linear_time() {
        let start = std::time::Instant::now();
        let frame = |html: &str| {
            format!(
                "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html\n\n{html}\n--b\n\
                 Content-Type: image/png\nContent-ID: <x>\nContent-Transfer-Encoding: base64\n\n{}*\n--b--\n",
                "AAAA".repeat(500_000)
            )
        };
        for bomb in ["cid:", "=cid:", "=cid:x ", "=\"cid:&", "é=cid:é"] {
            assert!(full_view(frame(&bomb.repeat(100_000)).as_bytes()).is_some());
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    #[test]
    fn embedded_mails_follow() {
        let source = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n\
            Content-Type: message/rfc822\n\nSubject: <inner>\nX: y\n\nworld\n--b--\n";
        let view = full_view(source).unwrap();
        assert!(
            view.contains("hello<br/>")
                && view.contains("Subject: &lt;inner&gt;<br/>")
                && view.contains("world")
        );
        assert!(!view.contains("X: y"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(html in "(=|cid:|x|y|\"|'|>| |\n|&|é|<img src=){0,60}", text in "(-- |-\u{200B}-|\n|>| |é|:|//|http|@|\\.){0,60}") {
            let source = format!(
                "Content-Type: multipart/related; boundary=b\n\n--b\nContent-Type: text/html; charset=utf-8\n\n{html}\n--b\n\
                 Content-Type: image/png\nContent-ID: <x>\n\nAAAA\n--b--\n"
            );
            full_view(source.as_bytes());
            for (flowed, delsp) in [(false, false), (true, false), (true, true)] {
                plain_view(&text, flowed, delsp);
            }
        }
    }

    #[test]
    fn links_keep_their_punctuation_outside() {
        let view = plain_view("(see a@b.org, http://x.org/?a&b).", false, false);
        assert!(
            view.contains("(see <a href=\"mailto:a@b.org\">a@b.org</a>, <a href=\"http://x.org/?a&amp;b\">"),
            "{view}"
        );
    }
}
