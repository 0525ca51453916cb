//! Messages: adding, changing, burying, with the indexes of the chat.

use volary_mail::message::text::truncate::truncate;
use volary_storage::records::{
    Download, KnownMail, KnownMailRecord, MessageRecord, MessageState, SystemType, ViewType,
};
use volary_storage::tables::{
    CHAT_MESSAGES, COUNTERS, FRESH, HIDDEN_MESSAGES, KNOWN_MAIL, MEDIA, MESSAGES, PENDING_EDITS,
    PENDING_REACTIONS, REACTIONS, RECEIPT_JOBS, RECEIPTS, UNTIMED,
};
use volary_storage::{StoreError, View};

use super::{apps, contacts, copies, deadlines, realtime, search};
use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};

/// Where a locally made info line goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before everything else, at time 0.
    Top,
    /// After everything that is in the chat now.
    Bottom,
    /// At a given sort time.
    At(i64),
}

/// Loads a message, hidden ones and drafts included.
pub fn load(
    view: &impl View,
    profile: ProfileId,
    message: MessageId,
) -> Result<Option<MessageRecord>, StoreError> {
    view.get(&MESSAGES, &(profile, message))
}

/// What is known about a Message-ID.
pub fn known(view: &impl View, profile: ProfileId, mid: &str) -> Result<Option<KnownMailRecord>, StoreError> {
    if mid.is_empty() {
        return Ok(None);
    }
    view.get(&KNOWN_MAIL, &(profile, mid.to_owned()))
}

/// What a mail with a Message-ID could still bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing with this id came before; at most something is wanted of its copies.
    Unknown,
    /// The file that a pre-message announced waits on a relay.
    Available,
    /// The message is here without its file, and the mail carries one.
    Incomplete,
    /// An own message that still waits to be sent: the copy proves that one recipient's relay has it, and no more.
    ProvesSent,
    /// Nothing: it is here, was judged before, or must never be shown.
    Settled,
}

impl Standing {
    /// Whether the content of the mail has to be looked at.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Unknown | Self::Available | Self::Incomplete)
    }
}

/// What a mail with this Message-ID could still bring; `is_post`: it is the file of a split message.
pub fn standing(
    view: &impl View,
    profile: ProfileId,
    mid: &str,
    is_post: bool,
) -> Result<Standing, StoreError> {
    let known = known(view, profile, mid)?;
    let id = known.filter(|known| known.kind == KnownMail::Message).and_then(|known| known.message);
    let message = match id {
        Some(id) => load(view, profile, id)?,
        None => None,
    };
    Ok(standing_of(known.unwrap_or_default().kind, message.as_ref(), is_post))
}

/// The rule of [`standing`]: what is known of the mail, and its message if it is one.
fn standing_of(kind: KnownMail, message: Option<&MessageRecord>, is_post: bool) -> Standing {
    match (kind, message) {
        (KnownMail::Nothing, _) => Standing::Unknown,
        (KnownMail::Available, _) => Standing::Available,
        (KnownMail::Message, Some(message)) if is_post && message.download_state != Download::Done => {
            Standing::Incomplete
        }
        (KnownMail::Message, Some(message)) if message.state == MessageState::OutPending => {
            Standing::ProvesSent
        }
        (KnownMail::Message | KnownMail::Tombstone | KnownMail::PreMessage, _) => Standing::Settled,
    }
}

/// The message of a Message-ID (also of the one of its pre-message), tombstones excluded.
pub fn by_mid(
    view: &impl View,
    profile: ProfileId,
    mid: &str,
) -> Result<Option<(MessageId, MessageRecord)>, StoreError> {
    match known(view, profile, mid)?.and_then(|known| known.message) {
        Some(id) => Ok(load(view, profile, id)?.map(|message| (id, message))),
        None => Ok(None),
    }
}

/// The timer in seconds of a message, also of one that was removed; `None` if it is not known.
pub fn timer_of(view: &impl View, profile: ProfileId, mid: &str) -> Result<Option<u32>, StoreError> {
    let Some(known) = known(view, profile, mid)? else { return Ok(None) };
    match (known.message, known.kind) {
        (Some(id), _) => Ok(load(view, profile, id)?.map(|message| message.ephemeral_timer)),
        (None, KnownMail::Tombstone) => Ok(Some(known.timer)),
        (None, _) => Ok(None),
    }
}

/// Remembers a Message-ID; an existing entry keeps what is wanted of its relay copies.
pub fn remember(
    tx: &mut Tx<'_, '_>,
    mid: &str,
    kind: KnownMail,
    message: Option<MessageId>,
) -> Result<(), StoreError> {
    if mid.is_empty() {
        return Ok(());
    }
    let old = known(tx.store, tx.profile, mid)?.unwrap_or_default();
    let record = KnownMailRecord { kind, message, time: tx.now, ..old };
    tx.store.put(&KNOWN_MAIL, &(tx.profile, mid.to_owned()), &record)
}

/// A mail with this Message-ID must never be shown (again).
pub fn entomb(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    remember(tx, mid, KnownMail::Tombstone, None)
}

/// Those who refer to a removed message have seen its timer.
fn set_timer_of_removed(tx: &mut Tx<'_, '_>, mid: &str, timer: u32) -> Result<(), StoreError> {
    if timer == 0 {
        return Ok(());
    }
    let record = known(tx.store, tx.profile, mid)?.unwrap_or_default();
    tx.store.put(&KNOWN_MAIL, &(tx.profile, mid.to_owned()), &KnownMailRecord { timer, ..record })
}

/// Whether a message shows in its chat.
pub fn is_listed(record: &MessageRecord) -> bool {
    is_listed_as(record.hidden, record.state)
}

/// The same of the two fields that decide it.
pub fn is_listed_as(hidden: bool, state: MessageState) -> bool {
    !hidden && state != MessageState::OutDraft
}

/// Whether a message has a timer that does not run yet.
fn is_untimed(record: &MessageRecord) -> bool {
    record.ephemeral_timer != 0 && record.expires == 0
}

fn index(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    if is_listed(record) {
        tx.store.set(&CHAT_MESSAGES, &(profile, record.chat, record.sort, id))?;
        if record.view_type.is_media() {
            tx.store.set(&MEDIA, &(profile, record.view_type.number(), record.chat, record.sort, id))?;
        }
        if record.state == MessageState::InFresh {
            tx.store.set(&FRESH, &(profile, record.chat, id))?;
        }
        if is_untimed(record) {
            tx.store.set(&UNTIMED, &(profile, record.chat, id))?;
        }
    } else if record.hidden {
        tx.store.set(&HIDDEN_MESSAGES, &(profile, record.chat, id))?;
    }
    Ok(())
}

fn unindex(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    let profile = tx.profile;
    if is_listed(record) {
        tx.store.unset(&CHAT_MESSAGES, &(profile, record.chat, record.sort, id))?;
        if record.view_type.is_media() {
            tx.store.unset(&MEDIA, &(profile, record.view_type.number(), record.chat, record.sort, id))?;
        }
        if record.state == MessageState::InFresh {
            tx.store.unset(&FRESH, &(profile, record.chat, id))?;
        }
        if is_untimed(record) {
            tx.store.unset(&UNTIMED, &(profile, record.chat, id))?;
        }
    } else if record.hidden {
        tx.store.unset(&HIDDEN_MESSAGES, &(profile, record.chat, id))?;
    }
    Ok(())
}

/// The next message id.
pub fn next_id(tx: &mut Tx<'_, '_>) -> Result<MessageId, StoreError> {
    let mut counters = tx.store.get(&COUNTERS, &tx.profile)?.unwrap_or_default();
    counters.message = counters.message.next();
    tx.store.put(&COUNTERS, &tx.profile, &counters)?;
    search::id_given(tx, &counters)?;
    Ok(counters.message)
}

/// Adds a message and remembers its Message-IDs.
pub fn insert(tx: &mut Tx<'_, '_>, record: &MessageRecord) -> Result<MessageId, StoreError> {
    let id = next_id(tx)?;
    put_new(tx, id, record)?;
    Ok(id)
}

/// Adds a message under an id that was taken before (a draft that is sent keeps its id).
pub fn insert_as(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    search::text_changed(tx, id)?;
    put_new(tx, id, record)
}

fn put_new(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    tx.store.put(&MESSAGES, &(tx.profile, id), record)?;
    index(tx, id, record)?;
    if record.state != MessageState::OutDraft {
        remember(tx, &record.mid, KnownMail::Message, Some(id))?;
        if !record.pre_mid.is_empty() {
            remember(tx, &record.pre_mid, KnownMail::PreMessage, Some(id))?;
        }
    }
    if is_listed(record) {
        tx.effects().messages += 1;
    }
    if record.expires != 0 {
        deadlines::add(tx, record.expires, deadlines::Kind::MessageExpires, u64::from(id))?;
    }
    Ok(())
}

/// Changes a message in place, indexes included. Returns whether something changed.
pub fn update(
    tx: &mut Tx<'_, '_>,
    id: MessageId,
    change: impl FnOnce(&mut MessageRecord),
) -> Result<bool, StoreError> {
    let Some(old) = load(tx.store, tx.profile, id)? else { return Ok(false) };
    let mut new = old.clone();
    change(&mut new);
    if new == old {
        return Ok(false);
    }
    let place = |record: &MessageRecord| {
        (record.chat, record.sort, record.hidden, record.state, record.view_type, is_untimed(record))
    };
    let moved = place(&old) != place(&new);
    if moved {
        unindex(tx, id, &old)?;
        index(tx, id, &new)?;
    }
    if (&new.text, &new.wire_text) != (&old.text, &old.wire_text) {
        search::text_changed(tx, id)?;
    }
    if new.expires != old.expires && new.expires != 0 {
        deadlines::add(tx, new.expires, deadlines::Kind::MessageExpires, u64::from(id))?;
    }
    tx.store.put(&MESSAGES, &(tx.profile, id), &new)?;
    Ok(true)
}

/// Takes a message out of sight; it is still there to be sent.
pub fn hide(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    update(tx, id, |record| record.hidden = true).map(|_| ())
}

/// The time of a message is over, though it may still wait to be sent.
pub fn is_over(record: &MessageRecord, now: i64) -> bool {
    record.hidden && record.expires != 0 && record.expires <= now
}

/// Puts a message in place of the draft with this id. The updates of an app stay.
pub fn replace_draft(tx: &mut Tx<'_, '_>, id: MessageId, record: &MessageRecord) -> Result<(), StoreError> {
    if let Some(draft) = load(tx.store, tx.profile, id)? {
        unindex(tx, id, &draft)?;
    }
    insert_as(tx, id, record)
}

/// Removes every trace of a message that was never mail (a draft, a local info line).
pub fn erase(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    let profile = tx.profile;
    let Some(record) = load(tx.store, profile, id)? else { return Ok(()) };
    unindex(tx, id, &record)?;
    unlink(tx, id, &record)?;
    tx.store.remove(&MESSAGES, &(profile, id))?;
    search::removed(tx, id)?;
    apps::forget(tx, id)?;
    realtime::forget(tx, id)?;
    tx.store.remove_prefix(&REACTIONS, &(profile, id))?;
    tx.store.remove_prefix(&RECEIPTS, &(profile, id))?;
    super::locations::forget_message(tx, id)?;
    if !record.from.is_special() {
        tx.store.remove(&RECEIPT_JOBS, &(profile, record.from, id))?;
    }
    Ok(())
}

/// The message that a removed one is a copy of may have another copy, to which this one led.
fn unlink(tx: &mut Tx<'_, '_>, id: MessageId, copy: &MessageRecord) -> Result<(), StoreError> {
    let mut next = copy.original;
    while let Some(at) = next {
        let Some(record) = load(tx.store, tx.profile, at)? else { break };
        if record.saved == Some(id) {
            let before = copy.saved;
            update(tx, at, |record| record.saved = before)?;
            break;
        }
        next = record.saved;
    }
    Ok(())
}

/// Removes a message and leaves a tombstone, so that no later copy is shown; on request its relay copies go, too: at once
/// if its timer is over (on other own devices it is, too), else when those have got it.
pub fn bury(tx: &mut Tx<'_, '_>, id: MessageId, delete_copies: bool) -> Result<(), StoreError> {
    let Some(record) = load(tx.store, tx.profile, id)? else { return Ok(()) };
    erase(tx, id)?;
    for mid in [&record.mid, &record.pre_mid] {
        if !mid.is_empty() {
            entomb(tx, mid)?;
            set_timer_of_removed(tx, mid, record.ephemeral_timer)?;
            tx.store.remove_prefix(&PENDING_REACTIONS, &(tx.profile, mid.clone()))?;
            tx.store.remove_prefix(&PENDING_EDITS, &(tx.profile, mid.clone()))?;
            if delete_copies {
                let over = record.ephemeral_timer != 0 && record.expires != 0 && record.expires <= tx.now;
                if over { copies::want_deleted(tx, mid)? } else { copies::want_deleted_by_all(tx, mid)? }
            }
        }
    }
    Ok(())
}

/// The parts of a mail before the one that is known by its Message-ID.
pub fn parts_before(
    view: &impl View,
    profile: ProfileId,
    last: MessageId,
    record: &MessageRecord,
) -> Result<Vec<MessageId>, StoreError> {
    let mut found = Vec::new();
    let mut id = last.get();
    while id > 1 {
        id -= 1;
        let part = load(view, profile, MessageId::new(id))?.filter(|part| {
            part.mid.is_empty()
                && (part.chat, part.from, part.sent) == (record.chat, record.from, record.sent)
                && (part.received, &part.hops) == (record.received, &record.hops)
                && !is_info(part)
        });
        if record.received == 0 || part.is_none() {
            break;
        }
        found.push(MessageId::new(id));
    }
    Ok(found)
}

/// Ids of the shown messages of a chat, oldest first.
pub fn visible_ids(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Vec<MessageId>, StoreError> {
    view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.map(|row| row.map(|((_, _, _, id), _)| id)).collect()
}

/// The newest shown message of a chat (drafts excluded).
pub fn newest_id(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Option<(i64, MessageId)>, StoreError> {
    let newest = view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.next_back().transpose()?;
    Ok(newest.map(|((_, _, sort, id), _)| (sort, id)))
}

/// The newest shown message of a chat that came or went as mail.
pub fn newest_mail(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Option<MessageId>, StoreError> {
    for row in view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        if load(view, profile, id)?.is_some_and(|record| !record.mid.is_empty()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The newest sort time of a chat, hidden messages included.
pub fn newest_sort(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Option<i64>, StoreError> {
    let mut newest = newest_id(view, profile, chat)?.map(|(sort, _)| sort);
    for row in view.scan_prefix(&HIDDEN_MESSAGES, &(profile, chat))?.rev().take(1) {
        let ((_, _, id), _) = row?;
        if let Some(record) = load(view, profile, id)? {
            newest = newest.max(Some(record.sort));
        }
    }
    Ok(newest)
}

/// Ids of the shown fresh messages of a chat.
pub fn fresh_ids(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Vec<MessageId>, StoreError> {
    view.scan_prefix(&FRESH, &(profile, chat))?.map(|row| row.map(|((_, _, id), _)| id)).collect()
}

/// Hidden messages of a chat that nobody has seen, of the newest hidden ones.
pub fn hidden_fresh(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Vec<(MessageId, MessageRecord)>, StoreError> {
    /// Older ones do not matter: nobody notifies of a reaction that so many have followed.
    const MAX_LOOKED_AT: usize = 100;
    let mut found = Vec::new();
    for row in view.scan_prefix(&HIDDEN_MESSAGES, &(profile, chat))?.rev().take(MAX_LOOKED_AT) {
        let ((_, _, id), _) = row?;
        let record = load(view, profile, id)?;
        found
            .extend(record.filter(|record| record.state == MessageState::InFresh).map(|record| (id, record)));
    }
    Ok(found)
}

/// Ids of the shown messages of a chat whose timer does not run yet.
pub fn untimed_ids(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Vec<MessageId>, StoreError> {
    view.scan_prefix(&UNTIMED, &(profile, chat))?.map(|row| row.map(|((_, _, id), _)| id)).collect()
}

/// Adds an info line that is made locally and emits the event.
pub fn add_notice(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    text: &str,
    system: SystemType,
    place: Place,
) -> Result<MessageId, StoreError> {
    add_notice_about(tx, chat, text, system, place, None)
}

/// As [`add_notice`], about a contact (the actor, or the member concerned).
pub fn add_notice_about(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    text: &str,
    system: SystemType,
    place: Place,
    contact: Option<ContactId>,
) -> Result<MessageId, StoreError> {
    let sort = match place {
        Place::Top => 0,
        Place::At(time) => time,
        Place::Bottom => newest_sort(tx.store, tx.profile, chat)?.unwrap_or(0).max(tx.now),
    };
    let timer = super::chats::load(tx.store, tx.profile, chat)?.map_or(0, |record| record.ephemeral_timer);
    let record = MessageRecord {
        chat,
        from: ContactId::INFO,
        state: MessageState::InNoticed,
        view_type: ViewType::Text,
        system_type: system,
        text: text.to_owned(),
        sent: if sort == 0 { tx.now } else { sort },
        sort,
        received: tx.now,
        info_contact: contact,
        ephemeral_timer: if place == Place::Top { 0 } else { timer },
        ..Default::default()
    };
    let id = insert(tx, &record)?;
    tx.msg_changed(chat, id);
    Ok(id)
}

/// Gives a message its text. Of a long one people are shown the beginning; the whole is in its full view.
pub fn set_text(record: &mut MessageRecord, text: String, for_bot: bool) {
    let (shown, is_cut) = if for_bot { (text.clone(), false) } else { truncate(&text) };
    record.text = shown;
    record.wire_text = if is_cut { text } else { String::new() };
}

/// The whole text of a message that is shown in part.
pub fn long_text(record: &MessageRecord) -> Option<&str> {
    let is_cut = record.system_type == SystemType::None && !record.wire_text.is_empty();
    is_cut.then_some(record.wire_text.as_str())
}

/// Whether there is more to see than the text.
pub fn has_full_view(record: &MessageRecord) -> bool {
    !record.html_blob.is_empty() || long_text(record).is_some()
}

/// An info message: made locally, or of a system type.
pub fn is_info(record: &MessageRecord) -> bool {
    record.from == ContactId::INFO
        || !matches!(record.system_type, SystemType::None | SystemType::AutocryptSetup)
}

/// Incoming, as seen from this profile.
pub fn is_incoming(record: &MessageRecord) -> bool {
    record.from != ContactId::SELF && record.state.is_incoming()
}

/// Starts the countdown of a message that has a timer and is not counting yet.
pub fn start_timer(tx: &mut Tx<'_, '_>, id: MessageId) -> Result<(), StoreError> {
    let now = tx.now;
    update(tx, id, |record| {
        if record.ephemeral_timer != 0 && record.expires == 0 {
            record.expires = now.saturating_add(i64::from(record.ephemeral_timer));
        }
    })
    .map(|_| ())
}

/// The name to show for the author.
pub fn author_name(
    view: &impl View,
    texts: &crate::ground::texts::Texts,
    profile: ProfileId,
    record: &MessageRecord,
) -> Result<String, StoreError> {
    if record.override_name.is_empty() {
        contacts::name_of(view, texts, profile, record.from)
    } else {
        Ok(format!("~{}", record.override_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_mail_can_still_bring_depends_on_what_is_known_of_it() {
        let message = |state, download_state| MessageRecord { state, download_state, ..Default::default() };
        let whole = message(MessageState::InFresh, Download::Done);
        let fileless = message(MessageState::InFresh, Download::Available);
        let pending = message(MessageState::OutPending, Download::Done);
        let sent = message(MessageState::OutDelivered, Download::Done);
        for (kind, message, is_post, expected) in [
            (KnownMail::Nothing, None, false, Standing::Unknown),
            (KnownMail::Nothing, None, true, Standing::Unknown),
            (KnownMail::Available, None, true, Standing::Available),
            (KnownMail::Available, None, false, Standing::Available),
            (KnownMail::Tombstone, None, true, Standing::Settled),
            (KnownMail::PreMessage, Some(&fileless), false, Standing::Settled),
            (KnownMail::Message, None, true, Standing::Settled),
            (KnownMail::Message, Some(&whole), true, Standing::Settled),
            (KnownMail::Message, Some(&fileless), true, Standing::Incomplete),
            (KnownMail::Message, Some(&fileless), false, Standing::Settled),
            (KnownMail::Message, Some(&pending), false, Standing::ProvesSent),
            (KnownMail::Message, Some(&sent), false, Standing::Settled),
        ] {
            assert_eq!(standing_of(kind, message, is_post), expected, "{kind:?} {message:?} {is_post}");
        }
    }

    #[test]
    fn only_what_can_bring_something_is_looked_at() {
        let open = [Standing::Unknown, Standing::Available, Standing::Incomplete];
        assert!(open.iter().all(|standing| standing.is_open()));
        assert!(!Standing::ProvesSent.is_open() && !Standing::Settled.is_open());
    }

    #[test]
    fn drafts_and_hidden_messages_do_not_show() {
        let hidden = MessageRecord { hidden: true, state: MessageState::InSeen, ..Default::default() };
        let draft = MessageRecord { state: MessageState::OutDraft, ..Default::default() };
        let shown = MessageRecord { state: MessageState::InSeen, ..Default::default() };
        assert_eq!([&hidden, &draft, &shown].map(is_listed), [false, false, true]);
    }
}
