//! What an outgoing message is for, and how that is kept in its row until the message is rendered.
//!
//! [`Intent::store_in`] and [`Intent::of`] are the only places that know the stored form: names and values in
//! [`MessageRecord::headers`], beside the fields that a row has anyway. What is stored and not understood is an error of
//! ours; it never makes a message go out as something else.

use volary_mail::message::{ChatContent, Handshake, MessageId as Mid};
use volary_storage::records::{HeaderRecord, MessageRecord, SystemType};

use super::error::Failure;

/// Marks the new text of an edit.
pub const EDIT_MARK: &str = "✏️";
/// Text of a request to delete a message.
pub const DELETE_TEXT: &str = "🚮";

/// A member of a group or channel, as messages name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Address.
    pub address: String,
    /// Upper-case hex; empty for members without key.
    pub fingerprint: String,
}

/// What an outgoing message is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// Something that a user wrote.
    #[default]
    Text,
    /// A member was added to a group.
    MemberAdded {
        /// Who.
        member: Named,
        /// It is the last step of a handshake.
        by_handshake: bool,
    },
    /// A member was removed from a group or channel, or left it.
    MemberRemoved(Named),
    /// A new subscriber learns the secret of a channel; nobody else gets it.
    ChannelWelcome {
        /// Who.
        subscriber: Named,
        /// The secret.
        secret: String,
    },
    /// A group or channel has another name.
    NameChanged {
        /// The former name.
        old: String,
        /// The new one with the time of the change; `None` in rows of older versions: that of the chat when it is sent.
        new: Option<(String, i64)>,
    },
    /// A group or channel has another description.
    DescriptionChanged,
    /// A group or channel has another picture, or none any more.
    PictureChanged,
    /// The timer of disappearing messages changed.
    TimerChanged {
        /// Its value; `None` in rows of older versions: that of the chat when it is sent.
        seconds: Option<u32>,
    },
    /// A reaction to a message; the text is the emoji.
    Reaction {
        /// Its Message-ID.
        target: String,
    },
    /// An own message has another text.
    Edit {
        /// Its Message-ID.
        target: String,
        /// The former text.
        old_text: String,
    },
    /// Own messages are deleted everywhere.
    Delete {
        /// Their Message-IDs.
        targets: Vec<String>,
    },
    /// A message was pinned or unpinned.
    Pin {
        /// Its Message-ID.
        target: String,
        /// Pinned, not unpinned.
        pinned: bool,
    },
    /// Updates of an app; which ones is looked up when they are sent.
    AppUpdates {
        /// Message-ID of the app.
        target: String,
        /// Number of the first update.
        first: u32,
        /// Number of the last update.
        last: u32,
    },
    /// A call is answered.
    CallAccepted {
        /// Its Message-ID.
        target: String,
        /// What its message says.
        quoted: String,
        /// Own session description.
        answer: String,
    },
    /// A call is cancelled, declined or over.
    CallEnded {
        /// Its Message-ID.
        target: String,
        /// What its message says.
        quoted: String,
    },
    /// Changes for the other devices of the user; which ones is looked up when they are sent.
    Sync,
    /// The own location is streamed from now on.
    LocationStreaming,
    /// Own positions, and nothing else.
    Locations,
    /// Where the realtime channel of an app is reached on this device.
    RealtimeAddress {
        /// Message-ID of the app.
        target: String,
        /// The address, JSON.
        address: String,
    },
    /// A step of a handshake.
    Handshake(Handshake),
}

/// Names under which parts of an intent are stored. Those with a colon never were names of header fields.
mod name {
    pub const REACTION: &str = ":reaction";
    pub const QUOTE: &str = ":quote";
    pub const APP_UPDATES: &str = ":app-updates";
    pub const SYNC: &str = ":sync";
    pub const REALTIME_ADDRESS: &str = ":realtime-address";
    pub const EDIT: &str = "Chat-Edit";
    pub const DELETE: &str = "Chat-Delete";
    pub const CONTENT: &str = "Chat-Content";
    pub const ADDED: &str = "Chat-Group-Member-Added";
    pub const ADDED_FINGERPRINT: &str = "Chat-Group-Member-Added-Fpr";
    pub const REMOVED: &str = "Chat-Group-Member-Removed";
    pub const REMOVED_FINGERPRINT: &str = "Chat-Group-Member-Removed-Fpr";
    pub const NAME_CHANGED: &str = "Chat-Group-Name-Changed";
    pub const NEW_NAME: &str = ":name";
    pub const NAME_TIME: &str = ":name-time";
    pub const TIMER: &str = ":timer";
    pub const DESCRIPTION_CHANGED: &str = "Chat-Group-Description-Changed";
    pub const CHANNEL_SECRET: &str = "Chat-Broadcast-Secret";
    pub const LOCATIONS: &str = ":locations";
    pub const ANSWER: &str = ":call-answer";
    pub const STEP: &str = "Secure-Join";
    pub const AUTH: &str = "Secure-Join-Auth";
    pub const INVITE_NUMBER: &str = "Secure-Join-Invitenumber";
    pub const FINGERPRINT: &str = "Secure-Join-Fingerprint";
    pub const GROUP: &str = "Secure-Join-Group";
}

/// The step that goes along when a handshake ends with a new member.
pub const MEMBER_ADDED_STEP: &str = "vg-member-added";

/// A stored intent that makes no sense. No row that the engine wrote is like that.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    /// A part that no intent has, or not together with the others.
    #[error("a message to be sent has an unknown part {0:?}")]
    Unknown(String),
    /// A part whose value cannot be read.
    #[error("a message to be sent has a malformed part {0:?}")]
    Malformed(&'static str),
}

impl From<IntentError> for Failure {
    fn from(error: IntentError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl Intent {
    /// What the message is about if it is a system message.
    pub fn system_type(&self) -> SystemType {
        match self {
            Self::Text
            | Self::Reaction { .. }
            | Self::Edit { .. }
            | Self::Delete { .. }
            | Self::CallAccepted { .. }
            | Self::CallEnded { .. } => SystemType::None,
            Self::MemberAdded { .. } | Self::ChannelWelcome { .. } => SystemType::MemberAdded,
            Self::MemberRemoved(_) => SystemType::MemberRemoved,
            Self::NameChanged { .. } => SystemType::GroupNameChanged,
            Self::DescriptionChanged => SystemType::GroupDescriptionChanged,
            Self::PictureChanged => SystemType::GroupImageChanged,
            Self::TimerChanged { .. } => SystemType::EphemeralTimerChanged,
            Self::LocationStreaming => SystemType::LocationStreamingEnabled,
            Self::Locations => SystemType::LocationOnly,
            Self::Pin { pinned: true, .. } => SystemType::MessagePinned,
            Self::Pin { pinned: false, .. } => SystemType::MessageUnpinned,
            Self::AppUpdates { .. } => SystemType::WebxdcStatusUpdate,
            Self::Sync => SystemType::MultiDeviceSync,
            Self::RealtimeAddress { .. } => SystemType::RealtimeAddress,
            Self::Handshake(_) => SystemType::Securejoin,
        }
    }

    /// Whether the message is shown nowhere.
    pub fn is_hidden(&self) -> bool {
        matches!(
            self,
            Self::Reaction { .. }
                | Self::Edit { .. }
                | Self::Delete { .. }
                | Self::ChannelWelcome { .. }
                | Self::AppUpdates { .. }
                | Self::CallAccepted { .. }
                | Self::CallEnded { .. }
                | Self::Sync
                | Self::Locations
                | Self::RealtimeAddress { .. }
                | Self::Handshake(_)
        )
    }

    /// Whether own positions go along while the location is streamed to the chat.
    pub fn brings_positions(&self) -> bool {
        !matches!(
            self,
            Self::Reaction { .. }
                | Self::Edit { .. }
                | Self::Delete { .. }
                | Self::ChannelWelcome { .. }
                | Self::Sync
                | Self::RealtimeAddress { .. }
                | Self::Handshake(_)
        )
    }

    /// Whether description and picture of the group go along.
    pub fn brings_group_data(&self) -> bool {
        matches!(
            self,
            Self::MemberAdded { .. }
                | Self::ChannelWelcome { .. }
                | Self::DescriptionChanged
                | Self::PictureChanged
        )
    }

    /// Whether the keys of all recipients go along, whatever was sent before.
    pub fn gossips(&self) -> bool {
        matches!(self, Self::MemberAdded { .. } | Self::ChannelWelcome { .. })
    }

    /// The text for other mail programs, where it is another one than here; else empty.
    fn wire_text(&self) -> String {
        match self {
            Self::MemberAdded { member, .. } | Self::ChannelWelcome { subscriber: member, .. } => {
                format!("Member {} was added.", member.address)
            }
            Self::MemberRemoved(member) => format!("Member {} was removed.", member.address),
            Self::NameChanged { .. } => "Chat name changed.".to_owned(),
            Self::DescriptionChanged => {
                "[Chat description changed. To see this and other new features, please update the app]"
                    .to_owned()
            }
            Self::PictureChanged => "Chat image changed.".to_owned(),
            _ => String::new(),
        }
    }

    /// The Message-ID of the message that this one is about.
    fn target(&self) -> Option<&str> {
        match self {
            Self::Reaction { target }
            | Self::Edit { target, .. }
            | Self::Pin { target, .. }
            | Self::AppUpdates { target, .. }
            | Self::RealtimeAddress { target, .. }
            | Self::CallAccepted { target, .. }
            | Self::CallEnded { target, .. } => Some(target),
            _ => None,
        }
    }

    /// What the message quotes for other mail programs.
    fn quoted(&self) -> Option<&str> {
        match self {
            Self::CallAccepted { quoted, .. } | Self::CallEnded { quoted, .. } => Some(quoted),
            _ => None,
        }
    }

    /// Makes a row the row of a message with this intent; its text and chat are set by others.
    pub fn store_in(&self, record: &mut MessageRecord) {
        record.system_type = self.system_type();
        record.hidden = self.is_hidden();
        record.with_group_data = self.brings_group_data();
        record.wire_text = self.wire_text();
        if let Some(target) = self.target() {
            target.clone_into(&mut record.in_reply_to);
        }
        if let Some(quoted) = self.quoted() {
            record.has_quote = true;
            quoted.clone_into(&mut record.quote);
        }
        let parts = self.parts().into_iter();
        record.headers = parts.map(|(name, value)| HeaderRecord { name: name.to_owned(), value }).collect();
    }

    fn parts(&self) -> Vec<(&'static str, String)> {
        let content = |content: ChatContent| vec![(name::CONTENT, content.as_str().to_owned())];
        match self {
            Self::Text => Vec::new(),
            Self::MemberAdded { member, by_handshake } => {
                let mut parts = named(name::ADDED, name::ADDED_FINGERPRINT, member);
                if *by_handshake {
                    parts.push((name::STEP, MEMBER_ADDED_STEP.to_owned()));
                }
                parts
            }
            Self::MemberRemoved(member) => named(name::REMOVED, name::REMOVED_FINGERPRINT, member),
            Self::ChannelWelcome { subscriber, secret } => {
                let mut parts = named(name::ADDED, name::ADDED_FINGERPRINT, subscriber);
                parts.push((name::STEP, MEMBER_ADDED_STEP.to_owned()));
                parts.push((name::CHANNEL_SECRET, secret.clone()));
                parts
            }
            Self::NameChanged { old, new } => {
                let mut parts = vec![(name::NAME_CHANGED, old.clone())];
                if let Some((new, time)) = new {
                    parts.push((name::NEW_NAME, new.clone()));
                    parts.push((name::NAME_TIME, time.to_string()));
                }
                parts
            }
            Self::DescriptionChanged => vec![(name::DESCRIPTION_CHANGED, String::new())],
            Self::PictureChanged => content(ChatContent::GroupAvatarChanged),
            Self::TimerChanged { seconds } => {
                let mut parts = content(ChatContent::EphemeralTimerChanged);
                parts.extend(seconds.map(|seconds| (name::TIMER, seconds.to_string())));
                parts
            }
            Self::Reaction { .. } => vec![(name::REACTION, "1".to_owned())],
            Self::Edit { target, old_text } => {
                vec![(name::EDIT, format!("<{target}>")), (name::QUOTE, old_text.clone())]
            }
            Self::Delete { targets } => vec![(name::DELETE, format!("<{}>", targets.join(" ")))],
            Self::Pin { pinned: true, .. } => content(ChatContent::MessagePinned),
            Self::Pin { pinned: false, .. } => content(ChatContent::MessageUnpinned),
            Self::AppUpdates { first, last, .. } => vec![(name::APP_UPDATES, format!("{first}-{last}"))],
            Self::CallAccepted { answer, .. } => {
                let mut parts = content(ChatContent::CallAccepted);
                parts.push((name::ANSWER, answer.clone()));
                parts
            }
            Self::CallEnded { .. } => content(ChatContent::CallEnded),
            Self::Sync => vec![(name::SYNC, "1".to_owned())],
            Self::LocationStreaming => content(ChatContent::LocationStreamingEnabled),
            Self::Locations => vec![(name::LOCATIONS, "1".to_owned())],
            Self::RealtimeAddress { address, .. } => vec![(name::REALTIME_ADDRESS, address.clone())],
            Self::Handshake(step) => step_parts(step),
        }
    }

    /// The intent of a handshake mail with these header fields.
    pub fn handshake<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, IntentError> {
        let part =
            |(name, value): (&str, &str)| HeaderRecord { name: name.to_owned(), value: value.to_owned() };
        let headers = fields.into_iter().map(part).collect();
        Self::of(&MessageRecord { system_type: SystemType::Securejoin, headers, ..Default::default() })
    }

    /// The intent of a stored message.
    pub fn of(record: &MessageRecord) -> Result<Self, IntentError> {
        let mut parts = Parts(record.headers.iter().map(Some).collect());
        let intent = if record.system_type == SystemType::Securejoin {
            parts.handshake()
        } else {
            parts.chat(record)?
        };
        match parts.0.into_iter().flatten().next() {
            Some(left) => Err(IntentError::Unknown(left.name.clone())),
            None => Ok(intent),
        }
    }
}

fn named(address: &'static str, fingerprint: &'static str, member: &Named) -> Vec<(&'static str, String)> {
    vec![(address, member.address.clone()), (fingerprint, member.fingerprint.clone())]
}

fn step_parts(step: &Handshake) -> Vec<(&'static str, String)> {
    let optional = [
        (name::AUTH, &step.auth),
        (name::INVITE_NUMBER, &step.invite_number),
        (name::FINGERPRINT, &step.fingerprint),
        (name::GROUP, &step.group),
    ];
    let mut parts = vec![(name::STEP, step.step.clone())];
    parts.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    parts
}

/// The stored parts that were not understood yet.
struct Parts<'a>(Vec<Option<&'a HeaderRecord>>);

impl Parts<'_> {
    fn take(&mut self, name: &str) -> Option<String> {
        let wanted =
            |part: &&mut Option<&HeaderRecord>| part.is_some_and(|part| part.name.eq_ignore_ascii_case(name));
        self.0.iter_mut().find(wanted)?.take().map(|part| part.value.clone())
    }

    fn handshake(&mut self) -> Intent {
        Intent::Handshake(Handshake {
            step: self.take(name::STEP).unwrap_or_default(),
            auth: self.take(name::AUTH),
            invite_number: self.take(name::INVITE_NUMBER),
            fingerprint: self.take(name::FINGERPRINT),
            group: self.take(name::GROUP),
        })
    }

    fn chat(&mut self, record: &MessageRecord) -> Result<Intent, IntentError> {
        let target = || record.in_reply_to.clone();
        if self.take(name::REACTION).is_some() {
            return Ok(Intent::Reaction { target: target() });
        }
        if self.take(name::LOCATIONS).is_some() {
            return Ok(Intent::Locations);
        }
        if let Some(stored) = self.take(name::EDIT) {
            let target = Mid::parse(&stored).ok_or(IntentError::Malformed(name::EDIT))?;
            let old_text = self.take(name::QUOTE).unwrap_or_default();
            return Ok(Intent::Edit { target: target.as_str().to_owned(), old_text });
        }
        if let Some(stored) = self.take(name::DELETE) {
            let ids = stored.split_whitespace().map(|id| Mid::parse(id).map(|id| id.as_str().to_owned()));
            let targets: Option<Vec<String>> = ids.collect();
            let targets = targets.filter(|targets| !targets.is_empty());
            return Ok(Intent::Delete { targets: targets.ok_or(IntentError::Malformed(name::DELETE))? });
        }
        if let Some(stored) = self.take(name::APP_UPDATES) {
            let ends = stored
                .split_once('-')
                .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)));
            let (first, last) = ends.ok_or(IntentError::Malformed(name::APP_UPDATES))?;
            return Ok(Intent::AppUpdates { target: target(), first, last });
        }
        if self.take(name::SYNC).is_some() {
            return Ok(Intent::Sync);
        }
        if let Some(address) = self.take(name::REALTIME_ADDRESS) {
            return Ok(Intent::RealtimeAddress { target: target(), address });
        }
        if let Some(address) = self.take(name::ADDED) {
            return self.added(address);
        }
        if let Some(address) = self.take(name::REMOVED) {
            let fingerprint = self.take(name::REMOVED_FINGERPRINT).unwrap_or_default();
            return Ok(Intent::MemberRemoved(Named { address, fingerprint }));
        }
        if let Some(old) = self.take(name::NAME_CHANGED) {
            let new = match self.take(name::NEW_NAME) {
                Some(new) => Some((new, self.number(name::NAME_TIME)?.unwrap_or(0))),
                None => None,
            };
            return Ok(Intent::NameChanged { old, new });
        }
        if self.take(name::DESCRIPTION_CHANGED).is_some() {
            return Ok(Intent::DescriptionChanged);
        }
        Ok(match self.take(name::CONTENT).as_deref().map(ChatContent::parse) {
            None => Intent::Text,
            Some(Some(ChatContent::GroupAvatarChanged)) => Intent::PictureChanged,
            Some(Some(ChatContent::EphemeralTimerChanged)) => {
                Intent::TimerChanged { seconds: self.number(name::TIMER)? }
            }
            Some(Some(ChatContent::MessagePinned)) => Intent::Pin { target: target(), pinned: true },
            Some(Some(ChatContent::MessageUnpinned)) => Intent::Pin { target: target(), pinned: false },
            Some(Some(ChatContent::LocationStreamingEnabled)) => Intent::LocationStreaming,
            Some(Some(ChatContent::CallAccepted)) => Intent::CallAccepted {
                target: target(),
                quoted: record.quote.clone(),
                answer: self.take(name::ANSWER).unwrap_or_default(),
            },
            Some(Some(ChatContent::CallEnded)) => {
                Intent::CallEnded { target: target(), quoted: record.quote.clone() }
            }
            Some(_) => return Err(IntentError::Malformed(name::CONTENT)),
        })
    }

    fn number<N: std::str::FromStr>(&mut self, name: &'static str) -> Result<Option<N>, IntentError> {
        let value = self.take(name).map(|text| text.parse().map_err(|_| IntentError::Malformed(name)));
        value.transpose()
    }

    fn added(&mut self, address: String) -> Result<Intent, IntentError> {
        let member = Named { address, fingerprint: self.take(name::ADDED_FINGERPRINT).unwrap_or_default() };
        let step = self.take(name::STEP);
        if step.as_deref().is_some_and(|step| step != MEMBER_ADDED_STEP) {
            return Err(IntentError::Malformed(name::STEP));
        }
        Ok(match self.take(name::CHANNEL_SECRET) {
            Some(secret) => Intent::ChannelWelcome { subscriber: member, secret },
            None => Intent::MemberAdded { member, by_handshake: step.is_some() },
        })
    }
}

#[cfg(test)]
mod tests;
