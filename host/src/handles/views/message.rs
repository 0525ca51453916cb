//! A message.

use std::path::PathBuf;

use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_proto::{
    DownloadState, Message, MessageQuote, MessageState, Reactions, SystemMessageType, ViewType, message_quote,
};

use super::ContactView;

/// A message, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageView {
    /// Its id.
    pub id: MessageId,
    /// The chat that it is in.
    pub chat: ChatId,
    /// Who wrote it; [`ContactId::SELF`] for own messages.
    pub from: ContactId,
    /// The author's name to show.
    pub sender: String,
    /// The author, as a contact.
    pub contact: Option<ContactView>,
    /// The text in full.
    pub text: String,
    /// How it is shown.
    pub kind: ViewType,
    /// How far it has come.
    pub state: MessageState,
    /// What went wrong when it was sent or received.
    pub error: Option<String>,
    /// When it was sent, Unix seconds.
    pub sent: i64,
    /// When it came, Unix seconds; not set for own messages.
    pub received: Option<i64>,
    /// What it tells, if it is a note about the chat rather than written by a person.
    pub info: Option<SystemMessageType>,
    /// The contact that such a note is about.
    pub info_contact: Option<ContactId>,
    /// What it quotes.
    pub quote: Option<Quote>,
    /// The message that it answers to, also without a quote.
    pub parent: Option<MessageId>,
    /// Its file.
    pub attachment: Option<Attachment>,
    /// Whether the attachment is here.
    pub download: DownloadState,
    /// Reactions, the most frequent first.
    pub reactions: Vec<Reaction>,
    /// There is an HTML version of the text.
    pub has_html: bool,
    /// It has its place on the map.
    pub has_location: bool,
    /// It was encrypted and correctly signed.
    pub is_encrypted: bool,
    /// It was forwarded from another chat.
    pub is_forwarded: bool,
    /// It was written by a program.
    pub is_bot: bool,
    /// Its text was changed after it was sent.
    pub is_edited: bool,
    /// It is pinned in its chat.
    pub is_pinned: bool,
}

/// The file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// Where it is; not set while it is still to come.
    pub path: Option<PathBuf>,
    /// Its name for people.
    pub name: Option<String>,
    /// Its MIME type.
    pub mime: Option<String>,
    /// Its size in bytes, also when it is still to come.
    pub bytes: u64,
}

/// What a message quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quote {
    /// The quoted text.
    pub text: String,
    /// The quoted message, if it is here.
    pub message: Option<MessageId>,
    /// The name of its author, if it is here.
    pub author: Option<String>,
}

/// A reaction to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reaction {
    /// The emoji.
    pub emoji: String,
    /// How many have given it.
    pub count: u32,
    /// The own profile is one of them.
    pub from_self: bool,
}

impl MessageView {
    /// A message that cannot be loaded: it says why, and has no author. It may have been deleted a moment ago.
    pub(crate) fn broken(id: MessageId, error: String) -> Self {
        Self { error: Some(error), ..Message { id: id.get(), ..Default::default() }.into() }
    }

    /// Whether it could not be loaded; `error` says why, and the rest says nothing.
    pub fn is_broken(&self) -> bool {
        self.from == ContactId::NONE
    }

    /// Whether it came from a contact: neither the own profile nor the engine has written it.
    pub fn is_incoming(&self) -> bool {
        !self.from.is_special()
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let contact = message.sender.clone().map(ContactView::from);
        let name = message.override_sender_name.clone();
        let sender = name.or_else(|| contact.as_ref().map(|contact| contact.name.clone()));
        Self {
            id: message.id.into(),
            chat: message.chat_id.into(),
            from: message.from_id.into(),
            sender: sender.unwrap_or_default(),
            kind: message.view_type(),
            state: message.state(),
            download: message.download_state(),
            info: message.is_info.then(|| message.system_message_type()),
            attachment: attachment(&message),
            contact,
            text: message.text,
            error: message.error,
            sent: message.timestamp,
            received: Some(message.received_timestamp).filter(|time| *time != 0),
            info_contact: message.info_contact_id.map(ContactId::from),
            quote: message.quote.and_then(quote),
            parent: message.parent_id.map(MessageId::from),
            reactions: message.reactions.map(reactions).unwrap_or_default(),
            has_html: message.has_html,
            has_location: message.has_location,
            is_encrypted: message.show_padlock,
            is_forwarded: message.is_forwarded,
            is_bot: message.is_bot,
            is_edited: message.is_edited,
            is_pinned: message.is_pinned,
        }
    }
}

fn attachment(message: &Message) -> Option<Attachment> {
    let is_missing = message.download_state() != DownloadState::Done;
    (message.file.is_some() || message.file_name.is_some() || is_missing && message.file_bytes > 0).then(
        || Attachment {
            path: message.file.clone().filter(|path| !path.is_empty()).map(PathBuf::from),
            name: message.file_name.clone(),
            mime: message.file_mime.clone(),
            bytes: message.file_bytes,
        },
    )
}

fn quote(quote: MessageQuote) -> Option<Quote> {
    Some(match quote.kind? {
        message_quote::Kind::JustText(quote) => Quote { text: quote.text, message: None, author: None },
        message_quote::Kind::WithMessage(quote) => Quote {
            text: quote.text,
            message: Some(quote.message_id.into()),
            author: Some(quote.override_sender_name.unwrap_or(quote.author_display_name)),
        },
    })
}

fn reactions(reactions: Reactions) -> Vec<Reaction> {
    let reaction = |one: volary_proto::Reaction| Reaction {
        emoji: one.emoji,
        count: one.count,
        from_self: one.is_from_self,
    };
    reactions.reactions.into_iter().map(reaction).collect()
}

#[cfg(test)]
mod tests {
    use volary_proto::{Contact, message_quote::WithMessage};

    use super::*;

    #[test]
    fn a_message_has_types_for_what_the_schema_numbers() {
        let message = Message {
            id: 12,
            chat_id: 10,
            from_id: 1,
            state: MessageState::OutDelivered.into(),
            view_type: ViewType::Image.into(),
            file: Some("/blobs/a.jpg".to_owned()),
            file_bytes: 7,
            sender: Some(Contact { id: 1, display_name: "Me".to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let view = MessageView::from(message);
        assert_eq!((view.id, view.chat, view.from), (MessageId::new(12), ChatId::new(10), ContactId::SELF));
        assert_eq!((view.state, view.kind), (MessageState::OutDelivered, ViewType::Image));
        assert_eq!((view.sender.as_str(), view.is_incoming(), view.info), ("Me", false, None));
        let device = Message { from_id: ContactId::DEVICE.get(), ..Default::default() };
        assert!(!MessageView::from(device).is_incoming(), "nobody has written it");
        let attachment = view.attachment.unwrap();
        assert_eq!((attachment.path, attachment.bytes), (Some(PathBuf::from("/blobs/a.jpg")), 7));
    }

    #[test]
    fn a_file_that_is_still_to_come_has_no_path() {
        let message = Message {
            file_bytes: 900_000,
            file_name: Some("film.mp4".to_owned()),
            download_state: DownloadState::Available.into(),
            ..Default::default()
        };
        let attachment = MessageView::from(message).attachment.unwrap();
        assert_eq!((attachment.path, attachment.bytes), (None, 900_000));
        assert_eq!(MessageView::from(Message::default()).attachment, None, "a text has none");
    }

    #[test]
    fn the_author_of_a_quote_is_named_as_it_was_sent() {
        let quoted = WithMessage {
            text: "hi".to_owned(),
            message_id: 11,
            author_display_name: "Bob".to_owned(),
            override_sender_name: Some("Bobby".to_owned()),
            ..Default::default()
        };
        let quote = quote(MessageQuote { kind: Some(message_quote::Kind::WithMessage(quoted)) }).unwrap();
        assert_eq!((quote.author.as_deref(), quote.message), (Some("Bobby"), Some(MessageId::new(11))));
    }
}
