//! The messages between actors and frontends of Volary: the protobuf package `volary.v1`.
//!
//! The `.proto` files in `proto/volary/v1` are the definition and the documentation:
//!
//! | file | what it holds |
//! |---|---|
//! | `requests.proto` | the envelopes [`Request`], [`Answer`] and [`Error`] |
//! | `process.proto`, `profile.proto`, `chats.proto`, `messages.proto`, `contacts.proto` | every command and query |
//! | `adoption.proto` | copying profiles of chatmail core that lie on this disk |
//! | `host_backups.proto`, `host_backup_views.proto` | backups of the host in a form of our own |
//! | `answers.proto`, `views.proto`, `qr.proto` | what is answered; serialises to JSON-RPC results as it is |
//! | `events.proto` | [`Event`]: what has happened |
//! | `values.proto` | enums that all of them share |
//! | `embed.proto` | frames of the library for C |
//! | `relay.proto` | messages between a profile and its relay connections |
//!
//! Four hand-written files give the messages their Rust manners: `calls.rs` says in one line for each request which
//! answer belongs to it and where it goes ([`Class`]), `mailbox.rs` what an actor answers, `json.rs` how messages look
//! in JSON, `lists.rs` what lists of things asked for by id have in common.
//!
//! # Ids
//!
//! Ids are numbers of one profile; the same number means something else in another. They are given in rising order
//! from 10 on and not given again. 0 is no id. 1 to 9 are reserved:
//!
//! | id | of a contact | of a chat | of a message |
//! |---|---|---|---|
//! | 1 | the user, [`SELF_CONTACT`] | – | – |
//! | 2 | author of info lines that are made here, [`INFO_CONTACT`] | – | – |
//! | 3 | – | deleted messages, never shown, [`TRASH_CHAT`] | – |
//! | 5 | author of device messages, [`DEVICE_CONTACT`] | – | – |
//! | 6 | – | entry of the chat list that leads to the archive, [`ARCHIVE_LINK`] | – |
//! | 7 | – | entry of the chat list that says that all chats are archived, [`ALL_DONE_HINT`] | – |
//! | 9 | – | – | day marker in [`GetMessageIds`], [`DAY_MARKER`] |
//!
//! Ids of profiles are of the process, and are not given again either. Profile 0 is the account manager: requests to
//! the process and events that belong to no profile carry it.
//!
//! # Times
//!
//! Times are Unix seconds, signed, in UTC; 0 is no time unless the field says otherwise. Lengths of time are seconds,
//! too. Where JSON-RPC writes milliseconds (`lastUpdated` of a chat list entry), only the JSON form does.
//!
//! # What calls fail with
//!
//! An [`Error`] has a code for programs and a text for people. Whatever is asked, these can come back:
//!
//! | code | when |
//! |---|---|
//! | `NotFound` | there is no such profile |
//! | `Invalid` | the request is empty, or a parameter makes no sense whatever the state is |
//! | `Unsupported` | the engine does not do this, or not in this form |
//! | `Cancelled` | the engine is stopping |
//! | `Internal` | the database cannot be read or written (commands also: the disk is nearly full, nothing was changed), a stored row makes no sense, or an actor ended before it answered: a command may or may not have been carried out |
//!
//! Besides, by group:
//!
//! | requests | fail with |
//! |---|---|
//! | to the process | `NotFound`: no such profile. `Failed`: a file cannot be read, a text is too long to draw |
//! | settings, files, keys | `Failed`: no such setting, a value that it does not take, a file that cannot be read or written |
//! | relays (`Configure`, `AddOrUpdateTransport`, `AddTransportFromQr`, `InitTransports`) | `Failed`: login refused, no connection, a code that means something else. `Cancelled`: by [`StopOngoingProcess`] |
//! | connections | nothing of their own: without relay or network they are answered, and events report the progress |
//! | one chat, one message, one contact | `Failed`: there is none of this id, or its state does not allow it (not a member, not a group, not the own message) |
//! | several messages or contacts | commands and [`GetContactsByIds`], [`MessageIdsToSearchResults`] fail as a whole; in [`GetChatlistItems`] and [`GetMessages`] each entry says for itself why it cannot be shown |
//! | sending | `Failed`: the chat cannot be written to, the file cannot be copied. Whether the mail arrives is reported by events: `MsgDelivered`, `MsgFailed` |
//! | codes (`CheckQr`, `SecureJoin`, `SetConfigFromQr`) | `Failed`: the code cannot be read or means something else |
//!
//! A query that fails has changed nothing, and neither has a command, but for [`BatchSetConfig`], which keeps the
//! settings before the one that failed.
//!
//! ```
//! use volary_proto::{GetContact, Mode, Request, Scope};
//!
//! let request = Request::new(1, GetContact { contact_id: 10 });
//! assert_eq!(request.mode(), Some(Mode::Query));
//! assert_eq!(request.kind.map(|kind| kind.scope()), Some(Scope::Profile));
//! ```

mod calls;
mod errors;
mod json;
mod lists;
mod mailbox;

/// The schema as Rust types.
#[allow(clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/volary.v1.rs"));
}

/// JSON schemas of everything that looks like JSON-RPC in JSON, as an object from name to schema.
pub const JSON_SCHEMAS: &str = include_str!(concat!(env!("OUT_DIR"), "/schemas.json"));

/// Contact id of the user.
pub const SELF_CONTACT: u32 = 1;
/// Contact id of the author of info lines that are made here.
pub const INFO_CONTACT: u32 = 2;
/// Contact id of the author of device messages.
pub const DEVICE_CONTACT: u32 = 5;
/// Chat id of deleted messages, which no frontend shows.
pub const TRASH_CHAT: u32 = 3;
/// Entry of the chat list that leads to the archive.
pub const ARCHIVE_LINK: u32 = 6;
/// Entry of the chat list that says that all chats are archived.
pub const ALL_DONE_HINT: u32 = 7;
/// Stands for a day marker in lists of message ids.
pub const DAY_MARKER: u32 = 9;
/// Highest reserved id of contacts, chats and messages.
pub const LAST_RESERVED_ID: u32 = 9;

pub use calls::{CALLS, Call, Class, Mode, Scope, WrongAnswer};
pub use v1::*;
