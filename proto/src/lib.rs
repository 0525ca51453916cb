//! What actors and frontends of Volary say to each other: the protobuf package `volary.v1`.
//!
//! The `.proto` files in `proto/volary/v1` are the definition and the documentation:
//!
//! | file | what it holds |
//! |---|---|
//! | `requests.proto` | the envelopes [`Request`], [`Answer`] and [`Error`] |
//! | `process.proto`, `profile.proto`, `chats.proto`, `messages.proto`, `contacts.proto` | every command and query |
//! | `answers.proto`, `views.proto`, `qr.proto` | what is answered; serialises to JSON-RPC results as it is |
//! | `events.proto` | [`Event`]: what has happened |
//! | `values.proto` | enums that all of them share |
//! | `relay.proto` | what a profile and its relay connections say to each other |
//!
//! Three hand-written files give the messages their Rust manners: `calls.rs` says which answer belongs to which
//! request and whether it is a command or a query, `mailbox.rs` what an actor answers, `json.rs` how they look in JSON.
//!
//! ```
//! use volary_proto::{Call, GetContact, Mode, Request, request};
//!
//! let request = Request::new(1, GetContact { contact_id: 10 });
//! assert_eq!(request.mode(), Some(Mode::Query));
//! assert!(matches!(request.kind, Some(request::Kind::GetContact(_))));
//! ```

mod calls;
mod errors;
mod json;
mod mailbox;

/// The schema as Rust types.
#[allow(clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/volary.v1.rs"));
}

/// JSON schemas of everything that looks like JSON-RPC in JSON, as an object from name to schema.
pub const JSON_SCHEMAS: &str = include_str!(concat!(env!("OUT_DIR"), "/schemas.json"));

pub use calls::{Call, Mode, WrongAnswer};
pub use v1::*;
