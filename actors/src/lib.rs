//! The running engine: supervisor, profiles, relay connections and chats as actors.
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | [`Node`]: the one way in, for commands, queries and events |
//! | [`supervisor`] | registry of profiles, arbiters, deadline queue |
//! | [`profile`] | one actor for each profile: its relays, receiving, sending |
//! | [`relay_connection`] | one actor for each (profile, relay): IMAP and SMTP |
//! | [`chat`] | the rules of chats, and the actor of a chat in use |
//! | [`commands`], [`query`] | what requests do: commands change state in a transaction, queries read a snapshot |
//! | [`state`] | loading and saving of what the tables hold |
//! | [`db`], [`bus`], [`wake`], [`pool`], [`clock`], [`texts`] | transactions, events, wake-ups, workers, time, texts |

pub mod bus;
pub mod chat;
pub mod clock;
pub mod commands;
pub mod db;
pub mod error;
pub mod events;
pub mod node;
pub mod pool;
pub mod profile;
pub mod query;
pub mod relay_connection;
pub mod state;
pub mod supervisor;
pub mod texts;
pub mod wake;

#[cfg(test)]
mod testing;

pub use node::Node;
