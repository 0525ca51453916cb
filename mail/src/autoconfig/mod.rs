//! Finding the servers of a mail domain: which addresses to ask, and how to read the answers.
//!
//! | part | holds |
//! |---|---|
//! | [`sources`] | the addresses to ask, in order |
//! | [`read`] | one answer, in the format of Mozilla (`config-v1.1.xml`) or of Outlook (autodiscover, POX) |
//! | [`FoundServers`] | what was found: hints from which [`crate::login::candidates`] makes the list of servers to try |
//!
//! Answers are hostile until shown otherwise: sizes, nesting, counts and names are bounded, and what is no name of a
//! host is left out.

mod mozilla;
mod outlook;
mod sources;

#[cfg(test)]
mod tests;

pub use sources::{Source, sources};

use std::net::IpAddr;

use url::{Host, Url};

use crate::XmlError;
use crate::address::Address;
use crate::login::{Protocol, ServerHint};
use crate::xml::{self, Limits};

/// Largest answer that is read, in bytes. Real ones have some ten thousand.
pub const MAX_ANSWER: usize = 512 * 1024;
/// Most answers of one source: each redirect of Outlook leads to a further one.
pub const MAX_ANSWERS: usize = 10;
/// Most servers taken from one answer, per protocol.
const MAX_SERVERS: usize = 10;
/// Longest name of a host.
const MAX_NAME: usize = 253;
/// Longest user name.
const MAX_USER: usize = 512;
const LIMITS: Limits = Limits { bytes: MAX_ANSWER, elements: 5_000 };

/// Format of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Autoconfig of Mozilla.
    Mozilla,
    /// Autodiscover of Outlook.
    Outlook,
}

/// Servers of a domain. An empty list means that they have to be guessed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundServers {
    /// IMAP servers.
    pub imap: Vec<ServerHint>,
    /// SMTP servers.
    pub smtp: Vec<ServerHint>,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These are the servers.
    Servers(FoundServers),
    /// Ask this address instead, always an `https` one.
    Redirect(String),
}

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is no XML that can be read.
    #[error("{0}")]
    Xml(#[from] XmlError),
    /// It is another kind of document, such as a web page.
    #[error("the document describes no mail servers")]
    OtherDocument,
    /// It leads to an address that is not asked.
    #[error("the redirect is no https address")]
    BadRedirect,
}

/// Reads an answer about the servers of `address`.
pub fn read(format: Format, answer: &[u8], address: &Address) -> Result<Answer, AnswerError> {
    if answer.len() > MAX_ANSWER {
        return Err(XmlError::TooLarge(MAX_ANSWER).into());
    }
    let text = xml::decode(answer);
    match format {
        Format::Mozilla => mozilla::read(&text, address).map(Answer::Servers),
        Format::Outlook => outlook::read(&text),
    }
}

impl FoundServers {
    fn push(&mut self, protocol: Protocol, hint: ServerHint) {
        let servers = match protocol {
            Protocol::Imap => &mut self.imap,
            Protocol::Smtp => &mut self.smtp,
        };
        if servers.len() < MAX_SERVERS && !servers.contains(&hint) {
            servers.push(hint);
        }
    }
}

/// A name that can be connected to, as the resolver takes it: in ASCII, IP addresses without brackets.
fn host_name(text: &str) -> Option<String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Some(ip.to_string());
    }
    Some(match host(text)? {
        Host::Domain(name) => name,
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    })
}

/// A host as it stands in addresses of the web. The characters of its name have no meaning in them.
fn host(text: &str) -> Option<Host> {
    // What percent signs stand for would be decoded.
    let host = Host::parse(text).ok().filter(|_| !text.contains('%'))?;
    let is_good = |name: &str| {
        name.len() <= MAX_NAME
            && !name.starts_with('.')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match &host {
        Host::Domain(name) if !is_good(name) => None,
        _ => Some(host),
    }
}

/// A user name that can be sent to a server.
fn user_name(text: &str) -> Option<String> {
    (text.len() <= MAX_USER && !text.contains(char::is_control)).then(|| text.to_owned())
}

/// The address of a redirect if it may be followed.
fn redirect(text: &str) -> Result<String, AnswerError> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "https" && url.has_host() => Ok(url.into()),
        _ => Err(AnswerError::BadRedirect),
    }
}
