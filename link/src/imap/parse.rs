//! Parser for the IMAP responses that a chat client meets (RFC 3501 section 7, RFC 2087, 2971, 5464). Pure.
//!
//! Works on one complete response whose literals are contained (see [`super::session`]). Unknown responses are
//! [`Response::Other`], never an error; nesting is bounded, all work is linear, large values are slices of the input.

use bytes::Bytes;

/// Deepest nesting of parentheses. Responses that are used need three levels.
const MAX_DEPTH: usize = 8;

/// How deep the names of the items of a mail are nested.
const ITEM_DEPTH: usize = 1;

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
    /// `INTERNALDATE`, Unix seconds; one that cannot be read counts as missing.
    pub arrived: Option<i64>,
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

    /// Atom in a wide sense: up to a space, a parenthesis or a quote.
    fn atom(&mut self) -> Result<Bytes, ParseError> {
        let start = self.pos;
        self.skip_atom();
        if self.pos == start { Err(ParseError) } else { Ok(self.input.slice(start..self.pos)) }
    }

    fn skip_atom(&mut self) {
        while self.peek().is_some_and(|b| !matches!(b, b'\r' | b'\n' | b' ' | b'(' | b')' | b'"' | b'{')) {
            self.pos += 1;
        }
    }

    /// Name of an item of a mail. The section of a body in brackets belongs to it; elsewhere, as in keywords, a bracket
    /// is a character like any other.
    fn item(&mut self) -> Result<Bytes, ParseError> {
        let start = self.pos;
        if self.rest().get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"BODY[")) {
            let section =
                self.rest().iter().position(|b| matches!(b, b']' | b'\r' | b'\n')).ok_or(ParseError)?;
            self.pos += section;
        }
        self.skip_atom();
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
            _ if depth == ITEM_DEPTH => self.item().map(Value::Atom),
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
            b"INTERNALDATE" => data.arrived = value.string().as_deref().and_then(date_time),
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

/// `date-time` of RFC 9051 §9: `17-Jul-1996 02:44:25 -0700`, the day padded with a space or not.
fn date_time(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_str(text.trim(), "%d-%b-%Y %H:%M:%S %z").ok().map(|time| time.timestamp())
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
mod tests;
