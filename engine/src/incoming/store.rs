//! Rows and events of messages that are shown.

use volary_mail::message::read::{Part, SplitRole};
use volary_mail::message::{Avatar, ChatContent, ParsedMessage};
use volary_storage::StoreError;
use volary_storage::records::{
    Block, ChatType, ContactOrigin, Download, MessageRecord, MessageState, SystemType, ViewType, Visibility,
};

use super::assign::Assigned;
use super::contacts::People;
use super::fate::Copies;
use super::group::Change;
use super::open::Opened;
use super::{app_updates, calls, locations, realtime};
use crate::chat::{calls as call_rules, compose, pending, reading, saving, sorting};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::outgoing::headers;
use crate::state::{chats, config, contacts, members, messages};

/// Stores a message, one row for each part, and emits the event.
pub fn message(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &Change,
) -> Outcome<Copies> {
    let current = chats::load(tx.store, tx.profile, chat.id)?.unwrap_or_default();
    let request_was_known =
        current.blocked == Block::Request && messages::newest_mail(tx.store, tx.profile, chat.id)?.is_some();
    let base = base(tx, opened, parsed, who, chat, change)?;
    for (line, system, about) in &change.notices {
        let place = messages::Place::At(base.sort);
        messages::add_notice_about(tx, chat.id, line, *system, place, *about)?;
    }
    let last = parsed.parts.len().saturating_sub(1);
    let mut stored = Vec::new();
    for (at, part) in parsed.parts.iter().enumerate() {
        let mut record = part_record(&base, opened, parsed, part, at, change);
        // Only the last part asks for the receipt and is known by the Message-ID.
        if at != last {
            record.wants_receipt = false;
            record.mid = String::new();
            record.pre_mid = String::new();
        } else {
            record.html_blob.clone_from(&opened.html_blob);
        }
        if record.view_type == ViewType::Call {
            calls::take(tx, parsed, who, &current, &mut record)?;
        }
        let id = messages::insert(tx, &record)?;
        stored.push((id, record));
    }
    if stored.is_empty() {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Copies::Keep);
    }
    for (id, record) in &stored {
        realtime::topic(tx, parsed, *id, record)?;
        tx.effects().unlocked.apps |= app_updates::is_app(record);
    }
    after(tx, parsed, who, chat, &current, &stored)?;
    if let Some((id, _)) = stored.last() {
        locations::take(tx, opened, who, chat.id, *id)?;
    }
    for (id, record) in &stored {
        tell(tx, who, *id, record, request_was_known, change)?;
        calls::came(tx, *id, record)?;
    }
    let first = stored.first().map(|(id, record)| (*id, record));
    app_updates::beside(tx, opened.received, parsed, who, first)?;
    let own_copy = who.outgoing && config::flag(tx.store, tx.profile, config::key::BCC_SELF)?;
    Ok(if own_copy { Copies::Seen } else { Copies::Keep })
}

/// What all rows of a mail share.
fn base(
    tx: &Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    change: &Change,
) -> Outcome<MessageRecord> {
    let profile = tx.profile;
    let sent = parsed.sent_at(opened.received);
    let record = chats::load(tx.store, profile, chat.id)?.unwrap_or_default();
    let inside = chats::self_is_in(tx.store, profile, chat.id, &record)?;
    let self_row = members::row(tx.store, profile, chat.id, ContactId::SELF)?;
    let parent = match &parsed.in_reply_to {
        Some(id) => messages::by_mid(tx.store, profile, id.as_str())?.map(|(_, record)| record.sort),
        None => None,
    };
    let sort = sorting::sort_time(sorting::Facts {
        sent,
        now: tx.now,
        newest: messages::newest_sort(tx.store, profile, chat.id)?,
        chat_created: record.created,
        outside: !inside,
        self_added: self_row.map(|row| row.added),
        parent,
        silent: change.silent,
        // Sent times say nothing when the clocks disagree: it came now, so it is the newest.
        bottom: change.bottom || parsed.date.is_some_and(|date| sorting::is_in_the_future(date, tx.now)),
    });
    let sort = change.place.unwrap_or(sort);
    let (mid, pre_mid) = match &parsed.split {
        SplitRole::Pre { post_id, .. } => (post_id.as_str().to_owned(), opened.mid.clone()),
        _ => (opened.mid.clone(), String::new()),
    };
    let read_elsewhere = messages::known(tx.store, profile, &mid)?.is_some_and(|known| known.seen)
        && !config::flag(tx.store, profile, config::key::TEAM_PROFILE)?;
    let state = if who.outgoing {
        MessageState::OutDelivered
    } else if opened.seen || read_elsewhere {
        MessageState::InSeen
    } else if change.silent || record.blocked == Block::Yes {
        // As one that came before the chat was blocked, on this device or another one.
        MessageState::InNoticed
    } else {
        MessageState::InFresh
    };
    let explicit_timer = change.system_type == SystemType::EphemeralTimerChanged;
    let timer = if explicit_timer { 0 } else { parsed.ephemeral_timer.unwrap_or(0) };
    let counting = timer != 0 && state != MessageState::InFresh;
    Ok(MessageRecord {
        chat: chat.id,
        from: who.sender,
        mid,
        pre_mid,
        state,
        system_type: change.system_type,
        subject: parsed.subject.clone().unwrap_or_default(),
        sent,
        sort,
        received: opened.received,
        hops: opened.hops.clone(),
        encrypted: parsed.has_padlock(),
        wants_receipt: parsed.wants_receipt && !who.outgoing && parsed.has_padlock(),
        in_reply_to: parsed.in_reply_to.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        references: parsed.references.iter().map(|id| id.as_str().to_owned()).collect(),
        ephemeral_timer: timer,
        expires: if counting { tx.now.saturating_add(i64::from(timer)) } else { 0 },
        override_name: override_name(tx, who, chat.id, &record, change)?,
        bot: parsed.is_from_bot(),
        info_contact: change.about,
        ..Default::default()
    })
}

/// A sender that is not in the group or writes over a list is shown by the name that the mail gives, unless it leaves.
fn override_name(
    tx: &Tx<'_, '_>,
    who: &People,
    chat: ChatId,
    record: &volary_storage::records::ChatRecord,
    change: &Change,
) -> Result<String, StoreError> {
    let leaves = change.system_type == SystemType::MemberRemoved && change.about == Some(who.sender);
    if !who.override_name.is_empty() || who.outgoing || leaves {
        return Ok(who.override_name.clone());
    }
    let foreign = match record.chat_type {
        ChatType::Group => !members::is_member(tx.store, tx.profile, chat, who.sender)?,
        ChatType::MailingList => true,
        ChatType::Single | ChatType::OutBroadcast | ChatType::InBroadcast => false,
    };
    if foreign { contacts::name_of(tx.store, tx.texts, tx.profile, who.sender) } else { Ok(String::new()) }
}

fn part_record(
    base: &MessageRecord,
    opened: &Opened,
    parsed: &ParsedMessage,
    part: &Part,
    at: usize,
    change: &Change,
) -> MessageRecord {
    let mut record = MessageRecord {
        view_type: headers::stored_view_type(part.view_type),
        text: change.text.clone().unwrap_or_else(|| part.text.clone()),
        wire_text: part.whole.clone().filter(|_| change.text.is_none()).unwrap_or_default(),
        quote: part.quote.clone().unwrap_or_default(),
        has_quote: part.quote.is_some(),
        forwarded: parsed.is_forwarded,
        duration: part.duration.and_then(|duration| u32::try_from(duration).ok()).unwrap_or(0),
        ..base.clone()
    };
    if let (Some(file), Some(Some(blob))) = (&part.file, opened.blobs.get(at)) {
        record.blob.clone_from(blob);
        record.file_name.clone_from(&file.name);
        record.mime_type.clone_from(&file.mime);
        record.file_bytes = file.bytes.len() as u64;
        if let Some((width, height)) = file.dimensions {
            record.width = width;
            record.height = height;
        }
    }
    if let SplitRole::Pre { metadata, .. } = &parsed.split {
        record.download_state = Download::Available;
        record.view_type = ViewType::Text;
        if let Some(metadata) = metadata {
            record.announced_type = headers::stored_view_type(metadata.view_type);
            record.file_name.clone_from(&metadata.file_name);
            record.file_bytes = metadata.size;
            if let Some((width, height)) = metadata.dimensions {
                record.width = width;
                record.height = height;
            }
            record.duration =
                metadata.duration.and_then(|duration| u32::try_from(duration).ok()).unwrap_or(0);
        }
    }
    if parsed.content == Some(ChatContent::Sticker) && record.view_type == ViewType::Image {
        record.view_type = ViewType::Sticker;
    }
    record
}

/// What a shown message changes around itself.
fn after(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    chat: &Assigned,
    before: &volary_storage::records::ChatRecord,
    stored: &[(MessageId, MessageRecord)],
) -> Outcome<()> {
    let subject = parsed.subject.clone().unwrap_or_default();
    let now = tx.now;
    let quiet = stored.iter().all(|(_, record)| record.state == MessageState::InNoticed);
    let mut unarchived = false;
    let outgoing = who.outgoing;
    let written_to = chats::block_when_written_to(tx.store, tx.profile, before)?;
    chats::update(tx, chat.id, |record| {
        (record.unpromoted, record.unheard) = (false, false);
        record.last_subject = subject;
        if outgoing {
            record.blocked = written_to;
        }
        unarchived = !quiet && compose::leave_archive(record, now);
    })?;
    if unarchived {
        chats::left_archive(tx, chat.id)?;
        tx.msgs_changed_all();
    } else if before.visibility == Visibility::Archived && !quiet {
        tx.msgs_changed(ChatId::ARCHIVED_LINK);
    }
    if outgoing {
        if let Some((id, record)) = stored.last()
            && !config::flag(tx.store, tx.profile, config::key::TEAM_PROFILE)?
        {
            reading::notice_until(tx, *id, record)?;
        }
        for contact in members::current(tx.store, tx.profile, chat.id)? {
            contacts::raise_origin(tx, contact, ContactOrigin::IncomingTo)?;
        }
    } else if before.blocked == Block::Not {
        for contact in who.to.iter().copied().flatten() {
            contacts::raise_origin(tx, contact, ContactOrigin::IncomingTo)?;
        }
    }
    for (id, record) in stored {
        if !record.mid.is_empty() {
            pending::came(tx, *id, record)?;
            saving::came(tx, *id, record)?;
        }
    }
    Ok(())
}

/// Exactly one of the two events is emitted for a new message.
fn tell(
    tx: &mut Tx<'_, '_>,
    who: &People,
    id: MessageId,
    record: &MessageRecord,
    request_was_known: bool,
    change: &Change,
) -> Outcome<()> {
    let chat = chats::load(tx.store, tx.profile, record.chat)?.unwrap_or_default();
    let bot = config::flag(tx.store, tx.profile, config::key::BOT)?;
    let empty = record.text.is_empty()
        && record.blob.is_empty()
        && !record.has_quote
        && record.download_state == Download::Done;
    let notifies = !who.outgoing
        && record.state == MessageState::InFresh
        && !empty
        && chat.blocked != Block::Yes
        && !(chat.blocked == Block::Request && request_was_known)
        && !(bot && record.download_state != Download::Done)
        && !call_rules::is_alerting(record, tx.now)
        && !change.silent;
    if notifies {
        tx.incoming_msg(record.chat, id);
    } else {
        tx.msg_changed(record.chat, id);
    }
    Ok(())
}

/// A mail that cannot be decrypted is hinted at in the existing chat with its sender.
pub fn undecryptable(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    sender: Option<(ContactId, bool)>,
) -> Outcome<Copies> {
    let chat = match sender {
        Some((sender, false)) => chats::single_of(tx.store, tx.profile, sender)?.map(|chat| (sender, chat)),
        _ => None,
    };
    let Some((sender, chat)) = chat else {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Copies::Keep);
    };
    let sent = parsed.sent_at(opened.received);
    let record = MessageRecord {
        chat,
        from: sender,
        mid: opened.mid.clone(),
        state: MessageState::InFresh,
        view_type: ViewType::Text,
        text: parsed.parts.first().map(|part| part.text.clone()).unwrap_or_default(),
        error: "Decrypting failed".to_owned(),
        sent,
        sort: sent.min(tx.now),
        received: opened.received,
        download_state: Download::Undecipherable,
        ..Default::default()
    };
    let id = messages::insert(tx, &record)?;
    tx.incoming_msg(chat, id);
    Ok(Copies::Keep)
}

/// Takes over the picture of the sender, if it is newer than the one we have.
pub fn sender_avatar(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    sender: ContactId,
    sent: i64,
    opened: &Opened,
) -> Outcome<bool> {
    let blob = match &parsed.avatar {
        None => return Ok(false),
        Some(Avatar::Removed) => String::new(),
        Some(Avatar::Image(_)) => match &opened.picture {
            Some(blob) => blob.clone(),
            None => return Ok(false),
        },
        Some(Avatar::InAttachment(name)) => {
            let named = |part: &Part| part.file.as_ref().is_some_and(|file| file.raw_name == *name);
            let at = parsed.parts.iter().position(named);
            match at.and_then(|at| opened.blobs.get(at).cloned().flatten()) {
                Some(blob) => blob,
                None => return Ok(false),
            }
        }
    };
    Ok(contacts::update(tx, sender, |record| {
        if sent >= record.avatar_changed && record.avatar != blob {
            record.avatar = blob;
            record.avatar_changed = sent;
        }
    })?)
}
