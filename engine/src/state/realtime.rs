//! Realtime channels of apps: the topic of each instance, and the nodes that were announced for it.

use rand::thread_rng;
use volary_mail::webxdc::realtime::{MAX_NODES, NodeAddress, NodeId, Topic, relay_url};
use volary_storage::records::{AppNodeRecord, TextRecord};
use volary_storage::tables::{APP_BY_TOPIC, APP_NODES, APP_TOPICS};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::{MessageId, ProfileId};

/// The topic of an instance.
pub fn topic(view: &impl View, profile: ProfileId, instance: MessageId) -> Result<Option<Topic>, StoreError> {
    let record = view.get(&APP_TOPICS, &(profile, instance))?;
    Ok(record.and_then(|record| Topic::parse(&record.text)))
}

/// Gives an instance its topic. False if another instance has it: topics are secrets of their instance, and nobody takes
/// one over.
pub fn bind(tx: &mut Tx<'_, '_>, instance: MessageId, topic: Topic) -> Result<bool, StoreError> {
    let (profile, text) = (tx.profile, topic.to_string());
    let owner = tx.store.first(&APP_BY_TOPIC, &(profile, text.clone()))?.map(|((_, _, owner), _)| owner);
    if owner.is_some_and(|owner| owner != instance) {
        return Ok(false);
    }
    unbind(tx, instance)?;
    tx.store.set(&APP_BY_TOPIC, &(profile, text.clone(), instance))?;
    tx.store.put(&APP_TOPICS, &(profile, instance), &TextRecord { text })?;
    Ok(true)
}

/// Gives an own instance a topic, if it has none.
pub fn ensure_topic(tx: &mut Tx<'_, '_>, instance: MessageId) -> Result<(), StoreError> {
    if topic(tx.store, tx.profile, instance)?.is_none() {
        bind(tx, instance, Topic::generate(&mut thread_rng()))?;
    }
    Ok(())
}

fn unbind(tx: &mut Tx<'_, '_>, instance: MessageId) -> Result<bool, StoreError> {
    let profile = tx.profile;
    let Some(record) = tx.store.get(&APP_TOPICS, &(profile, instance))? else { return Ok(false) };
    tx.store.unset(&APP_BY_TOPIC, &(profile, record.text, instance))?;
    tx.store.remove(&APP_TOPICS, &(profile, instance))?;
    Ok(true)
}

/// The nodes that were announced for an instance.
pub fn nodes(
    view: &impl View,
    profile: ProfileId,
    instance: MessageId,
) -> Result<Vec<NodeAddress>, StoreError> {
    let mut found = Vec::new();
    for row in view.scan_prefix(&APP_NODES, &(profile, instance))? {
        let ((_, _, node), record) = row?;
        if let Some(node) = NodeId::parse(&node) {
            found.push(NodeAddress { node, relay: relay_url(&record.relay), direct: Vec::new() });
        }
    }
    Ok(found)
}

/// Remembers a node of an instance; too many old ones go.
pub fn add_node(tx: &mut Tx<'_, '_>, instance: MessageId, address: &NodeAddress) -> Result<(), StoreError> {
    let profile = tx.profile;
    let key = (profile, instance, address.node.to_string());
    let known = tx.store.get(&APP_NODES, &key)?;
    let relay = match &address.relay {
        Some(url) => url.as_str().to_owned(),
        None => known.map(|record| record.relay).unwrap_or_default(),
    };
    tx.store.put(&APP_NODES, &key, &AppNodeRecord { relay, time: tx.now })?;
    let mut all = Vec::new();
    for row in tx.store.scan_prefix(&APP_NODES, &(profile, instance))? {
        let ((_, _, node), record) = row?;
        all.push((node == key.2, record.time, node));
    }
    all.sort();
    for (_, _, node) in all.iter().take(all.len().saturating_sub(MAX_NODES)) {
        tx.store.remove(&APP_NODES, &(profile, instance, node.clone()))?;
    }
    tx.effects().realtime = true;
    Ok(())
}

/// Forgets the channel of an instance.
pub fn forget(tx: &mut Tx<'_, '_>, instance: MessageId) -> Result<(), StoreError> {
    if unbind(tx, instance)? {
        tx.store.remove_prefix(&APP_NODES, &(tx.profile, instance))?;
        tx.effects().realtime = true;
    }
    Ok(())
}
