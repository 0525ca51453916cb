//! `dcaccount:` names a relay to make an account on, `dclogin:` carries the login of an existing one.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use rand::{CryptoRng, Rng, distributions::Alphanumeric};
use url::{Url, form_urlencoded};

use super::QrError;
use crate::address::{Address, BadAddress};

/// A relay on which an account can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCode {
    /// The account comes into being at its first login.
    Relay {
        /// Domain of the relay, as it stands in the code.
        domain: String,
    },
    /// An HTTPS address that hands out address and password.
    Url {
        /// Host of the address, to be shown.
        domain: String,
        /// The whole address.
        url: String,
    },
}

/// Length of the local part of a new account. Relays refuse other lengths.
const NEW_USER_LEN: usize = 9;
/// Length of the password of a new account.
const NEW_PASSWORD_LEN: usize = 22;

impl AccountCode {
    /// What to show: the domain of the relay.
    pub fn domain(&self) -> &str {
        match self {
            Self::Relay { domain } | Self::Url { domain, .. } => domain,
        }
    }

    /// Draws address and password of a new account on `domain`.
    pub fn new_credentials(
        domain: &str,
        rng: &mut (impl Rng + CryptoRng),
    ) -> Result<(Address, String), BadAddress> {
        let user = random_alphanumeric(rng, NEW_USER_LEN);
        let address = Address::parse(&format!("{user}@{domain}"))?;
        Ok((address, random_alphanumeric(rng, NEW_PASSWORD_LEN)))
    }
}

fn random_alphanumeric(rng: &mut (impl Rng + CryptoRng), len: usize) -> String {
    (0..len).map(|_| char::from(rng.sample(Alphanumeric))).collect()
}

/// Reads what follows `dcaccount:`.
pub(super) fn parse_account(payload: &str) -> Result<AccountCode, QrError> {
    let payload = payload.strip_prefix("//").unwrap_or(payload);
    if payload.is_empty() {
        return Err(QrError::AccountEmpty);
    }
    if payload.starts_with('/') {
        return Err(QrError::AccountSlash);
    }
    if !payload.starts_with("https://") {
        return Ok(AccountCode::Relay { domain: payload.to_owned() });
    }
    let url = Url::parse(payload).map_err(|error| QrError::AccountUrl(error.to_string()))?;
    let domain = url.host_str().ok_or_else(|| QrError::AccountUrl("empty host".to_owned()))?.to_owned();
    Ok(AccountCode::Url { domain, url: payload.to_owned() })
}

/// How the connection to a server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Security {
    /// Whatever is found to work.
    #[default]
    Automatic,
    /// TLS from the first byte.
    Tls,
    /// TLS after a command.
    Starttls,
    /// None.
    Plain,
}

/// Which certificates are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Certificates {
    /// The default of the engine.
    #[default]
    Automatic,
    /// Valid ones only.
    Strict,
    /// All, also invalid ones.
    AcceptInvalid,
}

/// How to log in to one server; what is `None` is found out.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ServerLogin {
    /// Name of the server.
    pub host: Option<String>,
    /// Its port.
    pub port: Option<u16>,
    /// User name.
    pub user: Option<String>,
    /// Password for this server, where it differs from that of the account.
    pub password: Option<String>,
    /// Protection of the connection.
    pub security: Security,
}

/// The login of an existing account.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginCode {
    /// A login that can be used.
    V1 {
        /// The address, as it stands in the code.
        address: String,
        /// The password.
        password: String,
        /// Where to receive.
        imap: ServerLogin,
        /// Where to send.
        smtp: ServerLogin,
        /// Which certificates to accept.
        certificates: Certificates,
    },
    /// A login of a later version: can be shown, not used.
    Unknown {
        /// The address, as it stands in the code.
        address: String,
    },
}

impl LoginCode {
    /// The address of the account.
    pub fn address(&self) -> &str {
        match self {
            Self::V1 { address, .. } | Self::Unknown { address } => address,
        }
    }
}

/// Passwords stay out of logs.
impl std::fmt::Debug for ServerLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerLogin")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("user", &self.user)
            .field("security", &self.security)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginCode").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// Reads what follows `dclogin:`.
pub(super) fn parse_login(payload: &str) -> Result<LoginCode, QrError> {
    let error = |text: &str| QrError::Login(text.to_owned());
    // Like in any URL, a fragment does not count.
    let payload = payload.split('#').next().unwrap_or_default();
    let payload = payload.strip_prefix("//").unwrap_or(payload);
    let (head, query) = payload.split_once('?').ok_or_else(|| error("invalid DCLOGIN payload E4"))?;
    let encoded = head.split('/').next().unwrap_or_default();
    let address = percent_decode_str(encoded)
        .decode_utf8()
        .map_err(|e| QrError::Login(format!("Address must be UTF-8: {e}")))?
        .into_owned();
    if Address::parse(&address).is_err() {
        return Err(QrError::Login(format!("Invalid DCLOGIN payload: invalid username {address:?}.")));
    }
    let mut params: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let version = params.remove("v").ok_or_else(|| error("invalid DCLOGIN payload: version missing E7"))?;
    let version: u32 = version.parse().map_err(|_| error("version could not be parsed as number E6"))?;
    if version != 1 {
        return Ok(LoginCode::Unknown { address });
    }
    let password = params.remove("p").ok_or_else(|| error("password missing"))?;
    let imap = server_login(&mut params, "imap", ["ih", "ip", "iu", "ipw", "is"])?;
    let smtp = server_login(&mut params, "smtp", ["sh", "sp", "su", "spw", "ss"])?;
    let certificates = match params.get("ic").map(String::as_str) {
        None | Some("0") => Certificates::Automatic,
        Some("1") => Certificates::Strict,
        Some("2" | "3") => Certificates::AcceptInvalid,
        Some(other) => return Err(QrError::Login(format!("Unknown certificatecheck level: {other}"))),
    };
    Ok(LoginCode::V1 { address, password, imap, smtp, certificates })
}

fn server_login(
    params: &mut HashMap<String, String>,
    protocol: &str,
    [host, port, user, password, security]: [&str; 5],
) -> Result<ServerLogin, QrError> {
    let port = match params.remove(port) {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|e| QrError::Login(format!("could not parse {protocol} port: {e}")))?)
        }
    };
    let security = match params.remove(security).as_deref() {
        None | Some("default") => Security::Automatic,
        Some("ssl") => Security::Tls,
        Some("starttls") => Security::Starttls,
        Some("plain") => Security::Plain,
        Some(other) => return Err(QrError::Login(format!("Unknown security level: {other}"))),
    };
    Ok(ServerLogin {
        host: params.remove(host),
        port,
        user: params.remove(user),
        password: params.remove(password),
        security,
    })
}
