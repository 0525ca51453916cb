//! Realtime channels: which an app of this device may join, and the mail that announces this device to the others.
//!
//! The channel itself is not the business of the engine: frames are never stored.

use volary_mail::webxdc::realtime::{NodeAddress, Topic};
use volary_storage::View;
use volary_storage::records::SystemType;

use crate::chat::compose::{self, SystemMessage};
use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{MessageId, ProfileId};
use crate::ground::intent::Intent;
use crate::state::{config, messages, outbox, realtime};

/// Entries of the send queue that are looked through for older announcements.
const LOOKED_THROUGH: usize = 200;

/// Whether apps may open channels.
pub fn is_enabled(view: &impl View, profile: ProfileId) -> Outcome<bool> {
    Ok(config::flag(view, profile, config::key::WEBXDC_REALTIME_ENABLED)?)
}

/// The topic of an instance, for joining its channel.
pub fn topic(view: &impl View, profile: ProfileId, instance: MessageId) -> Outcome<Topic> {
    realtime::topic(view, profile, instance)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{instance} has no gossip topic")))
}

/// Whether this device may announce itself in the chat of an instance.
pub fn check_can_advertise(view: &impl View, profile: ProfileId, instance: MessageId) -> Outcome<()> {
    let app = messages::load(view, profile, instance)?
        .ok_or_else(|| Failure::refused(format!("Message Msg#{instance} does not exist")))?;
    compose::check_can_send(view, profile, app.chat)
}

/// Queues the hidden mail with the address of this device. One that is still queued is out of date and goes.
pub fn advertise(tx: &mut Tx<'_, '_>, instance: MessageId, address: &NodeAddress) -> Outcome<()> {
    check_can_advertise(tx.store, tx.profile, instance)?;
    let Some(app) = messages::load(tx.store, tx.profile, instance)? else { return Ok(()) };
    for (_, job) in outbox::entries(tx.store, tx.profile, LOOKED_THROUGH)? {
        let queued = messages::load(tx.store, tx.profile, job.message)?.unwrap_or_default();
        if queued.system_type == SystemType::RealtimeAddress && queued.in_reply_to == app.mid {
            outbox::cancel(tx, job.message)?;
            messages::bury(tx, job.message, false)?;
        }
    }
    let intent = Intent::RealtimeAddress { target: app.mid, address: address.to_json() };
    let id = compose::send_system(tx, app.chat, SystemMessage { intent, ..Default::default() })?;
    if !outbox::is_queued(tx.store, tx.profile, id)? {
        // There is nobody to tell.
        messages::bury(tx, id, false)?;
    }
    tracing::debug!(profile = %tx.profile, chat = %app.chat, msg = %instance, "a realtime address is announced");
    Ok(())
}
