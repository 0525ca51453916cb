//! What goes between the thread that shows and those that follow the host.

use volary::handles::{Change, ChatEntry, MessageView};
use volary::proto::Connectivity;
use volary::{ChatId, MessageId};

/// What the user looks at. Only the newest counts: who chooses ten chats in a row makes the host load one or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Tells this opening from others, also from one of the same chat.
    pub number: u64,
    /// The chat that is open.
    pub chat: ChatId,
    /// How often older messages were asked for.
    pub older: u32,
    /// The newest message of others that was on the screen and is not marked as seen yet.
    pub seen: Option<MessageId>,
    /// It is a contact request: the other side is not to learn that something was seen.
    pub is_request: bool,
}

/// What the user wants to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Send a text.
    Send {
        /// Where.
        chat: ChatId,
        /// The text.
        text: String,
    },
    /// Accept a contact request.
    Accept {
        /// Its chat.
        chat: ChatId,
    },
}

/// What is new.
#[derive(Clone, Debug, PartialEq)]
pub enum Update {
    /// The host was reached. What was shown of it before is out of date.
    Reached {
        /// The name of the profile, or its address.
        profile: String,
    },
    /// Steps to the chat list as it is now. The first one after the host was reached is a [`Change::Reset`].
    Chats(Vec<Change<ChatEntry>>),
    /// Steps to the messages of the open chat. The first one of an opening, and after the host was reached, is a
    /// [`Change::Reset`].
    Messages {
        /// The opening that they belong to.
        opening: u64,
        /// The oldest message of the chat is among them.
        is_complete: bool,
        /// The steps.
        changes: Vec<Change<MessageView>>,
    },
    /// How well the profile is connected, and why not better.
    Connectivity {
        /// The state.
        state: Connectivity,
        /// What is wrong.
        why: Option<String>,
    },
    /// Something that the user should know.
    Problem(String),
    /// A text was not sent. It may be tried again.
    NotSent {
        /// Where it was to go.
        chat: ChatId,
        /// The text.
        text: String,
        /// Why.
        why: String,
    },
    /// The host has ended or cannot be reached; it is tried again and again.
    Away(String),
    /// It makes no sense to go on.
    Failed(String),
    /// The process is asked to end.
    End,
}
