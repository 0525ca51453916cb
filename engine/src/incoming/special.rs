//! Messages that are not shown themselves: receipts, bounces, edits, deletions, reactions, halves of split messages.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{BounceReport, MessageKind, SplitRole};
use volary_mail::message::text::reaction::reaction_token;
use volary_proto::v1::event;
use volary_storage::View as _;
use volary_storage::records::{
    ChatType, Download, KnownMail, MessageRecord, MessageState, PendingEditRecord, ReactionRecord,
    TimeRecord, ViewType,
};
use volary_storage::tables::{PENDING_DELETIONS, PENDING_EDITS, PENDING_REACTIONS, RECEIPTS};

use super::contacts::People;
use super::fate::{Copies, Fate, Reason};
use super::open::Opened;
use crate::chat::{features, pending, reading, requests, saving};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::ground::intent::EDIT_MARK;
use crate::outgoing::{complete, headers};
use crate::state::{chats, config, copies, messages};
use crate::sync::apply::apply;

/// Somebody (or another own device) has read messages.
pub fn receipt(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, who: &People) -> Outcome<Copies> {
    let Some(receipt) = &parsed.receipt else { return Ok(Copies::Keep) };
    for id in &receipt.message_ids {
        let Some((message, record)) = messages::by_mid(tx.store, tx.profile, id.as_str())? else {
            // It may come later, over another relay or when its group is known.
            if who.outgoing && parsed.has_padlock() {
                copies::want_seen(tx, id.as_str())?;
            }
            continue;
        };
        if who.outgoing {
            seen_elsewhere(tx, message, &record, parsed.has_padlock())?;
        } else if record.from == ContactId::SELF
            && !record.state.is_incoming()
            && record.state != MessageState::OutDraft
        {
            read_by(tx, message, &record, who.sender, parsed.date.unwrap_or(tx.now).min(tx.now))?;
        }
    }
    Ok(Copies::Seen)
}

fn read_by(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    record: &MessageRecord,
    contact: ContactId,
    time: i64,
) -> Outcome<()> {
    let profile = tx.profile;
    let key = (profile, message, contact);
    if tx.store.contains(&RECEIPTS, &key)? {
        return Ok(());
    }
    let first = tx.store.first(&RECEIPTS, &(profile, message))?.is_none();
    tx.store.put(&RECEIPTS, &key, &TimeRecord { time })?;
    if first {
        tx.tell(event::Kind::MsgRead(event::MsgRead { chat_id: record.chat.get(), msg_id: message.get() }));
        tx.chatlist_item_changed(Some(record.chat));
    }
    let count = event::MsgReadCountChanged { chat_id: record.chat.get(), msg_id: message.get() };
    tx.tell(event::Kind::MsgReadCountChanged(count));
    Ok(())
}

/// Another own device has shown the message; older ones of the chat are noticed with it.
fn seen_elsewhere(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    record: &MessageRecord,
    encrypted: bool,
) -> Outcome<()> {
    let team = config::flag(tx.store, tx.profile, config::key::TEAM_PROFILE)?;
    let unseen = matches!(record.state, MessageState::InFresh | MessageState::InNoticed);
    if team || !unseen || (record.encrypted && !encrypted) {
        return Ok(());
    }
    messages::update(tx, message, |record| {
        record.state = MessageState::InSeen;
        record.wants_receipt = false;
    })?;
    messages::start_timer(tx, message)?;
    reading::notice_silently(tx, message, record)?;
    if messages::fresh_ids(tx.store, tx.profile, record.chat)?.is_empty() {
        tx.msgs_noticed(record.chat);
    } else {
        tx.msgs_changed(record.chat);
    }
    Ok(())
}

/// A relay could not deliver a message.
pub fn bounce(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage) -> Outcome<Copies> {
    if let Some(bounce) = &parsed.bounce {
        fail_bounced(tx, bounce)?;
    }
    Ok(Copies::Seen)
}

/// A mail server reports in a form of its own. `None` if it names no message that is known here: then it is a mail like
/// any other.
pub fn bounce_in_words(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage) -> Outcome<Option<Copies>> {
    if parsed.kind() != MessageKind::Visible {
        return Ok(None);
    }
    let mut known = None;
    for candidate in &parsed.bounce_candidates {
        if fail_bounced(tx, &parsed.bounce_of(candidate))? {
            known = Some(Copies::Seen);
        }
    }
    Ok(known)
}

/// Whether it is about an own message.
fn fail_bounced(tx: &mut Tx<'_, '_>, bounce: &BounceReport) -> Outcome<bool> {
    let Some((message, record)) = messages::by_mid(tx.store, tx.profile, bounce.message_id.as_str())? else {
        return Ok(false);
    };
    if record.from != ContactId::SELF {
        return Ok(false);
    }
    let channel = chats::load(tx.store, tx.profile, record.chat)?
        .is_some_and(|chat| chat.chat_type == ChatType::OutBroadcast);
    if bounce.failed && !channel {
        complete::fail_message(tx, message, &bounce.text)?;
    }
    Ok(true)
}

/// Another device of the user tells what it has changed.
pub fn sync(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Fate> {
    let refused = |reason: String| Ok(Fate::NotShown(Reason::Refused(reason)));
    if !who.outgoing || !parsed.has_padlock() {
        return refused("only the own devices change this one, encrypted".to_owned());
    }
    if !config::flag(tx.store, tx.profile, config::key::SYNC_MSGS)? {
        return refused("changes of other devices are switched off (sync_msgs)".to_owned());
    }
    let read = match volary_mail::sync::read(parsed.sync_json.as_deref().unwrap_or_default()) {
        Ok(read) => read,
        Err(error) => return refused(error.to_string()),
    };
    for reason in &read.skipped {
        tracing::warn!(profile = %tx.profile, reason, "a change of another device is not understood");
    }
    let count = read.items.len();
    apply(tx, read.items, parsed.sent_at(opened.received))?;
    tracing::debug!(profile = %tx.profile, count, "changes of another device were made");
    Ok(Copies::Seen.into())
}

/// The author replaces the text of a message. For a message that is not here yet the new text waits.
pub fn edit(tx: &mut Tx<'_, '_>, opened: &Opened, parsed: &ParsedMessage, who: &People) -> Outcome<Copies> {
    let Some(target) = &parsed.edit else { return Ok(Copies::Keep) };
    let text = parsed.parts.first().map(|part| part.text.as_str()).unwrap_or_default();
    let edit = PendingEditRecord {
        text: text.strip_prefix(EDIT_MARK).unwrap_or(text).to_owned(),
        sent: parsed.sent_at(opened.received),
        encrypted: parsed.has_padlock(),
        time: tx.now,
    };
    if let Some((message, record)) = messages::by_mid(tx.store, tx.profile, target.as_str())? {
        apply_edit(tx, message, &record, who.sender, &edit)?;
    } else if messages::known(tx.store, tx.profile, target.as_str())?
        .is_none_or(|known| known.kind == KnownMail::Nothing)
    {
        let key = (tx.profile, target.as_str().to_owned(), who.sender);
        let newer = tx.store.get(&PENDING_EDITS, &key)?.is_none_or(|old| edit.sent >= old.sent);
        if newer {
            tx.store.put(&PENDING_EDITS, &key, &edit)?;
        }
    }
    Ok(Copies::Keep)
}

/// Of several edits the one that was sent last counts.
fn apply_edit(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    record: &MessageRecord,
    author: ContactId,
    edit: &PendingEditRecord,
) -> Outcome<()> {
    let allowed = record.from == author && (edit.encrypted || !record.encrypted);
    // Own devices that edit in the same second all keep the same text.
    let tie = author == ContactId::SELF && edit.sent == record.edit_sent && edit.text < record.text;
    if !allowed || edit.sent < record.edit_sent || tie {
        return Ok(());
    }
    messages::update(tx, message, |record| record.edit_sent = edit.sent)?;
    Ok(features::apply_edit(tx, message, &edit.text)?)
}

/// The author deletes messages everywhere. Of unknown ones it is remembered who deletes them, so that they are not shown
/// later: nobody can keep the message of somebody else from being shown.
pub fn delete(tx: &mut Tx<'_, '_>, parsed: &ParsedMessage, who: &People) -> Outcome<Copies> {
    if !parsed.has_padlock() {
        return Ok(Copies::Keep);
    }
    let mut found = Vec::new();
    for id in &parsed.delete {
        match messages::by_mid(tx.store, tx.profile, id.as_str())? {
            Some((message, record)) if record.from == who.sender => found.push((message, record.chat)),
            Some(_) => {}
            None => {
                let key = (tx.profile, id.as_str().to_owned(), who.sender);
                tx.store.put(&PENDING_DELETIONS, &key, &TimeRecord { time: tx.now })?;
            }
        }
    }
    if !found.is_empty() {
        requests::forget_messages(tx, &found)?;
    }
    Ok(Copies::Keep)
}

/// The Message-ID under which others know what a mail shows.
pub fn shown_mid<'m>(opened: &'m Opened, parsed: &'m ParsedMessage) -> &'m str {
    match &parsed.split {
        SplitRole::Pre { post_id, .. } => post_id.as_str(),
        _ => &opened.mid,
    }
}

/// Whether the author has deleted a message before it came.
pub fn is_deleted_by_author(
    tx: &Tx<'_, '_>,
    mid: &str,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<bool> {
    let key = (tx.profile, mid.to_owned(), who.sender);
    Ok(parsed.has_padlock() && tx.store.contains(&PENDING_DELETIONS, &key)?)
}

/// A message that its author has deleted before came, and goes: it has done what it says, as on devices where it came first.
pub fn goes(tx: &mut Tx<'_, '_>, mid: &str, who: &People) -> Outcome<()> {
    tx.store.remove(&PENDING_DELETIONS, &(tx.profile, mid.to_owned(), who.sender))?;
    match messages::by_mid(tx.store, tx.profile, mid)? {
        Some((message, record)) => requests::forget_mail(tx, message, &record),
        None => Ok(()),
    }
}

/// A reaction; to a message that is not here yet it waits.
pub fn reaction(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<Copies> {
    let text = parsed.parts.iter().find(|part| part.is_reaction).map(|part| part.text.as_str());
    let emoji = reaction_token(text.unwrap_or_default()).to_owned();
    let Some(target) = &parsed.in_reply_to else {
        messages::entomb(tx, &opened.mid)?;
        return Ok(Copies::Keep);
    };
    let reaction = ReactionRecord { emoji, time: tx.now, sent: parsed.sent_at(opened.received) };
    match messages::by_mid(tx.store, tx.profile, target.as_str())? {
        Some((message, record)) => {
            hide_reaction(tx, opened, parsed, who, record.chat)?;
            pending::react(tx, message, &record, who.sender, &reaction)?;
        }
        None => {
            let key = (tx.profile, target.as_str().to_owned(), who.sender);
            if tx.store.get(&PENDING_REACTIONS, &key)?.is_none_or(|waiting| waiting.sent <= reaction.sent) {
                tx.store.put(&PENDING_REACTIONS, &key, &reaction)?;
            }
            messages::entomb(tx, &opened.mid)?;
        }
    }
    Ok(Copies::Keep)
}

/// The mail of a reaction is a hidden message of the chat, so that other own devices can tell that it was seen.
fn hide_reaction(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
    chat: ChatId,
) -> Outcome<()> {
    let sent = parsed.sent_at(opened.received);
    let record = MessageRecord {
        chat,
        from: who.sender,
        mid: opened.mid.clone(),
        state: if who.outgoing { MessageState::OutDelivered } else { MessageState::InFresh },
        view_type: ViewType::Text,
        text: parsed.parts.first().map(|part| part.text.clone()).unwrap_or_default(),
        in_reply_to: parsed.in_reply_to.as_ref().map(|id| id.as_str().to_owned()).unwrap_or_default(),
        sent,
        sort: sent.min(tx.now),
        received: opened.received,
        hidden: true,
        encrypted: parsed.has_padlock(),
        ..Default::default()
    };
    messages::insert(tx, &record)?;
    Ok(())
}

/// A pre-message whose message is complete or already announced. A file that came before it gets its text.
pub fn is_late_pre_message(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<bool> {
    let SplitRole::Pre { post_id, .. } = &parsed.split else { return Ok(false) };
    let Some(known) = messages::known(tx.store, tx.profile, post_id.as_str())? else { return Ok(false) };
    if !matches!(known.kind, KnownMail::Message | KnownMail::Tombstone) {
        return Ok(false);
    }
    messages::remember(tx, &opened.mid, KnownMail::PreMessage, known.message)?;
    let Some(message) = known.message else { return Ok(true) };
    let Some(record) = messages::load(tx.store, tx.profile, message)? else { return Ok(true) };
    let wordless = record.pre_mid.is_empty() && record.text.is_empty() && !record.edited;
    if wordless && record.from == who.sender && (parsed.has_padlock() || !record.encrypted) {
        let part = parsed.parts.first();
        let text = part.map(|part| part.text.clone()).unwrap_or_default();
        let quote = part.and_then(|part| part.quote.clone());
        messages::update(tx, message, |record| {
            record.pre_mid.clone_from(&opened.mid);
            record.text = text;
            record.has_quote = quote.is_some();
            record.quote = quote.unwrap_or_default();
            if let Some(id) = &parsed.in_reply_to {
                id.as_str().clone_into(&mut record.in_reply_to);
            }
            record.wants_receipt |= parsed.wants_receipt && !who.outgoing;
        })?;
        tx.msg_changed(record.chat, message);
    }
    Ok(true)
}

/// The file of an announced message arrived. False if the message is not announced.
pub fn complete_post(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    parsed: &ParsedMessage,
    who: &People,
) -> Outcome<bool> {
    let Some((message, record)) = messages::by_mid(tx.store, tx.profile, &opened.mid)? else {
        return Ok(false);
    };
    let file = parsed.parts.iter().zip(&opened.blobs).find_map(|(part, blob)| Some((part, blob.as_ref()?)));
    let Some((part, blob)) = file else { return Ok(true) };
    if record.from != who.sender || (record.encrypted && !parsed.has_padlock()) {
        tx.warning("Ignoring the file of a message by somebody else");
        return Ok(true);
    }
    let content = part.file.clone().unwrap_or_default();
    for row in saving::with_copies(tx, message)? {
        messages::update(tx, row, |record| {
            record.view_type = headers::stored_view_type(part.view_type);
            record.blob.clone_from(blob);
            record.file_name.clone_from(&content.name);
            record.mime_type.clone_from(&content.mime);
            record.file_bytes = content.bytes.len() as u64;
            if let Some((width, height)) = content.dimensions {
                record.width = width;
                record.height = height;
            }
            if let Some(duration) = part.duration {
                record.duration = u32::try_from(duration).unwrap_or(u32::MAX);
            }
            record.download_state = Download::Done;
        })?;
    }
    if config::flag(tx.store, tx.profile, config::key::BOT)? && !who.outgoing {
        tx.incoming_msg(record.chat, message);
    } else {
        tx.msg_changed(record.chat, message);
    }
    tx.effects().messages += 1;
    Ok(true)
}
