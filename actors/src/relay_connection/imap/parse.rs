//! Parser for the IMAP responses that a chat client meets (RFC 3501 section 7, RFC 2087, 2971, 5464). Pure.
//!
//! Works on one complete response whose literals are contained (see [`super::session`]). Unknown responses are
//! [`Response::Other`], never an error; nesting is bounded, all work is linear, large values are slices of the input.

use bytes::Bytes;

/// Deepest nesting of parentheses. Responses that are used need three levels.
const MAX_DEPTH: usize = 8;

/// The response does not follow the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unparsable response")]
pub struct ParseError;

/// Status word of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Success.
    Ok,
    /// Failure.
    No,
    /// Not understood.
    Bad,
    /// Already logged in.
    PreAuth,
    /// The server closes the connection.
    Bye,
}

/// Machine-readable part of a status response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// `CAPABILITY`.
    Capability(Vec<String>),
    /// `UIDVALIDITY`.
    UidValidity(u32),
    /// `UIDNEXT`.
    UidNext(u32),
    /// Anything else.
    Other(String),
}

/// A status word with its details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusLine {
    /// The word.
    pub status: Status,
    /// Code in brackets, if any.
    pub code: Option<Code>,
    /// The human-readable rest, brackets included when their content is not used by the client.
    pub text: String,
}

/// Data of one mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FetchData {
    /// `UID`.
    pub uid: Option<u32>,
    /// `RFC822.SIZE`.
    pub size: Option<u32>,
    /// `\Seen` is among the flags.
    pub seen: bool,
    /// `\Deleted` is among the flags.
    pub deleted: bool,
    /// `\Draft` is among the flags.
    pub draft: bool,
    /// Content of the only body section that was asked for.
    pub body: Option<Bytes>,
}

/// One resource of a quota root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuotaResource {
    /// Name, for example `STORAGE`.
    pub name: String,
    /// Amount in use.
    pub usage: u64,
    /// Limit.
    pub limit: u64,
}

/// A server response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// `+ …`: the server waits for the client.
    Continue,
    /// The end of the command with this tag.
    Tagged(String, StatusLine),
    /// An untagged status.
    Status(StatusLine),
    /// `CAPABILITY`.
    Capability(Vec<String>),
    /// Number of mails in the folder.
    Exists(u32),
    /// Data of a mail.
    Fetch(FetchData),
    /// `STATUS` with UIDNEXT, if it was among the items.
    FolderStatus(Option<u32>),
    /// Quota roots of a folder.
    QuotaRoot(Vec<String>),
    /// Fill level of a quota root.
    Quota(String, Vec<QuotaResource>),
    /// Entries and values; `None` means "not set".
    Metadata(Vec<(String, Option<Bytes>)>),
    /// What the server calls itself.
    Id(Vec<(String, String)>),
    /// Something that is of no interest here.
    Other,
}

impl Response {
    /// Parses one complete response, with or without the final line end.
    pub fn parse(input: &Bytes) -> Result<Self, ParseError> {
        let end = input.len() - input.iter().rev().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let mut p = Parser { input, pos: 0, end };
        if p.eat(b'+') {
            return Ok(Self::Continue);
        }
        if p.eat(b'*') {
            p.space()?;
            return p.untagged();
        }
        let tag = text(p.atom()?);
        p.space()?;
        let status = p.status_word().ok_or(ParseError)?;
        Ok(Self::Tagged(tag, p.status_line(status)))
    }
}

/// A value inside a response.
enum Value {
    Atom(Bytes),
    Text(Bytes),
    List(Vec<Value>),
}

impl Value {
    fn is_nil(&self) -> bool {
        matches!(self, Self::Atom(atom) if atom.eq_ignore_ascii_case(b"NIL"))
    }

    fn bytes(self) -> Option<Bytes> {
        match self {
            _ if self.is_nil() => None,
            Self::Atom(bytes) | Self::Text(bytes) => Some(bytes),
            Self::List(_) => None,
        }
    }

    fn string(self) -> Option<String> {
        self.bytes().map(text)
    }

    fn number<N: std::str::FromStr>(self) -> Option<N> {
        match self {
            Self::Atom(bytes) => std::str::from_utf8(&bytes).ok()?.parse().ok(),
            _ => None,
        }
    }
}

fn text(bytes: Bytes) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

struct Parser<'a> {
    input: &'a Bytes,
    pos: usize,
    end: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &[u8] {
        &self.input[self.pos.min(self.end)..self.end]
    }

    fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.pos += usize::from(found);
        found
    }

    fn skip_spaces(&mut self) {
        while self.eat(b' ') {}
    }

    fn space(&mut self) -> Result<(), ParseError> {
        if self.eat(b' ') { Ok(()) } else { Err(ParseError) }
    }

    /// Atom in a wide sense: up to a space, a parenthesis or a quote. The section of a body in brackets belongs to it;
    /// elsewhere, as in keywords, a bracket is a character like any other.
    fn atom(&mut self) -> Result<Bytes, ParseError> {
        let start = self.pos;
        let mut in_section = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => in_section |= self.input[start..self.pos].eq_ignore_ascii_case(b"BODY"),
                b']' => in_section = false,
                b'\r' | b'\n' => break,
                b' ' | b'(' | b')' | b'"' | b'{' if !in_section => break,
                _ => {}
            }
            self.pos += 1;
        }
        if self.pos == start { Err(ParseError) } else { Ok(self.input.slice(start..self.pos)) }
    }

    fn quoted(&mut self) -> Result<Bytes, ParseError> {
        let start = self.pos;
        let mut escaped = Vec::new();
        loop {
            let byte = self.peek().ok_or(ParseError)?;
            self.pos += 1;
            match byte {
                b'"' if escaped.is_empty() => return Ok(self.input.slice(start..self.pos - 1)),
                b'"' => return Ok(Bytes::from(escaped)),
                b'\\' => {
                    if escaped.is_empty() {
                        escaped.reserve(self.pos - start + 32);
                        escaped.extend_from_slice(&self.input[start..self.pos - 1]);
                    }
                    escaped.push(self.peek().ok_or(ParseError)?);
                    self.pos += 1;
                }
                b'\r' | b'\n' => return Err(ParseError),
                // `escaped` stays empty as long as no escape was met; then the input itself is the value.
                other if !escaped.is_empty() => escaped.push(other),
                _ => {}
            }
        }
    }

    fn literal(&mut self) -> Result<Bytes, ParseError> {
        let digits = self.rest().iter().take_while(|b| b.is_ascii_digit()).count();
        let len: usize = std::str::from_utf8(&self.rest()[..digits])
            .ok()
            .and_then(|s| s.parse().ok())
            .ok_or(ParseError)?;
        self.pos += digits;
        if !self.eat(b'}') {
            return Err(ParseError);
        }
        self.eat(b'\r');
        if !self.eat(b'\n') {
            return Err(ParseError);
        }
        let start = self.pos;
        // The end of the response may have been cut by the removal of line ends: a literal may hold them.
        let end = start.checked_add(len).filter(|&end| end <= self.input.len()).ok_or(ParseError)?;
        self.pos = end;
        Ok(self.input.slice(start..end))
    }

    fn value(&mut self, depth: usize) -> Result<Value, ParseError> {
        match self.peek().ok_or(ParseError)? {
            b'"' => {
                self.pos += 1;
                self.quoted().map(Value::Text)
            }
            b'{' => {
                self.pos += 1;
                self.literal().map(Value::Text)
            }
            b'(' => {
                if depth >= MAX_DEPTH {
                    return Err(ParseError);
                }
                self.pos += 1;
                let mut items = Vec::new();
                loop {
                    self.skip_spaces();
                    if self.eat(b')') {
                        return Ok(Value::List(items));
                    }
                    items.push(self.value(depth + 1)?);
                }
            }
            _ => self.atom().map(Value::Atom),
        }
    }

    fn values(&mut self) -> Result<Vec<Value>, ParseError> {
        let mut out = Vec::new();
        loop {
            self.skip_spaces();
            if self.peek().is_none() {
                return Ok(out);
            }
            out.push(self.value(0)?);
        }
    }

    fn status_word(&mut self) -> Option<Status> {
        let words = [
            ("OK", Status::Ok),
            ("NO", Status::No),
            ("BAD", Status::Bad),
            ("PREAUTH", Status::PreAuth),
            ("BYE", Status::Bye),
        ];
        let rest = self.rest();
        let len = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
        let (_, status) =
            words.into_iter().find(|(word, _)| rest[..len].eq_ignore_ascii_case(word.as_bytes()))?;
        self.pos += len;
        Some(status)
    }

    fn status_line(&mut self, status: Status) -> StatusLine {
        self.skip_spaces();
        let whole = text(Bytes::copy_from_slice(self.rest()));
        let Some((inside, after)) = whole.strip_prefix('[').and_then(|rest| rest.split_once(']')) else {
            return StatusLine { status, code: None, text: whole };
        };
        let (name, args) = inside.split_once(' ').unwrap_or((inside, ""));
        let code = match name.to_ascii_uppercase().as_str() {
            "CAPABILITY" => Code::Capability(args.split_ascii_whitespace().map(str::to_string).collect()),
            "UIDVALIDITY" => match args.trim().parse() {
                Ok(number) => Code::UidValidity(number),
                Err(_) => Code::Other(inside.to_string()),
            },
            "UIDNEXT" => match args.trim().parse() {
                Ok(number) => Code::UidNext(number),
                Err(_) => Code::Other(inside.to_string()),
            },
            _ => Code::Other(inside.to_string()),
        };
        let text =
            if matches!(code, Code::Other(_)) { whole.clone() } else { after.trim_start().to_string() };
        StatusLine { status, code: Some(code), text }
    }

    fn untagged(mut self) -> Result<Response, ParseError> {
        if let Some(status) = self.status_word() {
            return Ok(Response::Status(self.status_line(status)));
        }
        let first = self.atom()?;
        if first.iter().all(u8::is_ascii_digit) {
            self.space()?;
            let kind = self.atom()?.to_ascii_uppercase();
            let number = Value::Atom(first).number().ok_or(ParseError)?;
            return match kind.as_slice() {
                b"EXISTS" => Ok(Response::Exists(number)),
                b"FETCH" => {
                    self.skip_spaces();
                    self.value(0).and_then(fetch_data).map(Response::Fetch)
                }
                _ => Ok(Response::Other),
            };
        }
        match first.to_ascii_uppercase().as_slice() {
            b"CAPABILITY" => {
                Ok(Response::Capability(self.values()?.into_iter().filter_map(Value::string).collect()))
            }
            b"STATUS" => Ok(Response::FolderStatus(folder_status(self.values()?))),
            b"QUOTAROOT" => {
                let roots = self.values()?.into_iter().skip(1).filter_map(Value::string);
                Ok(Response::QuotaRoot(roots.collect()))
            }
            b"QUOTA" => quota(self.values()?),
            b"METADATA" => metadata(self.values()?),
            b"ID" => Ok(Response::Id(self.values()?.into_iter().next().map(id).unwrap_or_default())),
            _ => Ok(Response::Other),
        }
    }
}

fn fetch_data(value: Value) -> Result<FetchData, ParseError> {
    let Value::List(items) = value else { return Err(ParseError) };
    let mut data = FetchData::default();
    let mut items = items.into_iter();
    while let Some(name) = items.next() {
        let Value::Atom(name) = name else { return Err(ParseError) };
        let value = items.next().ok_or(ParseError)?;
        let name = name.to_ascii_uppercase();
        match name.as_slice() {
            b"UID" => data.uid = Some(value.number().ok_or(ParseError)?),
            b"RFC822.SIZE" => data.size = Some(value.number().ok_or(ParseError)?),
            b"FLAGS" => {
                let Value::List(flags) = value else { return Err(ParseError) };
                for flag in flags.into_iter().filter_map(Value::bytes) {
                    data.seen |= flag.eq_ignore_ascii_case(b"\\Seen");
                    data.deleted |= flag.eq_ignore_ascii_case(b"\\Deleted");
                    data.draft |= flag.eq_ignore_ascii_case(b"\\Draft");
                }
            }
            name if name.starts_with(b"BODY[") => data.body = value.bytes(),
            _ => {}
        }
    }
    Ok(data)
}

fn folder_status(values: Vec<Value>) -> Option<u32> {
    let Some(Value::List(items)) = values.into_iter().nth(1) else { return None };
    let mut items = items.into_iter();
    while let Some(name) = items.next() {
        let value = items.next()?;
        if matches!(name, Value::Atom(name) if name.eq_ignore_ascii_case(b"UIDNEXT")) {
            return value.number();
        }
    }
    None
}

fn quota(values: Vec<Value>) -> Result<Response, ParseError> {
    let mut values = values.into_iter();
    let root = values.next().and_then(Value::string).unwrap_or_default();
    let Some(Value::List(items)) = values.next() else { return Err(ParseError) };
    let mut resources = Vec::new();
    let mut items = items.into_iter();
    while let (Some(name), Some(usage), Some(limit)) = (items.next(), items.next(), items.next()) {
        resources.push(QuotaResource {
            name: name.string().ok_or(ParseError)?,
            usage: usage.number().ok_or(ParseError)?,
            limit: limit.number().ok_or(ParseError)?,
        });
    }
    Ok(Response::Quota(root, resources))
}

fn metadata(values: Vec<Value>) -> Result<Response, ParseError> {
    let mut values = values.into_iter();
    values.next().ok_or(ParseError)?;
    let mut out = Vec::new();
    // An unsolicited METADATA response is a plain list of names that changed; it has no values.
    if let Some(Value::List(items)) = values.next() {
        let mut items = items.into_iter();
        while let (Some(name), Some(value)) = (items.next(), items.next()) {
            out.push((name.string().ok_or(ParseError)?, value.bytes()));
        }
    }
    Ok(Response::Metadata(out))
}

fn id(value: Value) -> Vec<(String, String)> {
    let Value::List(items) = value else { return Vec::new() };
    let mut out = Vec::new();
    let mut items = items.into_iter();
    while let (Some(name), Some(value)) = (items.next(), items.next()) {
        if let (Some(name), Some(value)) = (name.string(), value.string()) {
            out.push((name, value));
        }
    }
    out
}

/// Quotes a string for a command. `None` if it cannot be sent as a quoted string.
pub fn quote(value: &str) -> Option<String> {
    if value.contains(['\r', '\n', '\0']) {
        return None;
    }
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Response {
        Response::parse(&Bytes::copy_from_slice(text.as_bytes())).unwrap()
    }

    #[test]
    fn login_answer_with_capabilities() {
        let Response::Tagged(tag, line) = parse("A0001 OK [CAPABILITY IMAP4rev1 IDLE ID] Logged in\r\n")
        else {
            panic!()
        };
        assert_eq!((tag.as_str(), line.status, line.text.as_str()), ("A0001", Status::Ok, "Logged in"));
        assert_eq!(line.code, Some(Code::Capability(vec!["IMAP4rev1".into(), "IDLE".into(), "ID".into()])));
    }

    #[test]
    fn refused_login_keeps_the_text_of_the_server() {
        let Response::Tagged(_, line) = parse("A0001 NO [AUTHENTICATIONFAILED] Authentication failed.\r\n")
        else {
            panic!()
        };
        assert_eq!(line.text, "[AUTHENTICATIONFAILED] Authentication failed.");
        assert_eq!(
            parse("A1 BAD"),
            Response::Tagged(
                "A1".into(),
                StatusLine { status: Status::Bad, code: None, text: String::new() }
            )
        );
    }

    #[test]
    fn prefetched_headers_in_a_literal() {
        let header =
            "From: <bob@example.org>\r\nContent-Type: multipart/encrypted;\r\n boundary=\"x)\"\r\n\r\n";
        let answer = format!(
            "* 1 FETCH (UID 7 RFC822.SIZE 3005 BODY[HEADER.FIELDS (MESSAGE-ID \"DATE\" FROM)] {{{}}}\r\n{header})\r\n",
            header.len()
        );
        let Response::Fetch(data) = parse(&answer) else { panic!() };
        assert_eq!((data.uid, data.size), (Some(7), Some(3005)));
        assert_eq!(data.body.unwrap(), header);
    }

    #[test]
    fn a_body_ending_in_line_ends_is_complete_even_at_the_end_of_input() {
        let Response::Fetch(data) = parse("* 3 FETCH (FLAGS (\\Seen $x) UID 9 BODY[] {4}\r\na\r\n\n)\r\n")
        else {
            panic!()
        };
        assert!(data.seen && !data.deleted);
        assert_eq!(data.body.unwrap(), "a\r\n\n");
    }

    #[test]
    fn keywords_may_hold_brackets() {
        let Response::Fetch(data) = parse("* 1 FETCH (UID 7 FLAGS (to[do \\Seen x]) BODY[TEXT] \"b\")\r\n")
        else {
            panic!()
        };
        assert_eq!((data.uid, data.seen, data.body.as_deref()), (Some(7), true, Some(&b"b"[..])));
    }

    #[test]
    fn metadata_values_as_quoted_string_literal_and_nil() {
        let Response::Metadata(entries) = parse(
            "* METADATA \"\" (/shared/comment NIL /shared/vendor/x/turn \"a\\\"b\" /shared/admin {3}\r\nx y)\r\n",
        ) else {
            panic!()
        };
        let values: Vec<_> = entries.iter().map(|(_, v)| v.as_deref()).collect();
        assert_eq!(values, [None, Some(&b"a\"b"[..]), Some(&b"x y"[..])]);
    }

    #[test]
    fn quota_and_its_roots() {
        assert_eq!(
            parse("* QUOTAROOT INBOX \"User quota\"\r\n"),
            Response::QuotaRoot(vec!["User quota".into()])
        );
        let resource = QuotaResource { name: "STORAGE".into(), usage: 0, limit: 512_000 };
        assert_eq!(
            parse("* QUOTA \"User quota\" (STORAGE 0 512000)\r\n"),
            Response::Quota("User quota".into(), vec![resource])
        );
    }

    #[test]
    fn select_answers_and_odds() {
        assert_eq!(parse("* 18 EXISTS\r\n"), Response::Exists(18));
        assert_eq!(parse("* 2 EXPUNGE\r\n"), Response::Other);
        assert_eq!(parse("* FLAGS (\\Seen \\*)\r\n"), Response::Other);
        assert_eq!(parse("+ idling\r\n"), Response::Continue);
        assert_eq!(parse("* STATUS \"INBOX\" (UIDNEXT 5)\r\n"), Response::FolderStatus(Some(5)));
        let Response::Status(line) = parse("* OK [UIDVALIDITY 1795469054] UIDs valid\r\n") else { panic!() };
        assert_eq!(line.code, Some(Code::UidValidity(1_795_469_054)));
        assert_eq!(
            parse("* ID (\"name\" \"Dovecot\" \"x\" NIL)\r\n"),
            Response::Id(vec![("name".into(), "Dovecot".into())])
        );
        assert_eq!(parse("* ID NIL"), Response::Id(vec![]));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let deep = format!("* 1 FETCH {}{}\r\n", "(".repeat(100_000), ")".repeat(100_000));
        assert_eq!(Response::parse(&Bytes::from(deep)), Err(ParseError));
    }

    #[test]
    fn quoted_strings_cannot_carry_line_ends() {
        assert_eq!(quote("a\"b\\c").unwrap(), "\"a\\\"b\\\\c\"");
        assert_eq!(quote("a\r\nA2 LOGOUT"), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Response::parse(&Bytes::from(bytes));
        }

        #[test]
        fn garbage_after_a_known_start_never_panics(start in prop::sample::select(vec![
            "* 1 FETCH (", "* METADATA \"\" (", "* QUOTA \"", "A1 OK [", "* ID (", "* STATUS ", "* 1 FETCH (BODY[] {9",
        ]), rest in "[ -~\\r\\n]{0,120}") {
            let _ = Response::parse(&Bytes::from(format!("{start}{rest}")));
        }

        #[test]
        fn any_quoted_value_is_read_back(value in "[ -~]{0,60}") {
            let answer = format!("* METADATA \"\" (/shared/comment {})\r\n", quote(&value).unwrap());
            let Response::Metadata(entries) = Response::parse(&Bytes::from(answer)).unwrap() else { panic!() };
            prop_assert_eq!(entries[0].1.as_deref(), Some(value.as_bytes()));
        }
    }
}
