//! Answers, and bodies of requests.

use std::convert::Infallible;
use std::io;

use futures::stream::unfold;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Body, Bytes, Frame};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;
use tokio::sync::mpsc;

use super::policy;

/// The body of an answer.
pub type Content = UnsyncBoxBody<Bytes, io::Error>;
/// An answer.
pub type Reply = Response<Content>;

fn whole(bytes: impl Into<Bytes>) -> Content {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

fn with(status: StatusCode, kind: &'static str, content: Content) -> Reply {
    let mut reply = Response::new(content);
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in policy::ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    reply
}

/// Bytes of some type.
pub fn bytes(kind: &'static str, content: impl Into<Bytes>) -> Reply {
    with(StatusCode::OK, kind, whole(content))
}

/// A short text for people.
pub fn text(status: StatusCode, content: impl Into<String>) -> Reply {
    with(status, "text/plain; charset=utf-8", whole(content.into()))
}

/// A value as JSON.
pub fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(content) => bytes("application/json", content),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// Nothing but success.
pub fn done() -> Reply {
    with(StatusCode::NO_CONTENT, "text/plain", whole(Bytes::new()))
}

/// Content that comes in pieces, of a known length.
pub fn pieces(kind: &'static str, length: u64, pieces: mpsc::Receiver<io::Result<Bytes>>) -> Reply {
    let mut reply = stream(kind, pieces);
    reply.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    reply
}

/// Content that comes in pieces for as long as somebody has some.
pub fn stream(kind: &'static str, pieces: mpsc::Receiver<io::Result<Bytes>>) -> Reply {
    let frames = unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece.map(Frame::data), pieces))
    });
    with(StatusCode::OK, kind, StreamBody::new(frames).boxed_unsync())
}

/// Adds a policy.
pub fn under(mut reply: Reply, policy: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(policy) {
        reply.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
    }
    reply
}

/// The body of a request of at most `limit` bytes; `None` if it is longer or does not come.
pub async fn body<B>(body: B, limit: usize) -> Option<Bytes>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Limited::new(body, limit).collect().await.ok().map(|collected| collected.to_bytes())
}
