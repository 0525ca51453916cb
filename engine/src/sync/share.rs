//! What a change of the user is to the other devices.

use volary_mail::sync::{
    Action, Change, ChatName, MemberTimes, MuteTime, SavedCopy, Setting, Tokens, Visibility as Place,
};
use volary_storage::records::{ChatRecord, ChatType, MemberRecord, Mute, Visibility};
use volary_storage::tables::LEFT_ARCHIVE;
use volary_storage::{StoreError, View};

use super::{chat_deletions, queue, relays, stamps};
use crate::chat::saving::{Content, Saved};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::{chats, contacts, keys, members, messages, transports};

/// How the other devices know a chat; `None` if they cannot.
pub fn name_of(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Option<ChatName>, StoreError> {
    let Some(record) = chats::load(view, profile, chat)? else { return Ok(None) };
    if record.chat_type == ChatType::Single {
        return name_of_contact(view, profile, record.contact);
    }
    if !record.group_id.is_empty() {
        return Ok(Some(ChatName::Grpid(record.group_id)));
    }
    // Lines that this device has written itself are in no other.
    let Some(newest) = messages::newest_mail(view, profile, chat)? else { return Ok(None) };
    let Some(newest) = messages::load(view, profile, newest)? else { return Ok(None) };
    let ids: Vec<String> =
        [newest.in_reply_to, newest.mid].into_iter().filter(|mid| !mid.is_empty()).collect();
    Ok((!ids.is_empty()).then_some(ChatName::Msgids(ids)))
}

/// How the other devices know a contact.
fn name_of_contact(
    view: &impl View,
    profile: ProfileId,
    contact: ContactId,
) -> Result<Option<ChatName>, StoreError> {
    Ok(match contact {
        ContactId::SELF => keys::own_fingerprint(view, profile)?.map(ChatName::ContactFingerprint),
        ContactId::DEVICE => Some(ChatName::Device),
        _ => contacts::load(view, profile, contact)?.map(|record| {
            if record.fingerprint.is_empty() {
                ChatName::ContactAddr(record.addr)
            } else {
                ChatName::ContactFingerprint(record.fingerprint)
            }
        }),
    })
}

fn alter(tx: &mut Tx<'_, '_>, id: Option<ChatName>, action: Action) -> Outcome<()> {
    match id {
        Some(id) => queue::push(tx, &Change::alter(id, action)),
        None => {
            tracing::debug!(profile = %tx.profile, "a change of a chat that other devices cannot find is not shared");
            Ok(())
        }
    }
}

/// A chat was changed.
pub fn chat(tx: &mut Tx<'_, '_>, chat: ChatId, action: Action) -> Outcome<()> {
    if !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    let id = name_of(tx.store, tx.profile, chat)?;
    alter(tx, id, action)
}

/// A chat is changed by something after which it cannot be named any more.
pub fn last_of_chat(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    action: Action,
    change: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<()>,
) -> Outcome<()> {
    let id = name_of(tx.store, tx.profile, chat)?;
    change(tx)?;
    if queue::is_on(tx.store, tx.profile)? { alter(tx, id, action) } else { Ok(()) }
}

/// A chat is deleted by `delete`. Devices that know more messages keep those.
pub fn deleting_chat(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    delete: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<()>,
) -> Outcome<()> {
    let id = name_of(tx.store, tx.profile, chat)?;
    let known = Some(chat_deletions::known(tx.store, tx.profile, chat)?);
    delete(tx)?;
    match id {
        Some(id) if queue::is_on(tx.store, tx.profile)? => {
            queue::push(tx, &Change::AlterChat { id, action: Action::Delete, members: Vec::new(), known })
        }
        _ => Ok(()),
    }
}

/// A contact was changed.
pub fn contact(tx: &mut Tx<'_, '_>, contact: ContactId, action: Action) -> Outcome<()> {
    if contact.is_special() || !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    let id = name_of_contact(tx.store, tx.profile, contact)?;
    alter(tx, id, action)
}

/// A group that nobody else knows of was changed; of others a message tells.
pub fn unannounced(tx: &mut Tx<'_, '_>, group: ChatId, action: Action) -> Outcome<()> {
    let record = chats::load(tx.store, tx.profile, group)?;
    match record {
        Some(record) if record.chat_type == ChatType::Group && record.unpromoted => {
            let (renames, describes) =
                (matches!(action, Action::Rename(_)), matches!(action, Action::SetDescription(_)));
            chat(tx, group, action)?;
            if queue::is_on(tx.store, tx.profile)?
                && let Some(time) = stamps::latest(tx)?
            {
                // All devices compare it by the same time with what announces the group.
                chats::update(tx, group, |record| {
                    if renames {
                        record.name_changed = time;
                    } else if describes {
                        record.description_changed = time;
                    }
                })?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Members of a group that nobody else knows of have changed; of others a message tells.
pub fn unannounced_members(tx: &mut Tx<'_, '_>, group: ChatId) -> Outcome<()> {
    match chats::load(tx.store, tx.profile, group)? {
        Some(record) if record.chat_type == ChatType::Group => members(tx, group),
        _ => Ok(()),
    }
}

/// The user named a contact, or made it.
pub fn named(tx: &mut Tx<'_, '_>, id: ContactId) -> Outcome<()> {
    match contacts::load(tx.store, tx.profile, id)? {
        Some(record) => contact(tx, id, Action::Rename(record.name)),
        None => Ok(()),
    }
}

/// A group or channel was made.
pub fn created(tx: &mut Tx<'_, '_>, made: ChatId) -> Outcome<()> {
    let Some(record) = chats::load(tx.store, tx.profile, made)? else { return Ok(()) };
    let action = match record.chat_type {
        ChatType::Group if record.encrypted => Action::CreateGroupEncrypted(record.name),
        ChatType::OutBroadcast => {
            Action::CreateOutBroadcast { chat_name: record.name, secret: record.channel_secret }
        }
        _ => return Ok(()),
    };
    chat(tx, made, action)
}

/// Members of a group that nobody else knows of, or subscribers of a channel, have changed.
pub fn members(tx: &mut Tx<'_, '_>, group: ChatId) -> Outcome<()> {
    let Some(record) = chats::load(tx.store, tx.profile, group)? else { return Ok(()) };
    let is_shared = record.chat_type == ChatType::OutBroadcast
        || (record.chat_type == ChatType::Group && record.unpromoted);
    if !record.encrypted || !is_shared || !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    let (mut found, mut times) = (Vec::new(), Vec::new());
    for (member, row) in members::rows(tx.store, tx.profile, group)? {
        let Some((key, addr)) = name_of_member(tx.store, tx.profile, member)? else { continue };
        if record.chat_type == ChatType::Group {
            let MemberRecord { added, removed, .. } = row;
            times.push(MemberTimes { key: key.clone(), addr: addr.clone(), added, removed });
        }
        if members::is_current(&row) {
            found.push((key, addr));
        }
    }
    let Some(id) = name_of(tx.store, tx.profile, group)? else { return Ok(()) };
    let action = Action::SetPgpContacts(found);
    queue::push(tx, &Change::AlterChat { id, action, members: times, known: None })
}

/// Fingerprint and address of a member, as devices tell them each other; the user has an empty address.
fn name_of_member(
    view: &impl View,
    profile: ProfileId,
    member: ContactId,
) -> Result<Option<(String, String)>, StoreError> {
    if member == ContactId::SELF {
        return Ok(keys::own_fingerprint(view, profile)?.map(|own| (own, String::new())));
    }
    let contact = contacts::load(view, profile, member)?.filter(|contact| !contact.fingerprint.is_empty());
    Ok(contact.map(|contact| (contact.fingerprint, contact.addr)))
}

/// Fingerprint and address of the author of a message, as of a member; the fingerprint may be empty.
fn name_of_author(
    view: &impl View,
    profile: ProfileId,
    author: ContactId,
) -> Result<Option<(String, String)>, StoreError> {
    match author {
        ContactId::SELF => name_of_member(view, profile, author),
        author if author.is_special() => Ok(None),
        author => Ok(contacts::load(view, profile, author)?.map(|record| (record.fingerprint, record.addr))),
    }
}

/// Where a chat stands in the list.
pub fn place(visibility: Visibility) -> Action {
    Action::SetVisibility(match visibility {
        Visibility::Archived => Place::Archived,
        Visibility::Pinned => Place::Pinned,
        Visibility::Normal => Place::Normal,
    })
}

/// Queues a message with the changes that wait. Chats that have left the archive are among them, unless the user has
/// put them elsewhere since.
pub fn gather(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    if !queue::is_due(tx.store, tx.profile)? {
        return Ok(());
    }
    let rows = tx.store.scan_prefix(&LEFT_ARCHIVE, &tx.profile)?.keys();
    for (_, left) in rows.collect::<Result<Vec<_>, _>>()? {
        tx.store.unset(&LEFT_ARCHIVE, &(tx.profile, left))?;
        let record = chats::load(tx.store, tx.profile, left)?;
        if record.is_some_and(|record| record.visibility == Visibility::Normal) {
            left_archive(tx, left)?;
        }
    }
    queue::gather(tx)
}

/// That a chat left the archive is as late as that it was put there: what anybody has done since counts more.
fn left_archive(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    match name_of(tx.store, tx.profile, chat)? {
        Some(id) if queue::is_on(tx.store, tx.profile)? => {
            queue::push_after_last(tx, &Change::alter(id, place(Visibility::Normal)))
        }
        _ => Ok(()),
    }
}

/// How long a chat is silent.
pub fn silence(mute: Mute) -> Action {
    Action::SetMuted(match mute {
        Mute::Not => MuteTime::NotMuted,
        Mute::Forever => MuteTime::Forever,
        Mute::Until(time) => {
            MuteTime::Until { secs_since_epoch: u64::try_from(time).unwrap_or(0), nanos_since_epoch: 0 }
        }
    })
}

/// A setting was made. One that was cleared is not shared: the other devices keep their value.
pub fn setting(tx: &mut Tx<'_, '_>, key: &str, value: Option<String>) -> Outcome<()> {
    let (Some(key), Some(val)) = (Setting::by_key(key), value) else { return Ok(()) };
    if !queue::is_on(tx.store, tx.profile)? || transports::own_addrs(tx.store, tx.profile)?.is_empty() {
        return Ok(());
    }
    queue::push(tx, &Change::Config { key, val })
}

/// A relay was added, changed or removed. Even if there is nothing to share, the other devices hear of this one.
pub fn relays(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    if !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    let state = relays::state(tx.store, tx.profile)?;
    queue::push(tx, &Change::Transports(state))
}

/// Secrets of an invite were made, or hold again.
pub fn invite(tx: &mut Tx<'_, '_>, invitenumber: &str, auth: &str, scope: &str) -> Outcome<()> {
    tokens(tx, invitenumber, auth, scope, Change::AddQrToken)
}

/// An invite was withdrawn. The other devices find its scope by its secrets.
pub fn withdrawn(tx: &mut Tx<'_, '_>, invitenumber: &str, auth: &str) -> Outcome<()> {
    tokens(tx, invitenumber, auth, "", Change::DeleteQrToken)
}

fn tokens(
    tx: &mut Tx<'_, '_>,
    invitenumber: &str,
    auth: &str,
    scope: &str,
    change: fn(Tokens) -> Change,
) -> Outcome<()> {
    if !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    let grpid = (!scope.is_empty()).then(|| scope.to_owned());
    queue::push(tx, &change(Tokens { invitenumber: invitenumber.to_owned(), auth: auth.to_owned(), grpid }))
}

/// Messages were copied to the saved ones.
pub fn saved(tx: &mut Tx<'_, '_>, copies: Vec<Saved>) -> Outcome<()> {
    if !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    for Saved { src, dest, content } in copies {
        if !src.is_empty() {
            let author = name_of_author(tx.store, tx.profile, content.from)?;
            let copy = author.map(|(key, addr)| {
                let Content { from: _, sent, text, quote, edited, forwarded, file_name } = content;
                Box::new(SavedCopy { key, addr, sent, text, quote, edited, forwarded, file_name })
            });
            queue::push(tx, &Change::SaveMessage { src, dest, copy })?;
        }
    }
    Ok(())
}

/// Messages are deleted here alone, by `delete`.
pub fn deleting(
    tx: &mut Tx<'_, '_>,
    ids: &[MessageId],
    delete: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<()>,
) -> Outcome<()> {
    let (mut msgs, mut own) = (Vec::new(), Vec::new());
    for id in ids {
        let Some(record) = messages::load(tx.store, tx.profile, *id)? else { continue };
        if record.from == ContactId::SELF && !own.contains(&record.chat) {
            own.push(record.chat);
        }
        if !record.mid.is_empty() {
            msgs.push(record.mid);
        }
    }
    delete(tx)?;
    if msgs.is_empty() || !queue::is_on(tx.store, tx.profile)? {
        return Ok(());
    }
    // Their copies go from the relays, perhaps before another device has seen them and heard of the group.
    for id in own {
        let record = chats::load(tx.store, tx.profile, id)?;
        // As long as no mail of it has left, it can still be taken back.
        let may_be_known = |record: &ChatRecord| {
            record.chat_type == ChatType::Group && !record.unpromoted && !record.unheard
        };
        if record.as_ref().is_some_and(may_be_known) {
            chat(tx, id, Action::Announced)?;
        }
    }
    queue::push(tx, &Change::DeleteMessages { msgs })
}
