//! The sandbox for in-chat apps: each running instance is served over loopback HTTP from an origin of its own, so that
//! any browser or web view can show it.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Apps`]: starting, opening, ending |
//! | `names` | origins that nobody can guess |
//! | `policy` | what browsers are asked to forbid, and which requests are refused whatever they do |
//! | `running` | which instances run, and what those who show them wait for |
//! | `http` | connections, and who answers a request |
//! | `app` | an app: its files, and what `webxdc.js` asks for |
//! | `archives` | opened archives that are at rest |
//! | `realtime` | the realtime channel of an app |
//! | `held` | apps that were opened with a token end with it |
//! | `storage`, `wipe` | what browsers keep of an app goes with its message |
//! | `page` | the page around an app: links out, sending to a chat |
//! | `list` | the list of all apps, from which a person opens one |
//! | `reply` | answers, and bodies of requests |
//! | `types` | types of files |
//! | `web/` | what runs in the browser |
//!
//! A program opens an instance with [`Apps::open`] and shows the address in a web view; a person finds all apps at
//! [`Apps::list_url`]. `docs/apps.md` tells what is forbidden to an app, by what, and what a browser must add.
//!
//! Compiled with the feature `apps` only.

mod app;
mod archives;
#[cfg_attr(feature = "websocket", path = "held.rs")]
#[cfg_attr(not(feature = "websocket"), path = "held_off.rs")]
mod held;
mod http;
mod list;
mod names;
mod page;
mod policy;
mod realtime;
mod reply;
mod running;
mod storage;
mod types;
mod wipe;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use volary_proto::{Error as CallError, GetExistingMsgIds, GetWebxdcInfo};

use self::archives::Archives;
use self::held::{Held, Holder};
use self::http::Limits;
use self::names::Names;
use self::running::{End, Instance, Meaning, Running, meaning};
use self::storage::{Id, Storage};
use crate::engine::Engine;
use crate::proto::ErrorCode;

pub use self::running::MAX_RUNNING;

/// Why apps cannot be served.
#[derive(Debug, Error)]
pub enum AppsError {
    /// The secret behind the names of apps cannot be read or made.
    #[error("the secret of apps in {folder} cannot be used: {error}")]
    Secret {
        /// The folder of the engine.
        folder: String,
        /// What is wrong.
        error: io::Error,
    },
    /// What was opened before cannot be read.
    #[error("what browsers keep of apps cannot be read in {folder}: {error}")]
    Storage {
        /// The folder of the engine.
        folder: String,
        /// What is wrong.
        error: io::Error,
    },
    /// The port cannot be listened on.
    #[error("apps cannot be served on port {port}: {error}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What is wrong.
        error: io::Error,
    },
}

/// Serves the apps of an engine until it is stopped or its last clone is dropped.
#[derive(Clone)]
pub struct Apps {
    shared: Arc<Shared>,
    tasks: Arc<Tasks>,
}

/// What all connections share.
struct Shared {
    engine: Engine,
    names: Names,
    list: String,
    port: u16,
    running: Running,
    held: Held,
    storage: Storage,
    archives: Archives,
    limits: Limits,
}

struct Tasks(Vec<JoinHandle<()>>);

impl Drop for Tasks {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Apps {
    /// Starts to serve on a loopback port; 0 takes a free one. What apps keep in a browser is found again only at the
    /// same port.
    pub async fn start(engine: Engine, port: u16) -> Result<Self, AppsError> {
        let folder = engine.dir().to_owned();
        let names = Names::of(&folder)
            .map_err(|error| AppsError::Secret { folder: folder.display().to_string(), error })?;
        let storage = Storage::of(&folder)
            .map_err(|error| AppsError::Storage { folder: folder.display().to_string(), error })?;
        page::clean(&folder);
        let failed = |error| AppsError::Listen { port, error };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let list = names.list();
        let (running, held, archives) = (Running::default(), Held::default(), Archives::default());
        let limits = Limits::default();
        let shared = Arc::new(Shared { engine, names, list, port, running, held, storage, archives, limits });
        let tasks = vec![
            tokio::spawn(http::accept(listener, shared.clone())),
            tokio::spawn(follow(shared.clone())),
            tokio::spawn(held::watch(shared.clone())),
        ];
        tracing::info!(port, "in-chat apps are served");
        Ok(Self { shared, tasks: Arc::new(Tasks(tasks)) })
    }

    /// Where a person finds the list of all apps. Whoever knows this address can open them.
    pub fn list_url(&self) -> String {
        format!("http://{}/", names::page_host(&self.shared.list, self.shared.port))
    }

    /// Opens the app of a message at a place inside it (empty for its start) and returns the address to show. It runs
    /// until [`Apps::close`], or until the message is gone.
    pub async fn open(&self, profile: u32, message: u32, href: &str) -> Result<String, CallError> {
        self.shared.open(profile, message, href, Holder::default()).await
    }

    /// Ends the app of a message: its origins answer nothing any more, until it is opened again. Whether it was open.
    pub fn close(&self, profile: u32, message: u32) -> bool {
        self.shared.close(profile, message)
    }

    /// Ends all apps and frees the port.
    pub fn stop(&self) {
        self.shared.running.end(End::Closed, |_| true);
        for task in &self.tasks.0 {
            task.abort();
        }
    }
}

impl Shared {
    async fn open(
        &self,
        profile: u32,
        message: u32,
        href: &str,
        holder: Holder,
    ) -> Result<String, CallError> {
        let info = self.engine.call(profile, GetWebxdcInfo { msg_id: message }).await?;
        let name = self.names.instance(profile, message);
        // Before anybody can show it: what it keeps in a browser is known to be there.
        self.storage.opens((profile, message));
        let (instance, is_new) = self
            .running
            .add(name, profile, message, info.send_update_max_size as usize)
            .ok_or_else(|| CallError::new(ErrorCode::Busy, "too many apps are open"))?;
        self.held.opened(&instance.name, is_new, holder);
        let page = names::page_host(&instance.name, self.port);
        let place: String = url::form_urlencoded::byte_serialize(href.as_bytes()).collect();
        let query = if href.is_empty() { String::new() } else { format!("?href={place}") };
        Ok(format!("http://{page}/{query}"))
    }

    fn close(&self, profile: u32, message: u32) -> bool {
        self.end(End::Closed, (profile, message)) > 0
    }

    fn end(&self, end: End, (profile, message): Id) -> usize {
        let count =
            self.running.end(end, |instance| instance.profile == profile && instance.message == message);
        self.archives.close(&self.names.instance(profile, message));
        count
    }

    /// The message of an instance is gone.
    fn is_gone(&self, id: Id) {
        self.storage.is_gone(id);
        self.end(End::Deleted, id);
    }

    /// Ends instances whose message is gone, and notes those that were opened before.
    async fn look_again(&self, profile: u32) {
        for (profile, message) in self.storage.opened(profile) {
            let asked = self.engine.call(profile, GetExistingMsgIds { msg_ids: vec![message] }).await;
            // A failure says nothing about the message.
            if asked.is_ok_and(|found| found.ids.is_empty()) {
                self.is_gone((profile, message));
            }
        }
        self.running.changed(profile, 0);
    }

    fn page_origin(&self, name: &str) -> String {
        format!("http://{}", names::page_host(name, self.port))
    }

    fn app_origin(&self, instance: &Instance) -> String {
        format!("http://{}", names::app_host(&instance.name, self.port))
    }
}

/// Follows the events of the engine.
async fn follow(shared: Arc<Shared>) {
    let events = shared.engine.events();
    // What was deleted while no apps were served.
    shared.look_again(0).await;
    while let Some(event) = events.next().await {
        let Some(kind) = &event.kind else { continue };
        let profile = event.profile_id;
        match meaning(kind) {
            Meaning::Nothing => {}
            Meaning::Changed(message) => shared.running.changed(profile, message),
            Meaning::Gone(message) => shared.is_gone((profile, message)),
            Meaning::LookAgain => shared.look_again(profile).await,
        }
    }
    shared.running.end(End::Closed, |_| true);
}
