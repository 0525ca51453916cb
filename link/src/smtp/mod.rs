//! SMTP: one session, and what of it is pure.

mod content;
mod session;
mod stream;

pub use session::{Receipt, SmtpSession};
pub use stream::SmtpError;
