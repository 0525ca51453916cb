//! Connections, and who answers a request.

use std::convert::Infallible;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode, Uri, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::names::{self, Host};
use super::reply::{Reply, text};
use super::{Shared, app, list, page, wipe};
use crate::accept;
use crate::places::{Places, Standing};

/// Connections at a time; a browser opens six for each origin.
const MAX_CONNECTIONS: usize = 512;
/// Files of apps that are read at a time.
const MAX_READS: usize = 32;
/// Bytes of the head of a request. An app may set cookies that the page around it gets, too: 180 of 4 KiB in Chromium.
/// That must not keep the page from being shown.
const MAX_HEAD: usize = 1 << 20;

/// What is shared out among all connections.
pub struct Limits {
    connections: Places,
    /// Places for reading files.
    pub reads: Arc<Semaphore>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: Places::new(MAX_CONNECTIONS), reads: Arc::new(Semaphore::new(MAX_READS)) }
    }
}

/// Accepts connections for ever. They end with this.
pub async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    accept::accept(listener, &shared.limits.connections, |stream, standing| {
        let shared = shared.clone();
        async move {
            let service = service_fn(|request| {
                let (shared, standing) = (shared.clone(), standing.clone());
                async move { Ok::<_, Infallible>(answer(&shared, &standing, request).await) }
            });
            let served =
                accept::http().max_buf_size(MAX_HEAD).serve_connection(TokioIo::new(stream), service).await;
            if let Err(error) = served {
                tracing::trace!(%error, "a connection to an app ended early");
            }
        }
    })
    .await;
}

async fn answer(shared: &Arc<Shared>, standing: &Standing, request: Request<Incoming>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return text(StatusCode::METHOD_NOT_ALLOWED, "only GET and POST");
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    match names::parse(host, shared.port) {
        Some(Host::Page(name)) if name == shared.list => {
            standing.becomes_known();
            list::answer(shared, request).await
        }
        Some(Host::Page(name)) => match shared.running.get(name) {
            Some(instance) => {
                standing.becomes_known();
                page::answer(shared, &instance, request).await
            }
            None => text(StatusCode::GONE, "This app is not open."),
        },
        Some(Host::App(name)) => match shared.running.get(name) {
            Some(instance) => {
                standing.becomes_known();
                app::answer(shared, &instance, request).await
            }
            None => wipe::answer(shared, name, request.headers(), request.uri()),
        },
        None => text(StatusCode::NOT_FOUND, "there is nothing here"),
    }
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
