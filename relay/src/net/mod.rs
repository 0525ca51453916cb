//! Sockets: TLS, bounded reading, and writing that shares message bytes.

mod reply;
mod socket;
mod tls;
mod wire;

pub(crate) use reply::Reply;
pub(crate) use socket::Socket;
pub(crate) use tls::{Identity, Protocol};
pub(crate) use wire::{Wire, WireError};
