//! Trying out a transport: both logins in parallel, and a look at what the folder holds. No mail is touched.

use std::time::Duration;

use futures::FutureExt;

pub use volary_mail::autoconfig::FoundServers;
use volary_mail::{
    login::{ConfiguredLogin, EnteredLogin, LoginError},
    proxy::ProxyUrl,
};

use super::{
    connect::{Manner, Network},
    imap::FirstVisit,
    log_in::{LogInError, log_in_imap, log_in_smtp},
};

/// A trial that takes longer than this has failed.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(600);

/// Error texts that mean "no network", whatever their details (compared without case).
const NO_NETWORK: [&str; 5] = [
    "could not resolve",
    "connection attempts",
    "temporary failure in name resolution",
    "name or service not known",
    "failed to lookup address information",
];

/// Why a transport was not accepted. The texts are shown to users.
#[derive(Debug, thiserror::Error)]
pub enum ConfigureError {
    /// What was entered is not enough.
    #[error("{0}")]
    Entered(#[from] LoginError),
    /// No IMAP login.
    #[error("{shown}")]
    Imap {
        /// What clients show, in the words that they know.
        shown: String,
        /// What happened.
        cause: String,
    },
    /// No SMTP login.
    #[error("{0}")]
    Smtp(String),
    /// The servers did not answer in time.
    #[error("timed out")]
    TimedOut,
}

impl ConfigureError {
    /// What happened, for those who can mend it: without the simplification for users.
    pub fn cause(&self) -> String {
        match self {
            Self::Imap { cause, .. } => cause.clone(),
            other => other.to_string(),
        }
    }

    /// The text as it is reported: in the stock string for errors.
    pub fn stock_text(&self) -> String {
        format!("Error:\n\n“{self}”")
    }
}

/// A transport that can be used.
#[derive(Clone, Debug)]
pub struct Tried {
    /// How to log in.
    pub login: ConfiguredLogin,
    /// The folder that is to be watched. Mail that comes from now on is new, however long it takes until the folder is
    /// watched. `None` if there is no such folder.
    pub folder: Option<FirstVisit>,
}

/// Logs in to both servers of a transport. `progress` is called with 500, 550, 600, 850 and 900.
///
/// Dropping the future cancels the trial; connections are closed without ceremony in any case.
pub async fn try_transport(
    network: &Network,
    entered: &EnteredLogin,
    found: &FoundServers,
    proxy: Option<std::sync::Arc<ProxyUrl>>,
    mut progress: impl FnMut(u32),
) -> Result<Tried, ConfigureError> {
    entered.check()?;
    progress(500);
    let login = entered.configured(&found.imap, &found.smtp)?;
    let how = Manner { strict: login.certificate_checks.is_strict(proxy.is_some()), proxy };
    progress(550);
    let trial = async {
        let smtp = log_in_smtp(network, &login, &how);
        progress(600);
        let imap = async {
            let looked = look(network, &login, &how).await.map_err(|error| {
                let cause = error.to_string();
                ConfigureError::Imap { shown: imap_text(&cause), cause }
            })?;
            progress(850);
            Ok(looked)
        };
        let smtp = smtp.map(|result| result.map(|_| ()).map_err(|error| error.to_string()));
        // A failure of IMAP ends the trial at once, one of SMTP only when IMAP has succeeded.
        let (folder, smtp) = futures::try_join!(imap, smtp.map(Ok::<_, ConfigureError>))?;
        smtp.map_err(ConfigureError::Smtp)?;
        Ok::<_, ConfigureError>(folder)
    };
    let folder = tokio::time::timeout(TRIAL_TIMEOUT, Box::pin(trial))
        .await
        .map_err(|_| ConfigureError::TimedOut)??;
    progress(900);
    Ok(Tried { login, folder })
}

/// Logs in and looks at the folder that is to be watched.
async fn look(
    network: &Network,
    login: &ConfiguredLogin,
    how: &Manner,
) -> Result<Option<FirstVisit>, LogInError> {
    let (mut session, _, user) = log_in_imap(network, login, how).await?;
    session.first_visit(login.folder()).await.map_err(|error| LogInError::Imap(user, error))
}

fn imap_text(error: &str) -> String {
    let lower = error.to_lowercase();
    if NO_NETWORK.iter().any(|text| lower.contains(text)) {
        "Could not find your mail server.\n\nPlease check your internet connection.".to_string()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_network_is_told_in_plain_words() {
        let text = imap_text("IMAP failed to connect to a:993:tls: All connection attempts failed: x");
        assert!(text.starts_with("Could not find your mail server."));
        assert_eq!(imap_text("IMAP failed to login as a: no"), "IMAP failed to login as a: no");
        assert_eq!(ConfigureError::Smtp("x".into()).stock_text(), "Error:\n\n“x”");
    }
}
