//! The chat list: which chats in which order, and what is shown of each.

use std::cmp::Reverse;

use volary_proto::v1::chat_list_item_fetch_result::{ArchiveLink, ChatListItem, Error as NotLoaded, Kind};
use volary_proto::v1::{self, ChatListItemFetchResult, ChatListItems, ContactFreshness, GetChatlistEntries};
use volary_storage::records::{Block, ChatRecord, ChatType, MessageRecord, ReactionRecord, Visibility};
use volary_storage::tables::{CHAT_MESSAGES, FRESH, REACTIONS};
use volary_storage::{StoreError, View as _};

use super::look::Look;
use super::messages::{sent_or_sort, shown_state};
use super::{chats, convert, summary};
use crate::chat::compose::{is_muted, load_chat};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::texts::id as text;
use crate::state::{chats as stored, contacts, members, messages};

/// Only archived chats.
const ARCHIVED_ONLY: u32 = 1;
/// Without the entries that are no chats.
const NO_SPECIALS: u32 = 2;
/// With a hint if there is nothing but archived chats.
const ALL_DONE_HINT: u32 = 4;
/// Only chats that something can be forwarded to.
const FOR_FORWARDING: u32 = 8;
/// Part of a query that keeps only chats with fresh messages.
const UNREAD: &str = "is:unread";
/// The reactions to that many of the newest messages are looked at for the summary of a chat.
const REACTIONS_OF: usize = 30;

/// Which list is asked for.
enum Mode {
    WithMember(ContactId),
    Archived,
    Query { words: String, unread: bool },
    Forwarding,
    Normal,
}

fn mode(call: &GetChatlistEntries) -> Outcome<Mode> {
    let flags = call.flags.unwrap_or(0);
    if let Some(contact) = call.contact_id {
        return Ok(Mode::WithMember(contact.into()));
    }
    if flags & ARCHIVED_ONLY != 0 {
        return Ok(Mode::Archived);
    }
    if let Some(query) = &call.query {
        let query = query.trim();
        if query.is_empty() {
            return Err(Failure::refused("query mustn't be empty"));
        }
        let unread = query.contains(UNREAD);
        return Ok(Mode::Query { words: query.replace(UNREAD, "").trim().to_lowercase(), unread });
    }
    Ok(if flags & FOR_FORWARDING != 0 { Mode::Forwarding } else { Mode::Normal })
}

/// Ids of the chat list in order.
pub fn entries(look: &Look<'_>, call: &GetChatlistEntries) -> Outcome<Vec<ChatId>> {
    let mode = mode(call)?;
    let flags = call.flags.unwrap_or(0);
    let mut found = Vec::new();
    let mut any_archived = false;
    for (id, record) in stored::all(look.view, look.profile)? {
        if record.blocked == Block::Yes {
            continue;
        }
        any_archived |= record.visibility == Visibility::Archived;
        if is_listed(look, &mode, id, &record)? {
            let rank = rank(&mode, &record);
            let (time, message) = last_place(look, id, &record)?;
            found.push((Reverse((rank, time, message, id)), id));
        }
    }
    found.sort_unstable();
    let mut listed: Vec<ChatId> = found.into_iter().map(|(_, id)| id).collect();
    let with_specials = matches!(mode, Mode::Normal | Mode::Forwarding) && flags & NO_SPECIALS == 0;
    if with_specials && any_archived {
        if listed.is_empty() && flags & ALL_DONE_HINT != 0 {
            listed.push(ChatId::ALL_DONE_HINT);
        }
        listed.insert(0, ChatId::ARCHIVED_LINK);
    }
    Ok(listed)
}

fn is_listed(look: &Look<'_>, mode: &Mode, id: ChatId, record: &ChatRecord) -> Outcome<bool> {
    let archived = record.visibility == Visibility::Archived;
    Ok(match mode {
        Mode::WithMember(contact) => members::is_member(look.view, look.profile, id, *contact)?,
        Mode::Archived => archived,
        Mode::Query { words, unread } => {
            let fresh = !unread || look.view.first(&FRESH, &(look.profile, id))?.is_some();
            fresh && chats::name(look, record)?.to_lowercase().contains(words.as_str())
        }
        Mode::Normal => !archived,
        Mode::Forwarding => !archived && is_target(look, id, record)?,
    })
}

/// Whether something can be forwarded to a chat.
fn is_target(look: &Look<'_>, id: ChatId, record: &ChatRecord) -> Outcome<bool> {
    if record.blocked != Block::Not || record.contact == ContactId::DEVICE {
        return Ok(false);
    }
    Ok(match record.chat_type {
        ChatType::InBroadcast => false,
        ChatType::MailingList => !record.list_post.is_empty(),
        ChatType::Group => members::is_member(look.view, look.profile, id, ContactId::SELF)?,
        ChatType::Single | ChatType::OutBroadcast => true,
    })
}

/// What comes before the time: higher is further up.
fn rank(mode: &Mode, record: &ChatRecord) -> u8 {
    let pinned = u8::from(record.visibility == Visibility::Pinned);
    match mode {
        Mode::Normal | Mode::WithMember(_) => pinned,
        Mode::Forwarding if record.contact == ContactId::SELF => 2,
        Mode::Forwarding => pinned,
        Mode::Archived | Mode::Query { .. } => 0,
    }
}

/// The newest shown message of a chat or its draft.
fn last_message(
    look: &Look<'_>,
    newest: Option<MessageId>,
    record: &ChatRecord,
) -> Outcome<Option<(MessageId, MessageRecord)>> {
    let load = |id: Option<MessageId>| {
        let Some(id) = id else { return Ok(None) };
        let record = messages::load(look.view, look.profile, id)?;
        Ok::<_, Failure>(record.map(|record| (id, record)))
    };
    let place = |found: &(MessageId, MessageRecord)| (found.1.sort, found.0);
    Ok([load(newest)?, load(record.draft)?].into_iter().flatten().max_by_key(place))
}

fn last_place(look: &Look<'_>, chat: ChatId, record: &ChatRecord) -> Outcome<(i64, MessageId)> {
    let newest = messages::newest_id(look.view, look.profile, chat)?;
    let draft = match record.draft {
        None => None,
        Some(id) => messages::load(look.view, look.profile, id)?.map(|message| (message.sort, id)),
    };
    Ok(match newest.max(draft) {
        Some((time, id)) if time != 0 => (time, id),
        Some((_, id)) => (record.created, id),
        None => (record.created, MessageId::NONE),
    })
}

/// Entries of the list in the order of the ids; one that cannot be loaded does not fail the others.
pub fn items(look: &Look<'_>, ids: &[ChatId]) -> Outcome<ChatListItems> {
    let one = |id: ChatId| {
        let kind = if id == ChatId::ARCHIVED_LINK {
            Kind::ArchiveLink(ArchiveLink { fresh_message_counter: chats::fresh_count(look, id)? })
        } else {
            match item(look, id) {
                Ok(item) => Kind::ChatListItem(item),
                Err(failure @ Failure::Refused(_)) => {
                    Kind::Error(NotLoaded { id: id.get(), error: format!("chat: {failure}") })
                }
                Err(failure) => return Err(failure),
            }
        };
        Ok((id.get(), ChatListItemFetchResult { kind: Some(kind) }))
    };
    ids.iter().map(|id| one(*id)).collect()
}

fn item(look: &Look<'_>, chat: ChatId) -> Outcome<ChatListItem> {
    let record = load_chat(look.view, look.profile, chat)?;
    let (color, avatar_path) = chats::face(look, &record)?;
    // One look at the newest messages serves all that depends on them.
    let mut newest = look.view.scan_prefix(&CHAT_MESSAGES, &(look.profile, chat))?.keys().rev();
    let first = newest.next().transpose()?.map(|(.., id)| id);
    let last = last_message(look, first, &record)?;
    let (summary_text1, summary_text2) = match &last {
        Some((_, message)) => {
            let further = newest.map(|key| key.map(|(.., id)| id));
            summary_of(look, first.map(Ok).into_iter().chain(further), &record, message)?
        }
        None => (String::new(), look.texts.get(text::NO_MESSAGES)),
    };
    let status = match &last {
        Some((id, message)) => shown_state(look, *id, message)?,
        None => v1::MessageState::Undefined,
    };
    let freshness = chats::freshness(look, &record)?;
    Ok(ChatListItem {
        id: chat.get(),
        name: chats::name(look, &record)?,
        avatar_path,
        color,
        chat_type: convert::chat_type(record.chat_type).into(),
        last_updated: last.as_ref().map(|(_, message)| sent_or_sort(message)),
        summary_text1,
        summary_text2,
        summary_status: status.into(),
        is_encrypted: record.encrypted,
        is_group: record.chat_type == ChatType::Group,
        fresh_message_counter: chats::fresh_count(look, chat)?,
        is_self_talk: record.contact == ContactId::SELF,
        is_device_talk: record.contact == ContactId::DEVICE,
        is_sending_location: record.stream_until > look.now,
        is_self_in_group: stored::self_is_in(look.view, look.profile, chat, &record)?,
        is_archived: record.visibility == Visibility::Archived,
        is_pinned: record.visibility == Visibility::Pinned,
        is_muted: is_muted(record.mute, look.now),
        is_contact_request: record.blocked == Block::Request,
        dm_chat_contact: (record.chat_type == ChatType::Single).then_some(record.contact.get()),
        freshness: freshness.into(),
        was_seen_recently: freshness == ContactFreshness::RecentlySeen,
        last_message_type: last.as_ref().map(|(_, message)| convert::view_type(message.view_type).into()),
        last_message_id: last.map(|(id, _)| id.get()),
    })
}

/// Both parts of the summary: of the last message, or of a reaction that came after it.
fn summary_of(
    look: &Look<'_>,
    newest: impl Iterator<Item = Result<MessageId, StoreError>>,
    record: &ChatRecord,
    message: &MessageRecord,
) -> Outcome<(String, String)> {
    // In a channel the posts count.
    let is_channel = matches!(record.chat_type, ChatType::InBroadcast | ChatType::OutBroadcast);
    if !is_channel
        && stored::may_be_reacted_after(record, message.sort)
        && let Some((target, contact, reaction)) = newest_reaction(look, newest)?
        && reaction.time > message.sort
    {
        let style = summary::Style { forwarded: false, emoji: true };
        let line = summary::fold(&summary::styled(look, &target, style, 0));
        if contact == ContactId::SELF {
            return Ok((String::new(), look.texts.fill(text::REACTED_SELF, &[&reaction.emoji, &line])));
        }
        let name = contacts::name_of(look.view, look.texts, look.profile, contact)?;
        return Ok((String::new(), look.texts.fill(text::REACTED, &[&name, &reaction.emoji, &line])));
    }
    Ok((summary::prefix(look, record, message)?, summary::of(look, message)))
}

/// The newest reaction to one of the newest messages of a chat.
fn newest_reaction(
    look: &Look<'_>,
    messages_of_chat: impl Iterator<Item = Result<MessageId, StoreError>>,
) -> Outcome<Option<(MessageRecord, ContactId, ReactionRecord)>> {
    let mut asked = messages_of_chat.take(REACTIONS_OF).collect::<Result<Vec<_>, _>>()?;
    asked.sort_unstable();
    let mut newest: Option<(MessageId, ContactId, ReactionRecord)> = None;
    each_reaction(look, &asked, |message, contact, reaction| {
        // Of those of the same second, the one to the later message.
        let is_newer =
            newest.as_ref().is_none_or(|(to, _, known)| (reaction.time, message) > (known.time, *to));
        if is_newer && !reaction.emoji.is_empty() {
            newest = Some((message, contact, reaction));
        }
    })?;
    let Some((message, contact, reaction)) = newest else { return Ok(None) };
    Ok(messages::load(look.view, look.profile, message)?.map(|target| (target, contact, reaction)))
}

/// The reactions to some messages, whose ids ascend. Most messages have none: what is read next says how many of those
/// that were asked for can be passed over.
fn each_reaction(
    look: &Look<'_>,
    asked: &[MessageId],
    mut take: impl FnMut(MessageId, ContactId, ReactionRecord),
) -> Outcome<()> {
    let Some(last) = asked.last() else { return Ok(()) };
    let mut rest = asked;
    while let Some(first) = rest.first() {
        let mut next = None;
        for row in look.view.range(&REACTIONS, (look.profile, *first)..=(look.profile, *last))? {
            let ((_, message, contact), reaction) = row?;
            if asked.binary_search(&message).is_err() {
                next = Some(message);
                break;
            }
            take(message, contact, reaction);
        }
        // All up to the last are read.
        let Some(next) = next else { break };
        rest = &rest[rest.partition_point(|id| *id < next)..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(flags: u32, query: Option<&str>, contact: Option<u32>) -> GetChatlistEntries {
        GetChatlistEntries { flags: Some(flags), query: query.map(str::to_owned), contact_id: contact }
    }

    #[test]
    fn a_contact_beats_flags_and_flags_beat_a_query() {
        assert!(matches!(
            mode(&ask(9, Some("x"), Some(10))),
            Ok(Mode::WithMember(contact)) if contact == ContactId::new(10)
        ));
        assert!(matches!(mode(&ask(9, Some("x"), None)), Ok(Mode::Archived)));
        assert!(matches!(mode(&ask(8, Some("x"), None)), Ok(Mode::Query { .. })));
        assert!(matches!(mode(&ask(8, None, None)), Ok(Mode::Forwarding)));
        assert!(matches!(mode(&ask(6, None, None)), Ok(Mode::Normal)));
    }

    #[test]
    fn queries_are_trimmed_and_must_say_something() {
        let Ok(Mode::Query { words, unread }) = mode(&ask(0, Some(" Is:unread is:unread Bob "), None)) else {
            panic!("a query");
        };
        assert_eq!((words.as_str(), unread), ("is:unread  bob", true));
        let refused = mode(&ask(0, Some("  "), None)).err().map(|failure| failure.to_string());
        assert_eq!(refused.as_deref(), Some("query mustn't be empty"));
    }

    #[test]
    fn pinned_chats_come_first_and_the_own_chat_first_when_forwarding() {
        let pinned = ChatRecord { visibility: Visibility::Pinned, ..Default::default() };
        let own = ChatRecord { contact: ContactId::SELF, ..Default::default() };
        assert!(rank(&Mode::Normal, &pinned) > rank(&Mode::Normal, &own));
        assert!(rank(&Mode::Forwarding, &own) > rank(&Mode::Forwarding, &pinned));
        assert_eq!(rank(&Mode::Archived, &pinned), 0);
    }
}
