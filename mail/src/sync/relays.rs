//! The relays of a profile, as its devices share them. Passwords travel in it: only the encrypted message holds it.

use serde::{Deserialize, Serialize};

use crate::login::{ConfiguredLogin, EnteredLogin};

/// All relays that one device uses, and those that it has removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relays {
    /// Relays in use, without the one that the device was set up with.
    pub transports: Vec<SharedRelay>,
    /// Relays that were removed.
    pub removed_transports: Vec<RemovedRelay>,
}

/// A relay in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedRelay {
    /// What was found to work.
    pub configured: ConfiguredLogin,
    /// What the user has entered.
    pub entered: EnteredLogin,
    /// When it was added or changed last, in Unix seconds.
    pub timestamp: i64,
    /// Whether contacts are to send to it. Otherwise it is only looked at.
    #[serde(default = "published")]
    pub is_published: bool,
}

/// A relay that is not used any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedRelay {
    /// Its address.
    pub addr: String,
    /// When it was removed, in Unix seconds.
    pub timestamp: i64,
}

fn published() -> bool {
    true
}
