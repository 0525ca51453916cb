//! The tree of MIME entities (RFC 2046 §5.1), built in one pass over the lines with a stack of open containers.

use std::borrow::Cow;

use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

use super::header_block::{HeaderBlock, split_line};
use super::parameters::{Parameterised, part_name};
use crate::message::bounds::{MAX_BOUNDARY, MAX_ENTITIES, MAX_NESTING};
use crate::message::headers;

/// One MIME entity: a header block with content, or with children.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entity<'a> {
    /// Its header fields.
    pub headers: HeaderBlock<'a>,
    /// Its type; `text/plain` if none is given.
    pub content_type: Parameterised,
    /// Its disposition.
    pub disposition: Option<Parameterised>,
    /// Header block and body together, as a signature covers it.
    pub whole: &'a [u8],
    /// Encoded body of an entity without children.
    pub body: &'a [u8],
    /// Parts of a container.
    pub children: Vec<Entity<'a>>,
}

impl<'a> Entity<'a> {
    /// Parses an entity. Every input has a tree; what exceeds the bounds is left out.
    pub fn parse(data: &'a [u8]) -> Self {
        Builder::new(data).run()
    }

    /// The first level only: header block and encoded body.
    fn open(data: &'a [u8]) -> Self {
        let (headers, body) = HeaderBlock::parse(data);
        let content_type = match headers.last(headers::CONTENT_TYPE) {
            Some(value) => Parameterised::parse(&value),
            None => Parameterised::parse("text/plain"),
        };
        let disposition =
            headers.last(headers::CONTENT_DISPOSITION).map(|value| Parameterised::parse(&value));
        Self { headers, content_type, disposition, whole: data, body, children: Vec::new() }
    }

    /// Lower-cased type and subtype.
    pub fn mime(&self) -> &str {
        &self.content_type.value
    }

    /// Whether this is a container of any kind.
    pub fn is_multipart(&self) -> bool {
        self.mime().starts_with("multipart/")
    }

    /// Name of a file part.
    pub fn file_name(&self) -> Option<String> {
        part_name(&self.content_type, self.disposition.as_ref())
    }

    /// The decoded body. `None` if its encoding is broken; an unknown encoding is taken as none.
    pub fn decoded(&self) -> Option<Cow<'a, [u8]>> {
        let encoding = self.headers.last(headers::CONTENT_TRANSFER_ENCODING).unwrap_or_default();
        match encoding.to_ascii_lowercase().as_str() {
            "base64" => base64_decode(self.body).map(Cow::Owned),
            "quoted-printable" => Some(Cow::Owned(decode_quoted_printable(self.body))),
            _ => Some(Cow::Borrowed(self.body)),
        }
    }

    /// The types of the children.
    pub fn child_types(&self) -> Vec<&str> {
        self.children.iter().map(Entity::mime).collect()
    }

    /// RFC 1847: the first part of a `multipart/signed` with two parts stands for the whole.
    pub(super) fn without_signature_frame(mut self) -> Self {
        if self.mime() == "multipart/signed" && self.children.len() == 2 {
            return self.children.swap_remove(0);
        }
        self
    }
}

/// Broken sequences are kept as they stand, so that one bad byte does not lose a text.
fn decode_quoted_printable(body: &[u8]) -> Vec<u8> {
    if let Some(decoded) = quoted_printable_decode(body) {
        return decoded;
    }
    let mut out = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        let escaped = (body[at] == b'=').then(|| body.get(at + 1..at + 3)).flatten();
        match escaped.and_then(|pair| hex::decode(pair).ok()) {
            Some(byte) => {
                out.extend(byte);
                at += 3;
            }
            None if body[at] == b'=' && body[at + 1..].starts_with(b"\r\n") => at += 3,
            None if body[at] == b'=' && body[at + 1..].starts_with(b"\n") => at += 2,
            None => {
                out.push(body[at]);
                at += 1;
            }
        }
    }
    out
}

/// A container whose end was not seen yet.
struct Open<'a> {
    entity: Entity<'a>,
    boundary: Vec<u8>,
    /// Offset of its first byte.
    start: usize,
}

struct Builder<'a> {
    data: &'a [u8],
    open: Vec<Open<'a>>,
    entities: usize,
}

/// What a line is to the open containers.
struct Delimiter {
    level: usize,
    is_last: bool,
}

impl<'a> Builder<'a> {
    fn new(data: &'a [u8]) -> Self {
        Self { data, open: Vec::new(), entities: 1 }
    }

    fn run(mut self) -> Entity<'a> {
        let root = Entity::open(self.data);
        let mut at = self.data.len() - root.body.len();
        let mut leaf = match self.boundary_of(&root) {
            Some(boundary) => {
                self.open.push(Open { entity: root, boundary, start: 0 });
                None
            }
            None => return root,
        };
        while at < self.data.len() {
            let (line, rest) = split_line(&self.data[at..]);
            let next = self.data.len() - rest.len();
            if let Some(delimiter) = self.delimiter(line) {
                let end = before_line_end(self.data, at);
                self.close(leaf.take(), end, delimiter.level + 1);
                if delimiter.is_last {
                    if delimiter.level == 0 {
                        break;
                    }
                    self.close(None, end, delimiter.level);
                } else if self.entities < MAX_ENTITIES {
                    self.entities += 1;
                    let (entity, body_at) = self.open_part(next);
                    leaf = entity;
                    at = body_at;
                    continue;
                } else {
                    break;
                }
            }
            at = next;
        }
        let end = self.data.len();
        self.close(leaf, end, 1);
        self.open.pop().map(|open| open.entity).unwrap_or_default()
    }

    /// Starts the part at `at`: a leaf is returned with its start, a container is pushed. Also tells where its body
    /// starts.
    fn open_part(&mut self, at: usize) -> (Option<(usize, Entity<'a>)>, usize) {
        let end = self.end_of_header_block(at);
        let entity = Entity::open(&self.data[at..end]);
        match self.boundary_of(&entity) {
            Some(boundary) => {
                self.open.push(Open { entity, boundary, start: at });
                (None, end)
            }
            None => (Some((at, entity)), end),
        }
    }

    /// A header block ends at its empty line, or at a delimiter that cuts it short.
    fn end_of_header_block(&self, start: usize) -> usize {
        let mut at = start;
        while at < self.data.len() {
            let (line, rest) = split_line(&self.data[at..]);
            if self.delimiter(line).is_some() {
                return at;
            }
            at = self.data.len() - rest.len();
            if line.is_empty() {
                return at;
            }
        }
        at
    }

    fn boundary_of(&self, entity: &Entity<'_>) -> Option<Vec<u8>> {
        if !entity.is_multipart() || self.open.len() >= MAX_NESTING {
            return None;
        }
        let boundary = entity.content_type.get("boundary")?.trim_end();
        (!boundary.is_empty() && boundary.len() <= MAX_BOUNDARY).then(|| boundary.as_bytes().to_vec())
    }

    /// Which open container, innermost first, a line delimits.
    fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let rest = line.strip_prefix(b"--")?.trim_ascii_end();
        self.open.iter().enumerate().rev().find_map(|(level, open)| {
            let boundary = open.boundary.as_slice();
            if rest == boundary {
                return Some(Delimiter { level, is_last: false });
            }
            let is_last = rest.len() == boundary.len() + 2 && rest.strip_suffix(b"--") == Some(boundary);
            is_last.then_some(Delimiter { level, is_last })
        })
    }

    /// Ends the current leaf and all containers down to `keep`, at offset `end`.
    fn close(&mut self, leaf: Option<(usize, Entity<'a>)>, end: usize, keep: usize) {
        if let Some((start, mut entity)) = leaf {
            let whole = &self.data[start..end.max(start)];
            let header_len = entity.whole.len().min(whole.len());
            entity.whole = whole;
            entity.body = &whole[header_len..];
            if let Some(parent) = self.open.last_mut() {
                parent.entity.children.push(entity);
            }
        }
        while self.open.len() > keep.max(1) {
            if let Some(mut done) = self.open.pop() {
                done.entity.whole = &self.data[done.start..end.max(done.start)];
                done.entity.body = &[];
                if let Some(parent) = self.open.last_mut() {
                    parent.entity.children.push(done.entity);
                }
            }
        }
    }
}

/// The line end before a delimiter belongs to the delimiter.
fn before_line_end(data: &[u8], at: usize) -> usize {
    let before = &data[..at];
    let before = before.strip_suffix(b"\n").unwrap_or(before);
    before.strip_suffix(b"\r").unwrap_or(before).len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NESTED: &str = "Content-Type: multipart/mixed; boundary=a\n\npreamble\n--a\nX: 1\n\none\n--a\n\
        Content-Type: multipart/alternative; boundary=\"b\"\n\n--b\n\ntwo\n\n--b--\nepilogue\n--a\n\nthree\n--a--\nend";

    #[test]
    fn a_nested_mail_becomes_a_tree() {
        for text in [NESTED.to_owned(), NESTED.replace('\n', "\r\n")] {
            let root = Entity::parse(text.as_bytes());
            assert_eq!(root.child_types(), ["text/plain", "multipart/alternative", "text/plain"]);
            assert_eq!(root.children[0].body, b"one");
            assert!(root.children[0].whole.starts_with(b"X: 1") && root.children[0].whole.ends_with(b"one"));
            assert_eq!(root.children[1].children[0].body.trim_ascii(), b"two");
            assert_eq!(root.children[2].body, b"three");
        }
    }

    #[test]
    fn a_missing_end_is_the_end_of_the_mail() {
        let root = Entity::parse(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n\none\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ntwo");
        assert_eq!(root.children[1].children[0].body, b"two");
    }

    #[test]
    fn an_outer_boundary_ends_inner_parts() {
        let root = Entity::parse(
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--a\n\ntwo\n--a--\n",
        );
        assert_eq!(root.children.len(), 2);
        assert_eq!(root.children[0].children[0].body, b"one");
        assert_eq!(root.children[1].body, b"two");
    }

    #[test]
    fn empty_parts_and_cut_header_blocks() {
        let root = Entity::parse(b"Content-Type: multipart/mixed; boundary=a\n\n--a\n--a\nX: y\n--a--");
        assert_eq!(root.children.len(), 2);
        assert!(root.children[1].headers.has("x") && root.children[1].body.is_empty());
    }

    #[test]
    fn encodings() {
        let decoded = |text: &str| {
            Entity::parse(text.as_bytes()).decoded().map(|b| String::from_utf8_lossy(&b).into_owned())
        };
        assert_eq!(decoded("Content-Transfer-Encoding: BASE64\n\nYWI=\n").as_deref(), Some("ab"));
        assert_eq!(decoded("Content-Transfer-Encoding: base64\n\n*bad*\n"), None);
        assert_eq!(
            decoded("Content-Transfer-Encoding: quoted-printable\n\na=3D=\nb=ZZ").as_deref(),
            Some("a=b=ZZ")
        );
        assert_eq!(decoded("Content-Transfer-Encoding: x-none\n\na=3D").as_deref(), Some("a=3D"));
    }

    proptest! {
        #[test]
        fn never_panics(text in "(Content-Type: multipart/mixed; boundary=a|Content-Type: multipart/x; boundary=b|\n|\r\n|--a|--b|--|x|:| ){0,50}") {
            Entity::parse(text.as_bytes());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            Entity::parse(&bytes).decoded();
        }
    }
}
