//! Autoconfig of Mozilla: `clientConfig` with `incomingServer` and `outgoingServer`.

use super::{AnswerError, FoundServers, LIMITS, host_name, user_name};
use crate::address::Address;
use crate::login::{EnteredSecurity, Protocol, ServerHint};
use crate::xml::{self, Attributes, Path, Visitor};

/// Longest text in which placeholders are replaced.
const MAX_TEMPLATE: usize = 512;

/// Takes every IMAP and SMTP server of a document, in its order. Those of other protocols, and those that lack a name,
/// port or user, are left out.
pub(super) fn read(text: &str, address: &Address) -> Result<FoundServers, AnswerError> {
    let mut reader = Reader { address, is_config: false, server: None, found: FoundServers::default() };
    xml::read(text, LIMITS, &mut reader)?;
    if reader.is_config { Ok(reader.found) } else { Err(AnswerError::OtherDocument) }
}

struct Reader<'a> {
    address: &'a Address,
    is_config: bool,
    server: Option<Server>,
    found: FoundServers,
}

/// A server that is being read. Of repeated elements the first counts.
struct Server {
    protocol: Protocol,
    depth: usize,
    host: Option<String>,
    port: Option<u16>,
    user: Option<String>,
    security: Option<EnteredSecurity>,
}

impl Visitor for Reader<'_> {
    fn open(&mut self, path: &Path<'_>, attributes: &Attributes) {
        if path.depth() == 1 {
            self.is_config = path.name() == "clientconfig";
        }
        let kind = attributes.get("type").unwrap_or_default().to_lowercase();
        let protocol = match (path.name(), kind.as_str()) {
            ("incomingserver", "imap") => Protocol::Imap,
            ("outgoingserver", "smtp") => Protocol::Smtp,
            _ => return,
        };
        if self.server.is_none() {
            let depth = path.depth();
            self.server =
                Some(Server { protocol, depth, host: None, port: None, user: None, security: None });
        }
    }

    fn close(&mut self, path: &Path<'_>, text: &str) {
        let Some(server) = &mut self.server else { return };
        if path.depth() == server.depth {
            let hint = self.server.take().and_then(|server| server.hint(self.address));
            if let Some((protocol, hint)) = hint {
                self.found.push(protocol, hint);
            }
        } else if path.depth() == server.depth + 1 {
            match path.name() {
                "hostname" => set(&mut server.host, text.to_owned()),
                "port" => set(&mut server.port, text.parse().unwrap_or(0)),
                "username" => set(&mut server.user, text.to_owned()),
                "sockettype" => set(&mut server.security, security(text)),
                _ => {}
            }
        }
    }
}

fn set<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

fn security(text: &str) -> EnteredSecurity {
    match text.to_lowercase().as_str() {
        "ssl" => EnteredSecurity::Ssl,
        "starttls" => EnteredSecurity::Starttls,
        "plain" => EnteredSecurity::Plain,
        _ => EnteredSecurity::Automatic,
    }
}

impl Server {
    fn hint(self, address: &Address) -> Option<(Protocol, ServerHint)> {
        let hint = ServerHint {
            host: host_name(&filled(&self.host?, address)?)?,
            port: self.port?,
            user: user_name(&filled(&self.user?, address)?)?,
            security: self.security.unwrap_or_default(),
        };
        Some((self.protocol, hint))
    }
}

/// Replaces the placeholders of a text, once: what comes from the address is not looked at again.
fn filled(text: &str, address: &Address) -> Option<String> {
    if text.len() > MAX_TEMPLATE {
        return None;
    }
    let whole = address.as_str();
    let domain = address.domain();
    let local = whole.strip_suffix(domain).and_then(|rest| rest.strip_suffix('@')).unwrap_or(whole);
    let values = [("%EMAILADDRESS%", whole), ("%EMAILLOCALPART%", local), ("%EMAILDOMAIN%", domain)];
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match values.iter().find(|(name, _)| rest.starts_with(name)) {
            Some((name, value)) => {
                out.push_str(value);
                rest = &rest[name.len()..];
            }
            None => {
                out.push('%');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    Some(out)
}
