//! Housekeeping: an actor that cleans up, and indexes texts for searching, one profile after the other as they become due.

use std::sync::Arc;

use actix::{
    Actor, ActorContext as _, AsyncContext as _, Context, WrapFuture as _, fut::ActorFutureExt as _,
};
use tokio::sync::{Mutex, mpsc};
use tracing::Instrument as _;
use volary_storage::StoreError;

use super::ChildEnded;
use crate::faults::Spot;
use crate::hub::Hub;
use crate::relay_connection::memory;
use crate::watch::Farewell;
use volary_engine::ground::db::Db;
use volary_engine::ground::ids::ProfileId;
use volary_engine::upkeep::deadlines::Upkeep;
use volary_engine::upkeep::housekeeping::clean;
use volary_engine::upkeep::search_index;
use volary_link::Network;

/// What is due for which profile. It outlives the actor, so that a panic costs one profile its turn and no other.
#[derive(Clone)]
pub struct Due {
    sender: mpsc::UnboundedSender<Upkeep>,
    receiver: Arc<Mutex<mpsc::UnboundedReceiver<Upkeep>>>,
}

impl Default for Due {
    fn default() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver: Arc::new(Mutex::new(receiver)) }
    }
}

impl Due {
    /// Adds what is to be done.
    pub fn add(&self, work: Upkeep) {
        // The receiver is right here.
        let _ = self.sender.send(work);
    }
}

/// The actor. See the module documentation.
pub struct Housekeeping {
    hub: Hub,
    due: Due,
    _farewell: Farewell<ChildEnded>,
}

impl Housekeeping {
    /// An actor that takes profiles from there.
    pub fn new(hub: Hub, due: Due, farewell: Farewell<ChildEnded>) -> Self {
        Self { hub, due, _farewell: farewell }
    }
}

impl Actor for Housekeeping {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let work = run(self.hub.clone(), self.due.clone()).instrument(tracing::info_span!("housekeeping"));
        ctx.spawn(work.into_actor(self).map(|(), _, ctx| ctx.stop()));
    }
}

/// Does what comes, one profile after the other, for ever.
async fn run(hub: Hub, due: Due) {
    let mut due = due.receiver.lock().await;
    while let Some(work) = due.recv().await {
        hub.faults.pass(Spot::Housekeeping);
        match work {
            Upkeep::Clean(profile) => match clean(&hub.db, profile).await {
                Ok((tombstones, files)) => tracing::info!(%profile, tombstones, files, "housekeeping done"),
                Err(error) => tracing::error!(%profile, %error, "housekeeping failed"),
            },
            Upkeep::Index(profile) => match search_index::build(&hub.db, profile).await {
                Ok(segments) => tracing::debug!(%profile, segments, "texts are indexed for searching"),
                Err(error) => tracing::error!(%profile, %error, "texts cannot be indexed for searching"),
            },
        }
        if due.is_empty()
            && let Err(error) = keep_network(&hub.db, &hub.network).await
        {
            tracing::error!(%error, "what is known of relays cannot be stored");
        }
    }
}

/// Stores what all connections together learned about relays.
pub async fn keep_network(db: &Db, network: &Arc<Network>) -> Result<(), StoreError> {
    let network = network.clone();
    db.transact(ProfileId::PROCESS, move |tx| memory::save(tx.store, &network, tx.now)).await.map(|_| ())
}
