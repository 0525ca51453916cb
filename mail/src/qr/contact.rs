//! Codes that name an e-mail address: `mailto:`, `SMTP:`, `MATMSG:` and scanned vCards.

use percent_encoding::percent_decode_str;

use super::{QrError, code::strip_scheme};
use crate::address::Address;

/// An e-mail address, perhaps with a name and a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressCode {
    /// The address.
    pub address: Address,
    /// What the card calls its owner.
    pub name: Option<String>,
    /// A message to begin with.
    pub draft: Option<String>,
}

/// Reads the text if it has one of the forms.
pub(super) fn parse(text: &str) -> Option<Result<AddressCode, QrError>> {
    if let Some(payload) = text.strip_prefix("mailto:") {
        Some(parse_mailto(payload))
    } else if let Some(payload) = text.strip_prefix("SMTP:") {
        Some(parse_smtp(payload))
    } else if let Some(payload) = text.strip_prefix("MATMSG:") {
        Some(parse_matmsg(payload))
    } else if text.starts_with("BEGIN:VCARD") {
        Some(parse_vcard(text))
    } else {
        None
    }
}

fn address(text: &str) -> Result<Address, QrError> {
    Address::parse(text).map_err(|_| QrError::Address)
}

fn plain(text: &str) -> Result<AddressCode, QrError> {
    Ok(AddressCode { address: address(text)?, name: None, draft: None })
}

fn parse_mailto(payload: &str) -> Result<AddressCode, QrError> {
    let payload = payload.strip_prefix("//").unwrap_or(payload);
    let (encoded, query) = payload.split_once('?').unwrap_or((payload, ""));
    let decoded = percent_decode_str(encoded).decode_utf8()?;
    let (mut subject, mut body) = ("", "");
    for (key, value) in query.split('&').filter_map(|part| part.split_once('=')) {
        match key {
            "subject" => subject = value,
            "body" => body = value,
            _ => {}
        }
    }
    let joined = match (subject.is_empty(), body.is_empty()) {
        (false, false) => format!("{subject}\n{body}"),
        _ => format!("{subject}{body}"),
    };
    let spaced = joined.replace('+', "%20");
    let draft = percent_decode_str(&spaced).decode_utf8().map_or_else(|_| spaced.clone(), |d| d.into_owned());
    Ok(AddressCode {
        address: address(&decoded)?,
        name: None,
        draft: Some(draft).filter(|draft| !draft.is_empty()),
    })
}

fn parse_smtp(payload: &str) -> Result<AddressCode, QrError> {
    let (address, _subject_and_body) = payload.split_once(':').ok_or(QrError::Smtp)?;
    plain(address)
}

fn parse_matmsg(payload: &str) -> Result<AddressCode, QrError> {
    let (_, rest) = payload.split_once("TO:").ok_or(QrError::Matmsg)?;
    plain(rest.split(';').next().unwrap_or_default())
}

/// Scanned cards are read for the first address and the structured name only.
fn parse_vcard(text: &str) -> Result<AddressCode, QrError> {
    let mut name = None;
    let mut found = None;
    for line in text.lines() {
        if found.is_none() && strip_scheme(line, "EMAIL").is_some() {
            found = line.split_once(':').map(|(_, value)| value);
        } else if name.is_none()
            && let Some(value) = strip_scheme(line, "N:")
        {
            let mut parts = value.split(';').map(str::trim);
            let (last, first) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            name = Some(format!("{first} {last}").trim().to_owned());
        }
    }
    let address = address(found.unwrap_or_default())?;
    Ok(AddressCode { address, name: name.filter(|name| !name.is_empty()), draft: None })
}
