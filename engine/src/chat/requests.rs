//! Accepting, blocking and deleting chats and contacts; visibility and mute.

use std::collections::HashSet;

use volary_storage::records::{
    Block, ChatRecord, ChatType, ContactOrigin, MessageRecord, MessageState, Mute, ViewType, Visibility,
};

use super::announcing;
use super::compose::load_chat;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::{chats, contacts, deadlines, forgotten, members, messages, outbox, removed};

/// A contact request becomes a normal chat.
pub fn accept(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let record = load_chat(tx.store, tx.profile, chat)?;
    match record.chat_type {
        ChatType::Single => {
            contacts::raise_origin(tx, record.contact, ContactOrigin::CreateChat)?;
        }
        ChatType::Group => {
            for contact in members::current(tx.store, tx.profile, chat)? {
                contacts::raise_origin(tx, contact, ContactOrigin::IncomingTo)?;
            }
        }
        ChatType::MailingList | ChatType::OutBroadcast | ChatType::InBroadcast => {}
    }
    if chats::update(tx, chat, |record| record.blocked = Block::Not)? {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    Ok(())
}

/// Blocks a chat: the contact of a single chat, the chat itself of lists and channels; groups are deleted.
pub fn block_chat(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let record = load_chat(tx.store, tx.profile, chat)?;
    match record.chat_type {
        ChatType::Single => block_contact(tx, record.contact, true),
        ChatType::Group => delete(tx, chat),
        ChatType::OutBroadcast => Err(Failure::refused("Can't block chat of type OutBroadcast")),
        ChatType::MailingList | ChatType::InBroadcast => {
            if chats::update(tx, chat, |record| record.blocked = Block::Yes)? {
                tx.chat_modified(chat);
                tx.chatlist_item_changed(Some(chat));
                tx.chatlist_changed();
            }
            Ok(())
        }
    }
}

/// Blocks or unblocks a contact with its single chat.
pub fn block_contact(tx: &mut Tx<'_, '_>, contact: ContactId, blocked: bool) -> Outcome<()> {
    if contact.is_special() {
        let name = if contact == ContactId::SELF { "Self".to_owned() } else { contact.to_string() };
        return Err(Failure::refused(format!("Can't block special contact Contact#{name}")));
    }
    if contacts::load(tx.store, tx.profile, contact)?.is_none() {
        return Err(Failure::refused(format!("contact Contact#{contact} not found")));
    }
    if !contacts::update(tx, contact, |record| record.blocked = blocked)? {
        return Ok(());
    }
    if blocked {
        for chat in chats_of(tx, contact)? {
            for id in messages::fresh_ids(tx.store, tx.profile, chat)? {
                if messages::load(tx.store, tx.profile, id)?.is_some_and(|record| record.from == contact) {
                    messages::update(tx, id, |record| record.state = MessageState::InNoticed)?;
                }
            }
        }
    }
    if let Some(chat) = chats::single_of(tx.store, tx.profile, contact)? {
        let state = if blocked { Block::Yes } else { Block::Not };
        if chats::update(tx, chat, |record| record.blocked = state)? {
            tx.chat_modified(chat);
            tx.chatlist_item_changed(Some(chat));
        }
    }
    tx.contacts_changed(Some(contact));
    tx.chatlist_changed();
    Ok(())
}

fn chats_of(tx: &Tx<'_, '_>, contact: ContactId) -> Outcome<Vec<ChatId>> {
    use volary_storage::View as _;
    use volary_storage::tables::CHATS_OF_CONTACT;
    let rows = tx.store.scan_prefix(&CHATS_OF_CONTACT, &(tx.profile, contact))?;
    Ok(rows.map(|row| row.map(|((_, _, chat), _)| chat)).collect::<Result<_, _>>()?)
}

/// How a reserved chat is named in errors.
pub fn special_name(chat: ChatId) -> String {
    match chat {
        ChatId::TRASH => "Trash".to_owned(),
        ChatId::ARCHIVED_LINK => "ArchivedLink".to_owned(),
        ChatId::ALL_DONE_HINT => "AlldoneHint".to_owned(),
        id => format!("Special{id}"),
    }
}

/// Deletes a chat with its messages, here and on the relays. Others are not notified.
pub fn delete(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    if chat.is_special() {
        let name = special_name(chat);
        return Err(Failure::refused(format!("bad chat_id, can not be a special chat: Chat#{name}")));
    }
    load_chat(tx.store, tx.profile, chat)?;
    chats::update(tx, chat, |record| Stays::default().apply(record))?;
    Ok(removed::put_away(tx, chat)?)
}

/// What the user has done to a chat after it was deleted on another device, and which stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stays {
    /// It was accepted.
    pub request: bool,
    /// It was pinned, or the like.
    pub place: bool,
    /// It was muted, or not any more.
    pub silence: bool,
}

impl Stays {
    /// What does not stay is as in a new chat, which is as visible as its messages make it.
    pub fn apply(self, record: &mut ChatRecord) {
        if !self.request {
            record.blocked = Block::Yes;
        }
        if !self.place {
            record.visibility = Visibility::Normal;
        }
        if !self.silence {
            record.mute = Mute::Not;
        }
    }
}

/// Deletes a chat that was deleted on another device, but for messages (oldest first) which that did not know. They are in
/// a new chat then, as they are there once they come. It is as visible as messages of these authors make it.
pub fn delete_but(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    left: &[MessageId],
    authors: &[ContactId],
    stays: Stays,
) -> Outcome<()> {
    let mut record = load_chat(tx.store, tx.profile, chat)?;
    stays.apply(&mut record);
    for author in authors {
        let shown = chats::block_of_message(tx.store, tx.profile, &record, *author)?;
        record.blocked = chats::opener(record.blocked, shown);
    }
    if authors.is_empty() {
        chats::update(tx, chat, |known| *known = record)?;
        return Ok(removed::put_away(tx, chat)?);
    }
    if !has_mail_beside(tx, chat, left)? {
        // The deletion came before, or nothing that it knew is here.
        if chats::update(tx, chat, |known| *known = record)? {
            tx.chat_modified(chat);
            tx.chatlist_item_changed(Some(chat));
        }
        return Ok(());
    }
    let reacted_before = record.reacted_before;
    let new = removed::renew(tx, chat, record)?;
    chats::update(tx, new, |record| record.reacted_before = reacted_before)?;
    for id in left {
        messages::update(tx, *id, |message| message.chat = new)?;
        outbox::moved(tx, *id, new)?;
    }
    tx.msgs_changed(new);
    Ok(chats::delete(tx, chat)?)
}

/// Whether a chat shows other messages that came or went as mail.
fn has_mail_beside(tx: &Tx<'_, '_>, chat: ChatId, some: &[MessageId]) -> Outcome<bool> {
    let some: HashSet<&MessageId> = some.iter().collect();
    for id in messages::visible_ids(tx.store, tx.profile, chat)? {
        let is_mail = |record: MessageRecord| !record.mid.is_empty();
        if !some.contains(&id) && messages::load(tx.store, tx.profile, id)?.is_some_and(is_mail) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Deletes messages here and on the relays. All ids are checked before anything is deleted.
pub fn delete_messages(tx: &mut Tx<'_, '_>, ids: &[MessageId]) -> Outcome<()> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let record = messages::load(tx.store, tx.profile, *id)?
            .ok_or_else(|| Failure::refused(format!("Message Msg#{id} does not exist")))?;
        found.push((*id, record.chat));
    }
    forget_messages(tx, &found)
}

/// Removes messages (message, chat) with everything that refers to it.
pub fn forget_messages(tx: &mut Tx<'_, '_>, found: &[(MessageId, ChatId)]) -> Outcome<()> {
    let mut touched: Vec<ChatId> = Vec::new();
    for (id, chat) in found {
        forget(tx, *id, *chat)?;
        if !touched.contains(chat) {
            touched.push(*chat);
        }
    }
    for chat in touched {
        announcing::taken_back(tx, chat)?;
        tx.msgs_changed(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    tx.msgs_changed_all();
    tx.chatlist_changed();
    Ok(())
}

/// Removes a message with all parts that its mail brought.
pub fn forget_mail(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Outcome<()> {
    let mut parts = messages::parts_before(tx.store, tx.profile, id, record)?;
    parts.push(id);
    forget_messages(tx, &parts.into_iter().map(|part| (part, record.chat)).collect::<Vec<_>>())
}

fn forget(tx: &mut Tx<'_, '_>, id: MessageId, chat: ChatId) -> Outcome<()> {
    let record = messages::load(tx.store, tx.profile, id)?;
    let is_change = record.as_ref().is_some_and(messages::is_info);
    if is_change && outbox::is_queued(tx.store, tx.profile, id)? {
        // What was changed is changed here: the others hear of it, and the message goes then.
        let now = tx.now;
        messages::update(tx, id, |record| record.expires = now)?;
        messages::hide(tx, id)?;
        tx.msg_deleted(chat, id);
        return Ok(());
    }
    let queued = outbox::is_queued(tx.store, tx.profile, id)?;
    let has_left = outbox::cancel(tx, id)?;
    if has_left {
        announcing::leaves(tx, chat)?;
    }
    if let Some(record) = record.as_ref().filter(|_| has_left || !queued) {
        forgotten::note(tx, record)?;
    }
    messages::bury(tx, id, true)?;
    tx.msg_deleted(chat, id);
    if record.is_some_and(|record| record.view_type == ViewType::Webxdc) {
        tx.app_deleted(id);
    }
    Ok(())
}

/// Archives, pins or shows a chat normally.
pub fn set_visibility(tx: &mut Tx<'_, '_>, chat: ChatId, to: Visibility) -> Outcome<()> {
    if chat.is_special() {
        let name = special_name(chat);
        return Err(Failure::refused(format!("bad chat_id, can not be special chat: Chat#{name}")));
    }
    load_chat(tx.store, tx.profile, chat)?;
    if to == Visibility::Archived {
        super::reading::mark_noticed(tx, chat)?;
    }
    chats::update(tx, chat, |record| record.visibility = to)?;
    tx.msgs_changed_all();
    tx.chatlist_changed();
    tx.chatlist_item_changed(Some(chat));
    Ok(())
}

/// Mutes a chat, or ends that.
pub fn set_mute(tx: &mut Tx<'_, '_>, chat: ChatId, mute: Mute) -> Outcome<()> {
    if chat.is_special() {
        return Err(Failure::refused("Invalid chat ID"));
    }
    load_chat(tx.store, tx.profile, chat)?;
    chats::update(tx, chat, |record| record.mute = mute)?;
    if let Mute::Until(end) = mute {
        deadlines::add(tx, end, deadlines::Kind::MuteEnds, u64::from(chat))?;
    }
    tx.chat_modified(chat);
    tx.chatlist_item_changed(Some(chat));
    Ok(())
}
