//! From a configured transport to a session that is logged in: its servers are tried in turn.

use volary_mail::login::{ConfiguredLogin, Protocol};

use crate::{
    connect::{ConnectError, Manner, Network},
    imap::{ImapError, ImapSession},
    smtp::{SmtpError, SmtpSession},
};

/// Why a login failed. The texts name the protocol, as users see it.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// No connection to the IMAP server.
    #[error("IMAP failed to connect to {0}: {1}")]
    ImapConnect(String, ConnectError),
    /// The IMAP server refused the login, or the connection broke.
    #[error("IMAP failed to login as {0}: {1}")]
    Imap(String, ImapError),
    /// No connection to the SMTP server.
    #[error("SMTP failed to connect: {0}")]
    SmtpConnect(ConnectError),
    /// The SMTP server refused the login, or the connection broke.
    #[error("SMTP failed to login: {0}")]
    Smtp(SmtpError),
}

impl LogInError {
    /// The server was not reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::ImapConnect(..) | Self::SmtpConnect(_))
    }
}

/// Tries the IMAP servers of a transport in turn. Returns the session, the host and the login name. When all fail the
/// error is that of the first.
pub async fn log_in_imap(
    network: &Network,
    login: &ConfiguredLogin,
    how: &Manner,
) -> Result<(ImapSession, String, String), LogInError> {
    let mut first_error = None;
    for candidate in network.order(Protocol::Imap, &login.imap) {
        let endpoint = &candidate.connection;
        let attempt = async {
            let mut session = network
                .connect_imap(endpoint, how)
                .await
                .map_err(|error| LogInError::ImapConnect(endpoint.to_string(), error))?;
            let logged_in = session.login(&candidate.user, &login.imap_password).await;
            logged_in.map_err(|error| LogInError::Imap(candidate.user.clone(), error))?;
            Ok(session)
        };
        match network.pacer().run(attempt).await {
            Ok(session) => return Ok((session, candidate.connection.host, candidate.user)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or_else(|| LogInError::ImapConnect(login.addr.clone(), ConnectError::NoCandidate)))
}

/// Tries the SMTP servers of a transport in turn. Returns the session and the login name. When all fail the error is
/// that of the first.
pub async fn log_in_smtp(
    network: &Network,
    login: &ConfiguredLogin,
    how: &Manner,
) -> Result<(SmtpSession, String), LogInError> {
    let mut first_error = None;
    for candidate in network.order(Protocol::Smtp, &login.smtp) {
        let attempt = async {
            let connected = network.connect_smtp(&candidate.connection, how).await;
            let mut session = connected.map_err(LogInError::SmtpConnect)?;
            session.login(&candidate.user, &login.smtp_password).await.map_err(LogInError::Smtp)?;
            Ok(session)
        };
        match network.pacer().run(attempt).await {
            Ok(session) => return Ok((session, candidate.user)),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    Err(first_error.unwrap_or(LogInError::SmtpConnect(ConnectError::NoCandidate)))
}
