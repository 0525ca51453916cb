//! Talking to mail servers: streams in, values out, every byte from outside bounded. Knows no profile and no table.
//!
//! | module | holds |
//! |---|---|
//! | [`Network`] (`connect`, [`resolve`], [`tls`], `pacer`) | what all connections of a process share |
//! | `proxy` | tunnels through a proxy |
//! | [`guard`] | what stands between a socket and the libraries: async-imap and async-smtp get only what they survive |
//! | [`imap`], [`smtp`] | one session each, over any stream |
//! | [`log_in`] | from a configured transport to a session that is logged in |
//! | [`configure`] | trying out a transport |
//! | [`reach`] | whether a server can be reached at all |
//! | [`http`] | a small client for documents |
//! | [`autoconfig`] | asking a mail domain for its servers |
//!
//! Nothing in here blocks, and every wait can be dropped.

pub mod autoconfig;
pub mod configure;
pub mod guard;
pub mod http;
pub mod imap;
pub mod log_in;
pub mod reach;
pub mod resolve;
pub mod smtp;
pub mod tls;
pub mod wire;

mod connect;
mod pacer;
mod proxy;

pub use connect::{ConnectError, Manner, Network, unix_now};
pub use log_in::{LogInError, log_in_imap, log_in_smtp};
pub use pacer::{DEFAULT_HANDSHAKES, Pacer};
pub use proxy::ProxyError;
pub use resolve::{Resolver, Route, Success};
