//! What the devices of one user tell each other beside the messages that all of them get: changes of settings, chats,
//! contacts, invites and local deletions.
//!
//! | file | holds |
//! |---|---|
//! | `share` | what a change of the user is to the other devices |
//! | `queue` | changes that wait, and the message that brings them |
//! | `apply` | carrying out what another device has told |
//! | `alter` | the changes of chats among that |
//! | `chat_deletions` | the deletion of chats among that |
//! | `relays` | the relays among that |
//! | `own_deletions` | what another device has deleted before it came to this one |
//! | `stamps` | which of two changes counts |
//!
//! Applying never shares: two devices would tell each other the same for ever. So rules of [`crate::chat`] know nothing
//! of this; the commands of the user share what they have done.

pub mod alter;
pub mod apply;
pub mod chat_deletions;
pub mod own_deletions;
pub mod queue;
pub mod relays;
pub mod share;
pub mod stamps;

#[cfg(test)]
mod tests;
