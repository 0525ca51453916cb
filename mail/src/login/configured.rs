//! A transport that was tried: where to connect to, and as whom.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::DEFAULT_FOLDER;

/// How a connection is secured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Security {
    /// TLS from the first byte.
    Tls,
    /// Upgrade with STARTTLS.
    Starttls,
    /// No encryption.
    Plain,
}

impl Security {
    /// How it is written in logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tls => "tls",
            Self::Starttls => "starttls",
            Self::Plain => "plain",
        }
    }
}

/// Strictness of certificate checks of a configured transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CertificateChecks {
    /// From databases of long ago: no checks, except over a proxy.
    OldAutomatic,
    /// Always strict.
    Strict,
    /// No checks.
    AcceptInvalidCertificates,
    /// Alias of [`Self::AcceptInvalidCertificates`] found in old data.
    AcceptInvalidCertificates2,
    /// Strict.
    Automatic,
}

impl CertificateChecks {
    /// Whether certificates are checked. `over_proxy`: the connection goes through a proxy.
    pub fn is_strict(self, over_proxy: bool) -> bool {
        match self {
            Self::OldAutomatic => over_proxy,
            Self::Strict | Self::Automatic => true,
            Self::AcceptInvalidCertificates | Self::AcceptInvalidCertificates2 => false,
        }
    }

    /// Number used by old databases.
    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::OldAutomatic,
            1 => Self::Strict,
            2 => Self::AcceptInvalidCertificates,
            3 => Self::AcceptInvalidCertificates2,
            4 => Self::Automatic,
            _ => return None,
        })
    }
}

/// Where to connect to and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Host name or IP literal.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is secured.
    pub security: Security,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let security = match self.security {
            Security::Tls => "tls",
            Security::Starttls => "starttls",
            Security::Plain => "plain",
        };
        write!(f, "{}:{}:{security}", self.host, self.port)
    }
}

/// One server to try, with the name to log in with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Where to connect to.
    pub connection: Endpoint,
    /// Login name.
    pub user: String,
}

/// A transport that was tried: everything needed to log in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredLogin {
    /// Mail address.
    pub addr: String,
    /// IMAP servers to try, all that were generated.
    pub imap: Vec<Candidate>,
    /// Watched folder if it is not the inbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imap_folder: Option<String>,
    /// IMAP login name as entered, often empty.
    pub imap_user: String,
    /// IMAP password.
    pub imap_password: String,
    /// SMTP servers to try.
    pub smtp: Vec<Candidate>,
    /// SMTP login name as entered, often empty.
    pub smtp_user: String,
    /// SMTP password.
    pub smtp_password: String,
    /// Strictness of certificate checks.
    pub certificate_checks: CertificateChecks,
    /// Always false; older readers need the member.
    #[serde(default)]
    pub oauth2: bool,
}

impl ConfiguredLogin {
    /// The watched folder.
    pub fn folder(&self) -> &str {
        self.imap_folder.as_deref().filter(|folder| !folder.is_empty()).unwrap_or(DEFAULT_FOLDER)
    }
}

/// Prints without password and user.
impl fmt::Debug for ConfiguredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = crate::address::domain_of(&self.addr);
        let list = |candidates: &[Candidate]| {
            candidates.iter().map(|c| c.connection.to_string()).collect::<Vec<_>>().join(", ")
        };
        write!(f, "***@{domain} imap:[{}]", list(&self.imap))?;
        if let Some(folder) = &self.imap_folder {
            write!(f, " folder:{folder:?}")?;
        }
        let checks =
            if self.certificate_checks.is_strict(false) { "cert_strict" } else { "cert_accept_invalid" };
        write!(f, " smtp:[{}] {checks}", list(&self.smtp))
    }
}
