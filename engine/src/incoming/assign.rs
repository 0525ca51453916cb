//! Which chat a received message belongs to.

use volary_mail::message::{Mailbox, ParsedMessage};
use volary_storage::View;
use volary_storage::records::{Block, ChatRecord, ChatType, ContactOrigin};

use super::contacts::People;
use super::open::{Matched, Opened};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::ground::names;
use crate::state::{chats, contacts, members, messages, removed, transports};

/// The chat that was found or made.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// Its id.
    pub id: ChatId,
    /// Its state before the message changes anything.
    pub record: ChatRecord,
    /// This message made it.
    pub new: bool,
    /// How visible it was before that message came.
    pub was: Block,
}

pub(super) fn assigned(tx: &Tx<'_, '_>, id: ChatId, new: bool) -> Outcome<Option<Assigned>> {
    let record = chats::load(tx.store, tx.profile, id)?;
    Ok(record.map(|record| Assigned { id, was: if new { Block::Yes } else { record.blocked }, record, new }))
}

/// Finds or makes the chat; `None`: the message is trash.
pub fn chat(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<Option<Assigned>> {
    if let Some(Matched::Channel(chat)) = opened.matched {
        return assigned(tx, chat, false);
    }
    if let Some(list) = &parsed.list {
        return if list.is_channel {
            super::channel::assign(tx, opened, parsed, who, list)
        } else {
            super::list::assign(tx, parsed, who, list)
        };
    }
    if let Some(id) = parsed.group.id.as_ref().filter(|_| parsed.has_padlock()) {
        return group(tx, parsed, who, id.as_str());
    }
    if let Some((id, record)) = parent_chat(tx.store, tx.profile, opened, parsed, who.outgoing)? {
        return Ok(Some(Assigned { id, was: record.blocked, record, new: false }));
    }
    if is_single(tx.store, tx.profile, opened, parsed, who.outgoing)? {
        return single(tx, opened, parsed, who);
    }
    ad_hoc_group(tx, parsed, who)
}

/// How many people besides the sender get the message.
fn recipients(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
    outgoing: bool,
) -> Outcome<usize> {
    if !opened.intended.is_empty() {
        return Ok(opened.intended.iter().filter(|fingerprint| Some(**fingerprint) != opened.signer).count());
    }
    let own = transports::own_addrs(view, profile)?;
    let listed = parsed.to.iter().chain(&parsed.cc);
    Ok(count_recipients(listed, &parsed.from.address, &own, outgoing))
}

/// Counts those that can get mail: what is no address counts for nothing. Ourselves we get it, listed or not.
fn count_recipients<'m>(
    listed: impl Iterator<Item = &'m Mailbox>,
    from: &str,
    own: &[String],
    outgoing: bool,
) -> usize {
    let usable: Vec<&Mailbox> = listed.filter(|mailbox| mailbox.checked().is_ok()).collect();
    let others = usable.iter().filter(|mailbox| !mailbox.same_address(from)).count();
    let own_listed = usable.iter().any(|mailbox| own.iter().any(|addr| mailbox.same_address(addr)));
    others + usize::from(!outgoing && !own_listed)
}

/// Whether a message without group or list is between two.
pub(super) fn is_single(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
    outgoing: bool,
) -> Outcome<bool> {
    if parsed.group.name.is_some() && !parsed.has_padlock() {
        return Ok(false);
    }
    // What was written to oneself in clear text is no saved message: others could have written it.
    if outgoing && !parsed.has_padlock() && is_to_oneself(view, profile, parsed)? {
        return Ok(false);
    }
    Ok(recipients(view, profile, opened, parsed, outgoing)? <= 1)
}

/// No recipient is named but ourselves.
fn is_to_oneself(view: &impl View, profile: ProfileId, parsed: &ParsedMessage) -> Outcome<bool> {
    let own = transports::own_addrs(view, profile)?;
    let mut usable =
        parsed.to.iter().chain(&parsed.cc).filter(|mailbox| mailbox.checked().is_ok()).peekable();
    Ok(usable.peek().is_none() || usable.any(|mailbox| own.iter().any(|addr| mailbox.same_address(addr))))
}

/// The chat of the message that this one replies to, if it may be used. Encrypted chats take only encrypted mail.
pub(super) fn parent_chat(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
    outgoing: bool,
) -> Outcome<Option<(ChatId, ChatRecord)>> {
    let ids = parsed.references.iter().rev().chain(&parsed.in_reply_to);
    let mut parent = None;
    for id in ids {
        if let Some((_, record)) = messages::by_mid(view, profile, id.as_str())? {
            parent = Some(record);
            break;
        }
    }
    let Some(parent) = parent else { return Ok(None) };
    let Some(chat) = chats::load(view, profile, parent.chat)? else { return Ok(None) };
    let count = recipients(view, profile, opened, parsed, outgoing)?;
    let members = members::current(view, profile, parent.chat)?.len();
    // Who names the group does not answer in private, even if only one member is left to write to.
    let names_group = parsed.group.name.is_some() && !parsed.has_padlock();
    let private_reply = count == 1 && !names_group && (parsed.is_chat_message || members != 2);
    let refused =
        private_reply || chat.chat_type == ChatType::Single || chat.encrypted != parsed.has_padlock();
    Ok((!refused).then_some((parent.chat, chat)))
}

/// A chat that is there becomes as visible as mail of this sender deserves, never less.
fn opened_by(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    sender: ContactId,
    outgoing: bool,
) -> Outcome<Option<Assigned>> {
    let record = chats::load(tx.store, tx.profile, chat)?.unwrap_or_default();
    let better = if outgoing {
        chats::block_when_written_to(tx.store, tx.profile, &record)?
    } else {
        chats::default_block(tx.store, tx.profile, sender)?
    };
    let changed = chats::update(tx, chat, |record| {
        record.blocked = chats::opener(record.blocked, better);
    })?;
    if changed {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    Ok(assigned(tx, chat, false)?.map(|found| Assigned { was: record.blocked, ..found }))
}

fn group(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, who: &People, id: &str) -> Outcome<Option<Assigned>> {
    if let Some((chat, _)) = chats::by_group_id(tx.store, tx.profile, id)? {
        return opened_by(tx, chat, who.sender, who.outgoing);
    }
    let Some(name) = &parsed.group.name else { return Ok(None) };
    // A late farewell must not bring a deleted group back.
    if parsed.group.removed.is_some() {
        return Ok(None);
    }
    if let Some(chat) = removed::bring_back(tx, &removed::Key::Group(id.to_owned()))? {
        return opened_by(tx, chat, who.sender, who.outgoing);
    }
    let blocked =
        if who.outgoing { Block::Not } else { chats::default_block(tx.store, tx.profile, who.sender)? };
    let clean =
        Some(names::clean_line(name)).filter(|name| !name.is_empty() && name.len() < names::MAX_GROUP_NAME);
    let record = ChatRecord {
        chat_type: ChatType::Group,
        group_id: id.to_owned(),
        name: clean.unwrap_or_else(|| "…".to_owned()),
        name_changed: parsed.group.name_timestamp.unwrap_or(0),
        blocked,
        encrypted: true,
        ..Default::default()
    };
    let chat = chats::create(tx, record)?;
    assigned(tx, chat, true)
}

fn single(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<Option<Assigned>> {
    let contact = if who.outgoing { outgoing_recipient(tx, opened, who)? } else { who.sender };
    if who.outgoing
        && let Some(chat) = super::list::of_recipient(tx, contact)?
    {
        return opened_by(tx, chat, who.sender, true);
    }
    if contact == ContactId::SELF && !parsed.has_padlock() {
        return Ok(None);
    }
    let known = match chats::single_of(tx.store, tx.profile, contact)? {
        None => removed::bring_back(tx, &removed::Key::Single(contact))?,
        known => known,
    };
    let was = match known {
        Some(chat) => chats::load(tx.store, tx.profile, chat)?.map_or(Block::Yes, |record| record.blocked),
        None => Block::Yes,
    };
    let seen_from = if who.outgoing { ContactId::SELF } else { contact };
    let single = ChatRecord { chat_type: ChatType::Single, contact, ..Default::default() };
    let blocked = chats::block_of_message(tx.store, tx.profile, &single, seen_from)?;
    let chat = chats::ensure_single(tx, contact, blocked)?;
    if !who.outgoing && replies_to_us(tx, parsed)? {
        contacts::raise_origin(tx, who.sender, ContactOrigin::ReplyTo)?;
    }
    Ok(assigned(tx, chat, known.is_none())?.map(|found| Assigned { was, ..found }))
}

fn replies_to_us(tx: &Tx<'_, '_>, parsed: &ParsedMessage) -> Outcome<bool> {
    let Some(id) = &parsed.in_reply_to else { return Ok(false) };
    let parent = messages::by_mid(tx.store, tx.profile, id.as_str())?;
    Ok(parent.is_some_and(|(_, record)| record.from == ContactId::SELF))
}

/// To whom a copy of an own message went: the resolved recipient, else the one its signature names.
fn outgoing_recipient(tx: &Tx<'_, '_>, opened: &Opened, who: &People) -> Outcome<ContactId> {
    if let Some(contact) = who.to.iter().copied().flatten().find(|id| *id != ContactId::SELF) {
        return Ok(contact);
    }
    let others = opened.intended.iter().filter(|fingerprint| Some(**fingerprint) != opened.signer);
    for fingerprint in others {
        if let Some(contact) = contacts::by_fingerprint(tx.store, tx.profile, &fingerprint.to_string())? {
            return Ok(contact);
        }
    }
    Ok(ContactId::SELF)
}

/// A group without id: found by name and members, else made.
fn ad_hoc_group(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, who: &People) -> Outcome<Option<Assigned>> {
    if parsed.group.removed.is_some() {
        return Ok(None);
    }
    let encrypted = parsed.has_padlock();
    let mut wanted: Vec<ContactId> = who.to.iter().copied().flatten().collect();
    wanted.push(who.sender);
    // Nobody shall answer unencrypted to an encrypted mail by accident.
    if !encrypted {
        wanted.push(ContactId::SELF);
    }
    wanted.sort_unstable();
    wanted.dedup();
    let subject = parsed.subject.clone().unwrap_or_default();
    let name = parsed
        .group
        .name
        .clone()
        .unwrap_or_else(|| volary_mail::message::build::thread::without_prefix(&subject).to_owned());
    let name =
        Some(names::clean_line(&name)).filter(|name| !name.is_empty()).unwrap_or_else(|| "👥📧".to_owned());
    for (chat, record) in chats::all(tx.store, tx.profile)?.into_iter().rev() {
        if record.chat_type == ChatType::Group && record.group_id.is_empty() && record.name == name {
            let mut present = members::current(tx.store, tx.profile, chat)?;
            present.sort_unstable();
            if present == wanted {
                return opened_by(tx, chat, who.sender, who.outgoing);
            }
        }
    }
    let blocked =
        if who.outgoing { Block::Not } else { chats::default_block(tx.store, tx.profile, who.sender)? };
    let name_changed = parsed.group.name_timestamp.filter(|_| !encrypted).unwrap_or(0);
    let record = ChatRecord { chat_type: ChatType::Group, name, name_changed, blocked, ..Default::default() };
    let chat = chats::create(tx, record)?;
    if !encrypted {
        return assigned(tx, chat, true);
    }
    let time = parsed.date.unwrap_or(tx.now);
    for contact in wanted {
        members::add(tx, chat, contact, time)?;
    }
    // The members are complete: the message does not make them anew.
    assigned(tx, chat, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use volary_mail::message::read::address_list::parse_addresses;

    #[test]
    fn only_usable_addresses_count_as_recipients() {
        let own = ["anna@x.org".to_owned(), "anna@y.org".to_owned()];
        for (to, outgoing, expected) in [
            ("Anna <anna@x.org>, nobody at all <@>, <>", false, 1),
            ("nobody at all <@>, <>, nobody", false, 1),
            ("undisclosed-recipients", false, 1),
            ("undisclosed-recipients:;", false, 1),
            ("friends: ;, others: nobody, <@>;", false, 1),
            ("", false, 1),
            ("anna@Y.org, dora@x.org", false, 1),
            ("anna@x.org, bea@x.org", false, 2),
            ("bea@x.org", false, 2),
            ("bea@x.org, <@>", true, 1),
            ("", true, 0),
        ] {
            let listed = parse_addresses(to);
            assert_eq!(count_recipients(listed.iter(), "dora@x.org", &own, outgoing), expected, "{to}");
        }
    }
}
