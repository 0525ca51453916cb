//! Messages that were deleted a short time ago, by chat. A device that deletes the chat may not know them: then the chat is
//! there, as on a device where they come later.

use volary_storage::records::{ForgottenRecord, MessageRecord, SystemType};
use volary_storage::tables::FORGOTTEN;
use volary_storage::{StoreError, View};

use super::{config, copies};
use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, ProfileId};

/// How long they are remembered, in seconds: as long as their copies stay on the relays.
const REMEMBERED: i64 = copies::LEFT_FOR;

/// A Message-ID in short, see [`KnownMessages`](volary_mail::sync::KnownMessages).
pub fn digest_of(mid: &str) -> String {
    blake3::hash(mid.as_bytes()).to_hex()[..16].to_owned()
}

/// A message is deleted.
pub fn note(tx: &mut Tx<'_, '_>, record: &MessageRecord) -> Result<(), StoreError> {
    // A farewell brings no group back.
    let counts = !record.mid.is_empty() && !record.hidden && record.system_type != SystemType::MemberRemoved;
    if counts && config::shares_changes(tx.store, tx.profile)? {
        let row = ForgottenRecord { time: tx.now, from: record.from };
        tx.store.put(&FORGOTTEN, &(tx.profile, record.chat, digest_of(&record.mid)), &row)?;
    }
    Ok(())
}

/// What was deleted in a chat, with the authors.
pub fn of_chat(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Vec<(String, ContactId)>, StoreError> {
    let rows = view.scan_prefix(&FORGOTTEN, &(profile, chat))?;
    rows.map(|row| row.map(|((_, _, digest), record)| (digest, record.from))).collect()
}

/// Forgets what was deleted long ago.
pub fn clean(tx: &mut Tx<'_, '_>, most: usize) -> Result<(), StoreError> {
    let mut old = Vec::new();
    for row in tx.store.scan_prefix(&FORGOTTEN, &tx.profile)?.take(most) {
        let (key, record) = row?;
        old.extend((record.time < tx.now.saturating_sub(REMEMBERED)).then_some(key));
    }
    for key in old {
        tx.store.remove(&FORGOTTEN, &key)?;
    }
    Ok(())
}
