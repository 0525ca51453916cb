//! The `Autocrypt` and `Autocrypt-Gossip` header fields.

use super::certificate::decode_base64;
use super::{Certificate, KeyError};
use crate::address::Address;
use std::collections::HashMap;
use std::fmt::Write as _;

/// Base64 digits on the first line of `keydata` (with `keydata=` before it, 78 characters).
const FIRST_CHUNK: usize = 70;
/// Base64 digits on the following lines.
const CHUNK: usize = 78;
/// Most header fields of one mail that are tried for an address: each may cost signature checks.
const MAX_CANDIDATES: usize = 8;

/// What a sender says about its wish for encryption. Parsed for completeness; nothing depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PreferEncrypt {
    /// `nopreference`, an unknown value, or no attribute (gossip).
    #[default]
    NoPreference,
    /// `mutual`.
    Mutual,
}

/// A parsed header field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// To whom the key belongs, as the sender of the mail says.
    pub addr: Address,
    /// The `prefer-encrypt` attribute.
    pub prefer_encrypt: PreferEncrypt,
    /// The key.
    pub certificate: Certificate,
    /// Whether the `_verified` attribute of older software is present.
    pub verified: bool,
}

/// Why a header field is ignored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// No usable `addr`.
    #[error("no usable addr attribute")]
    Addr,
    /// No `keydata`.
    #[error("no keydata attribute")]
    NoKey,
    /// An attribute that must be understood and is not.
    #[error("unknown critical attribute")]
    Critical,
    /// The key is not usable.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The attributes before the expensive part.
struct Attributes<'a> {
    addr: Address,
    prefer_encrypt: PreferEncrypt,
    keydata: &'a str,
    verified: bool,
}

impl Header {
    /// The own key in an `Autocrypt` field of a mail sent from `addr`.
    pub fn own(addr: Address, certificate: Certificate) -> Self {
        Self { addr, prefer_encrypt: PreferEncrypt::Mutual, certificate, verified: false }
    }

    /// The key of a recipient in an `Autocrypt-Gossip` field.
    pub fn gossip(addr: Address, certificate: Certificate) -> Self {
        Self { addr, prefer_encrypt: PreferEncrypt::NoPreference, certificate, verified: false }
    }

    /// The field value with folds (CRLF and blank), ready to be written after `Autocrypt: ` or `Autocrypt-Gossip: `.
    pub fn to_folded(&self) -> String {
        self.format("\r\n ")
    }

    /// The field value on one line.
    pub fn to_unfolded(&self) -> String {
        self.format(" ")
    }

    fn format(&self, fold: &str) -> String {
        let digits = self.certificate.to_base64();
        let mut value = format!("addr={};", self.addr);
        if self.prefer_encrypt == PreferEncrypt::Mutual {
            value.push_str(" prefer-encrypt=mutual;");
        }
        let first = digits.len().min(FIRST_CHUNK);
        // Base64 is ASCII: every index is a character boundary. Writing to a string cannot fail.
        let (head, mut rest) = digits.split_at(first);
        let _ = write!(value, "{fold}keydata={head}");
        while !rest.is_empty() {
            let (chunk, tail) = rest.split_at(rest.len().min(CHUNK));
            let _ = write!(value, "{fold}{chunk}");
            rest = tail;
        }
        value
    }

    /// Reads a field value.
    pub fn parse(value: &str) -> Result<Self, BadHeader> {
        Self::parse_with(value, |_| None)
    }

    /// Reads a field value. `known` is asked for an already parsed certificate of exactly these octets, because a
    /// contact sends the same key with every message and its signatures need not be checked every time.
    pub fn parse_with(
        value: &str,
        known: impl FnOnce(&[u8]) -> Option<Certificate>,
    ) -> Result<Self, BadHeader> {
        Attributes::parse(value)?.into_header(known)
    }
}

impl<'a> Attributes<'a> {
    fn parse(value: &'a str) -> Result<Self, BadHeader> {
        let (mut addr, mut prefer_encrypt, mut keydata, mut verified) =
            (None, PreferEncrypt::default(), None, false);
        for (name, text) in value.split(';').filter_map(|piece| piece.split_once('=')) {
            let text = text.trim();
            match name.trim() {
                "addr" => addr = Some(text),
                "keydata" => keydata = Some(text),
                "prefer-encrypt" if text == "mutual" => prefer_encrypt = PreferEncrypt::Mutual,
                "prefer-encrypt" => prefer_encrypt = PreferEncrypt::NoPreference,
                "_verified" => verified = true,
                other if other.starts_with('_') => {}
                _ => return Err(BadHeader::Critical),
            }
        }
        let addr = addr.and_then(|text| Address::parse(text).ok()).ok_or(BadHeader::Addr)?;
        Ok(Self { addr, prefer_encrypt, keydata: keydata.ok_or(BadHeader::NoKey)?, verified })
    }

    fn into_header(self, known: impl FnOnce(&[u8]) -> Option<Certificate>) -> Result<Header, BadHeader> {
        let octets = decode_base64(self.keydata)?;
        let certificate = match known(&octets) {
            Some(certificate) => certificate,
            None => Certificate::parse(&octets)?,
        };
        let Self { addr, prefer_encrypt, verified, .. } = self;
        Ok(Header { addr, prefer_encrypt, certificate, verified })
    }
}

/// Picks the `Autocrypt` field that counts: of all `values` in order of appearance, the last one that is valid and
/// whose `addr` is the outer From address.
pub fn select<'a>(
    values: impl DoubleEndedIterator<Item = &'a str>,
    outer_from: &Address,
    mut known: impl FnMut(&[u8]) -> Option<Certificate>,
) -> Option<Header> {
    values
        .rev()
        .take(MAX_CANDIDATES)
        .filter_map(|value| Attributes::parse(value).ok())
        .filter(|attributes| attributes.addr == *outer_from)
        .find_map(|attributes| attributes.into_header(&mut known).ok())
}

/// The keys that `Autocrypt-Gossip` fields spread, in the order of their appearance. Only those of addresses that are
/// `wanted` are looked at, and of each address only the last ones, because each may cost signature checks.
pub fn gossip<'a>(
    values: impl DoubleEndedIterator<Item = &'a str>,
    wanted: impl Fn(&Address) -> bool,
    mut known: impl FnMut(&[u8]) -> Option<Certificate>,
) -> Vec<Header> {
    let mut tried: HashMap<Address, usize> = HashMap::new();
    let mut found = Vec::new();
    for attributes in values.rev().filter_map(|value| Attributes::parse(value).ok()) {
        if !wanted(&attributes.addr) {
            continue;
        }
        let tries = tried.entry(attributes.addr.clone()).or_default();
        if *tries >= MAX_CANDIDATES {
            continue;
        }
        *tries += 1;
        found.extend(attributes.into_header(&mut known).ok());
    }
    found.reverse();
    found
}
