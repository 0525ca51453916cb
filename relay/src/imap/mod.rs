//! IMAP4rev1 (RFC 3501) with IDLE, UIDPLUS, MOVE, QUOTA, METADATA, ID, LITERAL+ and the chatmail capabilities.
//!
//! * `serve` — the loop of one connection: read, answer, flush; IDLE, STARTTLS and AUTHENTICATE, which wait in between.
//! * `read` — complete commands out of lines and literals.
//! * `session` — the state of a connection and the dispatch of commands, all without waiting.
//! * `mailbox`, `message`, `extension` — the commands by what they work on.
//! * `view` — what a session knows of its folder, and which changes it still has to be notified of.
//! * `sets`, `fetch`, `section`, `structure`, `search`, `text` — the parts of commands and answers.

mod extension;
mod fetch;
mod mailbox;
mod message;
mod read;
mod search;
mod section;
mod serve;
mod session;
mod sets;
mod structure;
mod text;
mod view;

pub(crate) use message::remove_message;
pub(crate) use serve::serve;
