//! What every reader of foreign bytes promises, checked for any bytes.
//!
//! Each [`Target`] is a function over bytes that must not panic: it reads them the way the product does and asserts what
//! holds whatever they are (bounds, round trips, who may say what). The fuzzer in `libfuzzer/` looks for bytes that break
//! a promise (`tests/fuzz/run`, which needs a nightly compiler); the test in `tests/` replays the seeds and a few hundred
//! mutations of them on any compiler.
//!
//! | module | holds |
//! |---|---|
//! | [`targets`] | the readers, one a module: what is read, what must hold, what its corpus starts from |
//! | [`people`], [`mails`] | two people with fixed keys, and mails of every kind, from the product's own builder |
//! | [`script`] | the other end of a connection, played from bytes |

// A broken promise is a panic here: that is what a fuzzer looks for.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod mails;
pub mod people;
pub mod script;
pub mod targets;

use targets::{
    backup, decrypt, headers, imap_client, jsonrpc, keys, mail, qr, relay_imap, relay_smtp, roundtrip,
    smtp_client, vcard, webxdc_archive, webxdc_update, xml,
};

/// A reader of foreign bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, which is that of its module and of its fuzzer.
    pub name: &'static str,
    /// Longest input that is worth trying.
    pub max_len: usize,
    /// Reads any bytes; panics if a promise is broken.
    pub run: fn(&[u8]),
    /// What a corpus starts from. Always the same.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "mail", max_len: 64 << 10, run: mail::run, seeds: mail::seeds },
    Target { name: "headers", max_len: 4 << 10, run: headers::run, seeds: headers::seeds },
    Target { name: "decrypt", max_len: 16 << 10, run: decrypt::run, seeds: decrypt::seeds },
    Target { name: "keys", max_len: 8 << 10, run: keys::run, seeds: keys::seeds },
    Target { name: "roundtrip", max_len: 4 << 10, run: roundtrip::run, seeds: roundtrip::seeds },
    Target { name: "qr", max_len: 4 << 10, run: qr::run, seeds: qr::seeds },
    Target { name: "vcard", max_len: 16 << 10, run: vcard::run, seeds: vcard::seeds },
    Target {
        name: "webxdc_archive",
        max_len: 16 << 10,
        run: webxdc_archive::run,
        seeds: webxdc_archive::seeds,
    },
    Target { name: "webxdc_update", max_len: 16 << 10, run: webxdc_update::run, seeds: webxdc_update::seeds },
    Target { name: "xml", max_len: 16 << 10, run: xml::run, seeds: xml::seeds },
    Target { name: "imap_client", max_len: 16 << 10, run: imap_client::run, seeds: imap_client::seeds },
    Target { name: "smtp_client", max_len: 8 << 10, run: smtp_client::run, seeds: smtp_client::seeds },
    Target { name: "relay_imap", max_len: 8 << 10, run: relay_imap::run, seeds: relay_imap::seeds },
    Target { name: "relay_smtp", max_len: 16 << 10, run: relay_smtp::run, seeds: relay_smtp::seeds },
    Target { name: "backup", max_len: 64 << 10, run: backup::run, seeds: backup::seeds },
    Target { name: "backup_rows", max_len: 4 << 10, run: backup::run_rows, seeds: backup::seeds_rows },
    Target { name: "jsonrpc", max_len: 16 << 10, run: jsonrpc::run, seeds: jsonrpc::seeds },
];
