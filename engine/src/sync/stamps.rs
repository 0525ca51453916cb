//! Of two changes of the same thing, made by two devices that had not heard of each other, all devices keep the later one.
//!
//! A stamp is a time and a place in that time, as of a hybrid logical clock: a change is always later than all that its
//! device had heard of, whatever its clock says. Devices with chatmail core send no stamps; what they tell counts when it
//! comes, as they do it themselves.

use volary_mail::sync::{Action, Change, ChatName, Item, write};
use volary_storage::records::{ChatType, SyncStampRecord};
use volary_storage::tables::SYNC_STAMPS;
use volary_storage::{StoreError, View as _};

use super::alter;
use crate::chat::requests::Stays;
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::state::chats;

/// A stamp further in the future is not believed: it would win for ever.
const MOST_AHEAD: i64 = 86_400;
/// Where the last stamp of all is kept.
const LAST: &str = "";

/// Stamps a change of this device.
pub fn made(tx: &mut Tx<'_, '_>, change: &Change, data: &str) -> Result<(i64, u32), StoreError> {
    let last = tx.store.get(&SYNC_STAMPS, &(tx.profile, LAST))?.unwrap_or_default();
    let (time, order) = if tx.now > last.time {
        (tx.now, 0)
    } else {
        match last.order.checked_add(1) {
            Some(order) => (last.time, order),
            None => (last.time.saturating_add(1), 0),
        }
    };
    let subject = subject(tx, change)?;
    let before = match &subject {
        Some(subject) => tx.store.get(&SYNC_STAMPS, &(tx.profile, subject.as_str()))?,
        None => None,
    };
    let (time, order) = match before {
        // Messages of a group compare these by their seconds.
        Some(before) if is_of_messages(change) && before.time >= time => (before.time.saturating_add(1), 0),
        _ => (time, order),
    };
    let stamp = SyncStampRecord { time, order, digest: digest(change, data) };
    note_deletion(tx, change, &stamp)?;
    tx.store.put(
        &SYNC_STAMPS,
        &(tx.profile, LAST),
        &SyncStampRecord { digest: Vec::new(), ..stamp.clone() },
    )?;
    if let Some(subject) = subject {
        tx.store.put(&SYNC_STAMPS, &(tx.profile, subject.as_str()), &stamp)?;
    }
    Ok((time, order))
}

/// Stamps a change that follows from the last one of the same thing, on every device: it is just later than that.
pub fn follows(tx: &mut Tx<'_, '_>, change: &Change, data: &str) -> Result<(i64, u32), StoreError> {
    let Some(subject) = subject(tx, change)? else { return made(tx, change, data) };
    let last = tx.store.get(&SYNC_STAMPS, &(tx.profile, subject.as_str()))?;
    let Some((last, order)) = last.and_then(|last| Some((last.time, last.order.checked_add(1)?))) else {
        return made(tx, change, data);
    };
    let stamp = SyncStampRecord { time: last, order, digest: digest(change, data) };
    tx.store.put(&SYNC_STAMPS, &(tx.profile, subject.as_str()), &stamp)?;
    heard(tx, &stamp)?;
    Ok((last, order))
}

/// Changes of this device are later than this stamp from now on.
fn heard(tx: &mut Tx<'_, '_>, stamp: &SyncStampRecord) -> Result<(), StoreError> {
    let last = tx.store.get(&SYNC_STAMPS, &(tx.profile, LAST))?.unwrap_or_default();
    if (stamp.time, stamp.order) > (last.time, last.order) {
        let last = SyncStampRecord { digest: Vec::new(), ..stamp.clone() };
        tx.store.put(&SYNC_STAMPS, &(tx.profile, LAST), &last)?;
    }
    Ok(())
}

/// Time of the latest stamp that this device gave or heard of.
pub fn latest(tx: &Tx<'_, '_>) -> Result<Option<i64>, StoreError> {
    Ok(tx.store.get(&SYNC_STAMPS, &(tx.profile, LAST))?.map(|stamp| stamp.time))
}

/// Whether an item has a stamp, and none from a far future.
pub fn is_believed(item: &Item, now: i64) -> bool {
    item.order.is_some() && item.time <= now.saturating_add(MOST_AHEAD)
}

/// Whether a change that another device tells is later than what is known; then it is remembered.
pub fn is_news(tx: &mut Tx<'_, '_>, item: &Item) -> Outcome<bool> {
    let data = write(&item.change).map_err(|error| Failure::Internal(error.to_string()))?;
    let Some(order) = item.order.filter(|_| is_believed(item, tx.now)) else {
        made(tx, &item.change, &data)?;
        return Ok(true);
    };
    let told = SyncStampRecord { time: item.time, order, digest: digest(&item.change, &data) };
    heard(tx, &told)?;
    note_deletion(tx, &item.change, &told)?;
    let Some(subject) = subject(tx, &item.change)? else { return Ok(true) };
    let known = tx.store.get(&SYNC_STAMPS, &(tx.profile, subject.as_str()))?;
    if known.is_some_and(|known| key(&known) >= key(&told)) {
        tracing::debug!(profile = %tx.profile, "an earlier change of another device is not made any more");
        return Ok(false);
    }
    tx.store.put(&SYNC_STAMPS, &(tx.profile, subject.as_str()), &told)?;
    Ok(true)
}

/// What a deletion of a chat ends, unless it was set later.
const ENDED: [&str; 2] = ["place", "silence"];

fn note_deletion(tx: &mut Tx<'_, '_>, change: &Change, stamp: &SyncStampRecord) -> Result<(), StoreError> {
    let Change::AlterChat { id, action: Action::Delete, .. } = change else { return Ok(()) };
    let Some(chat) = chat_name(tx, id)? else { return Ok(()) };
    for what in ENDED.into_iter().chain(["deletion"]) {
        let subject = format!("{what} of {chat}");
        let known = tx.store.get(&SYNC_STAMPS, &(tx.profile, subject.as_str()))?;
        if known.is_none_or(|known| key(&known) < key(stamp)) {
            tx.store.put(&SYNC_STAMPS, &(tx.profile, subject.as_str()), stamp)?;
        }
    }
    Ok(())
}

/// Whether a chat was ever deleted.
pub fn is_deleted(tx: &Tx<'_, '_>, id: &ChatName) -> Result<bool, StoreError> {
    let Some(chat) = chat_name(tx, id)? else { return Ok(false) };
    tx.store.contains(&SYNC_STAMPS, &(tx.profile, format!("deletion of {chat}").as_str()))
}

/// What was changed of a chat after it was deleted; all of it if it never was.
pub fn stays(tx: &Tx<'_, '_>, id: &ChatName) -> Result<Stays, StoreError> {
    let Some(chat) = chat_name(tx, id)? else { return Ok(Stays::default()) };
    let stamp = |what: &str| tx.store.get(&SYNC_STAMPS, &(tx.profile, format!("{what} of {chat}").as_str()));
    let Some(deletion) = stamp("deletion")? else {
        return Ok(Stays { request: true, place: true, silence: true });
    };
    let is_later = |what: &str| Ok(stamp(what)?.is_some_and(|stamp| key(&stamp) > key(&deletion)));
    Ok(Stays { request: is_later("request")?, place: is_later("place")?, silence: is_later("silence")? })
}

/// Whether own devices have told each other of the timer of a group.
pub fn has_timer(tx: &Tx<'_, '_>, group: &str) -> Result<bool, StoreError> {
    tx.store.contains(&SYNC_STAMPS, &(tx.profile, format!("timer of group {group}").as_str()))
}

fn announcement(group: &str) -> String {
    format!("announcement of group {group}")
}

/// Another device has announced a group of which this one has not heard.
pub fn announced(tx: &mut Tx<'_, '_>, group: &str) -> Result<(), StoreError> {
    let stamp = SyncStampRecord { time: tx.now, ..Default::default() };
    tx.store.put(&SYNC_STAMPS, &(tx.profile, announcement(group).as_str()), &stamp)
}

/// Whether another device had announced a group before this one heard of it.
pub fn is_announced(tx: &Tx<'_, '_>, group: &str) -> Result<bool, StoreError> {
    tx.store.contains(&SYNC_STAMPS, &(tx.profile, announcement(group).as_str()))
}

fn key(stamp: &SyncStampRecord) -> (i64, u32, &[u8]) {
    (stamp.time, stamp.order, stamp.digest.as_slice())
}

/// Whether messages of a group tell the same, with times in seconds.
fn is_of_messages(change: &Change) -> bool {
    matches!(
        change,
        Change::AlterChat {
            id: ChatName::Grpid(_),
            action: Action::Rename(_) | Action::SetDescription(_),
            ..
        }
    )
}

/// What decides between two changes with the same time. Of two names of a group the smaller one counts and of two
/// descriptions the greater one, as in messages.
fn digest(change: &Change, data: &str) -> Vec<u8> {
    match change {
        Change::AlterChat { id: ChatName::Grpid(_), action: Action::Rename(name), .. } => {
            return name.bytes().map(|byte| !byte).chain([u8::MAX]).collect();
        }
        Change::AlterChat { id: ChatName::Grpid(_), action: Action::SetDescription(text), .. } => {
            return text.clone().into_bytes();
        }
        _ => {}
    }
    blake3::hash(data.as_bytes()).as_bytes()[..8].to_vec()
}

/// How stamps name a chat.
fn chat_name(tx: &Tx<'_, '_>, id: &ChatName) -> Result<Option<String>, StoreError> {
    Ok(Some(match id {
        ChatName::ContactAddr(addr) => format!("addr {addr}"),
        ChatName::ContactFingerprint(fingerprint) => format!("key {fingerprint}"),
        ChatName::Grpid(id) => format!("group {id}"),
        ChatName::Device => "device".to_owned(),
        // It has a different name after each message, but stamps are a matter of this device.
        ChatName::Msgids(mids) => return Ok(alter::chat_of(tx, mids)?.map(|chat| format!("chat {chat}"))),
    }))
}

/// What a change sets, if a later one takes its place.
fn subject(tx: &Tx<'_, '_>, change: &Change) -> Result<Option<String>, StoreError> {
    Ok(match change {
        Change::Config { key, .. } => Some(format!("setting {}", key.key())),
        // Each of the members has a time of its own.
        Change::AlterChat { members, .. } if !members.is_empty() => None,
        Change::AlterChat { id, action, .. } => {
            let Some(chat) = chat_name(tx, id)? else { return Ok(None) };
            let what = match action {
                Action::Block | Action::Unblock | Action::Accept => "request",
                Action::SetVisibility(_) => "place",
                Action::SetMuted(_) => "silence",
                Action::Rename(_) => "name",
                Action::SetDescription(_) => "description",
                Action::SetTimer(_) => "timer",
                Action::SetPgpContacts(_) if is_group(tx, id)? => "members",
                // Subscribers are added to a channel one by one.
                _ => return Ok(None),
            };
            Some(format!("{what} of {chat}"))
        }
        // What is added or deleted does not depend on the order, and relays have times of their own.
        _ => None,
    })
}

fn is_group(tx: &Tx<'_, '_>, chat: &ChatName) -> Result<bool, StoreError> {
    let ChatName::Grpid(id) = chat else { return Ok(false) };
    let known = chats::by_group_id(tx.store, tx.profile, id)?;
    Ok(known.is_some_and(|(_, record)| record.chat_type == ChatType::Group))
}
