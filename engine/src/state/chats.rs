//! Chats: finding, creating, deleting.

use volary_storage::records::{Block, ChatRecord, ChatType, SystemType, ViewType};
use volary_storage::tables::{
    CHAT_BY_GROUP_ID, CHAT_MESSAGES, CHATS, COUNTERS, GOSSIPED, HIDDEN_MESSAGES, LEFT_ARCHIVE, SINGLE_CHAT,
};
use volary_storage::{StoreError, View};

use super::deadlines::{self, Kind};
use super::{config, contacts, members, messages, outbox};
use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::ground::texts::{Texts, id as text};

/// Messages of a deleted chat that are removed in one transaction.
const ERASED_AT_ONCE: usize = 200;

/// Loads a chat.
pub fn load(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Option<ChatRecord>, StoreError> {
    Ok(load_for_sending(view, profile, chat)?.filter(|record| !record.deleted))
}

/// Loads a chat, also one that the user deleted while mail of it was still queued.
pub fn load_for_sending(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Option<ChatRecord>, StoreError> {
    view.get(&CHATS, &(profile, chat))
}

/// All chats in the order of their ids.
pub fn all(view: &impl View, profile: ProfileId) -> Result<Vec<(ChatId, ChatRecord)>, StoreError> {
    let rows = view.scan_prefix(&CHATS, &profile)?.map(|row| row.map(|((_, id), record)| (id, record)));
    rows.filter(|row| row.as_ref().map_or(true, |(_, record): &(ChatId, ChatRecord)| !record.deleted))
        .collect()
}

/// The group, channel or list of an id.
pub fn by_group_id(
    view: &impl View,
    profile: ProfileId,
    group_id: &str,
) -> Result<Option<(ChatId, ChatRecord)>, StoreError> {
    if group_id.is_empty() {
        return Ok(None);
    }
    let found = view.scan_prefix(&CHAT_BY_GROUP_ID, &(profile, group_id.to_owned()))?.next().transpose()?;
    let Some(((_, _, chat), _)) = found else { return Ok(None) };
    Ok(load(view, profile, chat)?.map(|record| (chat, record)))
}

/// The single chat with a contact, hidden ones included.
pub fn single_of(
    view: &impl View,
    profile: ProfileId,
    contact: ContactId,
) -> Result<Option<ChatId>, StoreError> {
    let found = view.scan_prefix(&SINGLE_CHAT, &(profile, contact))?.next().transpose()?;
    Ok(found.map(|((_, _, chat), _)| chat))
}

/// The name to show.
pub fn name(
    view: &impl View,
    texts: &Texts,
    profile: ProfileId,
    record: &ChatRecord,
) -> Result<String, StoreError> {
    match (record.chat_type, record.contact) {
        (ChatType::Single, ContactId::SELF) => Ok(texts.get(text::SAVED_MESSAGES)),
        (ChatType::Single, ContactId::DEVICE) => Ok(texts.get(text::DEVICE_MESSAGES)),
        (ChatType::Single, contact) => contacts::name_of(view, texts, profile, contact),
        (ChatType::Group | ChatType::MailingList | ChatType::OutBroadcast | ChatType::InBroadcast, _) => {
            Ok(record.name.clone())
        }
    }
}

/// Saves a chat with its indexes.
pub fn save(tx: &mut Tx<'_, '_>, chat: ChatId, record: &ChatRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    if !record.group_id.is_empty() {
        tx.store.set(&CHAT_BY_GROUP_ID, &(profile, record.group_id.clone(), chat))?;
    }
    if record.chat_type == ChatType::Single {
        tx.store.set(&SINGLE_CHAT, &(profile, record.contact, chat))?;
    }
    tx.store.put(&CHATS, &(profile, chat), record)
}

/// Changes a chat in place. Returns whether something changed.
pub fn update(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    change: impl FnOnce(&mut ChatRecord),
) -> Result<bool, StoreError> {
    let Some(old) = load(tx.store, tx.profile, chat)? else { return Ok(false) };
    let mut new = old.clone();
    change(&mut new);
    if new == old {
        return Ok(false);
    }
    if new.channel_secret != old.channel_secret {
        tx.effects().unlocked.secrets |= !new.channel_secret.is_empty();
    }
    save(tx, chat, &new)?;
    Ok(true)
}

/// [`ChatRecord::reacted_before`] of a chat without reactions.
const NO_REACTION: i64 = 1;

/// Notes that somebody reacted to a message of a chat.
pub fn reacted(tx: &mut Tx<'_, '_>, chat: ChatId, time: i64) -> Result<(), StoreError> {
    update(tx, chat, |record| record.reacted_before = record.reacted_before.max(time.saturating_add(1)))?;
    Ok(())
}

/// Whether a message of a chat may have got a reaction after `time`. A rule that costs no look at its messages.
pub fn may_be_reacted_after(record: &ChatRecord, time: i64) -> bool {
    record.reacted_before == 0 || record.reacted_before.saturating_sub(1) > time
}

/// Adds a chat; encrypted ones begin with the notice that says so.
pub fn create(tx: &mut Tx<'_, '_>, mut record: ChatRecord) -> Result<ChatId, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.chat = counters.chat.next();
    let chat = counters.chat;
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    record.created = tx.now;
    record.reacted_before = NO_REACTION;
    tx.effects().unlocked.groups |= !record.group_id.is_empty();
    tx.effects().unlocked.secrets |= !record.channel_secret.is_empty();
    save(tx, chat, &record)?;
    tx.chatlist_changed();
    tx.chatlist_item_changed(Some(chat));
    let special = record.chat_type == ChatType::Single && record.contact.is_special();
    if record.encrypted && !special {
        let notice = tx.texts.get(text::CHAT_E2EE);
        messages::add_notice(tx, chat, &notice, SystemType::ChatE2ee, messages::Place::Top)?;
    }
    Ok(chat)
}

/// Of two block states the one in which more is seen (blocked → request → normal).
pub fn opener(one: Block, other: Block) -> Block {
    match (one, other) {
        (Block::Not, _) | (_, Block::Not) => Block::Not,
        (Block::Request, _) | (_, Block::Request) => Block::Request,
        (Block::Yes, Block::Yes) => Block::Yes,
    }
}

/// A message has taken a chat out of the archive. On a device that hears of the message before it hears that the chat was
/// archived, none does: the other devices are told.
pub fn left_archive(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    if config::shares_changes(tx.store, tx.profile)? {
        tx.store.set(&LEFT_ARCHIVE, &(tx.profile, chat))?;
        tx.effects().outbox = true;
    }
    Ok(())
}

/// Whether a chat is to be seen once the user has written to it: always, but for the single chat of a blocked contact.
pub fn block_when_written_to(
    view: &impl View,
    profile: ProfileId,
    record: &ChatRecord,
) -> Result<Block, StoreError> {
    let blocked = record.chat_type == ChatType::Single
        && contacts::load(view, profile, record.contact)?.is_some_and(|contact| contact.blocked);
    Ok(if blocked { Block::Yes } else { Block::Not })
}

/// The single chat with a contact; made with block state `blocked` if there is none. An existing one is only made
/// more visible, never less.
pub fn ensure_single(tx: &mut Tx<'_, '_>, contact: ContactId, blocked: Block) -> Result<ChatId, StoreError> {
    if let Some(chat) = single_of(tx.store, tx.profile, contact)? {
        let changed = update(tx, chat, |record| record.blocked = opener(record.blocked, blocked))?;
        if changed {
            tx.chat_modified(chat);
            tx.chatlist_changed();
            tx.chatlist_item_changed(Some(chat));
        }
        return Ok(chat);
    }
    let encrypted = match contact {
        ContactId::SELF | ContactId::DEVICE => true,
        id => contacts::load(tx.store, tx.profile, id)?.is_some_and(|record| !record.fingerprint.is_empty()),
    };
    let record =
        ChatRecord { chat_type: ChatType::Single, contact, blocked, encrypted, ..Default::default() };
    let chat = create(tx, record)?;
    members::add(tx, chat, contact, tx.now)?;
    Ok(chat)
}

/// Removes a chat with its messages (which leave tombstones) and members. It is out of sight at once; the messages go
/// little by little, so that a large chat does not hold up others. Mail that is still queued keeps what it needs, and is
/// sent.
pub fn delete(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let profile = tx.profile;
    let Some(mut record) = load(tx.store, profile, chat)? else { return Ok(()) };
    if let Some(draft) = record.draft.take() {
        messages::erase(tx, draft)?;
    }
    if !record.group_id.is_empty() {
        tx.store.unset(&CHAT_BY_GROUP_ID, &(profile, record.group_id.clone(), chat))?;
    }
    if record.chat_type == ChatType::Single {
        tx.store.unset(&SINGLE_CHAT, &(profile, record.contact, chat))?;
    }
    record.deleted = true;
    tx.store.put(&CHATS, &(profile, chat), &record)?;
    erase_some(tx, chat)?;
    tx.chat_deleted(chat);
    tx.msgs_changed_all();
    tx.chatlist_changed();
    Ok(())
}

/// Whether a chat was deleted, though some of its rows are still there.
pub fn is_deleted(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<bool, StoreError> {
    Ok(load_for_sending(view, profile, chat)?.is_some_and(|record| record.deleted))
}

/// Removes some messages of a deleted chat, and comes back while there are more; then its last rows go. The deadline
/// by which it comes back survives the end of the process.
pub fn erase_some(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let profile = tx.profile;
    if !is_deleted(tx.store, profile, chat)? {
        return Ok(());
    }
    let rows = tx.store.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.take(ERASED_AT_ONCE);
    let shown: Vec<MessageId> = rows.map(|row| row.map(|((_, _, _, id), _)| id)).collect::<Result<_, _>>()?;
    for id in &shown {
        let record = messages::load(tx.store, profile, *id)?;
        if outbox::is_queued(tx.store, profile, *id)? {
            messages::hide(tx, *id)?;
        } else {
            messages::bury(tx, *id, true)?;
        }
        if record.is_some_and(|record| record.view_type == ViewType::Webxdc) {
            tx.app_deleted(*id);
        }
    }
    if shown.len() == ERASED_AT_ONCE {
        return deadlines::set_single(tx, tx.now, Kind::ChatDeleted, u64::from(chat));
    }
    forget_if_deleted(tx, chat)
}

/// Removes the last rows of a deleted chat once it is empty and none of its mail is queued any more.
pub fn forget_if_deleted(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let profile = tx.profile;
    let filled = tx.store.first(&CHAT_MESSAGES, &(profile, chat))?.is_some();
    if filled || !is_deleted(tx.store, profile, chat)? {
        return Ok(());
    }
    let hidden: Vec<MessageId> = tx
        .store
        .scan_prefix(&HIDDEN_MESSAGES, &(profile, chat))?
        .map(|row| row.map(|((_, _, id), _)| id))
        .collect::<Result<_, _>>()?;
    let (mut queued, mut buried) = (false, 0);
    for id in hidden {
        if outbox::is_queued(tx.store, profile, id)? {
            queued = true;
        } else if buried < ERASED_AT_ONCE {
            messages::bury(tx, id, true)?;
            buried += 1;
        } else {
            return deadlines::set_single(tx, tx.now, Kind::ChatDeleted, u64::from(chat));
        }
    }
    let kept = load_for_sending(tx.store, profile, chat)?.is_some_and(|record| record.kept_until != 0);
    if !queued && !kept {
        members::forget_all(tx, chat)?;
        tx.store.remove_prefix(&GOSSIPED, &(profile, chat))?;
        tx.store.remove(&CHATS, &(profile, chat))?;
    }
    Ok(())
}

/// Nothing has to stay of a deleted chat any more.
pub fn release(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let Some(record) = load_for_sending(tx.store, tx.profile, chat)?.filter(|record| record.deleted) else {
        return Ok(());
    };
    tx.store.put(&CHATS, &(tx.profile, chat), &ChatRecord { kept_until: 0, ..record })?;
    forget_if_deleted(tx, chat)
}

/// The last id that a chat was given.
pub fn last_id(view: &impl View, profile: ProfileId) -> Result<ChatId, StoreError> {
    Ok(view.get(&COUNTERS, &profile)?.unwrap_or_default().chat)
}

/// How visible a message of somebody makes its chat.
pub fn block_of_message(
    view: &impl View,
    profile: ProfileId,
    chat: &ChatRecord,
    from: ContactId,
) -> Result<Block, StoreError> {
    if from == ContactId::SELF {
        return block_when_written_to(view, profile, chat);
    }
    match chat.chat_type {
        ChatType::Single if chat.contact.is_special() => return Ok(Block::Not),
        ChatType::Single | ChatType::MailingList => {}
        _ => return default_block(view, profile, from),
    }
    let blocked = chat.chat_type == ChatType::Single
        && contacts::load(view, profile, from)?.is_some_and(|contact| contact.blocked);
    Ok(match (blocked, config::flag(view, profile, config::key::BOT)?) {
        (true, _) => Block::Yes,
        (false, true) => Block::Not,
        (false, false) => Block::Request,
    })
}

/// The block state of new chats with mail of `contact`: as its single chat says, else a request (bots: normal).
pub fn default_block(view: &impl View, profile: ProfileId, contact: ContactId) -> Result<Block, StoreError> {
    if config::flag(view, profile, config::key::BOT)? {
        return Ok(Block::Not);
    }
    let blocked = contacts::load(view, profile, contact)?.is_some_and(|record| record.blocked);
    let Some(chat) = single_of(view, profile, contact)? else {
        return Ok(if blocked { Block::Yes } else { Block::Request });
    };
    Ok(match load(view, profile, chat)?.map(|record| record.blocked) {
        Some(Block::Not) => Block::Not,
        Some(Block::Yes) if blocked => Block::Yes,
        Some(Block::Yes | Block::Request) | None => Block::Request,
    })
}

/// Whether we are in the chat: always in single chats, own channels and lists, by the member row elsewhere.
pub fn self_is_in(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
    record: &ChatRecord,
) -> Result<bool, StoreError> {
    match record.chat_type {
        ChatType::Group | ChatType::InBroadcast => members::is_member(view, profile, chat, ContactId::SELF),
        ChatType::Single | ChatType::OutBroadcast | ChatType::MailingList => Ok(true),
    }
}
