//! The app that shows maps: one instance of a profile, which a client brings along or the user puts into Saved Messages.
//!
//! Its updates are positions, which it shares with nobody: what it sends is never stored or sent as an update, and what
//! it reads are the positions that the profile knows. There are none yet.

use serde_json::Value;
use volary_mail::webxdc::update::Update;
use volary_storage::records::{Block, MessageRecord, MessageState, ViewType};
use volary_storage::{StoreError, View};

use crate::chat::compose::{self, NewFile};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::{apps, chats, config, messages};

/// The message of the map, if one was set and is still there.
pub fn current(view: &impl View, profile: ProfileId) -> Result<Option<MessageId>, StoreError> {
    let set = config::number(view, profile, config::key::WEBXDC_INTEGRATION)?;
    let Some(id) = u32::try_from(set).ok().filter(|id| *id != 0).map(MessageId::new) else { return Ok(None) };
    let is_there =
        messages::load(view, profile, id)?.is_some_and(|record| record.view_type == ViewType::Webxdc);
    Ok(is_there.then_some(id))
}

/// Whether this message is the map.
pub fn is_map(view: &impl View, profile: ProfileId, message: MessageId) -> Result<bool, StoreError> {
    Ok(current(view, profile)? == Some(message))
}

/// Makes an app that came with the client the map. Nobody sees its message, and it goes nowhere.
pub fn install(tx: &mut Tx<'_, '_>, file: NewFile) -> Outcome<()> {
    let before = current(tx.store, tx.profile)?;
    let chat = chats::ensure_single(tx, ContactId::SELF, Block::Not)?;
    let mut record = MessageRecord {
        chat,
        from: ContactId::SELF,
        mid: compose::new_mid(),
        state: MessageState::OutDelivered,
        view_type: ViewType::Webxdc,
        hidden: true,
        sent: tx.now,
        sort: tx.now,
        received: tx.now,
        ..Default::default()
    };
    file.attach_to(&mut record);
    let id = messages::insert(tx, &record)?;
    config::set(tx, config::key::WEBXDC_INTEGRATION, Some(&id.to_string()))?;
    // One that a client brought before is of no use any more.
    if let Some(before) = before
        && messages::load(tx.store, tx.profile, before)?.is_some_and(|record| record.hidden)
    {
        messages::erase(tx, before)?;
    }
    Ok(())
}

/// Prepares the map for a chat (all if none is named) and returns its message.
pub fn prepare(tx: &mut Tx<'_, '_>, chat: Option<ChatId>) -> Outcome<Option<MessageId>> {
    let Some(map) = current(tx.store, tx.profile)? else { return Ok(None) };
    apps::update(tx, map, |record| record.map_chat = chat)?;
    Ok(Some(map))
}

/// Takes what the map sends: positions, and whatever else it may say, which is ignored.
pub fn takes(text: &str) -> Outcome<()> {
    let update = Update::from_wire(text)
        .ok_or_else(|| Failure::refused(format!("Failed to parse webxdc update item from {text:?}")))?;
    let sent: Value = serde_json::from_str(&update.to_wire()).unwrap_or_default();
    let payload = sent.get("payload").and_then(Value::as_object);
    let Some(action) = payload.and_then(|payload| payload.get("action")).and_then(Value::as_str) else {
        return Err(Failure::refused("invalid type: a map sends an object with an action"));
    };
    let label = payload.and_then(|payload| payload.get("label")).and_then(Value::as_str).unwrap_or_default();
    if action == "pos" && !label.is_empty() {
        return Err(Failure::refused("positions cannot be sent yet"));
    }
    Ok(())
}
