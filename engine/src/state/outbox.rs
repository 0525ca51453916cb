//! The queue of mail to be sent.
//!
//! Rows of one lane leave in order: while one waits for its next try, those behind it wait, too. A lane is what is sent
//! to a chat, or to one contact of it. Other lanes go on. An entry that is held back by a fault of our own keeps its place,
//! but nothing waits for it.

use std::collections::HashSet;

use volary_storage::records::{JobKind, OutboxRecord, ReceiptJobRecord};
use volary_storage::tables::{COUNTERS, OUTBOX, OUTBOX_BY_MESSAGE, RECEIPT_JOBS};
use volary_storage::{StoreError, View};

use super::messages;
use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};

/// No time of a next try is further away than that, in seconds. One that is was noted before the clock was set back.
pub const LONGEST_WAIT: i64 = 45 * 60;

/// Whether the time of a next try has come.
pub fn is_due(not_before: i64, now: i64) -> bool {
    not_before <= now || not_before > now.saturating_add(LONGEST_WAIT)
}

/// What has to stay in order: a chat, and the contact if it goes to one alone; `None` if it need not.
fn lane(job: &OutboxRecord) -> Option<(ChatId, Option<ContactId>)> {
    match job.kind {
        _ if !job.held.is_empty() => None,
        // The others have got it: one recipient that is not there now must not hold up a whole group.
        _ if !job.done.is_empty() => None,
        JobKind::Message => Some((job.chat?, None)),
        JobKind::Directed => Some((job.chat?, job.contacts.first().copied())),
        JobKind::Password | JobKind::Clear | JobKind::KeyUpdate => None,
    }
}

/// The next sequence number of the profile.
pub fn next_sequence(tx: &mut Tx<'_, '_>) -> Result<u64, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.sequence += 1;
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    Ok(counters.sequence)
}

/// Queues a mail.
pub fn push(tx: &mut Tx<'_, '_>, record: &OutboxRecord) -> Result<u64, StoreError> {
    let sequence = next_sequence(tx)?;
    let message = messages::load(tx.store, tx.profile, record.message)?;
    let chat = message.and_then(|message| message.chat.given());
    let record = OutboxRecord { chat, ..record.clone() };
    tx.store.put(&OUTBOX, &(tx.profile, sequence), &record)?;
    tx.store.set(&OUTBOX_BY_MESSAGE, &(tx.profile, record.message, sequence))?;
    tx.effects().outbox = true;
    Ok(sequence)
}

/// The entries that can be read, oldest first: a damaged one must not stop sending, see [`damaged`].
fn readable(
    view: &impl View,
    profile: ProfileId,
) -> Result<impl Iterator<Item = Result<(u64, OutboxRecord), StoreError>>, StoreError> {
    let rows = view.scan_prefix(&OUTBOX, &profile)?;
    Ok(rows
        .filter(|row| !matches!(row, Err(StoreError::Row { .. })))
        .map(|row| row.map(|((_, sequence), record)| (sequence, record))))
}

/// The queue, oldest first, at most `limit` entries.
pub fn entries(
    view: &impl View,
    profile: ProfileId,
    limit: usize,
) -> Result<Vec<(u64, OutboxRecord)>, StoreError> {
    readable(view, profile)?.take(limit).collect()
}

/// Entries that cannot be read, with their messages.
pub fn damaged(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, Option<MessageId>)>, StoreError> {
    let rows = view.scan_prefix(&OUTBOX, &profile)?;
    let whole = rows.filter(Result::is_ok).count();
    if whole == view.scan_prefix(&OUTBOX, &profile)?.keys().count() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for key in view.scan_prefix(&OUTBOX, &profile)?.keys() {
        let (_, sequence) = key?;
        if matches!(view.get(&OUTBOX, &(profile, sequence)), Err(StoreError::Row { .. })) {
            let index = view.scan_prefix(&OUTBOX_BY_MESSAGE, &profile)?.keys();
            let mut of_it = index.filter_map(Result::ok).filter(|(_, _, queued)| *queued == sequence);
            found.push((sequence, of_it.next().map(|(_, message, _)| message)));
        }
    }
    Ok(found)
}

/// Takes an entry that cannot be read from the queue.
pub fn remove_damaged(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    message: Option<MessageId>,
) -> Result<(), StoreError> {
    if let Some(message) = message {
        tx.store.unset(&OUTBOX_BY_MESSAGE, &(tx.profile, message, sequence))?;
    }
    tx.store.remove(&OUTBOX, &(tx.profile, sequence)).map(|_| ())
}

/// What can be sent now, oldest first, at most `limit` entries. Nothing that is meant for all of a chat in `held` is.
pub fn due(
    view: &impl View,
    profile: ProfileId,
    now: i64,
    held: &[ChatId],
    limit: usize,
) -> Result<Vec<(u64, OutboxRecord)>, StoreError> {
    let mut found = Vec::new();
    let mut held: HashSet<(ChatId, Option<ContactId>)> = held.iter().map(|chat| (*chat, None)).collect();
    for row in readable(view, profile)? {
        let (sequence, job) = row?;
        if !job.held.is_empty() {
            continue;
        }
        let lane = lane(&job);
        if !is_due(job.not_before, now) {
            held.extend(lane);
        } else if lane.is_none_or(|lane| !held.contains(&lane)) {
            found.push((sequence, job));
            if found.len() == limit {
                break;
            }
        }
    }
    Ok(found)
}

/// Whether an entry is in the queue; it may have been taken back.
pub fn is_there(view: &impl View, profile: ProfileId, sequence: u64) -> Result<bool, StoreError> {
    view.contains(&OUTBOX, &(profile, sequence))
}

/// An entry, if it is there.
pub fn entry(
    view: &impl View,
    profile: ProfileId,
    sequence: u64,
) -> Result<Option<OutboxRecord>, StoreError> {
    view.get(&OUTBOX, &(profile, sequence))
}

/// Whether an entry that has to leave before this one is still there.
pub fn is_behind(
    view: &impl View,
    profile: ProfileId,
    sequence: u64,
    job: &OutboxRecord,
) -> Result<bool, StoreError> {
    let Some(own) = lane(job) else { return Ok(false) };
    for row in readable(view, profile)? {
        let (earlier, other) = row?;
        if earlier >= sequence {
            break;
        }
        if lane(&other) == Some(own) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The entries behind this one have waited as long as it has: they count its tries, but each keeps one of its own.
pub fn share_tries(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    job: &OutboxRecord,
    tries: u32,
) -> Result<(), StoreError> {
    let Some(own) = lane(job) else { return Ok(()) };
    for (later, other) in entries(tx.store, tx.profile, usize::MAX)? {
        if later > sequence && lane(&other) == Some(own) && other.tries < tries {
            update(tx, later, |record| record.tries = tries)?;
        }
    }
    Ok(())
}

/// Whether anything waits only because no relay was reachable.
pub fn waits_for_a_relay(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    for row in readable(view, profile)? {
        if row?.1.unreachable {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A relay can be reached: what waited for that is due now.
pub fn relay_is_back(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    for (sequence, job) in entries(tx.store, tx.profile, usize::MAX)? {
        if job.unreachable {
            update(tx, sequence, |record| {
                record.unreachable = false;
                record.not_before = 0;
            })?;
        }
    }
    tx.effects().outbox = true;
    Ok(())
}

/// Whether nothing waits to be sent; entries that are held do not count.
pub fn is_empty(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    for row in readable(view, profile)? {
        if row?.1.held.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a message still waits to be sent; entries that are held do not count.
pub fn is_queued(view: &impl View, profile: ProfileId, message: MessageId) -> Result<bool, StoreError> {
    Ok(of_message(view, profile, message)?.iter().any(|(_, job)| job.held.is_empty()))
}

/// The entries of a message that can be read.
fn of_message(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
) -> Result<Vec<(u64, OutboxRecord)>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&OUTBOX_BY_MESSAGE, &(profile, message))? {
        let ((_, _, sequence), _) = row?;
        match view.get(&OUTBOX, &(profile, sequence)) {
            Ok(Some(job)) => found.push((sequence, job)),
            Ok(None) | Err(StoreError::Row { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The entries that are held, oldest first.
pub fn held(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, OutboxRecord)>, StoreError> {
    let mut found = Vec::new();
    for row in readable(view, profile)? {
        let (sequence, job) = row?;
        if !job.held.is_empty() {
            found.push((sequence, job));
        }
    }
    Ok(found)
}

/// Takes an entry from the queue; false if it is gone.
pub fn remove(tx: &mut Tx<'_, '_>, sequence: u64) -> Result<bool, StoreError> {
    let key = (tx.profile, sequence);
    let Some(job) = tx.store.get(&OUTBOX, &key)? else { return Ok(false) };
    tx.store.unset(&OUTBOX_BY_MESSAGE, &(tx.profile, job.message, sequence))?;
    tx.store.remove(&OUTBOX, &key)
}

/// Takes all entries of a message from the queue; what waited behind them can go. Tells whether some have got it already.
pub fn cancel(tx: &mut Tx<'_, '_>, message: MessageId) -> Result<bool, StoreError> {
    let mut left = false;
    for (sequence, job) in of_message(tx.store, tx.profile, message)? {
        left |= job.pre_sent || !job.done.is_empty();
        remove(tx, sequence)?;
        tx.effects().outbox = true;
    }
    Ok(left)
}

/// A message is in another chat now: its mail leaves in the order of that.
pub fn moved(tx: &mut Tx<'_, '_>, message: MessageId, to: ChatId) -> Result<(), StoreError> {
    for (sequence, job) in of_message(tx.store, tx.profile, message)? {
        tx.store.put(&OUTBOX, &(tx.profile, sequence), &OutboxRecord { chat: Some(to), ..job })?;
    }
    Ok(())
}

/// Whether a mail of a chat waits to be sent.
pub fn has_mail_of(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<bool, StoreError> {
    for row in readable(view, profile)? {
        if row?.1.chat == Some(chat) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A message is queued anew as a whole: what was held of it is not needed any more.
pub fn replace_held(tx: &mut Tx<'_, '_>, message: MessageId) -> Result<(), StoreError> {
    for (sequence, job) in of_message(tx.store, tx.profile, message)? {
        if job.kind == JobKind::Message && !job.held.is_empty() {
            remove(tx, sequence)?;
        }
    }
    Ok(())
}

/// Changes an entry; entries that are gone are left alone.
pub fn update(
    tx: &mut Tx<'_, '_>,
    sequence: u64,
    change: impl FnOnce(&mut OutboxRecord),
) -> Result<(), StoreError> {
    let key = (tx.profile, sequence);
    if let Some(mut record) = tx.store.get(&OUTBOX, &key)? {
        change(&mut record);
        tx.store.put(&OUTBOX, &key, &record)?;
    }
    Ok(())
}

/// Queues a read receipt for a message of a contact (SELF: only for own devices).
pub fn push_receipt(
    tx: &mut Tx<'_, '_>,
    contact: ContactId,
    message: MessageId,
    mid: &str,
) -> Result<(), StoreError> {
    let record = ReceiptJobRecord { mid: mid.to_owned(), ..Default::default() };
    tx.store.put(&RECEIPT_JOBS, &(tx.profile, contact, message), &record)?;
    tx.effects().outbox = true;
    Ok(())
}

/// The waiting read receipts: (contact, message, job).
pub fn receipts(
    view: &impl View,
    profile: ProfileId,
) -> Result<Vec<(ContactId, MessageId, ReceiptJobRecord)>, StoreError> {
    let rows = view.scan_prefix(&RECEIPT_JOBS, &profile)?;
    rows.map(|row| row.map(|((_, contact, message), record)| (contact, message, record))).collect()
}

#[cfg(test)]
mod tests;
