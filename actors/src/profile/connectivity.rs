//! How well a profile is connected, from the states of its relay connections.

use std::collections::BTreeMap;

use volary_engine::ground::ids::TransportId;
use volary_proto::v1::{Connectivity, RelayConnectivity, RelayQuotaRoot, RelayStatus};

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
    let numbers: Vec<u32> = connections.map(|shown| state(shown.imap) as u32).collect();
    if numbers.contains(&3000) { 3000 } else { numbers.into_iter().max().unwrap_or(1000) }
}

/// What clients see of the state of one side.
fn state(connection: RelayConnectivity) -> Connectivity {
    match connection {
        RelayConnectivity::Uninitialized | RelayConnectivity::Error => Connectivity::NotConnected,
        RelayConnectivity::Connecting => Connectivity::Connecting,
        RelayConnectivity::Preparing | RelayConnectivity::Working | RelayConnectivity::Interrupting => {
            Connectivity::Working
        }
        RelayConnectivity::Idle => Connectivity::Connected,
    }
}

/// What clients see of one relay.
pub fn status(shown: &Shown) -> RelayStatus {
    let error = |connection, text: &str| match connection {
        RelayConnectivity::Error => text.to_owned(),
        _ => String::new(),
    };
    let sending = (shown.smtp != RelayConnectivity::Uninitialized).then(|| state(shown.smtp).into());
    let resources = shown.quota.iter().flat_map(|root| &root.resources);
    let percent =
        resources.filter_map(|resource| (resource.usage.saturating_mul(100)).checked_div(resource.limit));
    RelayStatus {
        domain: shown.domain.clone(),
        receiving: state(shown.imap).into(),
        receiving_error: error(shown.imap, &shown.imap_error),
        sending,
        sending_error: error(shown.smtp, &shown.smtp_error),
        quota_percent: percent.max().map(|percent| u32::try_from(percent).unwrap_or(u32::MAX)),
    }
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
    use volary_proto::v1::RelayQuotaResource;

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

    #[test]
    fn a_relay_says_what_is_wrong_with_each_side() {
        let resource = |usage, limit| RelayQuotaResource { name: "STORAGE".to_owned(), usage, limit };
        let root =
            RelayQuotaRoot { name: String::new(), resources: vec![resource(1, 10), resource(99, 100)] };
        let mut shown = Shown {
            domain: "example.org".to_owned(),
            imap_error: "the password is wrong".to_owned(),
            quota: vec![root],
            ..shown(RelayConnectivity::Error)
        };
        let told = status(&shown);
        assert_eq!(
            (told.receiving(), told.sending),
            (Connectivity::NotConnected, None),
            "nothing was sent yet"
        );
        assert_eq!((told.receiving_error.as_str(), told.quota_percent), ("the password is wrong", Some(99)));
        (shown.imap, shown.smtp) = (RelayConnectivity::Idle, RelayConnectivity::Working);
        let told = status(&shown);
        assert_eq!((told.receiving(), told.sending()), (Connectivity::Connected, Connectivity::Working));
        assert!(told.receiving_error.is_empty(), "that is over");
    }
}
