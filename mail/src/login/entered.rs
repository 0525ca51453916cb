//! What a user (or a scanned code) says about a transport.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::servers::check_address;
use super::{CertificateChecks, ConfiguredLogin, DEFAULT_FOLDER, Protocol, ServerHint, candidates};
use crate::address;

/// How a connection is secured, as entered by a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnteredSecurity {
    /// Find out.
    #[default]
    Automatic,
    /// TLS from the first byte.
    Ssl,
    /// Upgrade with STARTTLS.
    Starttls,
    /// No encryption.
    Plain,
}

impl EnteredSecurity {
    /// Number used by the per-key configuration and by old databases.
    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Automatic,
            1 => Self::Ssl,
            2 => Self::Starttls,
            3 => Self::Plain,
            _ => return None,
        })
    }
}

/// How strictly certificates are checked, as entered by a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum EnteredCertificateChecks {
    /// The default, which is strict.
    #[default]
    Automatic,
    /// Always strict.
    Strict,
    /// No checks at all.
    AcceptInvalidCertificates,
    /// Alias of [`Self::AcceptInvalidCertificates`] found in old data.
    AcceptInvalidCertificates2,
}

impl EnteredCertificateChecks {
    /// Number used by the per-key configuration and by old databases.
    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            0 => Self::Automatic,
            1 => Self::Strict,
            2 => Self::AcceptInvalidCertificates,
            3 => Self::AcceptInvalidCertificates2,
            _ => return None,
        })
    }
}

impl EnteredCertificateChecks {
    /// Whether certificates are checked.
    pub fn is_strict(self) -> bool {
        match self {
            Self::Automatic | Self::Strict => true,
            Self::AcceptInvalidCertificates | Self::AcceptInvalidCertificates2 => false,
        }
    }
}

/// IMAP part of [`EnteredLogin`]. Empty and zero members mean "find out".
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnteredImap {
    /// Host name or IP literal without brackets.
    pub server: String,
    /// Port, 0 for automatic.
    pub port: u16,
    /// Watched folder, empty for the inbox.
    #[serde(default)]
    pub folder: String,
    /// How the connection is secured.
    pub security: EnteredSecurity,
    /// Login name, empty for the address.
    pub user: String,
    /// Password.
    pub password: String,
}

/// SMTP part of [`EnteredLogin`]. Empty and zero members mean "find out".
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnteredSmtp {
    /// Host name or IP literal without brackets.
    pub server: String,
    /// Port, 0 for automatic.
    pub port: u16,
    /// How the connection is secured.
    pub security: EnteredSecurity,
    /// Login name, empty for the address.
    pub user: String,
    /// Password, empty for the IMAP password.
    pub password: String,
}

/// What a user (or a scanned code) says about a transport.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnteredLogin {
    /// Mail address.
    pub addr: String,
    /// Receiving side.
    pub imap: EnteredImap,
    /// Sending side.
    pub smtp: EnteredSmtp,
    /// Strictness of certificate checks for both sides.
    pub certificate_checks: EnteredCertificateChecks,
    /// Always false; older readers need the member.
    #[serde(default)]
    pub oauth2: bool,
}

/// Why entered parameters cannot be used. The texts are shown to users and compared by clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No address was given.
    #[error("Missing email address.")]
    MissingAddress,
    /// No password was given.
    #[error("Missing (IMAP) password.")]
    MissingPassword,
    /// The address has no usable form.
    #[error("Bad email-address: {}", why_bad(.0))]
    BadAddress(String),
}

/// What an address lacks.
fn why_bad(addr: &str) -> String {
    match addr.rsplit_once('@') {
        None => format!("Email {addr:?} must contain '@' character"),
        Some(("", _)) => format!("Email {addr:?} has nothing before '@'"),
        Some((_, "")) => format!("Email {addr:?} has nothing behind '@'"),
        _ => format!("Email {addr:?} has characters that no address has"),
    }
}

impl EnteredLogin {
    /// Trims and lower-cases the address and removes a leading `mailto:`.
    pub fn normalized(mut self) -> Self {
        self.addr = address::normalise(&self.addr);
        self
    }

    /// Checks that there is an address of usable form and a password.
    pub fn check(&self) -> Result<(), LoginError> {
        if self.addr.is_empty() {
            return Err(LoginError::MissingAddress);
        }
        if self.imap.password.is_empty() {
            return Err(LoginError::MissingPassword);
        }
        check_address(&self.addr).map(|_| ())
    }

    /// True if anything about servers or users was entered, so that nothing shall be looked up.
    pub fn names_servers(&self) -> bool {
        let imap = &self.imap;
        let smtp = &self.smtp;
        !imap.server.is_empty()
            || imap.port != 0
            || imap.security != EnteredSecurity::Automatic
            || !imap.user.is_empty()
            || !smtp.server.is_empty()
            || smtp.port != 0
            || smtp.security != EnteredSecurity::Automatic
            || !smtp.user.is_empty()
    }

    /// The configured form with candidates from `servers`, or guessed ones when there is none.
    pub fn configured(
        &self,
        imap: &[ServerHint],
        smtp: &[ServerHint],
    ) -> Result<ConfiguredLogin, LoginError> {
        self.check()?;
        let entered_imap = ServerHint {
            host: self.imap.server.clone(),
            port: self.imap.port,
            security: self.imap.security,
            user: self.imap.user.clone(),
        };
        let entered_smtp = ServerHint {
            host: self.smtp.server.clone(),
            port: self.smtp.port,
            security: self.smtp.security,
            user: self.smtp.user.clone(),
        };
        let imap_hints = if imap.is_empty() { std::slice::from_ref(&entered_imap) } else { imap };
        let smtp_hints = if smtp.is_empty() { std::slice::from_ref(&entered_smtp) } else { smtp };
        let smtp_password =
            if self.smtp.password.is_empty() { &self.imap.password } else { &self.smtp.password };
        Ok(ConfiguredLogin {
            addr: self.addr.clone(),
            imap: candidates(Protocol::Imap, &self.addr, imap_hints)?,
            imap_folder: Some(self.imap.folder.clone())
                .filter(|folder| !folder.is_empty() && !folder.eq_ignore_ascii_case(DEFAULT_FOLDER)),
            imap_user: self.imap.user.clone(),
            imap_password: self.imap.password.clone(),
            smtp: candidates(Protocol::Smtp, &self.addr, smtp_hints)?,
            smtp_user: self.smtp.user.clone(),
            smtp_password: smtp_password.clone(),
            certificate_checks: match self.certificate_checks {
                EnteredCertificateChecks::Automatic => CertificateChecks::Automatic,
                EnteredCertificateChecks::Strict => CertificateChecks::Strict,
                EnteredCertificateChecks::AcceptInvalidCertificates
                | EnteredCertificateChecks::AcceptInvalidCertificates2 => {
                    CertificateChecks::AcceptInvalidCertificates
                }
            },
            oauth2: false,
        })
    }
}

/// Prints without password and user.
impl fmt::Debug for EnteredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = address::domain_of(&self.addr);
        write!(
            f,
            "***@{domain} imap:{}:{}:{:?} smtp:{}:{}:{:?} {:?}",
            self.imap.server,
            self.imap.port,
            self.imap.security,
            self.smtp.server,
            self.smtp.port,
            self.smtp.security,
            self.certificate_checks
        )
    }
}
