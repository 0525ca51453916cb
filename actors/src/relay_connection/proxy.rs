//! Tunnels through a proxy: HTTP CONNECT (RFC 9110 section 9.3.6), plain or over TLS, and SOCKS5 (RFC 1928, 1929).

use std::{fmt, net::SocketAddr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    connect::{Network, tcp_connect, unix_now},
    login::Protocol,
    tls::TlsMode,
    wire::{BoxedStream, IO_TIMEOUT},
};

/// Longest answer of an HTTP proxy.
const MAX_HTTP_ANSWER: usize = 4096;
/// Longest part of a proxy URL.
const MAX_PART: usize = 255;

/// Why a proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The URL has no usable form.
    #[error("Failed to parse proxy URL: {0}")]
    BadUrl(&'static str),
    /// The scheme is not known.
    #[error("Unknown URL scheme {0:?}")]
    UnknownScheme(String),
    /// The proxy cannot be reached.
    #[error("Failed to connect to the proxy: {0}")]
    Unreachable(String),
    /// The proxy wants a user and a password.
    #[error("Proxy Authentication Required")]
    AuthenticationRequired,
    /// The proxy refuses.
    #[error("Failed to establish HTTP CONNECT tunnel: {0}")]
    Refused(String),
    /// The proxy refuses, or does not speak SOCKS5.
    #[error("SOCKS5 proxy: {0}")]
    Socks(&'static str),
    /// The connection broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Kind of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyScheme {
    /// HTTP CONNECT.
    Http,
    /// HTTP CONNECT over TLS.
    Https,
    /// SOCKS5.
    Socks5,
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl {
    /// Kind.
    pub scheme: ProxyScheme,
    /// Host name or IP literal without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User and password, if there is a password.
    pub login: Option<(String, String)>,
}

/// Prints without user and password.
impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}:{}", self.scheme, self.host, self.port)
    }
}

/// The normalised form: the port always present, user and password percent-encoded.
impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 => "socks5",
        };
        write!(f, "{scheme}://")?;
        if let Some((user, password)) = &self.login {
            let encode = |part| utf8_percent_encode(part, NON_ALPHANUMERIC);
            write!(f, "{}:{}@", encode(user), encode(password))?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl ProxyUrl {
    /// Reads a URL.
    pub fn parse(url: &str) -> Result<Self, ProxyError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(ProxyError::BadUrl("no scheme"))?;
        let (scheme, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyScheme::Http, 80),
            "https" => (ProxyScheme::Https, 443),
            "socks5" => (ProxyScheme::Socks5, 1080),
            other => return Err(ProxyError::UnknownScheme(other.to_string())),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (login, address) = match authority.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, authority),
        };
        let login = match login.and_then(|login| login.split_once(':')) {
            Some((user, password)) => Some((decode(user)?, decode(password)?)),
            None => None,
        };
        let (host, port) = split_port(address)?;
        let port = match port {
            Some(port) => port.parse().map_err(|_| ProxyError::BadUrl("bad port"))?,
            None => default_port,
        };
        if host.is_empty()
            || host.len() > MAX_PART
            || host.contains(|c: char| c.is_whitespace() || c.is_control())
        {
            return Err(ProxyError::BadUrl("bad host"));
        }
        Ok(Self { scheme, host: host.to_string(), port, login })
    }

    /// Opens a tunnel to `host`, whose name the proxy resolves.
    pub async fn connect(&self, network: &Network, host: &str, port: u16) -> Result<BoxedStream, ProxyError> {
        if host.len() > MAX_PART || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(ProxyError::BadUrl("bad target host"));
        }
        let mut stream = self.reach(network).await?;
        if self.scheme == ProxyScheme::Https {
            let mode = TlsMode { strict: true, sni: true, alpn: None };
            stream = network.tls().handshake(&self.host, mode, stream).await?;
        }
        let tunnel = async {
            match self.scheme {
                ProxyScheme::Socks5 => self.socks5(&mut stream, host, port).await,
                _ => self.http_connect(&mut stream, host, port).await,
            }
        };
        timeout(IO_TIMEOUT, tunnel)
            .await
            .map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
        Ok(stream)
    }

    async fn reach(&self, network: &Network) -> Result<BoxedStream, ProxyError> {
        let strict = self.scheme == ProxyScheme::Https;
        let ips =
            network.resolver().addresses(&self.host, self.port, Protocol::Imap, strict, unix_now()).await;
        let mut errors = Vec::new();
        for ip in ips {
            match tcp_connect(SocketAddr::new(ip, self.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => errors.push(error.to_string()),
            }
        }
        if errors.is_empty() {
            errors.push(format!("no address for {}", self.host));
        }
        Err(ProxyError::Unreachable(errors.join("; ")))
    }

    async fn http_connect(&self, stream: &mut BoxedStream, host: &str, port: u16) -> Result<(), ProxyError> {
        let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
        if let Some((user, password)) = &self.login {
            let token = STANDARD.encode(format!("{user}:{password}"));
            request.push_str(&format!("Proxy-Authorization: Basic {token}\r\n"));
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let mut answer = Vec::new();
        // Byte by byte: what follows the empty line belongs to the tunnel.
        while !answer.ends_with(b"\r\n\r\n") {
            if answer.len() >= MAX_HTTP_ANSWER {
                return Err(ProxyError::Refused("answer too long".to_string()));
            }
            answer.push(stream.read_u8().await?);
        }
        check_http_answer(&answer)
    }

    async fn socks5(&self, stream: &mut BoxedStream, host: &str, port: u16) -> Result<(), ProxyError> {
        let hello: &[u8] = if self.login.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
        stream.write_all(hello).await?;
        stream.flush().await?;
        let mut choice = [0; 2];
        stream.read_exact(&mut choice).await?;
        match (choice, &self.login) {
            ([5, 0], _) => {}
            ([5, 2], Some((user, password))) => {
                let (user, password) = (short(user)?, short(password)?);
                let message = [&[1, user.0][..], user.1, &[password.0], password.1].concat();
                stream.write_all(&message).await?;
                stream.flush().await?;
                let mut result = [0; 2];
                stream.read_exact(&mut result).await?;
                if result[1] != 0 {
                    return Err(ProxyError::Socks("wrong user or password"));
                }
            }
            _ => return Err(ProxyError::Socks("no common way to log in")),
        }
        let name = short(host)?;
        let request = [&[5, 1, 0, 3, name.0][..], name.1, &port.to_be_bytes()].concat();
        stream.write_all(&request).await?;
        stream.flush().await?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await?;
        if answer[0] != 5 || answer[1] != 0 {
            return Err(ProxyError::Socks("connection refused"));
        }
        let address_len = match answer[3] {
            1 => 4,
            3 => usize::from(stream.read_u8().await?),
            4 => 16,
            _ => return Err(ProxyError::Socks("unknown kind of address")),
        };
        let mut rest = vec![0; address_len + 2];
        stream.read_exact(&mut rest).await?;
        Ok(())
    }
}

fn split_port(address: &str) -> Result<(&str, Option<&str>), ProxyError> {
    if let Some(rest) = address.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or(ProxyError::BadUrl("bad host"))?;
        return Ok((host, after.strip_prefix(':').filter(|port| !port.is_empty())));
    }
    Ok(match address.rsplit_once(':') {
        Some((host, port)) => (host, Some(port).filter(|port| !port.is_empty())),
        None => (address, None),
    })
}

fn decode(part: &str) -> Result<String, ProxyError> {
    let decoded =
        percent_decode_str(part).decode_utf8().map_err(|_| ProxyError::BadUrl("bad user or password"))?;
    if decoded.len() > MAX_PART {
        Err(ProxyError::BadUrl("user or password too long"))
    } else {
        Ok(decoded.into_owned())
    }
}

fn short(text: &str) -> Result<(u8, &[u8]), ProxyError> {
    let len = u8::try_from(text.len()).map_err(|_| ProxyError::Socks("name too long"))?;
    Ok((len, text.as_bytes()))
}

fn check_http_answer(answer: &[u8]) -> Result<(), ProxyError> {
    let line = answer.split(|&b| b == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line).into_owned();
    let mut words = line.split(' ');
    let status = words.next().filter(|version| version.starts_with("HTTP/")).and(words.next());
    match status {
        Some(code) if code.len() == 3 && code.starts_with('2') => Ok(()),
        Some("407") => Err(ProxyError::AuthenticationRequired),
        _ => Err(ProxyError::Refused(line)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_normalised() {
        for (url, normal) in [
            ("http://proxy.example.org", "http://proxy.example.org:80"),
            ("https://a%40b:p%3Aw@proxy.example.org/", "https://a%40b:p%3Aw@proxy.example.org:443"),
            ("SOCKS5://[2001:db8::1]:9050", "socks5://[2001:db8::1]:9050"),
        ] {
            assert_eq!(ProxyUrl::parse(url).unwrap().to_string(), normal);
        }
        assert!(matches!(ProxyUrl::parse("gopher://x"), Err(ProxyError::UnknownScheme(_))));
        for bad in ["proxy", "http://", "http://h:99999", "http://a b"] {
            assert!(ProxyUrl::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_are_not_printed() {
        let proxy = ProxyUrl::parse("http://u:secret@h").unwrap();
        assert!(!format!("{proxy:?}").contains("secret"));
    }

    #[test]
    fn answers_of_http_proxies() {
        assert!(check_http_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_ok());
        assert!(matches!(
            check_http_answer(b"HTTP/1.0 407 x\r\n\r\n"),
            Err(ProxyError::AuthenticationRequired)
        ));
        assert!(matches!(check_http_answer(b"SSH-2.0\r\n\r\n"), Err(ProxyError::Refused(_))));
    }

    #[tokio::test]
    async fn socks5_sends_the_name_and_leaves_the_tunnel_clean() {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        let proxy = ProxyUrl::parse("socks5://u:p@h").unwrap();
        let server = tokio::spawn(async move {
            let mut hello = [0; 4];
            theirs.read_exact(&mut hello).await.unwrap();
            assert_eq!(hello, [5, 2, 0, 2]);
            theirs.write_all(&[5, 2]).await.unwrap();
            let mut login = [0; 5];
            theirs.read_exact(&mut login).await.unwrap();
            assert_eq!(login, [1, 1, b'u', 1, b'p']);
            theirs.write_all(&[1, 0]).await.unwrap();
            let mut request = [0; 10];
            theirs.read_exact(&mut request).await.unwrap();
            assert_eq!(request, [5, 1, 0, 3, 3, b'a', b'.', b'b', 3, 225]);
            theirs.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0, b'!']).await.unwrap();
            theirs
        });
        let mut stream: BoxedStream = Box::new(ours);
        proxy.socks5(&mut stream, "a.b", 993).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'!');
        server.await.unwrap();
    }
}
