//! A running host, as another program sees it through its socket.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;
use volary_engine::ground::ids::ProfileId;
use volary_grpc::bus_client::BusClient;
use volary_grpc::host_client::HostClient;
use volary_grpc::{EventsItem, EventsRequest, LogLevelRequest, UploadPart, error, events_item};
use volary_proto::event::{EventChannelOverflow, Kind};
use volary_proto::{Answer, Call, Error, Event, Request};

use super::files::{self, Files};
use super::{SOCKET, unix};
use crate::bus::{Bus, EventSource};

/// Longest answer that is taken, in bytes.
const MAX_ANSWER: usize = 1 << 30;
/// Events that wait for a [`RemoteEvents`] that is not read; the others wait in the log of the host.
const MAX_WAITING: usize = 256;
/// Parts of a file that are read before the host takes them.
const MAX_PARTS: usize = 4;

/// Why a host cannot be reached.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// There is no socket, or nobody listens.
    #[error("no host is running on {0}")]
    NoHost(PathBuf),
    /// The socket cannot be used.
    #[error("{path}: {error}")]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
}

/// Why a file cannot be brought to a host.
#[derive(Debug, Error)]
pub enum BringError {
    /// It cannot be read.
    #[error("{path}: {error}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The host does not take it.
    #[error("{0}")]
    Host(Error),
}

/// A file that a host was brought. It is removed there when this is dropped, and after an hour in any case.
#[derive(Debug)]
pub struct Brought {
    reference: String,
    folder: PathBuf,
}

impl Brought {
    /// What stands for the path of the file in requests.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        Files::discard(&self.folder, &self.reference);
    }
}

/// A running host. Cheap to clone.
#[derive(Clone)]
pub struct Remote {
    folder: Arc<Path>,
    client: BusClient<Channel>,
    // Rarely used: it need not make all of this larger.
    process: Box<HostClient<Channel>>,
}

impl Remote {
    /// Reaches the host that runs on a folder of profiles.
    pub async fn connect(folder: &Path) -> Result<Self, ConnectError> {
        let path = folder.join(SOCKET);
        // The first connection says whether somebody listens; calls make their own.
        if let Err(error) = unix::connect(path.clone()).await {
            return Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    ConnectError::NoHost(folder.to_owned())
                }
                _ => ConnectError::Socket { path, error },
            });
        }
        // The name is not used: there is one socket.
        let endpoint = Endpoint::from_static("http://volary.invalid");
        let channel = endpoint.connect_with_connector_lazy(service_fn(move |_: Uri| {
            let path = path.clone();
            async move { Ok::<_, io::Error>(TokioIo::new(unix::connect(path).await?)) }
        }));
        let process = Box::new(HostClient::new(channel.clone()));
        Ok(Self {
            folder: folder.into(),
            client: BusClient::new(channel).max_decoding_message_size(MAX_ANSWER),
            process,
        })
    }

    /// What is generated from the definition, for calls that are not offered here.
    pub fn client(&self) -> BusClient<Channel> {
        self.client.clone()
    }

    /// Carries out a command or query of a profile (0 = the process as a whole).
    pub async fn call<C: Call>(&self, profile: u32, call: C) -> Result<C::Answer, Error> {
        Ok(self.request(Request::new(profile, call)).await?.take::<C>()?)
    }

    /// The same for requests whose kind is not known when the program is compiled.
    pub async fn request(&self, request: Request) -> Result<Answer, Error> {
        let answer = self.client().call(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| error(&status))
    }

    /// How much the process of the host logs, in the form of `RUST_LOG`. If a filter is given, it holds from now on.
    pub async fn log_level(&self, filter: Option<String>) -> Result<String, Error> {
        let answer = self.process.as_ref().clone().log_level(LogLevelRequest { filter }).await;
        answer.map(|answer| answer.into_inner().filter).map_err(|status| error(&status))
    }

    /// Brings a file that the host may not see: it can have another view of the file system, or not the right to read it.
    pub async fn bring(&self, file: &Path) -> Result<Brought, BringError> {
        let (sender, receiver) = mpsc::channel(MAX_PARTS);
        let path = file.to_owned();
        let reading = spawn_blocking(move || read(&path, &sender));
        let parts = futures::stream::unfold(receiver, |mut parts| async move {
            let part = parts.recv().await;
            part.map(|part| (part, parts))
        });
        let answer = self.client().upload(parts.boxed()).await;
        // A file that could not be read to its end has ended early for the host.
        let read = reading.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        let brought = answer.map(|answer| Brought {
            reference: answer.into_inner().reference,
            folder: self.folder.to_path_buf(),
        });
        read.map_err(|error| BringError::File { path: file.to_owned(), error })?;
        brought.map_err(|status| BringError::Host(error(&status)))
    }

    /// Numbered events. What happens after this is answered is among them.
    pub async fn follow(&self, request: EventsRequest) -> Result<Streaming<EventsItem>, Error> {
        let answer = self.client().events(request).await;
        answer.map(tonic::Response::into_inner).map_err(|status| error(&status))
    }

    /// The events of some profiles (none = all) from now on.
    pub async fn events(&self, profiles: Vec<u32>) -> Result<RemoteEvents, Error> {
        let items = self.follow(EventsRequest { profiles, after: None, log: 0 }).await?;
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        tokio::spawn(forward(items, sender));
        Ok(RemoteEvents { receiver })
    }
}

/// Reads a file in parts, as long as somebody takes them. An empty file is one empty part.
fn read(path: &Path, parts: &mpsc::Sender<UploadPart>) -> io::Result<()> {
    let mut file = std::fs::File::open(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut first = Some(name);
    loop {
        let mut data = Vec::new();
        file.by_ref().take(files::PART as u64).read_to_end(&mut data)?;
        if data.is_empty() && first.is_none() {
            return Ok(());
        }
        let part = UploadPart { name: first.take().unwrap_or_default(), data: data.into() };
        if parts.blocking_send(part).is_err() {
            return Ok(());
        }
    }
}

/// Hands on the events until either side ends.
async fn forward(mut items: Streaming<EventsItem>, events: mpsc::Sender<Arc<Event>>) {
    loop {
        let item = tokio::select! {
            item = items.message() => item,
            // Otherwise the host would be listened to until something happens, by nobody.
            () = events.closed() => return,
        };
        let item = match item {
            Ok(Some(item)) => item,
            Ok(None) => return,
            Err(status) => return tracing::debug!(%status, "the events of the host have ended"),
        };
        let lost = |profile_id| Event {
            profile_id,
            kind: Some(Kind::EventChannelOverflow(EventChannelOverflow { n: 1 })),
        };
        let told = match item.kind {
            Some(events_item::Kind::Event(event)) => vec![event],
            Some(events_item::Kind::Gap(gap)) if gap.all => vec![lost(0)],
            Some(events_item::Kind::Gap(gap)) => gap.profiles.into_iter().map(lost).collect(),
            Some(events_item::Kind::Started(_) | events_item::Kind::Reached(_)) | None => Vec::new(),
        };
        for event in told {
            if events.send(Arc::new(event)).await.is_err() {
                return;
            }
        }
    }
}

/// The events of a running host. A gap comes as an overflow.
pub struct RemoteEvents {
    receiver: mpsc::Receiver<Arc<Event>>,
}

impl EventSource for RemoteEvents {
    async fn next(&mut self) -> Option<Arc<Event>> {
        self.receiver.recv().await
    }
}

impl Bus for Remote {
    type Events = RemoteEvents;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let remote = self.clone();
        async move { remote.request(request).await }
    }

    fn subscribe(&self) -> RemoteEvents {
        let (sender, receiver) = mpsc::channel(MAX_WAITING);
        let remote = self.clone();
        tokio::spawn(async move {
            match remote.follow(EventsRequest::default()).await {
                Ok(items) => forward(items, sender).await,
                Err(error) => tracing::warn!(%error, "the host gives no events"),
            }
        });
        RemoteEvents { receiver }
    }

    fn listen(
        &self,
        profile: Option<ProfileId>,
    ) -> impl Future<Output = Result<RemoteEvents, Error>> + Send + 'static {
        let remote = self.clone();
        async move { remote.events(profile.map(ProfileId::get).into_iter().collect()).await }
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        // A client does not stop the host.
        std::future::ready(())
    }
}
