//! The bus with a scripted engine behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use rand::Rng as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use volary_grpc::bus_client::BusClient;
use volary_grpc::{DownloadRequest, EventsItem, EventsRequest, UploadPart, events_item};
use volary_proto::{
    AdoptAccount, CreateHostBackup, ErrorCode, Event, ExportBackup, GetBlobDir, GetChatlistEntries,
    GetConfig, ListHostBackups, MessageData, PruneHostBackups, RestoreHostBackup, SendMessage, SetConfig,
    VerifyHostBackups, event, request,
};

use super::*;
use crate::access::Access;
use crate::jsonrpc::tests::{Script, info};

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(20);

struct Host {
    folder: tempfile::TempDir,
    script: Script,
    events: mpsc::UnboundedSender<Event>,
    grpc: Grpc<Script>,
}

impl Host {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (script, events) = Script::with_events();
        let log = EventLog::open(folder.path(), script.subscribe(), true).unwrap();
        let mut grpc = Grpc::new(script.clone(), log, folder.path()).unwrap();
        grpc.on_socket().unwrap();
        Self { folder, script, events, grpc }
    }

    async fn connect(&self) -> Remote {
        Remote::connect(self.folder.path()).await.unwrap()
    }

    /// A frontend on another machine.
    async fn listen(&mut self) -> SocketAddr {
        let listen = Listen { address: "127.0.0.1:0".parse().unwrap(), tls: None };
        self.grpc.on_address(listen, Tokens::of(self.folder.path())).await.unwrap()
    }

    fn token(&self, name: &str, profiles: Option<&[u32]>, read_only: bool) -> String {
        let profiles = profiles.map(|ids| ids.iter().copied().collect());
        Tokens::of(self.folder.path()).add(name, Access { profiles, read_only }).unwrap()
    }
}

/// A frontend that comes over TCP.
struct Far {
    client: BusClient<Channel>,
    token: String,
}

impl Far {
    async fn connect(address: SocketAddr, token: &str) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Self { client: BusClient::new(endpoint.connect().await.unwrap()), token: token.to_owned() }
    }

    fn with_token<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.token).parse().unwrap();
        request.metadata_mut().insert("authorization", value);
        request
    }

    async fn calls(
        &mut self,
        profile: u32,
        call: impl Into<request::Kind>,
    ) -> Result<volary_proto::Answer, Status> {
        let request = self.with_token(volary_proto::Request::new(profile, call));
        Ok(timeout(SOON, self.client.call(request)).await.unwrap()?.into_inner())
    }
}

fn get(key: &str) -> GetConfig {
    GetConfig { key: key.to_owned() }
}

fn sends(path: &str) -> SendMessage {
    let data = MessageData { file: Some(path.to_owned()), ..MessageData::default() };
    SendMessage { chat_id: 10, data: Some(data) }
}

async fn next(items: &mut tonic::Streaming<EventsItem>) -> EventsItem {
    timeout(SOON, items.message()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_program_of_this_user_is_answered_and_errors_keep_their_code() {
    let host = Host::start();
    let remote = host.connect().await;
    assert_eq!(remote.call(1, get("displayname")).await.unwrap().text.as_deref(), Some("displayname"));
    let error = remote.call(7, GetChatlistEntries::default()).await.unwrap_err();
    assert_eq!((error.code(), error.message.as_str()), (ErrorCode::NotFound, "account with id 7 not found"));
    let mode = fs::metadata(host.folder.path().join(SOCKET)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn frontends_see_the_same_events_and_go_on_where_they_left() {
    let host = Host::start();
    let (one, other) = (host.connect().await, host.connect().await);
    let mut first = one.follow(EventsRequest::default()).await.unwrap();
    let mut second = other.follow(EventsRequest::default()).await.unwrap();
    let Some(events_item::Kind::Started(started)) = next(&mut first).await.kind else { panic!() };
    next(&mut second).await;
    for n in 0..200 {
        host.events.send(info(n)).unwrap();
    }
    let mut seen = Vec::new();
    for n in 0..200 {
        let item = next(&mut first).await;
        assert_eq!(item, next(&mut second).await);
        assert_eq!(item.kind, Some(events_item::Kind::Event(info(n))));
        seen.push(item.number);
    }
    drop(first);
    let from = EventsRequest { profiles: Vec::new(), after: Some(seen[99]), log: started.log };
    let mut again = one.follow(from).await.unwrap();
    next(&mut again).await;
    assert_eq!(next(&mut again).await.kind, Some(events_item::Kind::Event(info(100))));

    host.grpc.stop().await;
    let end = timeout(SOON, async {
        while second.message().await?.is_some() {}
        Ok::<_, Status>(())
    });
    assert_eq!(end.await.unwrap().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_query_ends_with_its_deadline() {
    let host = Host::start();
    let mut client = host.connect().await.client();
    let mut request = Request::new(volary_proto::Request::new(1, volary_proto::WaitNextMsgs {}));
    request.set_timeout(Duration::from_millis(50));
    let status = timeout(SOON, client.call(request)).await.unwrap().unwrap_err();
    assert!(matches!(status.code(), Code::Cancelled | Code::DeadlineExceeded), "{status}");
}

#[tokio::test]
async fn who_has_stopped_listening_holds_no_call_though_nothing_happens() {
    let host = Host::start();
    let remote = host.connect().await;
    for _ in 0..MAX_CALLS + 50 {
        drop(timeout(SOON, remote.events(vec![1])).await.unwrap().unwrap());
    }
    timeout(SOON, remote.call(1, get("x"))).await.unwrap().unwrap();
}

/// Waits for something that happens by itself.
async fn eventually(what: &str, look: impl Fn() -> bool) {
    let waiting = async {
        while !look() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(SOON, waiting).await.is_ok(), "{what}");
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

#[tokio::test]
async fn what_takes_longer_than_its_deadline_is_told_so_by_the_host() {
    let host = Host::start();
    let (_stop, stopped) = watch::channel(false);
    let service = Service::new(host.script.clone(), host.grpc.log.clone(), host.grpc.files.clone(), stopped);
    fn within<T>(time: &'static str, message: T) -> Request<T> {
        let mut call = Admission::of_this_user().admit(Request::new(())).unwrap();
        call.metadata_mut().insert("grpc-timeout", time.parse().unwrap());
        call.map(|()| message)
    }
    use volary_grpc::bus_server::Bus as _;
    let asked = volary_proto::Request::new(1, volary_proto::WaitNextMsgs {});
    let late = timeout(SOON, service.call(within("20m", asked))).await.unwrap().unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    let asked = volary_proto::Request::new(1, get("x"));
    service.call(within("1H", asked.clone())).await.unwrap();
    service.call(within("nonsense", asked)).await.unwrap();
    let items = service.events(within("20m", EventsRequest::default())).await.unwrap().into_inner();
    let items: Vec<_> = timeout(SOON, futures::StreamExt::collect::<Vec<_>>(items)).await.unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[1].as_ref().unwrap_err().code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn queries_that_are_cancelled_leave_nothing_behind() {
    const CALLS: usize = 50;
    let host = Host::start();
    let remote = host.connect().await;
    remote.call(1, get("x")).await.unwrap();
    let before = tasks();
    let calls: Vec<_> = (0..CALLS)
        .map(|_| {
            let remote = remote.clone();
            tokio::spawn(async move { remote.call(1, volary_proto::WaitNextMsgs {}).await })
        })
        .collect();
    eventually("all are asked", || host.script.asked().len() == CALLS + 1).await;
    assert!(tasks() >= before + CALLS);
    calls.iter().for_each(tokio::task::JoinHandle::abort);
    eventually("all have ended", || tasks() <= before + 2).await;
    remote.call(1, get("x")).await.unwrap();
}

#[tokio::test]
async fn a_file_whose_frontend_ends_on_the_way_is_not_kept() {
    let host = Host::start();
    // A process of its own, as far as connections go.
    let frontend =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let folder = host.folder.path().to_owned();
    frontend.spawn(async move {
        let part = UploadPart { name: "photo.jpg".to_owned(), data: "one".into() };
        let parts = futures::StreamExt::chain(futures::stream::iter([part]), futures::stream::pending());
        Remote::connect(&folder).await.unwrap().client().upload(parts).await
    });
    let uploads = host.folder.path().join("uploads");
    let kept = || fs::read_dir(&uploads).unwrap().count();
    eventually("it comes", || kept() == 1).await;
    frontend.shutdown_background();
    eventually("it is gone", || kept() == 0).await;
}

/// Counts the lines of the log from warnings on.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::atomic::AtomicUsize>);

impl tracing::Subscriber for Lines {
    fn enabled(&self, about: &tracing::Metadata<'_>) -> bool {
        *about.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn strangers_do_not_fill_the_log() {
    const CALLS: usize = 300;
    let mut host = Host::start();
    let address = host.listen().await;
    let lines = Lines::default();
    let _logged = tracing::subscriber::set_default(lines.clone());
    let begin = std::time::Instant::now();
    let mut stranger = Far::connect(address, "volary_wrong").await;
    for _ in 0..CALLS {
        assert_eq!(stranger.calls(1, get("x")).await.unwrap_err().code(), Code::Unauthenticated);
    }
    let logged = lines.0.load(std::sync::atomic::Ordering::Relaxed);
    let most = 1 + begin.elapsed().as_secs() as usize / 10;
    assert!((1..=most).contains(&logged), "{logged} lines");
}

#[tokio::test]
async fn a_file_that_was_brought_can_be_sent_from_anywhere() {
    let mut host = Host::start();
    let address = host.listen().await;
    let token = host.token("far", Some(&[1]), false);
    let mut far = Far::connect(address, &token).await;
    let parts = [
        UploadPart { name: "../photo.jpg".to_owned(), data: "one ".into() },
        UploadPart { name: String::new(), data: "two".into() },
    ];
    let upload = far.with_token(futures::stream::iter(parts));
    let brought = far.client.upload(upload).await.unwrap().into_inner().reference;
    assert!(brought.starts_with("upload:") && brought.ends_with("/photo.jpg"), "{brought}");
    far.calls(1, sends(&brought)).await.unwrap();
    let asked = host.script.asked();
    let Some(request::Kind::SendMessage(sent)) = asked.last() else { panic!("{asked:?}") };
    let path = sent.data.as_ref().unwrap().file.as_ref().unwrap();
    assert_eq!(fs::read_to_string(path).unwrap(), "one two");
    let unknown = format!("upload:{}/photo.jpg", "0".repeat(32));
    assert_eq!(far.calls(1, sends(&unknown)).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_file_that_the_host_cannot_see_is_brought_and_goes_with_its_use() {
    let host = Host::start();
    let remote = host.connect().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let content = (0..251).cycle().take(3 * files::PART + 5).collect::<Vec<_>>();
    for (name, content) in [("photo.jpg", content.as_slice()), ("empty.txt", &[])] {
        let path = elsewhere.path().join(name);
        fs::write(&path, content).unwrap();
        let brought = remote.bring(&path).await.unwrap();
        fs::remove_file(&path).unwrap();
        remote.request(volary_proto::Request::new(1, sends(brought.reference()))).await.unwrap();
        let asked = host.script.asked();
        let Some(request::Kind::SendMessage(sent)) = asked.last() else { panic!("{asked:?}") };
        let there = PathBuf::from(sent.data.as_ref().unwrap().file.as_ref().unwrap());
        assert_eq!(there.file_name().unwrap(), name);
        assert_eq!(fs::read(&there).unwrap(), content);
        drop(brought);
        assert!(!there.parent().unwrap().exists());
    }
    let error = remote.bring(&elsewhere.path().join("photo.jpg")).await.unwrap_err().to_string();
    assert!(error.contains("photo.jpg: No such file"), "{error}");
    assert_eq!(fs::read_dir(host.folder.path().join("uploads")).unwrap().count(), 0);
}

#[tokio::test]
async fn no_path_of_the_host_crosses_a_network() {
    let mut host = Host::start();
    let address = host.listen().await;
    let token = host.token("far", None, false);
    let mut far = Far::connect(address, &token).await;
    let path = || "/etc/passwd".to_owned();
    for (profile, call) in [
        (1, request::Kind::from(sends("/etc/passwd"))),
        (1, SetConfig { key: "selfavatar".to_owned(), value: Some("/etc/passwd".to_owned()) }.into()),
        (1, ExportBackup::default().into()),
        (1, GetBlobDir {}.into()),
        (0, AdoptAccount { path: path(), ..Default::default() }.into()),
        (0, CreateHostBackup { target: path(), ..Default::default() }.into()),
        (0, PruneHostBackups { target: path(), ..Default::default() }.into()),
        (0, ListHostBackups { target: path(), ..Default::default() }.into()),
        (0, VerifyHostBackups { target: path(), ..Default::default() }.into()),
        (0, RestoreHostBackup { target: path(), ..Default::default() }.into()),
    ] {
        assert_eq!(far.calls(profile, call).await.unwrap_err().code(), Code::PermissionDenied);
    }
    // The scripted engine answers with the name of the setting.
    let inside = host.folder.path().join("uuid/dc.db-blobs/a.jpg").to_string_lossy().into_owned();
    let answer = far.calls(1, get(&inside)).await.unwrap().take::<GetConfig>().unwrap();
    assert_eq!(answer.text.as_deref(), Some("blob:uuid/dc.db-blobs/a.jpg"));

    let mut items = far.client.events(far.with_token(EventsRequest::default())).await.unwrap().into_inner();
    next(&mut items).await;
    let written = |path: &str| event::Kind::ImexFileWritten(event::ImexFileWritten { path: path.to_owned() });
    let warning = |text: String| event::Kind::Warning(event::Warning { msg: text });
    let folder = host.folder.path().display();
    for (told, heard) in [
        (written("/home/alice/backup.tar"), written("backup.tar")),
        (written(&inside), written("blob:uuid/dc.db-blobs/a.jpg")),
        (warning(format!("{folder} is nearly full")), warning("… is nearly full".to_owned())),
    ] {
        host.events.send(Event { profile_id: 1, kind: Some(told) }).unwrap();
        let heard = Event { profile_id: 1, kind: Some(heard) };
        assert_eq!(next(&mut items).await.kind, Some(events_item::Kind::Event(heard)));
    }
    // The scripted engine refuses with the text of the file.
    let refused = far.calls(1, volary_proto::CheckQr { qr: format!("{folder}/x cannot be read") }).await;
    assert_eq!(refused.unwrap_err().message(), "blob:x cannot be read");
    // It tells where the attachments are.
    host.script.set_blob_dir(&host.folder.path().join("uuid"));
    let told = far.calls(1, volary_proto::GetMessageInfo { msg_id: 1 }).await.unwrap();
    assert_eq!(told.take::<volary_proto::GetMessageInfo>().unwrap().text, "File: blob:uuid, name: a.jpg");
}

#[tokio::test]
async fn who_names_too_many_profiles_is_refused() {
    let host = Host::start();
    let remote = host.connect().await;
    let naming = |count: usize| EventsRequest {
        profiles: (1..=u32::try_from(count).unwrap()).collect(),
        ..EventsRequest::default()
    };
    let error = remote.follow(naming(service::MAX_PROFILES + 1)).await.unwrap_err();
    assert_eq!(error.code(), ErrorCode::Invalid);
    let mut items = remote.follow(naming(service::MAX_PROFILES)).await.unwrap();
    next(&mut items).await;
    host.events.send(Event { profile_id: 9_999, ..info(1) }).unwrap();
    assert!(
        matches!(next(&mut items).await.kind, Some(events_item::Kind::Event(event)) if event.profile_id == 9_999)
    );
}

#[tokio::test]
async fn attachments_are_fetched_and_nothing_else() {
    let mut host = Host::start();
    let blobs = host.folder.path().join("uuid/dc.db-blobs");
    host.script.set_blob_dir(&blobs);
    fs::create_dir_all(&blobs).unwrap();
    let content: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    fs::write(blobs.join("a.bin"), &content).unwrap();
    fs::write(host.folder.path().join("tokens.toml.old"), "secret").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", blobs.join("link")).unwrap();
    let address = host.listen().await;
    let token = host.token("far", Some(&[1]), true);
    let mut far = Far::connect(address, &token).await;
    let mut fetch = async |profile_id, reference: &str, offset| {
        let asked = DownloadRequest { profile_id, reference: reference.to_owned(), offset };
        let mut parts = far.client.download(far.with_token(asked)).await?.into_inner();
        let (mut size, mut data) = (0, Vec::new());
        while let Some(part) = parts.message().await? {
            size = size.max(part.size);
            data.extend_from_slice(&part.data);
        }
        Ok::<_, Status>((size, data))
    };
    assert_eq!(fetch(1, "blob:uuid/dc.db-blobs/a.bin", 0).await.unwrap(), (300_000, content.clone()));
    assert_eq!(fetch(1, "blob:uuid/dc.db-blobs/a.bin", 299_999).await.unwrap().1, content[299_999..]);
    for other in
        ["blob:uuid/dc.db-blobs/link", "blob:../etc/passwd", "/etc/passwd", "blob:tokens.toml.old", ""]
    {
        assert_eq!(fetch(1, other, 0).await.unwrap_err().code(), Code::NotFound, "{other}");
    }
    assert_eq!(fetch(2, "blob:uuid/dc.db-blobs/a.bin", 0).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn a_token_is_needed_and_allows_what_it_says() {
    let mut host = Host::start();
    let address = host.listen().await;
    let mut stranger = Far::connect(address, "volary_wrong").await;
    assert_eq!(stranger.calls(1, get("x")).await.unwrap_err().code(), Code::Unauthenticated);
    let listen = stranger.with_token(EventsRequest::default());
    assert_eq!(stranger.client.events(listen).await.unwrap_err().code(), Code::Unauthenticated);

    let mut reader = Far::connect(address, &host.token("reader", Some(&[1]), true)).await;
    reader.calls(1, get("x")).await.unwrap();
    let set = SetConfig { key: "a".to_owned(), value: None };
    assert_eq!(reader.calls(1, set).await.unwrap_err().code(), Code::PermissionDenied);
    assert_eq!(reader.calls(2, get("x")).await.unwrap_err().code(), Code::NotFound);
    let other = reader.with_token(EventsRequest { profiles: vec![2], ..EventsRequest::default() });
    assert_eq!(reader.client.events(other).await.unwrap_err().code(), Code::NotFound);
    let all = reader.with_token(EventsRequest::default());
    let mut items = reader.client.events(all).await.unwrap().into_inner();
    next(&mut items).await;
    let of = |profile_id| Event {
        profile_id,
        kind: Some(event::Kind::AccountsItemChanged(event::AccountsItemChanged {})),
    };
    for profile in [0, 2, 1] {
        host.events.send(of(profile)).unwrap();
    }
    assert_eq!(next(&mut items).await.kind, Some(events_item::Kind::Event(of(1))));

    Tokens::of(host.folder.path()).remove("reader").unwrap();
    assert_eq!(reader.calls(1, get("x")).await.unwrap_err().code(), Code::Unauthenticated);
}

#[tokio::test]
async fn garbage_is_cut_off_and_others_go_on() {
    let mut host = Host::start();
    let address = host.listen().await;
    let remote = host.connect().await;
    let mut open = Vec::new();
    for round in 0..50 {
        let mut garbage = vec![0u8; 4096];
        rand::thread_rng().fill(&mut garbage[..]);
        let mut preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        preface.extend_from_slice(&[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1]);
        let sent = match round % 3 {
            0 => garbage,
            1 => [preface, garbage].concat(),
            _ => preface[..10].to_vec(),
        };
        let mut near = UnixStream::connect(host.folder.path().join(SOCKET)).await.unwrap();
        let mut far = TcpStream::connect(address).await.unwrap();
        near.write_all(&sent).await.ok();
        far.write_all(&sent).await.ok();
        if round % 3 == 1 {
            let mut rest = Vec::new();
            timeout(SOON, near.read_to_end(&mut rest)).await.unwrap().ok();
        }
        open.push((near, far));
        remote.call(1, get("x")).await.unwrap();
    }
    let long = SetConfig { key: "a".to_owned(), value: Some("x".repeat(MAX_REQUEST + 1)) };
    assert!(remote.call(1, long).await.is_err());
    remote.call(1, get("x")).await.unwrap();
}

#[tokio::test]
async fn a_socket_that_was_left_behind_is_replaced_and_one_in_use_is_not() {
    let host = Host::start();
    let folder = host.folder.path();
    let logs = tempfile::tempdir().unwrap();
    let mut hosts = 0;
    let mut second = || {
        let script = Script::default();
        hosts += 1;
        let log = logs.path().join(hosts.to_string());
        let log = EventLog::open(&log, script.subscribe(), true).unwrap();
        Grpc::new(script, log, folder).unwrap()
    };
    assert!(matches!(second().on_socket(), Err(GrpcError::InUse(_))));
    host.connect().await.call(1, get("x")).await.unwrap();
    host.grpc.stop().await;
    assert!(!folder.join(SOCKET).exists());
    assert!(matches!(Remote::connect(folder).await, Err(ConnectError::NoHost(_))));

    // A process that was killed leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(folder.join(SOCKET)).unwrap());
    assert!(matches!(Remote::connect(folder).await, Err(ConnectError::NoHost(_))));
    let mut third = second();
    third.on_socket().unwrap();
    Remote::connect(folder).await.unwrap().call(1, get("x")).await.unwrap();
    drop(third);

    fs::write(folder.join(SOCKET), "notes").unwrap();
    assert!(matches!(second().on_socket(), Err(GrpcError::NoSocket(_))));
    fs::remove_file(folder.join(SOCKET)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(second().on_socket(), Err(GrpcError::OpenFolder(_))));
}

#[tokio::test]
async fn a_folder_with_a_very_long_path_has_a_socket_too() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("a".repeat(120));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let script = Script::default();
    let log = EventLog::open(&folder, script.subscribe(), true).unwrap();
    let mut grpc = Grpc::new(script, log, &folder).unwrap();
    grpc.on_socket().unwrap();
    Remote::connect(&folder).await.unwrap().call(1, get("x")).await.unwrap();
}

#[tokio::test]
async fn the_host_says_that_it_is_well_and_what_it_offers() {
    let mut host = Host::start();
    let address = host.listen().await;
    let token = host.token("monitor", Some(&[]), true);
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let far = Far { client: BusClient::new(channel.clone()), token };
    let mut health = tonic_health::pb::health_client::HealthClient::new(channel.clone());
    let asked = tonic_health::pb::HealthCheckRequest { service: "volary.bus.v1.Bus".to_owned() };
    assert_eq!(health.check(asked.clone()).await.unwrap_err().code(), Code::Unauthenticated);
    let answer = health.check(far.with_token(asked)).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    let all = tonic_health::pb::HealthCheckRequest::default();
    let answer = health.check(far.with_token(all)).await.unwrap().into_inner();
    assert_eq!(answer.status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
    let other = tonic_health::pb::HealthCheckRequest { service: "nobody".to_owned() };
    assert_eq!(health.check(far.with_token(other)).await.unwrap_err().code(), Code::NotFound);

    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    let mut reflection =
        tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(channel);
    let asked = [
        MessageRequest::ListServices(String::new()),
        MessageRequest::FileContainingSymbol("volary.v1.Request".to_owned()),
    ];
    let asked = asked.map(|asked| tonic_reflection::pb::v1::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(asked),
    });
    let asked = far.with_token(futures::stream::iter(asked));
    let mut answers = reflection.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    assert!(list.service.iter().any(|service| service.name == "volary.bus.v1.Bus"));
    let answer = answers.message().await.unwrap().unwrap().message_response;
    assert!(
        matches!(answer, Some(MessageResponse::FileDescriptorResponse(file)) if !file.file_descriptor_proto.is_empty())
    );
}

#[tokio::test]
async fn connections_that_say_nothing_make_room_for_others() {
    crate::descriptors::raise_limit();
    let host = Host::start();
    let before = host.connect().await;
    before.call(1, get("x")).await.unwrap();
    let mut open = Vec::new();
    for _ in 0..MAX_CONNECTIONS + 50 {
        // Beyond the bound they wait in the queue of the system, which has an end.
        match UnixStream::connect(host.folder.path().join(SOCKET)).await {
            Ok(stream) => open.push(stream),
            Err(_) => break,
        }
        tokio::task::yield_now().await;
    }
    assert!(open.len() >= 500, "{}", open.len());
    // Who is connected goes on, and who comes now gets his turn.
    before.call(1, get("x")).await.unwrap();
    let turn = async { host.connect().await.call(1, get("x")).await };
    timeout(SOON, turn).await.unwrap().unwrap();
}
