//! Login parameters of a transport: what a user entered, what was found to work, and the list of servers to try.
//!
//! The serde forms of [`EnteredLogin`] and [`ConfiguredLogin`] are a wire format: they are exchanged between the
//! devices of a user and stored in backups. Key names and enum spellings must not change.

mod configured;
mod entered;
mod servers;

#[cfg(test)]
mod tests;

pub use configured::{Candidate, CertificateChecks, ConfiguredLogin, Endpoint, Security};
pub use entered::{
    EnteredCertificateChecks, EnteredImap, EnteredLogin, EnteredSecurity, EnteredSmtp, LoginError,
};
pub use servers::{Protocol, ServerHint, candidates};

/// Folder that is watched when none was chosen.
pub const DEFAULT_FOLDER: &str = "INBOX";
