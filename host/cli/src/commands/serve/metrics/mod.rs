//! /metrics in the text format of Prometheus, and /healthz, on a loopback address.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the listener |
//! | `recorder` | what the library counts and times, in a bounded number of series |
//! | `host` | what is looked up when somebody asks: profiles, queues, the process |
//! | `table` | every metric with its kind and meaning |
//! | `text` | the text format |
//!
//! Nobody has to show a token, so there are no addresses and no texts in it; profiles are named by number, and only if they
//! are asked for.

mod host;
mod recorder;
mod table;
mod text;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use volary::Engine;

pub(super) use self::host::Host;
pub(super) use self::recorder::Recorder;
use crate::process::alive;
use crate::process::failure::Failure;

/// Connections at a time.
const MAX_CONNECTIONS: usize = 32;
/// Bytes of the head of a request.
const MAX_HEAD: usize = 16 << 10;
/// Fields of a request.
const MAX_FIELDS: usize = 50;
/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);
/// The format, as Prometheus names it.
const FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

type Reply = Response<Full<Bytes>>;

/// The listener; it ends when this is dropped.
pub(super) struct Metrics {
    tasks: JoinSet<()>,
}

/// What answers.
pub(super) struct Source {
    pub(super) engine: Engine,
    pub(super) recorder: Recorder,
    pub(super) host: Host,
}

impl Metrics {
    /// Listens on a loopback address: everybody on this machine may ask.
    pub(super) async fn start(address: SocketAddr, source: Source) -> Result<Self, Failure> {
        if !address.ip().is_loopback() {
            return Err(format!(
                "{address} is reachable from other machines: metrics are served on loopback addresses alone"
            )
            .into());
        }
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| format!("cannot listen on {address}: {error}"))?;
        let address = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(source)));
        tracing::info!(%address, "metrics are served");
        Ok(Self { tasks })
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        self.tasks.abort_all();
    }
}

async fn accept(listener: TcpListener, source: Arc<Source>) {
    let mut connections = JoinSet::new();
    let mut open = VecDeque::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                while connections.try_join_next().is_some() {}
                open.retain(|one: &Open| !one.task.is_finished());
                if open.len() >= MAX_CONNECTIONS {
                    make_room(&mut open);
                }
                let asks = Arc::<AtomicBool>::default();
                let task = connections.spawn(serve(stream, source.clone(), asks.clone()));
                open.push_back(Open { task, asks });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics cannot be accepted");
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}

/// A connection.
struct Open {
    task: AbortHandle,
    /// It has asked something, and is being answered.
    asks: Arc<AtomicBool>,
}

/// Ends the oldest connection that has asked nothing, so that connections that are left open keep nobody out. Without
/// one, the oldest.
fn make_room(open: &mut VecDeque<Open>) {
    let silent = open.iter().position(|one| !one.asks.load(Ordering::Relaxed));
    if let Some(one) = open.remove(silent.unwrap_or_default()) {
        one.task.abort();
    }
}

/// Answers one request.
async fn serve(stream: TcpStream, source: Arc<Source>, asks: Arc<AtomicBool>) {
    let service = service_fn(|request| {
        asks.store(true, Ordering::Relaxed);
        let source = source.clone();
        async move { Ok::<_, Infallible>(answer(&source, &request).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .keep_alive(false)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        tracing::trace!(%error, "a connection for metrics ended early");
    }
}

async fn answer(source: &Source, request: &Request<Incoming>) -> Reply {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return reply(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => match profiles(request.uri().query()) {
            Ok(profiles) => {
                let mut families = source.recorder.families();
                families.extend(source.host.families(&source.engine, &profiles).await);
                reply(StatusCode::OK, text::render(families))
            }
            Err(error) => reply(StatusCode::BAD_REQUEST, format!("{error}\n")),
        },
        "/healthz" => match alive::check(&source.engine).await {
            Ok(()) => reply(StatusCode::OK, "ok\n".to_owned()),
            Err(error) => reply(StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
        },
        _ => reply(StatusCode::NOT_FOUND, "there is /metrics and /healthz\n".to_owned()),
    }
}

/// The profiles that `?profiles=1,2` names.
fn profiles(query: Option<&str>) -> Result<Vec<u32>, String> {
    /// Series of single profiles that are given at a time.
    const MAX_PROFILES: usize = 100;
    let Some(list) = query.and_then(|query| query.strip_prefix("profiles=")) else { return Ok(Vec::new()) };
    let ids: Result<Vec<u32>, _> = list.split(',').map(str::parse).collect();
    match ids {
        Ok(ids) if ids.len() <= MAX_PROFILES => Ok(ids),
        Ok(_) => Err(format!("at most {MAX_PROFILES} profiles at a time")),
        Err(_) => Err("profiles=1,2,… takes numbers".to_owned()),
    }
}

fn reply(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(FORMAT));
    reply.headers_mut().insert(CACHE_CONTROL, hyper::header::HeaderValue::from_static("no-store"));
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_profiles_have_to_be_asked_for() {
        assert_eq!(profiles(None), Ok(Vec::new()));
        assert_eq!(profiles(Some("profiles=3,1")), Ok(vec![3, 1]));
        assert!(profiles(Some("profiles=all")).is_err());
        assert!(profiles(Some(&format!("profiles=1{}", ",1".repeat(100)))).is_err());
    }
}
