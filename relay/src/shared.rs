//! What all sessions of a relay share.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use crate::config::RelayConfig;
use crate::net::Protocol;
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
    /// Only for recipients whose address contains this; all of them if it is empty.
    pub rcpt_only: String,
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

/// Lines kept for [`Relay::command_log`](crate::Relay::command_log); older ones are dropped.
const MAX_LOGGED: usize = 20_000;

/// Bytes kept of one line.
const MAX_LOGGED_LINE: usize = 1024;

/// What clients sent, for tests that look at the dialogue. Off unless switched on.
#[derive(Default)]
pub(crate) struct CommandLog {
    on: AtomicBool,
    lines: Mutex<VecDeque<String>>,
}

impl CommandLog {
    pub(crate) fn switch(&self, on: bool) {
        self.on.store(on, Relaxed);
        self.lines.lock().clear();
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().iter().cloned().collect()
    }

    /// Keeps a command line; of one that logs in only the words up to the command.
    pub(crate) fn record(&self, protocol: Protocol, address: Option<&str>, line: &[u8]) {
        if !self.on.load(Relaxed) {
            return;
        }
        let text = String::from_utf8_lossy(line.get(..MAX_LOGGED_LINE).unwrap_or(line)).trim_end().to_owned();
        let mut words = text.split(' ');
        let secret = words.clone().take(2).any(|word| {
            ["LOGIN", "AUTHENTICATE", "AUTH"].iter().any(|command| word.eq_ignore_ascii_case(command))
        });
        let shown = if secret {
            let kept = if protocol == Protocol::Imap { 2 } else { 1 };
            words.by_ref().take(kept).collect::<Vec<_>>().join(" ")
        } else {
            text
        };
        let mut lines = self.lines.lock();
        if lines.len() >= MAX_LOGGED {
            lines.pop_front();
        }
        lines.push_back(format!("{} {} {shown}", protocol.name(), address.unwrap_or("-")));
    }
}

/// State shared by listeners and sessions.
pub(crate) struct Shared {
    pub(crate) config: RelayConfig,
    pub(crate) store: Mailstore,
    pub(crate) counters: Counters,
    pub(crate) rate: Option<Mutex<RateLimiter>>,
    pub(crate) faults: RwLock<Faults>,
    pub(crate) log: CommandLog,
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
