//! What all sessions of a relay share.

use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::config::RelayConfig;
use crate::smtp::RateLimiter;
use crate::stats::Counters;
use crate::store::Mailstore;

/// Misbehaviour that a scenario test can switch on for a while.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Refuse every login as if the password were wrong.
    pub refuse_login: bool,
    /// Answer this to every `RCPT` command.
    pub rcpt: Option<SmtpFault>,
    /// Answer this after the content of every mail, which is then dropped.
    pub data: Option<SmtpFault>,
    /// Close SMTP connections after the content of a mail was delivered, without an answer.
    pub hang_up_after_data: bool,
    /// Wait this long before each command is answered.
    pub delay: Option<Duration>,
    /// Do not announce `IDLE`.
    pub without_idle: bool,
    /// Do not announce `METADATA`.
    pub without_metadata: bool,
}

/// An SMTP answer given on purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpFault {
    /// Three-digit reply code.
    pub code: u16,
    /// Text behind the code.
    pub text: String,
}

/// State shared by listeners and sessions.
pub(crate) struct Shared {
    pub(crate) config: RelayConfig,
    pub(crate) store: Mailstore,
    pub(crate) counters: Counters,
    pub(crate) rate: Option<Mutex<RateLimiter>>,
    pub(crate) faults: RwLock<Faults>,
}

impl Shared {
    /// Host name by which the relay introduces itself.
    pub(crate) fn host(&self) -> &str {
        self.config.domains.first().map_or("localhost", String::as_str)
    }

    /// The artificial delay that is switched on now, if any.
    pub(crate) async fn lag(&self) {
        let delay = self.faults.read().delay;
        if let Some(delay) = delay {
            tokio::time::sleep(delay).await;
        }
    }
}
