//! Contacts and chats: one row to one row.

use volary_backup::MaybeText;
use volary_backup::params::Params;
use volary_backup::tables;
use volary_storage::records::{
    Block, ChatRecord, ChatType, ContactOrigin, ContactRecord, MemberRecord, Mute, Visibility,
};

use super::unpack::{Files, reference};
use crate::ground::ids::{ChatId, ContactId};

/// An id of a backup; `None` if it cannot be one.
pub fn id<T: From<u32>>(number: i64) -> Option<T> {
    u32::try_from(number).ok().map(T::from)
}

/// A count of a backup.
pub fn count(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// A text in lower case for searching, if that is another one.
pub fn lower_case(text: &str) -> MaybeText {
    let lower = text.to_lowercase();
    MaybeText(if !text.is_ascii() && lower != text { lower } else { String::new() })
}

/// A contact of a backup.
pub fn contact_in(row: &tables::Contact, files: &Files) -> ContactRecord {
    let params = Params::parse(&row.param);
    ContactRecord {
        addr: row.addr.to_lowercase(),
        fingerprint: row.fingerprint.to_uppercase(),
        name: row.name.clone(),
        auth_name: row.authname.clone(),
        origin: origin(row.origin),
        blocked: row.blocked != 0,
        last_seen: row.last_seen,
        status: row.status.clone(),
        status_changed: params.number('j'),
        avatar: files.of(params.get('i').unwrap_or_default()).0,
        avatar_changed: params.number('J'),
        is_bot: row.is_bot != 0,
        verifier: id(row.verifier).filter(|id: &ContactId| id.get() != 0),
        own_avatar_sent: row.selfavatar_sent,
    }
}

/// A contact for a backup.
pub fn contact_out(id: ContactId, record: &ContactRecord) -> tables::Contact {
    let mut params = Params::default();
    params.set('i', &reference(&record.avatar));
    params.set_number('J', record.avatar_changed);
    params.set_number('j', record.status_changed);
    let name = if record.name.is_empty() { &record.auth_name } else { &record.name };
    tables::Contact {
        id: id.into(),
        name: record.name.clone(),
        addr: record.addr.clone(),
        origin: record.origin.number().into(),
        blocked: record.blocked.into(),
        last_seen: record.last_seen,
        param: params.to_text(),
        authname: record.auth_name.clone(),
        selfavatar_sent: record.own_avatar_sent,
        status: record.status.clone(),
        is_bot: record.is_bot.into(),
        fingerprint: record.fingerprint.clone(),
        verifier: record.verifier.map_or(0, Into::into),
        name_normalized: lower_case(name),
    }
}

/// The greatest origin that we know and that is not better.
fn origin(number: i64) -> ContactOrigin {
    let known = ContactOrigin::ALL.iter().filter(|known| i64::from(known.number()) <= number);
    known.max_by_key(|known| known.number()).copied().unwrap_or_default()
}

/// A chat of a backup; `contact`: the one it is with. Description, secret and draft come from other tables.
pub fn chat_in(
    row: &tables::Chat,
    contact: Option<ContactId>,
    has_key: bool,
    files: &Files,
) -> Option<ChatRecord> {
    let chat_type = u32::try_from(row.r#type).ok().and_then(ChatType::of)?;
    let params = Params::parse(&row.param);
    let single = chat_type == ChatType::Single;
    Some(ChatRecord {
        chat_type,
        name: if single { String::new() } else { row.name.clone() },
        group_id: if single { String::new() } else { row.grpid.clone() },
        blocked: u32::try_from(row.blocked).ok().and_then(Block::of).unwrap_or_default(),
        visibility: u32::try_from(row.archived).ok().and_then(Visibility::of).unwrap_or_default(),
        mute: match row.muted_until {
            0 => Mute::Not,
            -1 => Mute::Forever,
            end => Mute::Until(end),
        },
        unpromoted: params.flag('U'),
        created: row.created_timestamp,
        name_changed: params.number('g'),
        description_changed: params.number('6'),
        avatar: if single { String::new() } else { files.of(params.get('i').unwrap_or_default()).0 },
        avatar_changed: params.number('J'),
        ephemeral_timer: count(row.ephemeral_timer),
        ephemeral_changed: params.number('B'),
        members_updated: params.number('k'),
        encrypted: match chat_type {
            ChatType::Single => contact.is_some_and(ContactId::is_special) || has_key,
            ChatType::Group => !row.grpid.is_empty(),
            ChatType::OutBroadcast | ChatType::InBroadcast => true,
            ChatType::MailingList => false,
        },
        contact: if single { contact? } else { ContactId::NONE },
        list_post: params.get('p').unwrap_or_default().to_owned(),
        last_subject: params.get('t').unwrap_or_default().to_owned(),
        stream_begin: if row.locations_send_until == 0 { 0 } else { row.locations_send_begin },
        stream_until: row.locations_send_until,
        stream_sent: row.locations_last_sent,
        ..ChatRecord::default()
    })
}

/// A chat for a backup, under the name that is shown.
pub fn chat_out(id: ChatId, record: &ChatRecord, name: &str) -> tables::Chat {
    let mut params = Params::default();
    params.set_flag('U', record.unpromoted);
    params.set_flag('K', record.contact == ContactId::SELF);
    params.set_flag('D', record.contact == ContactId::DEVICE);
    params.set('i', &reference(&record.avatar));
    params.set('p', &record.list_post);
    params.set('t', &record.last_subject);
    for (letter, number) in [
        ('g', record.name_changed),
        ('6', record.description_changed),
        ('J', record.avatar_changed),
        ('B', record.ephemeral_changed),
        ('k', record.members_updated),
    ] {
        params.set_number(letter, number);
    }
    tables::Chat {
        id: id.into(),
        r#type: record.chat_type.number().into(),
        name: name.to_owned(),
        blocked: record.blocked.number().into(),
        grpid: record.group_id.clone(),
        param: params.to_text(),
        archived: record.visibility.number().into(),
        locations_send_begin: record.stream_begin,
        locations_send_until: record.stream_until,
        locations_last_sent: record.stream_sent,
        created_timestamp: record.created,
        muted_until: match record.mute {
            Mute::Not => 0,
            Mute::Forever => -1,
            Mute::Until(end) => end,
        },
        ephemeral_timer: record.ephemeral_timer.into(),
        name_normalized: lower_case(name),
    }
}

/// A membership of a backup; `quiet` as in the record.
pub fn member_in(row: &tables::ChatContact, quiet: bool) -> MemberRecord {
    MemberRecord { added: row.add_timestamp, removed: row.remove_timestamp, quiet }
}

/// A membership for a backup.
pub fn member_out(chat: ChatId, contact: ContactId, record: MemberRecord) -> tables::ChatContact {
    tables::ChatContact {
        chat_id: chat.into(),
        contact_id: contact.into(),
        add_timestamp: record.added,
        remove_timestamp: record.removed,
    }
}
