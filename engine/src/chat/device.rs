//! Messages that the engine or its client writes into the device chat. They are never sent.

use volary_storage::View as _;
use volary_storage::records::{Block, MessageRecord, MessageState, ViewType};
use volary_storage::tables::DEVICE_LABELS;

use crate::chat::compose::{NewFile, NewMessage, leave_archive};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, MessageId};
use crate::ground::texts::id as text;
use crate::state::{chats, config, messages};

/// Labels of the messages that welcome the user.
const WELCOME_IMAGE: &str = "core-welcome-image";
const WELCOME: &str = "core-welcome";

/// Makes the own chat and the device chat of a new profile. Bots need neither. `image` is
/// [`WELCOME`](crate::ground::artwork::WELCOME), stored.
pub fn set_up_chats(tx: &mut Tx<'_, '_>, image: Option<NewFile>) -> Outcome<()> {
    if config::flag(tx.store, tx.profile, config::key::BOT)? {
        return Ok(());
    }
    // Once only: a user who deleted the own chat does not want it.
    if !config::flag(tx.store, tx.profile, config::key::SELF_CHAT_ADDED)? {
        config::set(tx, config::key::SELF_CHAT_ADDED, Some("1"))?;
        chats::ensure_single(tx, ContactId::SELF, Block::Not)?;
    }
    if let Some(file) = image {
        let image = NewMessage { view_type: ViewType::Image, file: Some(file), ..Default::default() };
        add(tx, Some(WELCOME_IMAGE), Some(image))?;
    }
    let welcome = NewMessage { text: tx.texts.get(text::WELCOME), ..Default::default() };
    add(tx, Some(WELCOME), Some(welcome))?;
    Ok(())
}

/// The user was welcomed on another device.
pub fn know_welcome(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    for label in [WELCOME_IMAGE, WELCOME] {
        tx.store.set(&DEVICE_LABELS, &(tx.profile, label.to_owned()))?;
    }
    Ok(())
}

/// Adds a message, once for each label; without a message only the label is remembered. `None` if nothing was added.
pub fn add(tx: &mut Tx<'_, '_>, label: Option<&str>, new: Option<NewMessage>) -> Outcome<Option<MessageId>> {
    if let Some(label) = label {
        if label.is_empty() {
            return Err(Failure::refused("empty label"));
        }
        let key = (tx.profile, label.to_owned());
        if tx.store.contains(&DEVICE_LABELS, &key)? {
            return Ok(None);
        }
        tx.store.set(&DEVICE_LABELS, &key)?;
    }
    let Some(new) = new else { return Ok(None) };
    let chat = chats::ensure_single(tx, ContactId::DEVICE, Block::Not)?;
    let newest = messages::newest_id(tx.store, tx.profile, chat)?;
    let sort = newest.map_or(tx.now, |(sort, _)| tx.now.max(sort.saturating_add(1)));
    let mut record = MessageRecord {
        chat,
        from: ContactId::DEVICE,
        state: MessageState::InFresh,
        view_type: if new.view_type == ViewType::Unknown { ViewType::Text } else { new.view_type },
        text: new.text,
        html_blob: new.html_blob,
        sent: tx.now,
        sort,
        received: tx.now,
        ..Default::default()
    };
    if let Some(file) = new.file {
        file.attach_to(&mut record);
    }
    let id = messages::insert(tx, &record)?;
    let now = tx.now;
    chats::update(tx, chat, |record| {
        leave_archive(record, now);
    })?;
    tx.msg_changed(chat, id);
    Ok(Some(id))
}
