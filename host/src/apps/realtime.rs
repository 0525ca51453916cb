//! The realtime channel of an app. An app is in it for as long as one of its windows reads what comes: a window that is
//! closed, reloaded or lost needs to say nothing.
//!
//! Being in it is a state that a task keeps up. A channel may end though nobody has left: I/O stops, channels are switched
//! off. The windows notice nothing of that but silence, and are in it again as soon as it can be joined.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::{Request, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};
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
/// An app stays for so long after its last window: the next one, or the same after a reload, goes on where it was.
const GRACE: Duration = Duration::from_secs(2);
/// How long data waits for the channel to be joined; finding a relay takes up to half a minute.
const JOINING: Duration = Duration::from_secs(35);
/// Pauses between attempts to join.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest of them.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// What an instance has to do with its channel.
#[derive(Default)]
pub struct Channel {
    /// Windows that want to be in it.
    windows: watch::Sender<usize>,
    /// It was joined and has not ended.
    joined: watch::Sender<bool>,
    /// A task keeps the app in it.
    kept: Mutex<bool>,
}

impl Channel {
    fn is_kept(&self) -> bool {
        *self.kept.lock()
    }

    /// Whether the task that keeps the app in it is to be started.
    fn enter(&self) -> bool {
        self.windows.send_modify(|windows| *windows += 1);
        !std::mem::replace(&mut *self.kept.lock(), true)
    }

    fn exit(&self) {
        self.windows.send_modify(|windows| *windows -= 1);
    }

    /// Whether the task may end: nobody has come while it left.
    fn is_over(&self, ended: bool) -> bool {
        let mut kept = self.kept.lock();
        let over = ended || *self.windows.borrow() == 0;
        *kept = !over;
        over
    }
}

/// A window that wants to be in the channel.
struct Window(Arc<Instance>);

impl Drop for Window {
    fn drop(&mut self) {
        self.0.realtime.exit();
    }
}

/// Joins the channel. The answer has no end: each frame is its length, four bytes with the highest first, and its data.
pub fn listen(shared: &Arc<Shared>, instance: &Arc<Instance>) -> Reply {
    let events = shared.engine.events_of(instance.profile);
    let (sender, receiver) = mpsc::channel(WAITING);
    if instance.realtime.enter() {
        tokio::spawn(keep(shared.clone(), instance.clone()));
    }
    let window = Window(instance.clone());
    tokio::spawn(async move { pass_on(&window.0, events, sender).await });
    stream("application/octet-stream", receiver)
}

/// Keeps an app in its channel while a window wants it.
async fn keep(shared: Arc<Shared>, instance: Arc<Instance>) {
    loop {
        tokio::select! {
            () = stay(&shared, &instance) => {}
            () = nobody_wants(&instance) => {}
        }
        instance.realtime.joined.send_replace(false);
        let left = LeaveWebxdcRealtime { msg_id: instance.message };
        if let Err(error) = shared.engine.call(instance.profile, left).await {
            tracing::debug!(profile = instance.profile, %error, "a realtime channel was not left");
        }
        if instance.realtime.is_over(instance.has_ended()) {
            return;
        }
    }
}

/// Joins, and joins anew when the channel may have ended. Returns when the profile is gone.
async fn stay(shared: &Shared, instance: &Instance) {
    let mut changes = shared.engine.realtime_changes(instance.profile);
    let (mut pause, mut told) = (FIRST_PAUSE, false);
    loop {
        changes.borrow_and_update();
        let join = SendWebxdcRealtimeAdvertisement { msg_id: instance.message };
        match shared.engine.call(instance.profile, join).await {
            Ok(_) => {
                instance.realtime.joined.send_replace(true);
                (pause, told) = (FIRST_PAUSE, false);
                if changes.changed().await.is_err() {
                    return;
                }
                instance.realtime.joined.send_replace(false);
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    let (profile, message) = (instance.profile, instance.message);
                    tracing::info!(profile, msg = message, %error, "a realtime channel cannot be joined yet");
                }
                tokio::select! {
                    () = tokio::time::sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
                    changed = changes.changed() => match changed {
                        Ok(()) => pause = FIRST_PAUSE,
                        Err(_) => return,
                    },
                }
            }
        }
    }
}

/// Returns when no window has wanted to be in the channel for a while, or the app has ended.
async fn nobody_wants(instance: &Instance) {
    let (mut windows, mut state) = (instance.realtime.windows.subscribe(), instance.watch());
    let empty = async {
        loop {
            // They live as long as the instance.
            let _ = windows.wait_for(|windows| *windows == 0).await;
            if tokio::time::timeout(GRACE, windows.wait_for(|windows| *windows > 0)).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = empty => {}
        _ = state.wait_for(|state| state.ended.is_some()) => {}
    }
}

/// Passes frames on to a window until it is gone or its app ends.
async fn pass_on(instance: &Instance, events: EventStream, window: mpsc::Sender<io::Result<Bytes>>) {
    let mut state = instance.watch();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = window.closed() => return,
            _ = state.wait_for(|state| state.ended.is_some()) => return,
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

/// Sends a frame, if the app is in the channel; waits while it is being joined.
pub async fn send(shared: &Arc<Shared>, instance: &Arc<Instance>, request: Request<Incoming>) -> Reply {
    let Some(data) = body(request.into_body(), MAX_DATA).await else {
        return text(StatusCode::PAYLOAD_TOO_LARGE, format!("at most {MAX_DATA} bytes can be sent at once"));
    };
    // Sending would join.
    let left = || text(StatusCode::CONFLICT, "the app is not in the channel");
    if !instance.realtime.is_kept() {
        return left();
    }
    let mut joined = instance.realtime.joined.subscribe();
    if !matches!(tokio::time::timeout(JOINING, joined.wait_for(|joined| *joined)).await, Ok(Ok(_))) {
        return left();
    }
    let sent = SendWebxdcRealtimeData { msg_id: instance.message, data };
    match shared.engine.call(instance.profile, sent).await {
        Ok(_) => done(),
        Err(error) => failure(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_task_keeps_an_app_in_its_channel_however_many_windows_come_and_go() {
        let channel = Channel::default();
        assert!(channel.enter(), "the first window starts it");
        assert!(!channel.enter(), "the second does not");
        channel.exit();
        assert!(!channel.is_over(false), "one is still there");
        channel.exit();
        assert!(!channel.enter(), "one that comes while the task is leaving is kept by it");
        assert!(!channel.is_over(false) && channel.is_kept());
        channel.exit();
        assert!(channel.is_over(false) && !channel.is_kept());
        assert!(channel.enter(), "the next one starts it anew");
        assert!(channel.is_over(true), "an app that has ended is in no channel");
    }

    #[tokio::test(start_paused = true)]
    async fn a_window_that_is_reloaded_stays_in_the_channel() {
        let running = super::super::running::Running::default();
        let (instance, _) = running.add("a".to_owned(), 1, 10, 0).unwrap();
        instance.realtime.enter();
        let watched = instance.clone();
        let nobody = tokio::spawn(async move { nobody_wants(&watched).await });
        instance.realtime.exit();
        tokio::time::sleep(GRACE / 2).await;
        instance.realtime.enter();
        tokio::time::sleep(GRACE * 2).await;
        assert!(!nobody.is_finished());
        instance.realtime.exit();
        tokio::time::sleep(GRACE * 2).await;
        assert!(nobody.is_finished());
    }
}
