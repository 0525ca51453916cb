//! What a profile asks of web servers: the servers of a domain, new accounts, documents for its client.
//!
//! The names of this world are known to a proxy alone, so that nothing leaves the machine and every target is seen.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use volary_proto::event::Kind;
use volary_proto::{
    AddOrUpdateTransport, AddTransportFromQr, EnteredLoginParam, GetHttpResponse, GetIceServers,
    InitTransports, ListTransports, SetConfig, StartIo,
};
use volary_tests::{Person, World};

/// A name whose certificates may be self-signed.
const DOMAIN: &str = "_one.test";

/// Answers by path, with everything that was asked.
#[derive(Clone)]
struct Web {
    port: u16,
    answers: Arc<HashMap<String, String>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// A server of `https` for the domain, or of `http`.
    async fn open(https: bool, answers: &[(&str, String)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answers = answers.iter().map(|(path, answer)| ((*path).to_owned(), answer.clone())).collect();
        let web = Self { port, answers: Arc::new(answers), asked: Arc::default() };
        let (served, acceptor) = (web.clone(), https.then(acceptor));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (web, acceptor) = (served.clone(), acceptor.clone());
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => web.serves(acceptor.accept(stream).await?).await,
                        None => web.serves(stream).await,
                    }
                });
            }
        });
        web
    }

    async fn serves(
        &self,
        mut stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    ) -> std::io::Result<()> {
        let head = head(&mut stream).await?;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.asked.lock().push(format!("{method} {path}"));
        let missing = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned();
        stream.write_all(self.answers.get(path).unwrap_or(&missing).as_bytes()).await?;
        stream.shutdown().await
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().clone()
    }
}

fn acceptor() -> TlsAcceptor {
    let signed = rcgen::generate_simple_self_signed([DOMAIN.to_owned()]).expect("a certificate");
    let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions of TLS")
        .with_no_client_auth()
        .with_single_cert(vec![signed.cert.der().clone()], key.into())
        .expect("a usable certificate");
    TlsAcceptor::from(Arc::new(config))
}

async fn head(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// A proxy that knows where some names lead and refuses all others. Gives its address and the targets asked for.
async fn proxy(routes: &[(String, u16)]) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://127.0.0.1:{}", listener.local_addr().expect("an address").port());
    let routes: Arc<HashMap<String, u16>> = Arc::new(routes.iter().cloned().collect());
    let targets: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = targets.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (routes, seen) = (routes.clone(), seen.clone());
            tokio::spawn(async move {
                let head = head(&mut stream).await?;
                let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().push(target.clone());
                let Some(port) = routes.get(&target) else {
                    return stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
                };
                let mut there = TcpStream::connect(("127.0.0.1", *port)).await?;
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                copy_bidirectional(&mut stream, &mut there).await.map(|_| ())
            });
        }
    });
    (url, targets)
}

fn ok(kind: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// What the domain says about its servers, which are those of the relay.
fn description(world: &World) -> String {
    let server = |tag: &str, kind: &str, port: u16| {
        format!(
            "<{tag} type='{kind}'><hostname>%EMAILDOMAIN%</hostname><port>{port}</port><socketType>SSL</socketType>\
             <username>%EMAILADDRESS%</username></{tag}>"
        )
    };
    let text = format!(
        "<?xml version='1.0'?><clientConfig version='1.1'><emailProvider id='x'>{}{}</emailProvider></clientConfig>",
        server("incomingServer", "imap", world.relay.imap_tls_port()),
        server("outgoingServer", "smtp", world.relay.smtp_tls_port())
    );
    ok("text/xml", &text)
}

/// Routes to the servers of the relay under their own ports, and to a web server.
fn routes(world: &World, web: Option<&Web>) -> Vec<(String, u16)> {
    let own = [world.relay.imap_tls_port(), world.relay.smtp_tls_port()];
    let mut routes: Vec<_> = own.iter().map(|port| (format!("{DOMAIN}:{port}"), *port)).collect();
    routes.extend(web.map(|web| (format!("{DOMAIN}:443"), web.port)));
    routes
}

/// Somebody new behind a proxy.
async fn somebody(world: &World, proxy: &str) -> Person {
    let person = world.newcomer("Carol").await;
    for (key, value) in [("proxy_url", proxy), ("proxy_enabled", "1")] {
        person.call(SetConfig { key: key.to_owned(), value: Some(value.to_owned()) }).await;
    }
    person
}

fn steps(person: &Person) -> Vec<u32> {
    let step = |kind: Kind| match kind {
        Kind::ConfigureProgress(event) => Some(event.progress),
        _ => None,
    };
    person.log.all().into_iter().filter_map(step).collect()
}

fn address_and_password() -> AddOrUpdateTransport {
    let param = EnteredLoginParam {
        addr: format!("Carol@{DOMAIN}"),
        password: "correct horse".to_owned(),
        ..Default::default()
    };
    AddOrUpdateTransport { param: Some(param) }
}

// Spec 05 §2.1 and §2.2.
#[tokio::test]
async fn a_domain_describes_its_servers() {
    let world = World::new().await;
    let path = "/.well-known/autoconfig/mail/config-v1.1.xml";
    let web = Web::open(true, &[(path, description(&world))]).await;
    let (url, targets) = proxy(&routes(&world, Some(&web))).await;
    let carol = somebody(&world, &url).await;
    carol.call(address_and_password()).await;
    carol.eventually("success", async || steps(&carol).contains(&1000).then_some(())).await;
    let mut steps = steps(&carol);
    // Both logins go on at the same time.
    steps.retain(|step| ![600, 850].contains(step));
    assert_eq!(steps, [1, 200, 300, 500, 550, 900, 910, 920, 940, 1000]);
    assert!(web.asked().contains(&format!("GET {path}")), "{:?}", web.asked());
    let targets = targets.lock().clone();
    assert!(targets.contains(&format!("autoconfig.{DOMAIN}:443")), "{targets:?}");
    assert!(!targets.iter().any(|target| target.contains("thunderbird")), "{targets:?}");
    let listed = carol.call(ListTransports {}).await.transports;
    assert_eq!((listed[0].addr.as_str(), &listed[0].imap_server), ("carol@_one.test", &None));
    world.ends().await;
}

// Spec 05 §2.3: without a description six servers are tried per protocol, in this order.
#[tokio::test]
async fn an_address_and_a_password_are_enough() {
    let world = World::new().await;
    let last = [("993", world.relay.imap_tls_port()), ("465", world.relay.smtp_tls_port())];
    let routes: Vec<_> = last.iter().map(|(port, to)| (format!("{DOMAIN}:{port}"), *to)).collect();
    let (url, targets) = proxy(&routes).await;
    let carol = somebody(&world, &url).await;
    carol.call(address_and_password()).await;
    carol.eventually("success", async || steps(&carol).contains(&1000).then_some(())).await;
    assert_eq!(steps(&carol)[..8], [1, 200, 300, 310, 320, 330, 500, 550]);
    let targets = targets.lock().clone();
    let of = |ports: [&str; 2]| {
        let tried = targets.iter().filter(|target| ports.iter().any(|port| target.ends_with(port)));
        tried.take(5).cloned().collect::<Vec<_>>()
    };
    let expected = |protocol: &str, [tls, starttls]: [&str; 2]| {
        ["", "mail.", ""]
            .iter()
            .enumerate()
            .flat_map(|(n, prefix)| {
                let host = if n == 0 { format!("{protocol}.{DOMAIN}") } else { format!("{prefix}{DOMAIN}") };
                [format!("{host}{tls}"), format!("{host}{starttls}")]
            })
            .take(5)
            .collect::<Vec<_>>()
    };
    for (protocol, ports) in [("imap", [":993", ":143"]), ("smtp", [":465", ":587"])] {
        assert_eq!(of(ports), expected(protocol, ports), "{protocol}");
    }
    world.ends().await;
}

// Spec 05 §1.4: no request over the web, whose port may be closed to the user.
#[tokio::test]
async fn a_code_that_names_a_relay_asks_nothing_of_the_web() {
    let world = World::new().await;
    let usual = [("993", world.relay.imap_tls_port()), ("465", world.relay.smtp_tls_port())];
    let routes: Vec<_> = usual.iter().map(|(port, to)| (format!("{DOMAIN}:{port}"), *to)).collect();
    let (url, targets) = proxy(&routes).await;
    let carol = somebody(&world, &url).await;
    carol.call(AddTransportFromQr { qr: format!("dcaccount:{DOMAIN}") }).await;
    let targets = targets.lock().clone();
    assert!(targets.contains(&format!("{DOMAIN}:993")), "{targets:?}");
    assert!(!targets.iter().any(|target| target.ends_with(":443")), "{targets:?}");
    assert!(!steps(&carol).iter().any(|step| (300..400).contains(step)), "{:?}", steps(&carol));
    world.ends().await;
}

#[tokio::test]
async fn a_domain_without_servers_fails_with_the_first_of_them() {
    let world = World::new().await;
    let (url, _) = proxy(&[]).await;
    let carol = somebody(&world, &url).await;
    let error = carol.tries(address_and_password()).await.expect_err("there is no server");
    assert!(error.message.starts_with("Error:\n\n“"), "{error}");
    carol.eventually("a failure", async || (steps(&carol).last() == Some(&0)).then_some(())).await;
    assert!(carol.call(ListTransports {}).await.transports.is_empty());
    world.ends().await;
}

// Spec 03 §4.2.
#[tokio::test]
async fn a_web_address_hands_out_an_account() {
    let world = World::new().await;
    let account = format!("{{\"email\":\"New@{DOMAIN}\",\"password\":\"correct horse\"}}");
    let reason = "{\"reason\":\"no more accounts today\"}";
    let refusal = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\n\r\n{reason}", reason.len());
    let web = Web::open(
        true,
        &[
            ("/new", ok("application/json", &account)),
            ("/full", refusal),
            (
                "/moved",
                format!("HTTP/1.1 302 Found\r\nLocation: https://{DOMAIN}/new\r\nContent-Length: 0\r\n\r\n"),
            ),
            ("/.well-known/autoconfig/mail/config-v1.1.xml", description(&world)),
        ],
    )
    .await;
    let (url, _) = proxy(&routes(&world, Some(&web))).await;
    let carol = somebody(&world, &url).await;
    let scans =
        |path: &str| carol.tries(AddTransportFromQr { qr: format!("dcaccount:https://{DOMAIN}{path}") });
    assert_eq!(scans("/full").await.expect_err("refused").message, "no more accounts today");
    let moved = scans("/moved").await.expect_err("redirects are not followed");
    assert!(moved.message.starts_with("Cannot create account, unexpected server response:"), "{moved}");
    assert!(!web.asked().contains(&"POST /new".to_owned()));
    scans("/new").await.expect("an account");
    assert!(web.asked().contains(&"POST /new".to_owned()));
    let listed = carol.call(ListTransports {}).await.transports;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].addr, format!("new@{DOMAIN}"));
    world.ends().await;
}

// Spec 05 §9.
#[tokio::test]
async fn a_profile_without_a_relay_takes_one_of_an_invite_and_later_a_second_one() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let ports = [
        ("443", world.relay.imap_tls_port()),
        ("993", world.relay.imap_tls_port()),
        ("465", world.relay.smtp_tls_port()),
    ];
    let hosts = [DOMAIN, "_two.test"];
    let routes: Vec<_> =
        hosts.iter().flat_map(|host| ports.map(|(port, to)| (format!("{host}:{port}"), to))).collect();
    let (url, targets) = proxy(&routes).await;
    let carol = somebody(&world, &url).await;
    let hosts = "_two.test\n_none.test".to_owned();
    carol.call(SetConfig { key: "autorelay_hosts".to_owned(), value: Some(hosts.clone()) }).await;
    let relays = async || {
        let listed = carol.call(ListTransports {}).await.transports;
        listed
            .into_iter()
            .map(|login| login.addr.split_once('@').expect("an address").1.to_owned())
            .collect::<Vec<_>>()
    };
    let code = bob.code(None).await;
    carol.call(InitTransports { qr: Some(code.clone()) }).await;
    assert_eq!(relays().await.len(), 1);
    let probed = targets.lock().clone();
    for host in [DOMAIN, "_two.test", "_none.test"] {
        assert!(probed.contains(&format!("{host}:443")), "{probed:?}");
    }
    carol.call(StartIo {}).await;
    let mut both =
        carol.eventually("a second relay", async || Some(relays().await).filter(|all| all.len() > 1)).await;
    both.sort();
    assert_eq!(both, [DOMAIN, "_two.test"]);
    // Somebody who has a relay gets no other one.
    carol.call(InitTransports { qr: None }).await;
    assert_eq!(relays().await.len(), 2);
    let dave = somebody(&world, &url).await;
    dave.call(SetConfig { key: "autorelay_hosts".to_owned(), value: Some("_none.test".to_owned()) }).await;
    let error = dave.tries(InitTransports { qr: None }).await.expect_err("there is no relay");
    assert!(error.message.contains("No relay can be reached"), "{error}");
    world.ends().await;
}

// Spec 05 §4.
#[tokio::test]
async fn documents_come_from_the_web_once_an_hour() {
    let world = World::new().await;
    let web = Web::open(
        false,
        &[
            ("/page?x", ok("text/html; charset=utf-8", "hello")),
            ("/relative", "HTTP/1.1 302 Found\r\nLocation: /page?x\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ],
    )
    .await;
    let carol = world.newcomer("Carol").await;
    for _ in 0..2 {
        let page = carol.call(GetHttpResponse { url: web.url("/page?x") }).await;
        assert_eq!(&page.blob[..], b"hello");
        assert_eq!((page.mimetype.as_deref(), page.encoding.as_deref()), (Some("text/html"), Some("utf-8")));
    }
    assert_eq!(web.asked(), ["GET /page?x"]);
    for (path, expected) in [
        ("/relative", "URL has no scheme"),
        ("/missing", "The server returned a non-successful response code: 404 Not Found"),
    ] {
        let error = carol.tries(GetHttpResponse { url: web.url(path) }).await.expect_err(path);
        assert_eq!(error.message, expected);
    }
    let error = carol.tries(GetHttpResponse { url: "example.org".to_owned() }).await.expect_err("no address");
    assert_eq!(error.message, "URL has no scheme");
    world.ends().await;
}

// Spec 06 §9.7.
#[tokio::test]
async fn servers_for_media_come_from_the_settings_when_no_relay_has_any() {
    let world = World::new().await;
    let carol = world.person("Carol").await;
    assert_eq!(carol.call(GetIceServers {}).await.text, "[]");
    let servers = "turn:127.0.0.1:3478:user:secret\nstun:127.0.0.1";
    carol.call(SetConfig { key: "ice_servers".to_owned(), value: Some(servers.to_owned()) }).await;
    assert_eq!(
        carol.call(GetIceServers {}).await.text,
        "[{\"urls\":[\"stun:127.0.0.1:3478\"],\"username\":null,\"credential\":null},\
         {\"urls\":[\"turn:127.0.0.1:3478\"],\"username\":\"user\",\"credential\":\"secret\"}]"
    );
    world.ends().await;
}
