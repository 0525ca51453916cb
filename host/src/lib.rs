//! Volary hosts any number of Delta Chat / chatmail profiles in one process.
//!
//! An [`Engine`] is opened on a folder, gets commands and queries of the schema ([`volary_proto`], re-exported as
//! [`proto`]), tells what happens as a stream of events, and is stopped. Here two profiles on an embedded relay meet
//! through an invite:
//!
//! ```
//! use volary::Engine;
//! use volary::proto::{
//!     AddAccount, AddOrUpdateTransport, CertificateChecks, EnteredLoginParam, GetChatSecurejoinQrCode, SecureJoin,
//!     Socket, event::Kind,
//! };
//! use volary_relay::{Relay, RelayConfig};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await?;
//! let folder = tempfile::tempdir()?;
//! let engine = Engine::start(folder.path()).await?;
//! let mut profiles = Vec::new();
//! for addr in ["aliceacct@_relay.test", "bobbyacct@_relay.test"] {
//!     let profile = engine.call(0, AddAccount {}).await?.id;
//!     let param = EnteredLoginParam {
//!         addr: addr.to_owned(),
//!         password: "correct horse".to_owned(),
//!         imap_server: Some("127.0.0.1".to_owned()),
//!         imap_port: Some(relay.imap_tls_port().into()),
//!         imap_security: Some(Socket::Ssl.into()),
//!         smtp_server: Some("127.0.0.1".to_owned()),
//!         smtp_port: Some(relay.smtp_tls_port().into()),
//!         smtp_security: Some(Socket::Ssl.into()),
//!         certificate_checks: Some(CertificateChecks::AcceptInvalidCertificates.into()),
//!         ..Default::default()
//!     };
//!     // Logs in, stores the login and starts to receive.
//!     engine.call(profile, AddOrUpdateTransport { param: Some(param) }).await?;
//!     profiles.push(profile);
//! }
//! let [alice, bob] = profiles[..] else { unreachable!() };
//!
//! let events = engine.events();
//! let invite = engine.call(alice, GetChatSecurejoinQrCode { chat_id: None }).await?.text;
//! engine.call(bob, SecureJoin { qr: invite, ..Default::default() }).await?;
//! while let Some(event) = events.next().await {
//!     match event.kind {
//!         Some(Kind::SecurejoinJoinerProgress(joined)) if joined.progress == 1000 => break,
//!         _ => {}
//!     }
//! }
//!
//! engine.stop().await;
//! relay.stop().await;
//! # Ok(())
//! # }
//! # let runtime = tokio::runtime::Runtime::new().unwrap();
//! # let patience = std::time::Duration::from_secs(60);
//! # runtime.block_on(async { tokio::time::timeout(patience, example()).await }).unwrap().unwrap();
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `engine` | [`Engine`], what a Rust program uses |
//! | [`bus`] | the same as a trait, what doors for other programs are written against |
//! | [`jsonrpc`] | the door for existing clients: JSON-RPC over standard input and output |
//! | [`cli`] | the `volary` command line: `demo`, `serve`, `relay`, `contacts` |
//! | [`descriptors`], [`memory`] | what processes of this workspace ask of the system: open files, the allocator |

pub mod bus;
pub mod cli;
pub mod descriptors;
mod engine;
pub mod jsonrpc;
pub mod memory;

pub use engine::{Engine, EngineOptions, StartError};
pub use volary_actors::bus::EventStream;
pub use volary_engine::ground::clock;
pub use volary_proto as proto;
