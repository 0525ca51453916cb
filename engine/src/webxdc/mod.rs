//! In-chat apps: what updates change and when they are sent, what instances tell, what is inside their archives.
//!
//! | file | holds |
//! |---|---|
//! | [`apply`] | an update becomes part of the log of its instance, with all that follows from it |
//! | [`sending`] | updates of this device on their way to others |
//! | [`map`] | the app that shows maps |
//! | [`realtime`] | realtime channels: who may join, announcing this device |
//! | [`archive`] | the archive of an app, and the name that it gives |
//! | [`instance`] | queries: what an instance tells, its updates, its files |
//!
//! The rules are in [`volary_mail::webxdc`]; rows are those of [`crate::state::apps`].

pub mod apply;
pub mod archive;
pub mod instance;
pub mod map;
pub mod realtime;
pub mod sending;

#[cfg(test)]
mod tests;
