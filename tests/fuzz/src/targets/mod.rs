//! One module for each reader of foreign bytes: `run` reads and checks, `seeds` gives what a corpus starts from.

pub mod backup;
pub mod decrypt;
pub mod headers;
pub mod imap_client;
pub mod jsonrpc;
pub mod keys;
pub mod mail;
pub mod qr;
pub mod relay_imap;
pub mod relay_smtp;
pub mod roundtrip;
pub mod smtp_client;
pub mod vcard;
pub mod webxdc_archive;
pub mod webxdc_update;
pub mod xml;
