//! The loop that keeps one folder watched: connect, log in, do everything that waits, wait for more.

use std::{
    collections::{BTreeMap, VecDeque},
    rc::Rc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::LocalBoxFuture, stream::FuturesOrdered};
use volary_proto::{
    RelayAcknowledged, RelayConnectivity, RelayEventKind, RelayFetchDone, RelayFolderReset, RelayHead,
    RelayHeadAction, RelayHeads, RelayIdle, RelayMail, RelayMailAction, RelayMails, RelayMailsAnswer,
    RelaySide, RelayUidState, relay_notice::Notice,
};

use volary_link::{
    LogInError,
    imap::{Fetched, IdleEnd, ImapError, ImapSession, MAX_MAIL, Selected, uid_sets},
    log_in_imap,
};

use super::progress::{Change, Progress, batches};
use crate::{
    relay_connection::profile_link::{Orders, ProfileGone, Shared},
    supervisor::reconnect::{backoff::Backoff, crowd::Member},
};

/// Name by which servers know the client.
const CLIENT_NAME: &str = "Volary";
/// Without any line of the server for this time the connection is checked.
const IDLE_SILENCE: Duration = Duration::from_secs(300);
/// Interval of looking for mail without IDLE.
const POLL_INTERVAL: Duration = Duration::from_secs(60);
/// Batches handed over to the profile and not yet answered.
const MAX_IN_FLIGHT: usize = 2;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("{0}")]
    Imap(#[from] ImapError),
    #[error("{0}")]
    Profile(#[from] ProfileGone),
}

/// Runs until the profile ends. The task may be dropped at any moment.
pub async fn run(shared: Rc<Shared>) {
    // An actor without servers does not run.
    let Some(relay) = shared.params.login.imap.first() else { return };
    let mut turns = Turns {
        backoff: Backoff::new(),
        member: shared.params.crowds.join(&relay.connection),
        start: Instant::now(),
    };
    let params = &shared.params;
    let mut progress = Progress::new(params.uidvalidity, params.uid_next, params.rescan_below);
    loop {
        turns.wait(&shared).await;
        turns.begin();
        if attempt(&shared, &mut turns, &mut progress).await.is_err() {
            return;
        }
        let next = turns.ended();
        let (profile, relay) = shared.log_fields();
        tracing::info!(%profile, %relay, seconds = next.as_secs(), "connecting again later");
        progress.reconnected();
    }
}

/// When this connection may be made, as one of those that the process has to the relay.
struct Turns {
    backoff: Backoff,
    member: Member,
    start: Instant,
}

impl Turns {
    /// Waits until the next attempt is due, or an order makes it due.
    async fn wait(&mut self, shared: &Shared) {
        loop {
            let (network_changed, fetch_now) = {
                let mut orders = shared.orders.borrow_mut();
                (std::mem::take(&mut orders.network_changed), std::mem::take(&mut orders.fetch_now))
            };
            if network_changed {
                self.backoff.reset();
            }
            let wait = self.backoff.wait(self.start.elapsed());
            if wait.is_zero() || fetch_now {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => return,
                () = shared.imap_wake.notified() => {}
                () = self.member.relay_is_back() => {
                    let spread = self.member.spread();
                    self.backoff.relay_is_back(self.start.elapsed(), spread, &mut rand::thread_rng());
                }
            }
        }
    }

    fn begin(&mut self) {
        self.backoff.begin(self.start.elapsed());
        self.member.tries();
    }

    fn connected(&mut self) {
        self.backoff.connected(self.start.elapsed());
        self.member.reached();
    }

    fn failed(&mut self, error: &LogInError) {
        if error.is_unreachable() {
            self.backoff.failed(&mut rand::thread_rng());
            self.member.missed();
        } else {
            self.backoff.connected(self.start.elapsed());
        }
    }

    /// Returns how long the next attempt is away.
    fn ended(&mut self) -> Duration {
        let now = self.start.elapsed();
        self.backoff.ended(now, self.member.spread(), &mut rand::thread_rng());
        self.backoff.wait(now)
    }
}

async fn attempt(shared: &Rc<Shared>, turns: &mut Turns, progress: &mut Progress) -> Result<(), ProfileGone> {
    shared.state(RelaySide::Imap, RelayConnectivity::Connecting, "").await?;
    let how = shared.params.manner();
    let (profile, relay) = shared.log_fields();
    let begin = Instant::now();
    // Boxed: a waiting connection shall not carry the memory that a login needs.
    let result = Box::pin(log_in_imap(&shared.network, &shared.params.login, &how)).await;
    let (session, host, user) = match result {
        Ok(logged_in) => {
            turns.connected();
            let ms = u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(%profile, %relay, host = logged_in.1, addr = shared.short_addr(), ms, "connected");
            logged_in
        }
        Err(error) => {
            turns.failed(&error);
            // The text of a refused login names the whole address.
            let error_text = error.to_string().replace(&shared.params.login.addr, &shared.short_addr());
            tracing::warn!(%profile, %relay, addr = shared.short_addr(), error = error_text, "not connected");
            return shared.state(RelaySide::Imap, RelayConnectivity::Error, &error.to_string()).await;
        }
    };
    shared.event(RelayEventKind::ImapConnected, format!("IMAP-LOGIN as {user}")).await?;
    shared.state(RelaySide::Imap, RelayConnectivity::Preparing, "").await?;
    *shared.imap_host.borrow_mut() = Some(host.clone());
    let reported = progress.settled();
    let mut serving = Serving {
        shared: shared.clone(),
        session,
        progress,
        host,
        selected: false,
        quota_checked: None,
        server_reported: false,
        push_given: false,
        downloads: Vec::new(),
        in_flight: FuturesOrdered::new(),
        in_flight_from: VecDeque::new(),
        reported,
        downloaded: 0,
    };
    let end = serving.serve().await;
    match end {
        End::Profile(gone) => Err(gone),
        End::Imap(error) => {
            // What the profile has taken over is settled, whatever happened to the connection.
            serving.drain(0).await?;
            tracing::warn!(%profile, %relay, addr = shared.short_addr(), %error, "connection lost");
            shared.state(RelaySide::Imap, RelayConnectivity::Error, &error.to_string()).await
        }
    }
}

/// A session at work.
pub(super) struct Serving<'a> {
    pub(super) shared: Rc<Shared>,
    pub(super) session: ImapSession,
    progress: &'a mut Progress,
    pub(super) host: String,
    selected: bool,
    pub(super) quota_checked: Option<Instant>,
    pub(super) server_reported: bool,
    /// The device token was given to the relay, or it was tried.
    pub(super) push_given: bool,
    /// UIDs to download after everything else.
    downloads: Vec<u32>,
    in_flight: FuturesOrdered<LocalBoxFuture<'static, Result<RelayMailsAnswer, ProfileGone>>>,
    /// Lowest UID of each batch in flight.
    in_flight_from: VecDeque<u32>,
    /// First unsettled UID as the profile knows it.
    reported: u32,
    downloaded: u32,
}

impl Serving<'_> {
    async fn serve(&mut self) -> End {
        match self.serve_until_error().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn serve_until_error(&mut self) -> Result<std::convert::Infallible, End> {
        // Boxed like all rounds: while waiting only the small future of `wait` exists.
        Box::pin(self.introduce()).await?;
        loop {
            let generation = Box::pin(self.work()).await?;
            self.shared.event(RelayEventKind::ImapInboxIdle, "").await?;
            self.shared.state(RelaySide::Imap, RelayConnectivity::Idle, "").await?;
            self.shared.notify(Notice::Idle(RelayIdle { generation })).await?;
            self.wait().await?;
        }
    }

    /// First words on a new connection. They are a courtesy: a server that refuses them is used all the same.
    async fn introduce(&mut self) -> Result<(), End> {
        if !self.session.capabilities.id {
            return Ok(());
        }
        match self.session.id(CLIENT_NAME).await {
            Err(error) if error.is_refusal() => {
                let (profile, relay) = self.shared.log_fields();
                tracing::debug!(%profile, %relay, %error, "the server refuses ID");
                Ok(())
            }
            other => Ok(other.map(|_| ())?),
        }
    }

    /// Does everything that waits. Returns the generation of orders that is served by that.
    async fn work(&mut self) -> Result<u64, End> {
        self.check_quota().await?;
        self.check_server().await?;
        loop {
            let orders = self.shared.orders.borrow_mut().take();
            let generation = orders.generation;
            self.select_if_needed().await?;
            self.accept(orders);
            if std::mem::take(&mut self.session.new_mail) {
                self.fetch_new().await?;
            }
            self.drain(0).await?;
            self.acknowledge().await?;
            self.fetch_waiting().await?;
            self.drain(0).await?;
            self.acknowledge().await?;
            self.report_uid_state().await?;
            let downloaded = std::mem::take(&mut self.downloaded);
            if downloaded > 0 {
                self.shared.notify(Notice::FetchDone(RelayFetchDone { mails: downloaded })).await?;
            }
            if !self.session.new_mail && self.shared.orders.borrow().generation == generation {
                return Ok(generation);
            }
        }
    }

    fn accept(&mut self, orders: Orders) {
        let uidvalidity = self.progress.uidvalidity();
        let valid = |list: Vec<(u32, u32)>| {
            list.into_iter().filter(move |(validity, _)| *validity == uidvalidity).map(|(_, uid)| uid)
        };
        self.progress.seen.extend(valid(orders.seen));
        // The profile may have ordered what it decided at the same time about a mail that was handed over.
        let delete =
            orders.delete.into_iter().filter(|(validity, uid)| !self.progress.is_gone(*validity, *uid));
        self.progress.delete.extend(delete.map(|(_, uid)| uid).collect::<Vec<_>>());
        self.downloads.extend(valid(orders.download));
        self.session.new_mail |= orders.fetch_now;
    }

    /// Whether there is nothing to do for what is ordered. Such orders are dropped.
    fn is_done_already(&self) -> bool {
        let mut orders = self.shared.orders.borrow_mut();
        orders.delete.retain(|(validity, uid)| !self.progress.is_gone(*validity, *uid));
        orders.is_empty()
    }

    async fn select_if_needed(&mut self) -> Result<(), End> {
        if self.selected {
            return Ok(());
        }
        let selected = self.session.select(self.shared.params.login.folder()).await?;
        self.on_selected(selected).await
    }

    async fn on_selected(&mut self, selected: Option<Selected>) -> Result<(), End> {
        self.selected = selected.is_some();
        let Some(selected) = selected else { return Ok(()) };
        let uid_next = self.session.uid_next(selected).await?;
        match self.progress.selected(selected, uid_next) {
            Change::Same => {}
            Change::NewMail => self.session.new_mail = true,
            Change::First => {
                let newest = if uid_next > 1 { self.session.newest_arrival().await? } else { None };
                self.report_reset(newest.unwrap_or(0)).await?;
            }
            Change::Joined => {
                self.look_through("Another device watches the folder already: it is looked through.").await?;
            }
            Change::Reset => {
                self.look_through("The folder was renumbered: it is looked through anew.").await?;
            }
        }
        Ok(())
    }

    /// The folder is looked at from its beginning, and people are told why.
    async fn look_through(&mut self, why: &str) -> Result<(), End> {
        self.downloads.clear();
        self.session.new_mail = true;
        self.report_reset(0).await?;
        Ok(self.shared.event(RelayEventKind::Info, why).await?)
    }

    /// Reports what was settled without a download. Nothing is in flight here.
    async fn report_uid_state(&mut self) -> Result<(), ProfileGone> {
        let uid_next = self.progress.settled();
        if uid_next <= self.reported {
            return Ok(());
        }
        self.reported = uid_next;
        let uidvalidity = self.progress.uidvalidity();
        self.shared.notify(Notice::UidState(RelayUidState { uidvalidity, uid_next })).await
    }

    async fn report_reset(&mut self, ignored_until: i64) -> Result<(), End> {
        self.reported = self.progress.settled();
        let reset = RelayFolderReset {
            uidvalidity: self.progress.uidvalidity(),
            uid_next: self.reported,
            rescan_below: self.progress.rescan_below(),
            ignored_until,
        };
        Ok(self.shared.notify(Notice::FolderReset(reset)).await?)
    }

    /// Looks at new mail, window by window, and downloads what the profile wants.
    async fn fetch_new(&mut self) -> Result<(), End> {
        while self.selected {
            let (first, last) = self.progress.window();
            let found = self.session.fetch_headers(first, last, self.progress.rescans()).await?;
            let uids: Vec<u32> = found.iter().map(|mail| mail.uid).collect();
            let (now, later) = self.ask(found).await?;
            let wanted: Vec<u32> = now.iter().chain(&later).map(|(uid, _)| *uid).collect();
            let go_on = self.progress.scanned(last, &uids, &wanted);
            self.downloads.extend(later.into_iter().map(|(uid, _)| uid));
            for batch in batches(&now) {
                self.download(&batch).await?;
            }
            if !go_on {
                break;
            }
            if uids.is_empty() {
                self.cross_gap().await?;
                if !self.progress.has_more() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Crosses a long stretch without mail with a few questions instead of many windows.
    async fn cross_gap(&mut self) -> Result<(), End> {
        while let Some((first, last)) = self.progress.gap(self.session.exists) {
            let next = self.session.find_uid(Some((first, last))).await?;
            self.progress.skip_to(next.unwrap_or(last.saturating_add(1)));
            if next.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Asks the profile about new mails. Returns those to download now and later, as (UID, size).
    async fn ask(&mut self, found: Vec<Fetched>) -> Result<(Vec<(u32, u32)>, Vec<(u32, u32)>), End> {
        if found.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let sizes: Vec<(u32, u32)> =
            found.iter().map(|mail| (mail.uid, mail.data.size.unwrap_or_default())).collect();
        let heads = RelayHeads {
            transport_id: self.shared.params.transport_id.get(),
            uidvalidity: self.progress.uidvalidity(),
            heads: found.into_iter().map(head).collect(),
        };
        let answer = self.shared.ask_heads(heads).await?;
        let actions: BTreeMap<u32, RelayHeadAction> =
            answer.decisions.iter().map(|decision| (decision.uid, decision.action())).collect();
        let (mut now, mut later) = (Vec::new(), Vec::new());
        for (uid, size) in sizes {
            match actions.get(&uid).copied().unwrap_or(RelayHeadAction::Download) {
                RelayHeadAction::Download => now.push((uid, size)),
                RelayHeadAction::DownloadLater => later.push((uid, size)),
                RelayHeadAction::Skip => {}
                RelayHeadAction::SkipAndMarkSeen => {
                    self.progress.seen.insert(uid);
                }
                RelayHeadAction::Delete => {
                    self.progress.delete.insert(uid);
                }
            }
        }
        Ok((now, later))
    }

    /// Downloads what was put off, and what was asked for by UID.
    async fn fetch_waiting(&mut self) -> Result<(), End> {
        let mut uids = std::mem::take(&mut self.downloads);
        uids.sort_unstable();
        uids.dedup();
        while self.selected && !uids.is_empty() {
            let uid = uids.remove(0);
            self.download(&[uid]).await?;
        }
        Ok(())
    }

    /// Downloads one batch and hands it over, without waiting for the answer.
    async fn download(&mut self, uids: &[u32]) -> Result<(), End> {
        self.shared.state(RelaySide::Imap, RelayConnectivity::Working, "").await?;
        for (set, uids) in uid_sets(uids.to_vec()) {
            let found = self.session.fetch_mails(&set, &uids, MAX_MAIL).await?;
            self.drain(MAX_IN_FLIGHT - 1).await?;
            let missing =
                uids.iter().copied().filter(|uid| !found.iter().any(|mail| mail.uid == *uid)).collect();
            self.progress.handed_over(&uids);
            self.downloaded += u32::try_from(found.len()).unwrap_or(u32::MAX);
            // Batches in flight may be stored in any order: none of them may be passed.
            let settled = self.in_flight_from.iter().copied().fold(self.progress.settled(), u32::min);
            let mails = RelayMails {
                transport_id: self.shared.params.transport_id.get(),
                uidvalidity: self.progress.uidvalidity(),
                mails: found.into_iter().filter_map(mail).collect(),
                uid_next: if settled > self.reported { settled } else { 0 },
                missing,
            };
            self.reported = self.reported.max(settled);
            self.in_flight_from.push_back(uids.first().copied().unwrap_or(u32::MAX));
            self.in_flight.push_back(Box::pin(self.shared.hand_over(mails)));
        }
        Ok(())
    }

    /// Waits until at most `most` batches are unanswered, and takes note of the answers.
    async fn drain(&mut self, most: usize) -> Result<(), ProfileGone> {
        while self.in_flight.len() > most {
            let Some(answer) = self.in_flight.next().await else { break };
            self.in_flight_from.pop_front();
            for decision in answer?.decisions {
                match decision.action() {
                    RelayMailAction::Keep => {}
                    RelayMailAction::MarkSeen => {
                        self.progress.seen.insert(decision.uid);
                    }
                    RelayMailAction::Delete => {
                        self.progress.delete.insert(decision.uid);
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores flags and deletes, then reports both.
    async fn acknowledge(&mut self) -> Result<(), End> {
        if !self.selected {
            return Ok(());
        }
        let delete = self.progress.delete.clone();
        self.progress.seen.retain(|uid| !delete.contains(uid));
        let folder = self.shared.params.login.folder().to_string();
        for (set, uids) in uid_sets(self.progress.seen.iter().copied().collect()) {
            self.session.mark_seen(&set).await?;
            let text = format!("Marked messages {set} in folder {folder} as seen.");
            self.shared.event(RelayEventKind::Info, text).await?;
            self.progress.seen.retain(|uid| uids.binary_search(uid).is_err());
            self.acknowledged(uids, Vec::new()).await?;
        }
        if delete.is_empty() {
            return Ok(());
        }
        for (set, _) in uid_sets(delete.iter().copied().collect()) {
            self.session.mark_deleted(&set).await?;
            let text = format!("IMAP messages {set} marked as deleted");
            self.shared.event(RelayEventKind::ImapMessageDeleted, text).await?;
        }
        let new_mail = self.session.new_mail;
        let selected = self.session.close_and_select(&folder).await?;
        self.session.new_mail |= new_mail;
        self.shared.event(RelayEventKind::Info, "Close/expunge succeeded.").await?;
        self.progress.deleted(&delete);
        self.acknowledged(Vec::new(), delete.into_iter().collect()).await?;
        self.on_selected(selected).await
    }

    async fn acknowledged(&self, seen: Vec<u32>, deleted: Vec<u32>) -> Result<(), ProfileGone> {
        let uidvalidity = self.progress.uidvalidity();
        self.shared.notify(Notice::Acknowledged(RelayAcknowledged { uidvalidity, seen, deleted })).await
    }

    /// Waits for new mail or orders.
    async fn wait(&mut self) -> Result<(), End> {
        let idle = self.session.capabilities.idle && self.selected && !self.shared.params.disable_idle;
        let poll = tokio::time::sleep(POLL_INTERVAL);
        let mut poll = std::pin::pin!(poll);
        if idle {
            // Boxed like everything that does not wait.
            Box::pin(self.session.idle_start()).await?;
        }
        while !self.session.new_mail {
            let shared = self.shared.clone();
            let end = tokio::select! {
                () = shared.imap_wake.notified() => None,
                end = self.session.idle_wait(IDLE_SILENCE), if idle => Some(end?),
                () = &mut poll, if !idle => Some(IdleEnd::Changed),
            };
            match end {
                None if self.is_done_already() => {
                    let generation = self.shared.orders.borrow().generation;
                    self.shared.notify(Notice::Idle(RelayIdle { generation })).await?;
                }
                None => break,
                Some(IdleEnd::Changed) => self.session.new_mail = true,
                // Nothing was received for long: find out whether the connection still lives.
                Some(IdleEnd::Silence) => {
                    Box::pin(self.session.idle_done()).await?;
                    Box::pin(self.session.idle_start()).await?;
                }
            }
        }
        let network_changed = std::mem::take(&mut self.shared.orders.borrow_mut().network_changed);
        if network_changed {
            self.shared.state(RelaySide::Imap, RelayConnectivity::Interrupting, "").await?;
        }
        if idle {
            Box::pin(self.session.idle_done()).await?;
        } else if !self.selected {
            self.session.new_mail = false;
        }
        Ok(())
    }
}

fn head(mail: Fetched) -> RelayHead {
    RelayHead {
        uid: mail.uid,
        size: mail.data.size.unwrap_or_default(),
        arrived: mail.data.arrived.unwrap_or_default(),
        header: mail.data.body.unwrap_or_default(),
        unwanted_flag: mail.data.draft || mail.data.deleted,
    }
}

/// Mails that were deleted meanwhile are not handed over.
fn mail(mail: Fetched) -> Option<RelayMail> {
    let seen = mail.data.seen;
    mail.data.body.filter(|_| !mail.data.deleted).map(|raw| RelayMail { uid: mail.uid, raw, seen })
}
