//! The realtime channel of an app. An app is in it for as long as one of its windows reads what comes: a window that is
//! closed, reloaded or lost needs to say nothing.

use std::io;
use std::sync::Arc;

use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use tokio::sync::mpsc;
use volary_actors::bus::EventStream;
use volary_proto::event::Kind;
use volary_proto::{LeaveWebxdcRealtime, SendWebxdcRealtimeAdvertisement, SendWebxdcRealtimeData};

use super::Shared;
use super::app::failure;
use super::reply::{Reply, body, done, stream, text};
use super::running::Instance;

/// Longest data of one frame.
const MAX_DATA: usize = 128_000;
/// Frames that wait for a slow browser; it loses what comes behind them.
const WAITING: usize = 64;

/// Joins the channel. The answer has no end: each frame is its length, four bytes with the highest first, and its data.
pub async fn listen(shared: &Arc<Shared>, instance: &Arc<Instance>) -> Reply {
    let events = shared.engine.events_of(instance.profile);
    let (sender, receiver) = mpsc::channel(WAITING);
    let mut windows = instance.realtime.lock().await;
    let joined = SendWebxdcRealtimeAdvertisement { msg_id: instance.message };
    if let Err(error) = shared.engine.call(instance.profile, joined).await {
        return failure(&error);
    }
    *windows += 1;
    drop(windows);
    let (shared, instance) = (shared.clone(), instance.clone());
    tokio::spawn(async move {
        pass_on(&instance, events, sender).await;
        let mut windows = instance.realtime.lock().await;
        *windows -= 1;
        if *windows == 0 {
            let left = LeaveWebxdcRealtime { msg_id: instance.message };
            if let Err(error) = shared.engine.call(instance.profile, left).await {
                tracing::debug!(profile = instance.profile, %error, "a realtime channel was not left");
            }
        }
    });
    stream("application/octet-stream", receiver)
}

/// Passes frames on to a window until it is gone or its app ends.
async fn pass_on(instance: &Instance, events: EventStream, window: mpsc::Sender<io::Result<Bytes>>) {
    let mut state = instance.watch();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = window.closed() => return,
            changed = state.changed() => {
                if changed.is_err() || state.borrow_and_update().ended {
                    return;
                }
                continue;
            }
        };
        match event.map(|event| event.kind.clone()) {
            None => return,
            Some(Some(Kind::WebxdcRealtimeData(frame))) if frame.msg_id == instance.message => {
                let Ok(length) = u32::try_from(frame.data.len()) else { continue };
                let mut framed = Vec::with_capacity(4 + frame.data.len());
                framed.extend_from_slice(&length.to_be_bytes());
                framed.extend_from_slice(&frame.data);
                if window.try_send(Ok(framed.into())).is_err() && window.is_closed() {
                    return;
                }
            }
            Some(_) => {}
        }
    }
}

/// Sends a frame, if a window is in the channel.
pub async fn send(shared: &Arc<Shared>, instance: &Arc<Instance>, request: Request<Incoming>) -> Reply {
    let Some(data) = body(request.into_body(), MAX_DATA).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {MAX_DATA} bytes can be sent at once"));
    };
    // Sending would join again.
    let windows = instance.realtime.lock().await;
    if *windows == 0 {
        return text(StatusCode::CONFLICT, "the channel was left");
    }
    let sent = SendWebxdcRealtimeData { msg_id: instance.message, data };
    match shared.engine.call(instance.profile, sent).await {
        Ok(_) => done(),
        Err(error) => failure(&error),
    }
}
