//! What runs profiles: supervisor, profiles, relay connections, chats and apps as actors.
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | [`Node`]: the entry point for commands, queries and events |
//! | [`supervisor`] | registry of profiles, arbiters, deadline queue, policy of reconnection, fan-in |
//! | [`profile`] | one actor for each profile: its relays, receiving, sending |
//! | [`relay_connection`] | one actor for each (profile, relay): IMAP and SMTP |
//! | [`chat`] | one actor for each chat in use: commands on it and incoming mail, in order |
//! | [`app`] | one actor for each in-chat app in use: what its user does in it, in order |
//! | [`in_use`] | how actors of chats and apps are started when they are needed, and end |
//! | `realtime` | one actor for each profile whose apps use realtime channels (feature `realtime`) |
//! | `transfer` | a second device by code: both sides of it, on a thread of their own (feature `transfer`) |
//! | [`vault`] | backups of the host, on threads of their own |
//! | [`hub`], [`bus`], [`wake`], [`pool`] | what actors share: database, events, wake-ups, workers |
//! | [`mailbox`] | the bounds of mailboxes, kept by those who send |
//! | [`watch`] | how owners notice the end of what they own |

pub mod app;
pub mod bus;
pub mod chat;
pub mod followers;
pub mod hub;
pub mod in_use;
pub mod mailbox;
pub mod node;
pub mod pool;
pub mod profile;
#[cfg(feature = "realtime")]
pub mod realtime;
pub mod relay_connection;
pub mod supervisor;
#[cfg(feature = "transfer")]
pub mod transfer;
pub mod vault;
pub mod wake;
pub mod watch;

mod faults;
#[cfg(test)]
mod testing;

pub use node::Node;
