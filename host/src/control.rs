//! The control socket: how commands on the same machine reach the process that holds a folder.
//!
//! `control.sock` in the folder takes one request at a time on each connection. A frame is a protobuf message with its
//! length in front, as protobuf writes lengths (a varint): a [`Request`] to the process, an
//! [`Outcome`] back. Whoever closes the connection takes the request back, as far as it can be taken back: a backup is
//! cancelled. Only the user to whom the folder belongs may connect.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use prost::Message as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use volary_proto::{Call, Error, ErrorCode, Outcome, Request, outcome};

use crate::engine::Engine;
use crate::places::{Place, Places};
use crate::seldom::Seldom;

/// Name of the socket in the folder.
const SOCKET: &str = "control.sock";
/// Longest path of a socket on all systems.
const MAX_PATH: usize = 100;
/// Longest frame.
const MAX_FRAME: usize = 64 << 20;
/// Most bytes of the length in front of a frame.
const MAX_LENGTH_BYTES: usize = 5;
/// Connections at a time; more wait.
const MAX_CONNECTIONS: usize = 32;
/// How long the first request may take.
const FIRST_REQUEST: Duration = Duration::from_secs(30);
/// How long the next one may take, while a person is asked something perhaps.
const NEXT_REQUEST: Duration = Duration::from_secs(600);
/// How long an answer may not be taken.
const SEND_TIME: Duration = Duration::from_secs(60);
/// Pause after a connection could not be accepted.
const AFTER_TROUBLE: Duration = Duration::from_secs(1);

/// The served socket; it goes when this is dropped.
pub struct Control {
    path: PathBuf,
    task: JoinHandle<()>,
    /// Connections that ask nothing end with it.
    _served: watch::Sender<()>,
}

impl Control {
    /// Serves the socket in the folder of the engine.
    pub fn serve(engine: Engine) -> io::Result<Self> {
        let path = engine.dir().join(SOCKET);
        let listener = bind(engine.dir())?;
        let (served, ended) = watch::channel(());
        let task = tokio::spawn(accept(listener, engine, ended));
        Ok(Self { path, task, _served: served })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
        // One that stays answers nothing, and the next process replaces it.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes the socket. It has its name when nobody else can connect any more.
fn bind(dir: &Path) -> io::Result<UnixListener> {
    let new = format!(".{SOCKET}-{}", std::process::id());
    let _ = fs::remove_file(dir.join(&new));
    let listener = short(dir, &new, |path| UnixListener::bind(path))?;
    fs::set_permissions(dir.join(&new), fs::Permissions::from_mode(0o600))?;
    fs::rename(dir.join(&new), dir.join(SOCKET))?;
    Ok(listener)
}

/// Does something with a file by a path that is short enough for a socket.
fn short<T>(dir: &Path, name: &str, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = dir.join(name);
    if path.as_os_str().len() <= MAX_PATH {
        return act(&path);
    }
    let folder = fs::File::open(dir)?;
    let number = std::os::fd::AsRawFd::as_raw_fd(&folder);
    act(&Path::new("/proc/self/fd").join(number.to_string()).join(name))
}

async fn accept(listener: UnixListener, engine: Engine, ended: watch::Receiver<()>) {
    let places = Places::new(MAX_CONNECTIONS);
    let (refused, trouble) = (Seldom::default(), Seldom::default());
    let ours = rustix::process::geteuid().as_raw();
    loop {
        let accepted =
            listener.accept().await.and_then(|(stream, _)| Ok((stream.peer_cred()?.uid(), stream)));
        match accepted {
            Ok((user, stream)) if user == ours || user == 0 => {
                let (engine, place, ended) = (engine.clone(), places.take().await, ended.clone());
                tokio::spawn(async move {
                    if let Err(error) = attend(stream, &engine, &place, ended).await {
                        tracing::debug!(%error, "a connection to the control socket failed");
                    }
                });
            }
            Ok((user, _)) => {
                if let Some(times) = refused.now() {
                    tracing::warn!(user, times, "another user is refused at the control socket");
                }
            }
            Err(error) => {
                // Too many open files, most likely: they come back.
                if let Some(times) = trouble.now() {
                    tracing::warn!(%error, times, "the control socket takes no connection");
                }
                tokio::time::sleep(AFTER_TROUBLE).await;
            }
        }
    }
}

/// Answers the requests of a connection.
async fn attend(
    mut stream: UnixStream,
    engine: &Engine,
    place: &Place,
    mut ended: watch::Receiver<()>,
) -> io::Result<()> {
    let (mut from, mut to) = stream.split();
    loop {
        let frame = tokio::select! {
            frame = timeout(NEXT_REQUEST, read_frame(&mut from)) => frame??,
            () = place.outstayed(FIRST_REQUEST) => return Err(io::ErrorKind::TimedOut.into()),
            _ = ended.changed() => return Ok(()),
        };
        let Some(frame) = frame else { return Ok(()) };
        place.standing().becomes_known();
        let outcome = match Request::decode(frame.as_slice()) {
            Ok(request) => {
                let mut none = [0; 1];
                tokio::select! {
                    answer = engine.request(request) => answer,
                    // Nothing may come before the answer: it is the end, or not the protocol.
                    _ = from.read(&mut none) => return Ok(()),
                }
            }
            Err(error) => Err(Error::invalid(format!("not a request: {error}"))),
        };
        let kind = match outcome {
            Ok(answer) => outcome::Kind::Answer(answer),
            Err(error) => outcome::Kind::Error(error),
        };
        let outcome = Outcome { kind: Some(kind) }.encode_length_delimited_to_vec();
        timeout(SEND_TIME, to.write_all(&outcome)).await??;
    }
}

/// Reads a frame; `None` at the end of the stream.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = Vec::new();
    loop {
        match stream.read_u8().await {
            Ok(byte) => length.push(byte),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && length.is_empty() => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        if length.last().is_some_and(|byte| byte & 0x80 == 0) {
            break;
        }
        if length.len() == MAX_LENGTH_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the length of a frame cannot be read"));
        }
    }
    let length = prost::decode_length_delimiter(length.as_slice()).map_err(io::Error::other)?;
    if length > MAX_FRAME {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
    }
    let mut frame = Vec::new();
    stream.take(length as u64).read_to_end(&mut frame).await?;
    if frame.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(frame))
}

/// A connection to the process that holds a folder. Dropping it takes back what it is asked.
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the process that holds the folder; `None` if nobody serves its socket.
    pub async fn connect(dir: &Path) -> io::Result<Option<Self>> {
        let stream = short(dir, SOCKET, |path| {
            let stream = std::os::unix::net::UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            UnixStream::from_std(stream)
        });
        match stream {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks the process that holds the folder.
    pub async fn call<C: Call>(&mut self, profile: u32, call: C) -> Result<C::Answer, Error> {
        let lost =
            |error: io::Error| Error::new(ErrorCode::Failed, format!("the connection is lost: {error}"));
        let request = Request::new(profile, call).encode_length_delimited_to_vec();
        self.stream.write_all(&request).await.map_err(lost)?;
        let frame = read_frame(&mut self.stream).await.map_err(lost)?;
        let frame = frame.ok_or_else(|| lost(io::ErrorKind::UnexpectedEof.into()))?;
        let outcome = Outcome::decode(frame.as_slice()).map_err(|error| lost(io::Error::other(error)))?;
        match outcome.kind {
            Some(outcome::Kind::Answer(answer)) => Ok(answer.take::<C>()?),
            Some(outcome::Kind::Error(error)) => Err(error),
            None => Err(lost(io::Error::other("it gave no answer"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use volary_proto::{AddAccount, GetAllAccountIds, GetConfig};

    use super::*;

    #[tokio::test]
    async fn another_process_asks_by_way_of_the_socket() {
        let folder = tempfile::tempdir().unwrap();
        // Longer than the path of a socket may be.
        let dir = folder.path().join("a-long-name-of-a-folder".repeat(6));
        let engine = Engine::start(&dir).await.unwrap();
        assert!(Client::connect(&dir).await.unwrap().is_none());
        let control = Control::serve(engine.clone()).unwrap();
        let mode = fs::metadata(dir.join(SOCKET)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut client = Client::connect(&dir).await.unwrap().unwrap();
        let id = client.call(0, AddAccount {}).await.unwrap().id;
        assert_eq!(client.call(0, GetAllAccountIds {}).await.unwrap().ids, [id]);
        let error = client.call(99, GetConfig { key: "addr".to_owned() }).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        drop(control);
        assert!(Client::connect(&dir).await.unwrap().is_none());
        engine.stop().await;
    }

    #[tokio::test]
    async fn frames_that_are_none_end_the_connection_alone() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let _control = Control::serve(engine.clone()).unwrap();
        for bytes in [&[0xff; 16][..], &[0xff, 0xff, 0xff, 0xff, 0x0f], &[3, 0xff, 0xff, 0xff]] {
            let mut client = Client::connect(folder.path()).await.unwrap().unwrap();
            client.stream.write_all(bytes).await.unwrap();
            client.stream.shutdown().await.unwrap();
            let mut answer = Vec::new();
            // Closed, or told that it was no request.
            let _ = client.stream.read_to_end(&mut answer).await;
        }
        let mut client = Client::connect(folder.path()).await.unwrap().unwrap();
        assert!(client.call(0, GetAllAccountIds {}).await.unwrap().ids.is_empty());
        engine.stop().await;
    }
}
