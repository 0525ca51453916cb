//! Mails that are ready to be submitted.

use crate::ground::ids::{ChatId, ContactId};

/// A mail ready to be submitted.
pub struct Mail {
    /// Envelope recipients, own addresses last.
    pub recipients: Vec<String>,
    /// The bytes.
    pub raw: Vec<u8>,
    /// Message-ID of this mail (of the pre-message for the first half of a split attachment).
    pub mid: String,
}

/// The mails of one queue row (two for a split attachment) and what has to be remembered.
pub struct Rendered {
    /// The chat of the message.
    pub chat: Option<ChatId>,
    /// Brings the secret without which later mails of the chat cannot be opened.
    pub brings_secret: bool,
    /// In the order of sending.
    pub mails: Vec<Mail>,
    /// Fingerprints whose certificates are gossiped with it.
    pub gossiped: Vec<String>,
    /// Contacts that get the own picture with it.
    pub avatar_to: Vec<ContactId>,
}

impl Rendered {
    /// One mail, outside of the order of any chat, of which nothing has to be remembered.
    pub(super) fn single(mail: Mail) -> Self {
        Self {
            chat: None,
            brings_secret: false,
            mails: vec![mail],
            gossiped: Vec::new(),
            avatar_to: Vec::new(),
        }
    }
}
