//! Profile: one actor for each profile that does I/O or carries out a command.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the actor: its mailbox and what the messages start |
//! | [`io`] | starting and stopping relay connections, work that is still to be done |
//! | [`chats`] | the chats in use: whose turn a command or a mail is |
//! | [`receive`] | incoming mail: which is wanted, decrypting, assigning, applying |
//! | [`send`] | outgoing mail: the queue, rendering, what follows an answer |
//! | [`connectivity`] | the state that is shown |

pub mod chats;
pub mod connectivity;
pub mod connectivity_html;
pub mod io;
pub mod receive;
pub mod send;
pub mod transports;

#[cfg(test)]
mod tests;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use actix::{
    Actor, ActorContext as _, Addr, AsyncContext as _, Context, Handler, Message, ResponseFuture,
    StreamHandler, WeakAddr, WrapFuture as _,
};
use tokio::sync::{Mutex, Notify};
use tracing::{Instrument as _, Span};
use volary_proto::v1::{
    Answer, Error, RelayHeads, RelayHeadsAnswer, RelayMails, RelayMailsAnswer, RelayNotice, Request,
};

use self::chats::Chats;
use self::connectivity::Connections;
use crate::chat::Quiet;
use crate::hub::Hub;
use crate::relay_connection::{ConnectionEnded, RelayConnection};
use crate::supervisor::fan_in::FanIn;
use crate::supervisor::reconnect::revival::Revival;
use crate::watch::Farewell;
use volary_engine::ground::db::Db;
use volary_engine::ground::effects::Effects;

/// Messages that wait for a profile; more push back on the relay connections.
const MAILBOX: usize = 256;

/// What the actor, its tasks and its handlers share, all on one thread.
pub struct Shared {
    /// The profile.
    pub id: u32,
    /// What all actors share.
    pub hub: Hub,
    /// The database of the hub.
    pub db: Db,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
    /// I/O was started.
    pub io: Cell<bool>,
    /// Running connections by transport.
    pub connections: RefCell<HashMap<u32, Addr<RelayConnection>>>,
    /// What they show.
    pub shown: RefCell<Connections>,
    /// Mails that are being downloaded.
    pub fan_in: RefCell<FanIn>,
    /// Chats in use.
    pub chats: Chats,
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
    /// Connections that failed lately, by transport.
    pub revivals: RefCell<BTreeMap<u32, Revival>>,
    /// The actor itself.
    pub actor: OnceCell<WeakAddr<Profile>>,
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
    /// The connection of a transport, if it runs.
    pub fn connection(&self, transport: u32) -> Option<Addr<RelayConnection>> {
        self.connections.borrow().get(&transport).cloned()
    }

    /// Starts the send loop, or makes the running one look again.
    pub fn wake_sender(&self) {
        if self.sending.replace(true) {
            self.send_again.set(true);
            return;
        }
        match self.actor.get().and_then(WeakAddr::upgrade) {
            Some(profile) => profile.do_send(StartSending),
            None => self.sending.set(false),
        }
    }

    /// What the work of this profile is logged under.
    pub fn span(&self) -> Span {
        tracing::info_span!("profile", profile = self.id)
    }

    /// A batch is processed from now on.
    pub fn process(self: &Rc<Self>) -> Processing {
        self.processing.set(self.processing.get() + 1);
        Processing(self.clone())
    }
}

/// The actor. See the module documentation.
pub struct Profile {
    shared: Rc<Shared>,
    _farewell: Farewell<ProfileEnded>,
}

/// The actor of a profile has ended, in order or with a panic.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ProfileEnded {
    /// The profile.
    pub id: u32,
    /// Which of its actors.
    pub life: u64,
}

/// What a profile actor is made of.
pub struct Parts {
    /// The profile.
    pub id: u32,
    /// What all actors share.
    pub hub: Hub,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
    /// Tells the supervisor of the end of the actor.
    pub farewell: Farewell<ProfileEnded>,
}

impl Profile {
    /// An actor for a profile, without I/O.
    pub fn new(parts: Parts) -> Self {
        let Parts { id, hub, blob_dir, farewell } = parts;
        let db = hub.db.clone();
        let shared = Shared {
            id,
            hub,
            db,
            blob_dir,
            io: Cell::new(false),
            connections: RefCell::default(),
            shown: RefCell::default(),
            fan_in: RefCell::default(),
            chats: Chats::default(),
            accepted: RefCell::default(),
            setup_error: RefCell::default(),
            processing: Cell::new(0),
            reconnects: Cell::new(false),
            receiving: Mutex::new(()),
            sending: Cell::new(false),
            send_again: Cell::new(false),
            generation: Cell::new(0),
            changed: Notify::new(),
            ongoing: RefCell::default(),
            revivals: RefCell::default(),
            actor: OnceCell::new(),
        };
        Self { shared: Rc::new(shared), _farewell: farewell }
    }
}

impl Actor for Profile {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        ctx.add_stream(self.shared.hub.wakes.register(self.shared.id));
        // It is started once.
        let _ = self.shared.actor.set(ctx.address().downgrade());
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
        if effects.unlocked.any() {
            let retry = receive::retry(self.shared.clone(), effects.unlocked);
            ctx.spawn(retry.instrument(self.shared.span()).into_actor(self));
        }
        if effects.transports && self.shared.io.get() {
            let shared = self.shared.clone();
            let profile = ctx.address();
            let span = shared.span();
            let work = async move { io::reconnect(&shared, &profile).await };
            ctx.spawn(work.instrument(span).into_actor(self));
        }
    }

    fn finished(&mut self, _: &mut Self::Context) {}
}

impl Handler<Quiet> for Profile {
    type Result = ();

    fn handle(&mut self, quiet: Quiet, _: &mut Self::Context) {
        self.shared.chats.let_go(quiet);
    }
}

/// There is something to send, and no send loop runs.
#[derive(Message)]
#[rtype(result = "()")]
struct StartSending;

impl Handler<StartSending> for Profile {
    type Result = ();

    fn handle(&mut self, _: StartSending, ctx: &mut Self::Context) {
        ctx.spawn(send::keep_running(self.shared.clone()).into_actor(self));
    }
}

impl Handler<ConnectionEnded> for Profile {
    type Result = ();

    fn handle(&mut self, ended: ConnectionEnded, ctx: &mut Self::Context) {
        let transport = ended.transport_id;
        if !io::has_failed(&self.shared, transport) {
            tracing::debug!(profile = self.shared.id, transport, "relay connection ended");
            return;
        }
        let now = Instant::now();
        let pause = self
            .shared
            .revivals
            .borrow_mut()
            .entry(transport)
            .or_insert_with(|| Revival::new(now))
            .failed(now);
        tracing::error!(
            profile = self.shared.id,
            transport,
            ?pause,
            "a relay connection failed and is made anew"
        );
        io::show_failure(&self.shared, transport);
        ctx.run_later(pause, |profile, ctx| io::revive(&profile.shared, &ctx.address()));
    }
}

/// Ends the actor: the profile is removed, or the engine stops.
#[derive(Message)]
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
        let span = shared.span();
        Box::pin(async move { receive::heads::decide(&shared, heads).await }.instrument(span))
    }
}

impl Handler<RelayMails> for Profile {
    type Result = ResponseFuture<RelayMailsAnswer>;

    fn handle(&mut self, mails: RelayMails, _: &mut Self::Context) -> Self::Result {
        let shared = self.shared.clone();
        let (processing, span) = (shared.process(), shared.span());
        let work = async move {
            let answer = receive::mails(&shared, mails).await;
            drop(processing);
            answer
        };
        Box::pin(work.instrument(span))
    }
}

impl Handler<RelayNotice> for Profile {
    type Result = ();

    fn handle(&mut self, notice: RelayNotice, ctx: &mut Self::Context) {
        let shared = self.shared.clone();
        if let Some(later) = io::notice(&shared, notice) {
            ctx.spawn(later.instrument(self.shared.span()).into_actor(self));
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
        if kind.concerns_io() {
            let (shared, profile) = (self.shared.clone(), ctx.address());
            let span = shared.span();
            let work = async move { io::request(shared, profile, kind).await.map(Answer::new) };
            return Box::pin(work.instrument(span));
        }
        Box::pin(chats::command(&self.shared, request.profile_id, kind).instrument(self.shared.span()))
    }
}
