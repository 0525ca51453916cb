//! From a queued intent to the mails that carry it, and what follows when relays took them.
//!
//! | file | holds |
//! |---|---|
//! | [`render`] | recipients, MIME, signature and encryption of a queued message |
//! | [`headers`] | header fields of chat messages |
//! | [`receipts`] | read receipts, one mail for each contact |
//! | [`keyupdate`] | announcing a changed relay list |
//! | [`complete`] | what follows an answer of the relay |

pub mod complete;
pub mod headers;
pub mod keyupdate;
pub mod receipts;
pub mod render;
