//! Counters of a running relay.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use crate::net::Protocol;

/// A snapshot of a relay's counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayStats {
    /// IMAP connections open now.
    pub imap_sessions: usize,
    /// SMTP connections open now.
    pub smtp_sessions: usize,
    /// Connections accepted since start.
    pub connections: u64,
    /// Accounts that exist.
    pub accounts: usize,
    /// Mails accepted over SMTP.
    pub messages_accepted: u64,
    /// Mails refused over SMTP.
    pub messages_refused: u64,
    /// Mailbox deliveries; a mail to three recipients counts three times.
    pub messages_delivered: u64,
    /// Bytes of those deliveries.
    pub bytes_delivered: u64,
}

/// The live counters behind [`RelayStats`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) imap_sessions: AtomicUsize,
    pub(crate) smtp_sessions: AtomicUsize,
    pub(crate) connections: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) bytes: AtomicU64,
}

impl Counters {
    /// The number of open connections that speak `protocol`.
    pub(crate) fn sessions(&self, protocol: Protocol) -> &AtomicUsize {
        match protocol {
            Protocol::Imap => &self.imap_sessions,
            Protocol::Smtp => &self.smtp_sessions,
        }
    }

    pub(crate) fn snapshot(&self, accounts: usize) -> RelayStats {
        RelayStats {
            imap_sessions: self.imap_sessions.load(Relaxed),
            smtp_sessions: self.smtp_sessions.load(Relaxed),
            connections: self.connections.load(Relaxed),
            accounts,
            messages_accepted: self.accepted.load(Relaxed),
            messages_refused: self.refused.load(Relaxed),
            messages_delivered: self.delivered.load(Relaxed),
            bytes_delivered: self.bytes.load(Relaxed),
        }
    }
}
