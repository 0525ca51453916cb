//! What a mail shows before decryption.

use std::borrow::Cow;

use super::ParseError;
use super::address_list::parse_addresses;
use super::mime::Entity;
use super::value::parse_date;
use crate::message::bounds::{MAX_KEY_HEADERS, MAX_MAIL_BYTES};
use crate::message::headers;
use crate::message::ids::MessageId;
use crate::message::mailbox::Mailbox;

/// A received mail with its outer headers. Borrows the raw bytes.
#[derive(Debug, Clone)]
pub struct Outer<'a> {
    root: Entity<'a>,
    ciphertext: Option<Cow<'a, [u8]>>,
    is_encrypted: bool,
    /// The outer sender, if there is exactly one. Autocrypt headers are bound to its address.
    pub from: Option<Mailbox>,
    /// Outer message id, by which a mail is remembered that cannot be read.
    pub message_id: Option<MessageId>,
    /// Outer date; random on encrypted mail.
    pub date: Option<i64>,
    /// Whether the outer headers say that this is a post-message; only they count.
    pub is_post_message: bool,
    /// Outer `Autocrypt` headers, in order.
    pub autocrypt: Vec<String>,
    /// `Received` headers, newest first.
    pub received: Vec<String>,
}

/// Reads the outer side of a mail.
pub fn parse_outer(raw: &[u8]) -> Result<Outer<'_>, ParseError> {
    if raw.len() > MAX_MAIL_BYTES {
        return Err(ParseError::TooLarge(raw.len()));
    }
    let root = Entity::parse(raw);
    let payload = encrypted_part(&root);
    let from = root.headers.last(headers::FROM).map(|value| parse_addresses(&value)).unwrap_or_default();
    let [from] = from.try_into().map_or([None], |[one]: [Mailbox; 1]| [Some(one)]);
    Ok(Outer {
        is_encrypted: payload.is_some(),
        ciphertext: payload.and_then(Entity::decoded),
        from,
        message_id: outer_message_id(&root),
        date: root.headers.last(headers::DATE).and_then(|value| parse_date(&value)),
        is_post_message: root.headers.has(headers::CHAT_IS_POST_MESSAGE),
        autocrypt: key_headers(&root, headers::AUTOCRYPT),
        received: root.headers.all(headers::RECEIVED).into_iter().take(MAX_HOPS).collect(),
        root,
    })
}

/// Relays that a mail is shown to have passed.
const MAX_HOPS: usize = 100;

pub(super) fn key_headers(entity: &Entity<'_>, name: &str) -> Vec<String> {
    let mut all = entity.headers.all(name);
    all.drain(..all.len().saturating_sub(MAX_KEY_HEADERS));
    all
}

fn outer_message_id(root: &Entity<'_>) -> Option<MessageId> {
    let own = root.headers.last(headers::MESSAGE_ID);
    let original = root.headers.last(headers::X_MICROSOFT_ORIGINAL_MESSAGE_ID);
    original.or(own).and_then(|value| MessageId::parse(&value))
}

/// The ciphertext, in the proper form and the two forms into which servers are known to turn it. Nothing else is
/// searched for ciphertext: clear and encrypted content must never be mixed.
fn encrypted_part<'e, 'a>(root: &'e Entity<'a>) -> Option<&'e Entity<'a>> {
    const FRAME: [&str; 2] = ["application/pgp-encrypted", "application/octet-stream"];
    let proper = |entity: &'e Entity<'a>| {
        (entity.mime() == "multipart/encrypted" && entity.child_types() == FRAME).then(|| &entity.children[1])
    };
    if let Some(part) = proper(root) {
        return Some(part);
    }
    if root.mime() != "multipart/mixed" {
        return None;
    }
    match root.child_types().as_slice() {
        ["text/plain", first, second] if [*first, *second] == FRAME => root.children.get(2),
        ["text/plain", "multipart/encrypted"] => root.children.get(1).and_then(proper),
        _ => None,
    }
}

impl<'a> Outer<'a> {
    /// Whether the mail is PGP/MIME encrypted (RFC 3156 §4).
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    /// The OpenPGP message, usually ASCII-armoured. `None` if not encrypted, or if its transfer encoding is broken.
    pub fn ciphertext(&self) -> Option<&[u8]> {
        self.ciphertext.as_deref()
    }

    /// The last outer header of that name, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        self.root.headers.last(name)
    }

    pub(super) fn root(&self) -> &Entity<'a> {
        &self.root
    }
}

/// A payload that is signed in the way of RFC 1847, inside of the encryption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedSignature<'a> {
    /// What is signed: a whole MIME entity. Line ends must be CRLF when verifying.
    pub signed: &'a [u8],
    /// The signature, usually ASCII-armoured.
    pub signature: Vec<u8>,
}

/// Finds a detached signature in a decrypted payload whose root is `multipart/signed` with two parts.
pub fn detached_signature(payload: &[u8]) -> Option<DetachedSignature<'_>> {
    let root = Entity::parse(payload);
    match (root.mime(), root.children.as_slice()) {
        ("multipart/signed", [signed, signature]) => {
            Some(DetachedSignature { signed: signed.whole, signature: signature.decoded()?.into_owned() })
        }
        _ => None,
    }
}
