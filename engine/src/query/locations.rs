//! Tracks and places.

use std::cmp::Reverse;

use volary_mail::kml;
use volary_proto::v1::{GetLocations, Location, Locations};
use volary_storage::records::LocationRecord;

use super::look::Look;
use crate::chat::locations::streams;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, LocationId};
use crate::state::{chats, locations, messages};

/// Clocks of others may be ahead by that many seconds where no end is given.
const TOLERANCE: i64 = 10;

/// Whether the own location is streamed to a chat, or to any.
pub fn is_streaming(look: &Look<'_>, chat: Option<ChatId>) -> Outcome<bool> {
    let active = |chat: ChatId| -> Outcome<bool> {
        let record = chats::load(look.view, look.profile, chat)?;
        Ok(record.is_some_and(|record| record.stream_until > look.now))
    };
    match chat {
        Some(chat) => active(chat),
        None => {
            for chat in streams(look.view, look.profile)? {
                if active(chat)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// Steps of tracks within a time, and all places that messages point at, the newest first.
pub fn list(look: &Look<'_>, call: &GetLocations) -> Outcome<Locations> {
    let end = if call.end == 0 { look.now.saturating_add(TOLERANCE) } else { call.end };
    let wanted = |record: &LocationRecord| {
        call.chat_id.is_none_or(|chat| record.chat.get() == chat)
            && call.contact_id.is_none_or(|contact| record.contact.get() == contact)
    };
    let mut found = locations::all(look.view, look.profile, call.begin, end)?;
    found.retain(|(_, record)| wanted(record));
    found.sort_by_key(|(id, record)| Reverse((record.time, *id)));
    let locations =
        found.into_iter().map(|(id, record)| location(look, id, &record)).collect::<Outcome<_>>()?;
    Ok(Locations { locations })
}

fn location(look: &Look<'_>, id: LocationId, record: &LocationRecord) -> Outcome<Location> {
    let marker = match record.message {
        Some(message) => messages::load(look.view, look.profile, message)?
            .and_then(|message| kml::marker(&message.text).map(str::to_owned)),
        None => None,
    };
    Ok(Location {
        location_id: id.get(),
        is_independent: record.message.is_some(),
        latitude: record.latitude.into(),
        longitude: record.longitude.into(),
        accuracy: record.accuracy.into(),
        timestamp: record.time,
        contact_id: record.contact.get(),
        msg_id: record.message.map_or(0, |message| message.get()),
        chat_id: record.chat.get(),
        marker,
    })
}
