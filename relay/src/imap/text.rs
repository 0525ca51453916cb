//! Strings in answers.

use std::fmt;

use crate::net::Reply;

/// Longest string sent in quotes; longer ones are sent as literals.
const MAX_QUOTED: usize = 1000;

/// Writes an IMAP string: quoted where the syntax permits, a literal otherwise (RFC 3501, section 4.3).
pub(crate) fn put_string(reply: &mut Reply, text: &[u8]) {
    if text.len() > MAX_QUOTED || !text.iter().all(|byte| matches!(byte, 0x20..=0x7E)) {
        put_literal(reply, text);
        return;
    }
    let mut quoted = Vec::with_capacity(text.len() + 2);
    quoted.push(b'"');
    for byte in text {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(*byte);
    }
    quoted.push(b'"');
    reply.bytes(&quoted);
}

/// Writes a name: bare where the syntax permits, as most clients expect it, a string otherwise.
pub(crate) fn put_name(reply: &mut Reply, name: &[u8]) {
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'@');
    // `NIL` bare would mean that there is no name.
    if !name.is_empty() && name.iter().all(bare) && !name.eq_ignore_ascii_case(b"NIL") {
        reply.bytes(name);
    } else {
        put_string(reply, name);
    }
}

/// Writes a string, or `NIL` if there is none.
pub(crate) fn put_nstring(reply: &mut Reply, text: Option<&[u8]>) {
    match text {
        Some(text) => put_string(reply, text),
        None => reply.bytes(b"NIL"),
    }
}

/// Writes a literal. NUL cannot be in one and becomes a question mark.
fn put_literal(reply: &mut Reply, text: &[u8]) {
    reply.put(format_args!("{{{}}}\r\n", text.len()));
    let clean: Vec<u8> = text.iter().map(|byte| if *byte == 0 { b'?' } else { *byte }).collect();
    reply.bytes(&clean);
}

/// The tagged answer that ends a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ok,
    No,
    Bad,
}

impl Status {
    pub(crate) fn ok(text: impl Into<String>) -> Self {
        Self { kind: Kind::Ok, text: text.into() }
    }

    pub(crate) fn no(text: impl Into<String>) -> Self {
        Self { kind: Kind::No, text: text.into() }
    }

    pub(crate) fn bad(text: impl Into<String>) -> Self {
        Self { kind: Kind::Bad, text: text.into() }
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.kind == Kind::Bad
    }
}

impl fmt::Display for Status {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Ok => "OK",
            Kind::No => "NO",
            Kind::Bad => "BAD",
        };
        write!(out, "{kind} {}", self.text)
    }
}
