//! The guard for IMAP: where responses end (RFC 3501 section 2.2.2), what of them async-imap gets to see, and in which
//! form. Pure.
//!
//! - Lines, literals, nesting, the size of a response and the number of those that are dropped are bounded.
//! - The content of the literals of a FETCH never goes through the library: it is set aside without a copy, and the
//!   library gets its number in its place. A claimed length costs nothing, a mail is in memory once.
//! - A response that the parser of the library does not understand is dropped; a status loses its code and odd
//!   characters; a FETCH that is not understood ends the session, because what is dropped would be a mail.
//! - Known faults of the library (imap-proto 0.17) are met one by one; see `repair`.

use async_imap::imap_proto::Response;
use bytes::{BufMut as _, Bytes, BytesMut};

use super::{Framing, Step, take_line};
use crate::wire::WireError;

/// Longest line of a response outside of literals.
pub const MAX_LINE: usize = 64 * 1024;
/// Most literals in one response.
const MAX_LITERALS: usize = 64;
/// Bytes of a literal beyond the limit that are read and dropped; a larger one ends the session.
pub const MAX_EXCESS: usize = 512 * 1024 * 1024;
/// Deepest nesting of parentheses. Responses that are used need three levels.
const MAX_DEPTH: usize = 8;
/// Most responses in a row that are dropped.
const MAX_DROPPED: usize = 200_000;

/// Marks the number of a literal that was set aside: no quoted string can hold this byte.
const ASIDE: u8 = 0;

/// Kinds of responses, as far as they are treated differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Continue,
    Tagged,
    /// Untagged OK, NO, BAD, BYE, PREAUTH.
    Status,
    Capability,
    Fetch,
    Metadata,
    Other,
}

/// What comes next in the stream.
#[derive(Clone, Copy, Debug)]
enum State {
    Line,
    Literal(usize),
    Skip(usize),
}

/// Cuts what an IMAP server sends into responses.
#[derive(Debug)]
pub struct ImapFraming {
    limit: usize,
    state: State,
    scanned: usize,
    kind: Option<Kind>,
    size: usize,
    count: usize,
    held: BytesMut,
    literals: Vec<Bytes>,
    set_aside: Vec<Bytes>,
    dropped: usize,
}

impl ImapFraming {
    /// Responses of at most `limit` bytes. Larger literals come out empty.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            state: State::Line,
            scanned: 0,
            kind: None,
            size: 0,
            count: 0,
            held: BytesMut::new(),
            literals: Vec::new(),
            set_aside: Vec::new(),
            dropped: 0,
        }
    }

    /// Bounds the responses from now on.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
        self.dropped = 0;
    }

    /// The literals of the last response, to be found by [`literal_of`].
    pub fn take_literals(&mut self) -> Vec<Bytes> {
        std::mem::take(&mut self.set_aside)
    }

    fn line(&mut self, line: BytesMut) -> Result<Option<BytesMut>, WireError> {
        let kind = *self.kind.get_or_insert_with(|| Kind::of(&line));
        self.size += line.len();
        if self.size > self.limit {
            return Err(WireError::TooLong(self.limit));
        }
        let Some((start, len)) = literal(&line).filter(|_| kind.has_literals()) else {
            self.held.extend_from_slice(&repair(kind, line));
            self.held.extend_from_slice(b"\r\n");
            return self.complete(kind);
        };
        self.count += 1;
        if self.count > MAX_LITERALS || len > MAX_EXCESS {
            return Err(WireError::TooLong(self.limit));
        }
        let mut head = line;
        head.truncate(start);
        self.held.extend_from_slice(&repair(kind, head));
        let fits = self.size + len <= self.limit;
        self.state = if fits { State::Literal(len) } else { State::Skip(len) };
        self.size += if fits { len } else { 0 };
        if kind == Kind::Fetch {
            let number = self.literals.len().to_string();
            self.held.extend_from_slice(format!("{{{}}}\r\n", number.len() + 1).as_bytes());
            self.held.put_u8(ASIDE);
            self.held.extend_from_slice(number.as_bytes());
            if !fits {
                self.literals.push(Bytes::new());
            }
        } else {
            let len = if fits { len } else { 0 };
            self.held.extend_from_slice(format!("{{{len}}}\r\n").as_bytes());
        }
        Ok(None)
    }

    fn content(&mut self, mut content: BytesMut) {
        self.state = State::Line;
        match self.kind {
            Some(Kind::Fetch) => self.literals.push(content.freeze()),
            kind => {
                if kind == Some(Kind::Metadata) {
                    only_utf8(&mut content);
                }
                self.held.extend_from_slice(&content);
            }
        }
    }

    /// Decides about a whole response: `None` if it is dropped.
    fn complete(&mut self, kind: Kind) -> Result<Option<BytesMut>, WireError> {
        let response = std::mem::take(&mut self.held);
        self.set_aside = std::mem::take(&mut self.literals);
        (self.kind, self.size, self.count) = (None, 0, 0);
        let response = match kind {
            // Nothing of it is used but that it came.
            Kind::Continue => BytesMut::from(&b"+ \r\n"[..]),
            _ => response,
        };
        if is_understood(&response) {
            return Ok(Some(response));
        }
        match kind {
            Kind::Continue | Kind::Fetch => Err(WireError::Unreadable),
            Kind::Tagged | Kind::Status => {
                let plain = plain_status(&response).ok_or(WireError::Unreadable)?;
                if is_understood(&plain) { Ok(Some(plain)) } else { Err(WireError::Unreadable) }
            }
            // A response with a mail must not get lost, however oddly it is written.
            Kind::Capability | Kind::Metadata | Kind::Other if mentions_fetch(&response) => {
                Err(WireError::Unreadable)
            }
            Kind::Capability | Kind::Metadata | Kind::Other => {
                self.dropped += 1;
                if self.dropped > MAX_DROPPED { Err(WireError::TooMany) } else { Ok(None) }
            }
        }
    }
}

impl Framing for ImapFraming {
    fn next(&mut self, input: &mut BytesMut) -> Result<Step, WireError> {
        loop {
            match self.state {
                State::Line => {
                    let Some(line) = take_line(input, &mut self.scanned, MAX_LINE)? else {
                        return Ok(Step::Needs(0));
                    };
                    if let Some(response) = self.line(line)? {
                        return Ok(Step::Response(response));
                    }
                }
                State::Literal(len) if input.len() < len => return Ok(Step::Needs(len - input.len())),
                State::Literal(len) => {
                    let content = input.split_to(len);
                    self.content(content);
                }
                State::Skip(len) => {
                    let dropped = len.min(input.len());
                    drop(input.split_to(dropped));
                    if dropped < len {
                        self.state = State::Skip(len - dropped);
                        return Ok(Step::Needs(0));
                    }
                    self.state = State::Line;
                }
            }
        }
    }

    fn has_begun(&self) -> bool {
        self.kind.is_some()
    }
}

impl Kind {
    fn of(line: &[u8]) -> Self {
        if line.starts_with(b"+") {
            return Self::Continue;
        }
        let Some(rest) = line.strip_prefix(b"* ") else { return Self::Tagged };
        let mut words = rest.split(|&b| b == b' ');
        let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is = |word: &[u8]| first.eq_ignore_ascii_case(word);
        if [&b"OK"[..], b"NO", b"BAD", b"BYE", b"PREAUTH"].into_iter().any(is) {
            Self::Status
        } else if is(b"CAPABILITY") {
            Self::Capability
        } else if is(b"METADATA") {
            Self::Metadata
        } else if first.iter().all(u8::is_ascii_digit) && second.eq_ignore_ascii_case(b"FETCH") {
            Self::Fetch
        } else {
            Self::Other
        }
    }

    /// Free text of a status may end like a literal but never announces one.
    fn has_literals(self) -> bool {
        matches!(self, Self::Fetch | Self::Metadata | Self::Other)
    }
}

/// What stands in the place of a literal that was set aside: the literal. Anything else is given back as it is.
pub fn literal_of(value: &[u8], literals: &[Bytes]) -> Bytes {
    let number = value.strip_prefix(&[ASIDE]).and_then(|digits| std::str::from_utf8(digits).ok());
    match number.and_then(|digits| digits.parse::<usize>().ok()).and_then(|number| literals.get(number)) {
        Some(literal) => literal.clone(),
        None => Bytes::copy_from_slice(value),
    }
}

/// Where the announcement of a literal at the end of a line begins, and the length of the literal.
fn literal(line: &[u8]) -> Option<(usize, usize)> {
    let body = line.strip_suffix(b"}")?;
    let open = body.iter().rposition(|&b| b == b'{')?;
    let digits = &body[open + 1..];
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((open, std::str::from_utf8(digits).ok()?.parse().ok()?))
}

/// Meets the known faults of the library in a line of a response.
///
/// | fault | remedy |
/// |---|---|
/// | METADATA that is not UTF-8: panic | other bytes become `?` |
/// | a status whose code is followed by anything but ASCII: panic | a space |
/// | `INTERNALDATE NIL`: panic | a date that is none |
/// | quoted strings keep their escapes | they become literals |
/// | capabilities without `IMAP4rev1` are refused | it is added |
fn repair(kind: Kind, mut line: BytesMut) -> BytesMut {
    match kind {
        Kind::Metadata => {
            only_utf8(&mut line);
            without_escapes(line)
        }
        Kind::Fetch => {
            const NIL_DATE: &[u8] = b"INTERNALDATE NIL";
            let found = line.windows(NIL_DATE.len()).position(|text| text.eq_ignore_ascii_case(NIL_DATE));
            if let Some(at) = found {
                line[at + NIL_DATE.len() - 3..at + NIL_DATE.len()].copy_from_slice(b"\"?\"");
            }
            without_escapes(line)
        }
        Kind::Other => without_escapes(line),
        Kind::Tagged | Kind::Status => {
            if let Some(at) = line.iter().position(|&b| b == b']')
                && let Some(behind) = line.get_mut(at + 1)
                && !behind.is_ascii()
            {
                *behind = b' ';
            }
            with_imap4rev1(line, b"[CAPABILITY ")
        }
        Kind::Capability => with_imap4rev1(line, b"CAPABILITY "),
        Kind::Continue => line,
    }
}

/// Adds the capability that the library wants to see behind `word`, if it is missing.
fn with_imap4rev1(line: BytesMut, word: &[u8]) -> BytesMut {
    const WANTED: &[u8] = b"IMAP4rev1";
    let find = |text: &[u8]| line.windows(text.len()).position(|found| found.eq_ignore_ascii_case(text));
    let (Some(at), None) = (find(word), find(WANTED)) else { return line };
    let (head, tail) = line.split_at(at + word.len());
    BytesMut::from(&[head, WANTED, b" ", tail].concat()[..])
}

/// Quoted strings with escapes become literals; the others stay as they are.
fn without_escapes(line: BytesMut) -> BytesMut {
    let (mut out, mut changed) = (BytesMut::new(), false);
    let mut rest = &line[..];
    while let Some(open) = rest.iter().position(|&b| b == b'"') {
        let Some((text, len)) = quoted(&rest[open + 1..]) else { return line };
        let end = open + 1 + len;
        if text.len() + 1 == len {
            out.extend_from_slice(&rest[..end]);
        } else {
            changed = true;
            out.extend_from_slice(&rest[..open]);
            out.extend_from_slice(format!("{{{}}}\r\n", text.len()).as_bytes());
            out.extend_from_slice(&text);
        }
        rest = &rest[end..];
    }
    if !changed {
        return line;
    }
    out.extend_from_slice(rest);
    out
}

/// The text of a quoted string behind its first quote, and its length up to and including the last one.
fn quoted(input: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut text = Vec::new();
    let mut bytes = input.iter().enumerate();
    while let Some((at, &byte)) = bytes.next() {
        match byte {
            b'"' => return Some((text, at + 1)),
            b'\\' => text.push(*bytes.next()?.1),
            other => text.push(other),
        }
    }
    None
}

/// Overwrites what is not UTF-8.
fn only_utf8(bytes: &mut [u8]) {
    let mut from = 0;
    while let Err(error) = std::str::from_utf8(&bytes[from..]) {
        let start = from + error.valid_up_to();
        let end = error.error_len().map_or(bytes.len(), |len| start + len);
        bytes[start..end].fill(b'?');
        from = end;
    }
}

/// Asks the parser of the library.
fn is_understood(response: &[u8]) -> bool {
    depth(response) <= MAX_DEPTH && matches!(Response::parse(response), Ok((rest, _)) if rest.is_empty())
}

/// Deepest nesting of parentheses, quoted strings left aside.
fn depth(response: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_quotes, mut escaped) = (0_usize, 0, false, false);
    for &byte in response {
        match byte {
            _ if std::mem::take(&mut escaped) => {}
            b'\\' if in_quotes => escaped = true,
            b'"' => in_quotes = !in_quotes,
            b'(' if !in_quotes => depth += 1,
            b')' if !in_quotes => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Tag (or `*`), status and the plain text of a status response.
fn plain_status(response: &[u8]) -> Option<BytesMut> {
    let mut words = response.splitn(3, |&b| b == b' ');
    let (tag, status, text) = (words.next()?, words.next()?, words.next().unwrap_or_default());
    let mut out = BytesMut::from(tag);
    out.put_u8(b' ');
    out.extend_from_slice(status.trim_ascii());
    out.put_u8(b' ');
    out.extend(text.iter().filter(|&&b| matches!(b, b' '..=b'~') && !matches!(b, b'[' | b']')));
    out.extend_from_slice(b"\r\n");
    Some(out)
}

fn mentions_fetch(response: &[u8]) -> bool {
    const FETCH: &[u8] = b" FETCH ";
    response.windows(FETCH.len()).any(|text| text.eq_ignore_ascii_case(FETCH))
}

#[cfg(test)]
#[path = "imap_tests.rs"]
mod tests;
