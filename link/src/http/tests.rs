use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use volary_mail::proxy::ProxyUrl;

use super::*;
use crate::Network;

/// A server that gives fixed answers by path and keeps what it was asked.
#[derive(Clone)]
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Starts one. `%P` in an answer becomes its port.
    async fn start(answers: &[(&str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: HashMap<String, String> = answers
            .iter()
            .map(|(path, answer)| ((*path).to_owned(), answer.replace("%P", &port.to_string())))
            .collect();
        let answers = Arc::new(answers);
        let server = Self { port, asked: Arc::default() };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answers, asked) = (answers.clone(), asked.clone());
                tokio::spawn(async move {
                    loop {
                        let mut head = Vec::new();
                        while !head.ends_with(b"\r\n\r\n") {
                            head.push(stream.read_u8().await?);
                        }
                        let head = String::from_utf8(head).unwrap();
                        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                        let is_tunnel = head.starts_with("CONNECT ");
                        asked.lock().push(head);
                        match answers.get(&path) {
                            Some(answer) => stream.write_all(answer.as_bytes()).await?,
                            // It does not answer at all.
                            None => std::future::pending().await,
                        }
                        // A proxy answers what comes through the tunnel itself.
                        if !is_tunnel {
                            break;
                        }
                    }
                    stream.shutdown().await
                });
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

fn ok(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn to(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn get(url: &str) -> Request<'_> {
    Request {
        method: Method::Get,
        url,
        strict: true,
        https_only: false,
        max_body: 1000,
        deadline: Duration::from_secs(20),
    }
}

async fn ask(request: &Request<'_>) -> Result<Response, HttpError> {
    fetch(&Network::with_defaults().unwrap(), None, request).await
}

async fn error(url: &str) -> String {
    ask(&get(url)).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_document_comes_with_its_kind_and_nobody_learns_who_asks() {
    let server =
        Server::start(&[("/a?b=1", ok("Text/HTML; charset=\"UTF-8\"", "hello")), ("/", ok("x", ""))]).await;
    let response =
        ask(&get(&server.url("/a?b=1#c").replace("//", "//user:secret@"))).await.unwrap().success().unwrap();
    assert_eq!((response.mime.as_deref(), response.charset.as_deref()), (Some("text/html"), Some("utf-8")));
    assert_eq!((&response.body[..], response.status.as_str()), (&b"hello"[..], "200 OK"));
    assert_eq!(server.asked(), [format!("GET /a?b=1 HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", server.port)]);
    let bare = ask(&get(&format!("http://127.0.0.1:{}", server.port))).await.unwrap();
    assert_eq!((bare.mime, bare.charset, bare.body), (None, None, Bytes::new()));
}

#[tokio::test]
async fn a_post_has_no_body_and_follows_no_redirect() {
    let server =
        Server::start(&[("/new", ok("application/json", "{}")), ("/moved", to("http://127.0.0.1:%P/new"))])
            .await;
    let post = |url| async move {
        let url: String = url;
        ask(&Request { method: Method::Post, ..get(&url) }).await.unwrap()
    };
    assert!(post(server.url("/new")).await.is_success);
    let moved = post(server.url("/moved")).await;
    assert_eq!((moved.status.as_str(), moved.is_success), ("302 Found", false));
    let head = format!("POST /new HTTP/1.1\r\nhost: 127.0.0.1:{}\r\ncontent-length: 0\r\n\r\n", server.port);
    assert_eq!((server.asked().len(), server.asked()[0].as_str()), (2, head.as_str()));
}

#[tokio::test]
async fn redirects_are_followed_ten_requests_long() {
    let server = Server::start(&[
        (
            "/one",
            "HTTP/1.1 301 x\r\nLocation: http://127.0.0.1:1/\r\nLocation: http://127.0.0.1:%P/two\r\n\r\n"
                .to_owned(),
        ),
        ("/two", ok("text/plain", "there")),
        ("/loop", to("http://127.0.0.1:%P/loop")),
        ("/relative", to("/two")),
        ("/file", to("file:///etc/passwd")),
        ("/nowhere", "HTTP/1.1 304 Not Modified\r\n\r\n".to_owned()),
    ])
    .await;
    let response = ask(&get(&server.url("/one"))).await.unwrap();
    assert_eq!((&response.body[..], response.url), (&b"there"[..], server.url("/two")));
    assert_eq!(error(&server.url("/loop")).await, "Followed 10 redirections");
    assert_eq!(server.asked().iter().filter(|head| head.contains("/loop")).count(), 10);
    assert_eq!(error(&server.url("/relative")).await, "URL has no scheme");
    assert_eq!(error(&server.url("/file")).await, "Unknown URL scheme");
    assert!(error(&server.url("/nowhere")).await.contains("304 Not Modified"));
}

#[tokio::test]
async fn addresses_that_are_none_are_named() {
    for (url, expected) in [
        ("example.org/x", "URL has no scheme"),
        ("", "URL has no scheme"),
        ("ftp://example.org/", "Unknown URL scheme"),
        ("data:text/plain,x", "Unknown URL scheme"),
        ("http://", "Invalid URL: empty host"),
    ] {
        assert_eq!(error(url).await, expected, "{url}");
    }
    let server = Server::start(&[("/", to("http://127.0.0.1:%P/"))]).await;
    let url = server.url("/");
    let only = ask(&Request { https_only: true, ..get(&url) }).await;
    assert!(matches!(only, Err(HttpError::NotHttps)) && server.asked().is_empty());
}

#[tokio::test]
async fn what_is_no_success_is_an_answer_too() {
    let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";
    let server = Server::start(&[("/", missing.to_owned())]).await;
    let response = ask(&get(&server.url("/"))).await.unwrap();
    assert_eq!(&response.body[..], b"gone");
    assert_eq!(
        response.success().unwrap_err().to_string(),
        "The server returned a non-successful response code: 404 Not Found"
    );
}

#[tokio::test]
async fn answers_are_bounded_however_they_come() {
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        "64\r\n".to_owned() + &"x".repeat(100) + "\r\n"
    );
    let server = Server::start(&[
        ("/exact", ok("text/plain", &"x".repeat(1000))),
        ("/announced", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n".to_owned()),
        ("/huge", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n".to_owned()),
        ("/until-close", format!("HTTP/1.0 200 OK\r\n\r\n{}", "x".repeat(1001))),
        (
            "/chunked",
            chunked.replace("0\r\n\r\n", "")
                + &chunked.split("\r\n\r\n").nth(1).unwrap().repeat(12)
                + "\r\n0\r\n\r\n",
        ),
        ("/small", chunked),
        ("/cut", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort".to_owned()),
        ("/head", format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000))),
        ("/fields", format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(200))),
        ("/other", "SSH-2.0-x\r\n".to_owned()),
        ("/closed", String::new()),
    ])
    .await;
    assert_eq!(ask(&get(&server.url("/exact"))).await.unwrap().body.len(), 1000);
    assert_eq!(ask(&get(&server.url("/small"))).await.unwrap().body.len(), 100);
    for path in ["/announced", "/until-close"] {
        assert!(matches!(ask(&get(&server.url(path))).await, Err(HttpError::TooLarge(1000))), "{path}");
    }
    for path in ["/chunked", "/huge", "/cut", "/head", "/fields", "/other", "/closed"] {
        assert!(ask(&get(&server.url(path))).await.is_err(), "{path}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_ends_at_the_deadline() {
    let server = Server::start(&[]).await;
    let url = server.url("/");
    let started = std::time::Instant::now();
    let answer = ask(&Request { deadline: Duration::from_millis(200), ..get(&url) }).await;
    assert!(matches!(answer, Err(HttpError::TimedOut)), "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn the_proxy_of_the_profile_is_used() {
    let open = "HTTP/1.1 200 OK\r\n\r\n".to_owned();
    let proxy = Server::start(&[("inside.example:80", open), ("/x", ok("text/plain", "tunnelled"))]).await;
    let url = ProxyUrl::parse(&proxy.url("")).unwrap();
    let network = Network::with_defaults().unwrap();
    let answer = fetch(&network, Some(&url), &get("http://inside.example/x")).await;
    assert!(proxy.asked()[0].starts_with("CONNECT inside.example:80 HTTP/1.1\r\n"), "{:?}", proxy.asked());
    assert_eq!(&answer.unwrap().body[..], b"tunnelled");
}

#[tokio::test]
async fn https_is_no_http_in_clear() {
    let server = Server::start(&[("/", ok("text/plain", "clear"))]).await;
    let url = server.url("/").replace("http:", "https:");
    for strict in [true, false] {
        let request = Request { strict, deadline: Duration::from_secs(2), ..get(&url) };
        assert!(ask(&request).await.is_err() && server.asked().is_empty());
    }
}

#[test]
fn kinds_of_content_are_read_leniently() {
    for (value, mime, charset) in [
        ("text/html", Some("text/html"), None),
        ("TEXT/html ; Charset = iso-8859-1 ; x=y", Some("text/html"), Some("iso-8859-1")),
        ("text/html; charset=", Some("text/html"), None),
        ("image/svg+xml;charset=\"utf-8\"", Some("image/svg+xml"), Some("utf-8")),
        ("nonsense", None, None),
        ("a b/c", None, None),
        ("/", None, None),
        ("", None, None),
    ] {
        assert_eq!(content_type(value), (mime.map(str::to_owned), charset.map(str::to_owned)), "{value}");
    }
}
