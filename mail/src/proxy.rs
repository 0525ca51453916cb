//! Proxy addresses: SOCKS5, HTTP CONNECT and Shadowsocks.

use std::{collections::HashMap, fmt};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// The protocol that a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyProtocol {
    /// HTTP CONNECT in clear text.
    Http,
    /// HTTP CONNECT inside TLS.
    Https,
    /// SOCKS 5 (RFC 1928).
    Socks5,
    /// Shadowsocks with an AEAD cipher; user and password are the cipher and its key.
    Shadowsocks,
}

/// Why a text is no address of a proxy. Clients show these texts, so they keep the wording that clients know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProxyUrlError {
    /// There is no host.
    #[error("URL has no host")]
    NoHost,
    /// A scheme that is no proxy protocol.
    #[error("Unknown URL scheme {0:?}")]
    Scheme(String),
    /// A proxy that this engine cannot use.
    #[error("Shadowsocks proxies (ss://) are not supported")]
    NotSpoken,
    /// Something else is malformed.
    #[error("{0}")]
    Malformed(&'static str),
    /// A `t.me/socks` link without server, or with one that is no server name.
    #[error("Bad t.me/socks url: {0}")]
    Telegram(String),
    /// Percent-decoding gave bytes that are not UTF-8.
    #[error("{0}")]
    NotUtf8(#[from] std::str::Utf8Error),
}

/// A proxy to go through.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    /// The address as it was written.
    pub url: String,
    /// The protocol to speak.
    pub protocol: ProxyProtocol,
    /// Host name or IP address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password, decoded. Only present together.
    pub credentials: Option<(String, String)>,
}

/// Passwords stay out of logs.
impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyUrl")
            .field("protocol", &self.protocol)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Names for web schemes under which [`Url`] keeps hosts as written and default ports visible.
const PLAIN_HTTP: &str = "plain-http";
const PLAIN_HTTPS: &str = "plain-https";
/// Port of Shadowsocks addresses without one.
const SHADOWSOCKS_PORT: u16 = 8388;
/// Ciphers of Shadowsocks.
const SHADOWSOCKS_CIPHERS: &[&str] = &[
    "none",
    "plain",
    "aes-128-gcm",
    "aes-256-gcm",
    "chacha20-ietf-poly1305",
    "2022-blake3-aes-128-gcm",
    "2022-blake3-aes-256-gcm",
    "2022-blake3-chacha20-poly1305",
];

fn parse_web(text: &str) -> Option<(ProxyProtocol, Url)> {
    let (protocol, plain) = if let Some(rest) = text.strip_prefix("http://") {
        (ProxyProtocol::Http, format!("{PLAIN_HTTP}://{rest}"))
    } else {
        (ProxyProtocol::Https, format!("{PLAIN_HTTPS}://{}", text.strip_prefix("https://")?))
    };
    Some((protocol, Url::parse(&plain).ok()?))
}

/// Web addresses are proxies if they have an explicit port, and neither path nor query.
pub(crate) fn looks_like_http_proxy(text: &str) -> bool {
    parse_web(text).is_some_and(|(_, url)| {
        url.has_host() && url.port().is_some() && url.path().is_empty() && url.query().is_none()
    })
}

impl ProxyUrl {
    /// Reads a proxy address of any supported protocol, as scanned or as kept in the settings.
    ///
    /// The settings keep one address a line, so that an address with a line end would be several.
    pub fn parse(text: &str) -> Result<Self, ProxyUrlError> {
        if text.contains(char::is_control) {
            return Err(ProxyUrlError::Malformed("Failed to parse proxy URL"));
        }
        if let Some(rest) = text.strip_prefix("ss://") {
            return parse_shadowsocks(text, rest);
        }
        let (protocol, default_port, url) = match parse_web(text) {
            Some((ProxyProtocol::Http, url)) => (ProxyProtocol::Http, 80, url),
            Some((_, url)) => (ProxyProtocol::Https, 443, url),
            None => {
                let url =
                    Url::parse(text).map_err(|_| ProxyUrlError::Malformed("Failed to parse proxy URL"))?;
                if url.scheme() != "socks5" {
                    return Err(ProxyUrlError::Scheme(url.scheme().to_owned()));
                }
                (ProxyProtocol::Socks5, 1080, url)
            }
        };
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        Ok(Self {
            url: text.to_owned(),
            protocol,
            host: url.host_str().filter(|host| !host.is_empty()).ok_or(ProxyUrlError::NoHost)?.to_owned(),
            port: url.port().unwrap_or(default_port),
            credentials: url.password().map(|password| (decode(url.username()), decode(password))),
        })
    }

    /// Shadowsocks addresses can be read, but this engine does not speak the protocol.
    pub fn check_spoken(&self) -> Result<(), ProxyUrlError> {
        match self.protocol {
            ProxyProtocol::Shadowsocks => Err(ProxyUrlError::NotSpoken),
            _ => Ok(()),
        }
    }

    /// The host without the brackets of an IPv6 address.
    pub fn bare_host(&self) -> &str {
        self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(&self.host)
    }

    /// The form that is kept in the settings: port always present, credentials encoded, no path or fragment.
    pub fn normalised(&self) -> String {
        let scheme = match self.protocol {
            ProxyProtocol::Http => "http",
            ProxyProtocol::Https => "https",
            ProxyProtocol::Socks5 => "socks5",
            ProxyProtocol::Shadowsocks => return normalise_shadowsocks(&self.url),
        };
        let user_info = match &self.credentials {
            Some((user, password)) => format!("{}:{}@", encode(user), encode(password)),
            None => String::new(),
        };
        format!("{scheme}://{user_info}{}:{}", self.host, self.port)
    }

    /// Puts this proxy first into a list of addresses, one a line, and removes equal ones further down.
    pub fn put_first(&self, list: &str) -> String {
        let first = self.normalised();
        let rest = list.lines().map(str::trim).filter(|line| !line.is_empty()).filter(|line| {
            Self::parse(line).map_or_else(|_| *line != first, |other| other.normalised() != first)
        });
        std::iter::once(first.as_str()).chain(rest).collect::<Vec<_>>().join("\n")
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Reads `https://t.me/socks?server=…`.
pub(crate) fn parse_telegram(text: &str) -> Result<ProxyUrl, ProxyUrlError> {
    let url = Url::parse(text).map_err(|error| ProxyUrlError::Telegram(error.to_string()))?;
    let params: HashMap<String, String> = url.query_pairs().into_owned().collect();
    let host = params
        .get("server")
        .filter(|server| !server.is_empty())
        .ok_or_else(|| ProxyUrlError::Telegram(format!("{url:?}")))?;
    let port = params.get("port").and_then(|port| port.parse().ok()).unwrap_or(1080);
    let user_info = params.get("pass").map_or_else(String::new, |pass| {
        format!("{}:{}@", encode(params.get("user").map_or("", String::as_str)), encode(pass))
    });
    // The settings keep the address as one text, so the server must be one that can stand there.
    ProxyUrl::parse(&format!("socks5://{user_info}{host}:{port}"))
        .ok()
        .filter(|read| read.host == *host && read.port == port)
        .ok_or_else(|| ProxyUrlError::Telegram(format!("{host:?} is no server name")))
}

/// Base64 of either alphabet is found in the wild, with and without padding.
fn decode_base64(text: &str) -> Option<String> {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let url_safe = GeneralPurpose::new(&alphabet::URL_SAFE, config);
    let standard = GeneralPurpose::new(&alphabet::STANDARD, config);
    let bytes = url_safe.decode(text).or_else(|_| standard.decode(text)).ok()?;
    String::from_utf8(bytes).ok()
}

/// Reads a SIP002 address, or the older form that is base64 as a whole.
fn parse_shadowsocks(text: &str, rest: &str) -> Result<ProxyUrl, ProxyUrlError> {
    let body = rest.split('#').next().unwrap_or_default();
    let (user_info, server) = match body.rsplit_once('@') {
        Some((user_info, server)) if user_info.contains(':') => {
            (percent_decode_str(user_info).decode_utf8()?.into_owned(), server.to_owned())
        }
        Some((user_info, server)) => (
            decode_base64(user_info).ok_or(ProxyUrlError::Malformed("invalid user info"))?,
            server.to_owned(),
        ),
        None if body.is_empty() => return Err(ProxyUrlError::Malformed("missing host")),
        None => {
            let whole = decode_base64(body).ok_or(ProxyUrlError::Malformed("invalid server address"))?;
            let (user_info, server) =
                whole.rsplit_once('@').ok_or(ProxyUrlError::Malformed("invalid server address"))?;
            (user_info.to_owned(), server.to_owned())
        }
    };
    let (cipher, key) = user_info.split_once(':').ok_or(ProxyUrlError::Malformed("invalid user info"))?;
    if !SHADOWSOCKS_CIPHERS.contains(&cipher) {
        return Err(ProxyUrlError::Malformed("unknown encryption method"));
    }
    let server = server.split(['/', '?']).next().unwrap_or_default();
    let (host, port) = split_host_port(server)?;
    Ok(ProxyUrl {
        url: text.to_owned(),
        protocol: ProxyProtocol::Shadowsocks,
        host: host.to_owned(),
        port,
        credentials: Some((cipher.to_owned(), key.to_owned())),
    })
}

fn split_host_port(server: &str) -> Result<(&str, u16), ProxyUrlError> {
    let bad = || ProxyUrlError::Malformed("invalid server address");
    let (host, port) = match server.strip_prefix('[') {
        Some(v6) => {
            let (host, rest) = v6.split_once(']').ok_or_else(bad)?;
            (host, rest.strip_prefix(':'))
        }
        None => server.rsplit_once(':').map_or((server, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(ProxyUrlError::Malformed("missing host"));
    }
    let port = port
        .filter(|port| !port.is_empty())
        .map_or(Ok(SHADOWSOCKS_PORT), |port| port.parse().map_err(|_| bad()))?;
    Ok((host, port))
}

/// Padding of the user info does not distinguish addresses.
fn normalise_shadowsocks(url: &str) -> String {
    match url.split_once('@') {
        Some((user_info, rest)) => format!("{}@{rest}", user_info.trim_end_matches('=')),
        None => url.to_owned(),
    }
}
