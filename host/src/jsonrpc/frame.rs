//! One line of JSON-RPC: what a client may write, and how refusals and answers are written back.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The line is not JSON, is no request, or a parameter has the wrong type.
pub(super) const PARSE_ERROR: i32 = -32700;
/// There is no such method, or the request has no id.
pub(super) const METHOD_NOT_FOUND: i32 = -32601;
/// Wrong number of parameters.
pub(super) const INVALID_PARAMS: i32 = -32602;
/// The method failed.
pub(super) const FAILED: i32 = -1;

/// What ties an answer to its request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Id {
    /// A number.
    Number(u32),
    /// A text.
    Text(String),
    /// The request had none that could be read.
    Null,
}

/// A well-formed request.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    pub(super) id: Id,
    pub(super) method: String,
    pub(super) params: Params,
}

/// The parameters as they came.
#[derive(Debug, PartialEq)]
pub(super) enum Params {
    /// By position; missing and `null` count as none.
    List(Vec<Value>),
    /// By name, which no method takes.
    Named,
}

/// Why a line or a call is refused.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct Failure {
    pub(super) code: i32,
    pub(super) message: String,
}

impl Failure {
    pub(super) fn new(code: i32, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    pub(super) fn method_not_found() -> Self {
        Self::new(METHOD_NOT_FOUND, "Method not found")
    }

    fn not_a_request(why: &str) -> Self {
        Self::new(PARSE_ERROR, format!("not a JSON-RPC request: {why}"))
    }
}

/// The members of a request before they are judged. A member that comes twice is an error.
#[derive(Deserialize)]
struct Members {
    #[serde(default, deserialize_with = "given")]
    jsonrpc: Option<Value>,
    #[serde(default)]
    id: Option<Value>,
    #[serde(default)]
    method: Option<Value>,
    #[serde(default)]
    params: Option<Value>,
}

/// Keeps the difference between a missing member and `null`.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads a line without its line end. A refusal comes with the id under which it must be sent.
pub(super) fn parse(line: &[u8]) -> Result<Call, (Id, Failure)> {
    let refuse = |failure| (Id::Null, failure);
    let parse_error = |error: serde_json::Error| (Id::Null, Failure::new(PARSE_ERROR, error.to_string()));
    if first_character(line) != Some(b'{') {
        // Arrays would be taken for the members in order, so only objects get that far.
        serde_json::from_slice::<Value>(line).map_err(parse_error)?;
        return Err(refuse(Failure::not_a_request("expected an object")));
    }
    let members: Members = serde_json::from_slice(line).map_err(parse_error)?;
    if members.jsonrpc.is_some_and(|version| version != "2.0") {
        return Err(refuse(Failure::not_a_request("`jsonrpc` must be \"2.0\"")));
    }
    let id = match members.id {
        None => Id::Null,
        Some(id) => read_id(id).ok_or_else(|| {
            refuse(Failure::not_a_request("`id` must be a text or a number from 0 to 4294967295"))
        })?,
    };
    let method = match members.method {
        Some(Value::String(method)) => method,
        _ => return Err((id, Failure::not_a_request("`method` must be a text"))),
    };
    let params = match members.params {
        None => Params::List(Vec::new()),
        Some(Value::Array(params)) => Params::List(params),
        Some(Value::Object(_)) => Params::Named,
        Some(_) => return Err((id, Failure::not_a_request("`params` must be an array"))),
    };
    if id == Id::Null {
        // A notification; there are none in this direction, so it is not carried out.
        return Err((id, Failure::method_not_found()));
    }
    Ok(Call { id, method, params })
}

fn first_character(line: &[u8]) -> Option<u8> {
    line.iter().copied().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

fn read_id(id: Value) -> Option<Id> {
    match id {
        Value::String(text) => Some(Id::Text(text)),
        Value::Number(number) => number.as_u64()?.try_into().ok().map(Id::Number),
        _ => None,
    }
}

/// Writes an answer with its line end. The order of members is that of the specification, without blanks.
pub(super) fn answer<T: Serialize>(id: &Id, result: &T) -> Vec<u8> {
    #[derive(Serialize)]
    struct Response<'a, T> {
        jsonrpc: &'static str,
        id: &'a Id,
        result: &'a T,
    }
    match serde_json::to_vec(&Response { jsonrpc: "2.0", id, result }) {
        Ok(line) => end_line(line),
        Err(error) => refusal(id, &Failure::new(FAILED, format!("the answer cannot be written: {error}"))),
    }
}

/// Writes a refusal with its line end.
pub(super) fn refusal(id: &Id, failure: &Failure) -> Vec<u8> {
    #[derive(Serialize)]
    struct Response<'a> {
        jsonrpc: &'static str,
        id: &'a Id,
        error: &'a Failure,
    }
    // Texts and numbers always serialise.
    end_line(serde_json::to_vec(&Response { jsonrpc: "2.0", id, error: failure }).unwrap_or_default())
}

fn end_line(mut line: Vec<u8>) -> Vec<u8> {
    line.push(b'\n');
    line
}
