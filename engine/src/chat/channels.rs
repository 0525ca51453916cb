//! Channels: one owner posts, subscribers read. Posts are encrypted with the secret of the channel and signed by the
//! owner; changes of membership go to one subscriber only, encrypted to its key.

use volary_mail::ids::{ChannelSecret, GroupId};
use volary_storage::View as _;
use volary_storage::records::{ChatRecord, ChatType, JobKind, Mute, OutboxRecord, ViewType};
use volary_storage::tables::CHAT_MESSAGES;

use super::compose::{self, Audience, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::{Intent, Named};
use crate::ground::names;
use crate::ground::texts::id as text;
use crate::state::{chats, contacts, keys, members, messages, outbox};

/// A new subscriber gets that many of the newest messages, and as many of the pinned ones.
const RESENT: usize = 10;

/// Makes a channel.
pub fn create(tx: &mut Tx<'_, '_>, name: &str) -> Outcome<ChatId> {
    let clean = names::clean_line(name);
    if clean.is_empty() {
        return Err(Failure::refused(format!("Invalid broadcast channel name: {name}.")));
    }
    let secret = ChannelSecret::generate(&mut rand::thread_rng());
    let record = ChatRecord {
        chat_type: ChatType::OutBroadcast,
        name: clean,
        group_id: GroupId::generate(&mut rand::thread_rng()).to_string(),
        name_changed: tx.now,
        mute: Mute::Forever,
        encrypted: true,
        channel_secret: secret.as_str().to_owned(),
        ..Default::default()
    };
    tx.msgs_changed_all();
    Ok(chats::create(tx, record)?)
}

/// Removes a subscriber (as owner), or ourselves (as subscriber).
pub fn remove_member(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    group: &ChatRecord,
    contact: ContactId,
) -> Outcome<()> {
    match group.chat_type {
        ChatType::OutBroadcast => remove_subscriber(tx, chat, contact),
        _ if contact == ContactId::SELF => leave(tx, chat),
        _ => Err(Failure::refused("Only the owner can remove subscribers")),
    }
}

fn remove_subscriber(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Outcome<()> {
    if !members::is_member(tx.store, tx.profile, chat, contact)? {
        return Ok(());
    }
    let record = contacts::load(tx.store, tx.profile, contact)?.unwrap_or_default();
    let system = SystemMessage {
        intent: Intent::MemberRemoved(Named { address: record.addr, fingerprint: record.fingerprint }),
        text: super::info_texts::member_removed(
            tx.store,
            tx.texts,
            tx.profile,
            contact,
            Some(ContactId::SELF),
        )?,
        about: Some(contact),
        to: Audience::Only(contact),
    };
    compose::send_system(tx, chat, system)?;
    // Who was subscribed is nobody's business afterwards.
    members::forget(tx, chat, contact)?;
    tx.chat_modified(chat);
    Ok(())
}

fn leave(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let (profile, now) = (tx.profile, tx.now);
    if !members::is_member(tx.store, profile, chat, ContactId::SELF)? {
        return Ok(());
    }
    let address = crate::state::transports::self_addr(tx.store, profile)?.unwrap_or_default();
    let fingerprint = keys::own_fingerprint(tx.store, profile)?.unwrap_or_default();
    let system = SystemMessage {
        intent: Intent::MemberRemoved(Named { address, fingerprint }),
        text: tx.texts.get(text::CHANNEL_LEFT),
        about: Some(ContactId::SELF),
        ..Default::default()
    };
    compose::send_system(tx, chat, system)?;
    members::mark_removed(tx, chat, ContactId::SELF, now)?;
    chats::update(tx, chat, |record| record.channel_secret.clear())?;
    tx.chat_modified(chat);
    Ok(())
}

/// Notifies a new subscriber that it joined, with the secret of the channel. The owner sees nothing of it.
pub fn announce_member(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Outcome<()> {
    let group = compose::load_chat(tx.store, tx.profile, chat)?;
    let record = contacts::load(tx.store, tx.profile, contact)?.unwrap_or_default();
    let system = SystemMessage {
        intent: Intent::ChannelWelcome {
            subscriber: Named { address: record.addr, fingerprint: record.fingerprint },
            secret: group.channel_secret,
        },
        about: Some(contact),
        to: Audience::Only(contact),
        ..Default::default()
    };
    compose::send_system(tx, chat, system)?;
    tx.chat_modified(chat);
    Ok(())
}

/// Sends the newest and the pinned messages to a new subscriber, oldest first.
pub fn resend_history(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Outcome<()> {
    let mut chosen: Vec<MessageId> = Vec::new();
    let (mut newest, mut pinned) = (0, 0);
    for row in tx.store.scan_prefix(&CHAT_MESSAGES, &(tx.profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        let Some(record) = messages::load(tx.store, tx.profile, id)? else { continue };
        if record.mid.is_empty() || messages::is_info(&record) || record.view_type == ViewType::Webxdc {
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
            kind: JobKind::Directed,
            message,
            contacts: vec![contact],
            no_self_copy: true,
            ..Default::default()
        };
        outbox::push(tx, &job)?;
    }
    Ok(())
}
