//! One exchange after the other, until there is an answer that is no redirect.

use std::{net::SocketAddr, pin::pin};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request as HyperRequest, Response as HyperResponse, body::Body as _, body::Bytes, body::Incoming,
    client::conn::http1, header,
};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use url::{Host, Url};
use volary_mail::{login::Protocol, proxy::ProxyUrl};

use super::{AGENT, HOSTS_WITH_AGENT, HttpError, Method, Request, Response, content_type, parse_url};
use crate::{
    connect::{ConnectError, Network, first_success, tcp_connect, unix_now},
    proxy::tunnel,
    tls::TlsMode,
    wire::BoxedStream,
};

/// Most requests that lead to one answer.
const MAX_REQUESTS: usize = 10;
/// Most bytes of the head of an answer.
const MAX_HEAD: usize = 64 * 1024;
/// Most header fields of an answer.
const MAX_FIELDS: usize = 100;

/// Sends a request and follows redirects, each over a connection of its own. An answer without success is an answer
/// too, see [`Response::success`].
pub async fn fetch(
    network: &Network,
    proxy: Option<&ProxyUrl>,
    request: &Request<'_>,
) -> Result<Response, HttpError> {
    let Request { deadline, .. } = *request;
    // Boxed: it needs much room, and only while it runs.
    let answer = Box::pin(follow(network, proxy, request));
    timeout(deadline, answer).await.map_err(|_| HttpError::TimedOut)?
}

async fn follow(
    network: &Network,
    proxy: Option<&ProxyUrl>,
    request: &Request<'_>,
) -> Result<Response, HttpError> {
    let mut url = parse_url(request.url, request.https_only)?;
    for _ in 0..MAX_REQUESTS {
        let stream = connect(network, proxy, &url, request.strict).await?;
        match exchange(stream, &url, request).await? {
            Answer::Whole(response) => return Ok(response),
            Answer::Redirect(location) => url = parse_url(&location, request.https_only)?,
        }
    }
    Err(HttpError::TooManyRedirects(MAX_REQUESTS))
}

/// Opens a connection to the server of `url`, encrypted if the address says so.
async fn connect(
    network: &Network,
    proxy: Option<&ProxyUrl>,
    url: &Url,
    strict: bool,
) -> Result<BoxedStream, HttpError> {
    let host = match url.host() {
        Some(Host::Domain(name)) => name.to_owned(),
        Some(Host::Ipv4(ip)) => ip.to_string(),
        Some(Host::Ipv6(ip)) => ip.to_string(),
        None => return Err(HttpError::BadUrl("empty host".to_owned())),
    };
    let port = url.port_or_known_default().unwrap_or(80);
    let mode = (url.scheme() == "https").then_some(TlsMode { strict, sni: true, alpn: None });
    let secured = async |stream: BoxedStream| match mode {
        Some(mode) => network.tls().handshake(&host, mode, stream).await,
        None => Ok(stream),
    };
    if let Some(proxy) = proxy {
        let stream = tunnel(proxy, network, &host, port).await.map_err(ConnectError::from)?;
        let stream = secured(stream).await.map_err(|error| tls_failed(&host, &error))?;
        return Ok(stream);
    }
    // Only a checked certificate shows that a remembered address still belongs to the host.
    let checked = mode.is_some_and(|mode| mode.strict);
    let ips = network.resolver().addresses(&host, port, Protocol::Imap, checked, unix_now()).await;
    if ips.is_empty() {
        return Err(ConnectError::NoAddress { host, port }.into());
    }
    let attempt = |ip| {
        let (secured, host) = (&secured, &host);
        async move {
            let stream = tcp_connect(SocketAddr::new(ip, port)).await.map_err(|error| error.to_string())?;
            secured(stream).await.map_err(|error| format!("TLS with {host} failed: {error}"))
        }
    };
    Ok(first_success(ips, attempt).await.map_err(ConnectError::AllFailed)?)
}

fn tls_failed(host: &str, error: &std::io::Error) -> ConnectError {
    ConnectError::AllFailed(vec![format!("TLS with {host} failed: {error}")])
}

enum Answer {
    Whole(Response),
    Redirect(String),
}

async fn exchange(stream: BoxedStream, url: &Url, request: &Request<'_>) -> Result<Answer, HttpError> {
    let broken = |error: hyper::Error| HttpError::Broken(authority(url), chain(&error));
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let asked = asked(url, request.method)?;
    let answer = async {
        let response = sender.send_request(asked).await.map_err(broken)?;
        read(response, url, request).await
    };
    let (mut answer, mut connection) = (pin!(answer), pin!(connection));
    let mut is_open = true;
    loop {
        tokio::select! {
            answer = &mut answer => return answer,
            // It also ends by itself; the answer, or why there is none, comes from the exchange.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

fn asked(url: &Url, method: Method) -> Result<HyperRequest<Empty<Bytes>>, HttpError> {
    let target = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    let method = match method {
        Method::Get => hyper::Method::GET,
        Method::Post => hyper::Method::POST,
    };
    let mut request =
        HyperRequest::builder().method(&method).uri(target).header(header::HOST, authority(url));
    if method == hyper::Method::POST {
        request = request.header(header::CONTENT_LENGTH, 0);
    }
    if url.host_str().is_some_and(|host| HOSTS_WITH_AGENT.contains(&host)) {
        request = request.header(header::USER_AGENT, AGENT);
    }
    request.body(Empty::new()).map_err(|error| HttpError::BadUrl(error.to_string()))
}

/// Host and port as the header names them; without user and password, which are never sent.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

async fn read(
    response: HyperResponse<Incoming>,
    url: &Url,
    request: &Request<'_>,
) -> Result<Answer, HttpError> {
    let field = |name| {
        let value = response.headers().get_all(name).iter().next_back()?;
        value.to_str().ok().map(str::to_owned)
    };
    let status = response.status();
    if status.is_redirection() && request.method == Method::Get {
        let location = field(header::LOCATION);
        return Ok(Answer::Redirect(location.ok_or_else(|| HttpError::Status(status.to_string()))?));
    }
    let (mime, charset) = field(header::CONTENT_TYPE).map(|value| content_type(&value)).unwrap_or_default();
    let body = collect(response.into_body(), url, request.max_body).await?;
    Ok(Answer::Whole(Response {
        url: url.to_string(),
        status: status.to_string(),
        is_success: status.is_success(),
        mime,
        charset,
        body,
    }))
}

async fn collect(mut body: Incoming, url: &Url, limit: usize) -> Result<Bytes, HttpError> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(HttpError::TooLarge(limit));
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| HttpError::Broken(authority(url), chain(&error)))?;
        let Ok(data) = frame.into_data() else { continue };
        if data.len() > limit - bytes.len() {
            return Err(HttpError::TooLarge(limit));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.into())
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
