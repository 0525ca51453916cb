//! A way to a relay on which everything can be overheard and disturbed, at any step of the dialogue.
//!
//! The engine speaks plain text to the line, the line speaks TLS to the relay. So the line knows which command is under
//! way, and a [`Fault`] can say "when the engine has said this".

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_rustls::TlsConnector;
use volary_relay::Relay;

use crate::fault::{Dialogue, Direction, Fault, Pace, Then};
use crate::wait::eventually;
use crate::world::HOST;

/// Bytes read at once.
const PIECE: usize = 16 << 10;

/// Two ways to a relay, one for IMAP and one for SMTP.
pub struct Line {
    /// For receiving.
    pub imap: Wire,
    /// For sending.
    pub smtp: Wire,
}

/// A forwarded port of a relay. Faults wait here until a connection comes to the step that they name.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

/// What a wire and its connections know.
struct Shared {
    state: Mutex<State>,
    orders: watch::Sender<Orders>,
}

#[derive(Default)]
struct State {
    /// They happen one after the other.
    faults: VecDeque<Fault>,
    happened: usize,
    pace: Option<Pace>,
    arrivals: Vec<Instant>,
}

/// What connections are told.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// How many orders there were; connections know the number under which they were made.
    count: u64,
    /// New connections are closed at once.
    closed: bool,
    /// Connections older than this are cut.
    cut_before: u64,
    /// Connections older than this are silent.
    silent_before: u64,
}

impl Line {
    /// A line without faults.
    pub async fn to(relay: &Relay) -> Self {
        let tls = connector(relay);
        Self {
            imap: Wire::to(relay.imap_tls_port(), tls.clone()).await,
            smtp: Wire::to(relay.smtp_tls_port(), tls).await,
        }
    }

    /// Cuts what stands; new connections are closed at once.
    pub fn closes(&self) {
        for wire in [&self.imap, &self.smtp] {
            wire.order(|orders| (orders.closed, orders.cut_before) = (true, orders.count));
        }
    }

    /// Lets everything pass again.
    pub fn opens(&self) {
        for wire in [&self.imap, &self.smtp] {
            wire.order(|orders| orders.closed = false);
        }
    }

    /// Connections go on to stand, but nothing passes on them any more, and nobody is told. New ones work.
    pub fn goes_silent(&self) {
        for wire in [&self.imap, &self.smtp] {
            wire.order(|orders| orders.silent_before = orders.count);
        }
    }

    /// Everything passes at this pace from now on; `None`: as fast as it can.
    pub fn has_pace(&self, pace: Option<Pace>) {
        for wire in [&self.imap, &self.smtp] {
            wire.shared.state.lock().pace = pace;
        }
    }
}

impl Wire {
    async fn to(target: u16, tls: TlsConnector) -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.expect("a port for the line");
        let port = listener.local_addr().expect("the address of the line").port();
        let shared = Arc::new(Shared { state: Mutex::default(), orders: watch::Sender::default() });
        tokio::spawn(serve(listener, target, tls, Arc::clone(&shared)));
        Self { port, shared }
    }

    /// Where the engine connects to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Prepares a fault. Several happen one after the other.
    pub fn fails(&self, fault: Fault) {
        self.shared.state.lock().faults.push_back(fault);
    }

    /// Cuts what stands.
    pub fn cuts(&self) {
        self.order(|orders| orders.cut_before = orders.count);
    }

    /// Forgets faults that have not happened.
    pub fn is_mended(&self) {
        self.shared.state.lock().faults.clear();
    }

    /// How many faults have happened.
    pub fn happened(&self) -> usize {
        self.shared.state.lock().happened
    }

    /// Waits until that many faults have happened.
    pub async fn has_failed(&self, times: usize) {
        eventually(&format!("{times} faults"), async || (self.happened() >= times).then_some(())).await;
    }

    /// When connections came, whatever became of them.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared.state.lock().arrivals.clone()
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) {
        self.shared.orders.send_modify(|orders| {
            orders.count += 1;
            change(orders);
        });
    }
}

fn connector(relay: &Relay) -> TlsConnector {
    let certificate = CertificateDer::from_pem_slice(relay.certificate_pem().as_bytes());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.expect("the certificate of the relay")).expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn serve(listener: TcpListener, target: u16, tls: TlsConnector, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        shared.state.lock().arrivals.push(Instant::now());
        let Orders { closed, count, .. } = *shared.orders.borrow();
        if !closed {
            tokio::spawn(carry(client, target, tls.clone(), Arc::clone(&shared), count));
        }
    }
}

/// One connection, made under the order of that number.
async fn carry(client: TcpStream, target: u16, tls: TlsConnector, shared: Arc<Shared>, born: u64) {
    let mut orders = shared.orders.subscribe();
    tokio::select! {
        () = talk(client, target, tls, &shared, born) => {}
        _ = orders.wait_for(|orders| born < orders.cut_before) => {}
    }
}

async fn talk(client: TcpStream, target: u16, tls: TlsConnector, shared: &Shared, born: u64) {
    let Ok(relay) = TcpStream::connect((HOST, target)).await else { return };
    client.set_nodelay(true).expect("a socket");
    relay.set_nodelay(true).expect("a socket");
    let Ok(relay) = tls.connect(ServerName::try_from("localhost").expect("a name"), relay).await else {
        return;
    };
    let (mut client_in, mut client_out) = tokio::io::split(client);
    let (mut relay_in, mut relay_out) = tokio::io::split(relay);
    let dialogue = Mutex::new(Dialogue::default());
    let ear = |from| Ear { from, shared, dialogue: &dialogue, born };
    let end = tokio::select! {
        end = copy(ear(Direction::ToRelay), &mut client_in, &mut relay_out) => end,
        end = copy(ear(Direction::ToEngine), &mut relay_in, &mut client_out) => end,
    };
    match end {
        Then::Cut => {}
        // Both ends stay open.
        Then::Silence => std::future::pending().await,
        Then::Say(text) => {
            // The engine may have gone, or heard nothing of it: a fault all the same.
            client_out.write_all(text.as_bytes()).await.ok();
            client_out.shutdown().await.ok();
        }
    }
}

/// What listens to one direction of a connection.
struct Ear<'a> {
    from: Direction,
    shared: &'a Shared,
    dialogue: &'a Mutex<Dialogue>,
    born: u64,
}

impl Ear<'_> {
    /// What may pass of a piece, and what happens behind that.
    fn judge(&self, piece: &[u8]) -> (usize, Option<Then>) {
        if self.born < self.shared.orders.borrow().silent_before {
            return (0, Some(Then::Silence));
        }
        let mut state = self.shared.state.lock();
        match self.dialogue.lock().hears(self.from, piece, state.faults.front()) {
            None => (piece.len(), None),
            Some(passes) => {
                state.happened += 1;
                (passes, state.faults.pop_front().map(|fault| fault.then))
            }
        }
    }
}

/// Carries pieces in one direction until the connection or a fault ends it.
async fn copy(ear: Ear<'_>, from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Then {
    let mut piece = vec![0; PIECE];
    loop {
        let pace = ear.shared.state.lock().pace;
        let most = pace.map_or(PIECE, |pace| pace.bytes.clamp(1, PIECE));
        let Ok(read @ 1..) = from.read(&mut piece[..most]).await else { return Then::Cut };
        let (passes, then) = ear.judge(&piece[..read]);
        if to.write_all(&piece[..passes]).await.is_err() || to.flush().await.is_err() {
            return Then::Cut;
        }
        if let Some(then) = then {
            return then;
        }
        if let Some(pace) = pace {
            sleep(pace.pause).await;
        }
    }
}
