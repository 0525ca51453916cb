//! SMTP: replies (pure), and one session.

mod reply;
mod session;

pub use session::{SmtpError, SmtpSession};
