//! Volary hosts any number of Delta Chat / chatmail profiles in one process.
//!
//! An [`Engine`] is opened on a folder, takes commands and queries of the schema ([`volary_proto`], re-exported as
//! [`proto`]), emits what happens as a stream of events, and is stopped. Here two profiles on an embedded relay meet
//! through an invite (`examples/two_profiles.rs` goes on from here: it sends a message and listens to one profile):
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
//!     match &event.kind {
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
//! # Ids, times, failures
//!
//! The schema says it in full: [`proto`]. In short:
//!
//! - Profile ids grow from 1 and are never used again. Profile 0 stands for the process as a whole: it makes and removes
//!   profiles, and events of profile 0 are about their list.
//! - Ids of chats, messages and contacts belong to one profile; another profile has other ids for the same chat. Those
//!   from 1 to 9 are reserved, and have names, like [`proto::SELF_CONTACT`] and [`proto::DAY_MARKER`]; real ones start
//!   at 10.
//! - Times are Unix seconds, in UTC. A program can bring a [`clock`] of its own ([`EngineOptions::clock`]).
//! - A call fails with a [`proto::Error`]: a text for people, and a [`proto::ErrorCode`] for programs. Every call can
//!   fail with `NotFound` (there is no such profile), `Cancelled` (the engine is stopping) and `Internal` (a fault of the
//!   engine or its database; the log says more), every command also with `DiskFull` (nothing was changed; the text
//!   names the folder and what is free). What happens after the answer, like a message that no relay takes, is no
//!   failure of a call: it comes as an event.
//!
//! # Events
//!
//! [`Engine::events`] has the events of all profiles, [`Engine::events_of`] those of one. They come after the commit
//! that they are about, in the order of commits: what an event names can be queried at once. A stream begins when it is
//! made, holds [`MAX_WAITING_EVENTS`] and then loses the oldest; [`EventStream`] says how that shows.
//!
//! # What is durable when
//!
//! - A **query** sees everything that was answered before it.
//! - A **command** is answered after its commit, when all queries see it. Profiles, keys and logins are on disk by then;
//!   everything else is at most 50 ms later, and in any case before anything of it leaves the process.
//! - A **received** mail is on disk before the relay may forget it.
//! - After a crash or a kill the folder is as it was at a commit. Messages that waited to be sent are sent then; whether
//!   one was sent already is known from the relay's answer, so that it may arrive twice at most if that answer was lost
//!   (receivers show it once).
//!
//! # Threads, and the end
//!
//! [`Engine::start`] and [`Engine::stop`] need a Tokio runtime; calls and event streams run on any executor. The engine
//! has threads of its own for actors, for CPU-heavy work and for the writer of the database
//! ([`EngineOptions::threads`]). A query reads on the thread that polls it, most take microseconds. All handles can be
//! cloned, sent and shared between threads.
//!
//! [`Engine::stop`] closes all connections, writes what is not on disk yet and ends the threads; event streams end after
//! the events that they still hold, calls fail. Dropping an engine does not stop it. The folder is free for another
//! engine when the engine was stopped and its last clone is dropped; until then it is refused with
//! [`DirectoryError::Locked`], which names the process.
//!
//! # Log and metrics
//!
//! The log goes through `tracing`, with the fields `profile`, `relay` and `chat`; the program decides where it appears.
//! Metrics go through the facade `metrics` and cost next to nothing unless the program installs a recorder.
//!
//! # Modules
//!
//! | module | holds |
//! |---|---|
//! | `engine` | [`Engine`], what a Rust program uses |
//! | [`bus`] | the same as a trait, which interfaces for other programs are written against |
//! | [`handles`] | profiles, chats, messages and contacts as values; lists for user interfaces |
//! | [`control`] | the socket by which commands on the same machine reach the process that holds a folder |
//! | [`limits`] | what profiles may ask for, where somebody limits it |
//! | `directory` | the folder: whose it is, and who holds it |
#![cfg_attr(
    feature = "jsonrpc",
    doc = "| [`jsonrpc`] | JSON-RPC over standard input and output, for existing clients (feature `jsonrpc`) |"
)]
#![cfg_attr(
    feature = "apps",
    doc = "| [`apps`] | the sandbox that serves in-chat apps to browsers and web views (feature `apps`) |"
)]
#![cfg_attr(
    feature = "websocket",
    doc = "| [`websocket`] | JSON-RPC over WebSocket, for several clients at once (feature `websocket`) |"
)]
#![cfg_attr(
    feature = "grpc",
    doc = "| [`grpc`], [`event_log`] | the bus for other programs, with numbered events that a frontend can come back to (feature `grpc`) |"
)]
#![cfg_attr(
    any(feature = "grpc", feature = "websocket"),
    doc = "| [`access`] | who may connect over a network: tokens, TLS |"
)]
#![cfg_attr(
    feature = "backup",
    doc = "| [`adopt`] | folders of chatmail core become ours (feature `backup`) |"
)]
//! | [`descriptors`], [`memory`] | what the programs of Volary ask of the system: open files, the allocator |
//!
//! The command line and the demo are in a package of their own, `volary-cli`: a program that embeds this library
//! compiles neither them nor the embedded relay.

#[cfg(any(feature = "apps", feature = "websocket"))]
mod accept;
#[cfg(any(feature = "grpc", feature = "websocket"))]
pub mod access;
#[cfg(feature = "backup")]
pub mod adopt;
#[cfg(feature = "apps")]
pub mod apps;
pub mod bus;
pub mod control;
pub mod descriptors;
mod directory;
mod engine;
#[cfg(feature = "grpc")]
pub mod event_log;
#[cfg(feature = "grpc")]
pub mod grpc;
pub mod handles;
#[cfg(feature = "jsonrpc")]
pub mod jsonrpc;
pub mod limits;
pub mod memory;
mod places;
mod seldom;
#[cfg(feature = "websocket")]
pub mod websocket;

pub use directory::{DirectoryError, Holder};
pub use engine::{Engine, EngineOptions, StartError};
pub use handles::{Chat, ChatId, Contact, ContactId, Message, MessageId, NewMessage, Profile, ProfileId};
pub use volary_actors::bus::{EventStream, MAX_WAITING_EVENTS};
pub use volary_engine::ground::clock;
pub use volary_proto as proto;
