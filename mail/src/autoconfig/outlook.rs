//! Autodiscover of Outlook, in its plain old XML: `Protocol` elements, or a redirect.

use super::{Answer, AnswerError, FoundServers, LIMITS, host_name, redirect};
use crate::login::{EnteredSecurity, Protocol, ServerHint};
use crate::xml::{self, Attributes, Path, Visitor};

/// Takes every IMAP and SMTP server of a document, in its order; a redirect counts more than all of them. No user name
/// is taken.
pub(super) fn read(text: &str) -> Result<Answer, AnswerError> {
    let mut reader = Reader::default();
    xml::read(text, LIMITS, &mut reader)?;
    if !reader.is_autodiscover {
        return Err(AnswerError::OtherDocument);
    }
    Ok(match reader.redirect {
        Some(url) => Answer::Redirect(redirect(&url)?),
        None => Answer::Servers(reader.found),
    })
}

#[derive(Default)]
struct Reader {
    is_autodiscover: bool,
    redirect: Option<String>,
    /// The protocols that are being read: Exchange puts some into others.
    open: Vec<Entry>,
    found: FoundServers,
}

/// A protocol that is being read. Of repeated elements the first counts.
#[derive(Default)]
struct Entry {
    depth: usize,
    kind: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    is_plain: Option<bool>,
}

impl Visitor for Reader {
    fn open(&mut self, path: &Path<'_>, attributes: &Attributes) {
        if path.depth() == 1 {
            self.is_autodiscover = path.name() == "autodiscover";
        }
        if path.name() == "protocol" {
            let kind = attributes.get("type").map(str::to_owned);
            self.open.push(Entry { depth: path.depth(), kind, ..Entry::default() });
        }
    }

    fn close(&mut self, path: &Path<'_>, text: &str) {
        if path.name() == "redirecturl" && !text.is_empty() {
            self.redirect.get_or_insert(text.to_owned());
        }
        let Some(entry) = self.open.last_mut() else { return };
        if path.depth() == entry.depth {
            if let Some((protocol, hint)) = self.open.pop().and_then(Entry::hint) {
                self.found.push(protocol, hint);
            }
        } else if path.depth() == entry.depth + 1 {
            match path.name() {
                "type" => drop(entry.kind.get_or_insert(text.to_owned())),
                "server" => drop(entry.host.get_or_insert(text.to_owned())),
                "port" => drop(entry.port.get_or_insert(text.parse().unwrap_or(0))),
                "ssl" => drop(entry.is_plain.get_or_insert(text.eq_ignore_ascii_case("off"))),
                _ => {}
            }
        }
    }
}

impl Entry {
    fn hint(self) -> Option<(Protocol, ServerHint)> {
        let protocol = match self.kind?.to_lowercase().as_str() {
            "imap" => Protocol::Imap,
            "smtp" => Protocol::Smtp,
            _ => return None,
        };
        // "on" means TLS of either kind.
        let security = match self.is_plain {
            Some(true) => EnteredSecurity::Plain,
            _ => EnteredSecurity::Automatic,
        };
        let (host, port) = (host_name(&self.host?)?, self.port.unwrap_or(0));
        Some((protocol, ServerHint { host, port, security, user: String::new() }))
    }
}
