//! What the actor of a profile, its tasks and its handlers share.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;

use actix::{Addr, Message, WeakRecipient};
use tokio::sync::{Mutex, Notify};
use tracing::Span;
use volary_proto::v1::{RelayCommand, RelayStop, relay_command};

use super::chats::{Apps, Chats};
use super::connectivity::Connections;
use super::send::pace::Pace;
use super::web_cache::WebCache;
use crate::app::AppQuiet;
use crate::chat::Quiet;
use crate::hub::Hub;
use crate::mailbox::Places;
use crate::relay_connection::RelayConnection;
use crate::supervisor::fan_in::FanIn;
use crate::supervisor::reconnect::AFTER_TROUBLE;
use crate::supervisor::reconnect::revival::Revival;
use volary_engine::ground::db::Db;
use volary_engine::ground::effects::Effects;
use volary_engine::ground::ids::{ProfileId, TransportId};

/// There is something to send, and no send loop runs.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StartSending;

/// What the actor, its tasks and its handlers share, all on one thread.
pub struct Shared {
    /// The profile.
    pub id: ProfileId,
    /// What all actors share.
    pub hub: Hub,
    /// The database of the hub.
    pub db: Db,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
    /// The places in the mailbox of the actor.
    pub places: Places,
    /// I/O was started.
    pub io: Cell<bool>,
    /// Running connections by transport.
    pub connections: RefCell<HashMap<TransportId, Addr<RelayConnection>>>,
    /// What they show.
    pub shown: RefCell<Connections>,
    /// Mails that are being downloaded.
    pub fan_in: RefCell<FanIn>,
    /// Chats in use.
    pub chats: Chats,
    /// Apps in use.
    pub apps: Apps,
    /// Batches of mails that are being processed.
    pub processing: Cell<u32>,
    /// After a failure of the disk connections are made anew in a while: that is planned.
    pub reconnects: Cell<bool>,
    /// One batch at a time, so that mails apply in the order in which they came.
    pub receiving: Mutex<()>,
    /// A send loop runs.
    pub sending: Cell<bool>,
    /// The send loop has to look again.
    pub send_again: Cell<bool>,
    /// When mails of chats were accepted lately.
    pub pace: RefCell<Pace>,
    /// What connections reported of accepted mails; emitted when the queue knows it, too.
    pub accepted: RefCell<Vec<String>>,
    /// Why the last attempt to set up a relay failed.
    pub setup_error: RefCell<Option<String>>,
    /// A further relay is being chosen.
    pub choosing_relay: Cell<bool>,
    /// Documents of web servers.
    pub web_cache: RefCell<WebCache>,
    /// Realtime channels of apps, since the first app used one.
    #[cfg(feature = "realtime")]
    pub realtime: RefCell<Option<Addr<crate::realtime::Realtime>>>,
    /// Generation of the last order to the connections.
    pub generation: Cell<u64>,
    /// Something of the above changed.
    pub changed: Notify,
    /// Cancels the long operation that is under way, see [`ongoing`](super::ongoing).
    pub ongoing: RefCell<Option<Rc<Notify>>>,
    /// The code of an offer to a second device, while it stands.
    #[cfg(feature = "transfer")]
    pub offered: tokio::sync::watch::Sender<Option<String>>,
    /// Connections that failed lately, by transport.
    pub revivals: RefCell<BTreeMap<TransportId, Revival>>,
    /// Starts the send loop.
    pub sender: OnceCell<WeakRecipient<StartSending>>,
    /// Who is notified by chats that are quiet.
    pub owner: OnceCell<WeakRecipient<Quiet>>,
    /// Who is notified by apps that are quiet.
    pub app_owner: OnceCell<WeakRecipient<AppQuiet>>,
}

/// A batch is being processed for as long as this lives.
pub struct Processing(Rc<Shared>);

impl Drop for Processing {
    fn drop(&mut self) {
        self.0.processing.set(self.0.processing.get() - 1);
        self.0.changed.notify_waiters();
    }
}

impl Shared {
    /// Nothing runs yet.
    pub fn new(id: ProfileId, hub: Hub, blob_dir: PathBuf, places: Places) -> Self {
        let db = hub.db.clone();
        Self {
            id,
            hub,
            db,
            blob_dir,
            places,
            io: Cell::new(false),
            connections: RefCell::default(),
            shown: RefCell::default(),
            fan_in: RefCell::default(),
            chats: Chats::default(),
            apps: Apps::default(),
            accepted: RefCell::default(),
            setup_error: RefCell::default(),
            processing: Cell::new(0),
            reconnects: Cell::new(false),
            receiving: Mutex::new(()),
            sending: Cell::new(false),
            send_again: Cell::new(false),
            pace: RefCell::default(),
            choosing_relay: Cell::new(false),
            web_cache: RefCell::default(),
            #[cfg(feature = "realtime")]
            realtime: RefCell::default(),
            generation: Cell::new(0),
            changed: Notify::new(),
            ongoing: RefCell::default(),
            #[cfg(feature = "transfer")]
            offered: tokio::sync::watch::Sender::default(),
            revivals: RefCell::default(),
            sender: OnceCell::new(),
            owner: OnceCell::new(),
            app_owner: OnceCell::new(),
        }
    }

    /// The connection of a transport, if it runs.
    pub fn connection(&self, transport: TransportId) -> Option<Addr<RelayConnection>> {
        self.connections.borrow().get(&transport).cloned()
    }

    /// Starts the send loop, or makes the running one look again.
    pub fn wake_sender(&self) {
        if self.sending.replace(true) {
            self.send_again.set(true);
            return;
        }
        match self.sender.get().and_then(WeakRecipient::upgrade) {
            Some(profile) => profile.do_send(StartSending),
            None => self.sending.set(false),
        }
    }

    /// What the work of this profile is logged under.
    pub fn span(&self) -> Span {
        tracing::info_span!("profile", profile = %self.id)
    }

    /// A batch is processed from now on.
    pub fn process(self: &Rc<Self>) -> Processing {
        self.processing.set(self.processing.get() + 1);
        Processing(self.clone())
    }
}

/// Ends all connections at once.
pub fn drop_connections(shared: &Shared) {
    for (_, connection) in shared.connections.borrow_mut().drain() {
        connection.do_send(RelayCommand {
            generation: shared.generation.get(),
            command: Some(relay_command::Command::Stop(RelayStop {})),
        });
    }
    shared.shown.borrow_mut().clear();
    shared.fan_in.borrow_mut().clear();
    shared.changed.notify_waiters();
}

/// After a failure of the disk: connections are made anew in a while, if I/O is still wanted.
pub fn reconnect_later(shared: &Rc<Shared>) {
    // Batches that fail one after the other reconnect once.
    if shared.reconnects.replace(true) {
        return;
    }
    let shared = shared.clone();
    actix::spawn(async move {
        tokio::time::sleep(AFTER_TROUBLE).await;
        shared.reconnects.set(false);
        shared.hub.wakes.send(shared.id, Effects { transports: true, ..Effects::default() });
    });
}
