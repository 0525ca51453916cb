//! SMTP submission (RFC 6409) and local delivery.
//!
//! `session` speaks the protocol, `filter` decides whether a mail is encrypted, `submission` checks a complete mail,
//! makes it ready and delivers it, `rate` slows senders down.

mod filter;
mod rate;
mod session;
mod submission;

pub(crate) use rate::RateLimiter;
pub(crate) use session::serve;
