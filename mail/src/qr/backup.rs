//! Codes by which a second device finds the first one.

use std::{collections::BTreeSet, fmt, net::SocketAddr};

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Code, QrError};

const PREFIX: &str = "DCBACKUP";
/// The newest version of the transfer that is understood.
const NEWEST_VERSION: i32 = 5;
/// Addresses that are kept of a scanned code.
const MAX_DIRECT_ADDRESSES: usize = 64;

/// Another device that offers to transfer a profile.
#[derive(Clone, PartialEq, Eq)]
pub struct BackupCode {
    /// Proves to the other device that the code was scanned.
    pub auth_token: String,
    /// Where the other device is.
    pub node: NodeAddr,
}

/// Where a device is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeAddr {
    /// Its public key.
    pub node_id: [u8; 32],
    /// A server that relays if there is no direct way.
    pub relay_url: Option<String>,
    /// Its own addresses.
    pub direct_addresses: BTreeSet<SocketAddr>,
}

/// The token stays out of logs.
impl fmt::Debug for BackupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackupCode").field("node", &self.node).finish_non_exhaustive()
    }
}

impl BackupCode {
    /// Writes the code.
    pub fn to_text(&self) -> String {
        format!("{PREFIX}{NEWEST_VERSION}:{}&{}", self.auth_token, self.node.to_json())
    }
}

#[derive(Serialize, Deserialize)]
struct FlatNode {
    node_id: String,
    #[serde(default)]
    relay_url: Option<String>,
    #[serde(default)]
    direct_addresses: Option<Vec<SocketAddr>>,
    #[serde(default, skip_serializing)]
    info: Option<NodeInfo>,
}

/// Older writers nest the two members.
#[derive(Deserialize)]
struct NodeInfo {
    #[serde(default)]
    relay_url: Option<String>,
    direct_addresses: Vec<SocketAddr>,
}

impl NodeAddr {
    /// The JSON text that codes and the JSON-RPC interface carry.
    pub fn to_json(&self) -> String {
        let flat = FlatNode {
            node_id: hex::encode(self.node_id),
            relay_url: self.relay_url.clone(),
            direct_addresses: Some(self.direct_addresses.iter().copied().collect()),
            info: None,
        };
        // A struct of strings always serialises.
        serde_json::to_string(&flat).unwrap_or_default()
    }

    /// Reads the JSON text; hex and base32 ids, flat and nested members.
    pub fn from_json(text: &str) -> Result<Self, QrError> {
        let error = |text: &str| QrError::BackupNode(text.to_owned());
        let flat: FlatNode = serde_json::from_str(text).map_err(|e| QrError::BackupNode(e.to_string()))?;
        let (relay_url, addresses) = match (flat.direct_addresses, flat.info) {
            (Some(addresses), _) => (flat.relay_url, addresses),
            (None, Some(info)) => (info.relay_url, info.direct_addresses),
            (None, None) => return Err(error("missing field `direct_addresses`")),
        };
        let relay_url = match relay_url {
            None => None,
            Some(url) => Some(Url::parse(&url).map_err(|e| QrError::BackupNode(e.to_string()))?.into()),
        };
        Ok(Self {
            node_id: parse_node_id(&flat.node_id).ok_or_else(|| error("invalid node id"))?,
            relay_url,
            direct_addresses: addresses.into_iter().take(MAX_DIRECT_ADDRESSES).collect(),
        })
    }
}

fn parse_node_id(text: &str) -> Option<[u8; 32]> {
    if text.len() == 64 {
        return hex::decode(text).ok()?.try_into().ok();
    }
    decode_base32(text)
}

/// Base32 (RFC 4648 §6) without padding, of exactly 32 bytes.
fn decode_base32(text: &str) -> Option<[u8; 32]> {
    if text.len() != 52 {
        return None;
    }
    let mut out = Vec::with_capacity(33);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in text.bytes() {
        let value = match byte.to_ascii_lowercase() {
            letter @ b'a'..=b'z' => letter - b'a',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    // 260 bits: the last four must be empty.
    if buffer != 0 { None } else { out.try_into().ok() }
}

/// Reads a text that starts with `DCBACKUP` in any case; only upper case is a valid code.
pub(super) fn parse(text: &str) -> Result<Code, QrError> {
    let payload = text.strip_prefix(PREFIX).ok_or(QrError::Backup("Invalid DCBACKUP scheme"))?;
    let (version, payload) =
        payload.split_once(':').ok_or(QrError::Backup("DCBACKUP scheme separator missing"))?;
    let version: i32 = version.parse().map_err(QrError::BackupVersion)?;
    if version > NEWEST_VERSION {
        return Ok(Code::BackupTooNew);
    }
    let (auth_token, node) =
        payload.split_once('&').ok_or(QrError::Backup("Backup QR code has no separator"))?;
    Ok(Code::Backup(BackupCode { auth_token: auth_token.to_owned(), node: NodeAddr::from_json(node)? }))
}
