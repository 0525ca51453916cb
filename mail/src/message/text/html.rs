//! HTML to text, tolerant: no document is too broken, and the work is linear in its length.

use mail_parser::decoders::html::add_html_token;

use super::simplify::simplify;
use crate::message::bounds::MAX_HTML_DEPTH;

/// What an HTML body says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HtmlText {
    /// The text with `*bold*`, `_italic_` and `[links](https://…)`.
    pub text: String,
    /// Content of block quotes.
    pub quote: Option<String>,
}

/// Longest entity name in bytes, with `&` and `;`.
const MAX_ENTITY: usize = 34;

/// Reads the text of an HTML body. `None` if it has none.
pub fn html_to_text(html: &str) -> Option<HtmlText> {
    let html = html.replace('\r', "");
    let mut reader = Reader::default();
    read(&html, &mut reader);
    reader.close_link();
    let text = clean(&reader.text);
    // The empty line in front keeps the quote's own quotes.
    let quote = clean(&simplify(&format!("\n{}", reader.quote), true).text);
    let quote = (!quote.is_empty()).then_some(quote);
    if text.is_empty() && quote.is_none() {
        let stripped = clean(&without_tags(&html));
        return (!stripped.is_empty()).then_some(HtmlText { text: stripped, quote: None });
    }
    Some(HtmlText { text, quote })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Div {
    Plain,
    Quote,
    QuotedContent,
    LegacyDisplay,
}

#[derive(Default)]
struct Reader {
    text: String,
    quote: String,
    blockquotes: usize,
    divs: Vec<Div>,
    quote_divs: usize,
    quoted_content_divs: usize,
    dropped_divs: usize,
    pre: usize,
    /// Start of the open link in the current buffer, with its target.
    link: Option<(bool, usize, String)>,
}

impl Reader {
    fn in_quote(&self) -> bool {
        self.blockquotes > 0 || self.quoted_content_divs > 0
    }

    fn is_dropped(&self) -> bool {
        self.dropped_divs > 0
            || (self.quote_divs > 0 && self.quoted_content_divs == 0 && self.blockquotes == 0)
    }

    fn out(&mut self) -> &mut String {
        if self.in_quote() { &mut self.quote } else { &mut self.text }
    }

    fn push(&mut self, text: &str) {
        if !self.is_dropped() {
            self.out().push_str(text);
        }
    }

    fn paragraph(&mut self) {
        if !self.out().is_empty() {
            self.push("\n\n");
        }
    }

    fn run(&mut self, run: &str) {
        if self.is_dropped() {
            return;
        }
        let pre = self.pre > 0;
        let decoded = decode_entities(run);
        let out = self.out();
        let at_start = out.is_empty() || out.ends_with('\n');
        if pre {
            out.push_str(&decoded);
            return;
        }
        let body = decoded.trim_start_matches([' ', '\t', '\n']);
        if body.len() < decoded.len() && !at_start && !out.ends_with(' ') {
            out.push(' ');
        }
        let mut in_break = false;
        for c in body.chars() {
            match c {
                '\n' if !in_break => {
                    in_break = true;
                    out.push(' ');
                }
                '\n' => {}
                c => {
                    in_break = false;
                    out.push(c);
                }
            }
        }
    }

    fn open(&mut self, name: &str, tag: &str) {
        match name {
            "p" | "table" | "td" => self.paragraph(),
            "pre" => {
                self.paragraph();
                self.pre += 1;
            }
            "div" => {
                self.paragraph();
                self.open_div(tag);
            }
            "br" => self.push("\n"),
            "b" | "strong" => self.push("*"),
            "i" | "em" => self.push("_"),
            "blockquote" => {
                self.close_link();
                self.blockquotes += 1;
                self.paragraph();
            }
            "a" => {
                self.close_link();
                if let Some(href) = attribute(tag, "href").filter(|href| !href.is_empty())
                    && !self.is_dropped()
                {
                    let quoted = self.in_quote();
                    let start = self.out().len();
                    self.push("[");
                    self.link = Some((quoted, start, href));
                }
            }
            _ => {}
        }
    }

    fn open_div(&mut self, tag: &str) {
        if self.divs.len() >= MAX_HTML_DEPTH {
            return;
        }
        let kind = match (attribute(tag, "name").as_deref(), attribute(tag, "class").as_deref()) {
            (_, Some("header-protection-legacy-display")) => Div::LegacyDisplay,
            (Some("quote"), _) => Div::Quote,
            (Some("quoted-content"), _) if self.quote_divs > 0 => Div::QuotedContent,
            _ => Div::Plain,
        };
        if kind != Div::Plain {
            self.close_link();
        }
        self.count(kind, 1);
        self.divs.push(kind);
    }

    fn count(&mut self, kind: Div, step: isize) {
        let counter = match kind {
            Div::Plain => return,
            Div::Quote => &mut self.quote_divs,
            Div::QuotedContent => &mut self.quoted_content_divs,
            Div::LegacyDisplay => &mut self.dropped_divs,
        };
        *counter = counter.saturating_add_signed(step);
    }

    fn close(&mut self, name: &str) {
        match name {
            "div" => {
                self.paragraph();
                if let Some(kind) = self.divs.pop() {
                    if kind != Div::Plain {
                        self.close_link();
                    }
                    self.count(kind, -1);
                }
            }
            "pre" => {
                self.pre = self.pre.saturating_sub(1);
                self.paragraph();
            }
            "style" | "script" | "title" => self.paragraph(),
            "b" | "strong" => self.push("*"),
            "i" | "em" => self.push("_"),
            "blockquote" => {
                self.close_link();
                self.blockquotes = self.blockquotes.saturating_sub(1);
            }
            "a" => self.close_link(),
            _ => {}
        }
    }

    fn close_link(&mut self) {
        let Some((quoted, start, href)) = self.link.take() else {
            return;
        };
        let out = if quoted { &mut self.quote } else { &mut self.text };
        if out[start + 1..].trim().is_empty() {
            out.remove(start);
        } else {
            out.push_str("](");
            out.push_str(&href);
            out.push(')');
        }
    }
}

/// Goes through tags and text.
fn read(html: &str, reader: &mut Reader) {
    let mut rest = html;
    while !rest.is_empty() {
        let Some(at) = find_tag(rest) else {
            reader.run(rest);
            return;
        };
        if at > 0 {
            reader.run(&rest[..at]);
        }
        rest = read_tag(&rest[at..], reader);
    }
}

/// The next `<` that starts a tag, comment or declaration.
fn find_tag(html: &str) -> Option<usize> {
    let bytes = html.as_bytes();
    (0..bytes.len()).find(|at| {
        bytes[*at] == b'<'
            && bytes
                .get(at + 1)
                .is_some_and(|next| next.is_ascii_alphabetic() || matches!(next, b'/' | b'!' | b'?'))
    })
}

/// Reads the tag at the start of `html` and returns what follows it.
fn read_tag<'a>(html: &'a str, reader: &mut Reader) -> &'a str {
    if let Some(rest) = html.strip_prefix("<!--") {
        return rest.find("-->").map_or("", |end| &rest[end + 3..]);
    }
    if let Some(rest) = html.strip_prefix("<![CDATA[") {
        let end = rest.find("]]>").unwrap_or(rest.len());
        let literal = rest[..end].replace('&', "&amp;");
        reader.run(&literal);
        return rest.get(end + 3..).unwrap_or("");
    }
    let end = end_of_tag(html);
    let tag = html[1..end].trim_end_matches('/');
    let rest = html.get(end + 1..).unwrap_or("");
    if let Some(closing) = tag.strip_prefix('/') {
        reader.close(&tag_name(closing));
        return rest;
    }
    let name = tag_name(tag);
    if matches!(name.as_str(), "style" | "script" | "title") {
        return skip_raw_text(rest, &name, reader);
    }
    if !tag.starts_with(['!', '?']) {
        reader.open(&name, tag);
    }
    rest
}

/// Index of the `>` that ends the tag, quotes respected; the end of the text if there is none.
fn end_of_tag(html: &str) -> usize {
    let mut quote = None;
    for (at, byte) in html.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at,
            (None, b'"' | b'\'') if html.as_bytes()[at - 1] == b'=' => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    // An unclosed quote must not swallow the document: the first `>` ends the tag then.
    html.find('>').unwrap_or(html.len())
}

fn tag_name(tag: &str) -> String {
    let end = tag.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tag.len());
    tag[..end.min(16)].to_ascii_lowercase()
}

/// Drops everything up to the end tag of `name`.
fn skip_raw_text<'a>(html: &'a str, name: &str, reader: &mut Reader) -> &'a str {
    let bytes = html.as_bytes();
    let end = (0..bytes.len()).find(|at| {
        bytes[*at..].starts_with(b"</")
            && bytes
                .get(at + 2..at + 2 + name.len())
                .is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
    });
    reader.close(name);
    match end {
        Some(at) => html[at..].find('>').map_or("", |close| &html[at + close + 1..]),
        None => "",
    }
}

/// The decoded value of an attribute of a tag.
fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = &tag[tag.find(|c: char| c.is_whitespace())?..];
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        if rest.is_empty() {
            return None;
        }
        let (name, after) = rest.split_at(end);
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('=') {
            Some(value) => attribute_value(value.trim_start()),
            None => ("", after),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(decode_entities(value.trim()));
        }
        if next.len() == rest.len() {
            return None;
        }
        rest = next;
    }
}

fn attribute_value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let inner = &text[1..];
            let end = inner.find(quote).unwrap_or(inner.len());
            (&inner[..end], inner.get(end + 1..).unwrap_or(""))
        }
        _ => text.split_at(text.find(char::is_whitespace).unwrap_or(text.len())),
    }
}

/// Resolves named and numbered entities; what is none stays as it is.
pub(super) fn decode_entities(text: &str) -> String {
    if !text.contains('&') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let name_end =
            rest.bytes().take(MAX_ENTITY).skip(1).position(|b| !b.is_ascii_alphanumeric() && b != b'#');
        match name_end {
            Some(len) if len > 0 && rest.as_bytes()[len + 1] == b';' => {
                add_html_token(&mut out, &rest.as_bytes()[..len + 2], false);
                rest = &rest[len + 2..];
            }
            _ => {
                out.push('&');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// Last resort: everything outside of angle brackets.
fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut depth = false;
    for c in html.chars() {
        match c {
            '<' => depth = true,
            '>' => depth = false,
            c if !depth => out.push(c),
            _ => {}
        }
    }
    decode_entities(&out)
}

/// Trims the whole and the line ends, and leaves at most one blank line in sequence.
fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut blank = 0;
    for line in text.trim().split('\n') {
        let line = line.trim_end();
        blank = if line.is_empty() { blank + 1 } else { 0 };
        if blank < 2 {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(html: &str) -> String {
        html_to_text(html).map(|t| t.text).unwrap_or_default()
    }

    #[test]
    fn marks_links_and_breaks() {
        for (html, expected) in [
            ("<b> bar <i> foo", "* bar _ foo"),
            ("<a href=url>text</a>", "[text](url)"),
            ("<a href='url'> </a>x", "x"),
            ("line1<br> line2", "line1\nline2"),
            ("<p>a</p><p>b</p>", "a\n\nb"),
            ("<title>t</title><style>p{}</style><script>x<b</script>body", "body"),
            ("&lt;&auml;&#x1F600;&unknown; &amp", "<ä😀&unknown; &amp"),
            ("a\n\nb<pre>c\nd</pre>", "a b\n\nc\nd"),
            ("1 < 2 <!-- no -->yes", "1 < 2 yes"),
            ("x<![CDATA[<&amp;]]>", "x<&amp;"),
        ] {
            assert_eq!(text(html), expected, "{html}");
        }
    }

    #[test]
    fn quotes_go_apart() {
        let t = html_to_text("answer<blockquote>old<br>-- <br>footer</blockquote>").unwrap();
        assert_eq!((t.text.as_str(), t.quote.as_deref()), ("answer", Some("old")));
        let t =
            html_to_text(r#"a<div name="quote">Bob wrote:<div name="quoted-content">q</div></div>"#).unwrap();
        assert_eq!((t.text.as_str(), t.quote.as_deref()), ("a", Some("q")));
        assert_eq!(text(r#"<div class="header-protection-legacy-display">Subject: x</div>y"#), "y");
    }

    #[test]
    fn nothing_readable_is_none() {
        assert_eq!(html_to_text("<img src=x>"), None);
        assert_eq!(html_to_text(""), None);
    }

    #[test]
    fn bombs_are_read_in_linear_time() {
        let start = std::time::Instant::now();
        for bomb in [
            "<div>",
            "<b",
            "<a href='",
            "<![CDATA[",
            "<!--",
            "&",
            "<script>",
            "<",
            "<a href=x>",
            "<div name='quote'>",
        ] {
            html_to_text(&bomb.repeat(300_000));
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn never_panics(html in "(<|>|/|a|b|div|pre|blockquote| |=|'|\"|&|;|#|x|!|--|é|\n|href|name|quote){0,80}") {
            html_to_text(&html);
        }
    }
}
