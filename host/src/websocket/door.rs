//! Who may come in: connections, origin, token, bounds.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use super::session::{self, MAX_MESSAGE};
use crate::accept;
use crate::access::{Limited, TokenInfo, Tokens};
use crate::bus::Bus;
use crate::places::Places;
use crate::seldom::Seldom;

/// Where clients connect.
pub const PATH: &str = "/rpc";
/// Connections that have not become a session yet.
const MAX_CONNECTIONS: usize = 256;
/// Clients at a time.
const MAX_SESSIONS: usize = 1000;
/// How long the TLS handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// What all connections share.
pub struct Door<B> {
    bus: B,
    tokens: Tokens,
    origins: Vec<String>,
    places: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
    refused: Seldom,
    unreadable: Seldom,
}

impl<B: Bus + Sync> Door<B> {
    pub fn new(bus: B, tokens: Tokens, origins: Vec<String>, stopped: watch::Receiver<bool>) -> Self {
        let places = Arc::new(Semaphore::new(MAX_SESSIONS));
        let (refused, unreadable) = (Seldom::default(), Seldom::default());
        Self { bus, tokens, origins, places, stopped, refused, unreadable }
    }

    /// The token that is shown, and a place for its session; else what the client gets to hear.
    fn admit(&self, headers: &HeaderMap, uri: &Uri) -> Result<(TokenInfo, OwnedSemaphorePermit), Refusal> {
        let origin = headers.get(header::ORIGIN);
        if let Some(origin) = origin
            && !self.origins.iter().any(|allowed| origin == allowed.as_str())
        {
            self.refuses("a page of an origin that is not allowed was refused");
            return Err((StatusCode::FORBIDDEN, "this origin is not allowed"));
        }
        let shown = bearer(headers).or_else(|| query_token(uri));
        let found = match shown.map(|token| self.tokens.find(&token)) {
            None => return Err((StatusCode::UNAUTHORIZED, "a token is needed")),
            Some(Ok(found)) => found,
            Some(Err(error)) => {
                if let Some(times) = self.unreadable.now() {
                    tracing::error!(%error, times, "tokens cannot be read: nobody can connect");
                }
                return Err((StatusCode::SERVICE_UNAVAILABLE, "tokens cannot be read"));
            }
        };
        let Some(token) = found else {
            self.refuses("a client with an unknown token was refused");
            return Err((StatusCode::UNAUTHORIZED, "unknown token"));
        };
        match self.places.clone().try_acquire_owned() {
            Ok(place) => Ok((token, place)),
            Err(_) => Err((StatusCode::SERVICE_UNAVAILABLE, "too many clients")),
        }
    }

    fn refuses(&self, what: &str) {
        if let Some(times) = self.refused.now() {
            tracing::warn!(times, "{what}");
        }
    }
}

type Refusal = (StatusCode, &'static str);

/// The token in a request.
pub fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Pages cannot set fields of the request.
fn query_token(uri: &Uri) -> Option<String> {
    let query = uri.query()?;
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "token")
        .map(|(_, value)| value.into_owned())
}

/// Accepts connections for ever. Those that have not become a session end with this.
pub async fn accept<B: Bus + Sync>(listener: TcpListener, tls: Option<TlsAcceptor>, door: Arc<Door<B>>) {
    let router = Router::new().route(PATH, any(enter::<B>)).with_state(door);
    accept::accept(listener, &Places::new(MAX_CONNECTIONS), move |stream, _| {
        let (tls, router) = (tls.clone(), router.clone());
        async move {
            // Small answers must not wait for the confirmation of those before.
            stream.set_nodelay(true).ok();
            match tls {
                None => serve(stream, router).await,
                Some(tls) => match tokio::time::timeout(HANDSHAKE_TIME, tls.accept(stream)).await {
                    Ok(Ok(stream)) => serve(stream, router).await,
                    Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                    Err(_) => tracing::debug!("a TLS handshake took too long"),
                },
            }
        }
    })
    .await;
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = TowerToHyperService::new(router);
    let served = accept::http().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
    if let Err(error) = served {
        tracing::trace!(%error, "a connection ended early");
    }
}

async fn enter<B: Bus + Sync>(
    State(door): State<Arc<Door<B>>>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let (token, place) = match door.admit(&headers, &uri) {
        Ok(admitted) => admitted,
        Err(refusal) => return refusal.into_response(),
    };
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let bus = Limited::new(door.bus.clone(), token.access());
    let (tokens, stopped) = (door.tokens.clone(), door.stopped.clone());
    upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).on_upgrade(async move |socket| {
        session::run(socket, bus, &tokens, &token, stopped).await;
        drop(place);
    })
}
