//! Clients over WebSocket, with a scripted engine behind them.

use std::net::SocketAddr;

use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{Duration, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message, http};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::access::Access;
use crate::jsonrpc::tests::{Script, info};

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(20);

struct Host {
    folder: tempfile::TempDir,
    served: WebSockets,
}

impl Host {
    async fn start(script: Script) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options {
            address: "127.0.0.1:0".parse().unwrap(),
            origins: vec!["https://chat.example.org".into()],
            tls: None,
        };
        let served = WebSockets::start(script, Tokens::of(folder.path()), options).await.unwrap();
        Self { folder, served }
    }

    fn tokens(&self) -> Tokens {
        Tokens::of(self.folder.path())
    }

    fn token(&self, name: &str, profiles: Option<&[u32]>, read_only: bool) -> String {
        let profiles = profiles.map(|ids| ids.iter().copied().collect());
        self.tokens().add(name, Access { profiles, read_only }).unwrap()
    }

    async fn connect(&self, token: &str) -> Client {
        Client(enter(self.served.address(), Some(token), None).await.unwrap())
    }
}

/// Opens a WebSocket; the status if it is refused.
async fn enter(
    address: SocketAddr,
    token: Option<&str>,
    origin: Option<&str>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, u16> {
    let mut request = format!("ws://{address}/rpc").into_client_request().unwrap();
    let fields = request.headers_mut();
    if let Some(token) = token {
        fields.insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    }
    if let Some(origin) = origin {
        fields.insert(http::header::ORIGIN, origin.parse().unwrap());
    }
    match timeout(SOON, connect_async(request)).await.unwrap() {
        Ok((stream, _)) => Ok(stream),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    async fn calls(&mut self, id: u32, method: &str, params: Value) {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.0.send(Message::text(format!("{call:#}"))).await.unwrap();
    }

    async fn reads(&mut self) -> Value {
        loop {
            match timeout(SOON, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The code with which the host closes.
    async fn is_closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = timeout(SOON, self.0.next()).await.unwrap().unwrap().unwrap() {
                return frame.unwrap().code.into();
            }
        }
    }
}

#[tokio::test]
async fn a_client_with_a_token_is_answered_and_gets_events() {
    let (script, events) = Script::with_events();
    let host = Host::start(script).await;
    let mut client = host.connect(&host.token("desktop", None, false)).await;
    client.calls(1, "get_config", json!([1, "addr"])).await;
    assert_eq!(client.reads().await, json!({"jsonrpc": "2.0", "id": 1, "result": "addr"}));
    client.calls(2, "get_next_event", json!([])).await;
    events.send(info(7)).unwrap();
    assert_eq!(client.reads().await["result"]["event"]["msg"], json!("7"));
}

#[tokio::test]
async fn who_shows_no_token_or_a_wrong_one_or_comes_from_elsewhere_is_refused() {
    let host = Host::start(Script::default()).await;
    let (address, token) = (host.served.address(), host.token("desktop", None, false));
    let refused = async |token, origin| enter(address, token, origin).await.err();
    assert_eq!(refused(None, None).await, Some(401));
    assert_eq!(refused(Some("volary_00"), None).await, Some(401));
    assert_eq!(refused(Some(&token), Some("https://evil.example")).await, Some(403));
    assert_eq!(refused(Some(&token), Some("https://chat.example.org")).await, None);
    host.tokens().remove("desktop").unwrap();
    assert_eq!(refused(Some(&token), None).await, Some(401));
}

#[tokio::test]
async fn a_limited_token_sees_its_profiles_only() {
    let host = Host::start(Script::default()).await;
    let mut client = host.connect(&host.token("bot", Some(&[2]), false)).await;
    client.calls(1, "get_all_account_ids", json!([])).await;
    assert_eq!(client.reads().await["result"], json!([2]));
    client.calls(2, "get_config", json!([1, "addr"])).await;
    assert_eq!(client.reads().await["error"]["message"], json!("account with id 1 not found"));
    let mut reader = host.connect(&host.token("reader", None, true)).await;
    reader.calls(1, "set_config", json!([2, "displayname", "x"])).await;
    assert_eq!(reader.reads().await["error"]["message"], json!("not allowed: this token only reads"));
}

#[tokio::test]
async fn what_is_not_text_ends_the_session_and_garbage_does_not() {
    let host = Host::start(Script::default()).await;
    let mut client = host.connect(&host.token("desktop", None, false)).await;
    client.0.send(Message::text("{\"nonsense")).await.unwrap();
    assert_eq!(client.reads().await["error"]["code"], json!(-32700));
    client.0.send(Message::binary(vec![0, 1, 2])).await.unwrap();
    assert_eq!(client.is_closed().await, 1003);
}

#[tokio::test]
async fn sessions_end_with_the_host() {
    let host = Host::start(Script::default()).await;
    let mut client = host.connect(&host.token("desktop", None, false)).await;
    client.calls(1, "get_config", json!([1, "addr"])).await;
    client.reads().await;
    host.served.stop();
    assert_eq!(client.is_closed().await, 1001);
}

#[tokio::test]
async fn nobody_listens_to_other_machines_without_encryption() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { address: "0.0.0.0:0".parse().unwrap(), origins: Vec::new(), tls: None };
    let started = WebSockets::start(Script::default(), Tokens::of(folder.path()), options).await;
    assert!(matches!(started, Err(ListenError::Unprotected(_))));
}

#[tokio::test]
async fn with_a_certificate_clients_come_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.certificate, made.cert.pem()).unwrap();
    std::fs::write(&files.key, made.signing_key.serialize_pem()).unwrap();
    let tokens = Tokens::of(folder.path());
    let token = tokens.add("far", Access::default()).unwrap();
    let options =
        Options { address: "127.0.0.1:0".parse().unwrap(), origins: Vec::new(), tls: Some(files.clone()) };
    let served = WebSockets::start(Script::default(), tokens.clone(), options.clone()).await.unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let stream = TcpStream::connect(served.address()).await.unwrap();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    let mut request = "ws://localhost/rpc".into_client_request().unwrap();
    request.headers_mut().insert(http::header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
    let (mut socket, _) =
        timeout(SOON, tokio_tungstenite::client_async(request, stream)).await.unwrap().unwrap();
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "get_config", "params": [1, "addr"]});
    socket.send(Message::text(call.to_string())).await.unwrap();
    let answer = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap().into_text().unwrap();
    assert_eq!(answer.as_str(), r#"{"jsonrpc":"2.0","id":1,"result":"addr"}"#);

    std::fs::write(&files.key, "no key").unwrap();
    let started = WebSockets::start(Script::default(), tokens, options).await;
    assert!(matches!(started, Err(ListenError::Tls { path, .. }) if path == files.key));
}
