//! Connections over TCP, with TLS beyond this machine.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::guard::Guarded;
use super::{Listen, MAX_CONNECTIONS};
use crate::access::{Certificates, ListenError};
use crate::places::{Place, Places};
use crate::seldom::Seldom;

/// How long the TLS handshake may take.
pub const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);
/// The protocol that callers of gRPC ask for.
const HTTP2: &[u8] = b"h2";

/// A connection with or without TLS.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Listens. Without TLS only on the loopback interface.
pub async fn bind(listen: &Listen) -> Result<(TcpListener, Option<Arc<Certificates>>), ListenError> {
    let address = listen.address;
    if !address.ip().is_loopback() && listen.tls.is_none() {
        return Err(ListenError::Unprotected(address));
    }
    let certificates = listen.tls.clone().map(Certificates::read).transpose()?;
    let listener = TcpListener::bind(address).await;
    Ok((listener.map_err(|error| ListenError::Listen { address, error })?, certificates))
}

/// How connections are greeted.
pub fn acceptor(certificates: &Arc<Certificates>) -> Result<TlsAcceptor, ListenError> {
    certificates.acceptor(&[HTTP2])
}

/// Accepts connections for ever.
pub async fn accept(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    connections: mpsc::Sender<Guarded<Stream>>,
) {
    let places = Places::new(MAX_CONNECTIONS);
    let trouble = Seldom::default();
    let mut handshakes = JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = places.take().await;
                handshakes.spawn(greet(stream, tls.clone(), place, connections.clone()));
            }
            Err(error) => {
                if let Some(times) = trouble.now() {
                    tracing::warn!(%error, times, "a connection cannot be accepted");
                }
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}

async fn greet(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    place: Place,
    connections: mpsc::Sender<Guarded<Stream>>,
) {
    // Small answers must not wait for the confirmation of those before.
    stream.set_nodelay(true).ok();
    let stream = match tls {
        None => Stream::Plain(stream),
        Some(tls) => {
            let greeted = tokio::select! {
                greeted = tls.accept(stream) => greeted,
                () = place.outstayed(HANDSHAKE_TIME) => Err(io::ErrorKind::TimedOut.into()),
            };
            match greeted {
                Ok(stream) => Stream::Tls(Box::new(stream)),
                Err(error) => return tracing::debug!(%error, "a TLS handshake failed"),
            }
        }
    };
    // Nobody takes it when the host stops.
    connections.send(Guarded::new(stream, place)).await.ok();
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
