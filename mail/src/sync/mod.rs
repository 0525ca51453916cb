//! Sync messages: what one device of a profile tells the others, as items in `multi-device-sync.json`.
//!
//! An item is a change that no message to others carries: a chat is pinned, a contact blocked, a setting made. The forms
//! are those of chatmail core 2.65. Items are applied in order, and each has to be idempotent.

mod alter;
mod relays;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use alter::{Action, ChatName, MuteTime, Visibility};
pub use relays::{Relays, RemovedRelay, SharedRelay};

/// Largest content of a sync message that is read, in bytes. The own picture is the largest item.
pub const MAX_JSON: usize = 8 << 20;
/// More items of a message are not read.
pub const MAX_ITEMS: usize = 10_000;

/// A change, with the time at which it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Unix seconds, by the clock of the device that made it.
    pub time: i64,
    /// Orders changes of one second, and of devices whose clocks differ. Volary adds it; it is `None` from devices with
    /// chatmail core, which pay no attention to it.
    pub order: Option<u32>,
    /// The change.
    pub change: Change,
}

/// What has changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Secrets of an invite that now hold.
    AddQrToken(Tokens),
    /// Secrets of an invite that no longer hold.
    DeleteQrToken(Tokens),
    /// A chat, or the contact of a single chat.
    AlterChat {
        /// Which.
        id: ChatName,
        /// What.
        action: Action,
        /// With the members of a group that nobody else knows of: when each was added and removed. Volary adds it;
        /// chatmail core pays no attention to it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        members: Vec<MemberTimes>,
        /// With the deletion of a chat: what went. Volary adds it; chatmail core pays no attention to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        known: Option<KnownMessages>,
    },
    /// A setting.
    Config {
        /// Which.
        key: Setting,
        /// Its value; of the own picture in base64, empty for none.
        val: String,
    },
    /// A message was copied to the saved ones.
    SaveMessage {
        /// Message-ID of the original, without angle brackets.
        src: String,
        /// Message-ID of the copy.
        dest: String,
        /// What was saved, for devices on which the message is not there any more, not yet, or was edited. Volary adds
        /// it; chatmail core pays no attention to it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copy: Option<Box<SavedCopy>>,
    },
    /// Messages were deleted.
    DeleteMessages {
        /// Their Message-IDs, without angle brackets.
        msgs: Vec<String>,
    },
    /// A relay was added, changed or removed; the whole state.
    Transports(Relays),
}

impl Change {
    /// A change of a chat, or of the contact of a single chat.
    pub fn alter(id: ChatName, action: Action) -> Self {
        Self::AlterChat { id, action, members: Vec::new(), known: None }
    }
}

/// The messages of a chat that a device knew when the user deleted it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownMessages {
    /// All that were sent before this time, in Unix seconds.
    pub since: i64,
    /// Of later ones these: the first eight bytes of the BLAKE3 hash of each Message-ID, in lower-case hex.
    pub digests: Vec<String>,
}

/// Since when somebody is or was a member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberTimes {
    /// Fingerprint, as in [`Action::SetPgpContacts`].
    pub key: String,
    /// Address; empty for the user.
    pub addr: String,
    /// Time of the last addition, in Unix seconds.
    pub added: i64,
    /// Time of the last removal; 0 if there was none.
    pub removed: i64,
}

/// A message that was copied to the saved ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedCopy {
    /// Fingerprint of the author; empty if there is none.
    pub key: String,
    /// Address of the author; empty for the user.
    pub addr: String,
    /// Sent time of the message, in Unix seconds.
    pub sent: i64,
    /// The text.
    pub text: String,
    /// What it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<String>,
    /// The author had edited it.
    #[serde(default)]
    pub edited: bool,
    /// It was forwarded.
    #[serde(default)]
    pub forwarded: bool,
    /// Name of the file; empty if there is none.
    #[serde(default)]
    pub file_name: String,
}

/// Secrets of an invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    /// The public one.
    pub invitenumber: String,
    /// The secret one.
    pub auth: String,
    /// The group or channel; none for an invite to the user.
    pub grpid: Option<String>,
}

/// Settings that devices share. Any other is refused: a device must not switch off the synchronisation of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Setting {
    /// Name of the user.
    Displayname,
    /// Whether receipts are sent.
    MdnsEnabled,
    /// Picture of the user.
    Selfavatar,
    /// Status text of the user.
    Selfstatus,
    /// Whether clear text is refused.
    ForceEncryption,
}

impl Setting {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Displayname, Self::MdnsEnabled, Self::Selfavatar, Self::Selfstatus, Self::ForceEncryption];

    /// Its name as a setting of a profile.
    pub fn key(self) -> &'static str {
        match self {
            Self::Displayname => "displayname",
            Self::MdnsEnabled => "mdns_enabled",
            Self::Selfavatar => "selfavatar",
            Self::Selfstatus => "selfstatus",
            Self::ForceEncryption => "force_encryption",
        }
    }

    /// The shared setting with this name.
    pub fn by_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|setting| setting.key() == key)
    }
}

/// What a sync message holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// Items that are understood, in order.
    pub items: Vec<Item>,
    /// Why others are not.
    pub skipped: Vec<String>,
}

/// Why nothing of a sync message is used.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// It is not of the form.
    #[error("the items of a sync message cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It is larger than any device writes.
    #[error("a sync message has {0} bytes or too many items")]
    TooLarge(usize),
}

#[derive(Deserialize)]
struct Envelope {
    items: Vec<Enveloped>,
}

#[derive(Deserialize)]
struct Enveloped {
    timestamp: i64,
    #[serde(default)]
    order: Option<Value>,
    data: Value,
}

/// Reads the content of a sync message. What is not understood is skipped; the others count.
pub fn read(json: &str) -> Result<Items, SyncError> {
    if json.len() > MAX_JSON {
        return Err(SyncError::TooLarge(json.len()));
    }
    let envelope: Envelope = serde_json::from_str(json)?;
    if envelope.items.len() > MAX_ITEMS {
        return Err(SyncError::TooLarge(json.len()));
    }
    let mut read = Items::default();
    for Enveloped { timestamp, order, data } in envelope.items {
        let order = order.and_then(|order| order.as_u64()).and_then(|order| u32::try_from(order).ok());
        match serde_json::from_value(data) {
            Ok(change) => read.items.push(Item { time: timestamp, order, change }),
            Err(error) => read.skipped.push(error.to_string()),
        }
    }
    Ok(read)
}

/// The written form of a change.
pub fn write(change: &Change) -> Result<String, serde_json::Error> {
    serde_json::to_string(change)
}

/// The content of a sync message: times with their order and written changes.
pub fn join<'a>(items: impl IntoIterator<Item = (i64, u32, &'a str)>) -> String {
    let items = items
        .into_iter()
        .map(|(time, order, data)| format!("{{\"timestamp\":{time},\"data\":{data},\"order\":{order}}}"));
    format!("{{\"items\":[\n{}\n]}}", items.collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests;
