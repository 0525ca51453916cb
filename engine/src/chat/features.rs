//! What can be done with a message after it was sent: reactions, edits, deletion for all, pins, resending, forwarding.

use volary_proto::v1::event;
use volary_storage::records::{ReactionRecord, message_state, system_type, view_type};
use volary_storage::tables::REACTIONS;
use volary_storage::{StoreError, View};

use super::compose::{self, NewFile, NewMessage, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids;
use crate::ground::texts::id as text;
use crate::state::{messages, outbox};

/// Longest reaction in bytes (exclusive).
pub const MAX_REACTION: usize = 30;
/// Marks the new text of an edit.
pub const EDIT_MARK: &str = "✏️";
/// Text of a request to delete a message.
pub const DELETE_TEXT: &str = "🚮";

fn load(tx: &Tx<'_, '_>, id: u32) -> Outcome<volary_storage::records::MessageRecord> {
    messages::load(tx.store, tx.profile, id)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{id} does not exist")))
}

/// The reaction that a text stands for: its first token, empty (= none) if that is too long.
pub fn reaction_token(text: &str) -> &str {
    text.split_whitespace().next().filter(|token| token.len() < MAX_REACTION).unwrap_or_default()
}

/// Stores, replaces or (empty) removes a reaction and tells of it.
pub fn set_reaction(
    tx: &mut Tx<'_, '_>,
    message: u32,
    contact: u32,
    emoji: &str,
) -> Result<bool, StoreError> {
    let key = (tx.profile, message, contact);
    let old = tx.store.get(&REACTIONS, &key)?.map(|record| record.emoji).unwrap_or_default();
    if old == emoji {
        return Ok(false);
    }
    if emoji.is_empty() {
        tx.store.remove(&REACTIONS, &key)?;
    } else {
        tx.store.put(&REACTIONS, &key, &ReactionRecord { emoji: emoji.to_owned(), time: tx.now })?;
    }
    let chat_id = messages::load(tx.store, tx.profile, message)?.map_or(0, |record| record.chat);
    let event = event::ReactionsChanged { chat_id, msg_id: message, contact_id: contact };
    tx.tell(event::Kind::ReactionsChanged(event));
    tx.chatlist_item_changed(Some(chat_id));
    Ok(true)
}

/// Reacts to a message. Returns the id of the hidden message that tells of it.
pub fn react(tx: &mut Tx<'_, '_>, message: u32, reaction: &str) -> Outcome<u32> {
    let target = load(tx, message)?;
    let emoji = reaction_token(reaction).to_owned();
    let headers = vec![(compose_header::REACTION, "1".to_owned())];
    let system = SystemMessage {
        text: emoji.clone(),
        in_reply_to: target.mid,
        headers,
        hidden: true,
        ..Default::default()
    };
    let id = compose::send_system(tx, target.chat, system)?;
    set_reaction(tx, message, ids::contact::SELF, &emoji)?;
    Ok(id)
}

/// Names of pseudo headers that choose the form of a hidden message; they never go over the wire.
pub mod compose_header {
    /// The body is a reaction (RFC 9078).
    pub const REACTION: &str = ":reaction";
}

/// Replaces the text of an own message everywhere.
pub fn edit(tx: &mut Tx<'_, '_>, message: u32, new_text: &str) -> Outcome<()> {
    let old = load(tx, message)?;
    let refusal = if old.from != ids::contact::SELF {
        Some("Can edit only own messages")
    } else if messages::is_info(&old) {
        Some("Cannot edit info messages")
    } else if !old.html_blob.is_empty() {
        Some("Cannot edit HTML messages")
    } else if old.view_type == view_type::CALL {
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
        text: format!("{EDIT_MARK}{new_text}"),
        in_reply_to: old.mid.clone(),
        headers: vec![("Chat-Edit", format!("<{}>", old.mid)), (":quote", old.text.clone())],
        hidden: true,
        ..Default::default()
    };
    compose::send_system(tx, old.chat, system)?;
    apply_edit(tx, message, new_text)?;
    Ok(())
}

/// Replaces the text here.
pub fn apply_edit(tx: &mut Tx<'_, '_>, message: u32, new_text: &str) -> Result<(), StoreError> {
    let mut chat = 0;
    messages::update(tx, message, |record| {
        chat = record.chat;
        new_text.clone_into(&mut record.text);
        record.edited = true;
    })?;
    tx.msgs_changed(chat, message);
    Ok(())
}

/// Deletes own messages of one chat everywhere.
pub fn delete_for_all(tx: &mut Tx<'_, '_>, ids: &[u32]) -> Outcome<()> {
    let mut chat = None;
    let mut mids = Vec::new();
    let mut found = Vec::new();
    for id in ids {
        let record = load(tx, *id)?;
        if record.from != ids::contact::SELF {
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
    let headers = vec![("Chat-Delete", format!("<{}>", mids.join(" ")))];
    compose::send_hidden(tx, chat, DELETE_TEXT.to_owned(), String::new(), headers)?;
    super::requests::forget_messages(tx, &found)
}

/// Pins or unpins a message for everybody.
pub fn pin(tx: &mut Tx<'_, '_>, message: u32, pinned: bool) -> Outcome<()> {
    let target = load(tx, message)?;
    if !can_be_pinned(&target) {
        return Err(Failure::refused("Message cannot be pinned"));
    }
    if target.pinned == pinned {
        return Ok(());
    }
    let (content, system_type, number) = if pinned {
        ("message-pinned", system_type::MESSAGE_PINNED, text::PINNED_SELF)
    } else {
        ("message-unpinned", system_type::MESSAGE_UNPINNED, text::UNPINNED_SELF)
    };
    compose::check_can_send(tx.store, tx.profile, target.chat)?;
    let system = SystemMessage {
        system_type,
        text: tx.texts.get(number),
        headers: vec![("Chat-Content", content.to_owned())],
        in_reply_to: target.mid,
        ..Default::default()
    };
    compose::send_system(tx, target.chat, system)?;
    apply_pin(tx, message, pinned)?;
    Ok(())
}

/// Ordinary shown messages can be pinned.
pub fn can_be_pinned(record: &volary_storage::records::MessageRecord) -> bool {
    let unsent = matches!(record.state, message_state::OUT_DRAFT | message_state::OUT_FAILED);
    !messages::is_info(record) && !record.hidden && !unsent
}

/// Changes the pin here.
pub fn apply_pin(tx: &mut Tx<'_, '_>, message: u32, pinned: bool) -> Result<(), StoreError> {
    let mut chat_id = 0;
    let changed = messages::update(tx, message, |record| {
        chat_id = record.chat;
        record.pinned = pinned;
    })?;
    if changed {
        tx.msgs_changed(chat_id, message);
        tx.tell(event::Kind::PinnedMessagesChanged(event::PinnedMessagesChanged { chat_id }));
    }
    Ok(())
}

/// Sends own messages again under their old ids; who has them ignores them.
pub fn resend(tx: &mut Tx<'_, '_>, ids: &[u32]) -> Outcome<()> {
    use volary_storage::records::{OutboxRecord, outbox as queue};
    let mut chosen = Vec::new();
    for id in ids {
        let record = load(tx, *id)?;
        if record.from != ids::contact::SELF {
            return Err(Failure::refused("can resend only own messages"));
        }
        if messages::is_info(&record) {
            return Err(Failure::refused("cannot resend info messages"));
        }
        compose::check_can_send(tx.store, tx.profile, record.chat)?;
        chosen.push((*id, record.chat));
    }
    for (id, chat) in chosen {
        messages::update(tx, id, |record| {
            record.state = message_state::OUT_PENDING;
            record.error.clear();
        })?;
        outbox::push(tx, &OutboxRecord { kind: queue::MESSAGE, message: id, ..Default::default() })?;
        tx.msgs_changed(chat, id);
    }
    Ok(())
}

/// Copies messages into another chat, oldest first, without their author and date.
pub fn forward(tx: &mut Tx<'_, '_>, ids: &[u32], chat: u32) -> Outcome<()> {
    if ids.is_empty() {
        return Err(Failure::refused("empty msgs_ids: nothing to forward"));
    }
    let mut originals = Vec::new();
    for id in ids {
        let record = load(tx, *id)?;
        if record.state == message_state::OUT_DRAFT {
            return Err(Failure::refused("cannot forward drafts"));
        }
        originals.push(record);
    }
    originals.sort_by_key(|record| record.sort);
    for original in originals {
        let plain = messages::is_info(&original) || original.view_type == view_type::CALL;
        let file = (!plain && !original.blob.is_empty()).then(|| NewFile {
            blob: original.blob.clone(),
            name: original.file_name.clone(),
            mime_type: original.mime_type.clone(),
            bytes: original.file_bytes,
            width: original.width,
            height: original.height,
        });
        let new = NewMessage {
            text: original.text.clone(),
            html_blob: original.html_blob.clone(),
            view_type: if plain { view_type::TEXT } else { original.view_type },
            file,
            quoted_text: original.has_quote.then(|| original.quote.clone()),
            forwarded: original.view_type != view_type::STICKER,
            duration: original.duration,
            ..Default::default()
        };
        compose::send(tx, chat, new, None)?;
    }
    Ok(())
}
