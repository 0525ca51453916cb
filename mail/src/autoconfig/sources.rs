//! Which addresses are asked about a domain, and in which order.

use std::net::IpAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Host;

use super::{Format, host};
use crate::address::Address;

/// The dot stays: some servers echo what they get into the user name without decoding it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.');

/// An address to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where; always `https`.
    pub url: String,
    /// Format of the answer.
    pub format: Format,
    /// Progress to report when it has no answer.
    pub progress: Option<u32>,
    /// It belongs to the domain itself. A directory of others is asked only when the domain has no answer.
    pub is_of_domain: bool,
}

/// The addresses to ask about the servers of `address`; the first that has an answer wins. None if the domain is no
/// name of a host. A bare IP address has no sub-domains and is in no directory.
pub fn sources(address: &Address) -> Vec<Source> {
    use Format::{Mozilla, Outlook};
    let own =
        |url: String, format, progress| Source { url, format, progress: Some(progress), is_of_domain: true };
    let domain = address.domain();
    let Some(host) = host_of(domain) else { return Vec::new() };
    let well_known = own(format!("https://{host}/.well-known/autoconfig/mail/config-v1.1.xml"), Mozilla, 310);
    let outlook = own(format!("https://{host}/autodiscover/autodiscover.xml"), Outlook, 320);
    let Host::Domain(domain) = host else { return vec![well_known, outlook] };
    let addr = utf8_percent_encode(address.as_str(), ESCAPED);
    let mut sources = vec![
        own(format!("https://autoconfig.{domain}/mail/config-v1.1.xml?emailaddress={addr}"), Mozilla, 300),
        well_known,
        outlook,
        own(format!("https://autodiscover.{domain}/autodiscover/autodiscover.xml"), Outlook, 330),
    ];
    // Names that no public server has are nobody else's business.
    if domain.contains('.') && !domain.starts_with('_') {
        sources.push(Source {
            url: format!("https://autoconfig.thunderbird.net/v1.1/{domain}"),
            format: Mozilla,
            progress: None,
            is_of_domain: false,
        });
    }
    sources
}

/// The host of a domain, which may be an address literal (RFC 5321 section 4.1.3).
fn host_of(domain: &str) -> Option<Host> {
    if let Some(literal) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let ip = literal.strip_prefix("ipv6:").unwrap_or(literal);
        return Some(match ip.parse().ok()? {
            IpAddr::V4(ip) => Host::Ipv4(ip),
            IpAddr::V6(ip) => Host::Ipv6(ip),
        });
    }
    host(domain)
}
