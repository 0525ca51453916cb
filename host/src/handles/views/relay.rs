//! How a profile is connected to a relay.

use volary_proto::{Connectivity, RelayStatus};

/// A relay of a profile and how it is connected, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayView {
    /// Domain of the address there.
    pub domain: String,
    /// Receiving.
    pub receiving: Connectivity,
    /// Why nothing can be received.
    pub receiving_error: Option<String>,
    /// Sending; not set if nothing was sent since the profile was connected.
    pub sending: Option<Connectivity>,
    /// Why nothing can be sent.
    pub sending_error: Option<String>,
    /// How full the mailbox is, in percent, if the relay says that.
    pub quota_percent: Option<u32>,
}

impl From<RelayStatus> for RelayView {
    fn from(relay: RelayStatus) -> Self {
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            receiving: relay.receiving(),
            sending: relay.sending.is_some().then(|| relay.sending()),
            domain: relay.domain,
            receiving_error: given(relay.receiving_error),
            sending_error: given(relay.sending_error),
            quota_percent: relay.quota_percent,
        }
    }
}
