//! From an [`Outgoing`] to the bytes of a mail.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Outgoing`] and what it consists of: plain data, filled in by the caller |
//! | [`header`] | the optional headers and how each is written |
//! | [`body`] | the text part and the MIME tree of each [`Body`] |
//! | [`render`] | payload, encrypted frame, clear-text mail |
//! | [`split`] | pre-message and post-message of a large file |
//! | [`thread`] | subject and references of an answer |

pub mod body;
pub mod header;
pub mod render;
pub mod split;
pub mod thread;

#[cfg(test)]
mod tests;

pub use header::ChatHeader;
pub use render::{OuterHeaders, render_encrypted, render_payload, render_unencrypted};
pub use split::split_large;

use super::headers;
use super::ids::MessageId;
use super::mailbox::Mailbox;
use super::post::PostMetadata;

/// Everything about one mail to be sent, before encryption.
#[derive(Debug, Clone, PartialEq)]
pub struct Outgoing {
    /// Sender with the name it shows. Kinds of mail that must not reveal a name drop it when rendered.
    pub from: Mailbox,
    /// The configured sender when [`Outgoing::from`] shows an overridden name.
    pub sender: Option<Mailbox>,
    /// Who is named as recipient in the protected part.
    pub to: Recipients,
    /// Own id of this mail.
    pub message_id: MessageId,
    /// The message that is answered, edited, reacted to, pinned…
    pub in_reply_to: Option<MessageId>,
    /// The thread, oldest first; see [`thread::references`].
    pub references: Vec<MessageId>,
    /// True time of the message in Unix seconds.
    pub date: i64,
    /// Subject; kinds of mail with a fixed subject ignore it.
    pub subject: String,
    /// Marks mail of a bot. Kinds that are always automatic need no mark.
    pub auto_submitted: Option<AutoSubmitted>,
    /// Value of the `Autocrypt` header, if the own key travels with this mail.
    pub autocrypt: Option<String>,
    /// Values of the `Autocrypt-Gossip` headers, in the order of the recipients.
    pub gossip: Vec<String>,
    /// Further headers, in any order.
    pub headers: Vec<ChatHeader>,
    /// Whole message, or one half of a split one.
    pub stage: Stage,
    /// The content.
    pub body: Body,
}

/// Who stands in the protected `To`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipients {
    /// Nobody is named: `"hidden-recipients": ;`.
    Hidden,
    /// These, in this order.
    Listed(Vec<Mailbox>),
}

/// RFC 3834 mark of mail that no human wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AutoSubmitted {
    /// By a bot or by the program itself.
    Generated,
    /// An automatic answer.
    Replied,
}

/// Which part of a message this mail is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Stage {
    /// The whole message.
    #[default]
    Whole,
    /// The text, announcing the file that follows.
    Pre {
        /// Id of the post-message, which is the id of the message.
        post_id: MessageId,
        /// What will follow.
        metadata: PostMetadata,
    },
    /// The file of a message whose text went before.
    Post,
}

/// The content of a mail, by kind.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Text, files, info messages: whatever is an ordinary chat message. System messages are this with the text of
    /// [`super::text::wire`] and the headers that make them one.
    Chat(Box<ChatBody>),
    /// An emoji as reaction to [`Outgoing::in_reply_to`]; empty retracts.
    Reaction(String),
    /// Replaces the text of a message.
    Edit {
        /// Id of the message.
        target: MessageId,
        /// Text before, shown as quote by other programs.
        old_text: String,
        /// Text after.
        new_text: String,
    },
    /// Deletes own messages for everybody.
    Delete {
        /// Ids of the messages.
        targets: Vec<MessageId>,
    },
    /// Tells that messages were read. Must name at least one.
    Receipt {
        /// Ids of the messages.
        message_ids: Vec<MessageId>,
    },
    /// Announces a changed key or relay list.
    KeyUpdate,
    /// Tells other own devices about changes.
    Sync {
        /// Content of `multi-device-sync.json`.
        json: String,
    },
    /// Updates of a mini app, alone.
    StatusUpdate {
        /// Text of the app's message, quoted for other programs.
        quote: String,
        /// Content of `status-update.json`.
        json: String,
    },
    /// Reaction counts and pins of a channel, as JSON.
    BroadcastStates(String),
    /// A step of the handshake (all but `vg-member-added`, which is an ordinary group message with that header).
    Handshake(Handshake),
}

/// Text with what belongs to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ChatBody {
    /// Marks a forwarded message.
    pub forwarded: bool,
    /// The quoted message.
    pub quote: Option<Quoted>,
    /// What the user wrote, or the fixed text of a system message.
    pub text: String,
    /// Own status, sent as footer; empty for none.
    pub status: String,
    /// HTML alternative.
    pub html: Option<String>,
    /// The file. At most one per message.
    pub file: Option<Attachment>,
    /// Point of interest, as KML.
    pub point_kml: Option<String>,
    /// Track, as KML.
    pub track_kml: Option<String>,
    /// Updates that go with a mini app, as JSON.
    pub status_updates: Option<String>,
}

/// A quoted message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted {
    /// Its text, or a summary if it has none.
    pub text: String,
    /// Whether it was encrypted. Such a text is not repeated in a clear mail.
    pub protected: bool,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Name on the wire; see [`super::filename::name_for_sending`].
    pub name: String,
    /// MIME type; see [`super::view_type::by_file_name`].
    pub mime: String,
    /// Content.
    pub bytes: Vec<u8>,
    /// What it is announced as, if it has to be split off.
    pub metadata: PostMetadata,
}

impl Attachment {
    /// A file whose MIME type and view type follow from its name.
    pub fn from_name(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let name = name.into();
        let (view_type, mime) = super::view_type::by_file_name(&name)
            .unwrap_or((super::ViewType::File, super::view_type::OCTET_STREAM));
        let metadata = PostMetadata {
            size: bytes.len() as u64,
            view_type,
            file_name: name.clone(),
            ..Default::default()
        };
        Self { name, mime: mime.to_owned(), bytes, metadata }
    }
}

/// Headers of a handshake step.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handshake {
    /// Value of `Secure-Join`, such as `vc-request-with-auth`.
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

impl Handshake {
    /// First step with a password: anonymous, so neither signed nor with a key.
    pub const REQUEST_PUBKEY: &str = "vc-request-pubkey";
    /// Answer to it.
    pub const PUBKEY: &str = "vc-pubkey";

    /// Takes the values from `Secure-Join…` headers. `None` without a step.
    pub fn from_headers<'h>(headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Option<Self> {
        let mut handshake = Self::default();
        for (name, value) in headers {
            let value = value.to_owned();
            match name.to_ascii_lowercase().as_str() {
                headers::SECURE_JOIN => handshake.step = value,
                headers::SECURE_JOIN_AUTH => handshake.auth = Some(value),
                headers::SECURE_JOIN_INVITENUMBER => handshake.invite_number = Some(value),
                headers::SECURE_JOIN_FINGERPRINT => handshake.fingerprint = Some(value),
                headers::SECURE_JOIN_GROUP => handshake.group = Some(value),
                _ => {}
            }
        }
        (!handshake.step.is_empty()).then_some(handshake)
    }

    /// Whether this step is encrypted with the password of a code.
    pub fn is_password_encrypted(&self) -> bool {
        self.step == Self::REQUEST_PUBKEY || self.step == Self::PUBKEY
    }

    /// Whether the step may reveal the sender's name: only when the other side is already known.
    fn may_tell_name(&self) -> bool {
        self.step.ends_with("-request-with-auth") || self.step == "vc-contact-confirm"
    }

    /// Whether this is a legacy request, the one step that is sent in clear.
    fn is_clear_request(&self) -> bool {
        self.step == "vc-request" || self.step == "vg-request"
    }
}

impl Outgoing {
    /// A chat message with text only; everything else is empty and can be filled in.
    pub fn text(
        from: Mailbox,
        to: Recipients,
        message_id: MessageId,
        date: i64,
        text: impl Into<String>,
    ) -> Self {
        let body = Body::Chat(Box::new(ChatBody { text: text.into(), ..Default::default() }));
        Self::new(from, to, message_id, date, body)
    }

    /// A mail of any kind without optional headers.
    pub fn new(from: Mailbox, to: Recipients, message_id: MessageId, date: i64, body: Body) -> Self {
        Self {
            from,
            sender: None,
            to,
            message_id,
            in_reply_to: None,
            references: Vec::new(),
            date,
            subject: String::new(),
            auto_submitted: None,
            autocrypt: None,
            gossip: Vec::new(),
            headers: Vec::new(),
            stage: Stage::Whole,
            body,
        }
    }

    /// Whether the payload is compressed before encryption. Handshake steps and key updates are not.
    pub fn is_compressed(&self) -> bool {
        !matches!(self.body, Body::Handshake(_) | Body::KeyUpdate)
    }

    /// Whether the payload is signed. An anonymous request and key updates to many are not.
    pub fn is_signed(&self) -> bool {
        match &self.body {
            Body::KeyUpdate => false,
            Body::Handshake(handshake) => handshake.step != Handshake::REQUEST_PUBKEY,
            _ => true,
        }
    }

    /// The text content, if this is an ordinary message.
    pub fn chat_body_mut(&mut self) -> Option<&mut ChatBody> {
        match &mut self.body {
            Body::Chat(chat) => Some(chat),
            _ => None,
        }
    }
}
