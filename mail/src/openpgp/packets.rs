//! The content of an encryption container: at most one compression layer around one literal with its signatures
//! ([RFC 9580 §10.3](https://www.rfc-editor.org/rfc/rfc9580.html#section-10.3)). Nothing nests deeper.

use super::DecryptError;
use pgp::packet::{CompressedData, Packet, PacketParser, Signature};
use std::io::Read as _;

/// Most packets inside an encryption container; chatmail needs three.
const MAX_PACKETS: usize = 32;

/// A literal and the signatures around it, outermost first.
pub(super) struct Content {
    pub payload: Vec<u8>,
    pub signatures: Vec<Signature>,
}

/// Reads decrypted packets. `limit` bounds what compressed data may expand to.
pub(super) fn read_content(plaintext: &[u8], limit: usize) -> Result<Content, DecryptError> {
    let mut packets = relevant_packets(plaintext)?;
    if let [Packet::CompressedData(compressed)] = packets.as_slice() {
        let inflated = inflate(compressed, limit)?;
        packets = relevant_packets(&inflated)?;
    }
    assemble(packets)
}

/// All packets but those that carry nothing: markers, padding and what the standard lets readers skip.
fn relevant_packets(data: &[u8]) -> Result<Vec<Packet>, DecryptError> {
    let mut relevant = Vec::new();
    for (index, packet) in PacketParser::new(data).enumerate() {
        if index >= MAX_PACKETS {
            return Err(DecryptError::TooManyPackets);
        }
        match packet {
            Ok(Packet::Marker(_) | Packet::Padding(_)) => {}
            Ok(packet) => relevant.push(packet),
            Err(error) if is_skippable(&error) => {}
            Err(error) => return Err(DecryptError::UnexpectedContent(error.to_string())),
        }
    }
    Ok(relevant)
}

/// Unassigned packet types that the standard lets readers skip (RFC 9580 §4.3).
fn is_skippable(error: &pgp::errors::Error) -> bool {
    use pgp::errors::Error;
    match error {
        Error::Unsupported { .. } => true,
        Error::InvalidPacketContent { source } => matches!(**source, Error::Unsupported { .. }),
        _ => false,
    }
}

fn inflate(compressed: &CompressedData, limit: usize) -> Result<Vec<u8>, DecryptError> {
    let broken = |error: &dyn std::fmt::Display| DecryptError::UnexpectedContent(error.to_string());
    let reader = compressed.decompress().map_err(|error| broken(&error))?;
    let mut inflated = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    reader.take(bound).read_to_end(&mut inflated).map_err(|error| broken(&error))?;
    if inflated.len() > limit {
        return Err(DecryptError::TooLarge);
    }
    Ok(inflated)
}

/// Matches `Signature* Literal` (old style) or `OnePass^n Literal Signature^n`.
fn assemble(packets: Vec<Packet>) -> Result<Content, DecryptError> {
    let unexpected = |what: &str| DecryptError::UnexpectedContent(what.into());
    let mut before = Vec::new();
    let mut after = Vec::new();
    let mut one_passes = 0usize;
    let mut literal = None;
    for packet in packets {
        match (packet, &literal) {
            (Packet::OnePassSignature(_), None) => one_passes += 1,
            (Packet::Signature(signature), None) => before.push(signature),
            (Packet::LiteralData(data), None) => literal = Some(data),
            (Packet::Signature(signature), Some(_)) => after.push(signature),
            _ => return Err(unexpected("packet out of place")),
        }
    }
    let literal = literal.ok_or_else(|| unexpected("no literal"))?;
    if one_passes != after.len() {
        return Err(unexpected("one-pass signatures do not match signatures"));
    }
    if !before.is_empty() && !after.is_empty() {
        return Err(unexpected("mixed signature styles"));
    }
    // One-pass signatures bracket the literal: the last signature belongs to the first announcement.
    after.reverse();
    before.append(&mut after);
    Ok(Content { payload: Vec::from(literal.into_bytes()), signatures: before })
}
