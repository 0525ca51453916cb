//! The event bus: every event of every profile, in the order of commits, to every subscriber.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::Notify;
use volary_proto::v1::{Event, event};

/// A subscriber that does not read loses its oldest events beyond that many.
pub const MAX_WAITING_EVENTS: usize = 10_000;

/// Where events go. Cheap to clone.
#[derive(Clone, Default)]
pub struct Bus {
    subscribers: Arc<Mutex<Vec<Weak<Queue>>>>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    ready: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Event>,
    lost: u64,
    closed: bool,
}

/// The events for one subscriber.
pub struct EventStream {
    queue: Arc<Queue>,
}

impl Bus {
    /// All events from now on.
    pub fn subscribe(&self) -> EventStream {
        let queue = Arc::new(Queue::default());
        self.subscribers.lock().push(Arc::downgrade(&queue));
        EventStream { queue }
    }

    /// Tells an event to everybody.
    pub fn emit(&self, profile_id: u32, kind: event::Kind) {
        let event = Event { profile_id, kind: Some(kind) };
        self.subscribers.lock().retain(|subscriber| match subscriber.upgrade() {
            Some(queue) => {
                queue.push(event.clone());
                true
            }
            None => false,
        });
    }

    /// Ends all streams after the events that they still hold.
    pub fn close(&self) {
        for queue in self.subscribers.lock().drain(..).filter_map(|subscriber| subscriber.upgrade()) {
            queue.waiting.lock().closed = true;
            queue.ready.notify_waiters();
        }
    }
}

impl Queue {
    fn push(&self, event: Event) {
        let mut waiting = self.waiting.lock();
        if waiting.events.len() >= MAX_WAITING_EVENTS {
            waiting.events.pop_front();
            waiting.lost += 1;
        }
        waiting.events.push_back(event);
        drop(waiting);
        self.ready.notify_waiters();
        self.ready.notify_one();
    }
}

impl EventStream {
    /// The next event; `None` after the engine stopped. If events were lost, the next one says how many.
    pub async fn next(&self) -> Option<Event> {
        loop {
            let ready = self.queue.ready.notified();
            {
                let mut waiting = self.queue.waiting.lock();
                if waiting.lost > 0 {
                    let n = std::mem::take(&mut waiting.lost);
                    let overflow = event::EventChannelOverflow { n };
                    return Some(Event {
                        profile_id: 0,
                        kind: Some(event::Kind::EventChannelOverflow(overflow)),
                    });
                }
                if let Some(event) = waiting.events.pop_front() {
                    return Some(event);
                }
                if waiting.closed {
                    return None;
                }
            }
            ready.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(n: usize) -> event::Kind {
        event::Kind::Info(event::Info { msg: n.to_string() })
    }

    #[tokio::test]
    async fn events_arrive_in_order_and_the_stream_ends_with_the_bus() {
        let bus = Bus::default();
        let stream = bus.subscribe();
        bus.emit(1, info(1));
        bus.emit(2, info(2));
        bus.close();
        assert_eq!(stream.next().await.map(|event| event.profile_id), Some(1));
        assert_eq!(stream.next().await.map(|event| event.profile_id), Some(2));
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn a_subscriber_that_does_not_read_is_told_how_much_it_lost() {
        let bus = Bus::default();
        let stream = bus.subscribe();
        for n in 0..MAX_WAITING_EVENTS + 46 {
            bus.emit(1, info(n));
        }
        let first = stream.next().await.and_then(|event| event.kind);
        assert_eq!(first, Some(event::Kind::EventChannelOverflow(event::EventChannelOverflow { n: 46 })));
        assert_eq!(stream.next().await.and_then(|event| event.kind), Some(info(46)));
    }
}
