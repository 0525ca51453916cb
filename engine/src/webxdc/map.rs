//! The app that shows maps: one instance of a profile, which a client brings along or the user puts into Saved Messages.
//!
//! Its updates are positions, which it shares with nobody: what it sends is never stored or sent as an update, and what
//! it reads are the positions that the profile knows. A position with a label becomes a message that points there.

use serde_json::{Value, json};
use volary_mail::webxdc::update::Update;
use volary_storage::records::{Block, MessageRecord, MessageState, ViewType};
use volary_storage::{StoreError, View};

use crate::chat::compose::{self, NewFile, NewMessage};
use crate::chat::locations;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::query::contacts;
use crate::query::look::Look;
use crate::state::{apps, chats, config, contacts as people, locations as places, messages};

/// Positions are shown on the map for that long, in seconds.
const SHOWN: i64 = 24 * 3600;

pub use crate::state::apps::map as current;

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

/// Takes what the map sends: a place with a label goes as a message to the chat that the map was prepared for, else to
/// Saved Messages. Whatever else it may say is ignored.
pub fn take(tx: &mut Tx<'_, '_>, map: MessageId, text: &str) -> Outcome<()> {
    let update = Update::from_wire(text)
        .ok_or_else(|| Failure::refused(format!("Failed to parse webxdc update item from {text:?}")))?;
    let sent: Value = serde_json::from_str(&update.to_wire()).unwrap_or_default();
    let payload = sent.get("payload").and_then(Value::as_object);
    let member = |name: &str| payload.and_then(|payload| payload.get(name));
    let Some(action) = member("action").and_then(Value::as_str) else {
        return Err(Failure::refused("invalid type: a map sends an object with an action"));
    };
    let label = member("label").and_then(Value::as_str).unwrap_or_default();
    if action != "pos" || label.is_empty() {
        return Ok(());
    }
    let degrees = |name| member(name).and_then(Value::as_f64).unwrap_or_default();
    let place = (degrees("lat"), degrees("lng"));
    locations::check(place.0, place.1)?;
    let chat = match apps::load(tx.store, tx.profile, map)?.and_then(|record| record.map_chat) {
        Some(chat) => chat,
        None => chats::ensure_single(tx, ContactId::SELF, Block::Not)?,
    };
    let place = Some(place).filter(|place| *place != (0.0, 0.0));
    compose::send(tx, chat, NewMessage { text: label.to_owned(), place, ..Default::default() }, None)?;
    Ok(())
}

/// What the map reads, as JSON: the positions of the last day and all places that messages point at, of the chat that it
/// was prepared for or of all, with ids above `last_known`, the oldest first.
pub fn positions(look: &Look<'_>, map: MessageId, last_known: u32) -> Outcome<String> {
    let chat = apps::load(look.view, look.profile, map)?.and_then(|record| record.map_chat);
    let mut found = places::all(look.view, look.profile, look.now - SHOWN, i64::MAX)?;
    found.retain(|(id, place)| id.get() > last_known && chat.is_none_or(|chat| chat == place.chat));
    found.sort_by_key(|(id, place)| (place.time, *id));
    let mut shown = Vec::with_capacity(found.len());
    for (id, place) in found {
        let contact =
            people::load_any(look.view, look.texts, look.profile, place.contact)?.unwrap_or_default();
        let label = match place.message {
            Some(message) => messages::load(look.view, look.profile, message)?.map(|record| record.text),
            None => None,
        };
        shown.push(json!({
            "payload": {
                "action": "pos",
                "lat": f64::from(place.latitude),
                "lng": f64::from(place.longitude),
                "label": label.unwrap_or_default(),
                "timestamp": place.time,
                "contactId": place.contact.get(),
                "name": people::display_name(&contact),
                "color": contacts::color_of(&contact, place.contact),
                "independent": place.message.is_some(),
            },
            "serial": id.get(),
            "max_serial": id.get(),
        }));
    }
    Ok(Value::Array(shown).to_string())
}
