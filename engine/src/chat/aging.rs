//! Messages and steps of tracks that become too old for this device: `delete_device_after`.

use volary_storage::records::MessageRecord;
use volary_storage::tables::{CHAT_MESSAGES, HIDDEN_MESSAGES};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::deadlines::{self, Kind};
use crate::state::{chats, config, locations, messages, outbox};

/// Messages removed in one transaction.
const BATCH: usize = 200;
/// Messages that become too old within that part of their time go together …
const GRAIN: i64 = 50;
/// … but not later than that, in seconds.
const MAX_GRAIN: i64 = 600;

/// The setting was made or changed: messages that are too old go now.
pub fn setting_changed(tx: &mut Tx<'_, '_>) -> Result<(), StoreError> {
    if time_to_live(tx.store, tx.profile)?.is_none() {
        return deadlines::cancel_single(tx, Kind::DeleteOld, 0);
    }
    deadlines::set_single(tx, tx.now, Kind::DeleteOld, 0)
}

fn time_to_live(view: &impl View, profile: ProfileId) -> Result<Option<i64>, StoreError> {
    let seconds = config::number(view, profile, config::key::DELETE_DEVICE_AFTER)?;
    Ok((seconds > 0).then_some(seconds))
}

/// Removes messages that are too old, and comes back when more will be. Their copies on relays stay.
pub fn delete_old(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let Some(seconds) = time_to_live(tx.store, tx.profile)? else { return Ok(()) };
    let aged = aged(tx.store, tx.profile, tx.now.saturating_sub(seconds))?;
    let mut touched: Vec<ChatId> = Vec::new();
    for (id, chat, hidden) in &aged.found {
        chats::update(tx, *chat, |record| {
            if record.draft == Some(*id) {
                record.draft = None;
            }
        })?;
        messages::bury(tx, *id, false)?;
        if !hidden {
            tx.msg_deleted(*chat, *id);
            if !touched.contains(chat) {
                touched.push(*chat);
            }
        }
    }
    for chat in &touched {
        tx.msgs_changed(*chat);
    }
    let limit = tx.now.saturating_sub(seconds);
    let steps = locations::remove_steps_before(tx, limit, BATCH)?;
    if steps > 0 {
        super::locations::changed(tx, None)?;
    }
    let oldest_step = locations::oldest_step(tx.store, tx.profile)?;
    let grain = (seconds / GRAIN).clamp(1, MAX_GRAIN);
    let next = if aged.more || oldest_step.is_some_and(|time| time < limit) {
        tx.now
    } else {
        // What comes from now on is too old after the whole time at the earliest.
        let oldest = [aged.oldest_left, oldest_step].into_iter().flatten().fold(tx.now, i64::min);
        oldest.saturating_add(seconds).max(tx.now.saturating_add(grain))
    };
    Ok(deadlines::set_single(tx, next, Kind::DeleteOld, 0)?)
}

/// What a look at the chats found.
#[derive(Default)]
struct Aged {
    /// Messages that are too old: id, chat, whether nobody sees it.
    found: Vec<(MessageId, ChatId, bool)>,
    /// There are more of them.
    more: bool,
    /// Age of the oldest of the others.
    oldest_left: Option<i64>,
}

impl Aged {
    /// Takes note of a message; false if no more fit.
    fn see(&mut self, id: MessageId, record: &MessageRecord, limit: i64) -> bool {
        let time = record.sort.max(record.received);
        if time >= limit {
            self.oldest_left = Some(self.oldest_left.map_or(time, |oldest| oldest.min(time)));
        } else if self.found.len() < BATCH {
            self.found.push((id, record.chat, record.hidden));
        } else {
            self.more = true;
        }
        !self.more
    }
}

/// Messages older than `limit`, drafts and hidden ones included, of all chats but the own one and the device chat.
/// Mail that waits to be sent stays until it is.
fn aged(view: &impl View, profile: ProfileId, limit: i64) -> Result<Aged, StoreError> {
    let kept = [
        chats::single_of(view, profile, ContactId::SELF)?,
        chats::single_of(view, profile, ContactId::DEVICE)?,
    ];
    let mut aged = Aged::default();
    let look = |id: MessageId| {
        let waiting = outbox::is_queued(view, profile, id)?;
        Ok::<_, StoreError>(if waiting { None } else { messages::load(view, profile, id)? })
    };
    for (chat, chat_record) in chats::all(view, profile)? {
        if kept.contains(&Some(chat)) {
            continue;
        }
        for row in view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))? {
            let ((_, _, sort, id), _) = row?;
            let Some(record) = look(id)? else { continue };
            if !aged.see(id, &record, limit) {
                return Ok(aged);
            }
            if sort >= limit {
                break;
            }
        }
        if let Some(draft) = chat_record.draft
            && let Some(record) = look(draft)?
            && !aged.see(draft, &record, limit)
        {
            return Ok(aged);
        }
    }
    for row in view.scan_prefix(&HIDDEN_MESSAGES, &profile)? {
        let ((_, chat, id), _) = row?;
        if kept.contains(&Some(chat)) {
            continue;
        }
        let Some(record) = look(id)? else { continue };
        if !aged.see(id, &record, limit) {
            return Ok(aged);
        }
    }
    Ok(aged)
}

#[cfg(test)]
mod tests;
