//! What follows when a relay took a mail, or did not.

use volary_mail::webxdc::update::sending::not_before;
use volary_proto::v1::event;
use volary_storage::StoreError;
use volary_storage::records::{
    JobKind, KnownMail, MessageRecord, MessageState, OutboxRecord, SystemType, TimeRecord, ViewType,
};
use volary_storage::tables::GOSSIPED;

use crate::chat::announcing;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, TransportId};
use crate::state::{apps, chats, contacts, deadlines, members, messages, outbox, transports};
use crate::sync::queue;

/// A mail is given up after that many tries.
pub const MAX_TRIES: u32 = 6;
/// A mail is held after that many tries that ended with a fault of our own.
pub const MAX_FAULTS: u32 = 3;

/// Letters of an error that are kept with its mail.
const MAX_KEPT_ERROR: usize = 300;

/// What a message says that was given up.
const TOO_MANY_TRIES: &str = "Number of retries exceeded the limit.";

/// What has to be remembered of a rendered mail.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    /// Fingerprints that were gossiped.
    pub gossiped: Vec<String>,
    /// Contacts that got the own picture.
    pub avatar_to: Vec<ContactId>,
    /// Message-ID of the pre-message, if the message was split.
    pub pre_mid: Option<String>,
}

/// A mail is about to be handed to a relay, unless it was taken back. Whatever the relay answers, others may have heard of
/// its chat from now on.
pub fn begins(tx: &mut Tx<'_, '_>, sequence: u64) -> Outcome<bool> {
    let Some(job) = outbox::entry(tx.store, tx.profile, sequence)? else { return Ok(false) };
    let Some(chat) = job.chat else { return Ok(true) };
    announcing::leaves(tx, chat)?;
    members::told(tx, chat)?;
    Ok(true)
}

/// All parts of a queue row were accepted.
pub fn sent(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    job: &OutboxRecord,
    transport: TransportId,
    traces: &Traces,
) -> Result<(), StoreError> {
    let (profile, now) = (tx.profile, tx.now);
    transports::update(tx, transport, |record| {
        record.sent_ok = now;
        record.sent_failed = 0;
    })?;
    // Also if it was deleted while it was on its way. It may be in another chat by now.
    let entry = outbox::entry(tx.store, profile, sequence)?;
    if let Some(chat) = entry.map_or(job.chat, |entry| entry.chat)
        && announcing::leaves(tx, chat)?
    {
        tx.chat_modified(chat);
    }
    if !outbox::remove(tx, sequence)? {
        return Ok(());
    }
    if job.kind == JobKind::KeyUpdate {
        // Nobody sees it: what is left is that no copy of it is shown either.
        return messages::bury(tx, job.message, false);
    }
    let Some(message) = messages::load(tx.store, profile, job.message)? else { return Ok(()) };
    for fingerprint in &traces.gossiped {
        tx.store.put(&GOSSIPED, &(profile, message.chat, fingerprint.as_str()), &TimeRecord { time: now })?;
    }
    for contact in &traces.avatar_to {
        contacts::update(tx, *contact, |record| record.own_avatar_sent = now)?;
    }
    if let Some(pre_mid) = &traces.pre_mid {
        messages::update(tx, job.message, |record| record.pre_mid.clone_from(pre_mid))?;
        messages::remember(tx, pre_mid, KnownMail::PreMessage, Some(job.message))?;
    }
    if message.system_type == SystemType::RealtimeAddress
        && !outbox::is_queued(tx.store, profile, job.message)?
    {
        // Nobody sees it: what is left is that no copy of it is looked at.
        return messages::bury(tx, job.message, false);
    }
    if message.system_type == SystemType::LocationOnly {
        // Nobody sees it, and there may be one each minute.
        messages::bury(tx, job.message, false)?;
    } else {
        delivered(tx, job.message)?;
    }
    after_app(tx, job.message, &message)?;
    if message.system_type == SystemType::MultiDeviceSync {
        queue::done(tx, job.message)?;
    }
    chats::forget_if_deleted(tx, message.chat)
}

/// An app, or a mail with updates of it, left the queue: what has gathered meanwhile is next.
fn after_app(tx: &mut Tx<'_, '_>, id: MessageId, message: &MessageRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    let instance = if message.system_type == SystemType::WebxdcStatusUpdate {
        // Nobody sees it: what is left is that no copy of it is looked at.
        messages::bury(tx, id, false)?;
        messages::by_mid(tx.store, profile, &message.in_reply_to)?.map(|(instance, _)| instance)
    } else {
        (message.view_type == ViewType::Webxdc).then_some(id)
    };
    let Some(instance) = instance else { return Ok(()) };
    match apps::load(tx.store, profile, instance)? {
        Some(app) if app.unsent_first != 0 => {
            let (paid, now) = (app.paid_until.saturating_mul(1000), tx.now.saturating_mul(1000));
            let time = not_before(paid, now).div_euclid(1000);
            deadlines::set_single(tx, time, deadlines::Kind::AppUpdates, instance.into())
        }
        _ => Ok(()),
    }
}

/// A message left the queue: delivered, unless some part of it still waits or it failed before.
pub fn delivered(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    if outbox::is_queued(tx.store, tx.profile, id)? {
        return Ok(());
    }
    if forget_if_expired(tx, id)? {
        return Ok(());
    }
    let mut chat = ChatId::NONE;
    let changed = messages::update(tx, id, |record| {
        chat = record.chat;
        if record.state == MessageState::OutPending {
            record.state = MessageState::OutDelivered;
        }
    })?;
    if changed {
        tx.msg_delivered(chat, id);
    }
    Ok(())
}

/// A message whose time was over while it waited in the queue goes for good. Tells whether it was one.
fn forget_if_expired(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<bool, StoreError> {
    let expired =
        messages::load(tx.store, tx.profile, id)?.is_some_and(|record| messages::is_over(&record, tx.now));
    if expired {
        messages::bury(tx, id, true)?;
    }
    Ok(expired)
}

/// A message cannot be sent at all.
pub fn failed(tx: &mut Tx<'_, '_>, sequence: u64, job: &OutboxRecord, error: &str) -> Result<(), StoreError> {
    outbox::remove(tx, sequence)?;
    if job.kind == JobKind::KeyUpdate {
        return messages::bury(tx, job.message, false);
    }
    let message = messages::load(tx.store, tx.profile, job.message)?;
    if let Some(message) = message.as_ref().filter(|message| message.system_type == SystemType::LocationOnly)
    {
        tracing::warn!(profile = %tx.profile, chat = %message.chat, error, "positions are not sent");
        return messages::bury(tx, job.message, false);
    }
    if forget_if_expired(tx, job.message)? {
        return Ok(());
    }
    if let Some(message) =
        message.as_ref().filter(|message| message.system_type == SystemType::RealtimeAddress)
    {
        tracing::warn!(profile = %tx.profile, chat = %message.chat, error, "a realtime address is not sent");
        return messages::bury(tx, job.message, false);
    }
    fail_message(tx, job.message, error)?;
    match message {
        Some(message) if message.system_type == SystemType::WebxdcStatusUpdate => {
            tracing::warn!(profile = %tx.profile, chat = %message.chat, error, "updates of an app are not sent");
            after_app(tx, job.message, &message)
        }
        Some(message) if message.system_type == SystemType::MultiDeviceSync => {
            tracing::warn!(profile = %tx.profile, error, "changes for the other devices are not sent");
            queue::done(tx, job.message)
        }
        _ => Ok(()),
    }
}

/// What is said of a message whose entry in the queue is damaged.
pub const DAMAGED: &str = "The queued mail was damaged on the disk of this device. Send the message again.";

/// Entries of the queue that cannot be read never leave: their messages fail, so that somebody sees it.
pub fn fail_damaged(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    for (sequence, message) in outbox::damaged(tx.store, tx.profile)? {
        let id = message.map(MessageId::get);
        tracing::error!(profile = %tx.profile, sequence, msg = id, "an entry of the send queue cannot be read");
        outbox::remove_damaged(tx, sequence, message)?;
        match message {
            Some(message) => fail_message(tx, message, DAMAGED)?,
            None => tx.emit(event::Kind::Error(event::Error { msg: DAMAGED.to_owned() })),
        }
    }
    Ok(())
}

/// A queue row has nothing to send any more.
pub fn dropped(tx: &mut Tx<'_, '_>, sequence: u64, job: &OutboxRecord) -> Result<(), StoreError> {
    outbox::remove(tx, sequence)?;
    if job.kind == JobKind::KeyUpdate {
        messages::bury(tx, job.message, false)?;
    }
    Ok(())
}

/// Some have got a mail, the others did not within the tries that it has.
fn given_up(tx: &mut Tx<'_, '_>, sequence: u64, job: &OutboxRecord) -> Result<(), StoreError> {
    let msg =
        format!("Message {} did not reach all of its recipients: {MAX_TRIES} tries failed", job.message);
    tracing::warn!(profile = %tx.profile, msg = %job.message, "given up for the recipients that are left");
    tx.emit(event::Kind::Warning(event::Warning { msg }));
    dropped(tx, sequence, job)?;
    if job.kind == JobKind::KeyUpdate {
        return Ok(());
    }
    delivered(tx, job.message)
}

/// Marks a message as failed; several errors are kept, one after the other.
pub fn fail_message(tx: &mut Tx<'_, '_>, id: MessageId, error: &str) -> Result<(), StoreError> {
    let mut chat = ChatId::NONE;
    let changed = messages::update(tx, id, |record| {
        chat = record.chat;
        record.state = MessageState::OutFailed;
        if record.error.is_empty() {
            error.clone_into(&mut record.error);
        } else {
            record.error.push_str("\n\n");
            record.error.push_str(error);
        }
    })?;
    if changed {
        tx.msg_failed(chat, id);
        chats::forget_if_deleted(tx, chat)?;
    }
    Ok(())
}

/// Rendering or submitting a mail ended with a fault of our own. It is tried again at `retry_at`, and held after a few
/// tries: its entry stays, its message says why, and nothing waits for it any more.
pub fn faulted(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    job: &OutboxRecord,
    error: &str,
    retry_at: i64,
) -> Result<(), StoreError> {
    let faults = job.faults + 1;
    if faults < MAX_FAULTS {
        outbox::update(tx, sequence, |record| {
            record.faults = faults;
            record.not_before = retry_at;
            record.unreachable = false;
            record.last_error = kept(error);
        })?;
        return deadlines::add(tx, retry_at, deadlines::Kind::RetrySending, 0);
    }
    let (profile, message) = (tx.profile, job.message);
    tracing::error!(
        %profile,
        msg = %message,
        sequence,
        error,
        "a mail is held: sending it fails by a fault of our own"
    );
    let held =
        format!("This message cannot be sent now: {error}. It is kept and tried again at the next start.");
    let msg = format!("Message {message} is not sent: {held}");
    tx.emit(event::Kind::Error(event::Error { msg }));
    outbox::update(tx, sequence, |record| {
        record.faults = faults;
        record.held.clone_from(&held);
    })?;
    if job.kind == JobKind::KeyUpdate {
        return Ok(());
    }
    if forget_if_expired(tx, message)? {
        outbox::remove(tx, sequence)?;
        return Ok(());
    }
    fail_message(tx, message, &held)
}

/// As much of an error as a row of the queue keeps: servers can answer at length.
fn kept(error: &str) -> String {
    error.chars().take(MAX_KEPT_ERROR).collect()
}

/// The profile was started, perhaps in another version: what is held gets one more try.
pub fn release_held(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    for (sequence, job) in outbox::held(tx.store, tx.profile)? {
        outbox::update(tx, sequence, |record| {
            record.held.clear();
            record.faults = MAX_FAULTS - 1;
            record.not_before = 0;
        })?;
        tx.effects().outbox = true;
        let mut chat = None;
        messages::update(tx, job.message, |record| {
            if record.state == MessageState::OutFailed && record.error == job.held {
                record.state = MessageState::OutPending;
                record.error.clear();
                chat = Some(record.chat);
            }
        })?;
        if let Some(chat) = chat {
            tx.msg_changed(chat, job.message);
        }
    }
    Ok(())
}

/// A relay could not take a mail now, because of `error`: it is tried again at `retry_at`, but not for ever.
pub fn postponed(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    job: &OutboxRecord,
    counts: bool,
    retry_at: i64,
    error: &str,
) -> Result<(), StoreError> {
    let tries = job.tries + u32::from(counts);
    if tries > MAX_TRIES && !job.done.is_empty() {
        return given_up(tx, sequence, job);
    }
    if tries > MAX_TRIES {
        let text = match error {
            "" => TOO_MANY_TRIES.to_owned(),
            error => format!("{TOO_MANY_TRIES} The last one: {error}"),
        };
        return failed(tx, sequence, job, &text);
    }
    outbox::update(tx, sequence, |record| {
        record.tries = tries;
        record.not_before = retry_at;
        record.unreachable = !counts;
        record.last_error = kept(error);
    })?;
    if counts {
        outbox::share_tries(tx, sequence, job, tries.min(MAX_TRIES))?;
    }
    deadlines::add(tx, retry_at, deadlines::Kind::RetrySending, 0)
}

/// A transport failed: the others are preferred from now on.
pub fn transport_failed(tx: &mut Tx<'_, '_>, transport: TransportId) -> Result<(), StoreError> {
    let now = tx.now;
    transports::update(tx, transport, |record| {
        record.sent_failed = now;
        record.sent_ok = 0;
    })
}

/// The relay refused a mail for good.
pub fn refused(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    job: &OutboxRecord,
    error: &str,
) -> Result<(), StoreError> {
    failed(tx, sequence, job, error)?;
    if error.to_lowercase().contains("invalid unencrypted mail") {
        let chat = messages::load(tx.store, tx.profile, job.message)?.map(|message| message.chat);
        let addr = transports::self_addr(tx.store, tx.profile)?.unwrap_or_default();
        let domain = volary_mail::address::domain_of(&addr);
        let hint = tx.texts.fill(crate::ground::texts::id::INVALID_UNENCRYPTED, &[domain]);
        if let Some(chat) = chat {
            let system = volary_storage::records::SystemType::InvalidUnencrypted;
            messages::add_notice(tx, chat, &hint, system, messages::Place::Bottom)?;
        }
    }
    Ok(())
}
