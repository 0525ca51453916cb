//! What everything else stands on.
//!
//! | file | holds |
//! |---|---|
//! | [`ids`] | reserved ids |
//! | [`db`] | transactions, their events and effects |
//! | [`events`] | events with the companions that clients expect |
//! | [`effects`] | what a commit asks actors to do |
//! | [`clock`], [`texts`], [`version`], [`sizes`] | time, texts, API version, sizes as users read them |
//! | [`key_cache`] | parsed keys |
//! | [`work`] | heavy work on threads of the process |
//! | [`error`] | what can go wrong |

pub mod clock;
pub mod db;
pub mod effects;
pub mod error;
pub mod events;
pub mod ids;
pub mod key_cache;
pub mod sizes;
pub mod texts;
pub mod version;
pub mod work;
