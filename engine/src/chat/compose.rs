//! Outgoing messages: from what the user wrote to a row in the chat and a row in the send queue, in one commit.

use volary_mail::address::domain_of;
use volary_mail::message::MessageId as Mid;
use volary_mail::message::text::wire;
use volary_storage::records::{
    CallRecord, ChatRecord, ChatType, Download, JobKind, MessageRecord, MessageState, Mute, OutboxRecord,
    SystemType, ViewType, Visibility,
};
use volary_storage::{StoreError, View};

use super::sending::{self, CannotSend};
use super::{announcing, locations};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::ground::intent::Intent;
use crate::ground::texts::{Texts, id as text};
use crate::state::{apps, chats, config, contacts, keys, members, messages, outbox, realtime};

/// Longest quote in characters.
pub const MAX_QUOTE: usize = 500;

/// A message as a client hands it over; files are in the blob folder already.
#[derive(Clone, Debug, Default)]
pub struct NewMessage {
    /// Text or caption.
    pub text: String,
    /// Blob name of an HTML form.
    pub html_blob: String,
    /// How it is shown; as text if that is not known.
    pub view_type: ViewType,
    /// Attachment.
    pub file: Option<NewFile>,
    /// Quoted message of the same profile.
    pub quoted_message: Option<MessageId>,
    /// Quoted text without a message.
    pub quoted_text: Option<String>,
    /// Name to show in place of the own one.
    pub override_name: String,
    /// Show as forwarded.
    pub forwarded: bool,
    /// Duration in milliseconds.
    pub duration: u32,
    /// Message-ID that it has as a draft; empty for none.
    pub mid: String,
    /// The call that it is.
    pub call: Option<NewCall>,
    /// The place that it points at: degrees north and east.
    pub place: Option<(f64, f64)>,
}

/// A call to be placed.
#[derive(Clone, Debug, Default)]
pub struct NewCall {
    /// Own session description.
    pub offer: String,
    /// It begins with video.
    pub has_video: bool,
}

/// An attachment in the blob folder.
#[derive(Clone, Debug, Default)]
pub struct NewFile {
    /// Blob name.
    pub blob: String,
    /// Name as shown.
    pub name: String,
    /// Media type.
    pub mime_type: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl NewFile {
    /// Makes it the attachment of a message.
    pub fn attach_to(self, record: &mut MessageRecord) {
        record.blob = self.blob;
        record.file_name = self.name;
        record.mime_type = self.mime_type;
        record.file_bytes = self.bytes;
        record.width = self.width;
        record.height = self.height;
    }
}

/// A message that makes a change: of a chat, or of another message.
#[derive(Clone, Debug, Default)]
pub struct SystemMessage {
    /// The change.
    pub intent: Intent,
    /// Text shown here.
    pub text: String,
    /// The contact concerned.
    pub about: Option<ContactId>,
    /// Who gets it.
    pub to: Audience,
}

/// Who gets a message of a chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// The members.
    #[default]
    Members,
    /// The members and this contact, which is no member any more.
    MembersAnd(ContactId),
    /// This contact alone.
    Only(ContactId),
}

/// A new Message-ID. It tells nothing about the sender.
pub fn new_mid() -> String {
    Mid::generate(&mut rand::thread_rng()).to_string()
}

/// Refuses if the chat cannot be written to.
pub fn check_can_send(view: &impl View, profile: ProfileId, chat: ChatId) -> Outcome<()> {
    let record = load_chat(view, profile, chat)?;
    match sending::obstacle(view, profile, chat, &record)? {
        Some(obstacle) => Err(cannot_send(chat, obstacle)),
        None => Ok(()),
    }
}

fn cannot_send(chat: ChatId, obstacle: CannotSend) -> Failure {
    Failure::refused(format!("Cannot send to Chat#{chat}: {obstacle}"))
}

/// Loads a chat or says that there is none.
pub fn load_chat(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Outcome<volary_storage::records::ChatRecord> {
    chats::load(view, profile, chat)?.ok_or_else(|| no_such_chat(chat))
}

/// The refusal for an unknown chat.
pub fn no_such_chat(chat: ChatId) -> Failure {
    Failure::refused(format!("Failed loading chat Chat#{chat} from database: Query returned no rows"))
}

/// The message that a new one in the chat follows: the newest shown one that is mail.
fn parent(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<Option<MessageRecord>, StoreError> {
    use volary_storage::tables::CHAT_MESSAGES;
    for row in view.scan_prefix(&CHAT_MESSAGES, &(profile, chat))?.rev() {
        let ((_, _, _, id), _) = row?;
        let Some(record) = messages::load(view, profile, id)? else { continue };
        if !record.mid.is_empty() && record.from != ContactId::INFO && record.download_state == Download::Done
        {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Sets `In-Reply-To` and `References` of a message about to be sent.
pub fn thread(view: &impl View, profile: ProfileId, record: &mut MessageRecord) -> Result<(), StoreError> {
    match parent(view, profile, record.chat)? {
        Some(parent) => {
            let mut references = parent.references.clone();
            if references.is_empty() && !parent.in_reply_to.is_empty() {
                references.push(parent.in_reply_to.clone());
            }
            let skip = references.len().saturating_sub(2);
            references.drain(..skip);
            if !references.contains(&parent.mid) {
                references.push(parent.mid.clone());
            }
            if record.in_reply_to.is_empty() {
                record.in_reply_to = parent.mid;
            }
            record.references = references;
        }
        None => record.references = vec![record.mid.clone()],
    }
    Ok(())
}

/// Whether anybody would get a message of this chat.
fn has_recipients(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<bool, StoreError> {
    if chats::load(view, profile, chat)?.is_some_and(|record| !record.list_post.is_empty()) {
        return Ok(true);
    }
    Ok(members::current(view, profile, chat)?.iter().any(|id| *id != ContactId::SELF))
}

/// Sends what the user wrote; `draft` is the id to keep if the draft of the chat is sent.
pub fn send(
    tx: &mut Tx<'_, '_>,
    chat: ChatId,
    new: NewMessage,
    draft: Option<MessageId>,
) -> Outcome<MessageId> {
    check_can_send(tx.store, tx.profile, chat)?;
    let place = new.place;
    let record = user_message(tx, chat, new)?;
    if !record.encrypted && config::flag(tx.store, tx.profile, config::key::FORCE_ENCRYPTION)? {
        return refuse_unencrypted(tx, record);
    }
    announcing::promote(tx, chat)?;
    let with_group_data = chats::load(tx.store, tx.profile, chat)?
        .is_some_and(|group| group.chat_type == ChatType::Group && group.name_changed == tx.now);
    let mut record = MessageRecord { with_group_data, ..record };
    locations::attach_track(tx, &mut record)?;
    let id = store(tx, record, draft, OutboxRecord { kind: JobKind::Message, ..Default::default() })?;
    if let (Some(draft), Some((_, last))) = (draft, apps::ends(tx.store, tx.profile, id)?) {
        apps::update(tx, draft, |record| record.with_app = last)?;
    }
    if let Some(place) = place {
        locations::point_at(tx, id, place)?;
    }
    Ok(id)
}

fn user_message(tx: &Tx<'_, '_>, chat: ChatId, new: NewMessage) -> Outcome<MessageRecord> {
    let profile = tx.profile;
    let group = load_chat(tx.store, profile, chat)?;
    let self_chat = group.contact == ContactId::SELF;
    let mut record = MessageRecord {
        chat,
        from: ContactId::SELF,
        mid: if new.mid.is_empty() { new_mid() } else { new.mid },
        state: MessageState::OutPending,
        view_type: if new.view_type == ViewType::Unknown { ViewType::Text } else { new.view_type },
        html_blob: new.html_blob,
        encrypted: group.encrypted,
        override_name: new.override_name,
        forwarded: new.forwarded,
        duration: new.duration,
        ephemeral_timer: group.ephemeral_timer,
        // Receipts would tell every server on the way who read what.
        wants_receipt: group.encrypted && !self_chat && config::requests_receipts(tx.store, profile)?,
        bot: config::flag(tx.store, profile, config::key::BOT)?,
        ..Default::default()
    };
    let for_bot = record.bot;
    messages::set_text(&mut record, new.text, for_bot);
    if let Some(file) = new.file {
        file.attach_to(&mut record);
    }
    if let Some(NewCall { offer, has_video }) = new.call {
        record.call = Some(Box::new(CallRecord { offer, has_video, ..Default::default() }));
        wire::CALL.clone_into(&mut record.wire_text);
    }
    quote(tx, &group, &mut record, new.quoted_message, new.quoted_text)?;
    if !self_chat {
        thread(tx.store, profile, &mut record)?;
    }
    Ok(record)
}

/// Fills the quote of a message or draft.
pub fn quote(
    tx: &Tx<'_, '_>,
    group: &volary_storage::records::ChatRecord,
    record: &mut MessageRecord,
    message: Option<MessageId>,
    text: Option<String>,
) -> Outcome<()> {
    let profile = tx.profile;
    if let Some(id) = message {
        let quoted = messages::load(tx.store, profile, id)?.ok_or_else(|| {
            Failure::refused(format!("Failed to load quoted message: Message Msg#{id} does not exist"))
        })?;
        let same_chat = quoted.chat == record.chat || group.chat_type == ChatType::Single;
        if !same_chat && !config::flag(tx.store, profile, config::key::BOT)? {
            return Err(Failure::refused("Quote of message from another chat"));
        }
        record.has_quote = true;
        record.in_reply_to = quoted.mid.clone();
        record.quote = if quoted.encrypted && !record.encrypted {
            "...".to_owned()
        } else if quoted.text.is_empty() {
            super::summary::line(tx.texts, &quoted).chars().take(MAX_QUOTE).collect()
        } else {
            quoted.text.clone()
        };
    } else if let Some(text) = text.filter(|text| !text.is_empty()) {
        record.has_quote = true;
        record.quote = text;
    }
    Ok(())
}

/// A message that may not go out in clear text stays in the chat as failed, with a hint; the call fails.
fn refuse_unencrypted(tx: &mut Tx<'_, '_>, mut record: MessageRecord) -> Outcome<MessageId> {
    let hint = unencrypted_hint(tx.store, tx.texts, tx.profile)?;
    record.state = MessageState::OutFailed;
    record.error = hint.clone();
    record.sent = tx.now;
    record.sort = bottom(tx, record.chat)?;
    let chat = record.chat;
    let id = messages::insert(tx, &record)?;
    tx.msg_changed(chat, id);
    messages::add_notice(tx, chat, &hint, SystemType::InvalidUnencrypted, messages::Place::Bottom)?;
    tx.msg_failed(chat, id);
    Ok(id)
}

/// Refuses clear text where the profile wants everything encrypted.
pub fn check_protection(tx: &Tx<'_, '_>, encrypted: bool) -> Outcome<()> {
    if !encrypted && config::flag(tx.store, tx.profile, config::key::FORCE_ENCRYPTION)? {
        return Err(Failure::refused(unencrypted_hint(tx.store, tx.texts, tx.profile)?));
    }
    Ok(())
}

/// Why nothing goes out in clear text.
pub fn unencrypted_hint(view: &impl View, texts: &Texts, profile: ProfileId) -> Result<String, StoreError> {
    let addr = crate::state::transports::self_addr(view, profile)?.unwrap_or_default();
    Ok(texts.fill(text::INVALID_UNENCRYPTED, &[domain_of(&addr)]))
}

/// The sort time of a message that goes to the bottom of a chat now.
pub fn bottom(tx: &Tx<'_, '_>, chat: ChatId) -> Result<i64, StoreError> {
    Ok(messages::newest_id(tx.store, tx.profile, chat)?.map_or(tx.now, |(sort, _)| sort.max(tx.now)))
}

/// Sends a message that makes a change. Returns its id.
pub fn send_system(tx: &mut Tx<'_, '_>, chat: ChatId, system: SystemMessage) -> Outcome<MessageId> {
    let group = load_chat(tx.store, tx.profile, chat)?;
    check_protection(tx, group.encrypted)?;
    // The change of a timer does not disappear.
    let is_change = matches!(system.intent, Intent::TimerChanged { .. });
    let timer = if is_change { 0 } else { group.ephemeral_timer };
    let mut record = MessageRecord {
        chat,
        from: ContactId::SELF,
        mid: new_mid(),
        state: MessageState::OutPending,
        view_type: ViewType::Text,
        text: system.text,
        encrypted: group.encrypted,
        ephemeral_timer: timer,
        info_contact: system.about,
        bot: config::flag(tx.store, tx.profile, config::key::BOT)?,
        ..Default::default()
    };
    system.intent.store_in(&mut record);
    thread(tx.store, tx.profile, &mut record)?;
    if system.intent.brings_positions() {
        locations::attach_track(tx, &mut record)?;
    }
    let gossip = system.intent.gossips();
    let (kind, contacts) = match system.to {
        Audience::Members => (JobKind::Message, Vec::new()),
        Audience::MembersAnd(contact) => (JobKind::Message, vec![contact]),
        Audience::Only(contact) => (JobKind::Directed, vec![contact]),
    };
    store(tx, record, None, OutboxRecord { kind, contacts, gossip, ..Default::default() })
}

/// Stores an outgoing message and queues it; nothing is queued if nobody would get it.
fn store(
    tx: &mut Tx<'_, '_>,
    mut record: MessageRecord,
    draft: Option<MessageId>,
    mut job: OutboxRecord,
) -> Outcome<MessageId> {
    let (profile, chat) = (tx.profile, record.chat);
    if !crate::state::transports::own_addrs(tx.store, profile)?.is_empty() {
        // Every encrypted mail is signed and readable by own devices, and every mail brings the own certificate.
        keys::ensure_own(tx)?;
    }
    record.sent = tx.now;
    record.sort = bottom(tx, chat)?;
    if record.ephemeral_timer != 0 {
        record.expires = tx.now.saturating_add(i64::from(record.ephemeral_timer));
    }
    let anybody = !job.contacts.is_empty()
        || has_recipients(tx.store, profile, chat)?
        || config::flag(tx.store, profile, config::key::BCC_SELF)?;
    if !anybody {
        record.state = MessageState::OutDelivered;
    }
    let id = match draft {
        Some(id) => {
            messages::replace_draft(tx, id, &record)?;
            id
        }
        None => messages::insert(tx, &record)?,
    };
    if record.view_type == ViewType::Webxdc && record.encrypted {
        realtime::ensure_topic(tx, id)?;
    }
    if anybody {
        job.message = id;
        outbox::push(tx, &job)?;
    }
    if !record.hidden {
        unarchive(tx, chat)?;
        tx.msg_changed(chat, id);
    }
    raise_recipients(tx, chat, record.system_type)?;
    Ok(id)
}

fn unarchive(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let now = tx.now;
    let changed = chats::update(tx, chat, |record| {
        leave_archive(record, now);
    })?;
    if changed {
        chats::left_archive(tx, chat)?;
        tx.msgs_changed_all();
        tx.chatlist_changed();
    }
    Ok(())
}

/// Takes a chat out of the archive because something new shows in it; a muted one stays there. Tells whether it left.
pub fn leave_archive(record: &mut ChatRecord, now: i64) -> bool {
    let leaves = record.visibility == Visibility::Archived && !is_muted(record.mute, now);
    if leaves {
        record.visibility = Visibility::Normal;
    }
    leaves
}

/// Whether a mute is in force.
pub fn is_muted(mute: Mute, now: i64) -> bool {
    match mute {
        Mute::Not => false,
        Mute::Forever => true,
        Mute::Until(end) => end > now,
    }
}

fn raise_recipients(tx: &mut Tx<'_, '_>, chat: ChatId, system: SystemType) -> Result<(), StoreError> {
    use volary_storage::records::ContactOrigin;
    let Some(record) = chats::load(tx.store, tx.profile, chat)? else { return Ok(()) };
    let quiet = matches!(system, SystemType::MemberRemoved | SystemType::Securejoin);
    if quiet || matches!(record.chat_type, ChatType::OutBroadcast | ChatType::InBroadcast) {
        return Ok(());
    }
    let recipients: Vec<ContactId> =
        members::current(tx.store, tx.profile, chat)?.into_iter().filter(|id| !id.is_special()).collect();
    let to = if recipients.len() == 1 { ContactOrigin::OutgoingTo } else { ContactOrigin::IncomingTo };
    for contact in recipients {
        contacts::raise_origin(tx, contact, to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_new_takes_a_chat_out_of_the_archive_unless_it_is_muted() {
        let archived = |mute| ChatRecord { visibility: Visibility::Archived, mute, ..Default::default() };
        for (mut record, leaves) in [
            (archived(Mute::Not), true),
            (archived(Mute::Until(100)), true),
            (archived(Mute::Until(101)), false),
            (archived(Mute::Forever), false),
            (ChatRecord { visibility: Visibility::Pinned, ..Default::default() }, false),
        ] {
            let before = record.visibility;
            assert_eq!(leave_archive(&mut record, 100), leaves, "{record:?}");
            assert_eq!(record.visibility, if leaves { Visibility::Normal } else { before });
        }
    }
}
