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
/// How long after a transfer its note may be missing before it is brought back, in seconds.
const NOTICE_PROTECTED: i64 = 3600;

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

/// Notes that the profile went to a second device, in the device chat. Who had this device in hand for a moment could have
/// cloned it and deleted the note: [`restore_transfer_notice`] brings it back.
pub fn note_transfer(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let notice = transfer_notice(tx);
    let Some(id) = add(tx, None, Some(notice))? else { return Ok(()) };
    let (id, now) = (id.to_string(), tx.now.to_string());
    config::set(tx, config::key::BACKUP_TRANSFER_MSG_ID, Some(&id))?;
    config::set(tx, config::key::BACKUP_TRANSFER_TIMESTAMP, Some(&now))?;
    Ok(())
}

/// Adds the note of a transfer again if it was deleted, once, an hour or more after the transfer.
pub fn restore_transfer_notice(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let at = config::number(tx.store, tx.profile, config::key::BACKUP_TRANSFER_TIMESTAMP)?;
    if at == 0 || tx.now - at <= NOTICE_PROTECTED {
        return Ok(());
    }
    let id = config::number(tx.store, tx.profile, config::key::BACKUP_TRANSFER_MSG_ID)?;
    let id = u32::try_from(id).map(MessageId::new).unwrap_or_default();
    if messages::load(tx.store, tx.profile, id)?.is_none() {
        tracing::info!(profile = %tx.profile, "the note of a transfer was deleted and is back");
        let notice = transfer_notice(tx);
        if let Some(id) = add(tx, None, Some(notice))? {
            messages::update(tx, id, |record| (record.sent, record.sort) = (at, at))?;
        }
    }
    config::set(tx, config::key::BACKUP_TRANSFER_MSG_ID, None)?;
    config::set(tx, config::key::BACKUP_TRANSFER_TIMESTAMP, None)?;
    Ok(())
}

fn transfer_notice(tx: &Tx<'_, '_>) -> NewMessage {
    NewMessage { text: tx.texts.get(text::TRANSFERRED), ..Default::default() }
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
