//! Profiles, chats, messages and contacts as values that a program holds.
//!
//! ```no_run
//! use volary::Engine;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = Engine::start("profiles").await?;
//! let profile = engine.add_profile().await?;
//! profile.add_relay("dcaccount:example.org").await?;
//! println!("{}", profile.invite().await?);
//! let mut inbox = profile.inbox().await?;
//! while let Some(message) = inbox.next().await? {
//!     profile.chat(message.chat).send_text(&message.text).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A handle is an id and a way to the host: making one asks nothing, and it may name something that is not there, or not any
//! more. Its methods are the calls of the schema ([`proto`](crate::proto)), with ids and enums of their own types; what is not
//! offered here is reached with [`Profile::call`]. The host is the engine in this process or, over its socket, that of
//! another one (`grpc::Remote`): handles are the same.
//!
//! | file | holds |
//! |---|---|
//! | `host` | the profiles of an engine or a running host |
//! | `profile`, `chat`, `message`, `contact` | the handles |
//! | `new_message`, `login` | what is sent, how to reach a relay |
//! | `views/` | what queries answer: [`MessageView`], [`ChatView`], [`ChatEntry`], [`ContactView`] |
//! | `event`, `events` | [`HostEvent`] and the stream of them, narrowed to a profile or chat |
//! | `inbox` | messages for bots, each until it was handled |
//! | `observe/` | lists that a user interface shows, as a snapshot and then differences |
//! | `error` | [`CallError`] |

mod chat;
mod contact;
mod error;
mod event;
mod events;
mod host;
mod inbox;
mod link;
mod login;
mod message;
mod new_message;
mod observe;
mod profile;
#[cfg(test)]
mod tests;
mod views;

pub use self::chat::{Chat, Mute};
pub use self::contact::Contact;
pub use self::error::CallError;
pub use self::event::{HostEvent, JoinProgress};
pub use self::events::Events;
pub use self::inbox::Inbox;
pub use self::login::Login;
pub use self::message::Message;
pub use self::new_message::NewMessage;
pub use self::observe::{Change, ChatList, Keyed, Timeline, diff};
pub use self::profile::{ConnectivityChanges, Profile};
pub use self::views::{
    Attachment, ChatEntry, ChatSummary, ChatView, ContactView, MessageView, Quote, Reaction,
};
pub use volary_engine::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
