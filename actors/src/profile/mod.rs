//! Profile: one actor for each profile that does I/O or carries out a command.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the actor: its mailbox and what the messages start |
//! | [`io`] | starting and stopping relay connections, work that is still to be done |
//! | [`receive`] | incoming mail: which is wanted, decrypting, assigning, applying |
//! | [`send`] | outgoing mail: the queue, rendering, what follows an answer |
//! | [`securejoin`] | carrying out what the handshake rules ask for |
//! | [`connectivity`] | the state that is shown |
//! | [`verification`] | who is verified by whom |

pub mod connectivity;
pub mod connectivity_html;
pub mod io;
pub mod receive;
pub mod securejoin;
pub mod send;
pub mod transports;
pub mod verification;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{
    Actor, ActorContext as _, Addr, AsyncContext as _, Context, Handler, ResponseFuture, StreamHandler,
    WrapFuture as _,
};
use tokio::sync::{Mutex, Notify};
use volary_proto::v1::{
    Answer, Error, RelayHeads, RelayHeadsAnswer, RelayMails, RelayMailsAnswer, RelayNotice, Request,
};

use self::connectivity::Connections;
use crate::chat::actor::Chat;
use crate::commands;
use crate::db::Db;
use crate::pool::Pool;
use crate::relay_connection::{Crowds, RelayConnection};
use crate::wake::Effects;
use volary_link::Network;

/// Messages that wait for a profile; more push back on the relay connections.
const MAILBOX: usize = 256;

/// Connections that failed are made anew that often.
const WATCH: Duration = Duration::from_secs(30);

/// What the actor, its tasks and its handlers share, all on one thread.
pub struct Shared {
    /// The profile.
    pub id: u32,
    /// Database, events, texts, clock.
    pub db: Db,
    /// Workers.
    pub pool: Pool,
    /// What all relay connections of the process share.
    pub network: Arc<Network>,
    /// All relay connections of the process, by relay.
    pub crowds: Arc<Crowds>,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
    /// I/O was started.
    pub io: Cell<bool>,
    /// Running connections by transport.
    pub connections: RefCell<HashMap<u32, Addr<RelayConnection>>>,
    /// What they show.
    pub shown: RefCell<Connections>,
    /// Mails that are being downloaded: Message-ID → transport.
    pub downloading: RefCell<HashMap<String, u32>>,
    /// Batches of mails that are being processed.
    pub processing: Cell<u32>,
    /// One batch at a time, so that mails apply in the order in which they came.
    pub receiving: Mutex<()>,
    /// A send loop runs.
    pub sending: Cell<bool>,
    /// The send loop has to look again.
    pub send_again: Cell<bool>,
    /// What connections told of accepted mails; told on when the queue knows it, too.
    pub accepted: RefCell<Vec<String>>,
    /// Why the last attempt to set up a relay failed.
    pub setup_error: RefCell<Option<String>>,
    /// Generation of the last order to the connections.
    pub generation: Cell<u64>,
    /// Something of the above changed.
    pub changed: Notify,
    /// Cancels the running configuration or transfer.
    pub ongoing: RefCell<Option<Rc<Notify>>>,
}

impl Shared {
    /// The connection of a transport, if it runs.
    pub fn connection(&self, transport: u32) -> Option<Addr<RelayConnection>> {
        self.connections.borrow().get(&transport).cloned()
    }

    /// Starts the send loop, or makes the running one look again.
    pub fn wake_sender(self: &Rc<Self>) {
        if self.sending.replace(true) {
            self.send_again.set(true);
            return;
        }
        let shared = self.clone();
        actix::spawn(async move {
            loop {
                shared.send_again.set(false);
                send::run(shared.clone()).await;
                if !shared.send_again.get() {
                    break;
                }
            }
            shared.sending.set(false);
            shared.changed.notify_waiters();
        });
    }
}

/// The actor. See the module documentation.
pub struct Profile {
    shared: Rc<Shared>,
    chats: HashMap<u32, Addr<Chat>>,
}

/// What a profile actor is made of.
pub struct Parts {
    /// The profile.
    pub id: u32,
    /// Database, events, texts, clock.
    pub db: Db,
    /// Workers.
    pub pool: Pool,
    /// What all relay connections of the process share.
    pub network: Arc<Network>,
    /// All relay connections of the process, by relay.
    pub crowds: Arc<Crowds>,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
}

impl Profile {
    /// An actor for a profile, without I/O.
    pub fn new(parts: Parts) -> Self {
        let Parts { id, db, pool, network, crowds, blob_dir } = parts;
        let shared = Shared {
            id,
            db,
            pool,
            network,
            crowds,
            blob_dir,
            io: Cell::new(false),
            connections: RefCell::default(),
            shown: RefCell::default(),
            downloading: RefCell::default(),
            accepted: RefCell::default(),
            setup_error: RefCell::default(),
            processing: Cell::new(0),
            receiving: Mutex::new(()),
            sending: Cell::new(false),
            send_again: Cell::new(false),
            generation: Cell::new(0),
            changed: Notify::new(),
            ongoing: RefCell::default(),
        };
        Self { shared: Rc::new(shared), chats: HashMap::new() }
    }

    fn chat(&mut self, chat: u32) -> Addr<Chat> {
        self.chats.retain(|_, addr| addr.connected());
        let (db, profile) = (self.shared.db.clone(), self.shared.id);
        self.chats.entry(chat).or_insert_with(|| Chat::new(db, profile, chat).start()).clone()
    }
}

impl Actor for Profile {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.add_stream(self.shared.db.wakes().register(self.shared.id));
        ctx.run_interval(WATCH, |profile, ctx| io::revive(&profile.shared, &ctx.address()));
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        io::drop_connections(&self.shared);
    }
}

impl StreamHandler<Effects> for Profile {
    fn handle(&mut self, effects: Effects, ctx: &mut Self::Context) {
        if effects.outbox && self.shared.io.get() {
            self.shared.wake_sender();
        }
        if effects.flags || effects.downloads {
            io::send_orders(&self.shared, effects.downloads);
        }
        if effects.transports && self.shared.io.get() {
            let shared = self.shared.clone();
            let profile = ctx.address();
            ctx.spawn(async move { io::reconnect(&shared, &profile).await }.into_actor(self));
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

/// Ends the actor: the profile is removed, or the engine stops.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub struct End;

impl Handler<End> for Profile {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: End, ctx: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        ctx.stop();
        Box::pin(async move { io::stop(&shared).await })
    }
}

impl Handler<RelayHeads> for Profile {
    type Result = ResponseFuture<RelayHeadsAnswer>;

    fn handle(&mut self, heads: RelayHeads, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        Box::pin(async move { receive::heads::decide(&shared, heads).await })
    }
}

impl Handler<RelayMails> for Profile {
    type Result = ResponseFuture<RelayMailsAnswer>;

    fn handle(&mut self, mails: RelayMails, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        shared.processing.set(shared.processing.get() + 1);
        Box::pin(async move {
            let answer = receive::mails(&shared, mails).await;
            shared.processing.set(shared.processing.get() - 1);
            shared.changed.notify_waiters();
            answer
        })
    }
}

impl Handler<RelayNotice> for Profile {
    type Result = ();

    fn handle(&mut self, notice: RelayNotice, ctx: &mut Self::Context) {
        let shared = self.shared.clone();
        if let Some(later) = io::notice(&shared, notice) {
            ctx.spawn(later.into_actor(self));
        }
        self.shared.changed.notify_waiters();
    }
}

impl Handler<Request> for Profile {
    type Result = ResponseFuture<Result<Answer, Error>>;

    fn handle(&mut self, request: Request, ctx: &mut Self::Context) -> Self::Result {
        let Some(kind) = request.kind else {
            return Box::pin(std::future::ready(Err(Error::invalid("empty request"))));
        };
        if io::is_own(&kind) {
            let (shared, profile) = (self.shared.clone(), ctx.address());
            return Box::pin(async move { io::request(shared, profile, kind).await.map(Answer::new) });
        }
        if let Some(chat) = commands::chat_of(&kind) {
            let chat = self.chat(chat);
            let request = Request { profile_id: self.shared.id, kind: Some(kind) };
            let answer = chat.send(request);
            return Box::pin(async move {
                answer.await.unwrap_or_else(|_| Err(Error::internal("the chat ended before it answered")))
            });
        }
        let (db, profile) = (self.shared.db.clone(), self.shared.id);
        Box::pin(async move { commands::run(&db, profile, kind).await.map(Answer::new) })
    }
}
