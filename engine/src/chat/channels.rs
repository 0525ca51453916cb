//! Channels: one owner posts, subscribers read. Posts are encrypted with the secret of the channel and signed by the
//! owner; changes of membership go to one subscriber only, encrypted to its key.

use volary_mail::ids::{ChannelSecret, GroupId};
use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{ListFacts, SystemEvent};
use volary_storage::View as _;
use volary_storage::records::{
    ChatRecord, MemberRecord, OutboxRecord, block, chat_type, outbox as queue, system_type, view_type,
};
use volary_storage::tables::CHAT_MESSAGES;

use super::compose::{self, SystemMessage};
use super::names;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids;
use crate::ground::texts::id as text;
use crate::incoming::assign::Assigned;
use crate::incoming::contacts::{People, named_member};
use crate::incoming::group::Change;
use crate::incoming::open::Opened;
use crate::state::{chats, contacts, keys, members, messages, outbox};

/// A new subscriber gets that many of the newest messages, and as many of the pinned ones.
const RESENT: usize = 10;

/// Makes a channel.
pub fn create(tx: &mut Tx<'_, '_>, name: &str) -> Outcome<u32> {
    let clean = names::clean_line(name);
    if clean.is_empty() {
        return Err(Failure::refused(format!("Invalid broadcast channel name: {name}.")));
    }
    let secret = ChannelSecret::generate(&mut rand::thread_rng());
    let record = ChatRecord {
        chat_type: chat_type::OUT_BROADCAST,
        name: clean,
        group_id: GroupId::generate(&mut rand::thread_rng()).to_string(),
        name_changed: tx.now,
        muted_until: -1,
        encrypted: true,
        channel_secret: secret.as_str().to_owned(),
        ..Default::default()
    };
    tx.msgs_changed_all();
    Ok(chats::create(tx, record)?)
}

/// Removes a subscriber (as owner), or ourselves (as subscriber).
pub fn remove_member(tx: &mut Tx<'_, '_>, chat: u32, group: &ChatRecord, contact: u32) -> Outcome<()> {
    match group.chat_type {
        chat_type::OUT_BROADCAST => remove_subscriber(tx, chat, contact),
        _ if contact == ids::contact::SELF => leave(tx, chat),
        _ => Err(Failure::refused("Only the owner can remove subscribers")),
    }
}

fn remove_subscriber(tx: &mut Tx<'_, '_>, chat: u32, contact: u32) -> Outcome<()> {
    if !members::is_member(tx.store, tx.profile, chat, contact)? {
        return Ok(());
    }
    let record = contacts::load(tx.store, tx.profile, contact)?.unwrap_or_default();
    let system = SystemMessage {
        system_type: system_type::MEMBER_REMOVED,
        text: super::info_texts::member_removed(
            tx.store,
            tx.texts,
            tx.profile,
            contact,
            Some(ids::contact::SELF),
        )?,
        wire_text: format!("Member {} was removed.", record.addr),
        headers: vec![
            ("Chat-Group-Member-Removed", record.addr),
            ("Chat-Group-Member-Removed-Fpr", record.fingerprint),
        ],
        about: contact,
        only_to: Some(contact),
        ..Default::default()
    };
    compose::send_system(tx, chat, system)?;
    // Who was subscribed is nobody's business afterwards.
    members::forget(tx, chat, contact)?;
    tx.chat_modified(chat);
    Ok(())
}

fn leave(tx: &mut Tx<'_, '_>, chat: u32) -> Outcome<()> {
    let (profile, now) = (tx.profile, tx.now);
    if !members::is_member(tx.store, profile, chat, ids::contact::SELF)? {
        return Ok(());
    }
    let addr = crate::state::transports::self_addr(tx.store, profile)?.unwrap_or_default();
    let fingerprint = keys::own_fingerprint(tx.store, profile)?.unwrap_or_default();
    let system = SystemMessage {
        system_type: system_type::MEMBER_REMOVED,
        text: tx.texts.get(text::CHANNEL_LEFT),
        wire_text: format!("Member {addr} was removed."),
        headers: vec![("Chat-Group-Member-Removed", addr), ("Chat-Group-Member-Removed-Fpr", fingerprint)],
        about: ids::contact::SELF,
        ..Default::default()
    };
    compose::send_system(tx, chat, system)?;
    members::mark_removed(tx, chat, ids::contact::SELF, now)?;
    chats::update(tx, chat, |record| record.channel_secret.clear())?;
    tx.chat_modified(chat);
    Ok(())
}

/// Tells a new subscriber that it joined, with the secret of the channel. The owner sees nothing of it.
pub fn announce_member(tx: &mut Tx<'_, '_>, chat: u32, contact: u32) -> Outcome<()> {
    let group = compose::load_chat(tx.store, tx.profile, chat)?;
    let record = contacts::load(tx.store, tx.profile, contact)?.unwrap_or_default();
    let system = SystemMessage {
        system_type: system_type::MEMBER_ADDED,
        wire_text: format!("Member {} was added.", record.addr),
        headers: vec![
            ("Chat-Group-Member-Added", record.addr),
            ("Chat-Group-Member-Added-Fpr", record.fingerprint),
            ("Secure-Join", "vg-member-added".to_owned()),
            ("Chat-Broadcast-Secret", group.channel_secret),
        ],
        about: contact,
        with_group_data: true,
        only_to: Some(contact),
        gossip: true,
        hidden: true,
        ..Default::default()
    };
    compose::send_system(tx, chat, system)?;
    tx.chat_modified(chat);
    Ok(())
}

/// Sends the newest and the pinned messages to a new subscriber, oldest first.
pub fn resend_history(tx: &mut Tx<'_, '_>, chat: u32, contact: u32) -> Outcome<()> {
    let mut chosen: Vec<u32> = Vec::new();
    let (mut newest, mut pinned) = (0, 0);
    for row in tx.store.scan_prefix(&CHAT_MESSAGES, &(tx.profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        let Some(record) = messages::load(tx.store, tx.profile, id)? else { continue };
        if record.mid.is_empty() || messages::is_info(&record) || record.view_type == view_type::WEBXDC {
            continue;
        }
        if newest < RESENT || (record.pinned && pinned < RESENT) {
            chosen.push(id);
        }
        newest += 1;
        pinned += usize::from(record.pinned);
    }
    for message in chosen.into_iter().rev() {
        let job = OutboxRecord {
            kind: queue::DIRECTED,
            message,
            contacts: vec![contact],
            no_self_copy: true,
            ..Default::default()
        };
        outbox::push(tx, &job)?;
    }
    Ok(())
}

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
            chat_type::IN_BROADCAST => {
                who.outgoing || members::row(tx.store, profile, id, who.sender)?.is_some()
            }
            chat_type::OUT_BROADCAST => who.outgoing || parsed.group.removed.is_some(),
            _ => false,
        };
        if fits && parsed.has_padlock() {
            return Ok(Some(Assigned { id, record, new: false }));
        }
        if record.chat_type == chat_type::OUT_BROADCAST {
            return Ok(None);
        }
        let single =
            chats::ensure_single(tx, who.sender, chats::default_block(tx.store, profile, who.sender)?)?;
        return Ok(chats::load(tx.store, profile, single)?.map(|record| Assigned {
            id: single,
            record,
            new: false,
        }));
    }
    let usable = GroupId::parse(&list.id).is_some() && parsed.has_padlock();
    let (Some(secret), true) = (&parsed.broadcast_secret, usable) else {
        return Ok(None);
    };
    let own = who.outgoing;
    let name =
        if list.name.is_empty() { parsed.group.name.clone().unwrap_or_default() } else { list.name.clone() };
    let record = ChatRecord {
        chat_type: if own { chat_type::OUT_BROADCAST } else { chat_type::IN_BROADCAST },
        group_id: list.id.clone(),
        name: names::clean_line(&name),
        encrypted: true,
        channel_secret: secret.as_str().to_owned(),
        blocked: block::NOT,
        ..Default::default()
    };
    let id = chats::create(tx, record.clone())?;
    if !own {
        members::add(tx, id, who.sender, parsed.sent_at(opened.received))?;
    }
    Ok(chats::load(tx.store, profile, id)?.map(|record| Assigned { id, record, new: true }))
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
        chat_type::IN_BROADCAST => as_subscriber(tx, opened, parsed, who, chat, change),
        _ => as_owner(tx, opened, parsed, who, chat, change),
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
    let inside = members::is_member(tx.store, profile, chat.id, ids::contact::SELF)?;
    if let Some(named) = &parsed.group.removed {
        let us = named_member(tx, opened, named)? == Some(ids::contact::SELF);
        if !us {
            change.trash = true;
            return Ok(());
        }
        change.system_type = system_type::MEMBER_REMOVED;
        change.text = Some(if who.outgoing {
            tx.texts.get(text::CHANNEL_LEFT)
        } else {
            let name = contacts::name_of(tx.store, tx.texts, profile, who.sender)?;
            tx.texts.fill(text::REMOVED_BY, &[&name])
        });
        members::forget(tx, chat.id, ids::contact::SELF)?;
        chats::update(tx, chat.id, |record| record.channel_secret.clear())?;
        tx.chat_modified(chat.id);
        return Ok(());
    }
    if parsed.system == Some(SystemEvent::MemberAdded) {
        if let Some(secret) = &parsed.broadcast_secret {
            chats::update(tx, chat.id, |record| secret.as_str().clone_into(&mut record.channel_secret))?;
        }
        change.system_type = system_type::MEMBER_ADDED;
        change.text = Some(tx.texts.get(text::CHANNEL_JOINED));
        change.bottom = true;
        change.trash = inside;
    }
    if !inside && !who.outgoing {
        members::put(tx, chat.id, ids::contact::SELF, MemberRecord { added: sent.min(tx.now), removed: 0 })?;
        tx.chat_modified(chat.id);
        tx.chatlist_item_changed(Some(chat.id));
    }
    Ok(())
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
        let contact = named_member(tx, opened, named)?;
        // Subscribers can only remove themselves.
        if let Some(contact) = contact.filter(|contact| who.outgoing || *contact == who.sender) {
            members::forget(tx, chat.id, contact)?;
            tx.chat_modified(chat.id);
        }
        change.trash = true;
    } else if let Some(named) = &parsed.group.added {
        if let Some(contact) = named_member(tx, opened, named)? {
            members::add(tx, chat.id, contact, parsed.sent_at(opened.received))?;
            tx.chat_modified(chat.id);
        }
        change.trash = true;
    } else if !who.outgoing {
        change.trash = true;
    }
    Ok(())
}
