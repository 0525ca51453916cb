//! Relay connection: the actor that receives and sends mail over one transport of one profile.
//!
//! ```text
//!                    RelayHeads, RelayMails, RelayNotice
//!   ┌─────────┐  ◄───────────────────────────────────────  ┌──────────────────┐  IMAP (always)
//!   │ profile │                                            │ relay connection │ ───────────────► relay
//!   └─────────┘  ───────────────────────────────────────►  └──────────────────┘  SMTP (while it sends)
//!                    RelaySubmit, RelayCommand
//! ```
//!
//! | file | what |
//! |---|---|
//! | `imap/progress` | which mails are settled: rules, no I/O |
//! | `imap`, `smtp` | the two loops that drive the sessions of [`volary_link`] |
//! | `profile_link` | what the two loops share, and their way to the profile |
//! | `memory` | what the network learned, kept over restarts |
//!
//! How a mail comes in: the server reports something new, the connection fetches header fields of a window of UIDs and
//! asks the profile ([`RelayHeads`](volary_proto::RelayHeads)); wanted mails are fetched in bounded batches and handed
//! over ([`RelayMails`](volary_proto::RelayMails)); the profile answers when its changes are durable; flags and
//! deletions go to the relay; [`RelayNotice`](volary_proto::RelayNotice) reports them. The first unsettled UID travels
//! with the batch and never passes a mail that is not stored, so a crash anywhere leads to a second fetch of the same
//! mails, never to a loss. What the relay did not get to know before the process died, the profile asks for again with
//! [`RelayCommand`]. The profile must not let two connections download the same mail: it holds back
//! the answer to `RelayHeads` while a mail with the same Message-ID is on its way from another relay.
//!
//! How a mail goes out: [`RelaySubmit`] is queued, sent in order over one session, and answered. Long recipient lists
//! are split here, by the limit that the server names; the answer says how many recipients have been served.
//!
//! Nothing in here blocks, and every wait can be dropped: stopping the actor drops both loops wherever they are.

pub mod memory;

mod imap;
mod profile_link;
mod smtp;

use std::{rc::Rc, sync::Arc};

use actix::{
    Actor, ActorContext, AsyncContext, Context, Handler, ResponseFuture, WrapFuture, fut::ActorFutureExt,
};
use tokio::{
    sync::oneshot,
    task::{AbortHandle, JoinHandle},
};
use volary_engine::ground::ids::{ProfileId, TransportId};
use volary_proto::{
    RelayCommand, RelayConnectivity, RelaySide, RelaySubmit, RelaySubmitResult, RelaySubmitStatus,
    relay_command,
};

use tracing::{Instrument as _, Span};
use volary_link::{Manner, Network};
use volary_mail::{login::ConfiguredLogin, proxy::ProxyUrl};

pub use profile_link::{ProfileGone, ProfileLink};
pub use smtp::DEFAULT_MAX_RECIPIENTS;

use crate::faults::Faults;
use crate::supervisor::reconnect::crowd::Crowds;
use crate::watch::{Farewell, cause};
use profile_link::{Job, Shared};

/// Mails that wait to be sent at one connection; more are refused with a temporary error.
const MAX_JOBS: usize = 1000;

/// What a connection needs to know at its creation.
#[derive(Clone, Debug)]
pub struct RelayParams {
    /// Profile, for logs.
    pub profile_id: ProfileId,
    /// Transport, echoed in every message.
    pub transport_id: TransportId,
    /// How to log in.
    pub login: Arc<ConfiguredLogin>,
    /// UIDVALIDITY of the watched folder as stored, 0 at first.
    pub uidvalidity: u32,
    /// First unsettled UID as stored, 0 at first.
    pub uid_next: u32,
    /// UIDs below this one are looked at once more, because the folder was renumbered.
    pub rescan_below: u32,
    /// Proxy for everything.
    pub proxy: Option<Arc<ProxyUrl>>,
    /// Poll instead of IDLE.
    pub disable_idle: bool,
    /// What the relay gets for notifying this device of new mail.
    pub push_token: Option<Arc<str>>,
    /// All connections of the process, by relay.
    pub crowds: Arc<Crowds>,
    /// Panics that tests provoke.
    pub(crate) faults: Faults,
}

impl RelayParams {
    fn manner(&self) -> Manner {
        let strict = self.login.certificate_checks.is_strict(self.proxy.is_some());
        Manner { strict, proxy: self.proxy.clone() }
    }
}

/// The actor. See the module documentation.
pub struct RelayConnection {
    shared: Rc<Shared>,
    imap: Option<AbortHandle>,
    smtp: Option<AbortHandle>,
    _farewell: Farewell<ConnectionEnded>,
}

/// A connection has ended, in order or with a panic.
#[derive(Clone, Copy, Debug, actix::Message)]
#[rtype(result = "()")]
pub struct ConnectionEnded {
    /// Its transport.
    pub transport_id: TransportId,
}

impl RelayConnection {
    /// Starts a connection on the current arbiter. It connects at once.
    pub fn start(params: RelayParams, link: ProfileLink, network: Arc<Network>) -> actix::Addr<Self> {
        let farewell = link.farewell(params.transport_id);
        let shared = Rc::new(Shared::new(params, link, network));
        Actor::start(Self { shared, imap: None, smtp: None, _farewell: farewell })
    }

    /// What the work of one side is logged under.
    fn span(&self, side: &'static str) -> Span {
        let params = &self.shared.params;
        tracing::info_span!("relay", profile = %params.profile_id, transport = %params.transport_id, side)
    }

    /// Runs one side as a task of its own and ends the actor when the task ends or panics.
    fn watch(&self, ctx: &mut Context<Self>, task: JoinHandle<()>, ends_with_it: bool) {
        let profile = self.shared.params.profile_id;
        let transport = self.shared.params.transport_id;
        let watched = task.into_actor(self).map(move |result, _, ctx| {
            let panic = result.err().filter(|error| error.is_panic());
            let panicked = panic.is_some();
            let cause = panic.map(cause);
            if panicked {
                tracing::error!(%profile, %transport, cause, "relay connection failed");
            }
            if panicked || ends_with_it {
                ctx.stop();
            }
        });
        ctx.spawn(watched);
    }
}

impl Actor for RelayConnection {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A transport without servers exists in tests only; there is nothing to do for it, not even to fail.
        if self.shared.params.login.imap.is_empty() {
            return;
        }
        let task = actix::spawn(imap::run(self.shared.clone()).instrument(self.span("imap")));
        self.imap = Some(task.abort_handle());
        self.watch(ctx, task, true);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        for task in [self.imap.take(), self.smtp.take()].into_iter().flatten() {
            task.abort();
        }
        for job in self.shared.jobs.take() {
            // The profile may be gone as well.
            let _ = job.answer.send(unsent("the connection was stopped"));
        }
    }
}

impl Handler<RelaySubmit> for RelayConnection {
    type Result = ResponseFuture<RelaySubmitResult>;

    fn handle(&mut self, submit: RelaySubmit, ctx: &mut Self::Context) -> Self::Result {
        let (answer, result) = oneshot::channel();
        {
            let mut jobs = self.shared.jobs.borrow_mut();
            if jobs.len() >= MAX_JOBS {
                return Box::pin(std::future::ready(unsent("too many mails wait for this relay")));
            }
            jobs.push_back(Job { submit, answer });
        }
        if self.shared.smtp_running.replace(true) {
            self.shared.smtp_wake.notify_one();
        } else {
            let task = actix::spawn(smtp::run(self.shared.clone()).instrument(self.span("smtp")));
            self.smtp = Some(task.abort_handle());
            self.watch(ctx, task, false);
        }
        Box::pin(async move { result.await.unwrap_or_else(|_| unsent("the connection was stopped")) })
    }
}

impl Handler<RelayCommand> for RelayConnection {
    type Result = ();

    fn handle(&mut self, command: RelayCommand, ctx: &mut Self::Context) {
        if matches!(&command.command, Some(relay_command::Command::NetworkChanged(_))) {
            // A session of the network before answers nothing any more, and to find that out takes a minute.
            self.shared.smtp_stale.set(true);
        }
        let lost =
            matches!(&command.command, Some(relay_command::Command::NetworkChanged(change)) if change.lost);
        if !self.shared.orders.borrow_mut().add(command) {
            ctx.stop();
            return;
        }
        if lost {
            let shared = self.shared.clone();
            let show = async move {
                for side in [RelaySide::Imap, RelaySide::Smtp] {
                    if shared.state(side, RelayConnectivity::Error, "Connection lost").await.is_err() {
                        return;
                    }
                }
            };
            ctx.spawn(show.into_actor(self));
        }
        self.shared.imap_wake.notify_one();
    }
}

fn unsent(error: &str) -> RelaySubmitResult {
    RelaySubmitResult {
        status: RelaySubmitStatus::NotConnected.into(),
        error: error.to_string(),
        accepted: 0,
        left: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
