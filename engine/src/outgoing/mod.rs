//! From a queued intent to the mails that carry it, and what follows when relays took them.
//!
//! | file | holds |
//! |---|---|
//! | [`render`] | from a queue row to mails: fields, signature, encryption |
//! | [`context`], [`rendered`] | what rendering reads, and what it makes |
//! | `targets`, `body` | who gets a mail; its body, by its intent |
//! | [`headers`] | header fields of chat messages |
//! | [`receipts`] | read receipts, one mail for each contact |
//! | [`keyupdate`] | announcing a changed relay list |
//! | [`complete`] | what follows an answer of the relay |

mod body;
pub mod complete;
pub mod context;
pub mod headers;
pub mod keyupdate;
pub mod receipts;
pub mod render;
pub mod rendered;
mod targets;
