//! I/O of a profile: starting and stopping its relay connections, orders to them, and when all work is done.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use super::connectivity::{self, Shown};
use super::shared::{Shared, drop_connections};
use super::{Profile, backup, ongoing, realtime, receive, transfer, transports as configuring, web};
use crate::relay_connection::{ProfileLink, RelayConnection, RelayParams};
use crate::watch::run_once;
use actix::Addr;
use tracing::Instrument as _;
use volary_engine::commands::push;
use volary_engine::ground::effects::Unlocked;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::{ProfileId, TransportId};
use volary_engine::incoming::folder;
use volary_engine::outgoing::{complete, keyupdate};
use volary_engine::state::deadlines::{self, Kind};
use volary_engine::state::{config, copies, outbox, transports};
use volary_engine::sync::queue;
use volary_engine::upkeep::housekeeping;
use volary_mail::login::ConfiguredLogin;
use volary_mail::proxy::ProxyUrl;
use volary_proto::v1::{
    Done, Error, Number, RelayCommand, RelayConnectivity, RelayEventKind, RelayFetchNow, RelayNetworkChanged,
    RelayNotice, RelaySide, RelayStatuses, RelayUids, answer, event, relay_command, relay_notice::Notice,
    request,
};

type Later = Pin<Box<dyn Future<Output = ()>>>;

/// Carries out a request that concerns the connections.
pub async fn request(
    shared: Rc<Shared>,
    profile: Addr<Profile>,
    kind: request::Kind,
) -> Result<answer::Kind, Error> {
    use request::Kind;
    let done = answer::Kind::Done(Done {});
    match kind {
        Kind::StartIo(_) => start(&shared, &profile).await?,
        Kind::StopIo(_) => stop(&shared).await,
        Kind::MaybeNetwork(_) => network_changed(&shared).await,
        Kind::WaitForAllWorkDone(_) => all_work_done(&shared).await?,
        Kind::BackgroundFetch(_) => background_fetch(&shared, &profile).await?,
        Kind::GetConnectivity(_) => {
            let value = u64::from(connectivity::number(shared.shown.borrow().values().map(Box::as_ref)));
            return Ok(answer::Kind::Number(Number { value }));
        }
        Kind::GetConnectivityHtml(_) => {
            let text = super::connectivity_html::render(&shared)?;
            return Ok(answer::Kind::Text(volary_proto::v1::Text { text }));
        }
        Kind::GetRelayStatuses(_) => {
            let shown = shared.shown.borrow();
            let relays = shown.values().map(|shown| connectivity::status(shown)).collect();
            return Ok(answer::Kind::RelayStatuses(RelayStatuses { relays }));
        }
        Kind::GetHttpResponse(call) => {
            return Ok(answer::Kind::HttpResponse(web::document(&shared, &call.url).await?));
        }
        Kind::GetIceServers(_) => {
            let text = web::ice_servers(&shared).await?;
            return Ok(answer::Kind::Text(volary_proto::v1::Text { text }));
        }
        Kind::SendWebxdcRealtimeAdvertisement(call) => {
            realtime::advertise(&shared, call.msg_id.into()).await?;
        }
        Kind::SendWebxdcRealtimeData(call) => {
            realtime::send(&shared, call.msg_id.into(), call.data).await?;
        }
        Kind::LeaveWebxdcRealtime(call) => realtime::leave(&shared, call.msg_id.into()).await?,
        Kind::ExportBackup(call) => backup::export(&shared, &profile, call).await?,
        Kind::ImportBackup(call) => backup::import(&shared, &profile, call).await?,
        Kind::AdoptAccount(call) => {
            return Ok(answer::Kind::Adopted(backup::adopt(&shared, &profile, call).await?));
        }
        Kind::ProvideBackup(_) => transfer::provide(&shared, &profile).await?,
        Kind::GetBackupQr(_) => {
            let text = transfer::code(&shared).await?;
            return Ok(answer::Kind::Text(volary_proto::v1::Text { text }));
        }
        Kind::GetBackupQrSvg(_) => {
            let text = transfer::code_svg(&shared).await?;
            return Ok(answer::Kind::Text(volary_proto::v1::Text { text }));
        }
        Kind::GetBackup(call) => transfer::take(&shared, &profile, &call.qr).await?,
        Kind::StopOngoingProcess(_) => ongoing::cancel(&shared),
        other => configuring::request(&shared, &profile, other).await?,
    }
    Ok(done)
}

/// Starts I/O; does nothing if it runs or there is no transport.
pub async fn start(shared: &Rc<Shared>, profile: &Addr<Profile>) -> Outcome<()> {
    if shared.io.get() {
        return Ok(());
    }
    let configured = shared.db.read(|view| transports::all(view, shared.id))?;
    if configured.is_empty() {
        let msg = "can not start io on a context that is not configured".to_owned();
        shared.db.emit(shared.id, event::Kind::Warning(event::Warning { msg }));
        tracing::info!(profile = %shared.id, "I/O stays off: there is no relay");
        return Ok(());
    }
    tracing::info!(profile = %shared.id, relays = configured.len(), "I/O on");
    // Mail comes without it, too.
    if let Err(error) = push::prepare(&shared.db, shared.id).await {
        tracing::warn!(profile = %shared.id, %error, "relays do not get the device token");
    }
    if shared.io.replace(true) {
        return Ok(());
    }
    connect(shared, profile)?;
    let msg = "scheduler is running".to_owned();
    shared.db.emit(shared.id, event::Kind::Info(event::Info { msg }));
    emit_connectivity(shared);
    realtime::io_started(shared);
    shared.hub.wakes.new_messages(shared.id).notify_one();
    shared.wake_sender();
    run_once("retry", receive::retry(shared.clone(), Unlocked::ALL).instrument(shared.span()));
    plan(shared).await
}

/// What the start of I/O makes due some time later.
async fn plan(shared: &Shared) -> Outcome<()> {
    let (needed, held) = shared.db.read(|view| {
        let announces = deadlines::single(view, shared.id, Kind::KeyUpdate, 0)?.is_some();
        let cleans = deadlines::single(view, shared.id, Kind::Housekeeping, 0)?.is_some();
        let held = !outbox::held(view, shared.id)?.is_empty();
        Ok::<_, Failure>((announces || !cleans || keyupdate::is_news(view, shared.id)?, held))
    })?;
    if held {
        shared.db.transact(shared.id, complete::release_held).await?;
    }
    if needed {
        let planned = shared.db.transact(shared.id, |tx| {
            keyupdate::schedule(tx)?;
            housekeeping::schedule(tx)
        });
        planned.await?;
    }
    Ok(())
}

/// Connections as the transports say: missing ones are started.
fn connect(shared: &Rc<Shared>, profile: &Addr<Profile>) -> Outcome<()> {
    let (all, proxy, disable_idle, push_token) = shared.db.read(|view| {
        let proxy = proxy(view, shared.id)?;
        let disable_idle = config::flag(view, shared.id, config::key::DISABLE_IDLE)?;
        let push_token = push::value(view, shared.id)?.map(Arc::<str>::from);
        Ok::<_, Failure>((transports::all(view, shared.id)?, proxy, disable_idle, push_token))
    })?;
    for (transport, record) in all {
        if shared.connections.borrow().contains_key(&transport) {
            continue;
        }
        let login: ConfiguredLogin = match record.configured.as_str() {
            "" => continue,
            json => serde_json::from_str(json)
                .map_err(|error| Failure::refused(format!("stored transport cannot be read: {error}")))?,
        };
        let domain = volary_mail::address::domain_of(&record.addr).to_owned();
        let params = RelayParams {
            profile_id: shared.id,
            transport_id: transport,
            login: Arc::new(login),
            uidvalidity: record.uid_validity,
            uid_next: record.uid_next,
            rescan_below: record.rescan_below,
            proxy: proxy.clone(),
            disable_idle,
            push_token: push_token.clone(),
            crowds: shared.hub.crowds.clone(),
            faults: shared.hub.faults.clone(),
        };
        tracing::debug!(profile = %shared.id, %transport, relay = domain, "relay connection started");
        let link = ProfileLink::new(profile, shared.places.clone());
        let addr = RelayConnection::start(params, link, shared.hub.network.clone());
        shared.shown.borrow_mut().insert(transport, Box::new(Shown { domain, ..Shown::default() }));
        shared.connections.borrow_mut().insert(transport, addr);
    }
    Ok(())
}

/// The proxy to use, if one is set and enabled.
pub fn proxy(view: &impl volary_storage::View, profile: ProfileId) -> Outcome<Option<Arc<ProxyUrl>>> {
    if !config::flag(view, profile, config::key::PROXY_ENABLED)? {
        return Ok(None);
    }
    let urls = config::get(view, profile, config::key::PROXY_URL)?.unwrap_or_default();
    let first = urls.lines().next().unwrap_or_default();
    let parsed = ProxyUrl::parse(first)
        .map_err(|error| Failure::refused(format!("Failed to parse proxy URL: {error}")))?;
    Ok(Some(Arc::new(parsed)))
}

/// Stops I/O: connections end, what is being processed is finished.
pub async fn stop(shared: &Rc<Shared>) {
    let was_running = shared.io.replace(false);
    realtime::close(shared);
    drop_connections(shared);
    let _finished = shared.receiving.lock().await;
    if was_running {
        tracing::info!(profile = %shared.id, "I/O off");
        if let Err(error) = unplan(shared).await {
            tracing::error!(profile = %shared.id, %error, "announcement of relays cannot be put off");
        }
        emit_connectivity(shared);
        shared.hub.wakes.new_messages(shared.id).notify_one();
    }
}

/// A changed relay list waits for the next start of I/O.
async fn unplan(shared: &Shared) -> Outcome<()> {
    if shared.db.look(|view| deadlines::single(view, shared.id, Kind::KeyUpdate, 0))?.is_some() {
        shared.db.transact(shared.id, keyupdate::cancel).await?;
    }
    Ok(())
}

/// Whether the connection of a transport has ended though nobody has stopped it.
pub fn has_failed(shared: &Shared, transport: TransportId) -> bool {
    shared.connections.borrow().get(&transport).is_some_and(|connection| !connection.connected())
}

/// A connection that failed serves nothing any more, until it is made anew.
pub fn show_failure(shared: &Shared, transport: TransportId) {
    if let Some(shown) = shared.shown.borrow_mut().get_mut(&transport) {
        for (state, error) in
            [(&mut shown.imap, &mut shown.imap_error), (&mut shown.smtp, &mut shown.smtp_error)]
        {
            *state = RelayConnectivity::Error;
            "the connection failed".clone_into(error);
        }
    }
    shared.fan_in.borrow_mut().lost(transport);
    shared.changed.notify_waiters();
    emit_connectivity(shared);
}

/// Connections that failed are made anew, if I/O is wanted.
pub fn revive(shared: &Rc<Shared>, profile: &Addr<Profile>) {
    if !shared.io.get() {
        return;
    }
    shared.connections.borrow_mut().retain(|_, connection| connection.connected());
    if let Err(error) = connect(shared, profile) {
        tracing::error!(profile = %shared.id, %error, "connections cannot be made");
    }
}

/// The transports changed: connections are made anew.
pub async fn reconnect(shared: &Rc<Shared>, profile: &Addr<Profile>) {
    if !shared.io.get() {
        return;
    }
    drop_connections(shared);
    if let Err(error) = connect(shared, profile) {
        tracing::error!(profile = %shared.id, %error, "connections cannot be made");
    }
    let msg = "scheduler is running".to_owned();
    shared.db.emit(shared.id, event::Kind::Info(event::Info { msg }));
    shared.wake_sender();
    // What a mail brought is forgotten when its batch failed behind it.
    run_once("retry", receive::retry(shared.clone(), Unlocked::ALL).instrument(shared.span()));
    if let Err(error) = plan(shared).await {
        tracing::error!(profile = %shared.id, %error, "changed relays cannot be announced");
    }
}

async fn network_changed(shared: &Rc<Shared>) {
    order_all(shared, relay_command::Command::NetworkChanged(RelayNetworkChanged { lost: false }));
    realtime::network_changed(shared);
    send_what_waited(shared).await;
    shared.wake_sender();
}

/// A relay can be reached again, perhaps: what waited for that is tried now.
async fn send_what_waited(shared: &Rc<Shared>) {
    let tried = async {
        if shared.db.look(|view| outbox::waits_for_a_relay(view, shared.id))? {
            shared.db.transact(shared.id, outbox::relay_is_back).await?;
        }
        Ok::<_, Failure>(())
    };
    if let Err(error) = tried.await {
        tracing::error!(profile = %shared.id, %error, "what waits cannot be made due");
    }
}

fn next_generation(shared: &Shared) -> u64 {
    shared.generation.set(shared.generation.get() + 1);
    shared.generation.get()
}

fn order_all(shared: &Shared, command: relay_command::Command) -> u64 {
    let generation = next_generation(shared);
    for connection in shared.connections.borrow().values() {
        connection.do_send(RelayCommand { generation, command: Some(command.clone()) });
    }
    generation
}

/// Asks the connections for what the tables say is still to be done: flags and deletions, and (which takes a look at
/// all known copies) downloads.
pub fn send_orders(shared: &Rc<Shared>, downloads: bool) {
    let running: Vec<TransportId> = shared.connections.borrow().keys().copied().collect();
    for transport in running {
        if let Err(error) = send_orders_to(shared, transport, downloads) {
            tracing::error!(profile = %shared.id, %transport, %error, "orders cannot be read");
        }
    }
}

fn send_orders_to(shared: &Rc<Shared>, transport: TransportId, downloads: bool) -> Outcome<()> {
    let Some(connection) = shared.connection(transport) else { return Ok(()) };
    let now = shared.db.now();
    let (pending, wanted) = shared.db.read(|view| {
        let pending = copies::pending(view, shared.id, transport, now)?;
        let wanted =
            if downloads { folder::wanted_downloads(view, shared.id, transport)? } else { Vec::new() };
        Ok::<_, Failure>((pending, wanted))
    })?;
    let mut orders: BTreeMap<(u32, u8), Vec<u32>> = BTreeMap::new();
    for (place, delete) in pending {
        orders.entry((place.uid_validity, u8::from(delete))).or_default().push(place.uid);
    }
    for place in wanted {
        orders.entry((place.uid_validity, 2)).or_default().push(place.uid);
    }
    for ((uidvalidity, action), uids) in orders {
        let uids = RelayUids { uidvalidity, uids };
        let command = match action {
            0 => relay_command::Command::MarkSeen(uids),
            1 => relay_command::Command::Delete(uids),
            _ => relay_command::Command::Download(uids),
        };
        connection.do_send(RelayCommand { generation: next_generation(shared), command: Some(command) });
    }
    Ok(())
}

/// Waits until everything that has arrived is processed and everything that can be sent is sent.
async fn all_work_done(shared: &Rc<Shared>) -> Outcome<()> {
    let mut generation = None;
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        if shared.io.get() {
            let asked = *generation
                .get_or_insert_with(|| order_all(shared, relay_command::Command::FetchNow(RelayFetchNow {})));
            let settled = shared.shown.borrow().values().all(|shown| connectivity::is_settled(shown, asked));
            let quiet = shared.processing.get() == 0 && !shared.sending.get();
            if settled && quiet && nothing_to_send(shared)? {
                return Ok(());
            }
        } else {
            generation = None;
        }
        changed.await;
    }
}

/// Nothing is queued, or what is queued waits for its time.
fn nothing_to_send(shared: &Shared) -> Outcome<bool> {
    let now = shared.db.now();
    shared.db.read(|view| {
        let mail = !outbox::due(view, shared.id, now, &[], 1)?.is_empty();
        let receipts =
            outbox::receipts(view, shared.id)?.iter().any(|(_, _, job)| outbox::is_due(job.not_before, now));
        Ok(!mail && !receipts && !queue::is_due(view, shared.id)?)
    })
}

/// Fetches what is there once; with running I/O the connections just look again.
async fn background_fetch(shared: &Rc<Shared>, profile: &Addr<Profile>) -> Outcome<()> {
    let was_running = shared.io.get();
    if !was_running {
        let configured = shared.db.read(|view| transports::all(view, shared.id))?;
        if configured.is_empty() {
            return Ok(());
        }
        connect(shared, profile)?;
    }
    let generation = order_all(shared, relay_command::Command::FetchNow(RelayFetchNow {}));
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let settled = shared.shown.borrow().values().all(|shown| connectivity::is_settled(shown, generation));
        if settled && shared.processing.get() == 0 {
            break;
        }
        changed.await;
    }
    if !was_running && !shared.io.get() {
        drop_connections(shared);
    }
    Ok(())
}

fn emit_connectivity(shared: &Shared) {
    shared.db.emit(shared.id, event::Kind::ConnectivityChanged(event::ConnectivityChanged {}));
}

/// Takes note of what a connection reports. Changes of the tables come as a future.
pub fn notice(shared: &Rc<Shared>, notice: RelayNotice) -> Option<Later> {
    let transport = TransportId::new(notice.transport_id);
    let notice = notice.notice?;
    match notice {
        Notice::State(state) => {
            let connectivity = state.connectivity();
            if let Some(shown) = shared.shown.borrow_mut().get_mut(&transport) {
                match state.side() {
                    RelaySide::Imap => {
                        shown.imap = connectivity;
                        shown.imap_error.clone_from(&state.error);
                    }
                    RelaySide::Smtp => {
                        shown.smtp = connectivity;
                        shown.smtp_error.clone_from(&state.error);
                    }
                }
            }
            emit_connectivity(shared);
            let receiving = state.side() == RelaySide::Imap;
            if receiving && connectivity == RelayConnectivity::Error {
                shared.fan_in.borrow_mut().lost(transport);
            }
            if receiving && connectivity == RelayConnectivity::Preparing {
                let shared = shared.clone();
                return Some(Box::pin(async move {
                    if let Err(error) = send_orders_to(&shared, transport, true) {
                        tracing::error!(profile = %shared.id, %transport, %error, "orders cannot be read");
                    }
                    send_what_waited(&shared).await;
                }));
            }
            None
        }
        Notice::Event(line) if line.kind() == RelayEventKind::SmtpMessageSent => {
            shared.accepted.borrow_mut().push(line.text);
            None
        }
        Notice::Event(line) => {
            shared.db.emit(shared.id, line_event(line.kind(), line.text));
            None
        }
        Notice::Idle(idle) => {
            if let Some(shown) = shared.shown.borrow_mut().get_mut(&transport) {
                shown.generation = idle.generation;
            }
            // Nothing is under way; what was claimed and never came is gone from the relay.
            shared.fan_in.borrow_mut().lost(transport);
            None
        }
        Notice::Quota(quota) => {
            if let Some(shown) = shared.shown.borrow_mut().get_mut(&transport) {
                shown.quota = quota.roots;
            }
            None
        }
        Notice::FetchDone(_) => {
            shared.db.emit(shared.id, event::Kind::IncomingMsgBunch(event::IncomingMsgBunch {}));
            None
        }
        Notice::Server(_) => None,
        other => {
            let shared = shared.clone();
            Some(Box::pin(async move { receive::folder::note(&shared, transport, other).await }))
        }
    }
}

fn line_event(kind: RelayEventKind, msg: String) -> event::Kind {
    match kind {
        RelayEventKind::Info => event::Kind::Info(event::Info { msg }),
        RelayEventKind::Warning => event::Kind::Warning(event::Warning { msg }),
        RelayEventKind::ImapConnected => event::Kind::ImapConnected(event::ImapConnected { msg }),
        RelayEventKind::SmtpConnected => event::Kind::SmtpConnected(event::SmtpConnected { msg }),
        RelayEventKind::SmtpMessageSent => event::Kind::SmtpMessageSent(event::SmtpMessageSent { msg }),
        RelayEventKind::ImapMessageDeleted => {
            event::Kind::ImapMessageDeleted(event::ImapMessageDeleted { msg })
        }
        RelayEventKind::ImapInboxIdle => event::Kind::ImapInboxIdle(event::ImapInboxIdle {}),
    }
}
