//! Node: the engine as its frontends see it. Commands go to the actor that owns what they change and are answered
//! after the commit; queries read a snapshot on the caller's side; events come in the order of commits.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use actix::{Actor as _, Addr, Arbiter, System};
use parking_lot::Mutex;
use volary_proto::Mode;
use volary_proto::v1::{Answer, Error, Ids, Request, answer, request};
use volary_storage::{OpenError, Options, Store};

use crate::bus::{Bus, EventStream};
use crate::clock::{Clock, SystemClock};
use crate::db::Db;
use crate::pool::Pool;
use crate::profile::io as profile_io;
use crate::query;
use crate::relay_connection::memory;
use crate::supervisor::{EndProfile, Supervisor, housekeeping, registry};
use crate::texts::Texts;
use crate::wake::Wakes;
use volary_link::Network;

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
}

impl NodeOptions {
    /// The usual options for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        let threads = thread::available_parallelism().map_or(2, usize::from);
        Self { dir: dir.into(), clock: Arc::new(SystemClock), threads, storage: Options::default() }
    }
}

/// The running engine. Cheap to clone.
#[derive(Clone)]
pub struct Node {
    inner: Arc<Inner>,
}

struct Inner {
    db: Db,
    network: Arc<Network>,
    supervisor: Addr<Supervisor>,
    system: System,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Node {
    /// Opens the folder and starts the actors. No I/O is started.
    pub fn start(options: NodeOptions) -> Result<Self, StartError> {
        let store = Store::open(&options.dir, options.storage)?;
        let db =
            Db::new(store, options.dir, Bus::default(), options.clock, Texts::default(), Wakes::default());
        let network = Network::with_defaults().map_err(|error| StartError::Tls(error.to_string()))?;
        if let Err(error) = db.read(|view| memory::load(view, &network, db.now())) {
            // It is learned anew.
            tracing::error!(%error, "what is known of relays cannot be read");
        }
        let pool = Pool::new(options.threads)?;
        let (ready, started) = std::sync::mpsc::channel();
        let (actors_db, actors_network, threads) = (db.clone(), network.clone(), options.threads.max(1));
        let thread = thread::Builder::new().name("volary-supervisor".to_owned()).spawn(move || {
            let runner = System::new();
            runner.block_on(async move {
                let arbiters = (0..threads).map(|_| Arbiter::new()).collect();
                let supervisor = Supervisor::new(actors_db, pool, actors_network, arbiters).start();
                // The receiver waits for exactly this.
                let _ = ready.send((supervisor, System::current()));
            });
            if let Err(error) = runner.run() {
                tracing::error!(%error, "the actor system failed");
            }
        })?;
        let (supervisor, system) = started.recv().map_err(|_| StartError::System)?;
        Ok(Self {
            inner: Arc::new(Inner { db, network, supervisor, system, thread: Mutex::new(Some(thread)) }),
        })
    }

    /// Carries out a request and answers when its change is committed.
    pub async fn call(&self, request: Request) -> Result<Answer, Error> {
        let Some(kind) = &request.kind else { return Err(Error::invalid("empty request")) };
        let id = request.profile_id;
        if id == 0 && kind.mode() == Mode::Query {
            return registry::answer_query(&self.inner.db, kind).map(Answer::new);
        }
        if id != 0 && kind.mode() == Mode::Query && !profile_io::is_own(kind) {
            if let request::Kind::WaitNextMsgs(_) = kind {
                return self.wait_next_msgs(id).await;
            }
            if !crate::commands::needs_key(kind) {
                return query::run(&self.inner.db, id, kind).map(Answer::new);
            }
        }
        let supervisor = &self.inner.supervisor;
        supervisor.send(request).await.unwrap_or_else(|_| Err(Error::internal("the engine is stopping")))
    }

    /// All events of all profiles from now on.
    pub fn subscribe(&self) -> EventStream {
        self.inner.db.bus().subscribe()
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.inner.db.dir()
    }

    /// Display order and selection of the profiles with the names of their folders, for files that other programs read.
    pub fn profiles(&self) -> Result<Vec<(u32, String)>, Error> {
        let listed = self.inner.db.read(|view| {
            let mut listed = Vec::new();
            for id in registry::ids(view)? {
                if let Some(record) = registry::load(view, id)? {
                    listed.push((id, record.uuid));
                }
            }
            Ok::<_, volary_storage::StoreError>(listed)
        });
        listed.map_err(|error| Error::internal(error.to_string()))
    }

    async fn wait_next_msgs(&self, profile: u32) -> Result<Answer, Error> {
        let db = &self.inner.db;
        let exists = |db: &Db| db.read(|view| registry::load(view, profile));
        let missing = || Error::not_found(format!("account with id {profile} not found"));
        exists(db).map_err(|error| Error::internal(error.to_string()))?.ok_or_else(missing)?;
        db.wakes().new_messages(profile).notified().await;
        exists(db).map_err(|error| Error::internal(error.to_string()))?.ok_or_else(missing)?;
        let ids = db.read(|view| query::messages::next_msgs(view, profile));
        let ids = ids.map_err(|error| Error::internal(error.to_string()))?;
        Ok(Answer::new(answer::Kind::Ids(Ids { ids })))
    }

    /// Stops all I/O, ends the actors and closes the database.
    pub async fn stop(&self) {
        let _ = self.inner.supervisor.send(EndProfile(None)).await;
        if let Err(error) = housekeeping::keep_network(&self.inner.db, &self.inner.network).await {
            tracing::error!(%error, "what is known of relays cannot be stored");
        }
        self.inner.system.stop();
        let thread = self.inner.thread.lock().take();
        let store = self.inner.db.store().clone();
        let ended = tokio::task::spawn_blocking(move || {
            let joined = thread.is_none_or(|thread| thread.join().is_ok());
            (joined, store.close())
        });
        match ended.await {
            Ok((true, Ok(()))) => {}
            Ok((_, Err(error))) => tracing::error!(%error, "last changes are not durable"),
            Ok((false, _)) | Err(_) => tracing::error!("the actor system ended with a panic"),
        }
        self.inner.db.bus().close();
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
        let resolver = node.inner.network.resolver();
        resolver.addresses("no-such-host.invalid", 993, Protocol::Imap, true, 0).await;
        assert!(resolver.remembers("no-such-host.invalid"));
        let kind = Some(request::Kind::MaybeNetwork(MaybeNetwork {}));
        node.call(Request { profile_id: 0, kind }).await.unwrap();
        assert!(!resolver.remembers("no-such-host.invalid"));
        node.stop().await;
    }
}
