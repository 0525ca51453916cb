//! Building and parsing Internet messages (RFC 5322, MIME, RFC 9788 header protection, `Chat-*` headers).
//!
//! Encryption is a step between two calls, in both directions:
//!
//! ```text
//! Outgoing ──split_large──▶ Outgoing… ──render_payload──▶ bytes ──encrypt──▶ armor ──render_encrypted──▶ mail
//! mail ──parse_outer──▶ Outer (ciphertext) ──decrypt──▶ Payload ──parse_effective──▶ ParsedMessage
//! ```
//!
//! | file | holds |
//! |---|---|
//! | [`bounds`] | every limit that keeps hostile input cheap |
//! | [`headers`] | the catalogue of header names and of `Chat-Content` values |
//! | [`ids`], [`mailbox`], [`avatar`] | values that both directions share |
//! | [`view_type`], [`content`], [`filename`] | what a file is by type and by content, how its name is made harmless |
//! | [`hops`] | the relays that a mail has passed, for people |
//! | [`build`] | from an [`Outgoing`] to bytes |
//! | [`read`] | from bytes to a [`ParsedMessage`] |
//! | [`text`] | quotes, footers, `format=flowed`, HTML, truncation: rules over plain strings |

pub mod avatar;
pub mod bounds;
pub mod build;
pub mod content;
pub mod filename;
pub mod headers;
pub mod hops;
pub mod ids;
pub mod mailbox;
pub mod post;
pub mod read;
pub mod text;
pub mod view_type;

pub use avatar::Avatar;
pub use build::{
    Attachment, AutoSubmitted, Body, ChatBody, ChatHeader, Handshake, OuterHeaders, Outgoing, Quoted,
    Recipients, Stage, render_encrypted, render_payload, render_unencrypted, split_large,
};
pub use headers::ChatContent;
pub use ids::MessageId;
pub use mailbox::Mailbox;
pub use post::PostMetadata;
pub use read::{
    Outer, ParseError, ParsedMessage, Payload, ReadOptions, detached_signature, parse_effective, parse_outer,
};
pub use view_type::ViewType;
