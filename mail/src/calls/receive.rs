//! What becomes of a call that comes in.

use super::state::Call;
use super::text::Text;

/// Whose calls ring, as the user chose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhoRings {
    /// Everybody who is not blocked, contact requests included.
    Everybody,
    /// Contacts whose one-to-one chat is accepted.
    #[default]
    Contacts,
    /// Nobody.
    Nobody,
}

impl WhoRings {
    /// The choice of the setting `who_can_call_me`; the default where the number means nothing.
    pub fn from_setting(number: i64) -> Self {
        match number {
            0 => Self::Everybody,
            2 => Self::Nobody,
            _ => Self::Contacts,
        }
    }
}

/// What the caller is to the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A contact whose chat is accepted.
    Contact,
    /// Somebody whose chat is a request.
    Stranger,
    /// Somebody who is blocked.
    Blocked,
}

/// What an incoming call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reception {
    /// It came too late, or from somebody who is blocked: an unread message like any other.
    Missed,
    /// It can be answered. Clients do not announce it as a new message.
    Alerting {
        /// Clients ring.
        rings: bool,
        /// After so many seconds it is missed.
        seconds: u64,
    },
}

impl Reception {
    /// What the message says.
    pub fn text(self, call: &Call) -> Text {
        match self {
            Self::Missed => Text::Missed,
            Self::Alerting { .. } => Text::Begun(call.direction, call.media),
        }
    }
}

/// What an incoming call of a one-to-one chat does at `now`. In other chats there are no calls: the mail is a text.
pub fn receive(call: &Call, caller: Caller, choice: WhoRings, now: i64) -> Reception {
    if call.is_stale(now) || caller == Caller::Blocked {
        return Reception::Missed;
    }
    let rings = match (caller, choice) {
        (_, WhoRings::Nobody) => false,
        (_, WhoRings::Everybody) => true,
        (caller, WhoRings::Contacts) => caller == Caller::Contact,
    };
    Reception::Alerting { rings, seconds: call.rings_for(now) }
}
