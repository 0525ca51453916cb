//! Node: the engine as its frontends see it. Commands go to the actor that owns what they change and are answered
//! after the commit; queries read a snapshot on the caller's side; events come in the order of commits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use actix::{Actor as _, Arbiter, System};
use parking_lot::Mutex;
use tokio::sync::watch;
use volary_proto::v1::{Answer, Error, Ids, Request, answer, request};
use volary_proto::{ErrorCode, Mode};
use volary_storage::{OpenError, Options, Store};

use crate::bus::EventStream;
use crate::hub::Hub;
use crate::mailbox::{Mailbox, Places};
use crate::pool::Pool;
use crate::relay_connection::memory;
use crate::supervisor::{self, EndProfiles, Supervisor, housekeeping, reconnect};
use crate::vault::Vault;
use volary_engine::ground::clock::{Clock, SystemClock};
use volary_engine::ground::db::Db;
use volary_engine::ground::ids::{ChatId, MessageId, ProfileId, numbers};
use volary_engine::query;
use volary_engine::query::look::look;
use volary_engine::state::profiles;
use volary_engine::webxdc::instance::{self, AppFile, OpenApp};

/// Why the engine cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// The system gives no thread.
    #[error("thread cannot be started: {0}")]
    Thread(#[from] io::Error),
    /// The actor system did not come up.
    #[error("the actor system did not start")]
    System,
}

/// How the engine starts.
pub struct NodeOptions {
    /// Folder of the database and of all profiles.
    pub dir: PathBuf,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Threads for actors and for CPU-heavy work, each.
    pub threads: usize,
    /// Options of the database.
    pub storage: Options,
    /// For tests and demonstrations: what devices tell each other directly stays on the loopback interface and uses no relay.
    pub on_loopback: bool,
}

impl NodeOptions {
    /// The usual options for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        Self {
            dir: dir.into(),
            clock: Arc::new(SystemClock),
            threads,
            storage: Options::default(),
            on_loopback: false,
        }
    }
}

/// The running engine. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Hub,
    supervisor: Mailbox<Supervisor>,
    vault: Vault,
    system: System,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// The chat whose messages a query lists.
fn listed(kind: &request::Kind) -> Option<ChatId> {
    match kind {
        request::Kind::GetMessageIds(call) => Some(call.chat_id.into()),
        request::Kind::GetMessageListItems(call) => Some(call.chat_id.into()),
        _ => None,
    }
}

impl Node {
    /// Opens the folder and starts the actors. No I/O is started.
    pub fn start(options: NodeOptions) -> Result<Self, StartError> {
        let store = Store::open(&options.dir, options.storage)?;
        let network = reconnect::network().map_err(StartError::Tls)?;
        let pool = Pool::new(options.threads)?;
        let mut hub = Hub::new(store, options.dir, options.clock, pool, network);
        hub.on_loopback = options.on_loopback;
        let db = &hub.db;
        if let Err(error) = db.read(|view| memory::load(view, &hub.network, db.now())) {
            // It is learned anew.
            tracing::error!(%error, "what is known of relays cannot be read");
        }
        let (ready, started) = std::sync::mpsc::channel();
        let (actors_hub, threads) = (hub.clone(), options.threads.max(1));
        let thread = thread::Builder::new().name("volary-supervisor".to_owned()).spawn(move || {
            let runner = System::new();
            runner.block_on(async move {
                let arbiters = (0..threads).map(|_| Arbiter::new()).collect();
                let supervisor = Supervisor::new(actors_hub, arbiters).start();
                // The receiver waits for exactly this.
                let _ = ready.send((supervisor, System::current()));
            });
            if let Err(error) = runner.run() {
                tracing::error!(%error, "the actor system failed");
            }
        })?;
        let (addr, system) = started.recv().map_err(|_| StartError::System)?;
        let supervisor = Mailbox { addr, places: Places::new(supervisor::MAILBOX, "supervisor") };
        let (vault, thread) = (Vault::default(), Mutex::new(Some(thread)));
        Ok(Self { inner: Arc::new(Inner { hub, supervisor, vault, system, thread }) })
    }

    /// Carries out a request and answers when its change is committed.
    pub async fn call(&self, request: Request) -> Result<Answer, Error> {
        let (profile, name) = (request.profile_id, request.kind.as_ref().map(request::Kind::name));
        let answer = self.answer(request).await;
        if let Err(error) = &answer {
            // The text may quote what the caller sent.
            tracing::debug!(%profile, request = name, class = ?error.code(), "request failed");
        }
        answer
    }

    async fn answer(&self, request: Request) -> Result<Answer, Error> {
        let Some(kind) = &request.kind else { return Err(Error::invalid("empty request")) };
        let id = ProfileId::new(request.profile_id);
        if id == ProfileId::PROCESS
            && let Some(answer) = self.inner.vault.answer(&self.inner.hub.db, kind).await
        {
            return answer;
        }
        if id == ProfileId::PROCESS && kind.mode() == Mode::Query {
            return query::process::run(&self.inner.hub.db, kind).map(Answer::new);
        }
        if id != ProfileId::PROCESS && kind.mode() == Mode::Query && !kind.concerns_io() {
            if let request::Kind::WaitNextMsgs(_) = kind {
                return self.wait_next_msgs(id).await;
            }
            if !kind.needs_key() {
                let asked = Instant::now();
                let answer = query::run(&self.inner.hub.db, id, kind);
                if let Some(chat) = listed(kind) {
                    self.inner.hub.followers.listed(id, chat, asked);
                }
                return answer.map(Answer::new);
            }
        }
        let supervisor = &self.inner.supervisor;
        supervisor
            .send(request)
            .await
            .unwrap_or_else(|_| Err(Error::new(ErrorCode::Cancelled, "the engine is stopping")))
    }

    /// As [`subscribe`](Self::subscribe), for a program that shows chats, perhaps: mails that come together wait for it to
    /// list the messages of the chat that it has open ([`followers`](crate::followers)).
    pub fn subscribe_frontend(&self) -> EventStream {
        self.inner.hub.followers.join();
        self.inner.hub.bus.subscribe()
    }

    /// All events of all profiles from now on.
    pub fn subscribe(&self) -> EventStream {
        self.inner.hub.bus.subscribe()
    }

    /// The events of one profile from now on.
    pub fn subscribe_to(&self, profile: ProfileId) -> EventStream {
        self.inner.hub.bus.subscribe_to(profile)
    }

    /// A file of an in-chat app, to be read piece by piece. Reads the directory of the archive, unless it was opened before.
    pub fn app_file(
        &self,
        profile: ProfileId,
        message: MessageId,
        path: &str,
        opened: Option<OpenApp>,
    ) -> Result<AppFile, Error> {
        look(&self.inner.hub.db, profile, |look| instance::file(look, message, path, opened))
    }

    /// Changes when apps of a profile may have fallen out of their realtime channels though nobody left, and when channels
    /// may be used again.
    pub fn realtime_changes(&self, profile: ProfileId) -> watch::Receiver<u64> {
        self.inner.hub.wakes.realtime(profile)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.inner.hub.db.dir()
    }

    /// Display order and selection of the profiles with the names of their folders, for files that other programs read.
    pub fn profiles(&self) -> Result<Vec<(ProfileId, String)>, Error> {
        let listed = self.inner.hub.db.read(|view| {
            let mut listed = Vec::new();
            for id in profiles::ids(view)? {
                if let Some(record) = profiles::load(view, id)? {
                    listed.push((id, record.uuid));
                }
            }
            Ok::<_, volary_storage::StoreError>(listed)
        });
        listed.map_err(|error| Error::internal(error.to_string()))
    }

    async fn wait_next_msgs(&self, profile: ProfileId) -> Result<Answer, Error> {
        let db = &self.inner.hub.db;
        let exists = |db: &Db| db.read(|view| profiles::load(view, profile));
        let missing = || Error::not_found(format!("account with id {profile} not found"));
        exists(db).map_err(|error| Error::internal(error.to_string()))?.ok_or_else(missing)?;
        self.inner.hub.wakes.new_messages(profile).notified().await;
        exists(db).map_err(|error| Error::internal(error.to_string()))?.ok_or_else(missing)?;
        let ids = db.read(|view| query::messages::next_msgs(view, profile));
        let ids = ids.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Answer::new(answer::Kind::Ids(Ids { ids: numbers(ids) })))
    }

    /// Stops all I/O, ends the actors and closes the database.
    pub async fn stop(&self) {
        self.inner.vault.stop().await;
        let _ = self.inner.supervisor.addr.send(EndProfiles).await;
        if let Err(error) = housekeeping::keep_network(&self.inner.hub.db, &self.inner.hub.network).await {
            tracing::error!(%error, "what is known of relays cannot be stored");
        }
        self.inner.system.stop();
        let thread = self.inner.thread.lock().take();
        let store = self.inner.hub.db.store().clone();
        let ended = tokio::task::spawn_blocking(move || {
            let joined = thread.is_none_or(|thread| thread.join().is_ok());
            (joined, store.close())
        });
        match ended.await {
            Ok((true, Ok(()))) => {}
            Ok((_, Err(error))) => tracing::error!(%error, "last changes are not durable"),
            Ok((false, _)) | Err(_) => tracing::error!("the actor system ended with a panic"),
        }
        self.inner.hub.bus.close();
    }
}

#[cfg(test)]
mod tests {
    use volary_mail::login::Protocol;
    use volary_proto::v1::MaybeNetwork;

    use super::*;

    #[tokio::test]
    async fn a_network_that_may_have_changed_is_asked_for_names_anew() {
        let folder = tempfile::tempdir().unwrap();
        let node = Node::start(NodeOptions::new(folder.path())).unwrap();
        let resolver = node.inner.hub.network.resolver();
        resolver.addresses("no-such-host.invalid", 993, Protocol::Imap, true, 0).await;
        assert!(resolver.remembers("no-such-host.invalid"));
        let kind = Some(request::Kind::MaybeNetwork(MaybeNetwork {}));
        node.call(Request { profile_id: 0, kind }).await.unwrap();
        assert!(!resolver.remembers("no-such-host.invalid"));
        node.stop().await;
    }
}
