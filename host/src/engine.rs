//! Engine: the handle that a program holds.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;
use volary_actors::bus::EventStream;
use volary_actors::node::{self, Node, NodeOptions};
use volary_engine::ground::artwork;
use volary_engine::ground::clock::{Clock, SystemClock};
use volary_engine::ground::ids::ProfileId;
#[cfg(feature = "apps")]
use volary_engine::webxdc::instance::{AppFile, OpenApp};
use volary_proto::{Answer, Call, Error, GetAllAccountIds, GetBlobDir, Request};

use crate::bus::Bus;
use crate::directory::{AccountsDirectory, DirectoryError};
use crate::limits::{Limits, Look, Watch};

/// Why an engine does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The folder belongs to somebody else, or is in use.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The database, the network or the threads cannot be set up.
    #[error(transparent)]
    Node(#[from] node::StartError),
    /// Starting did not come to an end.
    #[error("starting the engine was interrupted")]
    Interrupted,
}

/// How an engine starts. A path alone stands for the usual options.
#[derive(Clone)]
pub struct EngineOptions {
    /// Folder of the database and of all attachments; made if it does not exist.
    pub dir: PathBuf,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Threads for actors and for CPU-heavy work, each; 0 = as many as the machine has cores.
    pub threads: usize,
    /// For tests and demonstrations: what devices tell each other directly stays on the loopback interface and uses no relay.
    #[doc(hidden)]
    pub on_loopback: bool,
}

impl EngineOptions {
    /// The usual options for a folder.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), clock: Arc::new(SystemClock), threads: 0, on_loopback: false }
    }
}

impl<P: Into<PathBuf>> From<P> for EngineOptions {
    fn from(dir: P) -> Self {
        Self::new(dir)
    }
}

/// A running engine with all profiles of one folder. Cheap to clone: all clones are the same engine.
///
/// No connection is made before `StartIo` or `StartIoForAllAccounts` is called.
#[derive(Clone)]
pub struct Engine {
    node: Node,
    directory: Arc<AccountsDirectory>,
    watch: Arc<Watch>,
}

impl Engine {
    /// Opens the folder, which belongs to this engine until its last clone is gone.
    pub async fn start(options: impl Into<EngineOptions>) -> Result<Self, StartError> {
        let options = options.into();
        // Waiting for the folder and opening the database block.
        tokio::task::spawn_blocking(move || Self::open(options)).await.map_err(|_| StartError::Interrupted)?
    }

    fn open(options: EngineOptions) -> Result<Self, StartError> {
        let directory = AccountsDirectory::open(&options.dir)?;
        if let Err(error) = artwork::lay_out(directory.path()) {
            tracing::warn!(%error, "pictures of the engine cannot be written; chats of the engine have none");
        }
        let mut node = NodeOptions::new(directory.path());
        node.clock = options.clock;
        node.on_loopback = options.on_loopback;
        if options.threads > 0 {
            node.threads = options.threads;
        }
        Ok(Self { node: Node::start(node)?, directory: Arc::new(directory), watch: Arc::default() })
    }

    /// Carries out a command or query of a profile (0 = the process as a whole). A command is answered after its
    /// change is committed.
    pub async fn call<C: Call>(&self, profile: u32, call: C) -> Result<C::Answer, Error> {
        Ok(self.request(Request::new(profile, call)).await?.take::<C>()?)
    }

    /// The same for requests whose kind is not known when the program is compiled.
    pub async fn request(&self, request: Request) -> Result<Answer, Error> {
        // Held until the profile is there, so that several that are made at a time are counted.
        let mut _making = None;
        match self.watch.admit(&request, Instant::now())? {
            None => {}
            Some(Look::Profiles { most }) => {
                _making = Some(self.watch.making.lock().await);
                let there = self.node.call(Request::new(0, GetAllAccountIds {})).await?;
                Look::refuse_profiles(most, there.take::<GetAllAccountIds>()?.ids.len())?;
            }
            Some(Look::Attachments { most, file }) => {
                let answer = self.node.call(Request::new(request.profile_id, GetBlobDir {})).await?;
                let folder = PathBuf::from(answer.take::<GetBlobDir>()?.text.unwrap_or_default());
                Look::refuse_attachments(most, &file, &folder)?;
            }
        }
        self.node.call(request).await
    }

    /// Limits what profiles may ask for, from now on. There are no limits until then.
    pub fn set_limits(&self, limits: Limits) {
        self.watch.set(limits);
    }

    /// All events of all profiles, and of the process as a whole (profile 0), from now on, in the order of commits.
    pub fn events(&self) -> EventStream {
        self.node.subscribe()
    }

    /// The events of one profile from now on. What happens to other profiles costs this stream nothing.
    pub fn events_of(&self, profile: u32) -> EventStream {
        self.node.subscribe_to(profile.into())
    }

    /// Whether the engine before on this folder has logged all its events.
    #[cfg(feature = "grpc")]
    pub(crate) fn was_logged(&self) -> bool {
        self.directory.was_logged()
    }

    /// A file of an in-chat app, to be read piece by piece, from its archive if that was opened before.
    #[cfg(feature = "apps")]
    pub(crate) fn app_file(
        &self,
        profile: u32,
        message: u32,
        path: &str,
        opened: Option<OpenApp>,
    ) -> Result<AppFile, Error> {
        self.node.app_file(profile.into(), message.into(), path, opened)
    }

    /// Changes when apps of a profile may have fallen out of their realtime channels though nobody left, and when channels
    /// may be used again.
    #[cfg(feature = "apps")]
    pub(crate) fn realtime_changes(&self, profile: u32) -> tokio::sync::watch::Receiver<u64> {
        self.node.realtime_changes(profile.into())
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        self.directory.path()
    }

    /// Ends all connections, makes everything durable and stops. Calls fail afterwards, event streams end.
    pub async fn stop(&self) {
        self.node.stop().await;
    }
}

impl Bus for Engine {
    type Events = EventStream;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let engine = self.clone();
        async move { engine.request(request).await }
    }

    fn subscribe(&self) -> EventStream {
        self.node.subscribe_frontend()
    }

    fn listen(
        &self,
        profile: Option<ProfileId>,
    ) -> impl Future<Output = Result<EventStream, Error>> + Send + 'static {
        let events = profile.map_or_else(|| self.node.subscribe(), |profile| self.node.subscribe_to(profile));
        std::future::ready(Ok(events))
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        let engine = self.clone();
        async move { Engine::stop(&engine).await }
    }
}
