//! From the bytes of a mail to a [`ParsedMessage`].
//!
//! | file | holds |
//! |---|---|
//! | [`header_block`] | the fields of one header block |
//! | [`value`], [`address_list`], [`parameters`] | values: encoded words, dates, mailboxes, MIME parameters |
//! | [`mime`] | the tree of MIME entities, content decoding |
//! | [`outer`] | [`parse_outer`]: what a mail shows before decryption, and where its ciphertext is |
//! | [`effective`] | which headers count after decryption |
//! | [`walk`], [`part`] | from the tree to parts with view types |
//! | [`report`] | read receipts and bounces |
//! | [`facts`] | [`ParsedMessage`] and what it consists of |
//! | [`list`] | the name of a mailing list |
//! | [`finish`] | what is decided only when all parts are known |

pub mod address_list;
pub mod effective;
pub mod facts;
pub mod finish;
pub mod header_block;
pub mod list;
pub mod mime;
pub mod outer;
pub mod parameters;
pub mod part;
pub mod report;
pub mod value;
pub mod walk;

#[cfg(test)]
mod tests;

pub use facts::{
    BounceReport, Call, FileContent, GroupFacts, HandshakeFacts, ListFacts, MemberChange, MessageKind,
    ParsedMessage, Part, Receipt, SplitRole, SystemEvent,
};
pub use outer::{DetachedSignature, Outer, detached_signature, parse_outer};

use super::ids::MessageId;

/// What the caller knows before parsing.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadOptions {
    /// The profile is a bot: texts are neither cut nor prefixed with subjects.
    pub for_bot: bool,
}

/// A decrypted payload.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// The plaintext: a MIME entity.
    pub bytes: &'a [u8],
    /// Whether a valid signature covers it.
    pub signed: bool,
}

/// Why a mail cannot be shown. It should be remembered by its id, so that it is not looked at again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseError {
    /// Larger than [`super::bounds::MAX_MAIL_BYTES`].
    #[error("The mail is too large: {0} bytes")]
    TooLarge(usize),
    /// `From` must hold exactly one address.
    #[error("The From header does not name exactly one sender")]
    NotOneSender,
    /// An unsigned payload names another sender than the outer header.
    #[error("From header is forged")]
    ForgedSender,
    /// A `Content-Type` is not of the form type/subtype.
    #[error("Bad content type: {0:?}")]
    BadContentType(String),
    /// A pre-message must name its post-message.
    #[error("The pre-message names no post-message")]
    PreMessageWithoutTarget,
}

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

/// The id of a mail that failed to parse, to remember it by.
pub fn id_of_failed(outer: &Outer<'_>) -> Option<MessageId> {
    outer.message_id.clone()
}
