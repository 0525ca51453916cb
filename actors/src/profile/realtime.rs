//! Realtime channels of the apps of a profile: whether they may be used, and the actor that has them.

use std::rc::Rc;

use actix::{Actor as _, Addr};
use bytes::Bytes;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::MessageId;
use volary_engine::state::transports;
use volary_engine::webxdc::realtime as rules;
use volary_mail::login::ConfiguredLogin;
use volary_mail::webxdc::realtime::{Topic, relay_url};
use volary_proto::v1::Error;
use volary_realtime::Reach;

use super::io;
use super::shared::Shared;
use crate::realtime::{Close, Join, Leave, NetworkChanged, Realtime, Refresh, Send};

/// Joins the channel of an app and announces this device to the others.
pub async fn advertise(shared: &Rc<Shared>, app: MessageId) -> Result<(), Error> {
    if !is_enabled(shared)? {
        return Ok(());
    }
    let topic = shared.db.read(|view| {
        rules::check_can_advertise(view, shared.id, app)?;
        rules::topic(view, shared.id, app)
    })?;
    let joined = actor(shared)?.send(Join(app, topic)).await;
    let address = joined.map_err(|_| ended())??;
    shared.db.transact(shared.id, move |tx| rules::advertise(tx, app, &address)).await?;
    Ok(())
}

/// Sends data on the channel of an app.
pub async fn send(shared: &Rc<Shared>, app: MessageId, data: Bytes) -> Result<(), Error> {
    if !is_enabled(shared)? {
        return Ok(());
    }
    let topic = topic(shared, app)?;
    actor(shared)?.send(Send(app, topic, data)).await.map_err(|_| ended())?
}

/// Leaves the channel of an app; does nothing if it is in none.
pub async fn leave(shared: &Rc<Shared>, app: MessageId) -> Result<(), Error> {
    let (Some(actor), Ok(topic)) = (running(shared), topic(shared, app)) else { return Ok(()) };
    // An actor that has ended has left everything.
    let _ = actor.send(Leave(topic)).await;
    Ok(())
}

/// What is known of channels changed, or whether they may be used.
pub fn refresh(shared: &Shared) {
    let Some(actor) = running(shared) else {
        // They may be allowed again.
        return shared.hub.wakes.realtime_changed(shared.id);
    };
    let allowed = is_enabled(shared).map(|on| on && check_proxy(shared).is_ok());
    if allowed.unwrap_or(false) {
        actor.do_send(Refresh);
    } else {
        tracing::info!(profile = %shared.id, "realtime channels are not allowed any more");
        close(shared);
    }
}

/// The network may have changed.
pub fn network_changed(shared: &Shared) {
    if let Some(actor) = running(shared) {
        actor.do_send(NetworkChanged);
    }
}

/// Ends all channels, in the background.
pub fn close(shared: &Shared) {
    if let Some(actor) = shared.realtime.borrow_mut().take() {
        actor.do_send(Close);
        shared.hub.wakes.realtime_changed(shared.id);
    }
}

/// I/O runs: channels can be joined.
pub fn io_started(shared: &Shared) {
    shared.hub.wakes.realtime_changed(shared.id);
}

fn is_enabled(shared: &Shared) -> Result<bool, Error> {
    Ok(shared.db.read(|view| rules::is_enabled(view, shared.id))?)
}

fn topic(shared: &Shared, app: MessageId) -> Result<Topic, Error> {
    Ok(shared.db.read(|view| rules::topic(view, shared.id, app))?)
}

fn running(shared: &Shared) -> Option<Addr<Realtime>> {
    shared.realtime.borrow().as_ref().filter(|actor| actor.connected()).cloned()
}

/// The actor; it is started if it does not run.
fn actor(shared: &Shared) -> Result<Addr<Realtime>, Error> {
    check_proxy(shared)?;
    if !shared.io.get() {
        return Err(Error::failed("realtime channels need I/O, which is stopped"));
    }
    if let Some(actor) = running(shared) {
        return Ok(actor);
    }
    let reach = if shared.hub.on_loopback { Reach::Loopback } else { relay(shared)? };
    let actor = Realtime::new(shared.db.clone(), shared.id, reach).start();
    *shared.realtime.borrow_mut() = Some(actor.clone());
    Ok(actor)
}

/// Channels do not go through proxies: they would show what the proxy is to hide.
fn check_proxy(shared: &Shared) -> Result<(), Error> {
    match shared.db.read(|view| io::proxy(view, shared.id)) {
        Ok(None) => Ok(()),
        Ok(Some(_)) | Err(_) => {
            Err(Error::failed("realtime channels are off while a proxy is set: they would go past it"))
        }
    }
}

/// The relay that the mail server of the first transport names. There is no other: public relays are not ours to use.
fn relay(shared: &Shared) -> Result<Reach, Error> {
    let all = shared.db.read(|view| Outcome::Ok(transports::all(view, shared.id)?))?;
    let first = all.first().map(|(_, record)| record.configured.as_str()).unwrap_or_default();
    let login = serde_json::from_str::<ConfiguredLogin>(first)
        .map_err(|error| Failure::refused(format!("stored transport cannot be read: {error}")))?;
    let hosts = login.imap.iter().map(|candidate| candidate.connection.host.as_str());
    let url = hosts
        .filter_map(|host| shared.hub.network.server_info(host))
        .find_map(|info| info.iroh_relay.as_deref().and_then(relay_url));
    url.map(Reach::Relay).ok_or_else(|| Error::failed("the mail server names no relay for realtime channels"))
}

fn ended() -> Error {
    Error::failed("realtime channels were closed")
}
