//! Lists of messages: those of a chat with day markers, media, pinned ones.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use volary_proto::v1::message_list_item::{DayMarker, Kind, MessageRef};
use volary_proto::v1::{self, MessageListItem};
use volary_storage::View as _;
use volary_storage::records::{MessageRecord, ViewType};
use volary_storage::tables::{CHAT_MESSAGES, MEDIA, MESSAGES};

use super::look::Look;
use super::{convert, time};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::{chats, messages};

/// A line of a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// A message.
    Message(MessageId),
    /// The day that begins at this time.
    Day(i64),
}

/// Lines of a chat, oldest first; an unknown chat has none.
pub fn lines(look: &Look<'_>, chat: ChatId, info_only: bool, days: bool) -> Outcome<Vec<Line>> {
    let mut placed = Vec::new();
    for row in look.view.scan_prefix(&CHAT_MESSAGES, &(look.profile, chat))? {
        let ((_, _, sort, id), _) = row?;
        let wanted = !info_only
            || messages::load(look.view, look.profile, id)?.is_some_and(|record| messages::is_info(&record));
        if wanted {
            placed.push((sort, id));
        }
    }
    Ok(if days {
        with_days(&placed, time::midnight)
    } else {
        placed.into_iter().map(|(_, id)| Line::Message(id)).collect()
    })
}

/// Puts a marker before the first message of each day. Notices that stand at time 0 need none.
fn with_days(placed: &[(i64, MessageId)], midnight: impl Fn(i64) -> i64) -> Vec<Line> {
    let mut lines = Vec::with_capacity(placed.len() + 8);
    let mut current = midnight(0);
    for (sort, id) in placed {
        let day = midnight(*sort);
        if day != current {
            current = day;
            lines.push(Line::Day(day));
        }
        lines.push(Line::Message(*id));
    }
    lines
}

/// Lines as ids.
pub fn as_ids(lines: Vec<Line>) -> Vec<MessageId> {
    let id = |line| match line {
        Line::Message(id) => id,
        Line::Day(_) => MessageId::DAY_MARKER,
    };
    lines.into_iter().map(id).collect()
}

/// Lines as objects.
pub fn as_items(lines: Vec<Line>) -> Vec<MessageListItem> {
    let kind = |line| match line {
        Line::Message(msg_id) => Kind::Message(MessageRef { msg_id: msg_id.get() }),
        Line::Day(timestamp) => Kind::DayMarker(DayMarker { timestamp }),
    };
    lines.into_iter().map(|line| MessageListItem { kind: Some(kind(line)) }).collect()
}

/// Messages of some types, oldest first; of all chats if none is given.
pub fn media(look: &Look<'_>, chat: Option<ChatId>, kinds: &[i32]) -> Outcome<Vec<MessageId>> {
    let wanted: Vec<ViewType> = kinds
        .iter()
        .filter_map(|kind| v1::ViewType::try_from(*kind).ok())
        .map(convert::wanted_view_type)
        .filter(|wanted| *wanted != ViewType::Unknown)
        .collect();
    let by_arrival = wanted == [ViewType::Webxdc];
    let mut found = Vec::new();
    for (sort, id) in placed_media(look, chat.and_then(ChatId::given), &wanted)? {
        let mut place = sort;
        if by_arrival {
            let record = messages::load(look.view, look.profile, id)?;
            place = place.max(record.map_or(sort, |record| record.received));
        }
        found.push((place, id));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// The listed messages of some types with their places, of one chat or of all that are not deleted.
fn placed_media(
    look: &Look<'_>,
    chat: Option<ChatId>,
    wanted: &[ViewType],
) -> Outcome<Vec<(i64, MessageId)>> {
    let mut found = Vec::new();
    let mut deleted = BTreeMap::new();
    for kind in wanted {
        if !kind.is_media() {
            found.extend(placed_texts(look, chat, *kind)?);
            continue;
        }
        let kind = kind.number();
        let rows = match chat {
            Some(chat) => look.view.scan_prefix(&MEDIA, &(look.profile, kind, chat))?,
            None => look.view.scan_prefix(&MEDIA, &(look.profile, kind))?,
        };
        for key in rows.keys() {
            let (_, _, its_chat, sort, id) = key?;
            let gone = match deleted.entry(its_chat) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => {
                    *new.insert(chat.is_none() && chats::is_deleted(look.view, look.profile, its_chat)?)
                }
            };
            if !gone {
                found.push((sort, id));
            }
        }
    }
    Ok(found)
}

/// The same of a type that has no index, because most messages are of it.
fn placed_texts(look: &Look<'_>, chat: Option<ChatId>, kind: ViewType) -> Outcome<Vec<(i64, MessageId)>> {
    let mut found = Vec::new();
    let mut look_at = |id: MessageId, record: MessageRecord| {
        if messages::is_listed(&record) && record.view_type == kind {
            found.push((record.sort, id));
        }
    };
    if let Some(chat) = chat {
        for id in messages::visible_ids(look.view, look.profile, chat)? {
            if let Some(record) = messages::load(look.view, look.profile, id)? {
                look_at(id, record);
            }
        }
        return Ok(found);
    }
    for row in look.view.scan_prefix(&MESSAGES, &look.profile)? {
        let ((_, id), record) = row?;
        if !chats::is_deleted(look.view, look.profile, record.chat)? {
            look_at(id, record);
        }
    }
    Ok(found)
}

/// Pinned messages of a chat, oldest first.
pub fn pinned(look: &Look<'_>, chat: ChatId) -> Outcome<Vec<MessageId>> {
    let mut found = Vec::new();
    for id in messages::visible_ids(look.view, look.profile, chat)? {
        if messages::load(look.view, look.profile, id)?.is_some_and(|record| record.pinned) {
            found.push(id);
        }
    }
    Ok(found)
}

/// How many messages are older than `seconds`, those to ourselves and of the device left aside.
pub fn older_than(look: &Look<'_>, from_server: bool, seconds: i64) -> Outcome<u64> {
    if from_server {
        return Err(Failure::refused(
            "The `delete_server_after` config option was removed. You need to pass `false` for `from_server`",
        ));
    }
    let limit = look.now.saturating_sub(seconds);
    let mut count = 0;
    for (chat, record) in chats::all(look.view, look.profile)? {
        if matches!(record.contact, ContactId::SELF | ContactId::DEVICE) {
            continue;
        }
        for id in messages::visible_ids(look.view, look.profile, chat)? {
            let message = messages::load(look.view, look.profile, id)?;
            count +=
                u64::from(message.is_some_and(|message| message.sort < limit && message.received < limit));
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn midnight(time: i64) -> i64 {
        time.div_euclid(DAY) * DAY
    }

    #[test]
    fn a_marker_stands_before_the_first_message_of_a_day() {
        let placed = [(0, 10), (5, 11), (3 * DAY + 1, 12), (3 * DAY + 2, 13), (4 * DAY, 14)]
            .map(|(time, id)| (time, MessageId::new(id)));
        let lines = with_days(&placed, midnight);
        assert_eq!(
            lines,
            [
                Line::Message(MessageId::new(10)),
                Line::Message(MessageId::new(11)),
                Line::Day(3 * DAY),
                Line::Message(MessageId::new(12)),
                Line::Message(MessageId::new(13)),
                Line::Day(4 * DAY),
                Line::Message(MessageId::new(14)),
            ]
        );
        assert_eq!(as_ids(lines), [10, 11, 9, 12, 13, 9, 14].map(MessageId::new));
    }

    #[test]
    fn an_empty_chat_has_no_days() {
        assert!(with_days(&[], midnight).is_empty());
    }
}
