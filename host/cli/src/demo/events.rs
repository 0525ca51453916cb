//! Hands the events of the engine to the people of the demo.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use volary::EventStream;
use volary_proto::event::Kind;

/// Events that wait for somebody who is interested; older ones are dropped.
const MAX_WAITING: usize = 4096;

/// What has happened to one profile.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<VecDeque<(Instant, Kind)>>,
    last_problem: Mutex<Option<String>>,
    changed: Notify,
}

/// An event that was waited for.
pub(super) struct Seen<T> {
    /// What was picked from it.
    pub(super) value: T,
    /// When it came.
    pub(super) at: Instant,
}

impl Inbox {
    fn put(&self, kind: &Kind) {
        match kind {
            Kind::Error(event) => *self.last_problem.lock() = Some(event.msg.clone()),
            Kind::Warning(event) => *self.last_problem.lock() = Some(event.msg.clone()),
            kind if is_awaited(kind) => {
                let mut waiting = self.waiting.lock();
                if waiting.len() >= MAX_WAITING {
                    waiting.pop_front();
                }
                waiting.push_back((Instant::now(), kind.clone()));
            }
            _ => {}
        }
        self.changed.notify_waiters();
    }

    /// Drops what waits.
    pub(super) fn forget(&self) {
        self.waiting.lock().clear();
    }

    /// The last warning or error, to explain what did not happen.
    pub(super) fn last_problem(&self) -> Option<String> {
        self.last_problem.lock().clone()
    }

    /// Takes the first event that `pick` likes; waits for it. Others stay for others. `None` after `patience`.
    pub(super) async fn next<T>(
        &self,
        patience: Duration,
        mut pick: impl FnMut(&Kind) -> Option<T>,
    ) -> Option<Seen<T>> {
        let search = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(seen) = self.take(&mut pick) {
                    return seen;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }

    fn take<T>(&self, mut pick: impl FnMut(&Kind) -> Option<T>) -> Option<Seen<T>> {
        let mut waiting = self.waiting.lock();
        let found =
            waiting.iter().enumerate().find_map(|(at, (_, kind))| pick(kind).map(|value| (at, value)));
        let (position, value) = found?;
        let (at, _) = waiting.remove(position)?;
        Some(Seen { value, at })
    }

    /// Runs `look` now and after every event until it finds something, or fails. `None` after `patience`.
    pub(super) async fn until<T, E>(
        &self,
        patience: Duration,
        mut look: impl AsyncFnMut() -> Result<Option<T>, E>,
    ) -> Option<Result<T, E>> {
        let search = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = look().await.transpose() {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, search).await.ok()
    }
}

/// Whether the story waits for events of this kind one by one.
fn is_awaited(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::IncomingMsg(_)
            | Kind::MsgRead(_)
            | Kind::MsgDeleted(_)
            | Kind::ChatEphemeralTimerModified(_)
            | Kind::SecurejoinInviterProgress(_)
            | Kind::SecurejoinJoinerProgress(_)
    )
}

/// Distributes events until the engine stops.
pub(super) fn distribute(events: EventStream, inboxes: HashMap<u32, Arc<Inbox>>) -> JoinHandle<()> {
    tokio::spawn(async move {
        while let Some(event) = events.next().await {
            if let (Some(inbox), Some(kind)) = (inboxes.get(&event.profile_id), &event.kind) {
                inbox.put(kind);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use volary_proto::event::{IncomingMsg, MsgRead};

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    fn incoming(chat_id: u32, msg_id: u32) -> Kind {
        Kind::IncomingMsg(IncomingMsg { chat_id, msg_id })
    }

    fn message_in(chat: u32) -> impl FnMut(&Kind) -> Option<u32> {
        move |kind| match kind {
            Kind::IncomingMsg(event) if event.chat_id == chat => Some(event.msg_id),
            _ => None,
        }
    }

    #[tokio::test]
    async fn events_wait_for_who_is_interested() {
        let inbox = Inbox::default();
        inbox.put(&incoming(10, 1));
        inbox.put(&Kind::MsgRead(MsgRead { chat_id: 11, msg_id: 5 }));
        inbox.put(&incoming(11, 2));
        assert_eq!(inbox.next(SHORT, message_in(11)).await.map(|seen| seen.value), Some(2));
        assert_eq!(inbox.next(SHORT, message_in(10)).await.map(|seen| seen.value), Some(1));
        assert!(inbox.next(SHORT, message_in(10)).await.is_none(), "an event is taken once");
    }

    #[tokio::test]
    async fn an_event_that_comes_later_wakes_who_waits() {
        let inbox = Arc::new(Inbox::default());
        let waiting = tokio::spawn({
            let inbox = inbox.clone();
            async move { inbox.next(PATIENT, message_in(10)).await.map(|seen| seen.value) }
        });
        tokio::task::yield_now().await;
        inbox.put(&incoming(10, 7));
        assert_eq!(waiting.await.unwrap(), Some(7));
    }

    const PATIENT: Duration = Duration::from_secs(10);
}
