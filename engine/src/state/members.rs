//! Members and past members of chats.

use std::collections::BTreeMap;

use volary_storage::records::MemberRecord;
use volary_storage::tables::{CHATS_OF_CONTACT, MEMBERS};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::{ChatId, ContactId, ProfileId};

/// A contact that is no member any more is remembered that long, in seconds (60 days).
pub const PAST_MEMBER_MEMORY: i64 = 60 * 24 * 3600;

/// All rows of a chat, current and past, by contact id.
pub fn rows(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Vec<(ContactId, MemberRecord)>, StoreError> {
    view.scan_prefix(&MEMBERS, &(profile, chat))?
        .map(|row| row.map(|((_, _, contact), record)| (contact, record)))
        .collect()
}

/// The row of one contact.
pub fn row(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
    contact: ContactId,
) -> Result<Option<MemberRecord>, StoreError> {
    view.get(&MEMBERS, &(profile, chat, contact))
}

/// A member iff the last addition is not older than the last removal.
pub fn is_current(record: &MemberRecord) -> bool {
    record.added >= record.removed
}

/// Removed before anybody had heard of it: of no interest to anybody but own devices.
pub fn is_forgotten(record: &MemberRecord) -> bool {
    record.quiet && !is_current(record)
}

/// Whether a contact is a member now.
pub fn is_member(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
    contact: ContactId,
) -> Result<bool, StoreError> {
    Ok(row(view, profile, chat, contact)?.is_some_and(|record| is_current(&record)))
}

/// Ids of the present members, by contact id.
pub fn current(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Vec<ContactId>, StoreError> {
    Ok(rows(view, profile, chat)?
        .into_iter()
        .filter(|(_, record)| is_current(record))
        .map(|(id, _)| id)
        .collect())
}

/// Writes a row.
pub fn put(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    contact: ContactId,
    record: MemberRecord,
) -> Result<(), StoreError> {
    tx.store.put(&MEMBERS, &(tx.profile, chat, contact), &record)?;
    tx.effects().unlocked.groups |= is_current(&record);
    tx.store.set(&CHATS_OF_CONTACT, &(tx.profile, contact, chat))
}

/// Adds a contact now; does nothing for a present member. Returns whether something changed.
pub fn add(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId, time: i64) -> Result<bool, StoreError> {
    let old = row(tx.store, tx.profile, chat, contact)?;
    match old {
        Some(record) if is_current(&record) => Ok(false),
        Some(record) => {
            put(
                tx,
                chat,
                contact,
                MemberRecord { added: record.removed.max(time), removed: record.removed, quiet: false },
            )?;
            Ok(true)
        }
        None => {
            put(tx, chat, contact, MemberRecord { added: time, ..Default::default() })?;
            Ok(true)
        }
    }
}

/// Marks a contact as removed; does nothing for non-members. Returns whether something changed.
pub fn mark_removed(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    contact: ContactId,
    time: i64,
) -> Result<bool, StoreError> {
    match row(tx.store, tx.profile, chat, contact)? {
        Some(record) if is_current(&record) => {
            let removed = time.max(record.added + 1);
            put(tx, chat, contact, MemberRecord { added: record.added, removed, quiet: false })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Adds or removes a contact in a group of which nobody else knows.
pub fn change_quietly(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    contact: ContactId,
    is_member: bool,
    time: i64,
) -> Result<bool, StoreError> {
    let old = row(tx.store, tx.profile, chat, contact)?;
    let MemberRecord { added, removed, .. } = match old {
        Some(record) if is_current(&record) == is_member => return Ok(false),
        None if !is_member => return Ok(false),
        old => old.unwrap_or_default(),
    };
    let record = if is_member {
        MemberRecord { added: removed.max(time), removed, quiet: true }
    } else {
        MemberRecord { added, removed: time.max(added + 1), quiet: true }
    };
    put(tx, chat, contact, record)?;
    Ok(true)
}

/// A message tells of the present members.
pub fn told(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    for (contact, record) in rows(tx.store, tx.profile, chat)? {
        if record.quiet && is_current(&record) {
            put(tx, chat, contact, MemberRecord { quiet: false, ..record })?;
        }
    }
    Ok(())
}

/// Writes what has changed of the rows of a chat.
pub fn write(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    before: &BTreeMap<ContactId, MemberRecord>,
    after: &BTreeMap<ContactId, MemberRecord>,
) -> Result<(), StoreError> {
    for contact in before.keys().filter(|contact| !after.contains_key(contact)) {
        forget(tx, chat, *contact)?;
    }
    for (contact, row) in after {
        if before.get(contact) != Some(row) {
            put(tx, chat, *contact, *row)?;
        }
    }
    Ok(())
}

/// Forgets a row without a trace.
pub fn forget(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Result<(), StoreError> {
    tx.store.remove(&MEMBERS, &(tx.profile, chat, contact))?;
    tx.store.unset(&CHATS_OF_CONTACT, &(tx.profile, contact, chat)).map(|_| ())
}

/// Forgets all rows of a chat.
pub fn forget_all(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    for (contact, _) in rows(tx.store, tx.profile, chat)? {
        forget(tx, chat, contact)?;
    }
    Ok(())
}
