//! The chatmail wire protocol, sans-IO: Internet messages, OpenPGP, Autocrypt, SecureJoin, QR codes,
//! vCards and in-chat apps.
//!
//! Bytes come in, values go out. Nothing here reads a clock, a file, a socket or a global random generator:
//! whoever calls passes `now` (Unix seconds) and a random generator in.
//!
//! | module | holds |
//! |---|---|
//! | [`address`] | e-mail addresses and their comparison |
//! | [`autoconfig`] | where to ask for the servers of a domain, and the answers (Mozilla, Outlook) |
//! | [`calls`] | rules of calls: states, who rings, servers for media |
//! | [`ids`] | tokens, ids of groups, secrets of channels |
//! | [`openpgp`] | keys, certificates with relay lists, Autocrypt, encryption, decryption with signer attribution |
//! | [`message`] | building and parsing Internet messages (RFC 5322, MIME, header protection, `Chat-*` headers) |
//! | [`securejoin`] | both sides of the contact and group handshake as state machines |
//! | [`kml`] | locations as KML |
//! | [`login`] | login parameters of a transport and their JSON forms |
//! | [`proxy`] | addresses of proxies |
//! | [`push`] | tokens of devices, encrypted for the notification proxy |
//! | [`qr`] | every scannable code and invite link, and QR images |
//! | [`sync`] | what devices of one profile tell each other |
//! | [`vcard`] | contacts as vCards |
//! | [`webxdc`] | in-chat apps: archives, status updates |

pub mod address;
pub mod autoconfig;
pub mod calls;
pub mod ids;
pub mod kml;
pub mod login;
pub mod message;
pub mod openpgp;
pub mod proxy;
pub mod push;
pub mod qr;
pub mod securejoin;
pub mod sync;
pub mod vcard;
pub mod webxdc;

mod time;
mod xml;

pub use xml::XmlError;
