//! A host with all its interfaces, and a well-behaved client on each.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use tempfile::TempDir;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use tonic::transport::{Channel, Endpoint};
use volary::Engine;
use volary::access::{Access, Tokens};
use volary::apps::Apps;
use volary::control::{self, Control};
use volary::event_log::EventLog;
use volary::grpc::{Grpc, Listen, Remote};
use volary::websocket::{Options, WebSockets};
use volary_grpc::bus_client::BusClient;
use volary_grpc::{EventsItem, EventsRequest, events_item};
use volary_proto::event::Kind;
use volary_proto::{
    AddAccount, AddDeviceMessage, AddPseudoTransport, GetConfig, MakeVcard, MessageData, SELF_CONTACT,
    SetConfig,
};
use volary_tests::patience;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Where programs connect to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// gRPC on the Unix socket.
    Socket,
    /// gRPC over TCP.
    Address,
    /// JSON-RPC over WebSocket.
    WebSocket,
    /// Commands of the same machine.
    Control,
    /// Browsers that show apps.
    Apps,
}

pub const INTERFACES: [Interface; 5] =
    [Interface::Socket, Interface::Address, Interface::WebSocket, Interface::Control, Interface::Apps];

/// A connection of any kind.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub struct Host {
    pub engine: Engine,
    pub profile: u32,
    pub token: String,
    folder: TempDir,
    log: EventLog,
    grpc: Grpc<Engine>,
    websockets: WebSockets,
    control: Control,
    apps: Apps,
    address: SocketAddr,
    /// Name and port of the list of apps.
    list: String,
}

impl Host {
    pub async fn starts() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::start(folder.path()).await.expect("the engine starts");
        let profile = engine.call(0, AddAccount {}).await.expect("a profile").id;
        // An app tells who its user is: there has to be a key.
        let addr = "frontends@_relay.test".to_owned();
        engine.call(profile, AddPseudoTransport { addr }).await.expect("a relay without servers");
        engine.call(profile, MakeVcard { contact_ids: vec![SELF_CONTACT] }).await.expect("a key");
        let tokens = Tokens::of(engine.dir());
        let token = tokens.add("frontend", Access::default()).expect("a token");
        let log = EventLog::of(&engine).expect("a log");
        let mut grpc = Grpc::new(engine.clone(), log.clone(), engine.dir()).expect("a folder of files");
        grpc.on_socket().expect("the socket");
        let local: SocketAddr = "127.0.0.1:0".parse().expect("an address");
        let listen = Listen { address: local, tls: None };
        let address = grpc.on_address(listen, tokens.clone()).await.expect("the address");
        let options = Options { address: local, origins: Vec::new(), tls: None };
        let websockets = WebSockets::start(engine.clone(), tokens, options).await.expect("WebSockets");
        let control = Control::serve(engine.clone()).expect("the control socket");
        let apps = Apps::start(engine.clone(), 0).await.expect("apps are served");
        let list = apps.list_url().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { engine, profile, token, folder, log, grpc, websockets, control, apps, address, list }
    }

    pub async fn ends(mut self) {
        drop((self.apps, self.websockets, self.control));
        self.grpc.stop().await;
        self.engine.stop().await;
        self.log.closed().await;
    }

    /// A bare connection.
    pub async fn connect(&self, interface: Interface) -> io::Result<Box<dyn Wire>> {
        let path = |name: &str| self.folder.path().join(name);
        let port = self.list.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port");
        Ok(match interface {
            Interface::Socket => Box::new(unix(&path("bus.sock")).await?),
            Interface::Control => Box::new(unix(&path("control.sock")).await?),
            Interface::Address => Box::new(TcpStream::connect(self.address).await?),
            Interface::WebSocket => Box::new(TcpStream::connect(self.websockets.address()).await?),
            Interface::Apps => Box::new(TcpStream::connect(("127.0.0.1", port)).await?),
        })
    }

    pub async fn websocket(&self) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
        let url = format!("ws://{}/rpc?token={}", self.websockets.address(), self.token);
        let request = url.into_client_request().expect("a request");
        tokio_tungstenite::connect_async(request).await.expect("a session").0
    }

    /// Opens an app that consists of a page and a large file; the name and port where it is served.
    pub async fn opens_app(&self, label: &str, large: &[u8]) -> String {
        let mut archive = ZipWriter::new(io::Cursor::new(Vec::new()));
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (name, content) in [("index.html", &b"<p>app</p>"[..]), ("large.bin", large)] {
            archive.start_file(name, stored).expect("a file");
            archive.write_all(content).expect("its content");
        }
        let path = self.folder.path().join(format!("{label}.xdc"));
        std::fs::write(&path, archive.finish().expect("an archive").into_inner()).expect("a file");
        let data = MessageData { file: Some(path.to_string_lossy().into_owned()), ..MessageData::default() };
        let add = AddDeviceMessage { label: label.to_owned(), data: Some(data) };
        let message = self.engine.call(self.profile, add).await.expect("a message");
        let url = self.apps.open(self.profile, message.id.expect("it is new"), "").await.expect("it opens");
        format!("app.{}", url.trim_start_matches("http://").trim_end_matches('/'))
    }

    /// A request for the list of apps.
    pub fn list_request(&self) -> String {
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", self.list)
    }
}

/// Connects as soon as there is room in the queue of the system.
async fn unix(path: &std::path::Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(Duration::from_millis(1)).await,
            other => return other,
        }
    }
}

/// A client on each interface.
pub struct Clients {
    profile: u32,
    near: Remote,
    items: tonic::Streaming<EventsItem>,
    far: BusClient<Channel>,
    token: String,
    websocket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    control: control::Client,
    browser: BufReader<Box<dyn Wire>>,
    list_request: String,
    changes: usize,
}

impl Clients {
    pub async fn of(host: &Host) -> Self {
        timeout(patience(), Self::connect(host)).await.expect("new clients are answered")
    }

    async fn connect(host: &Host) -> Self {
        let near = Remote::connect(host.folder.path()).await.expect("the host runs");
        let asked = EventsRequest { profiles: vec![host.profile], ..EventsRequest::default() };
        let items = near.follow(asked).await.expect("events");
        let endpoint = Endpoint::from_shared(format!("http://{}", host.address)).expect("an endpoint");
        let far = BusClient::new(endpoint.connect().await.expect("the host listens"));
        let control =
            control::Client::connect(host.folder.path()).await.expect("the control socket is there");
        let mut clients = Self {
            profile: host.profile,
            near,
            items,
            far,
            token: host.token.clone(),
            websocket: host.websocket().await,
            control: control.expect("somebody listens"),
            browser: BufReader::new(host.connect(Interface::Apps).await.expect("apps are served")),
            list_request: host.list_request(),
            changes: 0,
        };
        clients.use_all().await;
        clients
    }

    /// Everybody is answered, and events come.
    pub async fn go_on(&mut self) {
        timeout(patience(), self.use_all()).await.expect("clients are answered");
    }

    async fn use_all(&mut self) {
        self.changes += 1;
        let name = format!("Name {}", self.changes);
        let set = SetConfig { key: "displayname".to_owned(), value: Some(name.clone()) };
        self.near.call(self.profile, set).await.expect("it is set");
        self.hears_of_a_change().await;
        let get = GetConfig { key: "displayname".to_owned() };
        let answer = self.control.call(self.profile, get.clone()).await.expect("it is set");
        assert_eq!(answer.text.as_deref(), Some(name.as_str()));
        let mut call = tonic::Request::new(volary_proto::Request::new(self.profile, get));
        let token = format!("Bearer {}", self.token).parse().expect("a field");
        call.metadata_mut().insert("authorization", token);
        self.far.call(call).await.expect("an answer");
        let request = format!(
            r#"{{"jsonrpc":"2.0","id":{},"method":"get_config","params":[{},"displayname"]}}"#,
            self.changes, self.profile
        );
        self.websocket.send(Message::text(request)).await.expect("the session is there");
        let answer = loop {
            let message = self.websocket.next().await.expect("the session goes on").expect("a message");
            if let Message::Text(text) = message {
                break text;
            }
        };
        assert!(answer.contains(&name), "{answer}");
        self.browser.write_all(self.list_request.as_bytes()).await.expect("the connection is there");
        assert_eq!(reads_reply(&mut self.browser).await.expect("a reply"), "HTTP/1.1 200 OK");
    }

    async fn hears_of_a_change(&mut self) {
        loop {
            let item = self.items.message().await.expect("the host is running").expect("events have no end");
            match item.kind {
                Some(events_item::Kind::Event(event))
                    if matches!(event.kind, Some(Kind::AccountsItemChanged(_))) =>
                {
                    return;
                }
                Some(events_item::Kind::Gap(gap)) => panic!("events are missing: {gap:?}"),
                _ => {}
            }
        }
    }
}

/// A request of an app for one of its own files.
pub fn file_request(app: &str, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {app}\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Site: same-origin\r\n\r\n"
    )
}

/// Reads a reply of HTTP/1.1 and gives its first line.
pub async fn reads_reply(stream: &mut BufReader<Box<dyn Wire>>) -> io::Result<String> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().expect("a length");
        }
        if first.is_empty() {
            line.clone_into(&mut first);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(first)
}
