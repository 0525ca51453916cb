//! Chats that are deleted on one device while another one knows messages which that has not seen. Those stay.

use std::collections::HashSet;

use volary_mail::sync::{ChatName, KnownMessages};
use volary_storage::records::{ChatType, MessageRecord, SystemType};
use volary_storage::tables::CHAT_MESSAGES;
use volary_storage::{StoreError, View};

use super::{alter, own_deletions, stamps};
use crate::chat::requests;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::forgotten::{self, digest_of};
use crate::state::{chats, messages};

/// Devices tell of so many messages which they know, the newest. Older ones have come to all of them.
const MOST: usize = 2_000;
/// Messages may stand that much above the time at which they were sent, in seconds.
const MISPLACED: i64 = 86_400;

/// The newest mails of a chat that were sent since a time, newest first.
fn recent(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
    since: i64,
    most: usize,
) -> Result<Vec<(MessageId, MessageRecord)>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.rev() {
        let ((_, _, sort, id), _) = row?;
        if sort < since.saturating_sub(MISPLACED) || found.len() == most {
            break;
        }
        let record = messages::load(view, profile, id)?;
        let is_recent = |record: &MessageRecord| !record.mid.is_empty() && record.sent >= since;
        found.extend(record.filter(is_recent).map(|record| (id, record)));
    }
    Ok(found)
}

/// What this device knows of a chat that is deleted now.
pub fn known(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<KnownMessages, StoreError> {
    let recent = recent(view, profile, chat, 0, MOST)?;
    let since = if recent.len() < MOST { 0 } else { recent.last().map_or(0, |(_, oldest)| oldest.sent) };
    let mut digests: Vec<String> = recent.iter().map(|(_, record)| digest_of(&record.mid)).collect();
    digests.extend(forgotten::of_chat(view, profile, chat)?.into_iter().map(|(digest, _)| digest).take(MOST));
    Ok(KnownMessages { since, digests })
}

/// What a device keeps of a chat that was deleted on another one.
#[derive(Default)]
struct Left {
    /// Messages that the other one did not know, oldest first.
    messages: Vec<MessageId>,
    /// Authors of those, and of such that were deleted here.
    authors: Vec<ContactId>,
}

/// A chat was deleted on another device. One with chatmail core does not tell what it knew: then all messages go.
pub fn apply(tx: &mut Tx<'_, '_>, id: &ChatName, known: Option<KnownMessages>) -> Outcome<()> {
    let chat = alter::existing(tx, id)?;
    let left = match (chat, known) {
        (_, None) => Left::default(),
        (chat, Some(known)) => left(tx, chat, known)?,
    };
    let stays = stamps::stays(tx, id)?;
    tracing::debug!(profile = %tx.profile, ?chat, left = left.messages.len(), "a chat was deleted on another device");
    match chat {
        Some(chat) => requests::delete_but(tx, chat, &left.messages, &left.authors, stays),
        None => alter::deleted_again(tx, id, stays),
    }
}

fn left(tx: &mut Tx<'_, '_>, chat: Option<ChatId>, known: KnownMessages) -> Outcome<Left> {
    let mut unheard: HashSet<String> = known.digests.into_iter().take(2 * MOST).collect();
    let mut left = Left::default();
    let mut brings_back = false;
    if let Some(chat) = chat {
        for (message, record) in recent(tx.store, tx.profile, chat, known.since, usize::MAX)? {
            if !unheard.remove(&digest_of(&record.mid)) {
                left.messages.push(message);
                left.messages.extend(messages::parts_before(tx.store, tx.profile, message, &record)?);
                left.authors.push(record.from);
                // A farewell brings no group back.
                brings_back |= record.system_type != SystemType::MemberRemoved;
            }
        }
        for (digest, author) in forgotten::of_chat(tx.store, tx.profile, chat)? {
            if !unheard.remove(&digest) {
                left.authors.push(author);
                brings_back = true;
            }
        }
    }
    // The others that it knew go as they come.
    unheard.iter().try_for_each(|digest| own_deletions::note_chat(tx, digest))?;
    let record = match chat {
        Some(chat) => chats::load(tx.store, tx.profile, chat)?.unwrap_or_default(),
        None => return Ok(left),
    };
    // Later posts of a channel cannot be read without the secret that went with it.
    let is_channel = matches!(record.chat_type, ChatType::OutBroadcast | ChatType::InBroadcast);
    if is_channel || !brings_back {
        return Ok(Left::default());
    }
    left.messages.reverse();
    Ok(left)
}
