//! The message bus as gRPC: requests, numbered events and files for other programs, on a Unix socket in the folder of
//! the profiles, or on TCP for those who have a token.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Grpc`]: starting, ending |
//! | `service` | what a frontend can call |
//! | `unix`, `tcp` | where frontends connect |
//! | `guard` | a connection with its place, and a bound on how long it may be a stranger |
//! | `deadline` | how long a call may take |
//! | `admit` | tokens |
//! | `process` | what programs of this user can do with the process |
//! | `files` | files that frontends bring and fetch |
//! | `client` | [`Remote`]: a running host as a [`Bus`] |
//!
//! The definition is `proto/proto/volary/bus/v1/bus.proto`; `docs/protocol.md` tells how frontends use it. Compiled with
//! the feature `grpc` only.

mod admit;
mod client;
mod deadline;
mod files;
mod guard;
#[cfg(test)]
mod page;
mod process;
mod service;
mod tcp;
#[cfg(test)]
mod tests;
mod unix;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tonic::service::interceptor::InterceptorLayer;
use tonic::transport::Server;
use volary_grpc::bus_server::BusServer;
use volary_grpc::host_server::HostServer;

use self::admit::Admission;
pub use self::client::{BringError, Brought, ConnectError, Remote, RemoteEvents};
use self::files::Files;
use self::guard::Guarded;
pub use self::process::LogLevel;
use self::process::Process;
use self::service::Service;
use crate::access::{Certificates, ListenError, TlsFiles, Tokens};
use crate::bus::Bus;
use crate::event_log::EventLog;

/// The name of the socket in the folder of the profiles.
pub const SOCKET: &str = "bus.sock";
/// Longest request, in bytes. Files travel by themselves.
pub const MAX_REQUEST: usize = 16 << 20;
/// Connections at a time, of each kind.
pub const MAX_CONNECTIONS: usize = 2000;
/// Calls of one connection at a time, those that listen included.
const MAX_CALLS: u32 = 1000;
/// Bytes of the fields of a call.
const MAX_HEADERS: u32 = 16 << 10;
/// Pause between signs of life, and how long an answer to one may take.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How long calls may still be answered at the end. Questions that wait for something new wait longer.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Why the bus cannot be offered.
#[derive(Debug, Error)]
pub enum GrpcError {
    /// Another process listens on the socket.
    #[error("{0} is in use by another process")]
    InUse(PathBuf),
    /// What is at the place of the socket is something else.
    #[error("{0} is there and no socket: it is left alone")]
    NoSocket(PathBuf),
    /// Others could put a socket of their own into the folder.
    #[error("{0} can be written by other users: no socket is opened there (chmod go-w)")]
    OpenFolder(PathBuf),
    /// The socket or the folder of files cannot be made.
    #[error("{path}: {error}")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// Nobody can be served at an address.
    #[error(transparent)]
    Listen(#[from] ListenError),
}

/// Where the bus is offered over a network.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Certificate and key. Needed everywhere but on the loopback interface.
    pub tls: Option<TlsFiles>,
}

/// Offers the bus until it is stopped or dropped.
pub struct Grpc<B> {
    bus: B,
    log: EventLog,
    files: Arc<Files>,
    folder: PathBuf,
    stop: watch::Sender<bool>,
    serving: JoinSet<()>,
    accepting: Vec<AbortHandle>,
    socket: Option<unix::Socket>,
    certificates: Vec<Arc<Certificates>>,
    log_level: Option<Arc<dyn LogLevel>>,
}

impl<B: Bus + Sync> Grpc<B> {
    /// Nobody is served before [`on_socket`](Self::on_socket) or [`on_address`](Self::on_address). The folder is that of
    /// the profiles.
    pub fn new(bus: B, log: EventLog, folder: &Path) -> Result<Self, GrpcError> {
        let files = Arc::new(Files::new(folder)?);
        let folder = folder.to_owned();
        let (stop, serving) = (watch::Sender::new(false), JoinSet::new());
        Ok(Self {
            bus,
            log,
            files,
            folder,
            stop,
            serving,
            accepting: Vec::new(),
            socket: None,
            certificates: Vec::new(),
            log_level: None,
        })
    }

    /// Lets programs of this user change how much this process logs. To be called before they are served.
    pub fn with_log_level(mut self, level: impl LogLevel) -> Self {
        self.log_level = Some(Arc::new(level));
        self
    }

    /// Serves the programs of this user on the socket in the folder.
    pub fn on_socket(&mut self) -> Result<PathBuf, GrpcError> {
        let (socket, listener) = unix::Socket::bind(&self.folder)?;
        let path = socket.path().to_owned();
        self.socket = Some(socket);
        self.on_listener(listener, &path);
        Ok(path)
    }

    /// The same on a socket that a service manager has opened, which stays when this ends.
    pub fn on_opened_socket(&mut self, listener: std::os::unix::net::UnixListener) -> Result<(), GrpcError> {
        let address = listener.local_addr().ok();
        let path = address.and_then(|address| address.as_pathname().map(Path::to_owned));
        let path = path.unwrap_or_else(|| self.folder.join(SOCKET));
        let failed = |error| GrpcError::File { path: path.clone(), error };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = UnixListener::from_std(listener).map_err(failed)?;
        self.on_listener(listener, &path);
        Ok(())
    }

    fn on_listener(&mut self, listener: UnixListener, path: &Path) {
        let (connections, incoming) = mpsc::channel(1);
        self.accepting.push(self.serving.spawn(unix::accept(listener, connections)));
        self.serve(incoming, Admission::of_this_user(), true);
        tracing::info!(socket = %path.display(), "the bus is served on a Unix socket");
    }

    /// Reads certificates and keys anew. If one makes no sense, what was there before stays.
    pub fn reload_tls(&self) -> Result<(), ListenError> {
        self.certificates.iter().try_for_each(|certificates| certificates.reload())
    }

    /// Serves programs that show a token.
    pub async fn on_address(&mut self, listen: Listen, tokens: Tokens) -> Result<SocketAddr, GrpcError> {
        let (listener, certificates) = tcp::bind(&listen).await?;
        let tls = certificates.as_ref().map(tcp::acceptor).transpose()?;
        self.certificates.extend(certificates);
        let failed = |error| ListenError::Listen { address: listen.address, error };
        let address = listener.local_addr().map_err(failed)?;
        let (connections, incoming) = mpsc::channel(1);
        self.accepting.push(self.serving.spawn(tcp::accept(listener, tls, connections)));
        self.serve(incoming, Admission::by_token(tokens), false);
        tracing::info!(%address, "the bus is served over TCP");
        Ok(address)
    }

    fn serve<I: guard::Io>(&mut self, incoming: mpsc::Receiver<Guarded<I>>, admission: Admission, own: bool) {
        let mut stopped = self.stop.subscribe();
        let service = Service::new(self.bus.clone(), self.log.clone(), self.files.clone(), stopped.clone());
        let bus = BusServer::new(service).max_decoding_message_size(MAX_REQUEST);
        let level = self.log_level.clone().filter(|_| own);
        let (reporter, health) = tonic_health::server::health_reporter();
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(volary_grpc::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1();
        let router = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_max_header_list_size(MAX_HEADERS)
            .max_concurrent_streams(MAX_CALLS)
            .layer(InterceptorLayer::new(move |call| admission.admit(call)))
            .add_service(bus)
            .add_optional_service(level.map(|level| HostServer::new(Process(level))))
            .add_service(health)
            .add_optional_service(reflection.ok());
        let incoming = futures::stream::unfold(incoming, async |mut incoming| {
            let connection = incoming.recv().await?;
            Some((Ok::<_, io::Error>(connection), incoming))
        });
        self.serving.spawn(async move {
            reporter.set_serving::<BusServer<Service<B>>>().await;
            let end = async move {
                // Without a sender it is the end, too.
                stopped.wait_for(|stopped| *stopped).await.ok();
                reporter.set_not_serving::<BusServer<Service<B>>>().await;
            };
            if let Err(error) = router.serve_with_incoming_shutdown(incoming, end).await {
                tracing::error!(%error, "the bus is not served any more");
            }
        });
    }
}

impl<B> Grpc<B> {
    /// Ends: nobody new is served, calls that listen end, others are answered. Waits a moment for that.
    pub async fn stop(mut self) {
        self.end();
        let ended = async { while self.serving.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_ANSWERS, ended).await.is_err() {
            tracing::debug!("some calls of the bus have not ended yet");
        }
    }

    fn end(&mut self) {
        self.socket = None;
        self.accepting.iter().for_each(AbortHandle::abort);
        self.stop.send_replace(true);
    }
}

impl<B> Drop for Grpc<B> {
    fn drop(&mut self) {
        self.end();
    }
}
