//! The configuration of a relay.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// Recipients one mail may have, announced to clients as `maxsmtprecipients`.
const MAX_RECIPIENTS: usize = 1000;

/// Metadata entry that says how many recipients one mail may have.
const MAX_RECIPIENTS_ENTRY: &str = "/shared/vendor/deltachat/maxsmtprecipients";

/// Settings of one relay.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Domains whose mailboxes live here. The certificate names all of them.
    pub domains: Vec<String>,
    /// Address the four listeners bind to.
    pub bind: IpAddr,
    /// Port for IMAP over TLS; 0 picks a free one.
    pub imap_tls_port: u16,
    /// Port for IMAP with STARTTLS; 0 picks a free one.
    pub imap_starttls_port: u16,
    /// Port for SMTP submission over TLS; 0 picks a free one.
    pub smtp_tls_port: u16,
    /// Port for SMTP submission with STARTTLS; 0 picks a free one.
    pub smtp_starttls_port: u16,
    /// Accept mail that is not end-to-end encrypted.
    pub allow_unencrypted: bool,
    /// Folder in which mailboxes are kept as Maildir; without it they live in memory.
    pub maildir: Option<PathBuf>,
    /// Which addresses and passwords may become accounts.
    pub accounts: AccountRules,
    /// How fast one sender may send; `None` does not limit.
    pub send_rate: Option<SendRate>,
    /// Server annotations returned by `GETMETADATA ""` (RFC 5464), by entry name.
    pub metadata: BTreeMap<String, String>,
    /// Storage of one account in KiB, unless changed with [`Relay::set_quota`](crate::Relay::set_quota).
    pub quota_kib: u64,
    /// Bounds on what clients may do.
    pub limits: Limits,
}

impl RelayConfig {
    /// A relay for one domain on the loopback address with free ports.
    pub fn for_domain(domain: impl Into<String>) -> Self {
        Self { domains: vec![domain.into()], ..Self::default() }
    }

    /// Uses the standard ports: 993 and 143 for IMAP, 465 and 587 for submission.
    pub fn with_standard_ports(self) -> Self {
        Self {
            imap_tls_port: 993,
            imap_starttls_port: 143,
            smtp_tls_port: 465,
            smtp_starttls_port: 587,
            ..self
        }
    }
}

impl Default for RelayConfig {
    fn default() -> Self {
        Self {
            domains: vec!["_relay.test".to_owned()],
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            imap_tls_port: 0,
            imap_starttls_port: 0,
            smtp_tls_port: 0,
            smtp_starttls_port: 0,
            allow_unencrypted: false,
            maildir: None,
            accounts: AccountRules::default(),
            send_rate: None,
            metadata: BTreeMap::from([(MAX_RECIPIENTS_ENTRY.to_owned(), MAX_RECIPIENTS.to_string())]),
            quota_kib: 512_000,
            limits: Limits::default(),
        }
    }
}

/// Which addresses and passwords a first login may turn into an account.
///
/// The default is what public chatmail relays demand: exactly nine characters before the `@`, a password of nine or
/// more. [`AccountRules::relaxed`] suits tests that want to call people by name.
#[derive(Clone, Debug)]
pub struct AccountRules {
    /// Allowed length of the local part. Its characters are always `a-z`, `0-9`, `.`, `_` and `-`.
    pub local_part: RangeInclusive<usize>,
    /// Shortest password in bytes.
    pub min_password: usize,
}

impl AccountRules {
    /// Any local part of 1 to 64 characters, any password that is not empty.
    pub fn relaxed() -> Self {
        Self { local_part: 1..=64, min_password: 1 }
    }
}

impl Default for AccountRules {
    fn default() -> Self {
        Self { local_part: 9..=9, min_password: 9 }
    }
}

/// A token bucket per sender: `burst` mails at once, then `per_minute`.
#[derive(Clone, Copy, Debug)]
pub struct SendRate {
    /// Mails that may be sent without waiting.
    pub burst: u32,
    /// Mails by which the bucket is refilled each minute.
    pub per_minute: u32,
}

impl Default for SendRate {
    fn default() -> Self {
        Self { burst: 10, per_minute: 60 }
    }
}

/// Bounds on what a client may do, each with a default that fits real clients.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of an IMAP command without its literals.
    pub imap_line: usize,
    /// Bytes of an SMTP command line.
    pub smtp_line: usize,
    /// Literals in one IMAP command; decoding starts anew for each.
    pub literals_per_command: usize,
    /// Bytes of a literal before login.
    pub literal_before_login: usize,
    /// Bytes of one message, and so of a literal after login.
    pub message: usize,
    /// Commands answered in one go before the answers are written out and other sessions get their turn.
    pub pipelined_commands: usize,
    /// Faulty commands after which a connection is closed.
    pub bad_commands: usize,
    /// Failed logins after which a connection is closed.
    pub failed_logins: usize,
    /// Time from connecting to login, and the time for a TLS handshake.
    pub unauthenticated_idle: Duration,
    /// Time a logged-in connection may stay silent, IDLE included.
    pub authenticated_idle: Duration,
    /// Time between two keep-alive lines during IDLE.
    pub idle_keepalive: Duration,
    /// Time for one write to a client that does not read.
    pub write: Duration,
    /// Connections of all kinds.
    pub sessions: usize,
    /// Connections of one account, IMAP and SMTP together.
    pub sessions_per_account: usize,
    /// Accounts; further first logins are refused.
    pub accounts: usize,
    /// Folders of one account.
    pub folders_per_account: usize,
    /// Messages of one folder.
    pub messages_per_folder: usize,
    /// Recipients of one mail.
    pub recipients: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            imap_line: 8 * 1024,
            smtp_line: 4 * 1024,
            literals_per_command: 16,
            literal_before_login: 4 * 1024,
            message: 31_457_280,
            pipelined_commands: 64,
            bad_commands: 20,
            failed_logins: 5,
            unauthenticated_idle: Duration::from_secs(60),
            authenticated_idle: Duration::from_secs(35 * 60),
            idle_keepalive: Duration::from_secs(115),
            write: Duration::from_secs(60),
            sessions: 100_000,
            sessions_per_account: 40,
            accounts: 1_000_000,
            folders_per_account: 100,
            messages_per_folder: 1_000_000,
            recipients: MAX_RECIPIENTS,
        }
    }
}

/// Why a relay could not start.
#[derive(Debug, Error)]
pub enum RelayError {
    /// No domain was given, or one is not a host name.
    #[error("not a usable mail domain: {0:?}")]
    Domain(String),
    /// A listener could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up with the certificate.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The Maildir folder could not be read or written.
    #[error("cannot use the mail folder {path}: {source}")]
    Maildir {
        /// The folder or file concerned.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
