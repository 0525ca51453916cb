//! Connections, and who answers a request.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::names::{self, Host};
use super::reply::{Reply, text};
use super::{Shared, app, list, page};

/// Connections at a time; a browser opens six for each origin.
const MAX_CONNECTIONS: usize = 512;
/// Files of apps that are read at a time.
const MAX_READS: usize = 32;
/// Bytes of the head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// Fields of a request.
const MAX_FIELDS: usize = 100;
/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// What is shared out among all connections.
pub struct Limits {
    connections: Arc<Semaphore>,
    /// Places for reading files.
    pub reads: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            reads: Arc::new(Semaphore::new(MAX_READS)),
        }
    }
}

/// Accepts connections for ever. They end with this.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // It is never closed.
        let Ok(place) = shared.limits.connections.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to an app cannot be accepted");
                tokio::time::sleep(AFTER_TROUBLE).await;
                continue;
            }
        };
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(|request| {
                let shared = shared.clone();
                async move { Ok::<_, Infallible>(answer(&shared, request).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(MAX_HEAD)
                .max_headers(MAX_FIELDS)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::trace!(%error, "a connection to an app ended early");
            }
            drop(place);
        });
    }
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST");
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match names::parse(host, shared.port) {
        Some(Host::Page(name)) if name == shared.list => list::answer(shared, request).await,
        Some(Host::Page(name)) => match shared.running.get(name) {
            Some(instance) => page::answer(shared, &instance, request).await,
            None => not_running(),
        },
        Some(Host::App(name)) => match shared.running.get(name) {
            Some(instance) => app::answer(shared, &instance, request).await,
            None => not_running(),
        },
        None => text(StatusCode::NOT_FOUND, "there is nothing here"),
    }
}

fn not_running() -> Reply {
    text(StatusCode::GONE, "This app is not open.")
}

/// A value in the query of an address; empty if it is not there.
pub fn value(uri: &Uri, name: &str) -> String {
    let query = uri.query().unwrap_or_default();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(found, _)| found == name)
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

/// A number in the query of an address; 0 if it is not there.
pub fn number(uri: &Uri, name: &str) -> u32 {
    value(uri, name).parse().unwrap_or(0)
}
