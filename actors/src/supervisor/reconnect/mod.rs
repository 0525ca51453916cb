//! When something that failed or was lost is tried again: the one policy of the process.
//!
//! | file | what comes back | when |
//! |---|---|---|
//! | [`backoff`] | a connection to a relay | after 2 to 80 s, growing with each failure; at most once a minute after two in a row |
//! | [`crowd`] | all connections to the same relay | spread over a time that grows with their number; who finds the relay notifies the others |
//! | `network` here | all connections of the process | at most [`HANDSHAKES`] are being made at a time (the pacer of `link`) |
//! | [`revival`] | an actor or a task that ended with a panic | after 250 ms to 5 min, growing with each failure |
//! | [`retry`] | a mail that no relay took | after 30 s to 45 min, growing with each try |
//! | [`AFTER_TROUBLE`] here | receiving and sending, when the disk refused | after 30 s, always |
//!
//! A change of the network, as the system reports it, ends the waits of connections and mails. The waits of mails are rows of
//! the deadline table and outlive the process; all others end with what waits.

pub mod backoff;
pub mod crowd;
pub mod retry;
pub mod revival;

use std::sync::Arc;
use std::time::Duration;

use volary_link::tls::TlsSetup;
use volary_link::{Network, Pacer};

/// Connections of the process that are being made at the same time.
pub const HANDSHAKES: usize = 64;
/// When nothing could be stored, receiving and sending go on after that long. A full disk does not get better by asking
/// more often, and users see that it is better soon enough.
pub const AFTER_TROUBLE: Duration = Duration::from_secs(30);
/// A batch that could not be stored must not be answered while its connection could still act on the answer.
pub const UNANSWERED_AFTER_TROUBLE: Duration = Duration::from_secs(60);

/// What connections share below their sessions, with the budget for making them.
pub fn network() -> Result<Arc<Network>, String> {
    let tls = TlsSetup::new().map_err(|error| error.to_string())?;
    Ok(Network::new(tls, Pacer::new(HANDSHAKES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_could_not_be_stored_is_answered_after_the_connections_are_made_anew() {
        assert!(UNANSWERED_AFTER_TROUBLE > AFTER_TROUBLE);
    }
}
