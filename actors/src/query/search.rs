//! Finding messages by their text.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use volary_proto::v1::MessageSearchResult;
use volary_storage::View as _;
use volary_storage::records::{block, message_state, visibility};
use volary_storage::tables::MESSAGES;

use super::look::Look;
use super::{chats, contacts, convert, messages};
use crate::chat::compose::load_chat;
use crate::error::Outcome;
use crate::state::{chats as stored_chats, contacts as people, messages as stored};

/// A search in all chats finds at most that many.
const MAX_FOUND: usize = 1_000;

/// Messages whose text contains `query`: in one chat oldest first, in all chats newest first.
pub fn find(look: &Look<'_>, query: &str, chat: Option<u32>) -> Outcome<Vec<u32>> {
    let needle = query.trim().to_lowercase();
    if needle.is_empty() {
        return Ok(Vec::new());
    }
    let mut blocked = BTreeMap::new();
    let mut by_blocked = |author: u32| -> Outcome<bool> {
        if let Some(known) = blocked.get(&author) {
            return Ok(*known);
        }
        let is_blocked = people::load(look.view, look.profile, author)?.is_some_and(|record| record.blocked);
        blocked.insert(author, is_blocked);
        Ok(is_blocked)
    };
    let mut found = Vec::new();
    if let Some(chat) = chat.filter(|chat| *chat != 0) {
        for id in stored::visible_ids(look.view, look.profile, chat)? {
            let Some(record) = stored::load(look.view, look.profile, id)? else { continue };
            if record.text.to_lowercase().contains(&needle) && !by_blocked(record.from)? {
                found.push(id);
            }
        }
        return Ok(found);
    }
    let mut shown = BTreeMap::new();
    for row in look.view.scan_prefix(&MESSAGES, &look.profile)?.rev() {
        let ((_, id), record) = row?;
        let listed = !record.hidden && record.state != message_state::OUT_DRAFT;
        if !listed || !record.text.to_lowercase().contains(&needle) || by_blocked(record.from)? {
            continue;
        }
        let open = match shown.get(&record.chat) {
            Some(open) => *open,
            None => {
                let chat = stored_chats::load(look.view, look.profile, record.chat)?;
                let open = chat.is_some_and(|chat| chat.blocked != block::YES);
                shown.insert(record.chat, open);
                open
            }
        };
        if open {
            found.push(id);
        }
        if found.len() >= MAX_FOUND {
            break;
        }
    }
    found.sort_unstable_by_key(|id| Reverse(*id));
    Ok(found)
}

/// What a list of hits shows; one unknown message fails all.
pub fn results(look: &Look<'_>, ids: &[u32]) -> Outcome<BTreeMap<u32, MessageSearchResult>> {
    ids.iter().map(|id| Ok((*id, result(look, *id)?))).collect()
}

fn result(look: &Look<'_>, id: u32) -> Outcome<MessageSearchResult> {
    let record = messages::record(look, id)?;
    let chat = load_chat(look.view, look.profile, record.chat)?;
    let author = contacts::record(look, record.from)?;
    let (chat_color, chat_profile_image) = chats::face(look, &chat)?;
    Ok(MessageSearchResult {
        id,
        author_profile_image: look.path(&author.avatar),
        author_name: stored::author_name(look.view, look.texts, look.profile, &record)?,
        author_color: contacts::color_of(&author, record.from),
        author_id: record.from,
        chat_profile_image,
        chat_color,
        chat_name: chats::name(look, &chat)?,
        chat_type: convert::chat_kind(chat.chat_type).into(),
        is_chat_contact_request: chat.blocked == block::REQUEST,
        is_chat_archived: chat.visibility == visibility::ARCHIVED,
        timestamp: messages::sent_or_sort(&record),
        chat_id: record.chat,
        message: record.text,
    })
}
