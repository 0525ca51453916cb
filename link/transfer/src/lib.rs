//! A second device by code: one device offers its profile, another one scans the code and takes it.
//!
//! | file | holds |
//! |---|---|
//! | [`protocol`] | what goes over the stream, without I/O: the token, the size, the confirmation |
//! | `endpoint` | the QUIC endpoint and where it is reached |
//! | `offer` | the device that gives: [`Offer`], then [`Giving`] |
//! | `take` | the device that takes: [`Taking`] |
//! | [`pipe`] | bounded pipes between the stream and what reads or writes the archive on a thread of its own |
//!
//! The library is iroh 0.35 in X.509 mode, because chatmail core speaks it. There is no relay and no discovery: only the
//! addresses in the code are tried.
//!
//! What an [`Offer`] guarantees: no byte of the profile leaves before the other side has shown the token of the code. What
//! [`Taking`] guarantees: the end of the archive is told apart from a connection that breaks off.

mod endpoint;
mod offer;
pub mod pipe;
pub mod protocol;
mod take;

#[cfg(test)]
mod tests;

pub use endpoint::Reach;
pub use offer::{Giving, Offer};
pub use take::Taking;

/// Why a transfer fails.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The endpoint cannot be set up.
    #[error("endpoint cannot be opened: {0}")]
    Open(String),
    /// The device has no address that another one could reach.
    #[error("this device has no network address")]
    NoAddress,
    /// The code names a node that cannot exist.
    #[error("the code names no device: {0}")]
    Node(String),
    /// The other device is not reached.
    #[error("failed connecting to remote endpoint: {0}")]
    Connect(String),
    /// The connection ended before its time.
    #[error("connection lost: {0}")]
    Lost(String),
    /// What writes or reads the archive stopped early.
    #[error("the archive broke off")]
    Archive,
    /// More follows the archive than belongs there.
    #[error("the other device sends more than a profile")]
    Surplus,
    /// The other device did not confirm with what the protocol wants.
    #[error("the other device did not confirm the profile")]
    NotConfirmed,
}

/// A connection ended in the middle of something.
fn lost(error: impl std::fmt::Display) -> TransferError {
    let text = error.to_string();
    // The libraries say so themselves.
    TransferError::Lost(text.strip_prefix("connection lost: ").map(str::to_owned).unwrap_or(text))
}
