//! What all actors of the process share.

use std::path::PathBuf;
use std::sync::Arc;

use volary_engine::ground::clock::Clock;
use volary_engine::ground::db::{Db, Listener, Surroundings};
use volary_engine::ground::effects::Effects;
use volary_engine::ground::ids::ProfileId;
use volary_link::Network;
use volary_proto::v1::event;
use volary_storage::Store;

use crate::bus::Bus;
use crate::faults::Faults;
use crate::followers::Followers;
use crate::pool::Pool;
use crate::supervisor::reconnect::crowd::Crowds;
use crate::wake::Wakes;

/// Database, events, wake-ups, workers and network. Cheap to clone.
#[derive(Clone)]
pub struct Hub {
    /// The database; its commits reach the bus and the wake-ups.
    pub db: Db,
    /// Events for subscribers.
    pub bus: Bus,
    /// What frontends do with messages that come in.
    pub followers: Followers,
    /// Effects for actors.
    pub wakes: Wakes,
    /// Threads for heavy work.
    pub pool: Pool,
    /// What all relay connections share.
    pub network: Arc<Network>,
    /// All relay connections of the process, by relay.
    pub crowds: Arc<Crowds>,
    /// For tests: realtime channels of apps stay on the loopback interface and use no relay.
    pub on_loopback: bool,
    /// Panics that tests provoke.
    pub(crate) faults: Faults,
}

impl Hub {
    /// Puts the parts together.
    pub fn new(store: Store, dir: PathBuf, clock: Arc<dyn Clock>, pool: Pool, network: Arc<Network>) -> Self {
        let (bus, wakes, followers) = (Bus::default(), Wakes::default(), Followers::default());
        let listener =
            Arc::new(Commits { bus: bus.clone(), wakes: wakes.clone(), followers: followers.clone() });
        let around = Surroundings { listener, clock, workers: Arc::new(pool.clone()) };
        Self {
            db: Db::new(store, dir, around),
            bus,
            followers,
            wakes,
            pool,
            network,
            crowds: Arc::default(),
            on_loopback: false,
            faults: Faults::default(),
        }
    }
}

/// Passes on what commits report.
struct Commits {
    bus: Bus,
    wakes: Wakes,
    followers: Followers,
}

impl Listener for Commits {
    fn event(&self, profile: ProfileId, event: event::Kind) {
        if let event::Kind::IncomingMsg(incoming) = &event {
            self.followers.shown(profile, incoming.chat_id.into());
        }
        self.bus.emit(profile, event);
    }

    fn effects(&self, profile: ProfileId, effects: Effects) {
        self.wakes.send(profile, effects);
    }
}
