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
//! | `realtime` | the realtime channel of an app |
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
mod http;
mod list;
mod names;
mod page;
mod policy;
mod realtime;
mod reply;
mod running;
mod types;

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;

use thiserror::Error;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use volary_proto::{Error as CallError, GetWebxdcInfo};

use self::http::Limits;
use self::names::Names;
use self::running::{Instance, Meaning, Running, meaning};
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
        page::clean(&folder);
        let failed = |error| AppsError::Listen { port, error };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let list = names.list();
        let shared =
            Shared { engine, names, list, port, running: Running::default(), limits: Limits::default() };
        let shared = Arc::new(shared);
        let tasks =
            vec![tokio::spawn(http::accept(listener, shared.clone())), tokio::spawn(follow(shared.clone()))];
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
        self.shared.open(profile, message, href).await
    }

    /// Ends the app of a message: its origins answer nothing any more, until it is opened again.
    pub fn close(&self, profile: u32, message: u32) {
        self.shared.running.end(|instance| instance.profile == profile && instance.message == message);
    }

    /// Ends all apps and frees the port.
    pub fn stop(&self) {
        self.shared.running.end(|_| true);
        for task in &self.tasks.0 {
            task.abort();
        }
    }
}

impl Shared {
    async fn open(&self, profile: u32, message: u32, href: &str) -> Result<String, CallError> {
        self.engine.call(profile, GetWebxdcInfo { msg_id: message }).await?;
        let name = self.names.instance(profile, message);
        let instance = self
            .running
            .add(name, profile, message)
            .ok_or_else(|| CallError::new(ErrorCode::Busy, "too many apps are open"))?;
        let page = names::page_host(&instance.name, self.port);
        let place: String = url::form_urlencoded::byte_serialize(href.as_bytes()).collect();
        let query = if href.is_empty() { String::new() } else { format!("?href={place}") };
        Ok(format!("http://{page}/{query}"))
    }

    /// Ends instances whose message is gone.
    async fn look_again(&self, profile: u32) {
        for instance in self.running.of(profile) {
            let asked = self.engine.call(instance.profile, GetWebxdcInfo { msg_id: instance.message }).await;
            if asked.is_err() {
                self.running.end(|other| other.name == instance.name);
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
    while let Some(event) = events.next().await {
        let Some(kind) = &event.kind else { continue };
        let profile = event.profile_id;
        match meaning(kind) {
            Meaning::Nothing => {}
            Meaning::Changed(message) => shared.running.changed(profile, message),
            Meaning::Gone(message) => {
                shared.running.end(|instance| instance.profile == profile && instance.message == message);
            }
            Meaning::LookAgain => shared.look_again(profile).await,
        }
    }
    shared.running.end(|_| true);
}
