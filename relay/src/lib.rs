//! An embedded chatmail relay: IMAP and SMTP for demos, tests and stress runs.
//!
//! [`Relay::start`] opens four listeners (IMAP and SMTP submission, each with implicit TLS and STARTTLS), makes a
//! self-signed certificate for its domains and serves until [`Relay::stop`]. An account comes into being at the first
//! login; its password holds from then on. Mail travels between the accounts of the relay's own domains only, and only
//! encrypted mail is accepted unless [`RelayConfig::allow_unencrypted`] is set.
//!
//! ```no_run
//! # async fn demo() -> Result<(), volary_relay::RelayError> {
//! use volary_relay::{Relay, RelayConfig};
//! let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await?;
//! println!("IMAP on port {}", relay.imap_tls_port());
//! relay.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! Modules:
//!
//! * [`config`](RelayConfig) — the configuration of a relay, with all its bounds ([`Limits`]).
//! * `store` — accounts, folders, messages and flags; the rules are plain functions over plain data. `store::maildir`
//!   keeps a copy on disk.
//! * `net` — sockets, TLS, bounded line reading, shared-bytes writing.
//! * `imap`, `smtp` — one module per protocol, one task per connection.
//! * `relay` — the handle: listeners, statistics, and the switches that scenario tests turn.

mod config;
mod header;
mod imap;
mod net;
mod relay;
mod shared;
mod smtp;
mod stats;
mod store;

pub use config::{AccountRules, Limits, RelayConfig, RelayError, SendRate};
pub use relay::Relay;
pub use shared::{Faults, SmtpFault};
pub use stats::RelayStats;
pub use store::{HeldMail, StoredMessage};
