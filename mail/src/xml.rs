//! Reading XML that strangers wrote: bounded, without namespaces, and without any entity of the document's own.
//!
//! A document type declaration is skipped, so that entities defined in it stay unknown: a reference to one is kept as
//! text. That leaves nothing that could grow while it is read.

use mail_parser::decoders::charsets::map::charset_decoder;
use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// Deepest accepted nesting of elements.
const MAX_DEPTH: usize = 64;
/// Most attributes of one element that are looked at.
const MAX_ATTRIBUTES: usize = 32;

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// It is larger than what is accepted.
    #[error("the document has more than {0} bytes")]
    TooLarge(usize),
    /// It has more elements than what is accepted.
    #[error("the document has more than {0} elements")]
    TooMany(usize),
    /// Its elements are nested too deeply.
    #[error("elements are nested more than {MAX_DEPTH} deep")]
    TooDeep,
    /// It is no well-formed XML.
    #[error("not well-formed: {0}")]
    Malformed(String),
}

/// Limits on one document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Most bytes.
    pub bytes: usize,
    /// Most elements.
    pub elements: usize,
}

/// An element with those around it: names in lower case without prefix, outermost first.
pub(crate) struct Path<'a>(&'a [Frame]);

struct Frame {
    name: String,
    text: String,
}

impl Path<'_> {
    /// The name of the element itself.
    pub fn name(&self) -> &str {
        self.0.last().map_or("", |frame| &frame.name)
    }

    /// How many elements there are, itself included.
    pub fn depth(&self) -> usize {
        self.0.len()
    }

    /// Whether the element is the last of `names` and the others lie around it in this order, with or without other
    /// elements between them.
    pub fn is_inside(&self, names: &[&str]) -> bool {
        let mut wanted = names.iter().rev();
        let Some(own) = wanted.next().filter(|own| **own == self.name()) else { return false };
        let mut around = self.0.iter().rev().skip(1);
        debug_assert!(!own.is_empty());
        wanted.all(|name| around.any(|frame| frame.name == *name))
    }
}

/// The attributes of an element, names in lower case without prefix.
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    /// The first value of an attribute.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// What is done with the elements of a document, in their order.
pub(crate) trait Visitor {
    /// An element begins.
    fn open(&mut self, path: &Path<'_>, attributes: &Attributes);
    /// An element ends. `text` is what stood directly in it, trimmed.
    fn close(&mut self, path: &Path<'_>, text: &str);
}

/// Reads a document. When it fails, the visitor has seen a part of it that must not be used.
pub(crate) fn read(text: &str, limits: Limits, visitor: &mut impl Visitor) -> Result<(), XmlError> {
    if text.len() > limits.bytes {
        return Err(XmlError::TooLarge(limits.bytes));
    }
    let mut reader = Reader::from_str(text);
    // Hand-written files hold addresses of web pages with a bare `&`.
    reader.config_mut().allow_dangling_amp = true;
    let mut stack: Vec<Frame> = Vec::new();
    let mut elements = 0;
    loop {
        match reader.read_event().map_err(malformed)? {
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let is_empty = matches!(event, Event::Empty(_));
                let (Event::Start(tag) | Event::Empty(tag)) = event else { continue };
                elements += 1;
                if elements > limits.elements {
                    return Err(XmlError::TooMany(limits.elements));
                }
                if stack.len() >= MAX_DEPTH {
                    return Err(XmlError::TooDeep);
                }
                stack.push(Frame { name: tag.local_name().as_ref().to_lowercase(), text: String::new() });
                visitor.open(&Path(&stack), &attributes(&tag)?);
                if is_empty {
                    close(&mut stack, visitor);
                }
            }
            Event::End(_) => close(&mut stack, visitor),
            Event::Text(text) => add(&mut stack, &text.xml10_content()),
            Event::CData(text) => add(&mut stack, &text.xml10_content()),
            Event::GeneralRef(name) => match resolved(&name) {
                Some(character) => add(&mut stack, character.encode_utf8(&mut [0; 4])),
                None => add(&mut stack, &format!("&{};", &*name)),
            },
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            Event::Eof => break,
        }
    }
    match (stack.last(), elements) {
        (Some(open), _) => Err(XmlError::Malformed(format!("<{}> is not closed", shortened(&open.name)))),
        (None, 0) => Err(XmlError::Malformed("there is no element".to_owned())),
        (None, _) => Ok(()),
    }
}

fn add(stack: &mut [Frame], text: &str) {
    if let Some(frame) = stack.last_mut() {
        frame.text.push_str(text);
    }
}

fn close(stack: &mut Vec<Frame>, visitor: &mut impl Visitor) {
    if let Some(frame) = stack.last_mut() {
        let text = std::mem::take(&mut frame.text);
        visitor.close(&Path(stack), text.trim());
    }
    stack.pop();
}

fn attributes(tag: &BytesStart<'_>) -> Result<Attributes, XmlError> {
    let mut found = Vec::new();
    // Checking for repeated names compares each with each; here the first simply counts.
    for attribute in tag.attributes().with_checks(false).take(MAX_ATTRIBUTES) {
        let attribute = attribute.map_err(malformed)?;
        let name = attribute.key.local_name().as_ref().to_lowercase();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or(attribute.value);
        found.push((name, value.into_owned()));
    }
    Ok(Attributes(found))
}

/// The character behind a numeric or predefined reference.
fn resolved(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        return char::from_u32(code.ok()?).filter(|c| !c.is_control() || c.is_whitespace());
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

fn malformed(error: impl std::fmt::Display) -> XmlError {
    XmlError::Malformed(shortened(&error.to_string()))
}

/// Texts of strangers stay short in errors.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// The text of a document in the encoding that its bytes show: by their order mark, else UTF-8 if they are, else what
/// the declaration says. What cannot be decoded becomes U+FFFD.
pub(crate) fn decode(bytes: &[u8]) -> String {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => return String::from_utf8_lossy(rest).into_owned(),
        [0xFF, 0xFE, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => return utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => return utf16(bytes, u16::from_be_bytes),
        _ => {}
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    match declared(bytes).and_then(charset_decoder) {
        Some(decode) => decode(bytes),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn utf16(bytes: &[u8], read: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| read([pair[0], pair[1]]));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

/// The value of `encoding` in the XML declaration, unless it cannot be true: that the declaration was found shows
/// that the bytes are no UTF-16.
fn declared(bytes: &[u8]) -> Option<&[u8]> {
    let head = &bytes[..bytes.len().min(200)];
    let end = head.windows(2).position(|pair| pair == b"?>")?;
    let at = head[..end].windows(8).position(|word| word == b"encoding")? + 8;
    let rest = head[at..end].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, rest) = rest.split_first().filter(|(quote, _)| matches!(quote, b'"' | b'\''))?;
    let name = rest.split(|byte| byte == quote).next()?;
    let is_wide = name.len() >= 6 && name[..6].eq_ignore_ascii_case(b"utf-16");
    (!is_wide).then_some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: Limits = Limits { bytes: 100_000, elements: 1_000 };

    /// Writes down what it sees.
    #[derive(Default)]
    struct Seen(Vec<String>);

    impl Visitor for Seen {
        fn open(&mut self, path: &Path<'_>, attributes: &Attributes) {
            let shown: Vec<_> = attributes.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
            self.0.push(format!("<{} {}", path.name(), shown.join(",")).trim_end().to_owned());
        }

        fn close(&mut self, path: &Path<'_>, text: &str) {
            self.0.push(format!("{}>{}:{text}", path.depth(), path.name()));
        }
    }

    fn seen(text: &str) -> Result<Vec<String>, XmlError> {
        let mut seen = Seen::default();
        read(text, LIMITS, &mut seen).map(|()| seen.0)
    }

    #[test]
    fn names_lose_case_and_prefix_and_texts_their_blanks() {
        let text = "<?xml version='1.0'?><!-- x --><A><k:Bee X:Y='1 &amp; 2'/> t<C/>u <![CDATA[<&]]></A>";
        assert_eq!(seen(text).unwrap(), ["<a", "<bee y=1 & 2", "2>bee:", "<c", "2>c:", "1>a:tu <&"]);
    }

    #[test]
    fn references_that_are_not_predefined_stay_as_they_are() {
        assert_eq!(
            seen("<a>&#65;&#x42;&lt;&nbsp;&#0;&#xD800; b & c</a>").unwrap(),
            ["<a", "1>a:AB<&nbsp;&#0;&#xD800; b & c"]
        );
    }

    #[test]
    fn an_entity_bomb_stays_small() {
        let bomb = "<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;&x;&x;&x;&x;&x;&x;&x;&x;'>\
                    <!ENTITY f SYSTEM 'file:///etc/passwd'>]><a b='&y;'>&y;&f;</a>";
        assert_eq!(seen(bomb).unwrap(), ["<a b=&y;", "1>a:&y;&f;"]);
    }

    #[test]
    fn what_is_too_large_too_deep_or_too_much_is_refused() {
        assert_eq!(seen(&"<a>".repeat(65)), Err(XmlError::TooDeep));
        assert!(seen(&format!("{}{}", "<a>".repeat(64), "</a>".repeat(64))).is_ok());
        assert_eq!(seen(&format!("<a>{}</a>", "<b/>".repeat(1_000))), Err(XmlError::TooMany(1_000)));
        assert_eq!(seen(&" ".repeat(100_001)), Err(XmlError::TooLarge(100_000)));
        let many = (0..5_000).map(|n| format!(" a{n}='x'")).collect::<String>();
        assert_eq!(seen(&format!("<a{many}/>")).unwrap()[0].matches('=').count(), MAX_ATTRIBUTES);
    }

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for bad in ["", "text", "<a>", "<a></b>", "</a>", "<a", "<a b=c/>", "<a><!-- </a>", "<![CDATA[", "&"]
        {
            assert!(matches!(seen(bad), Err(XmlError::Malformed(_))), "{bad}");
        }
    }

    #[test]
    fn elements_in_between_do_not_matter_but_the_order_does() {
        struct Inside(Vec<bool>);
        impl Visitor for Inside {
            fn open(&mut self, _path: &Path<'_>, _attributes: &Attributes) {}
            fn close(&mut self, path: &Path<'_>, _text: &str) {
                self.0.push(path.is_inside(&["a", "b", "c"]));
            }
        }
        let inside = |text: &str| {
            let mut visitor = Inside(Vec::new());
            read(text, LIMITS, &mut visitor).unwrap();
            visitor.0[0]
        };
        assert!(inside("<a><x><b><y><c/></y></b></x></a>"));
        assert!(!inside("<b><a><c/></a></b>") && !inside("<a><b><d/></b></a>") && !inside("<c/>"));
    }

    #[test]
    fn the_bytes_tell_the_encoding_better_than_the_declaration() {
        let wide = |mark: &[u8], text: &str, write: fn(u16) -> [u8; 2]| {
            [mark.to_vec(), text.encode_utf16().flat_map(write).collect()].concat()
        };
        for bytes in [
            "<a>ü</a>".as_bytes().to_vec(),
            b"\xEF\xBB\xBF<a>\xC3\xBC</a>".to_vec(),
            wide(&[0xFF, 0xFE], "<a>ü</a>", u16::to_le_bytes),
            wide(&[0xFE, 0xFF], "<a>ü</a>", u16::to_be_bytes),
            wide(&[], "<a>ü</a>", u16::to_le_bytes),
        ] {
            assert_eq!(decode(&bytes), "<a>ü</a>");
        }
        let latin = decode(b"<?xml version='1.0' encoding = \"ISO-8859-1\"?><a>\xFC</a>");
        assert!(latin.ends_with("<a>ü</a>"), "{latin}");
        for lie in ["utf-8", "UTF-16", "no-such-charset"] {
            let text = decode(&[format!("<?xml encoding='{lie}'?><a>").as_bytes(), b"\xFC</a>"].concat());
            assert!(text.ends_with("<a>\u{FFFD}</a>"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = seen(&decode(&bytes));
        }

        #[test]
        fn any_mixture_of_tags_is_survived(text in "(<a>|</a>|<b c='|'>|&|;|x|<!DOCTYPE|\\[|\\]|>|<!--|-->){0,40}") {
            let _ = seen(&text);
        }
    }
}
