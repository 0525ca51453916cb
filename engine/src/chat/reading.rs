//! Fresh, noticed, seen: commands that change the read state, receipts included.

use std::collections::BTreeSet;

use volary_storage::records::{Block, MessageRecord, MessageState, SystemType};
use volary_storage::tables::CHAT_MESSAGES;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::{chats, config, copies, messages, outbox};

/// Marks messages as seen: receipts and relay flags are queued, timers start.
pub fn mark_seen(tx: &mut Tx<'_, '_>, ids: &[MessageId]) -> Outcome<()> {
    let Some(largest) = ids.iter().max() else { return Ok(()) };
    let cursor = config::number(tx.store, tx.profile, config::key::LAST_MSG_ID)?;
    if i64::from(*largest) > cursor {
        config::set(tx, config::key::LAST_MSG_ID, Some(&largest.to_string()))?;
    }
    let mut changed = BTreeSet::new();
    for id in ids {
        let Some(record) = messages::load(tx.store, tx.profile, *id)? else { continue };
        messages::start_timer(tx, *id)?;
        if !matches!(record.state, MessageState::InFresh | MessageState::InNoticed) {
            continue;
        }
        answer_receipt(tx, *id, &record)?;
        if !config::flag(tx.store, tx.profile, config::key::TEAM_PROFILE)? {
            copies::want_seen(tx, &record.mid)?;
            copies::want_seen(tx, &record.pre_mid)?;
        }
        messages::update(tx, *id, |record| {
            record.state = MessageState::InSeen;
            record.wants_receipt = false;
        })?;
        changed.insert(record.chat);
    }
    for chat in changed {
        tx.msgs_noticed(chat);
    }
    Ok(())
}

/// Queues the receipt that a message is due: to its author, or else only to own devices. In a team profile each device
/// has read what its own user has read.
fn answer_receipt(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    if record.mid.is_empty() {
        return Ok(());
    }
    let open = chats::load(tx.store, profile, record.chat)?.is_some_and(|chat| chat.blocked == Block::Not);
    let to_author = open
        && record.wants_receipt
        && !record.hidden
        && record.system_type == SystemType::None
        && config::flag(tx.store, profile, config::key::MDNS_ENABLED)?;
    if to_author {
        outbox::push_receipt(tx, record.from, id, &record.mid)
    } else if tells_own_devices(tx.store, profile)? {
        outbox::push_receipt(tx, ContactId::SELF, id, &record.mid)
    } else {
        Ok(())
    }
}

/// Whether own devices hear of what was read on this one.
pub fn tells_own_devices(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(config::flag(view, profile, config::key::BCC_SELF)?
        && !config::flag(view, profile, config::key::TEAM_PROFILE)?)
}

/// Marks all fresh messages of a chat as noticed (no receipts); timers of the chat start. Chat 6: all archived ones.
pub fn mark_noticed(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    if chat == ChatId::ARCHIVED_LINK {
        let archived = chats::all(tx.store, tx.profile)?;
        for (id, record) in archived {
            if record.visibility == volary_storage::records::Visibility::Archived
                && record.blocked != Block::Yes
            {
                notice_one(tx, id)?;
            }
        }
    } else {
        notice_one(tx, chat)?;
    }
    Ok(())
}

/// Marks the fresh messages of every chat that is no request as noticed.
pub fn mark_all_noticed(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    for (id, record) in chats::all(tx.store, tx.profile)? {
        if record.blocked == Block::Not {
            notice_one(tx, id)?;
        }
    }
    Ok(())
}

fn notice_one(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    if chats::load(tx.store, tx.profile, chat)?.is_some_and(|record| record.ephemeral_timer != 0) {
        for id in messages::untimed_ids(tx.store, tx.profile, chat)? {
            messages::start_timer(tx, id)?;
        }
    }
    let fresh = messages::fresh_ids(tx.store, tx.profile, chat)?;
    let hidden = see_hidden(tx, chat)?;
    if fresh.is_empty() && !hidden {
        return Ok(());
    }
    for id in fresh {
        messages::update(tx, id, |record| record.state = MessageState::InNoticed)?;
        messages::start_timer(tx, id)?;
    }
    tx.msgs_noticed(chat);
    tx.msgs_changed(ChatId::ARCHIVED_LINK);
    Ok(())
}

/// Reactions are seen with their chat; other own devices then take back what they notify of them. Returns whether there
/// was any that is new.
fn see_hidden(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<bool> {
    let fresh = messages::hidden_fresh(tx.store, tx.profile, chat)?;
    for (id, record) in &fresh {
        answer_receipt(tx, *id, record)?;
        messages::update(tx, *id, |record| record.state = MessageState::InSeen)?;
    }
    Ok(!fresh.is_empty())
}

/// Fresh messages before this one become noticed: we wrote it in that chat from another device.
pub fn notice_until(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    record: &MessageRecord,
) -> Result<(), StoreError> {
    if notice_silently(tx, message, record)? {
        tx.msgs_noticed(record.chat);
    }
    Ok(())
}

/// As [`notice_until`], without telling; returns whether there was any. Of the same second those that came earlier are
/// before it.
pub fn notice_silently(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    record: &MessageRecord,
) -> Result<bool, StoreError> {
    let mut any = false;
    for id in messages::fresh_ids(tx.store, tx.profile, record.chat)? {
        let before = |fresh: MessageRecord| (fresh.sort, id) <= (record.sort, message);
        if messages::load(tx.store, tx.profile, id)?.is_some_and(before) {
            messages::update(tx, id, |record| record.state = MessageState::InNoticed)?;
            messages::start_timer(tx, id)?;
            any = true;
        }
    }
    Ok(any)
}

/// The newest incoming message becomes fresh again.
pub fn mark_fresh(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let mut newest = None;
    for row in tx.store.scan_prefix(&CHAT_MESSAGES, &(tx.profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        if let Some(record) = messages::load(tx.store, tx.profile, id)?
            && messages::is_incoming(&record)
        {
            newest = Some((id, record.state));
            break;
        }
    }
    if let Some((id, state)) = newest.filter(|(_, state)| *state != MessageState::InFresh) {
        debug_assert!(state.is_incoming());
        messages::update(tx, id, |record| record.state = MessageState::InFresh)?;
        tx.msgs_changed(chat);
    }
    Ok(())
}

/// The earliest unread message at the end of a chat: going back from the end, the last one before a seen one.
pub fn first_unread(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Option<MessageId>, StoreError> {
    let mut first = None;
    for row in view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        match messages::load(view, profile, id)?.map(|record| record.state) {
            Some(MessageState::InFresh | MessageState::InNoticed) => first = Some(id),
            Some(MessageState::InSeen) => break,
            // Own messages, and those that nobody counts.
            Some(_) | None => {}
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests;
