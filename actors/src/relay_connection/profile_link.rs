//! What the two sides of a connection share: the way up to the profile, orders that wait, and the states shown.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    sync::Arc,
};

use actix::{Actor, Addr, Handler, MailboxError, Recipient, dev::ToEnvelope};
use tokio::sync::{Notify, oneshot};
use volary_engine::ground::ids::{ProfileId, TransportId};
use volary_proto::{
    RelayCommand, RelayConnectivity, RelayEvent, RelayEventKind, RelayHeads, RelayHeadsAnswer, RelayMails,
    RelayMailsAnswer, RelayNotice, RelaySide, RelayState, RelaySubmit, RelaySubmitResult, RelayUids,
    relay_command, relay_notice::Notice,
};

use volary_link::Network;

use super::{ConnectionEnded, RelayParams};
use crate::mailbox::{Placed, Places};
use crate::watch::Farewell;

/// Most orders by UID that wait for the connection; what is beyond is dropped and asked for again by the profile.
const MAX_WAITING_UIDS: usize = 100_000;

/// The way from a connection to its profile.
#[derive(Clone)]
pub struct ProfileLink {
    heads: Recipient<Placed<RelayHeads>>,
    mails: Recipient<Placed<RelayMails>>,
    notices: Recipient<Placed<RelayNotice>>,
    places: Places,
    ended: Recipient<ConnectionEnded>,
}

impl ProfileLink {
    /// A link to an actor that handles all four messages, with the places in its mailbox.
    pub fn new<A>(profile: &Addr<A>, places: Places) -> Self
    where
        A: Actor
            + Handler<Placed<RelayHeads>>
            + Handler<Placed<RelayMails>>
            + Handler<Placed<RelayNotice>>
            + Handler<ConnectionEnded>,
        A::Context: ToEnvelope<A, Placed<RelayHeads>>
            + ToEnvelope<A, Placed<RelayMails>>
            + ToEnvelope<A, Placed<RelayNotice>>
            + ToEnvelope<A, ConnectionEnded>,
    {
        Self {
            heads: profile.clone().recipient(),
            mails: profile.clone().recipient(),
            notices: profile.clone().recipient(),
            places,
            ended: profile.clone().recipient(),
        }
    }

    /// Notifies the profile of the end of the connection.
    pub(super) fn farewell(&self, transport_id: TransportId) -> Farewell<ConnectionEnded> {
        Farewell::new(self.ended.clone(), ConnectionEnded { transport_id })
    }
}

/// The profile has ended, so the connection has no reason to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the profile has ended")]
pub struct ProfileGone;

impl From<MailboxError> for ProfileGone {
    fn from(_: MailboxError) -> Self {
        Self
    }
}

/// Orders of the profile that were not carried out yet.
#[derive(Debug, Default)]
pub(super) struct Orders {
    /// Store `\Seen`, as (UIDVALIDITY, UID).
    pub seen: Vec<(u32, u32)>,
    /// Delete.
    pub delete: Vec<(u32, u32)>,
    /// Download.
    pub download: Vec<(u32, u32)>,
    /// Look for new mail.
    pub fetch_now: bool,
    /// Forget waiting times.
    pub network_changed: bool,
    /// Largest generation among all orders so far.
    pub generation: u64,
}

impl Orders {
    /// Adds an order. Returns false if it asks to stop.
    pub fn add(&mut self, command: RelayCommand) -> bool {
        self.generation = self.generation.max(command.generation);
        let push = |list: &mut Vec<(u32, u32)>, uids: RelayUids| {
            let room = MAX_WAITING_UIDS.saturating_sub(list.len());
            list.extend(uids.uids.into_iter().take(room).map(|uid| (uids.uidvalidity, uid)));
        };
        match command.command {
            Some(relay_command::Command::MarkSeen(uids)) => push(&mut self.seen, uids),
            Some(relay_command::Command::Delete(uids)) => push(&mut self.delete, uids),
            Some(relay_command::Command::Download(uids)) => push(&mut self.download, uids),
            Some(relay_command::Command::FetchNow(_)) => self.fetch_now = true,
            Some(relay_command::Command::NetworkChanged(_)) => self.network_changed = true,
            Some(relay_command::Command::Stop(_)) => return false,
            None => {}
        }
        true
    }

    /// Whether nothing is ordered.
    pub fn is_empty(&self) -> bool {
        let uids = self.seen.len() + self.delete.len() + self.download.len();
        uids == 0 && !self.fetch_now && !self.network_changed
    }

    /// Takes everything that waits.
    pub fn take(&mut self) -> Self {
        let generation = self.generation;
        let orders = std::mem::take(self);
        self.generation = generation;
        orders
    }
}

/// A mail that waits to be sent, with the place for the answer.
pub(super) struct Job {
    /// The mail.
    pub submit: RelaySubmit,
    /// Where the result goes.
    pub answer: oneshot::Sender<RelaySubmitResult>,
}

/// Shared by the actor and the tasks of its two sides, which all run on one thread.
pub(super) struct Shared {
    /// As given at creation.
    pub params: RelayParams,
    /// The way up.
    pub link: ProfileLink,
    /// Process-wide facts.
    pub network: Arc<Network>,
    /// Orders for the IMAP side.
    pub orders: RefCell<Orders>,
    /// Wakes the IMAP side.
    pub imap_wake: Notify,
    /// Mails for the SMTP side.
    pub jobs: RefCell<VecDeque<Job>>,
    /// Wakes the SMTP side.
    pub smtp_wake: Notify,
    /// The SMTP task exists.
    pub smtp_running: Cell<bool>,
    /// An idle SMTP session must not be used again: the network changed.
    pub smtp_stale: Cell<bool>,
    /// Host of the IMAP server of the last login, under which facts about the server are kept.
    pub imap_host: RefCell<Option<String>>,
    states: [Cell<RelayConnectivity>; 2],
}

impl Shared {
    /// Nothing waits, nothing is connected.
    pub fn new(params: RelayParams, link: ProfileLink, network: Arc<Network>) -> Self {
        Self {
            params,
            link,
            network,
            orders: RefCell::default(),
            imap_wake: Notify::new(),
            jobs: RefCell::default(),
            smtp_wake: Notify::new(),
            smtp_running: Cell::new(false),
            smtp_stale: Cell::new(false),
            imap_host: RefCell::default(),
            states: [const { Cell::new(RelayConnectivity::Uninitialized) }; 2],
        }
    }

    /// Profile and transport, for logs.
    pub fn log_fields(&self) -> (ProfileId, TransportId) {
        (self.params.profile_id, self.params.transport_id)
    }

    /// The own address, shortened for logs.
    pub fn short_addr(&self) -> String {
        volary_mail::address::shortened(&self.params.login.addr)
    }

    /// Asks the profile which mails it wants.
    pub async fn ask_heads(&self, heads: RelayHeads) -> Result<RelayHeadsAnswer, ProfileGone> {
        Ok(self.link.places.send(&self.link.heads, heads).await?)
    }

    /// Hands mails over. The future is detached from `self`, so that the next batch can be fetched meanwhile.
    pub fn hand_over(
        &self,
        mails: RelayMails,
    ) -> impl Future<Output = Result<RelayMailsAnswer, ProfileGone>> + use<> {
        let request = self.link.places.send(&self.link.mails, mails);
        async move { Ok(request.await?) }
    }

    /// Notifies the profile, after all notices before.
    pub async fn notify(&self, notice: Notice) -> Result<(), ProfileGone> {
        let notice = RelayNotice { transport_id: self.params.transport_id.get(), notice: Some(notice) };
        Ok(self.link.places.post(&self.link.notices, notice).await?)
    }

    /// Adds a line to the event stream.
    pub async fn event(&self, kind: RelayEventKind, text: impl Into<String>) -> Result<(), ProfileGone> {
        self.notify(Notice::Event(RelayEvent { kind: kind.into(), text: text.into() })).await
    }

    /// Shows a new state of one side.
    pub async fn state(
        &self,
        side: RelaySide,
        state: RelayConnectivity,
        error: &str,
    ) -> Result<(), ProfileGone> {
        let shown = &self.states[side as usize];
        if shown.replace(state) == state && state != RelayConnectivity::Error {
            return Ok(());
        }
        self.notify(Notice::State(RelayState {
            side: side.into(),
            connectivity: state.into(),
            error: error.into(),
        }))
        .await
    }
}
