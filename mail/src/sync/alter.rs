//! Changes of chats, and how chats are named between devices: each has its own ids.

use serde::{Deserialize, Serialize};

/// A chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatName {
    /// The single chat with a contact without key, and the contact itself.
    ContactAddr(String),
    /// The single chat with a contact, and the contact itself, by its fingerprint in upper-case hex. That of the user
    /// stands for Saved Messages.
    ContactFingerprint(String),
    /// A group, channel or mailing list.
    Grpid(String),
    /// A group without id: the chat of the first message that is known; oldest first.
    Msgids(Vec<String>),
    /// The device chat.
    Device,
}

/// A change of a chat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Blocked.
    Block,
    /// Not blocked any more.
    Unblock,
    /// A request was accepted.
    Accept,
    /// Archived, pinned or neither.
    SetVisibility(Visibility),
    /// Silenced, or not any more.
    SetMuted(MuteTime),
    /// Another name; of a contact the one that the user gives.
    Rename(String),
    /// A group that nobody else knows of yet.
    CreateGroupEncrypted(String),
    /// A channel.
    CreateOutBroadcast {
        /// Its name.
        chat_name: String,
        /// The secret that encrypts its posts.
        secret: String,
    },
    /// Members by fingerprint and address; the user has an empty address.
    SetPgpContacts(Vec<(String, String)>),
    /// Members by address, of a list without encryption.
    SetContacts(Vec<String>),
    /// Another description.
    SetDescription(String),
    /// Deleted with all messages.
    Delete,
    /// A group that others may have heard of, though a message that told of it was deleted. Volary tells it; chatmail core
    /// passes it by.
    Announced,
    /// Timer in seconds of a group that nobody else knows of yet; 0 is off. Volary tells it; chatmail core passes it by.
    SetTimer(u32),
}

/// Where a chat stands in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Visibility {
    /// By the time of its last message.
    Normal,
    /// In the archive.
    Archived,
    /// On top.
    Pinned,
}

/// How long a chat is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MuteTime {
    /// Not at all.
    NotMuted,
    /// For ever.
    Forever,
    /// Until a time.
    Until {
        /// Unix seconds.
        secs_since_epoch: u64,
        /// The part of a second.
        nanos_since_epoch: u32,
    },
}
