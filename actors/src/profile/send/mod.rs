//! Sending: the queue of a profile, one pass after the other, while there is something to send.
//!
//! A pass takes the oldest rows, makes sure that they are durable, renders them on the worker pool, hands them to the
//! relay that last worked and removes each row when the relay has accepted it. A crash in between leads to a second
//! submission with the same Message-ID, which receivers ignore; never to a loss.

pub mod pace;

use std::collections::HashSet;
use std::rc::Rc;

use actix::Addr;
use futures::future::join_all;
use tokio::time::Instant;
use tracing::Instrument as _;
use volary_proto::v1::{RelaySubmit, RelaySubmitResult, RelaySubmitStatus, event};
use volary_storage::ReadTx;
use volary_storage::records::{JobKind, OutboxRecord};

use self::pace::SECRET_GAP;
use super::shared::Shared;
use crate::faults::Spot;
use crate::relay_connection::RelayConnection;
use crate::supervisor::reconnect::revival::Revival;
use crate::supervisor::reconnect::{AFTER_TROUBLE, retry};
use crate::watch::cause;
use volary_engine::chat::announcing;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::{ChatId, TransportId};
use volary_engine::ground::work::Lane;
use volary_engine::outgoing::complete::{self, Traces};
use volary_engine::outgoing::context::Context;
use volary_engine::outgoing::receipts::{self, Due};
use volary_engine::outgoing::render;
use volary_engine::outgoing::rendered::{Mail, Rendered};
use volary_engine::state::{outbox, transports};
use volary_engine::sync::{queue, share};

/// Rows rendered and submitted in one pass.
const BATCH: usize = 16;

/// What became of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pass {
    /// Nothing to send now.
    Idle,
    /// Something was sent or settled; look again.
    Progress,
    /// No relay takes mail now; the rows wait for their time.
    Stuck,
}

/// The relay to send over now.
struct Exit {
    transport: TransportId,
    addr: String,
    connection: Addr<RelayConnection>,
}

/// Runs the send loop until there is nothing to send. The loop is a task of its own: when it panics, it is started again
/// after a pause, for what is queued has to go out.
pub async fn keep_running(shared: Rc<Shared>) {
    let mut revival = Revival::new(std::time::Instant::now());
    loop {
        shared.send_again.set(false);
        match actix::spawn(run(shared.clone()).instrument(shared.span())).await {
            Ok(()) if shared.send_again.get() => {}
            Ok(()) => break,
            Err(error) => {
                let pause = revival.failed(std::time::Instant::now());
                let cause = cause(error);
                tracing::error!(
                    profile = %shared.id,
                    cause,
                    ?pause,
                    "the send loop failed and is started again"
                );
                tokio::time::sleep(pause).await;
            }
        }
    }
    shared.sending.set(false);
    shared.changed.notify_waiters();
}

/// Sends until nothing is left that can be sent now.
async fn run(shared: Rc<Shared>) {
    if let Err(error) = fail_damaged(&shared).await {
        tracing::error!(profile = %shared.id, %error, "the send queue cannot be checked");
    }
    loop {
        let passed = pass(&shared).await;
        emit_accepted(&shared);
        match passed {
            Ok(Pass::Progress) => {}
            Ok(Pass::Idle | Pass::Stuck) => return,
            Err(error) => {
                tracing::error!(profile = %shared.id, %error, "sending failed");
                report_trouble(&shared, &error);
                return;
            }
        }
    }
}

async fn fail_damaged(shared: &Rc<Shared>) -> Outcome<()> {
    if shared.db.read(|view| outbox::damaged(view, shared.id))?.is_empty() {
        return Ok(());
    }
    shared.db.transact(shared.id, complete::fail_damaged).await?;
    Ok(())
}

/// Nothing of a failure of the disk is noted; sending goes on in a while.
fn report_trouble(shared: &Rc<Shared>, error: &Failure) {
    let msg = format!("Messages cannot be sent now: {error}");
    shared.db.emit(shared.id, event::Kind::Error(event::Error { msg }));
    let shared = shared.clone();
    actix::spawn(async move {
        tokio::time::sleep(AFTER_TROUBLE).await;
        if shared.io.get() {
            shared.wake_sender();
        }
    });
}

async fn pass(shared: &Rc<Shared>) -> Outcome<Pass> {
    shared.hub.faults.pass(Spot::Sending);
    let now = shared.db.now();
    if shared.db.read(|view| queue::is_due(view, shared.id))? {
        shared.db.transact(shared.id, share::gather).await?;
    }
    let held = shared.pace.borrow_mut().held(Instant::now());
    let (rows, order) = shared.db.read(|view| {
        let rows = outbox::due(view, shared.id, now, &held, BATCH)?;
        Ok::<_, Failure>((rows, transports::sending_order(view, shared.id)?))
    })?;
    metrics::histogram!("volary_outbox_pass_rows").record(rows.len() as f64);
    let exits = exits(shared, &order)?;
    if exits.is_empty() {
        return Ok(Pass::Idle);
    }
    if rows.is_empty() {
        return send_receipts(shared, &exits).await;
    }
    // A mail must not leave before the message that it carries would survive a crash.
    shared.db.store().flush().await?;
    send_rows(shared, rows, &exits).await
}

fn exits(shared: &Shared, order: &[TransportId]) -> Outcome<Vec<Exit>> {
    let mut exits = Vec::new();
    for transport in order {
        let Some(connection) = shared.connection(*transport) else { continue };
        let record = shared.db.read(|view| transports::load(view, shared.id, *transport))?;
        if let Some(record) = record {
            exits.push(Exit { transport: *transport, addr: record.addr, connection });
        }
    }
    Ok(exits)
}

async fn send_rows(shared: &Rc<Shared>, rows: Vec<(u64, OutboxRecord)>, exits: &[Exit]) -> Outcome<Pass> {
    let mut waiting = rows;
    for exit in exits {
        waiting = send_over(shared, waiting, exit).await?;
        if waiting.is_empty() {
            return Ok(Pass::Progress);
        }
        let transport = exit.transport;
        shared.db.transact(shared.id, move |tx| complete::transport_failed(tx, transport)).await?;
    }
    postpone(shared, waiting, false, "").await?;
    Ok(Pass::Stuck)
}

/// Sends rows over one relay and returns those that it could not even be asked for.
async fn send_over(
    shared: &Rc<Shared>,
    rows: Vec<(u64, OutboxRecord)>,
    exit: &Exit,
) -> Outcome<Vec<(u64, OutboxRecord)>> {
    let announcing = announced(shared, &rows).await?;
    let rendering = rows.iter().map(|(_, job)| render(shared, job.clone(), exit.addr.clone()));
    let rendered = join_all(rendering).await;
    let mut in_flight: Vec<InFlight> = Vec::new();
    let mut unsent = Vec::new();
    for ((sequence, job), rendered) in rows.into_iter().zip(rendered) {
        match rendered {
            Ok(Some(rendered)) => {
                // The next mail of a chat is handed over only when the one before is accepted.
                if in_flight.iter().any(|other| other.chat == rendered.chat) {
                    unsent.extend(settle_all(shared, std::mem::take(&mut in_flight), exit).await?);
                }
                let held = shared.pace.borrow_mut().held(Instant::now());
                // Mails for single subscribers go on, the secret for another one above all.
                if job.kind == JobKind::Message && rendered.chat.is_some_and(|chat| held.contains(&chat)) {
                    continue;
                }
                let turn = shared.pace.borrow().turn(rendered.chat);
                if let Some(turn) = turn {
                    tokio::time::sleep_until(turn).await;
                }
                // One that could not be sent holds those behind it: they are looked at again when it is gone.
                if shared.db.look(|view| outbox::is_behind(view, shared.id, sequence, &job))? {
                    continue;
                }
                // Taken back meanwhile.
                if !announcing.contains(&sequence)
                    && !shared.db.look(|view| outbox::is_there(view, shared.id, sequence))?
                {
                    continue;
                }
                let (chat, brings_secret) = (rendered.chat, rendered.brings_secret);
                // All mails of a row go to the same addresses.
                let recipients =
                    rendered.mails.first().map(|mail| mail.recipients.clone()).unwrap_or_default();
                let (traces, answers) = submit(shared, sequence, &job, rendered, exit);
                in_flight.push(InFlight { sequence, job, chat, brings_secret, traces, recipients, answers });
            }
            Ok(None) => {
                shared.db.transact(shared.id, move |tx| complete::dropped(tx, sequence, &job)).await?;
            }
            Err(error) if may_pass(&error) => {
                tracing::error!(profile = %shared.id, sequence, %error, "a message cannot be rendered now");
                postpone(shared, vec![(sequence, job)], true, &error.to_string()).await?;
            }
            Err(error) if error.is_fault() => faulted(shared, sequence, job, error.to_string()).await?,
            Err(error) => {
                let text = error.to_string();
                shared.db.transact(shared.id, move |tx| complete::failed(tx, sequence, &job, &text)).await?;
            }
        }
    }
    unsent.extend(settle_all(shared, in_flight, exit).await?);
    Ok(unsent)
}

/// The rows whose mails are the first to tell of a group or of members. That is noted before the mails are made, so that
/// they say what is noted; what is taken back later leaves all the same.
async fn announced(shared: &Rc<Shared>, rows: &[(u64, OutboxRecord)]) -> Outcome<HashSet<u64>> {
    let mut found = HashSet::new();
    for (sequence, job) in rows {
        let (sequence, chat) = (*sequence, job.chat);
        if let Some(chat) = chat
            && shared.db.look(|view| announcing::is_news(view, shared.id, chat))?
            && shared.db.transact(shared.id, move |tx| complete::begins(tx, sequence)).await?.value
        {
            found.insert(sequence);
        }
    }
    Ok(found)
}

/// Whether rendering failed for a reason of the machine that may be gone later: a disk, descriptors, the database.
fn may_pass(error: &Failure) -> bool {
    match error {
        Failure::Storage(_) => true,
        Failure::File { source, .. } => source.kind() != std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// A row whose mails were handed to a relay.
struct InFlight {
    sequence: u64,
    job: OutboxRecord,
    chat: Option<ChatId>,
    brings_secret: bool,
    traces: Traces,
    recipients: Vec<String>,
    answers: Vec<Answer>,
}

/// Waits for the answers of all; returns the rows that could not even be asked for.
async fn settle_all(
    shared: &Rc<Shared>,
    in_flight: Vec<InFlight>,
    exit: &Exit,
) -> Outcome<Vec<(u64, OutboxRecord)>> {
    let mut unsent = Vec::new();
    for row in in_flight {
        let answers = join_all(row.answers).await;
        shared.pace.borrow_mut().accepted(row.chat, Instant::now());
        let accepted = answers.iter().all(|answer| answer.status() == RelaySubmitStatus::Sent);
        if let Some(chat) = row.chat.filter(|_| row.brings_secret && accepted) {
            hold(shared, chat);
        }
        let (sequence, job) = (row.sequence, row.job);
        let begun = !job.done.is_empty();
        let job = note_done(shared, sequence, job, &row.recipients, &answers).await?;
        if !settle(shared, sequence, &job, begun, row.traces, &answers, exit).await? {
            unsent.push((sequence, job));
        }
    }
    emit_accepted(shared);
    Ok(unsent)
}

/// What goes to the whole chat waits until the secret that it needs has surely been delivered.
fn hold(shared: &Rc<Shared>, chat: ChatId) {
    tracing::debug!(profile = %shared.id, %chat, gap = ?SECRET_GAP, "a new subscriber got the secret; posts wait");
    shared.pace.borrow_mut().secret_accepted(chat, Instant::now());
    let shared = shared.clone();
    actix::spawn(async move {
        tokio::time::sleep(SECRET_GAP).await;
        if shared.io.get() {
            shared.wake_sender();
        }
    });
}

/// Emits the events of accepted mails. Whoever receives one may ask at once whether anything is left to send, so the
/// rows have gone before.
fn emit_accepted(shared: &Shared) {
    for msg in shared.accepted.take() {
        shared.db.emit(shared.id, event::Kind::SmtpMessageSent(event::SmtpMessageSent { msg }));
    }
}

async fn render(shared: &Rc<Shared>, job: OutboxRecord, from: String) -> Outcome<Option<Rendered>> {
    on_pool(shared, from, move |view, context| render::render(view, context, &job)).await
}

/// Renders something on the worker pool, from a snapshot.
async fn on_pool<T: Send + 'static>(
    shared: &Rc<Shared>,
    from: String,
    render: impl FnOnce(&ReadTx, &Context<'_>) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let (db, profile, blob_dir) = (shared.db.clone(), shared.id, shared.blob_dir.clone());
    let work = move || {
        db.read(|view| {
            let context = Context {
                keys: db.keys(),
                texts: db.texts(),
                profile,
                blob_dir: &blob_dir,
                from: &from,
                now: db.now(),
            };
            render(view, &context)
        })
    };
    let rendered = shared.hub.pool.run(Lane::Interactive, work).await;
    rendered.map_err(|_| Failure::Internal("rendering the message failed".to_owned()))?
}

type Answer = std::pin::Pin<Box<dyn Future<Output = RelaySubmitResult>>>;

/// Hands the mails of a row to the relay, in order; their answers come later.
fn submit(
    shared: &Shared,
    sequence: u64,
    job: &OutboxRecord,
    rendered: Rendered,
    exit: &Exit,
) -> (Traces, Vec<Answer>) {
    let split = rendered.mails.len() > 1;
    let mut traces = Traces { gossiped: rendered.gossiped, avatar_to: rendered.avatar_to, pre_mid: None };
    let mut answers: Vec<Answer> = Vec::new();
    for (index, mail) in rendered.mails.into_iter().enumerate() {
        if split && index == 0 {
            traces.pre_mid = Some(mail.mid.clone());
            if job.pre_sent {
                continue;
            }
        }
        answers.push(submit_mail(shared, sequence, mail, exit));
    }
    (traces, answers)
}

fn submit_mail(shared: &Shared, queue_id: u64, mail: Mail, exit: &Exit) -> Answer {
    tracing::debug!(profile = %shared.id, queue_id, recipients = mail.recipients.len(), "submitting");
    let own = shared.db.look(|view| transports::own_addrs(view, shared.id)).unwrap_or_default();
    let own = own.into_iter().filter(|addr| mail.recipients.contains(addr)).collect();
    let (from, raw) = (exit.addr.clone(), mail.raw.into());
    let submit = RelaySubmit { queue_id, from, recipients: mail.recipients, raw, own };
    let request = exit.connection.send(submit);
    Box::pin(async move {
        request.await.unwrap_or_else(|_| RelaySubmitResult {
            status: RelaySubmitStatus::NotConnected.into(),
            error: "the connection was stopped".to_owned(),
            accepted: 0,
            left: Vec::new(),
        })
    })
}

/// Notes in the row who needs none of its mails any more, if anybody has got them: the next try goes to the others.
async fn note_done(
    shared: &Rc<Shared>,
    sequence: u64,
    mut job: OutboxRecord,
    recipients: &[String],
    answers: &[RelaySubmitResult],
) -> Outcome<OutboxRecord> {
    let is_done =
        |addr: &&String| answers.iter().all(|answer| answer.accepted > 0 && !answer.left.contains(*addr));
    let done: Vec<String> = recipients.iter().filter(is_done).cloned().collect();
    let is_partial = answers.iter().any(|answer| answer.status() != RelaySubmitStatus::Sent);
    if is_partial && !done.is_empty() {
        job.done.extend(done.iter().cloned());
        shared
            .db
            .transact(shared.id, move |tx| outbox::update(tx, sequence, |row| row.done.extend(done)))
            .await?;
    }
    Ok(job)
}

/// Records the outcome of a row; false if another relay should be tried at once. `begun`: somebody got it earlier.
async fn settle(
    shared: &Rc<Shared>,
    sequence: u64,
    job: &OutboxRecord,
    begun: bool,
    traces: Traces,
    answers: &[RelaySubmitResult],
    exit: &Exit,
) -> Outcome<bool> {
    let (job, transport) = (job.clone(), exit.transport);
    let failure = answers.iter().position(|answer| match answer.status() {
        RelaySubmitStatus::Sent => false,
        // Those who were left are refused for good; the others have got it.
        // Who is in `left` was not answered for good.
        RelaySubmitStatus::Permanent => !begun || !answer.left.is_empty(),
        _ => true,
    });
    let Some(at) = failure else {
        shared
            .db
            .transact(shared.id, move |tx| complete::sent(tx, sequence, &job, transport, &traces))
            .await?;
        metrics::counter!("volary_messages_sent_total").increment(1);
        return Ok(true);
    };
    if at > 0 {
        shared
            .db
            .transact(shared.id, move |tx| outbox::update(tx, sequence, |row| row.pre_sent = true))
            .await?;
    }
    let answer = &answers[at];
    match answer.status() {
        RelaySubmitStatus::Permanent if !begun => {
            let error = format!("Permanent SMTP error: permanent: {}", answer.error);
            shared
                .db
                .transact(shared.id, move |tx| {
                    complete::transport_failed(tx, transport)?;
                    complete::refused(tx, sequence, &job, &error)
                })
                .await?;
            Ok(true)
        }
        RelaySubmitStatus::NotConnected => Ok(false),
        RelaySubmitStatus::Fault => {
            faulted(shared, sequence, job, answer.error.clone()).await?;
            Ok(true)
        }
        _ => {
            shared.db.transact(shared.id, move |tx| complete::transport_failed(tx, transport)).await?;
            postpone(shared, vec![(sequence, job)], true, &answer.error).await?;
            Ok(true)
        }
    }
}

async fn postpone(
    shared: &Rc<Shared>,
    rows: Vec<(u64, OutboxRecord)>,
    counts: bool,
    error: &str,
) -> Outcome<()> {
    for (sequence, job) in rows {
        let retry_at = shared.db.now() + retry::delay(job.tries, &mut rand::thread_rng());
        let error = error.to_owned();
        shared
            .db
            .transact(shared.id, move |tx| complete::postponed(tx, sequence, &job, counts, retry_at, &error))
            .await?;
    }
    Ok(())
}

/// A fault of our own counts against the mail with which it happened.
async fn faulted(shared: &Rc<Shared>, sequence: u64, job: OutboxRecord, error: String) -> Outcome<()> {
    let retry_at = shared.db.now() + retry::delay(job.faults, &mut rand::thread_rng());
    shared.db.transact(shared.id, move |tx| complete::faulted(tx, sequence, &job, &error, retry_at)).await?;
    Ok(())
}

async fn send_receipts(shared: &Rc<Shared>, exits: &[Exit]) -> Outcome<Pass> {
    let now = shared.db.now();
    let due = shared.db.read(|view| receipts::due(view, shared.id, now))?;
    if due.is_empty() {
        return Ok(Pass::Idle);
    }
    shared.db.store().flush().await?;
    for one in due {
        send_receipt(shared, one, exits).await?;
        emit_accepted(shared);
    }
    Ok(Pass::Progress)
}

async fn send_receipt(shared: &Rc<Shared>, due: Due, exits: &[Exit]) -> Outcome<()> {
    let mut refused = false;
    for exit in exits {
        let Some(mail) = render_receipt(shared, due.clone(), exit.addr.clone()).await? else {
            shared.db.transact(shared.id, move |tx| receipts::drop_jobs(tx, &due)).await?;
            return Ok(());
        };
        // The copy for own devices comes back to this one, too, which must not take it for news.
        let mid = mail.mid.clone();
        shared.db.transact(shared.id, move |tx| volary_engine::state::messages::entomb(tx, &mid)).await?;
        match submit_mail(shared, 0, mail, exit).await.status() {
            RelaySubmitStatus::Sent => {
                shared.db.transact(shared.id, move |tx| receipts::sent(tx, &due)).await?;
                return Ok(());
            }
            RelaySubmitStatus::NotConnected => {}
            _ => {
                refused = true;
                break;
            }
        }
    }
    let tries = due.jobs.first().map_or(0, |(_, job)| job.tries);
    let retry_at = shared.db.now() + retry::delay(tries, &mut rand::thread_rng());
    shared
        .db
        .transact(shared.id, move |tx| {
            receipts::failed(tx, &due, retry_at, refused)?;
            volary_engine::state::deadlines::add(
                tx,
                retry_at,
                volary_engine::state::deadlines::Kind::RetrySending,
                0,
            )
        })
        .await?;
    Ok(())
}

async fn render_receipt(shared: &Rc<Shared>, due: Due, from: String) -> Outcome<Option<Mail>> {
    on_pool(shared, from, move |view, context| receipts::render(view, context, &due)).await
}
