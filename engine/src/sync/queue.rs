//! Changes that wait to be sent to the other devices.
//!
//! At most one message with changes is queued at a time. It is made when the profile can send and takes all that wait
//! then; what comes later goes with the next. So a retry never holds more than the mail that a relay may have taken.

use volary_mail::sync::{Change, MAX_ITEMS, join, write};
use volary_storage::records::{Block, SyncItemRecord};
use volary_storage::tables::{LEFT_ARCHIVE, SYNC_ITEMS};
use volary_storage::{StoreError, View};

use super::stamps;
use crate::chat::compose::{self, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ContactId, MessageId, ProfileId};
use crate::ground::intent::Intent;
use crate::state::{chats, config, messages, outbox, transports};

/// Bytes of changes in one message.
const MAX_BYTES: usize = 4 << 20;
/// How long changes go to a relay that was removed, too, in seconds.
const LEFT_FOR: i64 = 86_400;

/// Whether changes are shared. What is changed meanwhile stays a matter of this device.
pub fn is_on(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    config::shares_changes(view, profile)
}

/// Adds a change.
pub fn push(tx: &mut Tx<'_, '_>, change: &Change) -> Outcome<()> {
    let data = write(change).map_err(|error| Failure::Internal(error.to_string()))?;
    let stamp = stamps::made(tx, change, &data)?;
    add(tx, data, stamp)
}

/// Adds a change that follows from the last one of the same thing.
pub fn push_after_last(tx: &mut Tx<'_, '_>, change: &Change) -> Outcome<()> {
    let data = write(change).map_err(|error| Failure::Internal(error.to_string()))?;
    let stamp = stamps::follows(tx, change, &data)?;
    add(tx, data, stamp)
}

fn add(tx: &mut Tx<'_, '_>, data: String, (time, order): (i64, u32)) -> Outcome<()> {
    let sequence = outbox::next_sequence(tx)?;
    let record = SyncItemRecord { time, data, mail: None, order };
    tx.store.put(&SYNC_ITEMS, &(tx.profile, sequence), &record)?;
    tx.effects().outbox = true;
    Ok(())
}

fn rows(view: &impl View, profile: ProfileId) -> Result<Vec<(u64, SyncItemRecord)>, StoreError> {
    let rows = view.scan_prefix(&SYNC_ITEMS, &profile)?;
    rows.map(|row| row.map(|((_, sequence), record)| (sequence, record))).collect()
}

/// Whether a message with changes is due: some wait, and none is on its way.
pub fn is_due(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    let mut waits = false;
    for (_, record) in rows(view, profile)? {
        match record.mail {
            Some(mail) if outbox::is_queued(view, profile, mail)? => return Ok(false),
            Some(_) => {}
            None => waits = true,
        }
    }
    Ok(waits || view.first(&LEFT_ARCHIVE, &profile)?.is_some())
}

/// Queues a message with the changes that wait.
pub(super) fn gather(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let profile = tx.profile;
    if !is_due(tx.store, profile)? || rows(tx.store, profile)?.is_empty() {
        return Ok(());
    }
    // Nobody has to see the chat with oneself only because devices talk in it.
    let chat = match chats::single_of(tx.store, profile, ContactId::SELF)? {
        Some(chat) => chat,
        None => chats::ensure_single(tx, ContactId::SELF, Block::Yes)?,
    };
    let mail = compose::send_system(tx, chat, SystemMessage { intent: Intent::Sync, ..Default::default() })?;
    let is_queued = outbox::is_queued(tx.store, profile, mail)?;
    let (mut bytes, mut count) = (0, 0);
    for (sequence, record) in rows(tx.store, profile)? {
        bytes += record.data.len();
        if count == MAX_ITEMS || (count > 0 && bytes > MAX_BYTES) {
            break;
        }
        count += 1;
        if is_queued {
            let taken = SyncItemRecord { mail: Some(mail), ..record };
            tx.store.put(&SYNC_ITEMS, &(profile, sequence), &taken)?;
        } else {
            // Copies to the own devices were switched off meanwhile.
            tx.store.remove(&SYNC_ITEMS, &(profile, sequence))?;
        }
    }
    if !is_queued {
        messages::bury(tx, mail, false)?;
    }
    tracing::debug!(%profile, count, is_queued, "changes for the other devices leave");
    Ok(())
}

/// What a message brings, as JSON.
pub fn content(view: &impl View, profile: ProfileId, mail: MessageId) -> Result<String, StoreError> {
    let rows = rows(view, profile)?;
    let of_mail = rows.iter().filter(|(_, record)| record.mail == Some(mail));
    Ok(join(of_mail.map(|(_, record)| (record.time, record.order, record.data.as_str()))))
}

/// Relays that were removed shortly before the changes of a message, or since. Another device may know no other one yet:
/// without a copy there it would never hear of the one that took its place.
pub fn left_relays(view: &impl View, profile: ProfileId, mail: MessageId) -> Result<Vec<String>, StoreError> {
    let rows = rows(view, profile)?;
    let of_mail = rows.iter().filter(|(_, record)| record.mail == Some(mail));
    let Some(first) = of_mail.map(|(_, record)| record.time).min() else { return Ok(Vec::new()) };
    let own = transports::own_addrs(view, profile)?;
    let removals = transports::removals(view, profile)?.into_iter();
    let left = removals.filter(|(addr, time)| time.saturating_add(LEFT_FOR) >= first && !own.contains(addr));
    Ok(left.map(|(addr, _)| addr).collect())
}

/// A message has left the queue: what it brought does not wait any more, and the next may follow.
pub fn done(tx: &mut Tx<'_, '_>, mail: MessageId) -> Result<(), StoreError> {
    for (sequence, record) in rows(tx.store, tx.profile)? {
        if record.mail == Some(mail) {
            tx.store.remove(&SYNC_ITEMS, &(tx.profile, sequence))?;
        }
    }
    messages::bury(tx, mail, false)?;
    tx.effects().outbox |= is_due(tx.store, tx.profile)?;
    Ok(())
}
