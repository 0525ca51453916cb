//! How well a profile is connected, from the states of its relay connections.

use std::collections::BTreeMap;

use volary_engine::ground::ids::TransportId;
use volary_proto::v1::{RelayConnectivity, RelayQuotaRoot};

/// What one connection showed last.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Domain of the address, the only part that is shown.
    pub domain: String,
    /// Receiving side.
    pub imap: RelayConnectivity,
    /// Error text of the receiving side.
    pub imap_error: String,
    /// Sending side.
    pub smtp: RelayConnectivity,
    /// Error text of the sending side.
    pub smtp_error: String,
    /// Largest generation that the receiving side has served completely.
    pub generation: u64,
    /// Fill level of the mailbox.
    pub quota: Vec<RelayQuotaRoot>,
}

/// A connection that works counts before one that merely stands; the best of the others counts.
pub fn number<'a>(connections: impl Iterator<Item = &'a Shown>) -> u32 {
    let numbers: Vec<u32> = connections
        .map(|shown| match shown.imap {
            RelayConnectivity::Uninitialized | RelayConnectivity::Error => 1000,
            RelayConnectivity::Connecting => 2000,
            RelayConnectivity::Preparing | RelayConnectivity::Working | RelayConnectivity::Interrupting => {
                3000
            }
            RelayConnectivity::Idle => 4000,
        })
        .collect();
    if numbers.contains(&3000) { 3000 } else { numbers.into_iter().max().unwrap_or(1000) }
}

/// Whether a connection has served everything up to `generation`, or cannot.
pub fn is_settled(shown: &Shown, generation: u64) -> bool {
    match shown.imap {
        RelayConnectivity::Error => true,
        RelayConnectivity::Idle => shown.generation >= generation,
        _ => false,
    }
}

/// Connections by transport. Boxed, because the map sets memory aside for eleven from the first on, and most profiles
/// have one.
pub type Connections = BTreeMap<TransportId, Box<Shown>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(imap: RelayConnectivity) -> Shown {
        Shown { imap, ..Shown::default() }
    }

    #[test]
    fn one_dead_and_one_fine_relay_is_connected() {
        let dead = shown(RelayConnectivity::Error);
        let fine = shown(RelayConnectivity::Idle);
        assert_eq!(number([&dead, &fine].into_iter()), 4000);
        assert_eq!(number([&shown(RelayConnectivity::Working), &fine].into_iter()), 3000);
        assert_eq!(number(std::iter::empty()), 1000);
    }
}
