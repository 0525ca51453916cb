//! Streaming the own location to chats, and places that messages point at.
//!
//! While the location is streamed to a chat, each message to it brings the positions that were not sent yet. Without
//! messages positions go alone: the first at once, others a minute after the last. The deadline queue sends them, and
//! ends the stream.

use volary_mail::kml::Point;
use volary_proto::v1::event;
use volary_storage::records::{LocationRecord, MessageRecord, SystemType};
use volary_storage::{StoreError, View};

use super::announcing;
use super::compose::{self, SystemMessage, load_chat};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::ground::intent::Intent;
use crate::ground::texts::id as text;
use crate::state::deadlines::{self, Kind};
use crate::state::messages::{self, Place};
use crate::state::{apps, chats, locations, outbox};

/// Positions alone are sent when the last one that was sent is older than that, in seconds.
pub const PAUSE: i64 = 60;

/// The positions that go with a message, as their first and last time: those that were not sent yet, else the newest
/// once more. `newest` is the last one since the stream began.
fn track(begin: i64, sent: i64, newest: Option<i64>) -> Option<(i64, i64)> {
    let newest = newest?;
    let first = if newest > sent { begin.max(sent.saturating_add(1)) } else { newest };
    Some((first, newest))
}

/// When positions may go alone.
fn due_at(sent: i64, now: i64) -> i64 {
    // A time in the future is one of a clock that was ahead.
    if sent > now { now } else { now.max(sent.saturating_add(PAUSE + 1)) }
}

/// Refuses what is no place.
pub fn check(latitude: f64, longitude: f64) -> Outcome<()> {
    match Point::new(latitude, longitude, 0.0, 0) {
        Some(_) => Ok(()),
        None => Err(Failure::refused(format!("not a place on Earth: {latitude}, {longitude}"))),
    }
}

/// The chats to which the own location is streamed.
pub fn streams(view: &impl View, profile: ProfileId) -> Result<Vec<ChatId>, StoreError> {
    let ids = deadlines::ids_of(view, profile, Kind::StreamEnds)?;
    Ok(ids.into_iter().filter_map(|id| u32::try_from(id).ok()).map(ChatId::new).collect())
}

/// Streams the own location to a chat for so many seconds; 0 ends it.
pub fn stream(tx: &mut Tx<'_, '_>, chat: ChatId, seconds: i64) -> Outcome<()> {
    if seconds < 0 {
        return Err(Failure::refused(format!("Condition failed: `seconds >= 0` ({seconds} vs 0)")));
    }
    if chat.is_special() {
        return Err(Failure::refused("Condition failed: `!chat_id.is_special()`"));
    }
    let record = load_chat(tx.store, tx.profile, chat)?;
    let was_active = record.stream_until > tx.now;
    if seconds == 0 {
        return if was_active { finish(tx, chat) } else { Ok(()) };
    }
    if !was_active {
        compose::check_can_send(tx.store, tx.profile, chat)?;
        announcing::promote(tx, chat)?;
        let line = tx.texts.get(text::STREAMING_ENABLED);
        let system = SystemMessage { intent: Intent::LocationStreaming, text: line, ..Default::default() };
        compose::send_system(tx, chat, system)?;
    }
    let (begin, until) = (tx.now, tx.now.saturating_add(seconds));
    chats::update(tx, chat, |record| {
        if !was_active {
            record.stream_sent = 0;
        }
        record.stream_begin = begin;
        record.stream_until = until;
    })?;
    deadlines::set_single(tx, until, Kind::StreamEnds, u64::from(chat))?;
    tracing::info!(profile = %tx.profile, %chat, seconds, "the location is streamed");
    tx.chat_modified(chat);
    tx.chatlist_item_changed(Some(chat));
    Ok(())
}

/// Ends all streams of a profile.
pub fn stop(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    for chat in streams(tx.store, tx.profile)? {
        finish(tx, chat)?;
    }
    Ok(())
}

/// The time of a stream may be over.
pub fn end(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let until = chats::load(tx.store, tx.profile, chat)?.map_or(0, |record| record.stream_until);
    if until > tx.now {
        Ok(deadlines::set_single(tx, until, Kind::StreamEnds, u64::from(chat))?)
    } else {
        finish(tx, chat)
    }
}

/// A stream is over; nobody else is told.
fn finish(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    deadlines::cancel_single(tx, Kind::StreamEnds, u64::from(chat))?;
    deadlines::cancel_single(tx, Kind::PositionsDue, u64::from(chat))?;
    let was_active = chats::load(tx.store, tx.profile, chat)?.is_some_and(|record| record.stream_until != 0);
    if !was_active {
        return Ok(());
    }
    chats::update(tx, chat, |record| {
        record.stream_begin = 0;
        record.stream_until = 0;
        record.stream_sent = 0;
        record.stream_mail = None;
    })?;
    tracing::info!(profile = %tx.profile, %chat, "the location is not streamed any more");
    let line = tx.texts.get(text::STREAMING_DISABLED);
    messages::add_notice(tx, chat, &line, SystemType::None, Place::Bottom)?;
    tx.chat_modified(chat);
    tx.chatlist_item_changed(Some(chat));
    Ok(())
}

/// The device is at a place now. Whether the location is streamed to any chat.
pub fn set(tx: &mut Tx<'_, '_>, latitude: f64, longitude: f64, accuracy: f64) -> Outcome<bool> {
    let Some(place) = Point::new(latitude, longitude, accuracy, tx.now) else {
        check(latitude, longitude)?;
        return Ok(false);
    };
    let mut any = false;
    for chat in streams(tx.store, tx.profile)? {
        let record = chats::load(tx.store, tx.profile, chat)?;
        let Some(record) = record.filter(|record| record.stream_until > tx.now) else { continue };
        locations::add(tx, &row(chat, ContactId::SELF, &place, None))?;
        let due = due_at(record.stream_sent, tx.now);
        deadlines::set_single(tx, due, Kind::PositionsDue, u64::from(chat))?;
        any = true;
    }
    if any {
        changed(tx, Some(ContactId::SELF))?;
    }
    Ok(any)
}

/// The row of a place.
pub fn row(chat: ChatId, contact: ContactId, point: &Point, message: Option<MessageId>) -> LocationRecord {
    LocationRecord {
        chat,
        contact,
        latitude: point.latitude().into(),
        longitude: point.longitude().into(),
        accuracy: point.accuracy().into(),
        time: point.timestamp(),
        message,
    }
}

/// Clients, and the app that shows maps, learn that places of a contact changed, or of several.
pub fn changed(tx: &mut Tx<'_, '_>, contact: Option<ContactId>) -> Result<(), StoreError> {
    let contact_id = contact.map(ContactId::get);
    tx.tell(event::Kind::LocationChanged(event::LocationChanged { contact_id }));
    if let Some(map) = apps::map(tx.store, tx.profile)? {
        let event = event::WebxdcStatusUpdate { msg_id: map.get(), status_update_serial: 0 };
        tx.tell(event::Kind::WebxdcStatusUpdate(event));
    }
    Ok(())
}

/// Own positions that were not sent to a chat go there, if it is time.
pub fn send_positions(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let Some(record) = chats::load(tx.store, tx.profile, chat)?.filter(|record| record.stream_until > tx.now)
    else {
        return Ok(());
    };
    let newest = locations::newest_own(tx.store, tx.profile, record.stream_begin)?;
    if newest.is_none_or(|newest| newest <= record.stream_sent) {
        return Ok(());
    }
    let due = due_at(record.stream_sent, tx.now);
    let waits = match record.stream_mail {
        // While the last ones are not sent, others need not wait beside them.
        Some(mail) if outbox::is_queued(tx.store, tx.profile, mail)? => Some(tx.now + PAUSE),
        _ => (due > tx.now).then_some(due),
    };
    if let Some(time) = waits {
        return Ok(deadlines::set_single(tx, time, Kind::PositionsDue, u64::from(chat))?);
    }
    if compose::check_can_send(tx.store, tx.profile, chat).is_err() {
        tracing::info!(profile = %tx.profile, %chat, "positions are not sent: the chat cannot be written to");
        return Ok(());
    }
    let system = SystemMessage { intent: Intent::Locations, ..Default::default() };
    let mail = compose::send_system(tx, chat, system)?;
    chats::update(tx, chat, |record| record.stream_mail = Some(mail))?;
    Ok(())
}

/// Lets a message to a chat bring own positions, while the location is streamed there.
pub fn attach_track(tx: &mut Tx<'_, '_>, message: &mut MessageRecord) -> Result<(), StoreError> {
    let record = chats::load(tx.store, tx.profile, message.chat)?;
    let Some(record) = record.filter(|record| record.stream_until > tx.now) else { return Ok(()) };
    let newest = locations::newest_own(tx.store, tx.profile, record.stream_begin)?;
    let Some((begin, end)) = track(record.stream_begin, record.stream_sent, newest) else { return Ok(()) };
    (message.track_begin, message.track_end) = (begin, end);
    chats::update(tx, message.chat, |record| record.stream_sent = end)?;
    Ok(())
}

/// An own message points at a place.
pub fn point_at(tx: &mut Tx<'_, '_>, id: MessageId, (latitude, longitude): (f64, f64)) -> Outcome<()> {
    let Some(message) = messages::load(tx.store, tx.profile, id)? else { return Ok(()) };
    let Some(point) = Point::new(latitude, longitude, 0.0, message.sort) else {
        return check(latitude, longitude);
    };
    locations::add(tx, &row(message.chat, ContactId::SELF, &point, Some(id)))?;
    changed(tx, Some(ContactId::SELF))?;
    Ok(())
}

#[cfg(test)]
mod tests;
