//! Accepting connections of a listener, within bounds.

use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::places::{Places, Standing};
use crate::seldom::Seldom;

/// Bytes of the head of a request.
const MAX_HEAD: usize = 64 * 1024;
/// Fields of a request.
const MAX_FIELDS: usize = 100;
/// How long the head of a request may take.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// How long a connection may be a stranger.
const STRANGER_TIME: Duration = Duration::from_secs(60);
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_millis(100);

/// HTTP/1.1 with bounds for what strangers send.
pub fn http() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS);
    http
}

/// Accepts connections for ever and serves each in a task of its own, as many at a time as there are places. The tasks
/// end with this.
pub async fn accept<F, S>(listener: TcpListener, places: &Places, serve: F)
where
    F: Fn(TcpStream, Arc<Standing>) -> S,
    S: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let trouble = Seldom::default();
    loop {
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => {
                let place = places.take().await;
                let served = serve(stream, place.standing());
                connections.spawn(async move {
                    tokio::select! {
                        () = served => {}
                        () = place.outstayed(STRANGER_TIME) => tracing::debug!("a connection made room for others"),
                    }
                });
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
