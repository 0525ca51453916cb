//! Drafts: one for each chat, on this device only.

use volary_storage::records::{MessageRecord, MessageState, ViewType};

use super::compose::{self, NewMessage, load_chat};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::{chats, messages};

/// Replaces the draft of a chat. Reserved chats have none.
pub fn set(tx: &mut Tx<'_, '_>, chat: ChatId, new: NewMessage) -> Outcome<()> {
    if chat.is_special() {
        return Ok(());
    }
    let group = load_chat(tx.store, tx.profile, chat)?;
    let mut record = MessageRecord {
        chat,
        from: ContactId::SELF,
        state: MessageState::OutDraft,
        view_type: if new.view_type == ViewType::Unknown { ViewType::Text } else { new.view_type },
        text: new.text,
        encrypted: group.encrypted,
        sent: tx.now,
        sort: tx.now,
        ..Default::default()
    };
    if let Some(file) = new.file {
        file.attach_to(&mut record);
    }
    if record.view_type == ViewType::Webxdc {
        // The address of the user inside the app depends on it.
        record.mid = compose::new_mid();
    }
    compose::quote(tx, &group, &mut record, new.quoted_message, new.quoted_text)?;
    if record.view_type == ViewType::Text && record.text.is_empty() && !record.has_quote {
        return Err(Failure::refused("No text and no quote in draft"));
    }
    if let Some(draft) = group.draft {
        messages::erase(tx, draft)?;
    }
    let id = messages::insert(tx, &record)?;
    chats::update(tx, chat, |chat| chat.draft = Some(id))?;
    tx.msg_changed(chat, id);
    Ok(())
}

/// Removes the draft; nothing happens if there is none.
pub fn remove(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let Some(group) = chats::load(tx.store, tx.profile, chat)? else { return Ok(()) };
    if let Some(draft) = group.draft {
        messages::erase(tx, draft)?;
        chats::update(tx, chat, |chat| chat.draft = None)?;
        tx.msgs_changed(chat);
    }
    Ok(())
}

/// Sends the draft; the message keeps its id.
pub fn send(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<MessageId> {
    let group = load_chat(tx.store, tx.profile, chat)?;
    let missing = || Failure::refused(format!("chat with id {chat} doesn't have draft message"));
    let id = group.draft.ok_or_else(missing)?;
    let draft = messages::load(tx.store, tx.profile, id)?.ok_or_else(missing)?;
    let quoted = messages::by_mid(tx.store, tx.profile, &draft.in_reply_to)?.map(|(id, _)| id);
    let file = (!draft.blob.is_empty()).then(|| compose::NewFile {
        blob: draft.blob.clone(),
        name: draft.file_name.clone(),
        mime_type: draft.mime_type.clone(),
        bytes: draft.file_bytes,
        width: draft.width,
        height: draft.height,
    });
    let new = NewMessage {
        text: draft.text.clone(),
        view_type: draft.view_type,
        file,
        quoted_message: quoted.filter(|_| draft.has_quote),
        quoted_text: (draft.has_quote && quoted.is_none()).then(|| draft.quote.clone()),
        duration: draft.duration,
        mid: draft.mid.clone(),
        ..Default::default()
    };
    chats::update(tx, chat, |chat| chat.draft = None)?;
    compose::send(tx, chat, new, Some(id))
}
