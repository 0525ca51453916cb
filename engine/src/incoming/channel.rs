//! Received mail of channels: which channel, and what changes in its membership.

use volary_mail::ids::GroupId;
use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{ListFacts, SystemEvent};
use volary_storage::records::{Block, ChatRecord, ChatType, MemberRecord, SystemType};

use super::assign::{Assigned, assigned};
use super::contacts::{People, named_member};
use super::group::Change;
use super::open::Opened;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId};
use crate::ground::names;
use crate::ground::texts::id as text;
use crate::state::{chats, contacts, members, messages};

/// The channel that a message with `Chat-List-ID` belongs to. Only its owner may post into it; what others send with
/// its id goes to their own single chat.
pub fn assign(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    list: &ListFacts,
) -> Outcome<Option<Assigned>> {
    let profile = tx.profile;
    if let Some((id, record)) = chats::by_group_id(tx.store, profile, &list.id)? {
        let fits = match record.chat_type {
            ChatType::InBroadcast => {
                who.outgoing || members::row(tx.store, profile, id, who.sender)?.is_some()
            }
            ChatType::OutBroadcast => who.outgoing || parsed.group.removed.is_some(),
            ChatType::Single | ChatType::Group | ChatType::MailingList => false,
        };
        if fits && parsed.has_padlock() {
            return assigned(tx, id, false);
        }
        if record.chat_type == ChatType::OutBroadcast {
            return Ok(None);
        }
        let single =
            chats::ensure_single(tx, who.sender, chats::default_block(tx.store, profile, who.sender)?)?;
        return assigned(tx, single, false);
    }
    let usable = GroupId::parse(&list.id).is_some() && parsed.has_padlock();
    let (Some(secret), true) = (&parsed.broadcast_secret, usable) else {
        return Ok(None);
    };
    let own = who.outgoing;
    let name =
        if list.name.is_empty() { parsed.group.name.clone().unwrap_or_default() } else { list.name.clone() };
    let record = ChatRecord {
        chat_type: if own { ChatType::OutBroadcast } else { ChatType::InBroadcast },
        group_id: list.id.clone(),
        name: names::clean_line(&name),
        encrypted: true,
        channel_secret: secret.as_str().to_owned(),
        blocked: Block::Not,
        ..Default::default()
    };
    let id = chats::create(tx, record.clone())?;
    if !own {
        members::add(tx, id, who.sender, parsed.sent_at(opened.received))?;
    }
    assigned(tx, id, true)
}

/// What a message changes in the membership of its channel.
pub fn apply(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<()> {
    match chat.record.chat_type {
        ChatType::InBroadcast => as_subscriber(tx, opened, parsed, who, chat, change),
        ChatType::OutBroadcast => as_owner(tx, opened, parsed, who, chat, change),
        ChatType::Single | ChatType::Group | ChatType::MailingList => Ok(()),
    }
}

fn as_subscriber(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<()> {
    let profile = tx.profile;
    let sent = parsed.sent_at(opened.received);
    let inside = members::is_member(tx.store, profile, chat.id, ContactId::SELF)?;
    let mut since = sent.min(tx.now);
    if let Some(named) = &parsed.group.removed {
        let us = named_member(tx, opened, parsed, named)? == Some(ContactId::SELF);
        if !us {
            change.trash = true;
            return Ok(());
        }
        change.system_type = SystemType::MemberRemoved;
        change.text = Some(if who.outgoing {
            tx.texts.get(text::CHANNEL_LEFT)
        } else {
            let name = contacts::name_of(tx.store, tx.texts, profile, who.sender)?;
            tx.texts.fill(text::REMOVED_BY, &[&name])
        });
        members::forget(tx, chat.id, ContactId::SELF)?;
        chats::update(tx, chat.id, |record| record.channel_secret.clear())?;
        tx.chat_modified(chat.id);
        return Ok(());
    }
    if parsed.system == Some(SystemEvent::MemberAdded) {
        if let Some(secret) = &parsed.broadcast_secret {
            chats::update(tx, chat.id, |record| secret.as_str().clone_into(&mut record.channel_secret))?;
        }
        change.system_type = SystemType::MemberAdded;
        change.text = Some(tx.texts.get(text::CHANNEL_JOINED));
        change.bottom = true;
        if inside {
            // Posts that came first have made us a subscriber, too, and left a place for this line.
            change.trash = joining_is_told(tx, chat.id)?;
            let joined = members::row(tx.store, profile, chat.id, ContactId::SELF)?;
            change.place = joined.map(|row| row.added - 1);
        }
    } else if !inside {
        let newest = messages::newest_sort(tx.store, profile, chat.id)?.unwrap_or_default();
        since = tx.now.max(newest + 2);
    }
    if !inside && !who.outgoing {
        members::put(tx, chat.id, ContactId::SELF, MemberRecord { added: since, ..Default::default() })?;
        tx.chat_modified(chat.id);
        tx.chatlist_item_changed(Some(chat.id));
    }
    Ok(())
}

/// Whether the chat says that we joined, after the last time that we left. Of many posts the newest are looked at.
fn joining_is_told(tx: &Tx<'_, '_>, chat: ChatId) -> Outcome<bool> {
    const MAX_LOOKED_AT: usize = 1_000;
    let ids = messages::visible_ids(tx.store, tx.profile, chat)?;
    for id in ids.iter().rev().take(MAX_LOOKED_AT) {
        let Some(record) = messages::load(tx.store, tx.profile, *id)? else { continue };
        match record.system_type {
            SystemType::MemberAdded => return Ok(true),
            SystemType::MemberRemoved => return Ok(false),
            _ => {}
        }
    }
    Ok(ids.len() > MAX_LOOKED_AT)
}

fn as_owner(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<()> {
    if let Some(named) = &parsed.group.removed {
        let contact = named_member(tx, opened, parsed, named)?;
        // Subscribers can only remove themselves.
        if let Some(contact) = contact.filter(|contact| who.outgoing || *contact == who.sender) {
            members::forget(tx, chat.id, contact)?;
            tx.chat_modified(chat.id);
        }
        change.trash = true;
    } else if let Some(named) = &parsed.group.added {
        if let Some(contact) = named_member(tx, opened, parsed, named)? {
            members::add(tx, chat.id, contact, parsed.sent_at(opened.received))?;
            tx.chat_modified(chat.id);
        }
        change.trash = true;
    } else if !who.outgoing {
        change.trash = true;
    }
    Ok(())
}
