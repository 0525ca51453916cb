//! Which headers count: protected ones replace outer ones (RFC 9788), some need encryption and signature, some never
//! count from outside.

use std::collections::HashMap;

use super::ParseError;
use super::address_list::parse_addresses;
use super::header_block::HeaderBlock;
use super::mime::Entity;
use super::outer::{Outer, key_headers};
use super::report::{self, is_delivery_status};
use super::value::decode_words;
use crate::message::headers::{self, HIDDEN};
use crate::message::ids::MessageId;
use crate::message::mailbox::Mailbox;

/// The headers that count for a message.
#[derive(Debug, Clone, Default)]
pub struct Effective {
    values: HashMap<String, String>,
    /// Sender.
    pub from: Vec<Mailbox>,
    /// `To`.
    pub to: Vec<Mailbox>,
    /// `Cc`.
    pub cc: Vec<Mailbox>,
    /// `Chat-Group-Past-Members`.
    pub past_members: Vec<Mailbox>,
    /// `List-Post`.
    pub list_post: Option<String>,
    /// `Chat-Disposition-Notification-To`.
    pub receipt_to: Option<String>,
    /// `Autocrypt` headers to look at, in order.
    pub autocrypt: Vec<String>,
    /// `Autocrypt-Gossip` headers, in order.
    pub gossip: Vec<String>,
    /// Whether `List-Help` names the list software that sends members' texts as several parts.
    pub has_text_parts_list: bool,
}

/// Address fields of one header block.
struct AddressFields {
    from: Vec<Mailbox>,
    to: Vec<Mailbox>,
    cc: Vec<Mailbox>,
    past_members: Vec<Mailbox>,
    list_post: Option<String>,
    receipt_to: Option<String>,
}

impl AddressFields {
    fn of(block: &HeaderBlock<'_>) -> Self {
        let list = |name| block.last(name).map(|value| parse_addresses(&value)).unwrap_or_default();
        let first = |name| list(name).into_iter().next().map(|mailbox| mailbox.address);
        Self {
            from: list(headers::FROM),
            to: list(headers::TO),
            cc: list(headers::CC),
            past_members: list(headers::CHAT_GROUP_PAST_MEMBERS),
            list_post: first(headers::LIST_POST),
            receipt_to: first(headers::CHAT_DISPOSITION_NOTIFICATION_TO),
        }
    }
}

/// Outer headers, besides `chat-*` and `secure-join*`, that never survive decryption.
const REPLACED: [&str; 16] = [
    "return-path",
    headers::AUTO_SUBMITTED,
    "autocrypt-setup-message",
    headers::DATE,
    headers::FROM,
    headers::SENDER,
    "reply-to",
    headers::TO,
    headers::CC,
    "bcc",
    headers::MESSAGE_ID,
    headers::IN_REPLY_TO,
    headers::REFERENCES,
    headers::EPHEMERAL_TIMER,
    headers::IROH_GOSSIP_TOPIC,
    headers::IROH_NODE_ADDR,
];

impl Effective {
    /// Merges the outer headers with those of the decrypted payload's root.
    pub(super) fn merge(
        outer: &Outer<'_>,
        payload: Option<&Entity<'_>>,
        signed: bool,
    ) -> Result<Self, ParseError> {
        let mut effective = Self::outside(outer);
        match payload {
            None => effective.drop_unsigned(false),
            Some(payload) => {
                effective.add_payload(payload, signed);
                effective.check_sender(outer, payload, signed)?;
                if !signed {
                    effective.drop_unsigned(true);
                }
            }
        }
        effective.has_text_parts_list =
            effective.raw(headers::LIST_HELP).is_some_and(|value| value == "<https://schleuder.org/>");
        Ok(effective)
    }

    fn outside(outer: &Outer<'_>) -> Self {
        let root = outer.root();
        let mut effective = Self::default();
        effective.add_block(&root.headers);
        for hidden in HIDDEN {
            effective.values.remove(hidden);
        }
        if root.mime() == "multipart/mixed"
            && let Some(first) = root.children.first()
        {
            for name in HIDDEN.into_iter().chain([headers::MESSAGE_ID]) {
                if let Some(value) = first.headers.last(name) {
                    effective.values.insert(name.to_owned(), value);
                }
            }
        }
        if let Some(original) = effective.values.get(headers::X_MICROSOFT_ORIGINAL_MESSAGE_ID).cloned() {
            effective.values.insert(headers::MESSAGE_ID.to_owned(), original);
        }
        let fields = AddressFields::of(&root.headers);
        effective.from = fields.from;
        if effective.from.is_empty()
            && is_delivery_status(&root.headers.last(headers::CONTENT_TYPE).unwrap_or_default())
        {
            effective.from.push(report::nobody());
        }
        effective.to = fields.to;
        effective.cc = fields.cc;
        effective.past_members = fields.past_members;
        effective.list_post = fields.list_post;
        effective.receipt_to = fields.receipt_to;
        effective.autocrypt = outer.autocrypt.clone();
        effective
    }

    fn add_block(&mut self, block: &HeaderBlock<'_>) {
        let mut seen = std::collections::HashSet::new();
        for field in block.iter().rev() {
            let name = field.name.to_ascii_lowercase();
            if seen.insert(name.clone()) {
                self.values.insert(name, super::value::unfold(field.raw));
            }
        }
    }

    fn add_payload(&mut self, payload: &Entity<'_>, signed: bool) {
        if signed {
            self.values.remove(headers::SUBJECT);
            self.values.remove(headers::LIST_ID);
        }
        let protects_all = payload.content_type.get("hp").is_some();
        if protects_all {
            self.values.clear();
            self.to.clear();
            self.cc.clear();
            self.past_members.clear();
            self.list_post = None;
            self.receipt_to = None;
        } else {
            self.values.retain(|name, _| {
                !name.starts_with("chat-")
                    && !name.starts_with("secure-join")
                    && !REPLACED.contains(&name.as_str())
            });
        }
        self.add_block(&payload.headers);
        self.add_payload_addresses(AddressFields::of(&payload.headers));
        let inner = key_headers(payload, headers::AUTOCRYPT);
        if !inner.is_empty() {
            self.autocrypt = inner;
        }
        self.gossip = key_headers(payload, headers::AUTOCRYPT_GOSSIP);
    }

    fn add_payload_addresses(&mut self, inner: AddressFields) {
        let replace = |old: &mut Vec<Mailbox>, new: Vec<Mailbox>| {
            if !new.is_empty() {
                *old = new;
            }
        };
        if self.values.contains_key(headers::FROM) {
            self.from = inner.from;
        }
        replace(&mut self.to, inner.to);
        replace(&mut self.cc, inner.cc);
        replace(&mut self.past_members, inner.past_members);
        self.list_post = inner.list_post.or(self.list_post.take());
        self.receipt_to = inner.receipt_to;
    }

    /// Without a signature the sender inside must be the one outside.
    fn check_sender(&self, outer: &Outer<'_>, payload: &Entity<'_>, signed: bool) -> Result<(), ParseError> {
        if signed || !payload.headers.has(headers::FROM) {
            return Ok(());
        }
        let outside = outer.from.as_ref().map(|mailbox| &mailbox.address);
        match (self.from.as_slice(), outside) {
            ([inside], Some(outside)) if inside.address == *outside => Ok(()),
            ([_], _) => Err(ParseError::ForgedSender),
            _ => Err(ParseError::NotOneSender),
        }
    }

    /// Drops what needs encryption and a valid signature.
    fn drop_unsigned(&mut self, encrypted: bool) {
        self.gossip.clear();
        for name in [headers::SECURE_JOIN_FINGERPRINT, headers::CHAT_VERIFIED, headers::AUTOCRYPT_GOSSIP] {
            self.values.remove(name);
        }
        let step = self.raw(headers::SECURE_JOIN).unwrap_or_default().to_owned();
        if encrypted && step == "vc-request-pubkey" {
            return;
        }
        self.values.remove(headers::SECURE_JOIN_AUTH);
        if step != "vc-request" && step != "vg-request" {
            self.values.remove(headers::SECURE_JOIN);
        }
    }

    /// The unfolded value.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value with encoded words decoded.
    pub fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(decode_words)
    }

    /// Whether the header exists, with whatever value.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The first message id of the value.
    pub fn message_id(&self, name: &str) -> Option<MessageId> {
        self.raw(name).and_then(MessageId::parse)
    }

    /// All message ids of the value.
    pub fn message_ids(&self, name: &str) -> Vec<MessageId> {
        self.raw(name).map(MessageId::parse_list).unwrap_or_default()
    }
}
