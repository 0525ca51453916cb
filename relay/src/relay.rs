//! The handle of a running relay: listeners, switches, statistics.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use crate::config::{RelayConfig, RelayError};
use crate::net::{Identity, Protocol, Socket, Wire};
use crate::shared::{CommandLog, Faults, Shared};
use crate::smtp::RateLimiter;
use crate::stats::{Counters, RelayStats};
use crate::store::{HeldMail, INBOX, Mailstore, StoredMessage, canonical_folder, now};
use crate::{imap, smtp};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;

/// Pause after a failed accept or bind, so that a lack of file handles does not become a busy loop.
const RETRY: Duration = Duration::from_millis(50);

/// Longest domain name (RFC 1035, section 2.3.4).
const MAX_DOMAIN: usize = 253;

/// What the listeners have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Up,
    Down,
    Stopped,
}

/// A running relay. It serves until [`Relay::stop`]; dropping the handle ends it too, less orderly.
pub struct Relay {
    shared: Arc<Shared>,
    identity: Identity,
    ports: [u16; 4],
    phase: watch::Sender<Phase>,
    /// How many listeners are in the phase that was asked for last.
    arrived: watch::Receiver<usize>,
    listeners: Mutex<Vec<JoinHandle<()>>>,
}

impl Relay {
    /// Opens the listeners and starts to serve.
    pub async fn start(config: RelayConfig) -> Result<Self, RelayError> {
        let mut relay = Self::without_listeners(config)?;
        let config = &relay.shared.config;
        let acceptors = [relay.identity.acceptor(Protocol::Imap)?, relay.identity.acceptor(Protocol::Smtp)?];
        let endpoints = [
            (Protocol::Imap, true, config.imap_tls_port),
            (Protocol::Imap, false, config.imap_starttls_port),
            (Protocol::Smtp, true, config.smtp_tls_port),
            (Protocol::Smtp, false, config.smtp_starttls_port),
        ];
        let mut sockets = Vec::new();
        for (_, _, port) in endpoints {
            let address = SocketAddr::new(config.bind, port);
            sockets.push(bind(address).map_err(|source| RelayError::Bind { address, source })?);
        }
        let (report, arrived) = watch::channel(0);
        let report = Arc::new(report);
        let mut listeners = Vec::new();
        for (((protocol, implicit_tls, _), (socket, address)), port) in
            endpoints.into_iter().zip(sockets).zip(&mut relay.ports)
        {
            *port = address.port();
            let [imap, smtp] = &acceptors;
            let listener = Listener {
                shared: Arc::clone(&relay.shared),
                tls: if protocol == Protocol::Imap { imap.clone() } else { smtp.clone() },
                protocol,
                implicit_tls,
                address,
                phase: relay.phase.subscribe(),
                report: Arc::clone(&report),
            };
            listeners.push(tokio::spawn(listener.run(socket)));
        }
        info!(domains = ?relay.shared.config.domains, ports = ?relay.ports, "relay is up");
        relay.arrived = arrived;
        relay.listeners = Mutex::new(listeners);
        Ok(relay)
    }

    /// A relay that opens no port: clients are brought to it with [`Relay::serve_imap`] and [`Relay::serve_smtp`]. All
    /// ports are 0.
    pub fn without_listeners(mut config: RelayConfig) -> Result<Self, RelayError> {
        for domain in &mut config.domains {
            check_domain(domain)?;
            domain.make_ascii_lowercase();
        }
        if config.domains.is_empty() {
            return Err(RelayError::Domain(String::new()));
        }
        let identity = Identity::generate(&config.domains, config.bind)?;
        let store = Mailstore::open(&config)?;
        let shared = Arc::new(Shared {
            store,
            counters: Counters::default(),
            rate: config.send_rate.map(|rate| Mutex::new(RateLimiter::new(rate))),
            faults: RwLock::default(),
            log: CommandLog::default(),
            config,
        });
        let (phase, _) = watch::channel(Phase::Up);
        let (_, arrived) = watch::channel(0);
        Ok(Self { shared, identity, ports: [0; 4], phase, arrived, listeners: Mutex::default() })
    }

    /// Serves an IMAP client on a stream that is protected already, until one side closes it. The listeners and
    /// [`Relay::stop`] know nothing of it.
    pub async fn serve_imap(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), RelayError> {
        self.serve(stream, Protocol::Imap).await
    }

    /// The same for an SMTP client.
    pub async fn serve_smtp(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    ) -> Result<(), RelayError> {
        self.serve(stream, Protocol::Smtp).await
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        protocol: Protocol,
    ) -> Result<(), RelayError> {
        let tls = self.identity.acceptor(protocol)?;
        let wire = Wire::new(Socket::Protected(Box::new(stream)), self.shared.config.limits.write);
        let _counted = Counted::new(self.shared.counters.sessions(protocol));
        converse(wire, &self.shared, &tls, protocol).await;
        Ok(())
    }

    /// Port of IMAP over TLS.
    pub fn imap_tls_port(&self) -> u16 {
        self.ports[0]
    }

    /// Port of IMAP with STARTTLS.
    pub fn imap_starttls_port(&self) -> u16 {
        self.ports[1]
    }

    /// Port of SMTP submission over TLS.
    pub fn smtp_tls_port(&self) -> u16 {
        self.ports[2]
    }

    /// Port of SMTP submission with STARTTLS.
    pub fn smtp_starttls_port(&self) -> u16 {
        self.ports[3]
    }

    /// The domains served, lower-cased.
    pub fn domains(&self) -> &[String] {
        &self.shared.config.domains
    }

    /// The relay's self-signed certificate, for clients that trust nothing else.
    pub fn certificate_pem(&self) -> &str {
        self.identity.pem()
    }

    /// Counters since start.
    pub fn stats(&self) -> RelayStats {
        self.shared.counters.snapshot(self.shared.store.account_count())
    }

    /// Takes the relay off the network, or back: connections are cut and new ones refused until it is up again. Returns
    /// when all listeners have followed; mail and accounts stay.
    pub async fn set_down(&self, down: bool) {
        let phase = if down { Phase::Down } else { Phase::Up };
        self.change_phase(phase).await;
    }

    /// Misbehaves from now on as given; `Faults::default()` ends it.
    pub fn set_faults(&self, faults: Faults) {
        *self.shared.faults.write() = faults;
    }

    /// The INBOX of an address; `None` if there is no such account.
    pub fn mailbox(&self, address: &str) -> Option<Vec<StoredMessage>> {
        self.folder(address, INBOX)
    }

    /// Any folder of an address; `None` if the account or the folder does not exist.
    pub fn folder(&self, address: &str, folder: &str) -> Option<Vec<StoredMessage>> {
        self.shared.store.inspect(address, folder)
    }

    /// Names of an account's folders with their message counts.
    pub fn folders(&self, address: &str) -> Vec<(String, usize)> {
        self.shared.store.folder_sizes(address).into_iter().collect()
    }

    /// Puts a mail into an INBOX as if it had come from outside: no check, no change. False if there is no such
    /// account, or no space.
    pub fn inject(&self, address: &str, raw: impl Into<Arc<[u8]>>) -> bool {
        self.inject_all(address, &[raw.into()])
    }

    /// The same with several mails, which clients see at once.
    pub fn inject_all(&self, address: &str, mails: &[Arc<[u8]>]) -> bool {
        self.shared.store.put(address, mails) == crate::store::Delivery::Stored
    }

    /// From now on mail is accepted, but held back instead of delivered, so that a test can deliver it with
    /// [`Relay::inject_all`] when and in the order it likes; or ends that and forgets what is still held.
    pub fn hold_mail(&self, on: bool) {
        self.shared.store.hold(on);
    }

    /// Takes out the mail that is held back, in the order in which it was accepted.
    pub fn take_held_mail(&self) -> Vec<HeldMail> {
        self.shared.store.take_held()
    }

    /// Sets the storage limit of one account. False if there is no such account.
    pub fn set_quota(&self, address: &str, kib: u64) -> bool {
        self.shared.store.get(address).is_some_and(|account| {
            account.lock().quota_kib = kib;
            true
        })
    }

    /// Removes a message as if it had grown too old. Idle sessions are not woken; they learn of it with their next command.
    pub fn expire(&self, address: &str, folder: &str, uid: u32) -> bool {
        let Some(account) = self.shared.store.get(address) else { return false };
        let mut state = account.lock();
        let name = canonical_folder(folder);
        imap::remove_message(&self.shared.store, account.address(), name, &mut state, uid)
    }

    /// Gives a folder another UIDVALIDITY, as after a repair. Sessions that have it open are cut off at their next
    /// command. Returns the new value.
    pub fn change_uid_validity(&self, address: &str, folder: &str) -> Option<u32> {
        let account = self.shared.store.get(address)?;
        let mut state = account.lock();
        let validity = state.next_validity(now());
        let name = canonical_folder(folder);
        let folder = state.folders.get_mut(name)?;
        folder.renumber(validity);
        self.shared.store.record_folder(account.address(), name, folder);
        drop(state);
        account.ring();
        Some(validity)
    }

    /// Starts to keep what clients send, or ends it and forgets what was kept.
    pub fn log_commands(&self, on: bool) {
        self.shared.log.switch(on);
    }

    /// The commands since [`Relay::log_commands`], oldest first: protocol, address (or `-` before login) and line.
    /// Passwords are left out.
    pub fn command_log(&self) -> Vec<String> {
        self.shared.log.lines()
    }

    /// Push tokens that clients of an account have stored.
    pub fn device_tokens(&self, address: &str) -> Vec<String> {
        self.shared
            .store
            .get(address)
            .map(|account| account.lock().device_tokens.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// Closes all connections and listeners, and waits until everything is on disk.
    pub async fn stop(&self) {
        self.change_phase(Phase::Stopped).await;
        let listeners = std::mem::take(&mut *self.listeners.lock());
        for listener in listeners {
            if let Err(problem) = listener.await {
                warn!(%problem, "a listener ended badly");
            }
        }
        if let Err(problem) = self.shared.store.settle().await {
            warn!(%problem, "mail was not saved");
        }
        info!("relay is down");
    }

    async fn change_phase(&self, phase: Phase) {
        let current = *self.phase.borrow();
        if current == phase || current == Phase::Stopped {
            return;
        }
        let listeners = self.listeners.lock().len();
        let mut arrived = self.arrived.clone();
        let goal = *arrived.borrow_and_update() + listeners;
        self.phase.send_replace(phase);
        // An error means that all listeners are gone already.
        let _ = arrived.wait_for(|count| *count >= goal).await;
    }
}

/// One listening port with its connections.
struct Listener {
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    protocol: Protocol,
    implicit_tls: bool,
    address: SocketAddr,
    phase: watch::Receiver<Phase>,
    report: Arc<watch::Sender<usize>>,
}

impl Listener {
    async fn run(mut self, socket: TcpListener) {
        let mut socket = Some(socket);
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                changed = self.phase.changed() => {
                    let phase = *self.phase.borrow_and_update();
                    if changed.is_err() {
                        return;
                    }
                    socket = match phase {
                        Phase::Up => Some(self.reopen().await),
                        Phase::Down | Phase::Stopped => None,
                    };
                    if socket.is_none() {
                        sessions.shutdown().await;
                    }
                    self.report.send_modify(|count| *count += 1);
                    if phase == Phase::Stopped {
                        return;
                    }
                }
                connection = accept(socket.as_ref()) => match connection {
                    Ok(stream) => self.admit(stream, &mut sessions),
                    Err(problem) => {
                        warn!(%problem, "cannot accept a connection");
                        tokio::time::sleep(RETRY).await;
                    }
                },
                Some(_) = sessions.join_next() => {}
            }
        }
    }

    async fn reopen(&self) -> TcpListener {
        loop {
            match listen(self.address) {
                Ok(socket) => return socket,
                Err(problem) => {
                    warn!(%problem, address = %self.address, "cannot listen again yet");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    fn admit(&self, stream: TcpStream, sessions: &mut JoinSet<()>) {
        let counters = &self.shared.counters;
        let open = counters.imap_sessions.load(Relaxed) + counters.smtp_sessions.load(Relaxed);
        if open >= self.shared.config.limits.sessions {
            debug!(open, "too many connections, one refused");
            return;
        }
        counters.connections.fetch_add(1, Relaxed);
        let shared = Arc::clone(&self.shared);
        let tls = self.tls.clone();
        let (protocol, implicit_tls) = (self.protocol, self.implicit_tls);
        sessions.spawn(async move { serve(stream, shared, tls, protocol, implicit_tls).await });
    }
}

async fn serve(
    stream: TcpStream,
    shared: Arc<Shared>,
    tls: TlsAcceptor,
    protocol: Protocol,
    implicit_tls: bool,
) {
    let _counted = Counted::new(shared.counters.sessions(protocol));
    if let Err(problem) = stream.set_nodelay(true) {
        debug!(%problem, "connection ended at once");
        return;
    }
    let limits = &shared.config.limits;
    let mut wire = Wire::new(Socket::Plain(stream), limits.write);
    if implicit_tls && let Err(problem) = wire.upgrade(&tls, limits.unauthenticated_idle).await {
        debug!(%problem, "TLS handshake failed");
        return;
    }
    converse(wire, &shared, &tls, protocol).await;
}

async fn converse(wire: Wire, shared: &Arc<Shared>, tls: &TlsAcceptor, protocol: Protocol) {
    match protocol {
        Protocol::Imap => imap::serve(wire, shared, tls).await,
        Protocol::Smtp => smtp::serve(wire, shared, tls).await,
    }
}

/// Counts a session as long as it lives, also when its task is cut.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

async fn accept(socket: Option<&TcpListener>) -> std::io::Result<TcpStream> {
    match socket {
        Some(socket) => socket.accept().await.map(|(stream, _)| stream),
        None => std::future::pending().await,
    }
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Opens a listener and returns its address.
fn bind(address: SocketAddr) -> std::io::Result<(TcpListener, SocketAddr)> {
    let listener = listen(address)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Host names, with a leading underscore where test relays have one.
fn check_domain(domain: &str) -> Result<(), RelayError> {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    if domain.len() <= MAX_DOMAIN && domain.split('.').all(label) {
        Ok(())
    } else {
        Err(RelayError::Domain(domain.to_owned()))
    }
}
