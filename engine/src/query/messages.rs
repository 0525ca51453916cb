//! Messages: objects, what they quote, reactions to them.

use std::collections::{BTreeMap, HashSet};

use volary_mail::message::view_type::{OCTET_STREAM, ViewType as Kind, by_file_name};
use volary_proto::v1::message_load_result::{Kind as Loaded, LoadingError};
use volary_proto::v1::message_quote::{JustText, Kind as QuoteKind, WithMessage};
use volary_proto::v1::{
    self, CallInfo, CallState, Emojis, Message, MessageLoadResult, MessageLoadResults,
    MessageNotificationInfo, MessageQuote, Reaction, Reactions, VcardContact,
};
use volary_storage::records::{Block, Download, MessageRecord, MessageState, SystemType, ViewType};
use volary_storage::tables::{LOCATION_OF_MESSAGE, MESSAGES, REACTIONS, RECEIPTS};
use volary_storage::{StoreError, View};

use super::look::Look;
use super::{chats, contacts, convert, summary, time};
use crate::chat::calls;
use crate::chat::compose::load_chat;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::{chats as stored_chats, config, contacts as people, messages};

/// The refusal for an unknown message.
pub fn not_found(message: MessageId) -> Failure {
    Failure::refused(format!("Message Msg#{message} does not exist"))
}

/// A stored message.
pub fn record(look: &Look<'_>, message: MessageId) -> Outcome<MessageRecord> {
    let record = messages::load(look.view, look.profile, message)?.ok_or_else(|| not_found(message))?;
    // Messages of a deleted chat go little by little.
    if stored_chats::is_deleted(look.view, look.profile, record.chat)? {
        return Err(not_found(message));
    }
    Ok(record)
}

/// The state to show: delivered and confirmed by somebody is read.
pub fn shown_state(look: &Look<'_>, id: MessageId, record: &MessageRecord) -> Outcome<v1::MessageState> {
    let confirmed = record.state == MessageState::OutDelivered
        && look.view.first(&RECEIPTS, &(look.profile, id))?.is_some();
    Ok(if confirmed { v1::MessageState::OutRead } else { convert::state(record.state) })
}

/// When the author sent it, or its place if that is not known.
pub fn sent_or_sort(record: &MessageRecord) -> i64 {
    if record.sent != 0 { record.sent } else { record.sort }
}

/// Media type by the name of the attachment. One that is named like a picture and is none has no type.
pub fn mime_of(record: &MessageRecord) -> Option<String> {
    if record.file_name.is_empty() && record.blob.is_empty() {
        return None;
    }
    let is_typed = |kind: Kind| {
        let no_picture = record.view_type == ViewType::File && record.mime_type == OCTET_STREAM;
        !(kind == Kind::Image && no_picture)
    };
    let named = by_file_name(&record.file_name).filter(|(kind, _)| is_typed(*kind));
    Some(named.map_or(OCTET_STREAM, |(_, mime)| mime).to_owned())
}

/// Path of what can be shown as a picture.
fn image(look: &Look<'_>, record: &MessageRecord) -> Option<String> {
    let is_image = matches!(record.view_type, ViewType::Image | ViewType::Gif | ViewType::Sticker);
    is_image.then(|| look.path(&record.blob)).flatten()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// A message as clients see it.
pub fn message(look: &Look<'_>, id: MessageId) -> Outcome<Message> {
    let record = record(look, id)?;
    view(look, id, record)
}

fn view(look: &Look<'_>, id: MessageId, record: MessageRecord) -> Outcome<Message> {
    let is_info = messages::is_info(&record);
    let parent = parent(look, &record)?;
    let exists = |id: Option<MessageId>| -> Outcome<Option<u32>> {
        let Some(id) = id else { return Ok(None) };
        Ok(messages::load(look.view, look.profile, id)?.map(|_| id.get()))
    };
    Ok(Message {
        id: id.get(),
        chat_id: record.chat.get(),
        from_id: record.from.get(),
        quote: quote(look, &record, parent.as_ref())?,
        parent_id: parent.map(|(id, _)| id.get()),
        text: full_text(look, &record),
        has_location: look.view.first(&LOCATION_OF_MESSAGE, &(look.profile, id))?.is_some(),
        has_html: messages::has_full_view(&record),
        view_type: convert::view_type(record.view_type).into(),
        state: shown_state(look, id, &record)?.into(),
        error: some(&record.error),
        timestamp: sent_or_sort(&record),
        sort_timestamp: record.sort,
        received_timestamp: record.received,
        has_deviating_timestamp: time::day(record.sort) != time::day(sent_or_sort(&record)),
        show_padlock: record.encrypted || record.from == ContactId::DEVICE,
        is_info,
        is_forwarded: record.forwarded,
        is_bot: record.bot,
        system_message_type: convert::system(record.system_type).into(),
        info_contact_id: if is_info { info_contact(look, &record)?.map(ContactId::get) } else { None },
        duration: i32::try_from(record.duration).unwrap_or(i32::MAX),
        dimensions_height: i32::try_from(record.height).unwrap_or(0),
        dimensions_width: i32::try_from(record.width).unwrap_or(0),
        override_sender_name: some(&record.override_name),
        sender: Some(
            contacts::contact(look, record.from).or_else(|_| contacts::contact(look, ContactId::RESERVED))?,
        ),
        file: look.path(&record.blob),
        file_mime: mime_of(&record),
        file_bytes: record.file_bytes,
        file_name: some(&record.file_name),
        webxdc_href: some(&record.href),
        download_state: convert::download(record.download_state).into(),
        original_msg_id: exists(record.original)?,
        // That of a copy leads to another one.
        saved_message_id: if record.original.is_none() { exists(record.saved)? } else { None },
        reactions: reactions(look, id)?,
        vcard_contact: card(look, &record),
        is_edited: record.edited,
        is_pinned: record.pinned,
        subject: record.subject,
    })
}

/// The text; while the attachment is still to come, with a note about it.
fn full_text(look: &Look<'_>, record: &MessageRecord) -> String {
    if record.download_state == Download::Done || record.pre_mid.is_empty() {
        return record.text.clone();
    }
    let note = summary::announcement(look.texts, record);
    if record.text.is_empty() { note } else { format!("{} {note}", record.text) }
}

/// The message that this one answers to.
fn parent(look: &Look<'_>, record: &MessageRecord) -> Outcome<Option<(MessageId, MessageRecord)>> {
    Ok(messages::by_mid(look.view, look.profile, &record.in_reply_to)?)
}

fn quote(
    look: &Look<'_>,
    record: &MessageRecord,
    parent: Option<&(MessageId, MessageRecord)>,
) -> Outcome<Option<MessageQuote>> {
    if !record.has_quote {
        return Ok(None);
    }
    let kind = match parent.filter(|_| !record.forwarded) {
        None => QuoteKind::JustText(JustText { text: record.quote.clone() }),
        Some((id, quoted)) => {
            let author =
                people::load_any(look.view, look.texts, look.profile, quoted.from)?.unwrap_or_default();
            QuoteKind::WithMessage(WithMessage {
                text: record.quote.clone(),
                message_id: id.get(),
                chat_id: quoted.chat.get(),
                author_display_name: people::display_name(&author).to_owned(),
                author_display_color: contacts::color_of(&author, quoted.from),
                override_sender_name: some(&quoted.override_name),
                image: image(look, quoted),
                is_forwarded: quoted.forwarded,
                view_type: convert::view_type(quoted.view_type).into(),
            })
        }
    };
    Ok(Some(MessageQuote { kind: Some(kind) }))
}

/// Whom an info message is about: the member concerned, or who made the change.
fn info_contact(look: &Look<'_>, record: &MessageRecord) -> Outcome<Option<ContactId>> {
    let told = matches!(
        record.system_type,
        SystemType::GroupNameChanged
            | SystemType::GroupDescriptionChanged
            | SystemType::GroupImageChanged
            | SystemType::EphemeralTimerChanged
            | SystemType::MemberAdded
            | SystemType::MemberRemoved
    );
    Ok(match record.info_contact {
        _ if !told => None,
        Some(ContactId::SELF) => Some(ContactId::SELF),
        Some(id) if people::load(look.view, look.profile, id)?.is_some() => Some(id),
        _ => None,
    })
}

fn card(look: &Look<'_>, record: &MessageRecord) -> Option<VcardContact> {
    if record.view_type != ViewType::Vcard {
        return None;
    }
    let bytes = look.blob(&record.blob, contacts::MAX_CARD_FILE)?;
    contacts::cards_in(&bytes).into_iter().next()
}

/// Several messages in the order of the ids; one that cannot be loaded does not fail the others.
pub fn list(look: &Look<'_>, wanted: &[MessageId]) -> Outcome<MessageLoadResults> {
    let one = |id: MessageId| {
        let kind = match messages::load(look.view, look.profile, id)? {
            Some(record) => Loaded::Message(view(look, id, record)?),
            None => Loaded::LoadingError(LoadingError { error: "Message does not exist".to_owned() }),
        };
        Ok((id.get(), MessageLoadResult { kind: Some(kind) }))
    };
    wanted.iter().map(|id| one(*id)).collect()
}

/// The draft of a chat.
pub fn draft(look: &Look<'_>, chat: ChatId) -> Outcome<Option<Message>> {
    let Some(chat) = stored_chats::load(look.view, look.profile, chat)? else { return Ok(None) };
    let Some(id) = chat.draft else { return Ok(None) };
    match messages::load(look.view, look.profile, id)? {
        Some(record) => view(look, id, record).map(Some),
        None => Ok(None),
    }
}

/// Reactions to a message.
pub fn reactions(look: &Look<'_>, message: MessageId) -> Outcome<Option<Reactions>> {
    let mut given = Vec::new();
    for row in look.view.scan_prefix(&REACTIONS, &(look.profile, message))? {
        let ((_, _, contact), record) = row?;
        if !record.emoji.is_empty() {
            given.push((contact, record.emoji));
        }
    }
    Ok(count(given))
}

/// Reactions counted, the most frequent first.
fn count(given: Vec<(ContactId, String)>) -> Option<Reactions> {
    if given.is_empty() {
        return None;
    }
    let mut counts: BTreeMap<&str, (u32, bool)> = BTreeMap::new();
    for (contact, emoji) in &given {
        let entry = counts.entry(emoji).or_default();
        entry.0 += 1;
        entry.1 |= *contact == ContactId::SELF;
    }
    let mut reactions: Vec<Reaction> = counts
        .into_iter()
        .map(|(emoji, (count, is_from_self))| Reaction { emoji: emoji.to_owned(), count, is_from_self })
        .collect();
    reactions.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.emoji.cmp(&b.emoji)));
    let reactions_by_contact =
        given.into_iter().map(|(contact, emoji)| (contact.get(), Emojis { emojis: vec![emoji] })).collect();
    Some(Reactions { reactions_by_contact, reactions })
}

/// What a notification shows.
pub fn notification(look: &Look<'_>, id: MessageId) -> Outcome<MessageNotificationInfo> {
    let record = record(look, id)?;
    let chat = load_chat(look.view, look.profile, record.chat)?;
    let (_, chat_profile_image) = chats::face(look, &chat)?;
    Ok(MessageNotificationInfo {
        id: id.get(),
        chat_id: record.chat.get(),
        account_id: look.profile.get(),
        image: image(look, &record),
        image_mime_type: mime_of(&record),
        chat_name: chats::name(look, &chat)?,
        chat_profile_image,
        summary_prefix: some(&summary::prefix(look, &chat, &record)?),
        summary_text: summary::of(look, &record),
    })
}

/// How a call stands.
pub fn call(look: &Look<'_>, id: MessageId) -> Outcome<CallInfo> {
    let record = record(look, id)?;
    let (Some(stored), Some(call)) = (&record.call, calls::of(&record)) else {
        return Err(Failure::refused(format!("Attempting to get call state of non-call message Msg#{id}")));
    };
    let state = CallState { kind: Some(convert::call_state(call.state(look.now))) };
    Ok(CallInfo { sdp_offer: stored.offer.clone(), has_video: stored.has_video, state: Some(state) })
}

/// Ids of the shown messages after the setting `last_msg_id`, oldest first; without that setting only the newest.
pub fn next_msgs(view: &impl View, profile: ProfileId) -> Result<Vec<MessageId>, StoreError> {
    let cursor = config::stored(view, profile, config::key::LAST_MSG_ID)?;
    let cursor = cursor.and_then(|text| text.trim().parse().ok());
    let mut blocked = Blocked::default();
    let mut found = Vec::new();
    match cursor {
        Some(last) => {
            let first = MessageId::new(last).next();
            for row in view.range(&MESSAGES, (profile, first)..)? {
                let ((_, id), record) = row?;
                if blocked.shows(view, profile, &record)? {
                    found.push(id);
                }
            }
        }
        None => {
            for row in view.scan_prefix(&MESSAGES, &profile)?.rev() {
                let ((_, id), record) = row?;
                if blocked.shows(view, profile, &record)? {
                    found.push(id);
                    break;
                }
            }
        }
    }
    Ok(found)
}

/// Which chats and authors are blocked, looked up once each.
#[derive(Default)]
struct Blocked {
    chats: BTreeMap<ChatId, bool>,
    authors: BTreeMap<ContactId, bool>,
}

impl Blocked {
    fn shows(
        &mut self,
        view: &impl View,
        profile: ProfileId,
        record: &MessageRecord,
    ) -> Result<bool, StoreError> {
        if !messages::is_listed(record) {
            return Ok(false);
        }
        if let std::collections::btree_map::Entry::Vacant(entry) = self.chats.entry(record.chat) {
            let chat = stored_chats::load(view, profile, record.chat)?;
            entry.insert(chat.is_none_or(|chat| chat.blocked == Block::Yes));
        }
        if let std::collections::btree_map::Entry::Vacant(entry) = self.authors.entry(record.from) {
            entry.insert(people::load(view, profile, record.from)?.is_some_and(|author| author.blocked));
        }
        Ok(!self.chats[&record.chat] && !self.authors[&record.from])
    }
}

/// Those of the messages that exist.
pub fn existing(look: &Look<'_>, wanted: &[MessageId]) -> Outcome<Vec<MessageId>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for id in wanted {
        if seen.insert(*id)
            && let Some(record) = look.view.get(&MESSAGES, &(look.profile, *id))?
            && !messages::is_over(&record, look.now)
            && !stored_chats::is_deleted(look.view, look.profile, record.chat)?
        {
            found.push(*id);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_are_counted_by_frequency_and_then_by_emoji() {
        let given = [(1, "👍"), (10, "❤"), (11, "👍"), (12, "a")];
        let given = given.map(|(contact, emoji)| (ContactId::new(contact), emoji.to_owned()));
        let reactions = count(given.to_vec()).unwrap();
        let listed: Vec<(&str, u32, bool)> =
            reactions.reactions.iter().map(|one| (one.emoji.as_str(), one.count, one.is_from_self)).collect();
        assert_eq!(listed, [("👍", 2, true), ("a", 1, false), ("❤", 1, false)]);
        assert_eq!(reactions.reactions_by_contact[&10].emojis, ["❤"]);
        assert!(count(Vec::new()).is_none());
    }

    #[test]
    fn the_media_type_follows_the_name() {
        let named = |name: &str| MessageRecord { file_name: name.to_owned(), ..Default::default() };
        assert_eq!(mime_of(&named("a.PNG")).as_deref(), Some("image/png"));
        assert_eq!(mime_of(&named("a.xyz")).as_deref(), Some("application/octet-stream"));
        let no_picture =
            MessageRecord { view_type: ViewType::File, mime_type: OCTET_STREAM.to_owned(), ..named("a.PNG") };
        assert_eq!(mime_of(&no_picture).as_deref(), Some(OCTET_STREAM));
        let classic = MessageRecord { view_type: ViewType::Image, ..no_picture };
        assert_eq!(mime_of(&classic).as_deref(), Some("image/png"), "other mailers say less than the name");
        assert_eq!(mime_of(&MessageRecord::default()), None);
    }
}
