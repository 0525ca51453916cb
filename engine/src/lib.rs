//! What a profile is: its rows with their indexes, and the rules and transactions on them.
//!
//! No actor, socket, thread or task lives here: the process lends threads ([`ground::work`]) and is notified of commits
//! ([`ground::db::Listener`]).
//!
//! | module | holds |
//! |---|---|
//! | `backup` | a profile as a file of chatmail core, and back; compiled with the feature `backup` only |
//! | [`ground`] | ids, errors, transactions, events, texts |
//! | [`state`] | loading and saving of rows with all their indexes |
//! | [`chat`] | the rules of chats |
//! | [`incoming`] | the life of a received mail |
//! | [`outgoing`] | from a queued intent to the mails that carry it |
//! | [`handshake`] | SecureJoin |
//! | [`sync`] | what the devices of one user tell each other |
//! | [`commands`], [`query`] | what requests do: commands change state in a transaction, queries read a snapshot |
//! | [`webxdc`] | in-chat apps |
//! | [`vault`] | backups of the host in our own form |
//! | [`upkeep`] | what becomes due: deadlines, housekeeping, a clock that was set |

#[cfg(feature = "backup")]
pub mod backup;
pub mod chat;
pub mod commands;
pub mod ground;
pub mod handshake;
pub mod incoming;
pub mod outgoing;
pub mod query;
pub mod state;
pub mod sync;
pub mod upkeep;
pub mod vault;
pub mod webxdc;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
