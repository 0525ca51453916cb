//! What stays of a chat that the user has deleted, for a day, if there are other own devices: what they have told of it, and
//! what is told of it until a message brings it back, counts on all of them. No message of it stays.

use volary_storage::records::{Block, ChatRecord, ChatType, Mute, RemovedChatRecord};
use volary_storage::tables::{LEFT_ARCHIVE, REMOVED_CHATS};
use volary_storage::{StoreError, View};

use super::deadlines::{self, Kind};
use super::{chats, config, members};
use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, ProfileId};

/// For how long, in seconds: as long as copies of its messages stay on the relays.
const KEPT_FOR: i64 = super::copies::LEFT_FOR;

/// Where a chat is found that is none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A group, by its id.
    Group(String),
    /// The single chat with a contact.
    Single(ContactId),
}

impl Key {
    /// That of a chat; of lists, channels and groups without id nothing stays.
    pub fn of(record: &ChatRecord) -> Option<Self> {
        match record.chat_type {
            ChatType::Single if record.contact.is_special() => None,
            ChatType::Single => Some(Self::Single(record.contact)),
            ChatType::Group if record.encrypted && !record.group_id.is_empty() => {
                Some(Self::Group(record.group_id.clone()))
            }
            ChatType::Group | ChatType::MailingList | ChatType::OutBroadcast | ChatType::InBroadcast => None,
        }
    }

    fn stored(&self, profile: ProfileId) -> (ProfileId, String) {
        let text = match self {
            Self::Group(id) => format!("group {id}"),
            Self::Single(contact) => format!("single {contact}"),
        };
        (profile, text)
    }
}

/// Whether something is known of a chat that was deleted.
pub fn is_known(view: &impl View, profile: ProfileId, key: &Key) -> Result<bool, StoreError> {
    view.contains(&REMOVED_CHATS, &key.stored(profile))
}

/// Deletes a chat with its messages. What stays of it is as it was.
pub fn put_away(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let Some(record) = chats::load(tx.store, tx.profile, chat)? else { return Ok(()) };
    let shared = config::shares_changes(tx.store, tx.profile)?;
    if let Some(key) = Key::of(&record).filter(|_| shared) {
        forget(tx, &key)?;
        let until = tx.now.saturating_add(KEPT_FOR);
        chats::update(tx, chat, |record| record.kept_until = until)?;
        tx.store.put(&REMOVED_CHATS, &key.stored(tx.profile), &RemovedChatRecord { chat, until })?;
    }
    chats::delete(tx, chat)
}

/// A message brings back what was deleted, as a chat of its own without the messages that it had.
pub fn bring_back(tx: &mut Tx<'_, '_>, key: &Key) -> Result<Option<ChatId>, StoreError> {
    let Some(kept) = tx.store.get(&REMOVED_CHATS, &key.stored(tx.profile))? else { return Ok(None) };
    let known = chats::load_for_sending(tx.store, tx.profile, kept.chat)?;
    let back = match known.filter(|record| record.deleted) {
        Some(mut record) => {
            if chats::block_when_written_to(tx.store, tx.profile, &record)? == Block::Yes {
                record.blocked = Block::Yes;
            }
            Some(renew(tx, kept.chat, record)?)
        }
        None => None,
    };
    forget(tx, key)?;
    tracing::debug!(profile = %tx.profile, ?back, "a chat that was deleted is back");
    Ok(back)
}

/// A chat that is like another one, without its messages.
pub fn renew(tx: &mut Tx<'_, '_>, chat: ChatId, record: ChatRecord) -> Result<ChatId, StoreError> {
    let rows = members::rows(tx.store, tx.profile, chat)?;
    let mute = record.mute;
    let new = ChatRecord {
        deleted: false,
        kept_until: 0,
        draft: None,
        stream_begin: 0,
        stream_until: 0,
        stream_mail: None,
        ..record
    };
    let new = chats::create(tx, new)?;
    if tx.store.contains(&LEFT_ARCHIVE, &(tx.profile, chat))? {
        chats::left_archive(tx, new)?;
    }
    for (contact, row) in rows {
        members::put(tx, new, contact, row)?;
    }
    if let Mute::Until(end) = mute {
        deadlines::add(tx, end, Kind::MuteEnds, u64::from(new))?;
    }
    Ok(new)
}

/// Forgets what stayed of a chat.
fn forget(tx: &mut Tx<'_, '_>, key: &Key) -> Result<(), StoreError> {
    let stored = key.stored(tx.profile);
    match tx.store.get(&REMOVED_CHATS, &stored)? {
        Some(kept) => forget_row(tx, stored, kept.chat),
        None => Ok(()),
    }
}

fn forget_row(tx: &mut Tx<'_, '_>, stored: (ProfileId, String), chat: ChatId) -> Result<(), StoreError> {
    tx.store.remove(&REMOVED_CHATS, &stored)?;
    chats::release(tx, chat)
}

/// Forgets what has stayed long enough.
pub fn forget_old(tx: &mut Tx<'_, '_>, most: usize) -> Result<(), StoreError> {
    let mut old = Vec::new();
    for row in tx.store.scan_prefix(&REMOVED_CHATS, &tx.profile)?.take(most) {
        let (stored, kept) = row?;
        // Of a clock that was set back since.
        if kept.until <= tx.now || kept.until > tx.now.saturating_add(KEPT_FOR) {
            old.push((stored, kept.chat));
        }
    }
    old.into_iter().try_for_each(|(stored, chat)| forget_row(tx, stored, chat))
}
