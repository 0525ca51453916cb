//! The state of a profile as the tables hold it: loading and saving with all indexes kept true.
//!
//! Functions that read take any [`View`](volary_storage::View); functions that write take the
//! [`Tx`](crate::ground::db::Tx) of the running transaction, which also collects the events and wake-ups that follow from
//! the change.

pub mod apps;
pub mod chats;
pub mod config;
pub mod contacts;
pub mod copies;
pub mod deadlines;
pub mod forgotten;
pub mod keys;
pub mod locations;
pub mod members;
pub mod messages;
pub mod not_shown;
pub mod outbox;
pub mod profiles;
pub mod quarantine;
pub mod realtime;
pub mod removed;
pub mod search;
pub mod statistics;
pub mod tokens;
pub mod transports;
pub mod verification;
