//! Optional headers of a message and how each is written.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_builder::headers::HeaderType;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use mail_builder::headers::text::Text;

use crate::message::avatar::{Avatar, foldable};
use crate::message::headers::ChatContent;
use crate::message::mailbox::Mailbox;

/// One header that only some messages have. All are protected: they stand inside the payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatHeader {
    /// `Chat-Group-Past-Members`.
    PastMembers(Vec<Mailbox>),
    /// `Chat-Group-Member-Timestamps`: one per entry of `To`, then one per past member.
    MemberTimestamps(Vec<i64>),
    /// `Chat-Group-Member-Fpr` in the same order, upper-case hex.
    MemberFingerprints(Vec<String>),
    /// `Chat-List-ID` of a channel.
    ListId {
        /// Name of the channel.
        name: String,
        /// Its id.
        id: String,
    },
    /// `Chat-Broadcast-Secret`.
    BroadcastSecret(String),
    /// `Chat-Disposition-Notification-To` with the own address.
    RequestReceipt,
    /// `Ephemeral-Timer` in seconds; 0 writes no header.
    EphemeralTimer(u32),
    /// `Chat-Group-ID`.
    GroupId(String),
    /// `Chat-Group-Name`.
    GroupName(String),
    /// `Chat-Group-Name-Timestamp`.
    GroupNameTimestamp(i64),
    /// `Chat-Group-Name-Changed` with the **old** name.
    GroupNameChanged(String),
    /// `Chat-Group-Description`.
    GroupDescription(String),
    /// `Chat-Group-Description-Timestamp`.
    GroupDescriptionTimestamp(i64),
    /// `Chat-Group-Description-Changed`.
    GroupDescriptionChanged,
    /// `Chat-Group-Avatar`.
    GroupAvatar(Avatar),
    /// `Chat-Group-Member-Added` and its fingerprint header.
    MemberAdded {
        /// Address.
        address: String,
        /// Upper-case hex; empty for members without key.
        fingerprint: String,
    },
    /// `Chat-Group-Member-Removed` and its fingerprint header.
    MemberRemoved {
        /// Address.
        address: String,
        /// Upper-case hex; empty for members without key.
        fingerprint: String,
    },
    /// `Chat-Content`.
    Content(ChatContent),
    /// `Secure-Join` on an ordinary message (`vg-member-added`).
    SecureJoin(String),
    /// `Chat-Voice-Message: 1`.
    VoiceMessage,
    /// `Chat-Duration` in milliseconds.
    Duration(u64),
    /// `Chat-Webrtc-Room` with the offer of a call.
    WebrtcRoom(String),
    /// `Chat-Webrtc-Accepted` with the answer.
    WebrtcAccepted(String),
    /// `Chat-Webrtc-Has-Video-Initially`.
    WebrtcHasVideo(bool),
    /// `Iroh-Gossip-Topic`.
    IrohGossipTopic(String),
    /// `Iroh-Node-Addr` as JSON.
    IrohNodeAddr(String),
    /// `Chat-Broadcast-States` as JSON, on a message that is resent to a new subscriber.
    BroadcastStates(String),
    /// `Chat-User-Avatar`.
    UserAvatar(Avatar),
}

/// A header ready for mail-builder.
pub(super) type Field = (Cow<'static, str>, HeaderType<'static>);

impl ChatHeader {
    /// Place in the usual order of a payload; equal ranks keep the caller's order.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::PastMembers(_) => 0,
            Self::MemberTimestamps(_) => 1,
            Self::MemberFingerprints(_) => 2,
            Self::ListId { .. } => 10,
            Self::BroadcastSecret(_) => 11,
            Self::RequestReceipt => 20,
            Self::EphemeralTimer(_) => 30,
            Self::UserAvatar(_) => 50,
            _ => 40,
        }
    }

    /// Whether a clear mail may carry it. Pictures would leak and make the header block too large for some servers; who
    /// reads the topic of a realtime channel can join it.
    pub(super) fn allowed_in_clear(&self) -> bool {
        !matches!(
            self,
            Self::UserAvatar(_)
                | Self::GroupAvatar(_)
                | Self::BroadcastSecret(_)
                | Self::IrohGossipTopic(_)
                | Self::IrohNodeAddr(_)
        )
    }

    /// Whether the file half of a split message carries it.
    pub(super) fn allowed_in_post(&self) -> bool {
        !matches!(self, Self::UserAvatar(_))
    }

    /// The fields to write; `own` is the sender's address.
    pub(super) fn fields(&self, own: &str) -> Vec<Field> {
        match self {
            Self::PastMembers(members) => vec![field("Chat-Group-Past-Members", address_list(members))],
            Self::MemberTimestamps(times) => {
                vec![raw("Chat-Group-Member-Timestamps", &joined(times.iter().map(i64::to_string)))]
            }
            Self::MemberFingerprints(fprs) => {
                vec![raw("Chat-Group-Member-Fpr", &joined(fprs.iter().cloned()))]
            }
            Self::ListId { name, id } => vec![text("Chat-List-ID", format!("{name} <{id}>"))],
            Self::BroadcastSecret(secret) => vec![raw("Chat-Broadcast-Secret", secret)],
            Self::RequestReceipt => vec![raw("Chat-Disposition-Notification-To", own)],
            Self::EphemeralTimer(0) => Vec::new(),
            Self::EphemeralTimer(seconds) => vec![raw("Ephemeral-Timer", &seconds.to_string())],
            Self::GroupId(id) => vec![raw("Chat-Group-ID", id)],
            Self::GroupName(name) => vec![text("Chat-Group-Name", name.clone())],
            Self::GroupNameTimestamp(at) => vec![raw("Chat-Group-Name-Timestamp", &at.to_string())],
            Self::GroupNameChanged(old) => vec![text("Chat-Group-Name-Changed", old.clone())],
            Self::GroupDescription(description) => vec![b_word("Chat-Group-Description", description)],
            Self::GroupDescriptionTimestamp(at) => {
                vec![raw("Chat-Group-Description-Timestamp", &at.to_string())]
            }
            Self::GroupDescriptionChanged => vec![raw("Chat-Group-Description-Changed", "")],
            Self::GroupAvatar(avatar) => vec![raw("Chat-Group-Avatar", &avatar.header_value())],
            Self::MemberAdded { address, fingerprint } => {
                member_change("Chat-Group-Member-Added", "Chat-Group-Member-Added-Fpr", address, fingerprint)
            }
            Self::MemberRemoved { address, fingerprint } => member_change(
                "Chat-Group-Member-Removed",
                "Chat-Group-Member-Removed-Fpr",
                address,
                fingerprint,
            ),
            Self::Content(content) => vec![raw("Chat-Content", content.as_str())],
            Self::SecureJoin(step) => vec![raw("Secure-Join", step)],
            Self::VoiceMessage => vec![raw("Chat-Voice-Message", "1")],
            Self::Duration(ms) => vec![raw("Chat-Duration", &ms.to_string())],
            Self::WebrtcRoom(offer) => vec![b_word("Chat-Webrtc-Room", offer)],
            Self::WebrtcAccepted(answer) => vec![b_word("Chat-Webrtc-Accepted", answer)],
            Self::WebrtcHasVideo(video) => {
                vec![b_word("Chat-Webrtc-Has-Video-Initially", if *video { "1" } else { "0" })]
            }
            Self::IrohGossipTopic(topic) => vec![raw("Iroh-Gossip-Topic", topic)],
            Self::IrohNodeAddr(json) => vec![b_word("Iroh-Node-Addr", json)],
            Self::BroadcastStates(json) => vec![b_word("Chat-Broadcast-States", json)],
            Self::UserAvatar(avatar) => vec![raw("Chat-User-Avatar", &avatar.header_value())],
        }
    }
}

fn member_change(name: &'static str, fpr_name: &'static str, address: &str, fingerprint: &str) -> Vec<Field> {
    let mut fields = vec![raw(name, address)];
    if !fingerprint.is_empty() {
        fields.push(raw(fpr_name, fingerprint));
    }
    fields
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(" ")
}

/// A field from any mail-builder value.
pub(super) fn field(name: &'static str, value: impl Into<HeaderType<'static>>) -> Field {
    (Cow::Borrowed(name), value.into())
}

/// A field written as it stands. Control characters become blanks, so that a value cannot start another field.
pub(super) fn raw(name: &'static str, value: &str) -> Field {
    let value: String = value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    field(name, Raw::new(value))
}

/// Free text: as it stands if plain ASCII, else as encoded words (RFC 2047).
pub(super) fn text(name: &'static str, value: String) -> Field {
    // Text that looks like an encoded word, or whose blanks a reader would trim, is encoded to survive.
    let fragile = value.contains("=?") || value.trim() != value || value.contains(['\r', '\n']);
    if fragile { b_word(name, &value) } else { field(name, Text::new(value)) }
}

/// Exactly one encoded word for the whole value, which may hold line breaks.
pub(super) fn b_word(name: &'static str, value: &str) -> Field {
    field(name, Raw::new(format!("=?utf-8?B?{}?=", STANDARD.encode(value))))
}

/// One mailbox.
pub(super) fn address(mailbox: &Mailbox) -> Address<'static> {
    let address: String = mailbox
        .address
        .chars()
        .filter(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>'))
        .collect();
    let name: String = mailbox.name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let name = name.trim();
    let named = !name.is_empty() && name != mailbox.address;
    Address::new_address(named.then(|| name.to_owned()), address)
}

/// Several mailboxes.
pub(super) fn address_list(mailboxes: &[Mailbox]) -> Address<'static> {
    Address::new_list(mailboxes.iter().map(address).collect())
}

/// Base64 characters before the first fold of `keydata=`, which together fill a line.
const FIRST_KEY_CHUNK: usize = 70;
/// Base64 characters of each further line.
const KEY_CHUNK: usize = 78;

/// An `Autocrypt` value with blanks in the key data where the line may be folded, whether it came with some or not.
pub(super) fn key_header(name: &'static str, value: &str) -> Field {
    const KEYDATA: &str = "keydata=";
    let Some(at) = value.find(KEYDATA) else {
        return raw(name, value);
    };
    let (attributes, data) = value.split_at(at + KEYDATA.len());
    let data: String = data.chars().filter(|c| c.is_ascii() && !c.is_ascii_whitespace()).collect();
    let (first, rest) = data.split_at(data.len().min(FIRST_KEY_CHUNK));
    let separator = if rest.is_empty() { "" } else { " " };
    raw(name, &format!("{attributes}{first}{separator}{}", foldable(rest, KEY_CHUNK)))
}
