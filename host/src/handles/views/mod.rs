//! What queries answer, with ids and enums of their own types.
//!
//! Enums of the schema that a newer host has given more values are read as their first value.

mod chat;
mod contact;
mod message;
mod relay;

pub use self::chat::{ChatEntry, ChatSummary, ChatView};
pub use self::contact::ContactView;
pub use self::message::{Attachment, MessageView, Quote, Reaction};
pub use self::relay::RelayView;
