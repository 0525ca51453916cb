//! A way to a relay that can be closed, stalled and cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use volary_relay::Relay;

use crate::wait::{PAUSE, patience};
use crate::world::HOST;

/// Bytes copied at once.
const PIECE: usize = 16 << 10;

/// How a door behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Lets everything through.
    Open,
    /// Refuses connections and cuts those that stand.
    Closed,
    /// Accepts connections and lets nothing through, as when a cable is pulled.
    Stalled,
    /// Cuts those that stand, and each new one after that many bytes from the relay.
    CutAfter(usize),
}

/// Two forwarded ports of a relay, one for IMAP and one for SMTP.
pub struct Door {
    imap: Gate,
    smtp: Gate,
}

struct Gate {
    port: u16,
    mode: watch::Sender<Mode>,
    /// The mode that the listener has reached.
    reached: watch::Receiver<Mode>,
}

impl Door {
    /// An open door.
    pub async fn open(relay: &Relay) -> Self {
        Self { imap: Gate::open(relay.imap_tls_port()).await, smtp: Gate::open(relay.smtp_tls_port()).await }
    }

    /// Nothing goes through from now on: connections are refused.
    pub async fn closes(&self) {
        self.becomes(Mode::Closed).await;
    }

    /// Everything goes through again.
    pub async fn opens(&self) {
        self.becomes(Mode::Open).await;
    }

    /// Connections stand, but no byte goes through.
    pub async fn stalls(&self) {
        self.becomes(Mode::Stalled).await;
    }

    /// Cuts the connections, and from now on each new one for receiving after that many bytes of the relay.
    pub async fn cuts_receiving_after(&self, bytes: usize) {
        self.imap.becomes(Mode::CutAfter(bytes)).await;
    }

    /// Cuts the connections, and from now on each new one for sending after that many bytes of the relay.
    pub async fn cuts_sending_after(&self, bytes: usize) {
        self.smtp.becomes(Mode::CutAfter(bytes)).await;
    }

    /// Port of IMAP over TLS.
    pub fn imap_port(&self) -> u16 {
        self.imap.port
    }

    /// Port of SMTP over TLS.
    pub fn smtp_port(&self) -> u16 {
        self.smtp.port
    }

    async fn becomes(&self, mode: Mode) {
        self.imap.becomes(mode).await;
        self.smtp.becomes(mode).await;
    }
}

impl Gate {
    async fn open(target: u16) -> Self {
        let listener = TcpListener::bind((HOST, 0)).await.expect("a port for the door");
        let address = listener.local_addr().expect("the address of the door");
        let (mode, orders) = watch::channel(Mode::Open);
        let (report, reached) = watch::channel(Mode::Open);
        tokio::spawn(forward(listener, address, target, orders, report));
        Self { port: address.port(), mode, reached }
    }

    async fn becomes(&self, mode: Mode) {
        self.mode.send_replace(mode);
        let mut reached = self.reached.clone();
        reached.wait_for(|now| *now == mode).await.expect("the door still stands");
    }
}

/// Forwards connections until the door is dropped.
async fn forward(
    listener: TcpListener,
    address: SocketAddr,
    target: u16,
    mut orders: watch::Receiver<Mode>,
    report: watch::Sender<Mode>,
) {
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        let mode = *orders.borrow_and_update();
        if matches!(mode, Mode::Closed | Mode::CutAfter(_)) {
            connections.shutdown().await;
        }
        listener = match listener {
            _ if mode == Mode::Closed => None,
            None => Some(listen_again(address).await),
            open => open,
        };
        report.send_replace(mode);
        loop {
            tokio::select! {
                changed = orders.changed() => match changed {
                    Ok(()) => break,
                    Err(_) => return,
                },
                Some(client) = accept(listener.as_ref()) => {
                    connections.spawn(carry(client, target, mode, orders.clone()));
                }
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

/// Takes the port back as soon as the system gives it.
async fn listen_again(address: SocketAddr) -> TcpListener {
    let end = Instant::now() + patience();
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) if Instant::now() >= end => panic!("the port of the door stays taken: {error}"),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

/// One connection.
async fn carry(client: TcpStream, target: u16, mode: Mode, orders: watch::Receiver<Mode>) {
    let Ok(server) = TcpStream::connect((HOST, target)).await else { return };
    let (client_in, client_out) = client.into_split();
    let (server_in, server_out) = server.into_split();
    let limit = match mode {
        Mode::CutAfter(bytes) => bytes,
        _ => usize::MAX,
    };
    tokio::select! {
        () = copy(client_in, server_out, usize::MAX, orders.clone()) => {}
        () = copy(server_in, client_out, limit, orders) => {}
    }
}

/// Carries up to `limit` bytes in one direction.
async fn copy(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    limit: usize,
    mut orders: watch::Receiver<Mode>,
) {
    let mut left = limit;
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let Ok(read @ 1..) = from.read(&mut piece).await else { return };
        if orders.wait_for(|mode| *mode != Mode::Stalled).await.is_err() {
            return;
        }
        let carried = read.min(left);
        left -= carried;
        if to.write_all(&piece[..carried]).await.is_err() {
            return;
        }
    }
}
