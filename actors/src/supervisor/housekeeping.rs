//! Housekeeping: cleans up one profile after the other as they become due.

use std::sync::Arc;

use tokio::sync::mpsc;
use volary_storage::StoreError;

use crate::relay_connection::memory;
use volary_engine::ground::db::Db;
use volary_engine::upkeep::housekeeping::clean;
use volary_link::Network;

/// Cleans up one profile after the other as their ids come, for ever.
pub async fn run(db: Db, network: Arc<Network>, mut due: mpsc::UnboundedReceiver<u32>) {
    while let Some(profile) = due.recv().await {
        match clean(&db, profile).await {
            Ok((tombstones, files)) => tracing::info!(profile, tombstones, files, "housekeeping done"),
            Err(error) => tracing::error!(profile, %error, "housekeeping failed"),
        }
        if due.is_empty()
            && let Err(error) = keep_network(&db, &network).await
        {
            tracing::error!(%error, "what is known of relays cannot be stored");
        }
    }
}

/// Stores what all connections together learned about relays.
pub async fn keep_network(db: &Db, network: &Arc<Network>) -> Result<(), StoreError> {
    let network = network.clone();
    db.transact(0, move |tx| memory::save(tx.store, &network, tx.now)).await.map(|_| ())
}
