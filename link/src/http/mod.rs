//! A small HTTP client: one request a connection, everything bounded, through the proxy of a profile if it has one.
//!
//! It is what autoconfiguration, `get_http_response` and accounts from a web address need, and no more: GET, and POST
//! without a body; no cookies, no compression, no header that tells who asks.

mod client;

#[cfg(test)]
mod tests;

pub use client::fetch;

use std::time::Duration;

use bytes::Bytes;
use url::Url;

use crate::connect::ConnectError;

/// Hosts that want to know which program asks.
const HOSTS_WITH_AGENT: [&str; 2] = ["tile.openstreetmap.org", "vector.openstreetmap.org"];
/// What they are told.
const AGENT: &str = concat!("Volary/", env!("CARGO_PKG_VERSION"));

/// What to ask a server for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Get a document, also from where the server says that it is now.
    Get,
    /// Post nothing. Redirects are not followed.
    Post,
}

/// A request with its limits.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// GET or POST.
    pub method: Method,
    /// The whole address.
    pub url: &'a str,
    /// Certificates are checked.
    pub strict: bool,
    /// Only `https`, also after redirects.
    pub https_only: bool,
    /// Most bytes of an answer.
    pub max_body: usize,
    /// Longest time, redirects included.
    pub deadline: Duration,
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The address that answered, after redirects.
    pub url: String,
    /// The status, as `404 Not Found`.
    pub status: String,
    /// Whether the status means success.
    pub is_success: bool,
    /// Kind of the content, in lower case and without parameters, such as `text/html`.
    pub mime: Option<String>,
    /// Charset of the content, in lower case.
    pub charset: Option<String>,
    /// The content.
    pub body: Bytes,
}

/// Why there is no answer. The texts are shown to users.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is relative.
    #[error("URL has no scheme")]
    NoScheme,
    /// Neither `http` nor `https`.
    #[error("Unknown URL scheme")]
    UnknownScheme,
    /// Only `https` is asked here.
    #[error("the address is not an https one")]
    NotHttps,
    /// The address cannot be read.
    #[error("Invalid URL: {0}")]
    BadUrl(String),
    /// Each answer leads to another address.
    #[error("Followed {0} redirections")]
    TooManyRedirects(usize),
    /// The server has no such document.
    #[error("The server returned a non-successful response code: {0}")]
    Status(String),
    /// The answer is larger than what is accepted.
    #[error("the server sent more than {0} bytes")]
    TooLarge(usize),
    /// The server took too long.
    #[error("timed out")]
    TimedOut,
    /// No connection to the server.
    #[error("{0}")]
    Connect(#[from] ConnectError),
    /// The server does not speak HTTP, or the connection broke.
    #[error("HTTP with {0} failed: {1}")]
    Broken(String, String),
}

impl Response {
    /// The response if its status means success.
    pub fn success(self) -> Result<Self, HttpError> {
        if self.is_success { Ok(self) } else { Err(HttpError::Status(self.status)) }
    }
}

/// Reads an address that a request may go to.
fn parse_url(text: &str, https_only: bool) -> Result<Url, HttpError> {
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => HttpError::NoScheme,
        other => HttpError::BadUrl(other.to_string()),
    })?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if https_only => Err(HttpError::NotHttps),
        "http" => Ok(url),
        _ => Err(HttpError::UnknownScheme),
    }
}

/// An address in the form in which [`Response::url`] has it.
pub fn normalised(url: &str) -> Result<String, HttpError> {
    Ok(parse_url(url, false)?.into())
}

/// Kind and charset of a `Content-Type`, in lower case.
fn content_type(value: &str) -> (Option<String>, Option<String>) {
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_lowercase();
    let is_kind = essence.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
    if !is_kind || essence.contains(char::is_whitespace) {
        return (None, None);
    }
    let charset = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
        let value = value.trim().trim_matches('"').to_lowercase();
        (name.trim().eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    });
    (Some(essence), charset)
}
