//! One module for each reader of foreign bytes: `run` reads and checks, `seeds` gives what a corpus starts from.

pub mod decrypt;
pub mod headers;
pub mod keys;
pub mod mail;
pub mod qr;
pub mod roundtrip;
pub mod vcard;
