//! Login parameters of a transport: what a user entered, what was found to work, and the list of servers to try.
//!
//! The serde forms of [`EnteredLogin`] and [`ConfiguredLogin`] are a wire format: they are exchanged between the
//! devices of a user and stored in backups. Key names and enum spellings must not change.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Folder that is watched when none was chosen.
pub const DEFAULT_FOLDER: &str = "INBOX";

/// Most characters accepted in an address (RFC 5321 section 4.5.3.1: 64 + 1 + 255).
pub const MAX_ADDRESS_LEN: usize = 320;

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
    #[error("Bad email-address: {0}")]
    BadAddress(String),
}

impl EnteredLogin {
    /// Trims and lower-cases the address and removes a leading `mailto:`.
    pub fn normalized(mut self) -> Self {
        let addr = self.addr.trim().to_lowercase();
        self.addr = addr.strip_prefix("mailto:").unwrap_or(&addr).trim().to_string();
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
        split_address(&self.addr).map(|_| ())
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
        let domain = self.addr.rsplit_once('@').map_or("", |(_, domain)| domain);
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

/// Prints without password and user.
impl fmt::Debug for EnteredLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let domain = self.addr.rsplit_once('@').map_or("", |(_, domain)| domain);
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

/// Protocol spoken with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Receiving.
    Imap,
    /// Sending.
    Smtp,
}

impl Protocol {
    /// Default port with TLS from the first byte.
    pub fn tls_port(self) -> u16 {
        match self {
            Self::Imap => 993,
            Self::Smtp => 465,
        }
    }

    /// Default port with STARTTLS or without encryption.
    pub fn starttls_port(self) -> u16 {
        match self {
            Self::Imap => 143,
            Self::Smtp => 587,
        }
    }

    /// Name in lower case, as used for host name prefixes and ALPN.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Smtp => "smtp",
        }
    }

    /// Name as shown in error texts.
    pub fn label(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Smtp => "SMTP",
        }
    }
}

/// What is known about a server before it is tried. Empty and zero members mean "guess".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerHint {
    /// Host name, or empty.
    pub host: String,
    /// Port, or 0.
    pub port: u16,
    /// How the connection is secured.
    pub security: EnteredSecurity,
    /// Login name, or empty.
    pub user: String,
}

/// Splits an address at its last `@`.
pub fn split_address(addr: &str) -> Result<(&str, &str), LoginError> {
    let bad = || LoginError::BadAddress(addr.chars().take(MAX_ADDRESS_LEN).collect());
    let (local, domain) = addr.rsplit_once('@').ok_or_else(bad)?;
    let unusable = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>');
    if local.is_empty()
        || domain.is_empty()
        || domain.ends_with('.')
        || addr.len() > MAX_ADDRESS_LEN
        || addr.contains(unusable)
    {
        return Err(bad());
    }
    Ok((local, domain))
}

/// Expands hints to the list of servers to try, in the order in which they are tried.
pub fn candidates(
    protocol: Protocol,
    addr: &str,
    hints: &[ServerHint],
) -> Result<Vec<Candidate>, LoginError> {
    let (_, domain) = split_address(addr)?;
    let mut out = Vec::new();
    for hint in hints {
        let user = if hint.user.is_empty() { addr } else { &hint.user };
        for host in hosts(protocol, domain, &hint.host) {
            for (port, security) in ports(protocol, hint.port, hint.security) {
                let connection = Endpoint { host: host.clone(), port, security };
                let candidate = Candidate { connection, user: user.to_string() };
                if !out.contains(&candidate) {
                    out.push(candidate);
                }
            }
        }
    }
    Ok(out)
}

fn hosts(protocol: Protocol, domain: &str, entered: &str) -> Vec<String> {
    if !entered.is_empty() {
        return vec![entered.to_string()];
    }
    // An address literal (RFC 5321 section 4.1.3) has no sub-domains; the bare IP is the only host.
    if let Some(ip) = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let ip = ip.strip_prefix("IPv6:").or_else(|| ip.strip_prefix("ipv6:")).unwrap_or(ip);
        return vec![ip.to_string()];
    }
    vec![format!("{}.{domain}", protocol.name()), format!("mail.{domain}"), domain.to_string()]
}

fn ports(protocol: Protocol, port: u16, security: EnteredSecurity) -> Vec<(u16, Security)> {
    let or = |default: u16| if port == 0 { default } else { port };
    match security {
        EnteredSecurity::Automatic => {
            vec![(or(protocol.tls_port()), Security::Tls), (or(protocol.starttls_port()), Security::Starttls)]
        }
        EnteredSecurity::Ssl => vec![(or(protocol.tls_port()), Security::Tls)],
        EnteredSecurity::Starttls => vec![(or(protocol.starttls_port()), Security::Starttls)],
        EnteredSecurity::Plain => vec![(or(protocol.starttls_port()), Security::Plain)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entered(addr: &str) -> EnteredLogin {
        EnteredLogin {
            addr: addr.into(),
            imap: EnteredImap { password: "secret".into(), ..Default::default() },
            ..Default::default()
        }
    }

    fn printed(candidates: &[Candidate]) -> Vec<String> {
        candidates.iter().map(|c| c.connection.to_string()).collect()
    }

    #[test]
    fn an_address_alone_gives_six_candidates_per_protocol() {
        let login = entered("alice@example.org").configured(&[], &[]).unwrap();
        assert_eq!(
            printed(&login.imap),
            [
                "imap.example.org:993:tls",
                "imap.example.org:143:starttls",
                "mail.example.org:993:tls",
                "mail.example.org:143:starttls",
                "example.org:993:tls",
                "example.org:143:starttls"
            ]
        );
        assert_eq!(printed(&login.smtp)[0..2], ["smtp.example.org:465:tls", "smtp.example.org:587:starttls"]);
        assert!(login.imap.iter().all(|c| c.user == "alice@example.org"));
        assert_eq!(login.smtp_password, "secret");
    }

    #[test]
    fn an_entered_port_is_tried_with_tls_then_starttls() {
        let hint = ServerHint { host: "h".into(), port: 1993, ..Default::default() };
        let list = candidates(Protocol::Imap, "a@b", &[hint]).unwrap();
        assert_eq!(printed(&list), ["h:1993:tls", "h:1993:starttls"]);
    }

    #[test]
    fn an_address_literal_is_tried_as_bare_ip() {
        let list = candidates(Protocol::Imap, "a@[192.0.2.1]", &[ServerHint::default()]).unwrap();
        assert_eq!(printed(&list), ["192.0.2.1:993:tls", "192.0.2.1:143:starttls"]);
    }

    #[test]
    fn plain_text_is_never_guessed() {
        let login = entered("a@b").configured(&[], &[]).unwrap();
        assert!(login.imap.iter().chain(&login.smtp).all(|c| c.connection.security != Security::Plain));
    }

    #[test]
    fn bad_parameters_are_named() {
        assert_eq!(entered("").check(), Err(LoginError::MissingAddress));
        assert_eq!(
            EnteredLogin { imap: EnteredImap::default(), ..entered("a@b") }.check(),
            Err(LoginError::MissingPassword)
        );
        for bad in ["a", "@b", "a@", "a b@c", "a@b.", "<a@b>", "a@b\r\nc"] {
            assert_eq!(entered(bad).check(), Err(LoginError::BadAddress(bad.into())), "{bad}");
        }
        assert_eq!(entered(" MailTo:Alice@Example.ORG ").normalized().addr, "alice@example.org");
    }

    // Spec 05 §1.2: both JSON forms are exchanged between devices.
    #[test]
    fn stored_forms_are_read_and_written_unchanged() {
        let entered_json = r#"{"addr":"alice@example.org","imap":{"server":"","port":0,"folder":"","security":"Automatic","user":"","password":"secret"},"smtp":{"server":"","port":0,"security":"Automatic","user":"","password":""},"certificate_checks":"Strict","oauth2":false}"#;
        let login: EnteredLogin = serde_json::from_str(entered_json).unwrap();
        assert_eq!(serde_json::to_string(&login).unwrap(), entered_json);
        let configured_json = r#"{"addr":"alice@example.org","imap":[{"connection":{"host":"example.org","port":993,"security":"Tls"},"user":"alice@example.org"}],"imap_folder":"Folder","imap_user":"","imap_password":"secret","smtp":[{"connection":{"host":"example.org","port":465,"security":"Tls"},"user":"alice@example.org"}],"smtp_user":"","smtp_password":"secret","certificate_checks":"Automatic","oauth2":false}"#;
        let login: ConfiguredLogin = serde_json::from_str(configured_json).unwrap();
        assert_eq!(serde_json::to_string(&login).unwrap(), configured_json);
        assert_eq!(login.folder(), "Folder");
        let unknown = configured_json.replace("\"Tls\"", "\"Quantum\"");
        assert!(serde_json::from_str::<ConfiguredLogin>(&unknown).is_err());
    }

    #[test]
    fn inbox_is_not_written_as_a_folder() {
        let mut login = entered("a@b");
        login.imap.folder = "INBOX".into();
        let configured = login.configured(&[], &[]).unwrap();
        assert!(!serde_json::to_string(&configured).unwrap().contains("imap_folder"));
        assert_eq!(configured.folder(), "INBOX");
    }

    #[test]
    fn logs_hold_neither_password_nor_user() {
        let login = entered("alice@example.org");
        let both = format!("{login:?} {:?}", login.configured(&[], &[]).unwrap());
        assert!(!both.contains("secret") && !both.contains("alice"), "{both}");
    }
}
