//! The way to the relay.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Host of relay and gate.
const HOST: &str = "127.0.0.1";
/// Pause after a failed accept, so that a lack of descriptors does not become a busy loop.
const RETRY: Duration = Duration::from_millis(50);

/// What the gate does now.
#[derive(Clone, Copy, Debug)]
struct Order {
    open: bool,
    /// Connections that were made under another number are cut.
    era: u32,
}

/// A forwarded port that notes every connection.
pub(super) struct Gate {
    port: u32,
    orders: watch::Sender<Order>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
}

impl Gate {
    /// An open gate to a port.
    pub(super) async fn open(target: u32) -> io::Result<Self> {
        let target = u16::try_from(target).map_err(io::Error::other)?;
        let listener = TcpListener::bind((HOST, 0)).await?;
        let port = listener.local_addr()?.port().into();
        let (orders, follower) = watch::channel(Order { open: true, era: 0 });
        let arrivals = Arc::default();
        tokio::spawn(keep(listener, target, follower, Arc::clone(&arrivals)));
        Ok(Self { port, orders, arrivals })
    }

    pub(super) fn port(&self) -> u32 {
        self.port
    }

    /// Cuts all connections; new ones pass.
    pub(super) fn cuts(&self) -> Instant {
        self.order(true)
    }

    /// Cuts all connections, and every new one at once.
    pub(super) fn closes(&self) -> Instant {
        self.order(false)
    }

    /// New connections pass again.
    pub(super) fn opens(&self) -> Instant {
        self.order(true)
    }

    fn order(&self, open: bool) -> Instant {
        let now = Instant::now();
        self.orders.send_modify(|order| *order = Order { open, era: order.era + 1 });
        now
    }

    /// When connections came since then, as time since then.
    pub(super) fn arrivals_since(&self, begin: Instant) -> Vec<Duration> {
        let arrivals = self.arrivals.lock();
        arrivals.iter().filter_map(|arrival| arrival.checked_duration_since(begin)).collect()
    }
}

async fn keep(
    listener: TcpListener,
    target: u16,
    orders: watch::Receiver<Order>,
    arrivals: Arc<Mutex<Vec<Instant>>>,
) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                arrivals.lock().push(Instant::now());
                let order = *orders.borrow();
                if order.open {
                    tokio::spawn(carry(client, target, orders.clone(), order.era));
                }
            }
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// One connection, until either side or the gate ends it.
async fn carry(mut client: TcpStream, target: u16, mut orders: watch::Receiver<Order>, era: u32) {
    let Ok(mut relay) = TcpStream::connect((HOST, target)).await else { return };
    client.set_nodelay(true).ok();
    relay.set_nodelay(true).ok();
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut relay) => {}
        _ = orders.wait_for(|order| order.era != era) => {}
    }
}
