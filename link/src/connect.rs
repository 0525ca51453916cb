//! Connections to servers: addresses in parallel, TLS, and the process-wide facts they share.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt, stream::FuturesUnordered};
use parking_lot::RwLock;
use tokio::{net::TcpStream, time::timeout};

use volary_mail::{
    login::{Candidate, Endpoint, Protocol, Security},
    proxy::ProxyUrl,
};

use super::{
    imap::{ImapError, ImapSession, ServerInfo},
    pacer::Pacer,
    proxy::{self, ProxyError},
    resolve::{Resolver, Route, Success, make_room},
    smtp::{SmtpError, SmtpSession},
    tls::{TlsMode, TlsSetup},
    wire::BoxedStream,
};

/// Longest time for the TCP handshake and for the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);
/// When further addresses are tried though an earlier attempt is still running.
const STAGGER: [Duration; 4] =
    [Duration::from_millis(300), Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(10)];
/// Most hosts whose facts are kept.
const MAX_SERVER_INFOS: usize = 10_000;

/// Why no connection could be made. The texts are shown to users.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host name has no address.
    #[error("Could not find DNS resolutions for {host}:{port}. Check server hostname and your network")]
    NoAddress {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
    },
    /// Every address failed.
    #[error("All connection attempts failed: {}", .0.join("; "))]
    AllFailed(Vec<String>),
    /// The tunnel through the proxy failed.
    #[error("{0}")]
    Proxy(#[from] ProxyError),
    /// The transport has no server to try.
    #[error("No server to connect to")]
    NoCandidate,
}

/// One address failed.
#[derive(Debug, thiserror::Error)]
enum AttemptError {
    #[error("Connection to {0} failed: {1}")]
    Tcp(SocketAddr, io::Error),
    #[error("Connection to {0} failed: timed out")]
    Timeout(SocketAddr),
    #[error("TLS with {0} failed: {1}")]
    Tls(String, io::Error),
    #[error("{0}")]
    Imap(#[from] ImapError),
    #[error("{0}")]
    Smtp(#[from] SmtpError),
    #[error("{0}")]
    Proxy(#[from] ProxyError),
}

/// What all connections of a process share.
#[derive(Debug)]
pub struct Network {
    tls: TlsSetup,
    resolver: Arc<Resolver>,
    pacer: Pacer,
    servers: RwLock<std::collections::HashMap<String, Arc<ServerInfo>>>,
}

/// A session of either protocol, before the login.
trait Session: Sized {
    const PROTOCOL: Protocol;
    async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, AttemptError>;
    async fn starttls(self) -> Result<BoxedStream, AttemptError>;
}

impl Session for ImapSession {
    const PROTOCOL: Protocol = Protocol::Imap;
    async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, AttemptError> {
        Ok(Self::open(stream, expect_greeting).await?)
    }
    async fn starttls(self) -> Result<BoxedStream, AttemptError> {
        Ok(self.starttls().await?)
    }
}

impl Session for SmtpSession {
    const PROTOCOL: Protocol = Protocol::Smtp;
    async fn open(stream: BoxedStream, expect_greeting: bool) -> Result<Self, AttemptError> {
        Ok(Self::open(stream, expect_greeting).await?)
    }
    async fn starttls(self) -> Result<BoxedStream, AttemptError> {
        Ok(self.starttls().await?)
    }
}

impl Network {
    /// A network with these TLS rules and this budget.
    pub fn new(tls: TlsSetup, pacer: Pacer) -> Arc<Self> {
        Arc::new(Self { tls, resolver: Arc::default(), pacer, servers: RwLock::default() })
    }

    /// A network with built-in roots and the default budget.
    pub fn with_defaults() -> Result<Arc<Self>, rustls::Error> {
        Ok(Self::new(TlsSetup::new()?, Pacer::default()))
    }

    /// TLS configurations and remembered keys.
    pub fn tls(&self) -> &TlsSetup {
        &self.tls
    }

    /// Resolver and connection history.
    pub fn resolver(&self) -> &Arc<Resolver> {
        &self.resolver
    }

    /// Budget for handshakes.
    pub fn pacer(&self) -> &Pacer {
        &self.pacer
    }

    /// The network changed, so names may have other addresses now. To be called once, before the connections are notified.
    pub fn changed(&self) {
        self.resolver.forget_lookups();
    }

    /// What a host reported about itself.
    pub fn server_info(&self, host: &str) -> Option<Arc<ServerInfo>> {
        self.servers.read().get(host).cloned()
    }

    /// Keeps what a host reported about itself.
    pub fn remember_server(&self, host: &str, info: Arc<ServerInfo>) {
        let mut servers = self.servers.write();
        if servers.len() >= MAX_SERVER_INFOS && !servers.contains_key(host) {
            make_room(&mut servers);
        }
        servers.insert(host.to_string(), info);
    }

    /// Connects to an IMAP server, up to the greeting.
    pub async fn connect_imap(&self, endpoint: &Endpoint, how: &Manner) -> Result<ImapSession, ConnectError> {
        self.connect(endpoint, how).await
    }

    /// Connects to an SMTP server, up to the greeting.
    pub async fn connect_smtp(&self, endpoint: &Endpoint, how: &Manner) -> Result<SmtpSession, ConnectError> {
        self.connect(endpoint, how).await
    }

    /// Candidates in the order in which they are tried.
    pub fn order(&self, protocol: Protocol, candidates: &[Candidate]) -> Vec<Candidate> {
        if candidates.len() < 2 {
            return candidates.to_vec();
        }
        self.resolver.by_experience(protocol, candidates)
    }

    async fn connect<S: Session>(&self, endpoint: &Endpoint, how: &Manner) -> Result<S, ConnectError> {
        if let Some(proxy) = &how.proxy {
            let stream = proxy::tunnel(proxy, self, &endpoint.host, endpoint.port).await?;
            return self
                .secure(endpoint, how, stream)
                .await
                .map_err(|error| ConnectError::AllFailed(vec![error.to_string()]));
        }
        let Endpoint { host, port, .. } = endpoint;
        let addresses = self.resolver.addresses(host, *port, S::PROTOCOL, how.strict, unix_now()).await;
        if addresses.is_empty() {
            return Err(ConnectError::NoAddress { host: host.clone(), port: *port });
        }
        let attempt = |ip: IpAddr| async move {
            let address = SocketAddr::new(ip, *port);
            let stream = tcp_connect(address).await?;
            let session = self.secure(endpoint, how, stream).await?;
            Ok::<_, AttemptError>((session, ip))
        };
        let (session, ip) = first_success(addresses, attempt).await.map_err(ConnectError::AllFailed)?;
        self.resolver.remember(
            Route { host: host.clone(), port: *port, protocol: S::PROTOCOL, ip },
            Success { at: unix_now(), strict: how.strict && endpoint.security != Security::Plain },
        );
        Ok(session)
    }

    async fn secure<S: Session>(
        &self,
        endpoint: &Endpoint,
        how: &Manner,
        stream: BoxedStream,
    ) -> Result<S, AttemptError> {
        let host = endpoint.host.as_str();
        match endpoint.security {
            Security::Plain => S::open(stream, true).await,
            Security::Tls => {
                let alpn = (endpoint.port != S::PROTOCOL.tls_port()).then_some(S::PROTOCOL);
                let stream =
                    self.handshake(host, TlsMode { strict: how.strict, sni: true, alpn }, stream).await?;
                S::open(stream, true).await
            }
            Security::Starttls => {
                let stream = S::open(stream, true).await?.starttls().await?;
                let mode = TlsMode { strict: how.strict, sni: false, alpn: None };
                let stream = self.handshake(host, mode, stream).await?;
                S::open(stream, false).await
            }
        }
    }

    async fn handshake(
        &self,
        host: &str,
        mode: TlsMode,
        stream: BoxedStream,
    ) -> Result<BoxedStream, AttemptError> {
        // Boxed: the handshake needs memory only while it runs, not in every waiting connection.
        let handshake = Box::pin(self.tls.handshake(host, mode, stream));
        match timeout(CONNECT_TIMEOUT, handshake).await {
            Ok(result) => result.map_err(|error| AttemptError::Tls(host.to_string(), error)),
            Err(_) => Err(AttemptError::Tls(host.to_string(), io::ErrorKind::TimedOut.into())),
        }
    }
}

/// How the connections of a transport are made.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Certificates are checked.
    pub strict: bool,
    /// Everything goes through this proxy.
    pub proxy: Option<Arc<ProxyUrl>>,
}

pub(super) async fn tcp_connect(address: SocketAddr) -> Result<BoxedStream, TcpError> {
    match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => {
            stream.set_nodelay(true).map_err(|error| TcpError::Failed(address, error))?;
            Ok(Box::new(stream))
        }
        Ok(Err(error)) => Err(TcpError::Failed(address, error)),
        Err(_) => Err(TcpError::Timeout(address)),
    }
}

/// A TCP connection could not be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum TcpError {
    #[error("Connection to {0} failed: {1}")]
    Failed(SocketAddr, io::Error),
    #[error("Connection to {0} failed: timed out")]
    Timeout(SocketAddr),
}

impl From<TcpError> for AttemptError {
    fn from(error: TcpError) -> Self {
        match error {
            TcpError::Failed(address, error) => Self::Tcp(address, error),
            TcpError::Timeout(address) => Self::Timeout(address),
        }
    }
}

/// Tries inputs one after the other, not waiting long for a slow one; the first success wins, all others are dropped.
pub(super) async fn first_success<I, T, E, F>(
    inputs: Vec<I>,
    attempt: impl Fn(I) -> F,
) -> Result<T, Vec<String>>
where
    E: std::fmt::Display,
    F: Future<Output = Result<T, E>>,
{
    let mut inputs = inputs.into_iter();
    let mut errors = Vec::new();
    let mut running = FuturesUnordered::new();
    running.extend(inputs.next().map(&attempt));
    let start = tokio::time::Instant::now();
    let mut stagger = STAGGER.iter();
    let mut next_start = stagger.next();
    loop {
        let more = inputs.len() > 0 && next_start.is_some();
        let timer = tokio::time::sleep_until(start + next_start.copied().unwrap_or_default());
        tokio::select! {
            finished = running.next() => match finished {
                Some(Ok(success)) => return Ok(success),
                Some(Err(error)) => {
                    errors.push(error.to_string());
                    running.extend(inputs.next().map(&attempt));
                }
                None => return Err(errors),
            },
            () = timer, if more => {
                next_start = stagger.next();
                running.extend(inputs.next().map(&attempt));
            }
        }
    }
}

/// Seconds since 1970.
pub fn unix_now() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_slow_address_does_not_hold_up_the_next() {
        let begin = tokio::time::Instant::now();
        let won = first_success(vec![1, 2, 3], |n| async move {
            match n {
                1 => tokio::time::sleep(Duration::from_secs(50)).await,
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
            if n == 2 { Err("refused") } else { Ok(n) }
        })
        .await;
        assert_eq!(won.unwrap(), 3);
        assert_eq!(begin.elapsed(), Duration::from_millis(500));
    }

    #[tokio::test(start_paused = true)]
    async fn all_errors_are_told() {
        let failed = first_success::<_, (), _, _>(vec!["a", "b"], |n| async move { Err(n) }).await;
        assert_eq!(failed.unwrap_err(), ["a", "b"]);
    }
}
