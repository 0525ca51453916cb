//! What everything else stands on.
//!
//! | file | holds |
//! |---|---|
//! | [`ids`] | reserved ids |
//! | [`db`] | transactions, their events and effects |
//! | [`events`] | events with the companions that clients expect |
//! | [`effects`] | what a commit asks actors to do |
//! | [`clock`], [`texts`], [`version`], [`sizes`] | time, texts, API version, sizes as users read them |
//! | [`names`] | names from the wire or from users, cleaned |
//! | [`settings`] | the table of settings |
//! | [`intent`] | what an outgoing message is for, and its stored form |
//! | [`key_cache`] | parsed keys |
//! | [`artwork`] | pictures that come with the engine |
//! | [`work`] | heavy work on threads of the process |
//! | [`error`] | what can go wrong |

pub mod artwork;
pub mod clock;
pub mod db;
pub mod effects;
pub mod error;
pub mod events;
pub mod ids;
pub mod intent;
pub mod key_cache;
pub mod names;
pub mod settings;
pub mod sizes;
pub mod texts;
pub mod version;
pub mod work;
