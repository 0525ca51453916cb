//! What a received message changes in its chat: members, name, description, picture, timer; and the info text of it.

use volary_mail::message::read::SystemEvent;
use volary_mail::message::{Avatar, ParsedMessage};
use volary_storage::records::{ChatType, SystemType};

use super::assign::Assigned;
use super::contacts::{self as people, People};
use super::open::Opened;
use crate::chat::membership::{self, Received};
use crate::chat::{info_texts, timer};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::ContactId;
use crate::ground::names;
use crate::ground::texts::id as text;
use crate::state::{chats, contacts, keys, members, messages};
use crate::sync::stamps;

/// What follows for the message itself.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Nothing of the message is shown.
    pub trash: bool,
    /// Its author is not known to be a member, which another message may change.
    pub waits: bool,
    /// Our own words for what happened, in place of the text.
    pub text: Option<String>,
    /// What it is about if it is a system message.
    pub system_type: SystemType,
    /// The contact concerned.
    pub about: Option<ContactId>,
    /// Does not move the chat up and does not notify.
    pub silent: bool,
    /// Goes to the bottom of the chat.
    pub bottom: bool,
    /// Sort time, whatever its own time is.
    pub place: Option<i64>,
    /// Further info lines, at the same place.
    pub notices: Vec<(String, SystemType, Option<ContactId>)>,
}

/// Applies the message to its chat.
pub fn apply(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
) -> Outcome<Change> {
    let mut change = Change::default();
    match chat.record.chat_type {
        ChatType::Group => {
            let allowed = apply_members(tx, opened, parsed, who, chat, &mut change)?;
            if !change.trash && !change.waits {
                apply_data(tx, opened, parsed, who, chat, allowed, &mut change)?;
            }
        }
        ChatType::InBroadcast | ChatType::OutBroadcast => {
            super::channel::apply(tx, opened, parsed, who, chat, &mut change)?;
            if !change.trash {
                apply_data(tx, opened, parsed, who, chat, true, &mut change)?;
            }
        }
        ChatType::Single | ChatType::MailingList => {}
    }
    if !change.trash && !change.waits {
        apply_timer(tx, opened, parsed, who, chat, &mut change)?;
        apply_pins(tx, opened, parsed, who, chat, &mut change)?;
        if parsed.system == Some(SystemEvent::LocationStreamingEnabled) {
            let number = text::STREAMING_ENABLED_SELF;
            change.system_type = SystemType::LocationStreamingEnabled;
            change.text =
                Some(info_texts::by_actor(tx.store, tx.texts, tx.profile, number, who.sender, &[])?);
        }
    }
    Ok(change)
}

/// What a mail of another own device of which nothing is shown tells of its group: members, name and description.
pub fn take_state(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
) -> Outcome<()> {
    let mut unseen = Change::default();
    let allowed = apply_members(tx, opened, parsed, who, chat, &mut unseen)?;
    apply_data(tx, opened, parsed, who, chat, allowed, &mut unseen)
}

/// Applies the member list; returns whether the sender may change the chat.
fn apply_members(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<bool> {
    let (profile, now) = (tx.profile, tx.now);
    let sent = parsed.sent_at(opened.received);
    let mut rows: membership::Rows = members::rows(tx.store, profile, chat.id)?.into_iter().collect();
    let removed = match &parsed.group.removed {
        Some(named) => removed_contact(tx, opened, parsed, named, &rows)?,
        None => None,
    };
    let added = match &parsed.group.added {
        Some(named) => added_contact(tx, opened, parsed, named)?,
        None => None,
    };
    let received = Received {
        sender: who.sender,
        sent,
        now,
        to: &who.to,
        past: &who.past,
        timestamps: parsed.group.member_timestamps.as_deref(),
        added,
        removed,
        chat_message: parsed.is_chat_message,
        stale: membership::is_stale(chat.record.members_updated, chat.record.created, now),
    };
    if chat.new {
        let created = first_members(&received, chat.record.group_id.is_empty());
        members::write(tx, chat.id, &membership::Rows::new(), &created)?;
        chats::update(tx, chat.id, |record| record.members_updated = sent)?;
        announce(tx, parsed, who, added, removed, change)?;
        tx.chat_modified(chat.id);
        tx.chatlist_item_changed(Some(chat.id));
        return Ok(true);
    }
    let allowed = membership::may_change(&rows, who.sender);
    if !allowed && (parsed.group.added.is_some() || parsed.group.removed.is_some()) {
        change.waits = true;
        return Ok(false);
    }
    let before = rows.clone();
    let outcome = membership::apply(&mut rows, &received);
    members::write(tx, chat.id, &before, &rows)?;
    if outcome.updated {
        chats::update(tx, chat.id, |record| record.members_updated = record.members_updated.max(sent))?;
    }
    let nothing_new = outcome.added.is_empty() && outcome.removed.is_empty();
    if parsed.group.added.is_some() && added.is_some() && nothing_new {
        // Somebody was added who is a member already, for example by several devices of one person.
        change.trash = true;
        return Ok(allowed);
    }
    announce(tx, parsed, who, added, removed, change)?;
    let (more, fewer) = outcome.unexplained(&received);
    for contact in more {
        let line = info_texts::member_added(tx.store, tx.texts, profile, contact, None)?;
        change.notices.push((line, SystemType::MemberAdded, Some(contact)));
    }
    for contact in fewer {
        let line = info_texts::member_removed(tx.store, tx.texts, profile, contact, None)?;
        change.notices.push((line, SystemType::MemberRemoved, Some(contact)));
    }
    if !nothing_new {
        tx.chat_modified(chat.id);
        tx.chatlist_item_changed(Some(chat.id));
    }
    Ok(allowed)
}

/// The members of a group that a message makes. A group without an id has ourselves among them, however the mail came;
/// wrong times leave it without times, not without members.
fn first_members(received: &Received<'_>, ad_hoc: bool) -> membership::Rows {
    if !ad_hoc {
        return membership::create(received);
    }
    let fits = |times: &&[i64]| times.len() == received.to.len() + received.past.len();
    let mut rows =
        membership::create(&Received { timestamps: received.timestamps.filter(fits), ..*received });
    rows.entry(ContactId::SELF).or_default();
    rows
}

fn removed_contact(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    named: &volary_mail::message::read::MemberChange,
    rows: &membership::Rows,
) -> Outcome<Option<ContactId>> {
    if let Some(contact) = people::named_member(tx, opened, parsed, named)? {
        return Ok(Some(contact));
    }
    // Old peers name the address only: it is looked for within the chat.
    for contact in rows.keys().filter(|id| !id.is_special()) {
        let record = contacts::load(tx.store, tx.profile, *contact)?;
        if record.is_some_and(|record| record.addr.eq_ignore_ascii_case(&named.address)) {
            return Ok(Some(*contact));
        }
    }
    Ok(None)
}

/// The added contact is the one whose key is gossiped for the address, or ourselves.
fn added_contact(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    named: &volary_mail::message::read::MemberChange,
) -> Outcome<Option<ContactId>> {
    if !parsed.has_padlock() {
        return people::named_member(tx, opened, parsed, named);
    }
    let fingerprint = people::gossiped(opened, &named.address).or_else(|| named.fingerprint.clone());
    let own = keys::own_fingerprint(tx.store, tx.profile)?;
    if fingerprint.is_some() && fingerprint == own {
        return Ok(Some(ContactId::SELF));
    }
    people::named_member(tx, opened, parsed, named)
}

fn announce(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    added: Option<ContactId>,
    removed: Option<ContactId>,
    change: &mut Change,
) -> Outcome<()> {
    let profile = tx.profile;
    match parsed.system {
        Some(SystemEvent::MemberRemoved) => {
            change.system_type = SystemType::MemberRemoved;
            if let Some(contact) = removed {
                change.text =
                    Some(info_texts::member_removed(tx.store, tx.texts, profile, contact, Some(who.sender))?);
                change.silent = contact == who.sender;
                change.about = Some(contact);
            }
        }
        Some(SystemEvent::MemberAdded) => {
            change.system_type = SystemType::MemberAdded;
            if let Some(contact) = added {
                change.text =
                    Some(info_texts::member_added(tx.store, tx.texts, profile, contact, Some(who.sender))?);
                change.about = Some(contact);
                // The clock of who added us may be behind.
                change.bottom = contact == ContactId::SELF;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Name, description and picture. Each carries its own time; the newest wins.
fn apply_data(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    allowed: bool,
    change: &mut Change,
) -> Outcome<()> {
    let renames = parsed.group.name_changed.is_some() || parsed.group.description_changed;
    if !allowed {
        change.waits |= renames || parsed.system == Some(SystemEvent::GroupImageChanged);
        return Ok(());
    }
    let sent = parsed.sent_at(opened.received);
    let channel = chat.record.chat_type != ChatType::Group;
    apply_name(tx, parsed, who, chat, sent, channel, change)?;
    apply_description(tx, parsed, who, chat, sent, change)?;
    apply_picture(tx, opened, parsed, who, chat, channel, change)
}

fn apply_name(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    sent: i64,
    channel: bool,
    change: &mut Change,
) -> Outcome<()> {
    let candidate =
        parsed.group.name_changed.is_some() || parsed.group.name_timestamp.is_some_and(|time| time != 0);
    let name = parsed.group.name.as_deref().filter(|name| candidate && name.len() < names::MAX_GROUP_NAME);
    let old_name = chat.record.name.clone();
    if let Some(name) = name.map(names::clean_line).filter(|name| !name.is_empty()) {
        let time = parsed.group.name_timestamp.unwrap_or(sent);
        let changed = chats::update(tx, chat.id, |record| {
            let newer = time > record.name_changed || (time == record.name_changed && name < record.name);
            if newer {
                record.name.clone_from(&name);
                record.name_changed = time;
            }
        })?;
        if changed && name != old_name {
            tx.chat_modified(chat.id);
            tx.chatlist_item_changed(Some(chat.id));
        }
        if parsed.system == Some(SystemEvent::GroupNameChanged) {
            let old = parsed.group.name_changed.clone().unwrap_or_default();
            change.system_type = SystemType::GroupNameChanged;
            change.about = Some(who.sender);
            change.text = Some(if channel {
                tx.texts.fill(text::CHANNEL_NAME_CHANGED, &[&old, &name])
            } else {
                let values = [old.as_str(), name.as_str()];
                info_texts::by_actor(
                    tx.store,
                    tx.texts,
                    tx.profile,
                    text::NAME_CHANGED_SELF,
                    who.sender,
                    &values,
                )?
            });
        }
    }
    Ok(())
}

fn apply_description(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    sent: i64,
    change: &mut Change,
) -> Outcome<()> {
    let Some(description) = parsed.group.description.as_deref().map(names::clean_bidi) else { return Ok(()) };
    let time = parsed.group.description_timestamp.unwrap_or(sent);
    let changed = chats::update(tx, chat.id, |record| {
        let newer = time > record.description_changed
            || (time == record.description_changed && description > record.description);
        if newer {
            record.description.clone_from(&description);
            record.description_changed = time;
        }
    })?;
    if changed && description != chat.record.description {
        tx.chat_modified(chat.id);
    }
    if parsed.system == Some(SystemEvent::GroupDescriptionChanged) {
        change.system_type = SystemType::GroupDescriptionChanged;
        change.about = Some(who.sender);
        let number = text::DESCRIPTION_CHANGED_SELF;
        change.text = Some(info_texts::by_actor(tx.store, tx.texts, tx.profile, number, who.sender, &[])?);
    }
    Ok(())
}

fn apply_picture(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    channel: bool,
    change: &mut Change,
) -> Outcome<()> {
    let sent = parsed.sent_at(opened.received);
    let blob = match &parsed.group.avatar {
        None => return Ok(()),
        Some(Avatar::Removed) => String::new(),
        Some(_) => match &opened.group_picture {
            Some(blob) => blob.clone(),
            None => return Ok(()),
        },
    };
    let removed = blob.is_empty();
    let changed = chats::update(tx, chat.id, |record| {
        if sent >= record.avatar_changed {
            record.avatar = blob;
            record.avatar_changed = sent;
        }
    })?;
    if changed {
        tx.chat_modified(chat.id);
        tx.chatlist_item_changed(Some(chat.id));
    }
    if parsed.system == Some(SystemEvent::GroupImageChanged) && change.text.is_none() {
        change.system_type = SystemType::GroupImageChanged;
        change.about = Some(who.sender);
        let number = if removed { text::IMAGE_DELETED_SELF } else { text::IMAGE_CHANGED_SELF };
        change.text = Some(if channel {
            tx.texts.get(text::CHANNEL_IMAGE_CHANGED)
        } else {
            info_texts::by_actor(tx.store, tx.texts, tx.profile, number, who.sender, &[])?
        });
    }
    Ok(())
}

/// The timer of disappearing messages.
fn apply_timer(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<()> {
    let told = parsed.system == Some(SystemEvent::EphemeralTimerChanged);
    let seconds = parsed.ephemeral_timer.unwrap_or(0);
    let own = who.sender == ContactId::SELF;
    let actor = contacts::name_of(tx.store, tx.texts, tx.profile, who.sender)?;
    let line = timer::change_text(tx.texts, seconds, (!own).then_some(actor.as_str()));
    if told {
        change.system_type = SystemType::EphemeralTimerChanged;
        change.text = Some(line.clone());
        change.about = Some(who.sender);
    }
    if !parsed.is_chat_message {
        return Ok(());
    }
    let record = chats::load(tx.store, tx.profile, chat.id)?.unwrap_or_default();
    let rows: membership::Rows = members::rows(tx.store, tx.profile, chat.id)?.into_iter().collect();
    let grouped = chat.record.chat_type == ChatType::Group;
    let seen_by_sender = match parsed.references.last() {
        Some(id) => messages::timer_of(tx.store, tx.profile, id.as_str())?,
        None => None,
    };
    let ours = timer::Setting::of(&record);
    let received = timer::Received {
        theirs: timer::Setting { at: parsed.sent_at(opened.received), told, by_other: !own, seconds },
        ours,
        allowed: !grouped || membership::may_change(&rows, who.sender),
        seen_by_sender,
        shared: own && ours.at == 0 && stamps::has_timer(tx, &record.group_id)?,
    };
    let after = timer::after(received);
    if seconds != received.ours.seconds {
        let (profile, mid) = (tx.profile, super::report::short_mid(&opened.mid));
        let applied = after == received.theirs;
        tracing::debug!(%profile, chat = %chat.id, mid, applied, ?received, "a message has another timer");
    }
    if after == received.ours {
        return Ok(());
    }
    chats::update(tx, chat.id, |record| after.set_in(record))?;
    if after.seconds != received.ours.seconds {
        tx.ephemeral_timer_modified(chat.id, seconds);
        if !told {
            change.notices.push((line, SystemType::EphemeralTimerChanged, Some(who.sender)));
        }
    }
    Ok(())
}

fn apply_pins(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &mut Change,
) -> Outcome<()> {
    let (pinned, number, kind) = match parsed.system {
        Some(SystemEvent::MessagePinned) => (true, text::PINNED_SELF, SystemType::MessagePinned),
        Some(SystemEvent::MessageUnpinned) => (false, text::UNPINNED_SELF, SystemType::MessageUnpinned),
        _ => return Ok(()),
    };
    change.system_type = kind;
    change.silent = !pinned;
    change.text = Some(info_texts::by_actor(tx.store, tx.texts, tx.profile, number, who.sender, &[])?);
    let rows: membership::Rows = members::rows(tx.store, tx.profile, chat.id)?.into_iter().collect();
    if chat.record.chat_type == ChatType::Group && !membership::may_change(&rows, who.sender) {
        return Ok(());
    }
    let Some(id) = &parsed.in_reply_to else { return Ok(()) };
    if let Some((target, record)) = messages::by_mid(tx.store, tx.profile, id.as_str())?
        && record.chat == chat.id
        && crate::chat::features::can_be_pinned(&record)
    {
        crate::chat::features::apply_pin(tx, target, pinned, parsed.sent_at(opened.received))?;
    }
    Ok(())
}
