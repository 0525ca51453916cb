//! Commands on groups: creation, members, name, description, picture.

use volary_mail::ids::GroupId;
use volary_storage::View;
use volary_storage::records::{ChatRecord, ChatType, SystemType};

use super::compose::{self, Audience, SystemMessage, load_chat};
use super::timer::{self, Setting};
use super::{announcing, features, info_texts};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::ground::intent::{Intent, Named};
use crate::ground::names;
use crate::ground::texts::id as text;
use crate::state::{chats, config, contacts, keys, members, messages};
use volary_proto::v1::event;

/// Makes an encrypted group with ourselves as the only member. Others learn of it with the first message.
pub fn create(tx: &mut Tx<'_, '_>, name: &str) -> Outcome<ChatId> {
    let group_id = GroupId::generate(&mut rand::thread_rng()).to_string();
    let chat = create_with(tx, name, group_id)?;
    hint(tx, chat)?;
    Ok(chat)
}

/// Says in a group that it is not announced yet.
pub fn hint(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let quiet = config::flag(tx.store, tx.profile, config::key::BOT)?
        || config::flag(tx.store, tx.profile, config::key::SKIP_START_MESSAGES)?;
    if !quiet {
        let hint = tx.texts.get(text::NEW_GROUP_HINT);
        messages::add_notice(tx, chat, &hint, SystemType::None, messages::Place::Top)?;
    }
    Ok(())
}

/// As [`create`], for classic mail in clear text: such a group has no id, threads hold it together.
pub fn create_unencrypted(tx: &mut Tx<'_, '_>, name: &str) -> Outcome<ChatId> {
    let chat = create_with(tx, name, String::new())?;
    let notice = tx.texts.get(text::CLASSIC_MAIL);
    messages::add_notice(tx, chat, &notice, SystemType::None, messages::Place::Top)?;
    Ok(chat)
}

/// A group with an id is encrypted, one without is not.
fn create_with(tx: &mut Tx<'_, '_>, name: &str, group_id: String) -> Outcome<ChatId> {
    let mut clean = names::clean_line(name);
    if clean.is_empty() {
        tx.error(format!("Invalid chat name: {name}."));
        "…".clone_into(&mut clean);
    }
    let record = ChatRecord {
        chat_type: ChatType::Group,
        name: clean,
        encrypted: !group_id.is_empty(),
        group_id,
        unpromoted: true,
        ..Default::default()
    };
    tx.msgs_changed_all();
    let chat = chats::create(tx, record)?;
    members::add(tx, chat, ContactId::SELF, tx.now)?;
    Ok(chat)
}

fn refuse_outsider(tx: &mut Tx<'_, '_>, msg: String) -> Failure {
    tx.tell(event::Kind::ErrorSelfNotInGroup(event::ErrorSelfNotInGroup { msg: msg.clone() }));
    Failure::refused(msg)
}

/// Adds a member and notifies the group.
pub fn add_member(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Outcome<()> {
    add_member_by(tx, chat, contact, false)
}

/// As [`add_member`], also as the last step of a handshake. Then the message is sent even if the contact is a member
/// already.
pub fn add_member_by(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    contact: ContactId,
    by_handshake: bool,
) -> Outcome<()> {
    let (profile, now) = (tx.profile, tx.now);
    let group = load_chat(tx.store, profile, chat)?;
    if group.chat_type != ChatType::Group {
        return Err(Failure::refused(format!("Chat#{chat} is not a group where one can add members")));
    }
    let added = contacts::load_any(tx.store, tx.texts, profile, contact)?
        .ok_or_else(|| Failure::refused(format!("contact Contact#{contact} not found")))?;
    if group.encrypted == added.fingerprint.is_empty() && !contact.is_special() {
        let kind = if group.encrypted {
            "key-contacts can be added to encrypted"
        } else {
            "address-contacts can be added to unencrypted"
        };
        return Err(Failure::refused(format!("Only {kind} chats")));
    }
    if !members::is_member(tx.store, profile, chat, ContactId::SELF)? {
        let msg = "Cannot add contact to group; self not in group.".to_owned();
        tx.tell(event::Kind::ErrorSelfNotInGroup(event::ErrorSelfNotInGroup { msg }));
        return Ok(());
    }
    if contact == ContactId::SELF {
        tx.warning("Cannot add self to the group: already a member.");
        return Ok(());
    }
    if by_handshake {
        announcing::promote(tx, chat)?;
    }
    let new = if group.unpromoted && !by_handshake {
        members::change_quietly(tx, chat, contact, true, now)?
    } else {
        members::add(tx, chat, contact, now)?
    };
    if new {
        forget_gossip(tx, chat)?;
    } else if !by_handshake {
        return Ok(());
    }
    let promoted = chats::load(tx.store, profile, chat)?.is_some_and(|record| !record.unpromoted);
    if promoted {
        let member = Named { address: added.addr, fingerprint: added.fingerprint };
        let system = SystemMessage {
            intent: Intent::MemberAdded { member, by_handshake },
            text: info_texts::member_added(tx.store, tx.texts, profile, contact, Some(ContactId::SELF))?,
            about: Some(contact),
            ..Default::default()
        };
        compose::send_system(tx, chat, system)?;
    }
    tx.chat_modified(chat);
    Ok(())
}

/// The next message of the chat gossips all keys again.
pub fn forget_gossip(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    tx.store.remove_prefix(&volary_storage::tables::GOSSIPED, &(tx.profile, chat))?;
    Ok(())
}

/// Removes a member, or ourselves, and notifies the group.
pub fn remove_member(tx: &mut Tx<'_, '_>, chat: ChatId, contact: ContactId) -> Outcome<()> {
    let (profile, now) = (tx.profile, tx.now);
    let group = load_chat(tx.store, profile, chat)?;
    match group.chat_type {
        ChatType::Group => {}
        ChatType::OutBroadcast | ChatType::InBroadcast => {
            return super::channels::remove_member(tx, chat, &group, contact);
        }
        ChatType::Single | ChatType::MailingList => {
            return Err(Failure::refused(format!("Chat#{chat} is not a group or channel")));
        }
    }
    if !members::is_member(tx.store, profile, chat, ContactId::SELF)? {
        let who = contact_debug(contact);
        return Err(refuse_outsider(
            tx,
            format!("Cannot remove contact {who} from chat Chat#{chat}: self not in group."),
        ));
    }
    if !members::is_member(tx.store, profile, chat, contact)? {
        return Ok(());
    }
    if group.unpromoted {
        members::change_quietly(tx, chat, contact, false, now)?;
        tx.chat_modified(chat);
        return Ok(());
    }
    let removed = contacts::load_any(tx.store, tx.texts, profile, contact)?.unwrap_or_default();
    let fingerprint = if contact == ContactId::SELF {
        keys::own_fingerprint(tx.store, profile)?.unwrap_or_default()
    } else {
        removed.fingerprint.clone()
    };
    let text = info_texts::member_removed(tx.store, tx.texts, profile, contact, Some(ContactId::SELF))?;
    members::mark_removed(tx, chat, contact, now)?;
    let system = SystemMessage {
        intent: Intent::MemberRemoved(Named { address: removed.addr, fingerprint }),
        text,
        about: Some(contact),
        to: if !contact.is_special() { Audience::MembersAnd(contact) } else { Audience::Members },
    };
    compose::send_system(tx, chat, system)?;
    tx.chat_modified(chat);
    Ok(())
}

fn contact_debug(contact: ContactId) -> String {
    if contact == ContactId::SELF { "Contact#Self".to_owned() } else { format!("Contact#{contact}") }
}

/// Renames a group or channel and notifies its members.
pub fn rename(tx: &mut Tx<'_, '_>, chat: ChatId, name: &str) -> Outcome<()> {
    let clean = names::clean_line(name);
    if clean.is_empty() {
        return Err(Failure::refused("Invalid name"));
    }
    let group = load_chat(tx.store, tx.profile, chat)?;
    let renamable =
        matches!(group.chat_type, ChatType::Group | ChatType::OutBroadcast | ChatType::MailingList);
    if !renamable || !chats::self_is_in(tx.store, tx.profile, chat, &group)? {
        return Err(Failure::refused("Failed to set name"));
    }
    if group.name == clean {
        return Ok(());
    }
    // Own devices compare names of a group that nobody else knows of by their own times.
    let changed = if group.unpromoted { tx.now } else { tx.now.max(group.name_changed + 1) };
    chats::update(tx, chat, |record| {
        record.name.clone_from(&clean);
        (record.name_changed, record.name_before) = (changed, changed);
    })?;
    if announces(&group) {
        let texts = tx.texts;
        let (number, about) = if group.chat_type == ChatType::OutBroadcast {
            (text::CHANNEL_NAME_CHANGED, None)
        } else {
            (text::NAME_CHANGED_SELF, Some(ContactId::SELF))
        };
        let system = SystemMessage {
            intent: Intent::NameChanged { old: group.name.clone(), new: Some((clean.clone(), changed)) },
            text: texts.fill(number, &[&group.name, &clean]),
            about,
            ..Default::default()
        };
        let id = compose::send_system(tx, chat, system)?;
        tx.msg_changed(chat, id);
    }
    tx.chat_modified(chat);
    tx.chatlist_item_changed(Some(chat));
    Ok(())
}

/// Changes of an unpromoted group or of a list are sent to nobody.
fn announces(group: &ChatRecord) -> bool {
    !group.unpromoted && group.chat_type != ChatType::MailingList
}

/// Sets the description of a group or channel and notifies its members.
pub fn describe(tx: &mut Tx<'_, '_>, chat: ChatId, description: &str) -> Outcome<()> {
    let clean = names::clean_bidi(description);
    let group = load_chat(tx.store, tx.profile, chat)?;
    check_owns_group_data(tx.store, tx.profile, chat, "description")?;
    if group.description == clean {
        return Ok(());
    }
    let now = tx.now;
    chats::update(tx, chat, |record| {
        record.description.clone_from(&clean);
        record.description_changed = now.max(record.description_changed + 1);
        record.description_before = record.description_changed;
    })?;
    if announces(&group) {
        let system = SystemMessage {
            intent: Intent::DescriptionChanged,
            text: tx.texts.get(text::DESCRIPTION_CHANGED_SELF),
            about: Some(ContactId::SELF),
            ..Default::default()
        };
        compose::send_system(tx, chat, system)?;
    }
    tx.chat_modified(chat);
    Ok(())
}

/// Refuses a change of description or picture by who may not make it.
pub fn check_owns_group_data(view: &impl View, profile: ProfileId, chat: ChatId, what: &str) -> Outcome<()> {
    let group = load_chat(view, profile, chat)?;
    if group.chat_type == ChatType::Group && group.group_id.is_empty() {
        return Err(Failure::refused(format!("Cannot set {what} for ad hoc groups")));
    }
    if !matches!(group.chat_type, ChatType::Group | ChatType::OutBroadcast) {
        return Err(Failure::refused(format!("Can only set {what} for groups / broadcasts")));
    }
    if !chats::self_is_in(view, profile, chat, &group)? {
        return Err(Failure::refused(format!("Failed to set {what}: self not in group")));
    }
    Ok(())
}

/// Sets (a blob name) or removes the picture of a group or channel and notifies its members.
pub fn set_image(tx: &mut Tx<'_, '_>, chat: ChatId, blob: Option<&str>) -> Outcome<()> {
    let group = load_chat(tx.store, tx.profile, chat)?;
    check_owns_group_data(tx.store, tx.profile, chat, "profile image")?;
    let now = tx.now;
    let blob = blob.unwrap_or_default().to_owned();
    let removed = blob.is_empty();
    chats::update(tx, chat, |record| {
        record.avatar = blob;
        record.avatar_changed = now;
    })?;
    if announces(&group) {
        let number = match (group.chat_type, removed) {
            (ChatType::OutBroadcast, _) => text::CHANNEL_IMAGE_CHANGED,
            (_, true) => text::IMAGE_DELETED_SELF,
            (_, false) => text::IMAGE_CHANGED_SELF,
        };
        let system = SystemMessage {
            intent: Intent::PictureChanged,
            text: tx.texts.get(number),
            about: Some(ContactId::SELF),
            ..Default::default()
        };
        compose::send_system(tx, chat, system)?;
    }
    tx.chat_modified(chat);
    Ok(())
}

/// Sets the timer of disappearing messages and notifies the members.
pub fn set_timer(tx: &mut Tx<'_, '_>, chat: ChatId, seconds: u32) -> Outcome<()> {
    let group = chats::load(tx.store, tx.profile, chat)?
        .ok_or_else(|| Failure::refused(format!("Chat Chat#{chat} not found")))?;
    if group.ephemeral_timer == seconds {
        return Ok(());
    }
    if !group.unpromoted {
        compose::check_can_send(tx.store, tx.profile, chat)?;
    }
    let before = Setting::of(&group);
    // Nobody was told of the timer of a group that nobody else knows of: the message that announces it decides.
    let mut setting = Setting { seconds, ..before };
    if !group.unpromoted {
        let system = SystemMessage {
            intent: Intent::TimerChanged { seconds: Some(seconds) },
            text: timer::change_text(tx.texts, seconds, None),
            about: Some(ContactId::SELF),
            ..Default::default()
        };
        let mail = compose::send_system(tx, chat, system)?;
        let at = features::sent_after(tx, mail, before.at)?;
        setting = Setting { at, told: true, by_other: false, seconds };
    }
    chats::update(tx, chat, |record| setting.set_in(record))?;
    tx.ephemeral_timer_modified(chat, seconds);
    Ok(())
}
