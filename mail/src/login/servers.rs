//! From what is known about a server to the list of servers to try.

use super::{Candidate, Endpoint, EnteredSecurity, LoginError, Security};
use crate::address::Address;

/// Protocol spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Receiving.
    Imap,
    /// Sending.
    Smtp,
}

impl Protocol {
    /// Default port with TLS from the first byte.
    pub fn tls_port(self) -> u16 {
        match self {
            Self::Imap => 993,
            Self::Smtp => 465,
        }
    }

    /// Default port with STARTTLS or without encryption.
    pub fn starttls_port(self) -> u16 {
        match self {
            Self::Imap => 143,
            Self::Smtp => 587,
        }
    }

    /// Name in lower case, as used for host name prefixes and ALPN.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Smtp => "smtp",
        }
    }

    /// Name as shown in error texts.
    pub fn label(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Smtp => "SMTP",
        }
    }
}

/// What is known about a server before it is tried. Empty and zero members mean "guess".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHint {
    /// Host name, or empty.
    pub host: String,
    /// Port, or 0.
    pub port: u16,
    /// How the connection is secured.
    pub security: EnteredSecurity,
    /// Login name, or empty.
    pub user: String,
}

/// Checks that an address has a usable form.
pub(super) fn check_address(addr: &str) -> Result<Address, LoginError> {
    let bad = |_| LoginError::BadAddress(addr.chars().take(Address::MAX_LEN).collect());
    Address::parse_exact(addr).map_err(bad)
}

/// Expands hints to the list of servers to try, in the order in which they are tried.
pub fn candidates(
    protocol: Protocol,
    addr: &str,
    hints: &[ServerHint],
) -> Result<Vec<Candidate>, LoginError> {
    let address = check_address(addr)?;
    let domain = address.domain();
    let mut out = Vec::new();
    for hint in hints {
        let user = if hint.user.is_empty() { addr } else { &hint.user };
        for host in hosts(protocol, domain, &hint.host) {
            for (port, security) in ports(protocol, hint.port, hint.security) {
                let connection = Endpoint { host: host.clone(), port, security };
                let candidate = Candidate { connection, user: user.to_string() };
                if !out.contains(&candidate) {
                    out.push(candidate);
                }
            }
        }
    }
    Ok(out)
}

fn hosts(protocol: Protocol, domain: &str, entered: &str) -> Vec<String> {
    if !entered.is_empty() {
        return vec![entered.to_string()];
    }
    // An address literal (RFC 5321 section 4.1.3) has no sub-domains; the bare IP is the only host.
    if let Some(ip) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let ip = ip.strip_prefix("IPv6:").or_else(|| ip.strip_prefix("ipv6:")).unwrap_or(ip);
        return vec![ip.to_string()];
    }
    vec![format!("{}.{domain}", protocol.name()), format!("mail.{domain}"), domain.to_string()]
}

fn ports(protocol: Protocol, port: u16, security: EnteredSecurity) -> Vec<(u16, Security)> {
    let or = |default: u16| if port == 0 { default } else { port };
    match security {
        EnteredSecurity::Automatic => {
            vec![(or(protocol.tls_port()), Security::Tls), (or(protocol.starttls_port()), Security::Starttls)]
        }
        EnteredSecurity::Ssl => vec![(or(protocol.tls_port()), Security::Tls)],
        EnteredSecurity::Starttls => vec![(or(protocol.starttls_port()), Security::Starttls)],
        EnteredSecurity::Plain => vec![(or(protocol.starttls_port()), Security::Plain)],
    }
}
