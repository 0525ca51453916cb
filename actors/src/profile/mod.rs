//! Profile: one actor for each profile that does I/O or carries out a command.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | the actor: its mailbox and what the messages start |
//! | [`io`] | starting and stopping relay connections, work that is still to be done |
//! | [`chats`] | the chats and apps in use: whose turn a command or a mail is |
//! | [`receive`] | incoming mail: which is wanted, decrypting, assigning, applying |
//! | [`send`] | outgoing mail: the queue, rendering, what follows an answer |
//! | [`connectivity`] | the state that is shown |
//! | [`transports`] | setting up relays |
//! | `relay_choice` | relays that a profile takes by itself |
//! | `backup` | backups to and from files; `backup_off`: a program without them |
//! | [`web`] | what is asked of web servers; `web_cache`: the documents that are kept |
//! | `realtime` | realtime channels of apps; `realtime_off`: a program without them |
//! | `transfer` | a second device by code; `transfer_off`: a program without it |
//! | [`ongoing`] | the long operation that is under way, of which there is at most one |
//! | [`shared`] | what all of them share |

#[cfg(feature = "backup")]
pub mod backup;
#[cfg(not(feature = "backup"))]
#[path = "backup_off.rs"]
pub mod backup;
pub mod chats;
pub mod connectivity;
pub mod connectivity_html;
pub mod io;
pub mod ongoing;
#[cfg(feature = "realtime")]
mod realtime;
#[cfg(not(feature = "realtime"))]
#[path = "realtime_off.rs"]
mod realtime;
pub mod receive;
mod relay_choice;
pub mod send;
pub mod shared;
#[cfg(feature = "transfer")]
mod transfer;
#[cfg(not(feature = "transfer"))]
#[path = "transfer_off.rs"]
mod transfer;
pub mod transports;
pub mod web;
mod web_cache;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use actix::{
    Actor, ActorContext as _, AsyncContext as _, Context, Handler, Message, ResponseFuture, StreamHandler,
    WrapFuture as _,
};
use tracing::Instrument as _;
use volary_proto::v1::{
    Answer, Error, RelayHeads, RelayHeadsAnswer, RelayMails, RelayMailsAnswer, RelayNotice, Request,
};

use self::shared::{Shared, StartSending};
use crate::app::AppQuiet;
use crate::chat::Quiet;
use crate::hub::Hub;
use crate::mailbox::{Places, takes_from_places};
use crate::relay_connection::ConnectionEnded;
use crate::supervisor::reconnect::revival::Revival;
use crate::watch::Farewell;
use volary_engine::ground::effects::Effects;
use volary_engine::ground::ids::ProfileId;

/// Messages that wait for a profile; more push back on the relay connections.
pub const MAILBOX: usize = 256;

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
    pub id: ProfileId,
    /// Which of its actors.
    pub life: u64,
}

/// What a profile actor is made of.
pub struct Parts {
    /// The profile.
    pub id: ProfileId,
    /// What all actors share.
    pub hub: Hub,
    /// Folder of the blobs.
    pub blob_dir: PathBuf,
    /// The places in its mailbox.
    pub places: Places,
    /// Notifies the supervisor of the end of the actor.
    pub farewell: Farewell<ProfileEnded>,
}

impl Profile {
    /// An actor for a profile, without I/O.
    pub fn new(parts: Parts) -> Self {
        let Parts { id, hub, blob_dir, places, farewell } = parts;
        let shared = Shared::new(id, hub, blob_dir, places);
        Self { shared: Rc::new(shared), _farewell: farewell }
    }
}

impl Actor for Profile {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // The senders keep to the places.
        ctx.set_mailbox_capacity(0);
        ctx.add_stream(self.shared.hub.wakes.register(self.shared.id));
        let me = ctx.address();
        // It is started once.
        let _ = self.shared.sender.set(me.clone().recipient().downgrade());
        let _ = self.shared.app_owner.set(me.clone().recipient().downgrade());
        let _ = self.shared.owner.set(me.recipient().downgrade());
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        shared::drop_connections(&self.shared);
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
        if effects.realtime {
            realtime::refresh(&self.shared);
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

takes_from_places!(Profile: Request, RelayHeads, RelayMails, RelayNotice);

impl Handler<Quiet> for Profile {
    type Result = ();

    fn handle(&mut self, quiet: Quiet, _: &mut Self::Context) {
        self.shared.chats.let_go(quiet.chat, quiet.received);
    }
}

impl Handler<AppQuiet> for Profile {
    type Result = ();

    fn handle(&mut self, quiet: AppQuiet, _: &mut Self::Context) {
        self.shared.apps.let_go(quiet.app, quiet.received);
    }
}

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
            tracing::debug!(profile = %self.shared.id, %transport, "relay connection ended");
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
            profile = %self.shared.id,
            %transport,
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
        if matches!(notice.notice, Some(volary_proto::v1::relay_notice::Notice::Idle(_))) {
            let adding = relay_choice::add_more(shared.clone(), ctx.address());
            ctx.spawn(adding.instrument(self.shared.span()).into_actor(self));
        }
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
        Box::pin(
            chats::command(&self.shared, ProfileId::new(request.profile_id), kind)
                .instrument(self.shared.span()),
        )
    }
}
