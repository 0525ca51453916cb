//! Realtime channels of in-chat apps: a node that joins topics, sends frames and receives them.
//!
//! A [`Node`] is a QUIC endpoint with a fresh key, reached through one relay that the caller names, and gossip on top of
//! it. It looks nobody up: it knows the nodes that it is given, and those that its neighbours in a topic introduce. It
//! lives as long as the caller holds it.
//!
//! The libraries are iroh and iroh-gossip 0.35 in X.509 mode, because chatmail core speaks these: later versions have
//! another handshake and other frames. The forms of topics, addresses and frames are in
//! [`volary_mail::webxdc::realtime`].

mod channel;
mod node;

#[cfg(test)]
mod tests;

pub use channel::Frame;
pub use node::{Node, Reach};
use volary_mail::webxdc::realtime::MAX_FRAME_DATA;

/// Why something on a realtime channel fails.
#[derive(Debug, thiserror::Error)]
pub enum RealtimeError {
    /// The endpoint cannot be set up.
    #[error("realtime channels cannot be opened: {0}")]
    Start(String),
    /// The relay did not answer in time.
    #[error("the relay for realtime channels cannot be reached")]
    Relay,
    /// More data than a frame takes.
    #[error("{0} bytes are too many for a realtime channel, at most {MAX_FRAME_DATA} can be sent at once")]
    TooLong(usize),
    /// The channel has ended.
    #[error("the realtime channel has ended")]
    Ended,
}
