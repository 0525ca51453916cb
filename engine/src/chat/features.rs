//! What can be done with a message after it was sent: reactions, edits, deletion for all, pins, resending, forwarding.

use volary_mail::message::text::reaction::reaction_token;
use volary_proto::v1::event;
use volary_storage::records::{MessageRecord, MessageState, ReactionRecord, ViewType};
use volary_storage::tables::REACTIONS;
use volary_storage::{StoreError, View};

use super::announcing;
use super::compose::{self, NewFile, NewMessage, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::{DELETE_TEXT, EDIT_MARK, Intent};
use crate::ground::texts::id as text;
use crate::state::{chats, config, messages, outbox, realtime};
use crate::webxdc;

fn load(tx: &Tx<'_, '_>, id: MessageId) -> Outcome<MessageRecord> {
    messages::load(tx.store, tx.profile, id)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{id} does not exist")))
}

/// Stores, replaces or (empty) removes a reaction and emits the event. The one that was sent last counts; of those that
/// own devices have sent in the same second all of them keep the same.
pub fn set_reaction(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    contact: ContactId,
    emoji: &str,
    sent: i64,
) -> Result<bool, StoreError> {
    let key = (tx.profile, message, contact);
    let old = tx.store.get(&REACTIONS, &key)?.unwrap_or_default();
    let tie = contact == ContactId::SELF && sent == old.sent && emoji < old.emoji.as_str();
    if sent < old.sent || tie {
        return Ok(false);
    }
    let changed = old.emoji != emoji;
    let time = if changed { tx.now } else { old.time };
    tx.store.put(&REACTIONS, &key, &ReactionRecord { emoji: emoji.to_owned(), time, sent })?;
    if !changed {
        return Ok(false);
    }
    let chat = messages::load(tx.store, tx.profile, message)?.map_or(ChatId::NONE, |record| record.chat);
    chats::reacted(tx, chat, time)?;
    let event =
        event::ReactionsChanged { chat_id: chat.get(), msg_id: message.get(), contact_id: contact.get() };
    tx.tell(event::Kind::ReactionsChanged(event));
    tx.chatlist_item_changed(Some(chat));
    Ok(true)
}

/// Reacts to a message. Returns the id of the hidden message that carries it.
pub fn react(tx: &mut Tx<'_, '_>, message: MessageId, reaction: &str) -> Outcome<MessageId> {
    let target = load(tx, message)?;
    let emoji = reaction_token(reaction).to_owned();
    let intent = Intent::Reaction { target: target.mid };
    let system = SystemMessage { intent, text: emoji.clone(), ..Default::default() };
    let id = compose::send_system(tx, target.chat, system)?;
    let old = tx.store.get(&REACTIONS, &(tx.profile, message, ContactId::SELF))?.unwrap_or_default();
    let sent = sent_after(tx, id, old.sent)?;
    set_reaction(tx, message, ContactId::SELF, &emoji, sent)?;
    Ok(id)
}

/// A mail that takes the place of an earlier one is sent later than that, so that other devices see which is which.
/// Returns the time at which it is sent.
pub fn sent_after(tx: &mut Tx<'_, '_>, mail: MessageId, earlier: i64) -> Result<i64, StoreError> {
    let sent = tx.now.max(earlier.saturating_add(1));
    messages::update(tx, mail, |record| record.sent = sent)?;
    Ok(sent)
}

/// Replaces the text of an own message everywhere.
pub fn edit(tx: &mut Tx<'_, '_>, message: MessageId, new_text: &str) -> Outcome<()> {
    let old = load(tx, message)?;
    let refusal = if old.from != ContactId::SELF {
        Some("Can edit only own messages")
    } else if messages::is_info(&old) {
        Some("Cannot edit info messages")
    } else if messages::has_full_view(&old) {
        Some("Cannot edit HTML messages")
    } else if old.view_type == ViewType::Call {
        Some("Cannot edit calls")
    } else if old.text.is_empty() {
        Some("Cannot add text")
    } else if new_text.trim().is_empty() {
        Some("Edited text cannot be empty")
    } else {
        None
    };
    if let Some(text) = refusal {
        return Err(Failure::refused(text));
    }
    if old.text == new_text {
        return Ok(());
    }
    let system = SystemMessage {
        intent: Intent::Edit { target: old.mid, old_text: old.text },
        text: format!("{EDIT_MARK}{new_text}"),
        ..Default::default()
    };
    let mail = compose::send_system(tx, old.chat, system)?;
    let sent = sent_after(tx, mail, old.edit_sent)?;
    messages::update(tx, message, |record| record.edit_sent = sent)?;
    apply_edit(tx, message, new_text)?;
    Ok(())
}

/// Replaces the text here.
pub fn apply_edit(tx: &mut Tx<'_, '_>, message: MessageId, new_text: &str) -> Result<(), StoreError> {
    let mut chat = ChatId::NONE;
    let for_bot = config::flag(tx.store, tx.profile, config::key::BOT)?;
    messages::update(tx, message, |record| {
        chat = record.chat;
        messages::set_text(record, new_text.to_owned(), for_bot);
        record.edited = true;
    })?;
    tx.msg_changed(chat, message);
    Ok(())
}

/// Deletes own messages of one chat everywhere.
pub fn delete_for_all(tx: &mut Tx<'_, '_>, ids: &[MessageId]) -> Outcome<()> {
    let mut chat = None;
    let mut mids = Vec::new();
    let mut found = Vec::new();
    for id in ids {
        let record = load(tx, *id)?;
        if record.from != ContactId::SELF {
            return Err(Failure::refused("Can delete only own messages for others"));
        }
        if !record.encrypted {
            return Err(Failure::refused("Cannot request deletion of unencrypted message for others"));
        }
        if *chat.get_or_insert(record.chat) != record.chat {
            return Err(Failure::refused("Can delete only from same chat."));
        }
        mids.push(record.mid);
        found.push((*id, record.chat));
    }
    let Some(chat) = chat else { return Ok(()) };
    compose::check_can_send(tx.store, tx.profile, chat)?;
    if announcing::is_unheard(tx.store, tx.profile, chat)? {
        // Nobody has got any of them.
        return super::requests::forget_messages(tx, &found);
    }
    let intent = Intent::Delete { targets: mids };
    let text = DELETE_TEXT.to_owned();
    compose::send_system(tx, chat, SystemMessage { intent, text, ..Default::default() })?;
    super::requests::forget_messages(tx, &found)
}

/// Pins or unpins a message for everybody.
pub fn pin(tx: &mut Tx<'_, '_>, message: MessageId, pinned: bool) -> Outcome<()> {
    let target = load(tx, message)?;
    if !can_be_pinned(&target) {
        return Err(Failure::refused("Message cannot be pinned"));
    }
    if target.pinned == pinned {
        return Ok(());
    }
    let number = if pinned { text::PINNED_SELF } else { text::UNPINNED_SELF };
    compose::check_can_send(tx.store, tx.profile, target.chat)?;
    let system = SystemMessage {
        intent: Intent::Pin { target: target.mid, pinned },
        text: tx.texts.get(number),
        ..Default::default()
    };
    let mail = compose::send_system(tx, target.chat, system)?;
    let sent = sent_after(tx, mail, target.pin_sent)?;
    apply_pin(tx, message, pinned, sent)?;
    Ok(())
}

/// Ordinary shown messages can be pinned.
pub fn can_be_pinned(record: &MessageRecord) -> bool {
    let unsent = matches!(record.state, MessageState::OutDraft | MessageState::OutFailed);
    !messages::is_info(record) && !record.hidden && !unsent
}

/// Changes the pin here, unless a later change is known. Of those that were sent in the same second pinning counts.
pub fn apply_pin(tx: &mut Tx<'_, '_>, message: MessageId, pinned: bool, sent: i64) -> Result<(), StoreError> {
    let mut chat = ChatId::NONE;
    let mut changed = false;
    messages::update(tx, message, |record| {
        chat = record.chat;
        if sent > record.pin_sent || (sent == record.pin_sent && pinned) {
            changed = record.pinned != pinned;
            record.pinned = pinned;
            record.pin_sent = sent;
        }
    })?;
    if changed {
        tx.msg_changed(chat, message);
        tx.tell(event::Kind::PinnedMessagesChanged(event::PinnedMessagesChanged { chat_id: chat.get() }));
    }
    Ok(())
}

/// Sends own messages again under their old ids; who has them ignores them.
pub fn resend(tx: &mut Tx<'_, '_>, ids: &[MessageId]) -> Outcome<()> {
    use volary_storage::records::{JobKind, OutboxRecord};
    let mut chosen = Vec::new();
    for id in ids {
        let record = load(tx, *id)?;
        if record.from != ContactId::SELF {
            return Err(Failure::refused("can resend only own messages"));
        }
        if messages::is_info(&record) {
            return Err(Failure::refused("cannot resend info messages"));
        }
        compose::check_can_send(tx.store, tx.profile, record.chat)?;
        compose::check_protection(tx, record.encrypted)?;
        chosen.push((*id, record.chat, record.view_type == ViewType::Webxdc && record.encrypted));
    }
    for (id, chat, is_app) in chosen {
        messages::update(tx, id, |record| {
            record.state = MessageState::OutPending;
            record.error.clear();
        })?;
        outbox::replace_held(tx, id)?;
        outbox::push(tx, &OutboxRecord { kind: JobKind::Message, message: id, ..Default::default() })?;
        if is_app {
            realtime::ensure_topic(tx, id)?;
        }
        webxdc::sending::again(tx, id)?;
        tx.msg_changed(chat, id);
    }
    Ok(())
}

/// Copies messages into another chat, oldest first, without their author and date.
pub fn forward(tx: &mut Tx<'_, '_>, ids: &[MessageId], chat: ChatId) -> Outcome<()> {
    let records = ids.iter().map(|id| load(tx, *id)).collect::<Outcome<Vec<_>>>()?;
    for original in to_forward(records)? {
        let (blob, html_blob) = (original.blob.clone(), original.html_blob.clone());
        compose::send(tx, chat, forwarded(original, blob, html_blob), None)?;
    }
    Ok(())
}

/// The messages in the order in which they are forwarded, if all of them may be.
pub fn to_forward(mut records: Vec<MessageRecord>) -> Outcome<Vec<MessageRecord>> {
    if records.is_empty() {
        return Err(Failure::refused("empty msgs_ids: nothing to forward"));
    }
    if records.iter().any(|record| record.state == MessageState::OutDraft) {
        return Err(Failure::refused("cannot forward drafts"));
    }
    records.sort_by_key(|record| record.sort);
    Ok(records)
}

/// What is sent in place of `original`; its blobs are in the folder of the profile that sends.
pub fn forwarded(original: MessageRecord, blob: String, html_blob: String) -> NewMessage {
    let plain = messages::is_info(&original) || original.view_type == ViewType::Call;
    let file = (!plain && !blob.is_empty()).then(|| NewFile {
        blob,
        name: original.file_name.clone(),
        mime_type: original.mime_type.clone(),
        bytes: original.file_bytes,
        width: original.width,
        height: original.height,
    });
    NewMessage {
        text: messages::long_text(&original).unwrap_or(&original.text).to_owned(),
        html_blob,
        view_type: if plain { ViewType::Text } else { original.view_type },
        file,
        quoted_text: original.has_quote.then_some(original.quote),
        forwarded: original.view_type != ViewType::Sticker,
        duration: original.duration,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use volary_storage::records::SystemType;

    fn picture() -> MessageRecord {
        MessageRecord {
            text: "look".to_owned(),
            view_type: ViewType::Image,
            blob: "old.png".to_owned(),
            file_name: "sea.png".to_owned(),
            file_bytes: 7,
            width: 3,
            has_quote: true,
            quote: "where?".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_forwarded_message_keeps_text_file_and_quote() {
        let new = forwarded(picture(), "new.png".to_owned(), String::new());
        assert!(new.forwarded);
        assert_eq!((new.text.as_str(), new.view_type), ("look", ViewType::Image));
        assert_eq!(new.quoted_text.as_deref(), Some("where?"));
        let file = new.file.unwrap();
        assert_eq!(
            (file.blob.as_str(), file.name.as_str(), file.bytes, file.width),
            ("new.png", "sea.png", 7, 3)
        );
    }

    #[test]
    fn stickers_are_not_marked_and_info_lines_become_texts() {
        let sticker = MessageRecord { view_type: ViewType::Sticker, ..picture() };
        assert!(!forwarded(sticker, "new.png".to_owned(), String::new()).forwarded);
        let info = MessageRecord { system_type: SystemType::GroupNameChanged, ..picture() };
        let new = forwarded(info, "new.png".to_owned(), String::new());
        assert!(new.file.is_none() && new.view_type == ViewType::Text);
    }

    #[test]
    fn the_oldest_is_forwarded_first_and_drafts_never() {
        let at = |sort| MessageRecord { sort, ..picture() };
        let order = to_forward(vec![at(3), at(1), at(2)]).unwrap();
        assert_eq!(order.iter().map(|record| record.sort).collect::<Vec<_>>(), [1, 2, 3]);
        let draft = MessageRecord { state: MessageState::OutDraft, ..picture() };
        assert!(to_forward(vec![at(1), draft]).is_err());
        assert!(to_forward(Vec::new()).is_err());
    }
}
