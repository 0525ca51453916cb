//! From the bytes of a mail to a [`ParsedMessage`].
//!
//! | file | holds |
//! |---|---|
//! | [`header_block`] | the fields of one header block |
//! | [`value`], [`address_list`], [`parameters`] | values: encoded words, dates, mailboxes, MIME parameters |
//! | [`mime`] | the tree of MIME entities, content decoding |
//! | `options`, `error` | what the caller says before, and why a mail is refused |
//! | [`outer`] | [`parse_outer`]: what a mail shows before decryption, and where its ciphertext is |
//! | [`effective`] | which headers count after decryption |
//! | [`walk`], [`part`] | from the tree to parts with view types |
//! | [`report`] | read receipts and bounces |
//! | [`facts`] | [`ParsedMessage`] and what it consists of |
//! | [`list`] | the name of a mailing list |
//! | [`finish`] | what is decided only when all parts are known |

pub mod address_list;
pub mod effective;
mod error;
pub mod facts;
pub mod finish;
pub mod header_block;
pub mod list;
pub mod mime;
mod options;
pub mod outer;
pub mod parameters;
pub mod part;
pub mod report;
pub mod value;
pub mod walk;

#[cfg(test)]
mod tests;

pub use error::ParseError;
pub use facts::{
    BounceReport, Call, FileContent, GroupFacts, HandshakeFacts, ListFacts, MemberChange, MessageKind,
    ParsedMessage, Part, Receipt, SplitRole, SystemEvent,
};
pub use options::{Payload, ReadOptions};
pub use outer::{DetachedSignature, Outer, detached_signature, parse_outer};

/// Reads a whole mail: `payload` is the decrypted content if `outer` has a ciphertext that could be decrypted.
///
/// An encrypted mail without payload gives a message that says so; see [`ParsedMessage::undecryptable`].
pub fn parse_effective(
    outer: &Outer<'_>,
    payload: Option<&Payload<'_>>,
    options: ReadOptions,
) -> Result<ParsedMessage, ParseError> {
    let payload_root = payload.map(|payload| mime::Entity::parse(payload.bytes));
    // RFC 1847 encapsulation: the signed part is the payload; the signature is the caller's business.
    let payload_root = payload_root.map(mime::Entity::without_signature_frame);
    let signed = payload.is_some_and(|payload| payload.signed);
    let headers = effective::Effective::merge(outer, payload_root.as_ref(), signed)?;
    let mut message = facts::from_headers(&headers, outer, payload.is_some(), signed)?;
    message.undecryptable = outer.is_encrypted() && payload.is_none();
    if message.undecryptable {
        finish::mark_undecryptable(&mut message);
        return Ok(message);
    }
    let root = payload_root.as_ref().unwrap_or(outer.root());
    let walked = walk::walk(root, &message, options)?;
    finish::finish(message, walked, &headers, options)
}
