//! Changes of chats and contacts that another device has made.

use std::cmp::Reverse;

use volary_mail::ids::{ChannelSecret, GroupId};
use volary_mail::sync::{Action, ChatName, MemberTimes, MuteTime, Visibility as Place};
use volary_storage::StoreError;
use volary_storage::records::{Block, ChatRecord, ChatType, ContactOrigin, Mute, Visibility};

use super::stamps;
use crate::chat::compose::load_chat;
use crate::chat::requests::Stays;
use crate::chat::{announcing, contact_names, groups, membership, requests};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId};
use crate::ground::names;
use crate::state::contacts::Seen;
use crate::state::{chats, contacts, keys, members, messages, removed};

/// Carries out a change of a chat, or of the contact of a single chat, that was made at `time`.
pub fn alter(tx: &mut Tx<'_, '_>, id: &ChatName, action: Action, time: i64) -> Outcome<()> {
    match (id, action) {
        (ChatName::ContactAddr(_) | ChatName::ContactFingerprint(_), action) => {
            let contact = contact(tx, id)?;
            of_contact(tx, id, contact, action, time)
        }
        (ChatName::Grpid(id), Action::CreateGroupEncrypted(name)) => create_group(tx, id, &name),
        (ChatName::Grpid(id), Action::CreateOutBroadcast { chat_name, secret }) => {
            create_channel(tx, id, &chat_name, &secret, time)
        }
        // What was accepted before it was deleted does not make it accepted when it is back.
        (ChatName::Grpid(_), Action::Accept) if !stamps::stays(tx, id)?.request => Ok(()),
        (ChatName::Grpid(group), action) => match chats::by_group_id(tx.store, tx.profile, group)? {
            Some((chat, _)) => of_chat(tx, chat, action, time),
            None => {
                match of_removed(tx, &group_key(group), |tx, chat| of_chat(tx, chat, action.clone(), time))? {
                    Some(()) => Ok(()),
                    // A third device has made it, whose mail comes later.
                    None if action == Action::Announced => Ok(stamps::announced(tx, group)?),
                    None => Err(Failure::refused("the group is not known")),
                }
            }
        },
        (ChatName::Msgids(mids), action) => match chat_of(tx, mids)? {
            Some(chat) => of_chat(tx, chat, action, time),
            None => Err(Failure::refused("no message of the chat is known")),
        },
        (ChatName::Device, action) => match chats::single_of(tx.store, tx.profile, ContactId::DEVICE)? {
            Some(chat) => of_chat(tx, chat, action, time),
            None => Ok(()),
        },
    }
}

/// The chat of this name, if there is one.
pub fn existing(tx: &mut Tx<'_, '_>, id: &ChatName) -> Outcome<Option<ChatId>> {
    Ok(match id {
        ChatName::Grpid(group) => chats::by_group_id(tx.store, tx.profile, group)?.map(|(chat, _)| chat),
        ChatName::Msgids(mids) => chat_of(tx, mids)?,
        ChatName::Device => chats::single_of(tx.store, tx.profile, ContactId::DEVICE)?,
        ChatName::ContactAddr(_) | ChatName::ContactFingerprint(_) => {
            let contact = contact(tx, id)?;
            chats::single_of(tx.store, tx.profile, contact)?
        }
    })
}

/// A chat was deleted on another device, too.
pub fn deleted_again(tx: &mut Tx<'_, '_>, id: &ChatName, stays: Stays) -> Outcome<()> {
    let key = match id {
        ChatName::Grpid(group) => group_key(group),
        ChatName::ContactAddr(_) | ChatName::ContactFingerprint(_) => removed::Key::Single(contact(tx, id)?),
        ChatName::Msgids(_) | ChatName::Device => return Ok(()),
    };
    of_removed(tx, &key, |tx, chat| {
        chats::update(tx, chat, |record| stays.apply(record))?;
        Ok(())
    })?;
    Ok(())
}

fn group_key(id: &str) -> removed::Key {
    removed::Key::Group(id.to_owned())
}

/// Changes what stays of a chat that was deleted; `None` if nothing stays.
fn of_removed(
    tx: &mut Tx<'_, '_>,
    key: &removed::Key,
    change: impl FnOnce(&mut Tx<'_, '_>, ChatId) -> Outcome<()>,
) -> Outcome<Option<()>> {
    let Some(chat) = removed::bring_back(tx, key)? else { return Ok(None) };
    let made = change(tx, chat);
    removed::put_away(tx, chat)?;
    made.map(Some)
}

/// The chat of the first message that is known.
pub fn chat_of(tx: &Tx<'_, '_>, mids: &[String]) -> Result<Option<ChatId>, StoreError> {
    for mid in mids {
        if let Some((_, message)) = messages::by_mid(tx.store, tx.profile, mid)? {
            return Ok(Some(message.chat));
        }
    }
    Ok(None)
}

/// The contact of a single chat; an unknown one is made, hidden.
fn contact(tx: &mut Tx<'_, '_>, id: &ChatName) -> Outcome<ContactId> {
    let (addr, fingerprint) = match id {
        ChatName::ContactAddr(addr) => (addr.as_str(), ""),
        ChatName::ContactFingerprint(fingerprint) => ("", fingerprint.as_str()),
        _ => return Err(Failure::refused("no contact")),
    };
    member(tx, fingerprint, addr)
}

/// Somebody by fingerprint, else by address; an unknown contact is made, hidden.
pub fn member(tx: &mut Tx<'_, '_>, fingerprint: &str, addr: &str) -> Outcome<ContactId> {
    if !fingerprint.is_empty() {
        let parsed = keys::parse_fingerprint(fingerprint)
            .ok_or_else(|| Failure::refused("a fingerprint cannot be read"))?
            .to_string();
        if keys::own_fingerprint(tx.store, tx.profile)?.as_deref() == Some(parsed.as_str()) {
            return Ok(ContactId::SELF);
        }
        if let Some(known) = contacts::by_fingerprint(tx.store, tx.profile, &parsed)? {
            return Ok(known);
        }
        let seen = Seen { name: "", addr, fingerprint: &parsed, origin: ContactOrigin::Hidden };
        return Ok(contacts::add_or_lookup(tx, seen)?);
    }
    if volary_mail::address::Address::parse_exact(addr).is_err() {
        return Err(Failure::refused("a contact has neither fingerprint nor address"));
    }
    let seen = Seen { name: "", addr, fingerprint: "", origin: ContactOrigin::Hidden };
    Ok(contacts::add_or_lookup(tx, seen)?)
}

fn of_contact(
    tx: &mut Tx<'_, '_>,
    id: &ChatName,
    contact: ContactId,
    action: Action,
    time: i64,
) -> Outcome<()> {
    match action {
        Action::Block => return requests::block_contact(tx, contact, true),
        Action::Unblock => return unblock(tx, id, contact),
        Action::Rename(name) => return contact_names::rename(tx, contact, &name),
        Action::Accept
            if contacts::load(tx.store, tx.profile, contact)?.is_some_and(|record| record.blocked) =>
        {
            // Accepted there after it was blocked here: of the two, the later one counts.
            unblock(tx, id, contact)?;
        }
        _ => {}
    }
    if action == Action::Accept && !stamps::stays(tx, id)?.request {
        return Ok(());
    }
    if let Some(chat) = chats::single_of(tx.store, tx.profile, contact)? {
        return of_chat(tx, chat, action, time);
    }
    let key = removed::Key::Single(contact);
    match of_removed(tx, &key, |tx, chat| of_chat(tx, chat, action.clone(), time))? {
        Some(()) => Ok(()),
        None => {
            // An unknown chat does not appear only because it was pinned elsewhere.
            let chat = chats::ensure_single(tx, contact, Block::Yes)?;
            of_chat(tx, chat, action, time)
        }
    }
}

/// A contact that was unblocked before its chat was deleted is not accepted by that: a new chat is a request.
fn unblock(tx: &mut Tx<'_, '_>, id: &ChatName, contact: ContactId) -> Outcome<()> {
    let chat = chats::single_of(tx.store, tx.profile, contact)?;
    let was = chat.map(|chat| chats::load(tx.store, tx.profile, chat)).transpose()?.flatten();
    requests::block_contact(tx, contact, false)?;
    if let (Some(chat), Some(was)) = (chat, was)
        && !stamps::stays(tx, id)?.request
    {
        chats::update(tx, chat, |record| record.blocked = chats::opener(was.blocked, Block::Request))?;
    }
    Ok(())
}

fn of_chat(tx: &mut Tx<'_, '_>, chat: ChatId, action: Action, time: i64) -> Outcome<()> {
    match action {
        Action::Block => requests::block_chat(tx, chat),
        Action::Unblock => {
            if chats::update(tx, chat, |record| record.blocked = Block::Not)? {
                tx.chat_modified(chat);
                tx.chatlist_item_changed(Some(chat));
            }
            Ok(())
        }
        Action::Accept => requests::accept(tx, chat),
        Action::SetVisibility(place) => requests::set_visibility(tx, chat, visibility(place)),
        Action::SetMuted(time) => requests::set_mute(tx, chat, mute(time)),
        Action::Rename(name) => rename(tx, chat, &name, time),
        Action::SetDescription(text) => describe(tx, chat, &text, time),
        Action::SetPgpContacts(wanted) => set_members(tx, chat, &wanted),
        Action::Delete => Err(Failure::refused("a chat is not deleted like this")),
        Action::Announced => {
            if announcing::heard(tx, chat)? {
                tx.chat_modified(chat);
            }
            Ok(())
        }
        Action::SetTimer(seconds) => set_timer(tx, chat, seconds),
        Action::SetContacts(_) => Err(Failure::refused("lists without encryption are not made here")),
        Action::CreateGroupEncrypted(_) | Action::CreateOutBroadcast { .. } => {
            Err(Failure::refused("a chat that exists cannot be made"))
        }
    }
}

fn visibility(place: Place) -> Visibility {
    match place {
        Place::Normal => Visibility::Normal,
        Place::Archived => Visibility::Archived,
        Place::Pinned => Visibility::Pinned,
    }
}

fn mute(time: MuteTime) -> Mute {
    match time {
        MuteTime::NotMuted => Mute::Not,
        MuteTime::Forever => Mute::Forever,
        MuteTime::Until { secs_since_epoch, .. } => {
            i64::try_from(secs_since_epoch).map_or(Mute::Forever, Mute::Until)
        }
    }
}

/// Members hear of a new name by a message; here it is only shown. Another device may have announced the group meanwhile:
/// then the later one of two names counts, as among its members. What this device is about to announce gets the new name.
fn rename(tx: &mut Tx<'_, '_>, chat: ChatId, name: &str, time: i64) -> Outcome<()> {
    let clean = names::clean_line(name);
    if clean.is_empty() {
        return Err(Failure::refused("a chat has no empty name"));
    }
    let changed = chats::update(tx, chat, |record| {
        let known = if record.unheard { record.name_before } else { record.name_changed };
        if record.unpromoted || (time, Reverse(&clean)) > (known, Reverse(&record.name)) {
            record.name = clean;
            record.name_before = time;
            record.name_changed = if record.unheard { record.name_changed.max(time) } else { time };
        }
    })?;
    if changed {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    Ok(())
}

/// As [`rename`].
fn describe(tx: &mut Tx<'_, '_>, chat: ChatId, text: &str, time: i64) -> Outcome<()> {
    let clean = names::clean_bidi(text);
    let changed = chats::update(tx, chat, |record| {
        let known = if record.unheard { record.description_before } else { record.description_changed };
        if record.unpromoted || (time, &clean) > (known, &record.description) {
            record.description = clean;
            record.description_before = time;
            record.description_changed =
                if record.unheard { record.description_changed.max(time) } else { time };
        }
    })?;
    if changed {
        tx.chat_modified(chat);
    }
    Ok(())
}

/// Once somebody is told of a change, messages tell the timer of a group.
fn set_timer(tx: &mut Tx<'_, '_>, chat: ChatId, seconds: u32) -> Outcome<()> {
    let changed = chats::update(tx, chat, |record| {
        if record.ephemeral_changed == 0 {
            record.ephemeral_timer = seconds;
        }
    })?;
    if changed {
        tx.ephemeral_timer_modified(chat, seconds);
    }
    Ok(())
}

/// As on the device that made it, the name has no time before the group is announced: any announced name is later.
fn create_group(tx: &mut Tx<'_, '_>, id: &str, name: &str) -> Outcome<()> {
    let unpromoted = !stamps::is_announced(tx, id)?;
    let record = ChatRecord { chat_type: ChatType::Group, unpromoted, ..new_chat(id, name)? };
    if let Some(chat) = create(tx, record)? {
        let now = tx.now;
        members::add(tx, chat, ContactId::SELF, now)?;
        groups::hint(tx, chat)?;
        if stamps::is_deleted(tx, &ChatName::Grpid(id.to_owned()))? {
            // Of a third device, which hears of it later.
            removed::put_away(tx, chat)?;
        }
    }
    Ok(())
}

fn create_channel(tx: &mut Tx<'_, '_>, id: &str, name: &str, secret: &str, time: i64) -> Outcome<()> {
    if stamps::is_deleted(tx, &ChatName::Grpid(id.to_owned()))? {
        return Ok(());
    }
    let secret = ChannelSecret::parse(secret).ok_or_else(|| Failure::refused("the secret of a channel"))?;
    let record = ChatRecord {
        chat_type: ChatType::OutBroadcast,
        mute: Mute::Forever,
        channel_secret: secret.as_str().to_owned(),
        name_changed: time,
        ..new_chat(id, name)?
    };
    create(tx, record)?;
    Ok(())
}

fn new_chat(id: &str, name: &str) -> Outcome<ChatRecord> {
    let group_id = GroupId::parse(id).ok_or_else(|| Failure::refused("the id of a chat cannot be read"))?;
    let name = names::clean_line(name);
    let name = if name.is_empty() { "…".to_owned() } else { name };
    Ok(ChatRecord { group_id: group_id.to_string(), name, encrypted: true, ..Default::default() })
}

/// Makes the chat unless it is there.
fn create(tx: &mut Tx<'_, '_>, record: ChatRecord) -> Outcome<Option<ChatId>> {
    let key = removed::Key::of(&record);
    let is_removed = key.map_or(Ok(false), |key| removed::is_known(tx.store, tx.profile, &key))?;
    if is_removed || chats::by_group_id(tx.store, tx.profile, &record.group_id)?.is_some() {
        return Ok(None);
    }
    tx.msgs_changed_all();
    Ok(Some(chats::create(tx, record)?))
}

/// What another device knows of the members of a group that nobody else knew of.
pub fn merge_members(tx: &mut Tx<'_, '_>, id: &ChatName, told: &[MemberTimes]) -> Outcome<()> {
    let ChatName::Grpid(group) = id else { return Err(Failure::refused("members by key are of groups")) };
    if let Some((chat, _)) = chats::by_group_id(tx.store, tx.profile, group)? {
        return merge(tx, chat, told);
    }
    of_removed(tx, &group_key(group), |tx, chat| merge(tx, chat, told))?
        .ok_or_else(|| Failure::refused("the group is not known"))
}

fn merge(tx: &mut Tx<'_, '_>, chat: ChatId, told: &[MemberTimes]) -> Outcome<()> {
    let group = load_chat(tx.store, tx.profile, chat)?;
    if !group.encrypted || group.chat_type != ChatType::Group {
        return Err(Failure::refused("members by key are of encrypted groups"));
    }
    let before: membership::Rows = members::rows(tx.store, tx.profile, chat)?.into_iter().collect();
    let mut after = before.clone();
    for MemberTimes { key, addr, added, removed } in told {
        membership::apply_quiet(&mut after, member(tx, key, addr)?, *added, *removed);
    }
    if before != after {
        members::write(tx, chat, &before, &after)?;
        tx.chat_modified(chat);
    }
    Ok(())
}

/// Of a group that nobody else knows of the list is replaced; to a channel, and to a group that another device has
/// announced meanwhile, members are only added.
fn set_members(tx: &mut Tx<'_, '_>, chat: ChatId, wanted: &[(String, String)]) -> Outcome<()> {
    let group = load_chat(tx.store, tx.profile, chat)?;
    if !group.encrypted || !matches!(group.chat_type, ChatType::Group | ChatType::OutBroadcast) {
        return Err(Failure::refused("members by key are of encrypted groups and own channels"));
    }
    let mut found = Vec::with_capacity(wanted.len());
    for (fingerprint, addr) in wanted {
        let id = member(tx, fingerprint, addr)?;
        if !found.contains(&id) {
            found.push(id);
        }
    }
    let current = members::current(tx.store, tx.profile, chat)?;
    let now = tx.now;
    let mut changed = false;
    let is_quiet = group.chat_type == ChatType::Group && group.unpromoted;
    if is_quiet {
        for gone in current.iter().filter(|id| !found.contains(id)) {
            changed |= members::change_quietly(tx, chat, *gone, false, now)?;
        }
    }
    for new in found.into_iter().filter(|id| !current.contains(id)) {
        // Owners of a channel are not told who joins.
        if group.chat_type == ChatType::OutBroadcast && new == ContactId::SELF {
            continue;
        }
        changed |= if is_quiet {
            members::change_quietly(tx, chat, new, true, now)?
        } else {
            members::add(tx, chat, new, now)?
        };
    }
    if changed {
        tx.chat_modified(chat);
    }
    Ok(())
}
