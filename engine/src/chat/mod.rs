//! The rules of chats.
//!
//! | file | holds |
//! |---|---|
//! | [`aging`] | messages that become too old for this device |
//! | [`calls`] | placing, answering and ending calls |
//! | [`locations`] | streaming the own location, places that messages point at |
//! | [`membership`] | the member-list algorithm: timestamps, tombstones, stale lists |
//! | [`pending`] | edits and reactions that come before their message |
//! | [`saving`] | copies in Saved Messages |
//! | [`sorting`] | where a message goes in its chat |
//! | [`summary`] | a message in one line |
//! | [`timer`] | texts and protection rules of disappearing messages |
//! | [`sending`] | who may send |

pub mod aging;
pub mod announcing;
pub mod calls;
pub mod channels;
pub mod compose;
pub mod contact_names;
pub mod device;
pub mod drafts;
pub mod features;
pub mod groups;
pub mod info_texts;
pub mod locations;
pub mod membership;
pub mod own_settings;
pub mod pending;
pub mod reading;
pub mod requests;
pub mod saving;
pub mod sending;
pub mod sorting;
pub mod summary;
pub mod timer;
