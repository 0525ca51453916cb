//! Realtime channels of apps: the topic of an instance, the address of a node, and the frames between nodes.
//!
//! A topic travels with the instance, an address in a hidden mail that replies to it. Both stand in encrypted headers.

use std::fmt;
use std::net::SocketAddr;

use rand::Rng;
use serde::{Deserialize, Serialize};
use url::Url;

/// Most bytes that an app sends at once. More would end the link to chatmail core.
pub const MAX_FRAME_DATA: usize = 128_000;

/// Bytes behind the data of a frame: a number and the key of the sender, so that equal data makes different frames.
pub const TRAILER: usize = 4 + NODE_ID;

/// Nodes that are kept for an instance; the oldest goes first.
pub const MAX_NODES: usize = 32;

const NODE_ID: usize = 32;
const TOPIC: usize = 32;
const TOPIC_CHARS: usize = 52;
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// Longest address that is read, in bytes of JSON.
const MAX_ADDRESS: usize = 4096;
/// Longest URL of a relay.
const MAX_RELAY_URL: usize = 512;

/// What the nodes of an instance meet under.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic([u8; TOPIC]);

impl Topic {
    /// A new one that nobody can guess.
    pub fn generate(rng: &mut impl Rng) -> Self {
        Self(rng.r#gen())
    }

    /// Reads the value of the header: base32 (RFC 4648) without padding, in either case.
    pub fn parse(text: &str) -> Option<Self> {
        decode(text).map(Self)
    }

    /// The raw value.
    pub fn bytes(&self) -> [u8; TOPIC] {
        self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&encode(&self.0))
    }
}

/// Who knows a topic can join it, so logs do not show it.
impl fmt::Debug for Topic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Topic(…)")
    }
}

/// The public key of a node, which is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId([u8; NODE_ID]);

impl NodeId {
    /// The node with this key.
    pub fn new(key: [u8; NODE_ID]) -> Self {
        Self(key)
    }

    /// Reads 64 hexadecimal digits, or 52 characters of base32.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() == TOPIC_CHARS {
            return decode(text).map(Self);
        }
        let mut key = [0; NODE_ID];
        hex::decode_to_slice(text, &mut key).ok()?;
        Some(Self(key))
    }

    /// The raw key.
    pub fn bytes(&self) -> [u8; NODE_ID] {
        self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

/// How a node is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeAddress {
    /// Its name.
    pub node: NodeId,
    /// The relay at which it can be found.
    pub relay: Option<Url>,
    /// Sockets of the node. Never written into a mail but by tests: mails are stored, and would tell where somebody was.
    pub direct: Vec<SocketAddr>,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    node_id: String,
    relay_url: Option<String>,
    direct_addresses: Vec<String>,
}

impl NodeAddress {
    /// Reads the value of the header. Direct addresses are dropped: the author of a mail must not choose where packets of
    /// this device go.
    pub fn parse(json: &str) -> Option<Self> {
        if json.len() > MAX_ADDRESS {
            return None;
        }
        let wire: Wire = serde_json::from_str(json).ok()?;
        let relay = match &wire.relay_url {
            Some(url) => Some(relay_url(url)?),
            None => None,
        };
        Some(Self { node: NodeId::parse(&wire.node_id)?, relay, direct: Vec::new() })
    }

    /// The value of the header.
    pub fn to_json(&self) -> String {
        let wire = Wire {
            node_id: self.node.to_string(),
            relay_url: self.relay.as_ref().map(|url| url.as_str().to_owned()),
            direct_addresses: self.direct.iter().map(ToString::to_string).collect(),
        };
        // Texts and lists of texts.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

/// The URL of a relay, if it is one that can be used.
pub fn relay_url(text: &str) -> Option<Url> {
    if text.len() > MAX_RELAY_URL {
        return None;
    }
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
}

/// A frame: data, number, key of the sender.
pub fn frame(data: &[u8], number: i32, sender: NodeId) -> Vec<u8> {
    let mut frame = Vec::with_capacity(data.len() + TRAILER);
    frame.extend_from_slice(data);
    frame.extend_from_slice(&number.to_le_bytes());
    frame.extend_from_slice(&sender.0);
    frame
}

/// The length of the data of a frame; `None` if it is too short to be one.
pub fn data_len(frame: &[u8]) -> Option<usize> {
    frame.len().checked_sub(TRAILER)
}

fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(TOPIC_CHARS);
    let (mut held, mut bits) = (0u32, 0);
    for byte in bytes {
        held = held << 8 | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(character(held >> bits));
        }
    }
    text.push(character(held << (5 - bits)));
    text
}

fn character(value: u32) -> char {
    char::from(ALPHABET[(value & 31) as usize])
}

/// Exactly 52 characters, of which the last brings one bit; its others are zero.
fn decode(text: &str) -> Option<[u8; 32]> {
    if text.len() != TOPIC_CHARS {
        return None;
    }
    let (mut held, mut bits, mut at) = (0u32, 0, 0);
    let mut bytes = [0; 32];
    for character in text.bytes() {
        let value = ALPHABET.iter().position(|known| *known == character.to_ascii_lowercase())?;
        held = held << 5 | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *bytes.get_mut(at)? = (held >> bits & 0xff) as u8;
            at += 1;
        }
    }
    (held & 0xf == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NODE: &str = "e9541d1f5c4d3f2a1b0c9d8e7f60514233241506f7e8d9cabbac9d8e7f605f53";

    #[test]
    fn a_topic_is_read_in_either_case_and_written_in_lower_case() {
        let text = "m46la4zw5v6vonvhsl7q27yapw4zhsyz7bzwfk4qtdfpj2gwvqba";
        let topic = Topic::parse(text).unwrap();
        assert_eq!(topic.to_string(), text);
        assert_eq!(Topic::parse(&text.to_uppercase()), Some(topic));
        assert_eq!(format!("{topic:?}"), "Topic(…)");
    }

    #[test]
    fn a_topic_of_another_length_or_alphabet_is_none() {
        for bad in [
            String::new(),
            "a".repeat(51),
            "a".repeat(53),
            "a".repeat(10_000),
            "!".repeat(52),
            "ä".repeat(26),
            format!("{}1", "a".repeat(51)),
            format!("{}b", "a".repeat(51)),
            format!("{}=", "a".repeat(51)),
        ] {
            assert_eq!(Topic::parse(&bad), None, "{bad}");
        }
        assert!(Topic::parse(&format!("{}q", "a".repeat(51))).is_some());
    }

    #[test]
    fn an_address_is_read_without_its_sockets() {
        let json = format!(
            r#"{{"node_id":"{NODE}","relay_url":"https://relay.example.org./","direct_addresses":["127.0.0.1:4433"]}}"#
        );
        let address = NodeAddress::parse(&json).unwrap();
        assert_eq!(address.direct, []);
        assert_eq!(
            address.to_json(),
            format!(
                r#"{{"node_id":"{NODE}","relay_url":"https://relay.example.org./","direct_addresses":[]}}"#
            )
        );
    }

    #[test]
    fn a_relay_may_be_missing_and_the_sockets_may_not() {
        let without = format!(r#"{{"node_id":"{NODE}","relay_url":null,"direct_addresses":[]}}"#);
        assert_eq!(NodeAddress::parse(&without).unwrap().relay, None);
        for bad in [
            format!(r#"{{"node_id":"{NODE}","relay_url":null}}"#),
            r#"{"node_id":"e9","relay_url":null,"direct_addresses":[]}"#.to_owned(),
            format!(r#"{{"node_id":"{NODE}","relay_url":"file:///etc","direct_addresses":[]}}"#),
            format!(r#"{{"node_id":"{NODE}","relay_url":"no url","direct_addresses":[]}}"#),
            "garbage".to_owned(),
            " ".repeat(MAX_ADDRESS + 1),
        ] {
            assert_eq!(NodeAddress::parse(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_frame_shorter_than_its_trailer_is_none() {
        assert_eq!(data_len(&[]), None);
        assert_eq!(data_len(&[0; 35]), None);
        assert_eq!(data_len(&[0; 36]), Some(0));
        let frame = frame(b"data", -2, NodeId::parse(NODE).unwrap());
        assert_eq!(data_len(&frame), Some(4));
        assert_eq!(&frame[4..8], [0xfe, 0xff, 0xff, 0xff]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_it_was(bytes: [u8; 32], relay in "https://[a-z]{1,20}\\.org/", sockets: bool) {
            prop_assert_eq!(Topic::parse(&Topic(bytes).to_string()), Some(Topic(bytes)));
            let node = NodeId::new(bytes);
            prop_assert_eq!(NodeId::parse(&node.to_string()), Some(node));
            let direct = if sockets { vec!["127.0.0.1:1".parse().unwrap()] } else { Vec::new() };
            let address = NodeAddress { node, relay: Some(relay.parse().unwrap()), direct };
            prop_assert_eq!(NodeAddress::parse(&address.to_json()), Some(NodeAddress { direct: Vec::new(), ..address }));
        }

        #[test]
        fn no_text_is_read_as_a_topic_that_is_written_differently(text in "[a-zA-Z2-7]{52}") {
            if let Some(topic) = Topic::parse(&text) {
                prop_assert_eq!(topic.to_string(), text.to_lowercase());
            }
        }
    }
}
