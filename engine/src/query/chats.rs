//! Chats: objects, members, counters.

use std::cmp::Reverse;
use std::collections::HashSet;

use volary_proto::v1::{BasicChat, ContactFreshness, FullChat};
use volary_storage::View as _;
use volary_storage::records::{Block, ChatRecord, ChatType, Visibility};
use volary_storage::tables::FRESH;

use super::look::Look;
use super::{color, contacts, convert};
use crate::chat::compose::{is_muted, load_chat, no_such_chat};
use crate::chat::sending;
use crate::ground::artwork;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, numbers};
use crate::ground::texts::id as text;
use crate::state::members::PAST_MEMBER_MEMORY;
use crate::state::{chats, contacts as people, members, messages};

/// Similar chats are at most that many,
const MAX_SIMILAR: usize = 5;
/// share at least one in that many of their members,
const SIMILARITY: usize = 10;
/// and were used within that many seconds (42 days).
const SIMILAR_ACTIVE: i64 = 42 * 24 * 3600;

/// A reserved chat: only its name and colour say something.
fn special(look: &Look<'_>, chat: ChatId) -> Option<(String, String)> {
    let name = match chat {
        ChatId::DEADDROP => "deaddrop".to_owned(),
        ChatId::TRASH => "trash".to_owned(),
        ChatId::STARRED => "starred".to_owned(),
        ChatId::ARCHIVED_LINK => look.texts.get(text::ARCHIVED_CHATS),
        id if id.is_special() && id != ChatId::NONE => "rsvd".to_owned(),
        _ => return None,
    };
    let colour = color::of(&name);
    Some((name, colour))
}

/// Name to show.
pub fn name(look: &Look<'_>, record: &ChatRecord) -> Outcome<String> {
    Ok(chats::name(look.view, look.texts, look.profile, record)?)
}

/// Colour and path of the picture: those of the contact of a single chat, else its own.
pub fn face(look: &Look<'_>, record: &ChatRecord) -> Outcome<(String, Option<String>)> {
    if record.chat_type == ChatType::Single {
        let contact = contacts::record(look, record.contact)?;
        let image = match record.contact {
            ContactId::SELF => look.shared(artwork::Shared::SavedMessages),
            other => contacts::picture(look, other, &contact),
        };
        return Ok((contacts::color_of(&contact, record.contact), image));
    }
    let identity = if record.group_id.is_empty() { &record.name } else { &record.group_id };
    Ok((color::of(identity), look.path(&record.avatar)))
}

/// A chat without what is costly.
pub fn basic(look: &Look<'_>, chat: ChatId) -> Outcome<BasicChat> {
    if let Some((name, color)) = special(look, chat) {
        let chat_type = volary_proto::v1::ChatType::Group.into();
        return Ok(BasicChat { id: chat.get(), name, color, chat_type, ..Default::default() });
    }
    let record = load_chat(look.view, look.profile, chat)?;
    let (color, profile_image) = face(look, &record)?;
    Ok(BasicChat {
        id: chat.get(),
        name: name(look, &record)?,
        is_encrypted: record.encrypted,
        profile_image,
        archived: record.visibility == Visibility::Archived,
        pinned: record.visibility == Visibility::Pinned,
        chat_type: convert::chat_type(record.chat_type).into(),
        is_unpromoted: record.unpromoted,
        is_self_talk: record.contact == ContactId::SELF,
        color,
        is_contact_request: record.blocked == Block::Request,
        is_device_chat: record.contact == ContactId::DEVICE,
        is_muted: is_muted(record.mute, look.now),
    })
}

/// A chat with everything a chat view needs.
pub fn full(look: &Look<'_>, chat: ChatId) -> Outcome<FullChat> {
    let basic = basic(look, chat)?;
    let record = chats::load(look.view, look.profile, chat)?.unwrap_or_default();
    let contact_ids = contact_ids(look, chat)?;
    Ok(FullChat {
        id: chat.get(),
        name: basic.name,
        is_encrypted: basic.is_encrypted,
        profile_image: basic.profile_image,
        archived: basic.archived,
        pinned: basic.pinned,
        chat_type: basic.chat_type,
        is_unpromoted: basic.is_unpromoted,
        is_self_talk: basic.is_self_talk,
        self_in_group: contact_ids.contains(&ContactId::SELF),
        contact_ids: numbers(contact_ids),
        past_contact_ids: numbers(past_contact_ids(look, chat)?),
        color: basic.color,
        fresh_message_counter: fresh_count(look, chat)?,
        is_contact_request: basic.is_contact_request,
        is_device_chat: basic.is_device_chat,
        is_muted: basic.is_muted,
        ephemeral_timer: record.ephemeral_timer,
        can_send: can_send(look, chat, &record)?,
        freshness: freshness(look, &record)?.into(),
        was_seen_recently: freshness(look, &record)? == ContactFreshness::RecentlySeen,
        mailing_list_address: Some(record.list_post).filter(|addr| !addr.is_empty()),
    })
}

/// Freshness of the contact of a single chat.
pub fn freshness(look: &Look<'_>, record: &ChatRecord) -> Outcome<ContactFreshness> {
    if record.contact == ContactId::NONE {
        return Ok(ContactFreshness::Normal);
    }
    let contact = people::load(look.view, look.profile, record.contact)?;
    Ok(contact
        .map_or(ContactFreshness::Normal, |contact| contacts::freshness(&contact, record.contact, look.now)))
}

/// Whether a message may be written now.
pub fn can_send(look: &Look<'_>, chat: ChatId, record: &ChatRecord) -> Outcome<bool> {
    Ok(sending::obstacle(look.view, look.profile, chat, record)?.is_none())
}

/// Members: others by last sign of life, then ourselves. Unknown chats have none.
pub fn contact_ids(look: &Look<'_>, chat: ChatId) -> Outcome<Vec<ContactId>> {
    let mut found = Vec::new();
    for id in members::current(look.view, look.profile, chat)? {
        let seen = people::load(look.view, look.profile, id)?.map_or(0, |record| record.last_seen);
        found.push((id == ContactId::SELF, Reverse(seen), Reverse(id)));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(.., Reverse(id))| id).collect())
}

/// Members that were removed a short time ago, latest removal first, ourselves last.
pub fn past_contact_ids(look: &Look<'_>, chat: ChatId) -> Outcome<Vec<ContactId>> {
    let remembered = |removed: i64| look.now.saturating_sub(removed) < PAST_MEMBER_MEMORY;
    let rows = members::rows(look.view, look.profile, chat)?;
    let mut past: Vec<(bool, Reverse<i64>, Reverse<ContactId>)> = rows
        .into_iter()
        .filter(|(_, row)| !members::is_current(row) && !row.quiet && remembered(row.removed))
        .map(|(id, row)| (id == ContactId::SELF, Reverse(row.removed), Reverse(id)))
        .collect();
    past.sort_unstable();
    Ok(past.into_iter().map(|(.., Reverse(id))| id).collect())
}

/// Fresh messages of a chat; for the archive link: archived chats that have any.
pub fn fresh_count(look: &Look<'_>, chat: ChatId) -> Outcome<u32> {
    let count = |chat: ChatId| look.view.count_prefix(&FRESH, &(look.profile, chat));
    if chat != ChatId::ARCHIVED_LINK {
        return Ok(u32::try_from(count(chat)?).unwrap_or(u32::MAX));
    }
    let mut chats_with_fresh = 0;
    for (id, record) in chats::all(look.view, look.profile)? {
        let archived = record.visibility == Visibility::Archived && record.blocked != Block::Yes;
        if archived && look.view.first(&FRESH, &(look.profile, id))?.is_some() {
            chats_with_fresh += 1;
        }
    }
    Ok(chats_with_fresh)
}

/// All fresh messages that may be notified, newest first.
pub fn fresh_messages(look: &Look<'_>) -> Outcome<Vec<MessageId>> {
    let mut found = Vec::new();
    let mut blocked_authors = HashSet::new();
    let (mut chat, mut counts) = (ChatId::NONE, false);
    for row in look.view.scan_prefix(&FRESH, &look.profile)? {
        let ((_, of, id), _) = row?;
        if of != chat {
            chat = of;
            // A chat that was deleted may still have rows.
            counts = chats::load(look.view, look.profile, chat)?
                .is_some_and(|record| record.blocked == Block::Not && !is_muted(record.mute, look.now));
        }
        if !counts {
            continue;
        }
        let Some(message) = messages::load(look.view, look.profile, id)? else { continue };
        let author = message.from;
        if blocked_authors.contains(&author) {
            continue;
        }
        if people::load(look.view, look.profile, author)?.is_some_and(|author| author.blocked) {
            blocked_authors.insert(author);
            continue;
        }
        found.push((message.sort, id));
    }
    found.sort_unstable_by_key(|place| Reverse(*place));
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// The timer of a chat.
pub fn ephemeral_timer(look: &Look<'_>, chat: ChatId) -> Outcome<u32> {
    let record = chats::load(look.view, look.profile, chat)?;
    let record = record.ok_or_else(|| Failure::refused(format!("Chat Chat#{chat} not found")))?;
    Ok(record.ephemeral_timer)
}

/// The description of a chat.
pub fn description(look: &Look<'_>, chat: ChatId) -> Outcome<String> {
    Ok(load_chat(look.view, look.profile, chat)?.description)
}

/// Whether a chat is silent now.
pub fn muted(look: &Look<'_>, chat: ChatId) -> Outcome<bool> {
    Ok(is_muted(load_chat(look.view, look.profile, chat)?.mute, look.now))
}

/// The shown single chat with a contact.
pub fn of_contact(look: &Look<'_>, contact: ContactId) -> Outcome<Option<ChatId>> {
    let Some(chat) = chats::single_of(look.view, look.profile, contact)? else { return Ok(None) };
    let shown =
        chats::load(look.view, look.profile, chat)?.is_some_and(|record| record.blocked != Block::Yes);
    Ok(shown.then_some(chat))
}

/// Members and fingerprints for people.
pub fn encryption_info(look: &Look<'_>, chat: ChatId) -> Outcome<String> {
    let record = load_chat(look.view, look.profile, chat)?;
    if !record.encrypted {
        return Ok(look.texts.get(text::NO_ENCRYPTION));
    }
    let mut info = look.texts.get(text::MESSAGES_E2EE);
    for id in contact_ids(look, chat)? {
        if id.is_special() {
            continue;
        }
        let contact = contacts::record(look, id)?;
        let fingerprint = contacts::grouped(&contact.fingerprint);
        info.push_str(&format!("\n\n{}({})\n{fingerprint}", people::display_name(&contact), contact.addr));
    }
    Ok(info)
}

/// Groups whose members overlap with those of this chat, most similar first.
pub fn similar(look: &Look<'_>, chat: ChatId) -> Outcome<Vec<ChatId>> {
    if chats::load(look.view, look.profile, chat)?.is_none() {
        return Err(no_such_chat(chat));
    }
    let of = |chat: ChatId| -> Outcome<HashSet<ContactId>> {
        let all = members::current(look.view, look.profile, chat)?;
        Ok(all.into_iter().filter(|id| !id.is_special()).collect())
    };
    let ours = of(chat)?;
    let mut found = Vec::new();
    for (id, record) in chats::all(look.view, look.profile)? {
        let fits = record.chat_type == ChatType::Group
            && record.blocked != Block::Yes
            && record.visibility != Visibility::Archived;
        let newest =
            messages::newest_id(look.view, look.profile, id)?.map_or(record.created, |(sort, _)| sort);
        if id == chat || !fits || look.now.saturating_sub(newest) > SIMILAR_ACTIVE {
            continue;
        }
        let theirs = of(id)?;
        let shared = ours.intersection(&theirs).count();
        let all = ours.union(&theirs).count();
        if shared > 0 && shared * SIMILARITY >= all {
            found.push((shared as f64 / all as f64, id));
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    Ok(found.into_iter().take(MAX_SIMILAR).map(|(_, id)| id).collect())
}
