//! What a program needs of the system.
//!
//! | file | holds |
//! |---|---|
//! | [`alive`] | whether the engine answers, for the service manager and for /healthz |
//! | [`log`] | the log on standard error |
//! | [`journal`] | its form where systemd's journal reads it |
//! | [`event_log`] | events as lines of the log |
//! | [`options`] | how the engine starts |
//! | [`signals`] | the signals that end the process, and the one that makes it read its files again |
//! | [`systemd`] | readiness, watchdog, sockets and credentials of a service |
//! | [`failure`] | what a command fails with, and its exit code |

pub(crate) mod alive;
pub(crate) mod event_log;
pub(crate) mod failure;
mod journal;
pub(crate) mod log;
pub(crate) mod options;
pub(crate) mod signals;
pub(crate) mod systemd;
