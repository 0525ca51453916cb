//! The sending side of a relay connection: replies (pure), one session, and the loop that sends what is queued.

mod reply;
mod run;
mod session;

pub use session::{SmtpError, SmtpSession};

pub use run::DEFAULT_MAX_RECIPIENTS;
pub(super) use run::{log_in_smtp, run};
