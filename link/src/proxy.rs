//! Tunnels through a proxy: HTTP CONNECT (RFC 9110 section 9.3.6), plain or over TLS, and SOCKS5 (RFC 1928, 1929).

use std::net::SocketAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use volary_mail::{
    login::Protocol,
    proxy::{ProxyProtocol, ProxyUrl, ProxyUrlError},
};

use super::{
    connect::{Network, tcp_connect, unix_now},
    tls::TlsMode,
    wire::{BoxedStream, IO_TIMEOUT},
};

/// Longest answer of an HTTP proxy.
const MAX_HTTP_ANSWER: usize = 4096;
/// Longest name of a host (and of what SOCKS5 takes as a string).
const MAX_PART: usize = 255;

/// Why a proxy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// The name of the host to reach cannot be passed to a proxy.
    #[error("bad target host")]
    BadTarget,
    /// The protocol of the proxy is not spoken.
    #[error("{0}")]
    Unsupported(#[from] ProxyUrlError),
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

/// Opens a tunnel to `host`, whose name the proxy resolves.
pub(crate) async fn tunnel(
    proxy: &ProxyUrl,
    network: &Network,
    host: &str,
    port: u16,
) -> Result<BoxedStream, ProxyError> {
    if host.len() > MAX_PART || host.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(ProxyError::BadTarget);
    }
    proxy.check_spoken()?;
    let mut stream = reach(proxy, network).await?;
    if proxy.protocol == ProxyProtocol::Https {
        let mode = TlsMode { strict: true, sni: true, alpn: None };
        stream = network.tls().handshake(proxy.bare_host(), mode, stream).await?;
    }
    let tunnel = async {
        match proxy.protocol {
            ProxyProtocol::Socks5 => socks5(proxy, &mut stream, host, port).await,
            _ => http_connect(proxy, &mut stream, host, port).await,
        }
    };
    timeout(IO_TIMEOUT, tunnel).await.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
    Ok(stream)
}

async fn reach(proxy: &ProxyUrl, network: &Network) -> Result<BoxedStream, ProxyError> {
    let strict = proxy.protocol == ProxyProtocol::Https;
    let ips =
        network.resolver().addresses(proxy.bare_host(), proxy.port, Protocol::Imap, strict, unix_now()).await;
    let mut errors = Vec::new();
    for ip in ips {
        match tcp_connect(SocketAddr::new(ip, proxy.port)).await {
            Ok(stream) => return Ok(stream),
            Err(error) => errors.push(error.to_string()),
        }
    }
    if errors.is_empty() {
        errors.push(format!("no address for {}", proxy.bare_host()));
    }
    Err(ProxyError::Unreachable(errors.join("; ")))
}

async fn http_connect(
    proxy: &ProxyUrl,
    stream: &mut BoxedStream,
    host: &str,
    port: u16,
) -> Result<(), ProxyError> {
    let target = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some((user, password)) = &proxy.credentials {
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

async fn socks5(proxy: &ProxyUrl, stream: &mut BoxedStream, host: &str, port: u16) -> Result<(), ProxyError> {
    let hello: &[u8] = if proxy.credentials.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(hello).await?;
    stream.flush().await?;
    let mut choice = [0; 2];
    stream.read_exact(&mut choice).await?;
    match (choice, &proxy.credentials) {
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
        super::socks5(&proxy, &mut stream, "a.b", 993).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'!');
        server.await.unwrap();
    }
}
