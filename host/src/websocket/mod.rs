//! JSON-RPC over WebSocket, for several clients at once: each has a session and an event queue of its own.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`WebSockets`]: starting, ending |
//! | `door` | who may come in: origin, token, bounds |
//! | `session` | a client: one message is one line of JSON-RPC |
//!
//! Tokens, what they allow, and TLS: [`crate::access`].
//!
//! `docs/websocket.md` tells how clients connect. Compiled with the feature `websocket` only.

mod door;
mod session;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[cfg(feature = "apps")]
pub(crate) use self::door::bearer;
pub use self::session::MAX_MESSAGE;
use crate::access::{Certificates, ListenError, TlsFiles, Tokens};
use crate::bus::Bus;

/// Where and for whom WebSockets are opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Origins of pages that may connect (`https://chat.example.org`). Programs send none and need none.
    pub origins: Vec<String>,
    /// Certificate and key. Needed everywhere but on the loopback interface.
    pub tls: Option<TlsFiles>,
}

/// Serves clients until it is stopped or dropped.
pub struct WebSockets {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    certificates: Option<Arc<Certificates>>,
}

impl WebSockets {
    /// Starts to serve. Who connects has to show one of the tokens.
    pub async fn start<B: Bus + Sync>(bus: B, tokens: Tokens, options: Options) -> Result<Self, ListenError> {
        let Options { address, origins, tls } = options;
        if !address.ip().is_loopback() && tls.is_none() {
            return Err(ListenError::Unprotected(address));
        }
        let certificates = tls.map(Certificates::read).transpose()?;
        let tls = certificates.as_ref().map(|certificates| certificates.acceptor(&[])).transpose()?;
        let failed = |error| ListenError::Listen { address, error };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let door = Arc::new(door::Door::new(bus, tokens, origins, stopped));
        let accepting = tokio::spawn(door::accept(listener, tls, door));
        tracing::info!(%address, "JSON-RPC is served over WebSocket");
        Ok(Self { address, stop, accepting, certificates })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Reads certificate and key anew. If they make no sense, what was there before stays.
    pub fn reload_tls(&self) -> Result<(), ListenError> {
        self.certificates.as_ref().map_or(Ok(()), |certificates| certificates.reload())
    }

    /// Ends all sessions and frees the port.
    pub fn stop(&self) {
        self.stop.send_replace(true);
        self.accepting.abort();
    }
}

impl Drop for WebSockets {
    fn drop(&mut self) {
        self.stop();
    }
}
