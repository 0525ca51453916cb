//! What a received message says: typed facts, no decisions.

use super::effective::Effective;
use super::outer::Outer;
use super::report::{DEFAULT_BOUNCE_TEXT, is_warning};
use super::value::{parse_date, parse_number};
use super::{ParseError, value::decode_words};
use crate::address;
use crate::ids::{ChannelSecret, GroupId};
use crate::message::avatar::Avatar;
use crate::message::bounds::{MAX_ADDRESSES, MAX_DURATION_MS};
use crate::message::headers::{self, ChatContent};
use crate::message::ids::MessageId;
use crate::message::mailbox::Mailbox;
use crate::message::post::PostMetadata;
use crate::message::text::wire;
use crate::message::view_type::ViewType;

/// A received message, read but not yet judged: who may do what is decided elsewhere.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ParsedMessage {
    /// Id, if the mail has one.
    pub message_id: Option<MessageId>,
    /// Sender: the protected one if there is one.
    pub from: Mailbox,
    /// Address in the outer `From`, to which Autocrypt headers are bound.
    pub outer_from: Option<String>,
    /// Whether the shown sender name is for this message only (`Sender` is present).
    pub sender_overridden: bool,
    /// `To`, in order.
    pub to: Vec<Mailbox>,
    /// `Cc`, in order.
    pub cc: Vec<Mailbox>,
    /// The time the sender claims, in Unix seconds; see [`ParsedMessage::sent_at`].
    pub date: Option<i64>,
    /// Decoded subject.
    pub subject: Option<String>,
    /// The message that this one answers.
    pub in_reply_to: Option<MessageId>,
    /// The thread, oldest first.
    pub references: Vec<MessageId>,

    /// Whether a chat program wrote it (`Chat-Version`).
    pub is_chat_message: bool,
    /// Whether it was encrypted and could be decrypted.
    pub decrypted: bool,
    /// Whether a valid signature covers it. The padlock needs [`ParsedMessage::decrypted`], too.
    pub signed: bool,
    /// It is encrypted but no payload was given.
    pub undecryptable: bool,
    /// `Autocrypt` values to look at; the last valid one for [`ParsedMessage::outer_from`] counts.
    pub autocrypt: Vec<String>,
    /// `Autocrypt-Gossip` values, only of signed payloads.
    pub gossip: Vec<String>,
    /// Armoured public keys that came as attachments and are not shown.
    pub attached_keys: Vec<Vec<u8>>,

    /// Group headers.
    pub group: GroupFacts,
    /// Mailing list or channel.
    pub list: Option<ListFacts>,
    /// Address for posting to the list.
    pub list_post: Option<String>,
    /// Secret of a channel.
    pub broadcast_secret: Option<ChannelSecret>,
    /// Reaction counts and pins of a channel, as JSON.
    pub broadcast_states: Option<String>,
    /// Handshake headers.
    pub handshake: Option<HandshakeFacts>,
    /// Disappearing messages: seconds; `None` on a chat message means switched off.
    pub ephemeral_timer: Option<u32>,
    /// `Auto-Submitted`.
    pub auto_submitted: Option<String>,
    /// `Precedence`.
    pub precedence: Option<String>,
    /// Known value of `Chat-Content`.
    pub content: Option<ChatContent>,
    /// What the system message tells.
    pub system: Option<SystemEvent>,
    /// New picture of the sender.
    pub avatar: Option<Avatar>,
    /// New status of the sender: footer of the first text part; `None` means no change.
    pub status: Option<String>,
    /// Whole message, or half of a split one.
    pub split: SplitRole,
    /// Target of an edit; see [`ParsedMessage::edited_text`].
    pub edit: Option<MessageId>,
    /// Targets of a deletion.
    pub delete: Vec<MessageId>,
    /// Messages that the sender has read. `Some` on every receipt, even one without ids.
    pub receipt: Option<Receipt>,
    /// A relay tells about delivery.
    pub bounce: Option<BounceReport>,
    /// Ids that the text of a mail server names, or the messages that it returns; an own one among them has failed.
    pub bounce_candidates: Vec<MessageId>,
    /// Content of `multi-device-sync.json`.
    pub sync_json: Option<String>,
    /// Content of `status-update.json`.
    pub status_update_json: Option<String>,
    /// Point of interest, as KML.
    pub point_kml: Option<String>,
    /// Track, as KML.
    pub track_kml: Option<String>,
    /// Headers of a call.
    pub call: Call,
    /// Realtime topic of a mini app.
    pub iroh_gossip_topic: Option<String>,
    /// Realtime address of a peer, as JSON.
    pub iroh_node_addr: Option<String>,
    /// Whether the sender asks for a read receipt (for the last part).
    pub wants_receipt: bool,
    /// Draft of a mail program: not to be shown.
    pub is_draft: bool,
    /// Whether all parts are marked as forwarded.
    pub is_forwarded: bool,
    /// Whether a full view shows more than the parts do (on the last part).
    pub has_html: bool,
    /// The parts; each becomes a message.
    pub parts: Vec<Part>,
}

/// One part, which becomes one message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Part {
    /// What it is.
    pub view_type: ViewType,
    /// Text, or caption of the file.
    pub text: String,
    /// The whole text (its first [`MAX_WHOLE_TEXT`](crate::message::bounds::MAX_WHOLE_TEXT) bytes) of which `text` is the
    /// part that is shown.
    pub whole: Option<String>,
    /// Quoted text.
    pub quote: Option<String>,
    /// The file.
    pub file: Option<FileContent>,
    /// Whether the text is an emoji as reaction to [`ParsedMessage::in_reply_to`] (empty retracts).
    pub is_reaction: bool,
    /// Milliseconds of audio or video.
    pub duration: Option<u64>,
}

/// A received file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileContent {
    /// Harmless name, for clients.
    pub name: String,
    /// Name as sent, freed of bidirectional controls only.
    pub raw_name: String,
    /// MIME type as sent.
    pub mime: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// Width and height of a picture.
    pub dimensions: Option<(u32, u32)>,
}

/// Group headers; absent ones are `None`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct GroupFacts {
    /// Group id, only if well-formed.
    pub id: Option<GroupId>,
    /// Current name.
    pub name: Option<String>,
    /// When it was changed.
    pub name_timestamp: Option<i64>,
    /// Old name, if this message renames.
    pub name_changed: Option<String>,
    /// Current description.
    pub description: Option<String>,
    /// When it was changed.
    pub description_timestamp: Option<i64>,
    /// Whether this message changes it.
    pub description_changed: bool,
    /// New picture.
    pub avatar: Option<Avatar>,
    /// Added member.
    pub added: Option<MemberChange>,
    /// Removed member.
    pub removed: Option<MemberChange>,
    /// Former members.
    pub past_members: Vec<Mailbox>,
    /// One per entry of `To`, then one per past member; `None` if the header is missing or malformed.
    pub member_timestamps: Option<Vec<i64>>,
    /// Fingerprints in the same order.
    pub member_fingerprints: Option<Vec<String>>,
    /// Legacy: the sender claims the group was verified.
    pub verified: bool,
}

/// A member that is added or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberChange {
    /// Lower-cased address; may be empty if only the fingerprint is given.
    pub address: String,
    /// Fingerprint as sent.
    pub fingerprint: Option<String>,
}

/// Mailing list or channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFacts {
    /// Its id.
    pub id: String,
    /// Its name; may be empty.
    pub name: String,
    /// Whether a channel (`Chat-List-ID`) or a mailing list says so.
    pub is_channel: bool,
}

/// Handshake headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HandshakeFacts {
    /// `Secure-Join`; empty if only an invite number is given.
    pub step: String,
    /// `Secure-Join-Auth`.
    pub auth: Option<String>,
    /// `Secure-Join-Invitenumber`.
    pub invite_number: Option<String>,
    /// `Secure-Join-Fingerprint`.
    pub fingerprint: Option<String>,
    /// `Secure-Join-Group`.
    pub group: Option<String>,
}

/// Headers of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call {
    /// The caller's offer.
    pub offer: Option<String>,
    /// The callee's answer.
    pub answer: Option<String>,
    /// Whether it starts with video.
    pub has_video: bool,
}

/// Read messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Their ids. None on key updates.
    pub message_ids: Vec<MessageId>,
}

/// Delivery status (RFC 3464).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BounceReport {
    /// The message that was (not) delivered.
    pub message_id: MessageId,
    /// Whether delivery failed for good.
    pub failed: bool,
    /// What to show as error.
    pub text: String,
}

impl ParsedMessage {
    /// The report of a mail server that does not write reports as RFC 3464 wants them, about one of its candidates: what
    /// it says is the error.
    pub fn bounce_of(&self, candidate: &MessageId) -> BounceReport {
        let said = self.parts.iter().find(|part| part.view_type == ViewType::Text && !part.text.is_empty());
        let text = said.map_or(DEFAULT_BOUNCE_TEXT, |part| part.text.as_str());
        BounceReport { message_id: candidate.clone(), failed: !is_warning(text), text: text.to_owned() }
    }
}

/// Whole message, or half of a split one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SplitRole {
    /// The whole message.
    #[default]
    Whole,
    /// The text; the file follows.
    Pre {
        /// Id of the post-message, which is the id of the message.
        post_id: MessageId,
        /// What will follow; `None` if unreadable.
        metadata: Option<PostMetadata>,
    },
    /// The file.
    Post,
}

/// What a system message tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SystemEvent {
    /// A member was removed or left.
    MemberRemoved,
    /// A member was added.
    MemberAdded,
    /// The group was renamed.
    GroupNameChanged,
    /// The description changed.
    GroupDescriptionChanged,
    /// The picture changed.
    GroupImageChanged,
    /// The timer of disappearing messages changed.
    EphemeralTimerChanged,
    /// Location streaming began.
    LocationStreamingEnabled,
    /// A message was pinned.
    MessagePinned,
    /// A message was unpinned.
    MessageUnpinned,
    /// A call was accepted.
    CallAccepted,
    /// A call was ended.
    CallEnded,
    /// Legacy.
    ProtectionEnabled,
    /// Legacy.
    ProtectionDisabled,
}

/// What a message is for; the first that applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// Not to be shown.
    Draft,
    /// Messages were read.
    Receipt,
    /// A key update, or a receipt that names no message.
    KeyUpdate,
    /// Delivery status.
    Bounce,
    /// New text for a message.
    Edit,
    /// Deletes messages.
    Delete,
    /// Reaction.
    Reaction,
    /// Reaction counts of a channel, alone.
    BroadcastStates,
    /// Changes by another own device.
    Sync,
    /// Updates of a mini app, alone.
    StatusUpdate,
    /// Realtime address of a peer.
    RealtimeAddress,
    /// A call was accepted.
    CallAccepted,
    /// A call was ended.
    CallEnded,
    /// Positions without text.
    LocationOnly,
    /// A handshake step other than `vg-member-added`.
    Handshake,
    /// Everything that is shown.
    Visible,
}

/// Received dates may be this many seconds in the future.
const FUTURE_TOLERANCE: i64 = 60;

impl ParsedMessage {
    /// Encrypted and signed.
    pub fn has_padlock(&self) -> bool {
        self.decrypted && self.signed
    }

    /// The sent time, given the time of receipt: never much later than that.
    pub fn sent_at(&self, received_at: i64) -> i64 {
        self.date.unwrap_or(received_at).min(received_at.saturating_add(FUTURE_TOLERANCE))
    }

    /// Whether a bot wrote it. Says nothing on receipts, sync and other mail that programs send by themselves.
    pub fn is_from_bot(&self) -> bool {
        self.auto_submitted.as_deref() == Some("auto-generated")
            && matches!(self.kind(), MessageKind::Visible | MessageKind::Reaction)
    }

    /// Whether it is mail of a mailing list that no chat program wrote.
    pub fn is_mailing_list(&self) -> bool {
        self.list.as_ref().is_some_and(|list| !list.is_channel)
    }

    /// The new text that an edit brings.
    pub fn edited_text(&self) -> &str {
        let text = self.parts.first().map_or("", |part| part.text.as_str());
        text.strip_prefix(wire::EDIT_PREFIX).unwrap_or(text)
    }

    /// What the message is for.
    pub fn kind(&self) -> MessageKind {
        let no_parts_text = self.parts.iter().all(|part| part.text.is_empty() && part.file.is_none());
        match self {
            Self { is_draft: true, .. } => MessageKind::Draft,
            Self { receipt: Some(receipt), .. } if receipt.message_ids.is_empty() => MessageKind::KeyUpdate,
            Self { receipt: Some(_), .. } => MessageKind::Receipt,
            Self { bounce: Some(_), .. } => MessageKind::Bounce,
            Self { edit: Some(_), .. } => MessageKind::Edit,
            Self { delete, .. } if !delete.is_empty() => MessageKind::Delete,
            Self { broadcast_states: Some(_), .. } if no_parts_text => MessageKind::BroadcastStates,
            Self { parts, .. } if parts.iter().any(|part| part.is_reaction) => MessageKind::Reaction,
            Self { sync_json: Some(_), .. } => MessageKind::Sync,
            Self { status_update_json: Some(_), .. } if no_parts_text => MessageKind::StatusUpdate,
            Self { iroh_node_addr: Some(_), .. } => MessageKind::RealtimeAddress,
            Self { system: Some(SystemEvent::CallAccepted), .. } => MessageKind::CallAccepted,
            Self { system: Some(SystemEvent::CallEnded), .. } => MessageKind::CallEnded,
            Self { handshake: Some(facts), .. } if facts.step != "vg-member-added" => MessageKind::Handshake,
            Self { track_kml: Some(_), point_kml: None, .. } if no_parts_text => MessageKind::LocationOnly,
            _ => MessageKind::Visible,
        }
    }
}

/// Everything that the headers alone tell.
pub(super) fn from_headers(
    headers: &Effective,
    outer: &Outer<'_>,
    decrypted: bool,
    signed: bool,
) -> Result<ParsedMessage, ParseError> {
    let [from] = <[Mailbox; 1]>::try_from(headers.from.clone()).map_err(|_| ParseError::NotOneSender)?;
    let receipt_wanted = headers.receipt_to.as_ref().is_some_and(|address| *address == from.address);
    let content = headers.raw(headers::CHAT_CONTENT).and_then(ChatContent::parse);
    let group = group_facts(headers);
    Ok(ParsedMessage {
        message_id: headers.message_id(headers::MESSAGE_ID).or_else(|| outer.message_id.clone()),
        outer_from: outer.from.as_ref().map(|mailbox| mailbox.address.clone()),
        sender_overridden: headers.has(headers::SENDER),
        to: headers.to.clone(),
        cc: headers.cc.clone(),
        date: headers.raw(headers::DATE).and_then(parse_date).or(outer.date),
        subject: headers.text(headers::SUBJECT),
        in_reply_to: headers.message_id(headers::IN_REPLY_TO),
        references: headers.message_ids(headers::REFERENCES),
        is_chat_message: headers.has(headers::CHAT_VERSION),
        decrypted,
        signed: decrypted && signed,
        autocrypt: headers.autocrypt.clone(),
        gossip: headers.gossip.clone(),
        system: system_event(headers, content, &group),
        group,
        list: list_facts(headers),
        list_post: headers.list_post.clone(),
        broadcast_secret: headers.raw(headers::CHAT_BROADCAST_SECRET).and_then(ChannelSecret::parse),
        broadcast_states: headers.text(headers::CHAT_BROADCAST_STATES),
        handshake: handshake_facts(headers),
        ephemeral_timer: headers
            .raw(headers::EPHEMERAL_TIMER)
            .and_then(parse_number)
            .filter(|seconds| *seconds > 0),
        auto_submitted: headers.raw(headers::AUTO_SUBMITTED).map(str::to_owned),
        precedence: headers.raw(headers::PRECEDENCE).map(str::to_owned),
        content,
        avatar: headers.raw(headers::CHAT_USER_AVATAR).and_then(Avatar::parse),
        split: split_role(headers, outer, decrypted)?,
        edit: headers.message_id(headers::CHAT_EDIT),
        delete: headers.message_ids(headers::CHAT_DELETE),
        call: Call {
            offer: headers.text(headers::CHAT_WEBRTC_ROOM),
            answer: headers.text(headers::CHAT_WEBRTC_ACCEPTED),
            has_video: headers
                .text(headers::CHAT_WEBRTC_HAS_VIDEO_INITIALLY)
                .and_then(|value| parse_number::<i64>(&value))
                .is_some_and(|number| number != 0),
        },
        iroh_gossip_topic: headers.raw(headers::IROH_GOSSIP_TOPIC).map(str::to_owned),
        iroh_node_addr: headers.text(headers::IROH_NODE_ADDR),
        wants_receipt: receipt_wanted,
        is_draft: headers.has(headers::X_MOZILLA_DRAFT_INFO),
        from,
        ..ParsedMessage::default()
    })
}

fn split_role(headers: &Effective, outer: &Outer<'_>, decrypted: bool) -> Result<SplitRole, ParseError> {
    if decrypted && headers.has(headers::CHAT_POST_MESSAGE_ID) {
        let post_id =
            headers.message_id(headers::CHAT_POST_MESSAGE_ID).ok_or(ParseError::PreMessageWithoutTarget)?;
        let metadata =
            headers.text(headers::CHAT_POST_MESSAGE_METADATA).and_then(|json| PostMetadata::parse(&json));
        return Ok(SplitRole::Pre { post_id, metadata });
    }
    Ok(if outer.is_post_message { SplitRole::Post } else { SplitRole::Whole })
}

fn group_facts(headers: &Effective) -> GroupFacts {
    let seconds = |name| headers.raw(name).and_then(parse_number);
    GroupFacts {
        id: headers.raw(headers::CHAT_GROUP_ID).and_then(GroupId::parse),
        name: headers.text(headers::CHAT_GROUP_NAME),
        name_timestamp: seconds(headers::CHAT_GROUP_NAME_TIMESTAMP),
        name_changed: headers.text(headers::CHAT_GROUP_NAME_CHANGED),
        description: headers.text(headers::CHAT_GROUP_DESCRIPTION),
        description_timestamp: seconds(headers::CHAT_GROUP_DESCRIPTION_TIMESTAMP),
        description_changed: headers.has(headers::CHAT_GROUP_DESCRIPTION_CHANGED),
        avatar: headers.raw(headers::CHAT_GROUP_AVATAR).and_then(Avatar::parse),
        added: member_change(headers, headers::CHAT_GROUP_MEMBER_ADDED, headers::CHAT_GROUP_MEMBER_ADDED_FPR),
        removed: member_change(
            headers,
            headers::CHAT_GROUP_MEMBER_REMOVED,
            headers::CHAT_GROUP_MEMBER_REMOVED_FPR,
        ),
        past_members: headers.past_members.clone(),
        member_timestamps: headers
            .raw(headers::CHAT_GROUP_MEMBER_TIMESTAMPS)
            .and_then(|value| value.split_whitespace().take(2 * MAX_ADDRESSES).map(parse_number).collect()),
        member_fingerprints: headers.raw(headers::CHAT_GROUP_MEMBER_FPR).map(|value| {
            value.split_whitespace().take(2 * MAX_ADDRESSES).map(str::to_ascii_uppercase).collect()
        }),
        verified: headers.has(headers::CHAT_VERIFIED),
    }
}

fn member_change(headers: &Effective, address: &str, fingerprint: &str) -> Option<MemberChange> {
    let fingerprint = headers.raw(fingerprint).map(|value| value.trim().to_ascii_uppercase());
    let address = headers.raw(address)?;
    let address = address::normalise(address);
    (!address.is_empty() || fingerprint.is_some()).then_some(MemberChange { address, fingerprint })
}

fn list_facts(headers: &Effective) -> Option<ListFacts> {
    let by = |value: &str, is_channel| {
        let decoded = decode_words(value);
        let (name, id) = split_list_id(&decoded);
        (!id.is_empty()).then(|| ListFacts { id: id.to_owned(), name: name.to_owned(), is_channel })
    };
    if let Some(value) = headers.raw(headers::LIST_ID) {
        return by(value, false);
    }
    if let Some(value) = headers.raw(headers::CHAT_LIST_ID) {
        return by(value, true);
    }
    let is_list = matches!(headers.raw(headers::PRECEDENCE), Some("list" | "bulk"));
    headers.raw(headers::SENDER).filter(|_| is_list).and_then(|value| by(value, false))
}

/// `Name <id>`, `<id>` or a bare id (RFC 2919).
fn split_list_id(text: &str) -> (&str, &str) {
    match text.rsplit_once('<').and_then(|(name, id)| Some((name, id.trim_end().strip_suffix('>')?))) {
        Some((name, id)) => (name.trim().trim_matches('"'), id.trim()),
        None => ("", text.trim()),
    }
}

fn handshake_facts(headers: &Effective) -> Option<HandshakeFacts> {
    let value = |name| headers.raw(name).map(str::to_owned);
    let step = value(headers::SECURE_JOIN);
    let invite_number = value(headers::SECURE_JOIN_INVITENUMBER);
    if step.is_none() && invite_number.is_none() {
        return None;
    }
    Some(HandshakeFacts {
        step: step.unwrap_or_default(),
        auth: value(headers::SECURE_JOIN_AUTH),
        invite_number,
        fingerprint: value(headers::SECURE_JOIN_FINGERPRINT),
        group: value(headers::SECURE_JOIN_GROUP),
    })
}

fn system_event(
    headers: &Effective,
    content: Option<ChatContent>,
    group: &GroupFacts,
) -> Option<SystemEvent> {
    if headers.has(headers::CHAT_CONTENT) {
        return match content? {
            ChatContent::Sticker | ChatContent::Call => None,
            ChatContent::CallAccepted => Some(SystemEvent::CallAccepted),
            ChatContent::CallEnded => Some(SystemEvent::CallEnded),
            ChatContent::MessagePinned => Some(SystemEvent::MessagePinned),
            ChatContent::MessageUnpinned => Some(SystemEvent::MessageUnpinned),
            ChatContent::GroupAvatarChanged => Some(SystemEvent::GroupImageChanged),
            ChatContent::EphemeralTimerChanged => Some(SystemEvent::EphemeralTimerChanged),
            ChatContent::LocationStreamingEnabled => Some(SystemEvent::LocationStreamingEnabled),
            ChatContent::ProtectionEnabled => Some(SystemEvent::ProtectionEnabled),
            ChatContent::ProtectionDisabled => Some(SystemEvent::ProtectionDisabled),
        };
    }
    if group.removed.is_some() {
        Some(SystemEvent::MemberRemoved)
    } else if group.added.is_some() {
        Some(SystemEvent::MemberAdded)
    } else if group.name_changed.is_some() {
        Some(SystemEvent::GroupNameChanged)
    } else {
        group.description_changed.then_some(SystemEvent::GroupDescriptionChanged)
    }
}

/// Milliseconds of audio or video, if plausible.
pub(super) fn duration(headers: &Effective) -> Option<u64> {
    headers.raw(headers::CHAT_DURATION).and_then(parse_number).filter(|ms| (1..MAX_DURATION_MS).contains(ms))
}
