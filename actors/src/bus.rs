//! The event bus: events of all profiles, in the order of commits, to everybody who subscribed.
//!
//! A subscriber gets the events of all profiles or of one. An event is allocated once, and only if somebody listens to
//! its profile; all subscribers share it. Each subscriber has a queue with a bound of its own, so that one who does not
//! read costs the others nothing.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use parking_lot::Mutex;
use volary_engine::ground::ids::ProfileId;
use volary_proto::v1::{Event, event};

/// A subscriber that does not read loses its oldest events beyond that many.
pub const MAX_WAITING_EVENTS: usize = 10_000;

/// Lost events are counted by profile for that many profiles; those of further ones are counted under profile 0.
pub const MAX_PROFILES_WITH_LOSS: usize = 1_000;

/// Where events are emitted. Cheap to clone: all clones are the same bus.
#[derive(Clone, Default)]
pub struct Bus {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    /// How many streams there are, so that emitting takes no lock while there are none.
    streams: AtomicUsize,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    to_all: Vec<Arc<Queue>>,
    to_profile: HashMap<ProfileId, Vec<Arc<Queue>>>,
    closed: bool,
}

/// The events for one subscriber.
///
/// It is a [`Stream`] of shared events; [`next`](Self::next) is the same without an adapter. It ends after the engine
/// has stopped. A stream that is not read holds [`MAX_WAITING_EVENTS`]; for each event beyond that the oldest is lost.
/// The next events read then are one [`EventChannelOverflow`](event::EventChannelOverflow) for every profile that lost
/// any, with the profile's id and the number of lost events. Losses of more than [`MAX_PROFILES_WITH_LOSS`] profiles are
/// reported together as an overflow of profile 0.
///
/// Dropping the stream ends the subscription.
pub struct EventStream {
    bus: Bus,
    /// None = all profiles.
    profile: Option<ProfileId>,
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<Arc<Event>>,
    /// Number of lost events by profile.
    lost: BTreeMap<ProfileId, u64>,
    /// Those who wait for the next event, usually one.
    readers: Vec<Waker>,
    closed: bool,
}

impl Bus {
    /// The events of all profiles, and of the process (profile 0), from now on.
    pub fn subscribe(&self) -> EventStream {
        self.stream(None)
    }

    /// The events of one profile from now on. Those of other profiles cost this subscriber nothing.
    pub fn subscribe_to(&self, profile: ProfileId) -> EventStream {
        self.stream(Some(profile))
    }

    fn stream(&self, profile: Option<ProfileId>) -> EventStream {
        let queue = Arc::new(Queue::default());
        let mut listeners = self.shared.listeners.lock();
        // After the end there is nothing to wait for.
        queue.waiting.lock().closed = listeners.closed;
        match profile {
            Some(profile) => listeners.to_profile.entry(profile).or_default().push(Arc::clone(&queue)),
            None => listeners.to_all.push(Arc::clone(&queue)),
        }
        self.shared.streams.fetch_add(1, Ordering::Release);
        EventStream { bus: self.clone(), profile, queue }
    }

    /// Emits an event to everybody who listens to its profile.
    pub fn emit(&self, profile_id: ProfileId, kind: event::Kind) {
        if self.shared.streams.load(Ordering::Acquire) == 0 {
            return;
        }
        let mut woken = Vec::new();
        {
            let listeners = self.shared.listeners.lock();
            let narrowed = listeners.to_profile.get(&profile_id).map_or(&[][..], Vec::as_slice);
            if narrowed.is_empty() && listeners.to_all.is_empty() {
                return;
            }
            let event = Arc::new(Event { profile_id: profile_id.get(), kind: Some(kind) });
            for queue in narrowed.iter().chain(&listeners.to_all) {
                woken.append(&mut queue.push(Arc::clone(&event)));
            }
        }
        // Outside of the lock: waking may run foreign code, which may drop a stream.
        woken.into_iter().for_each(Waker::wake);
    }

    /// Ends all streams after the events that they still hold. Later ones end at once.
    pub fn close(&self) {
        let mut woken = Vec::new();
        {
            let mut listeners = self.shared.listeners.lock();
            listeners.closed = true;
            for queue in listeners.to_profile.values().flatten().chain(&listeners.to_all) {
                let mut waiting = queue.waiting.lock();
                waiting.closed = true;
                woken.append(&mut waiting.readers);
            }
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn unsubscribe(&self, profile: Option<ProfileId>, queue: &Arc<Queue>) {
        let mut listeners = self.shared.listeners.lock();
        let others = |other: &Arc<Queue>| !Arc::ptr_eq(other, queue);
        match profile {
            None => listeners.to_all.retain(others),
            Some(profile) => {
                if let Some(queues) = listeners.to_profile.get_mut(&profile) {
                    queues.retain(others);
                    if queues.is_empty() {
                        listeners.to_profile.remove(&profile);
                    }
                }
            }
        }
        self.shared.streams.fetch_sub(1, Ordering::Release);
    }
}

impl Queue {
    /// Appends an event; gives back who waits for it.
    #[must_use]
    fn push(&self, event: Arc<Event>) -> Vec<Waker> {
        let mut waiting = self.waiting.lock();
        if waiting.events.len() >= MAX_WAITING_EVENTS
            && let Some(oldest) = waiting.events.pop_front()
        {
            waiting.lose(oldest.profile_id.into());
        }
        waiting.events.push_back(event);
        std::mem::take(&mut waiting.readers)
    }
}

impl Waiting {
    fn lose(&mut self, profile: ProfileId) {
        let known = self.lost.len() < MAX_PROFILES_WITH_LOSS || self.lost.contains_key(&profile);
        *self.lost.entry(if known { profile } else { ProfileId::PROCESS }).or_default() += 1;
        metrics::counter!("volary_events_dropped_total").increment(1);
    }

    /// The next event, if there is one; what was lost comes before what is left.
    fn take(&mut self) -> Option<Arc<Event>> {
        if let Some((profile_id, n)) = self.lost.pop_first() {
            let overflow = event::Kind::EventChannelOverflow(event::EventChannelOverflow { n });
            return Some(Arc::new(Event { profile_id: profile_id.get(), kind: Some(overflow) }));
        }
        self.events.pop_front()
    }
}

impl EventStream {
    /// The next event; `None` after the engine has stopped.
    ///
    /// Dropping the future before it is ready loses nothing. Several tasks may wait; each event goes to one of them.
    pub async fn next(&self) -> Option<Arc<Event>> {
        std::future::poll_fn(|context| self.poll(context)).await
    }

    /// The next event if it is there already.
    pub fn try_next(&self) -> Option<Arc<Event>> {
        self.queue.waiting.lock().take()
    }

    fn poll(&self, context: &Context<'_>) -> Poll<Option<Arc<Event>>> {
        let mut waiting = self.queue.waiting.lock();
        if let Some(event) = waiting.take() {
            return Poll::Ready(Some(event));
        }
        if waiting.closed {
            return Poll::Ready(None);
        }
        if !waiting.readers.iter().any(|reader| reader.will_wake(context.waker())) {
            waiting.readers.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Stream for EventStream {
    type Item = Arc<Event>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll(context)
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.bus.unsubscribe(self.profile, &self.queue);
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    const ONE: ProfileId = ProfileId::new(1);
    const TWO: ProfileId = ProfileId::new(2);

    fn info(n: usize) -> event::Kind {
        event::Kind::Info(event::Info { msg: n.to_string() })
    }

    fn overflow(profile_id: u32, n: u64) -> Option<Event> {
        let kind = event::Kind::EventChannelOverflow(event::EventChannelOverflow { n });
        Some(Event { profile_id, kind: Some(kind) })
    }

    /// What is there, without waiting.
    fn now(stream: &EventStream) -> Option<Event> {
        stream.try_next().map(Arc::unwrap_or_clone)
    }

    #[tokio::test]
    async fn events_arrive_in_order_and_the_stream_ends_with_the_bus() {
        let bus = Bus::default();
        let stream = bus.subscribe();
        bus.emit(ONE, info(1));
        bus.emit(TWO, info(2));
        bus.close();
        assert_eq!(stream.next().await.map(|event| event.profile_id), Some(1));
        assert_eq!(stream.next().await.map(|event| event.profile_id), Some(2));
        assert_eq!(stream.next().await, None);
    }

    #[tokio::test]
    async fn a_stream_that_begins_after_the_end_ends_at_once() {
        let bus = Bus::default();
        bus.close();
        assert_eq!(bus.subscribe().next().now_or_never(), Some(None));
        assert_eq!(bus.subscribe_to(ONE).next().now_or_never(), Some(None));
    }

    #[test]
    fn a_subscriber_that_does_not_read_learns_how_much_it_lost() {
        let bus = Bus::default();
        let stream = bus.subscribe();
        for n in 0..MAX_WAITING_EVENTS + 46 {
            bus.emit(ONE, info(n));
        }
        assert_eq!(now(&stream), overflow(1, 46));
        assert_eq!(now(&stream).and_then(|event| event.kind), Some(info(46)));
    }

    #[test]
    fn an_overflow_says_whose_events_are_lost() {
        let bus = Bus::default();
        let (all, second) = (bus.subscribe(), bus.subscribe_to(TWO));
        (0..5).for_each(|n| bus.emit(ProfileId::new(7), info(n)));
        (0..3).for_each(|n| bus.emit(TWO, info(n)));
        (0..MAX_WAITING_EVENTS).for_each(|n| bus.emit(TWO, info(n)));
        assert_eq!(now(&all), overflow(2, 3));
        assert_eq!(now(&all), overflow(7, 5));
        assert_eq!(now(&all).and_then(|event| event.kind), Some(info(0)));
        assert_eq!(now(&second), overflow(2, 3));
        assert_eq!(now(&second).and_then(|event| event.kind), Some(info(0)));
    }

    #[test]
    fn losses_of_very_many_profiles_are_added_up() {
        let bus = Bus::default();
        let stream = bus.subscribe();
        let profiles = MAX_PROFILES_WITH_LOSS as u32 + 20;
        (1..=profiles).for_each(|profile| bus.emit(ProfileId::new(profile), info(0)));
        (0..MAX_WAITING_EVENTS).for_each(|n| bus.emit(ONE, info(n)));
        assert_eq!(now(&stream), overflow(0, 20));
        for profile in 1..=MAX_PROFILES_WITH_LOSS as u32 {
            assert_eq!(now(&stream), overflow(profile, 1));
        }
        assert_eq!(now(&stream).and_then(|event| event.kind), Some(info(0)));
    }

    #[tokio::test]
    async fn a_narrowed_stream_has_the_events_of_its_profile_only() {
        let bus = Bus::default();
        let stream = bus.subscribe_to(TWO);
        bus.emit(ONE, info(1));
        bus.emit(TWO, info(2));
        bus.emit(ProfileId::PROCESS, info(3));
        bus.emit(TWO, info(4));
        bus.close();
        let kinds: Vec<_> = stream.filter_map(async |event| event.kind.clone()).collect().await;
        assert_eq!(kinds, [info(2), info(4)]);
    }

    #[test]
    fn subscribers_share_an_event() {
        let bus = Bus::default();
        let (one, other, narrowed) = (bus.subscribe(), bus.subscribe(), bus.subscribe_to(ONE));
        bus.emit(ONE, info(1));
        let event = one.try_next().unwrap();
        assert!(Arc::ptr_eq(&event, &other.try_next().unwrap()));
        assert!(Arc::ptr_eq(&event, &narrowed.try_next().unwrap()));
    }

    #[test]
    fn a_dropped_stream_leaves_nothing_behind() {
        let bus = Bus::default();
        let (all, narrowed) = (bus.subscribe(), bus.subscribe_to(ONE));
        drop((all, narrowed));
        let listeners = bus.shared.listeners.lock();
        assert!(listeners.to_all.is_empty() && listeners.to_profile.is_empty());
        assert_eq!(bus.shared.streams.load(Ordering::Acquire), 0);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_an_event_and_by_the_end() {
        let bus = Bus::default();
        let stream = Arc::new(bus.subscribe());
        let read = |stream: &Arc<EventStream>| {
            let stream = Arc::clone(stream);
            tokio::spawn(async move { stream.next().await.and_then(|event| event.kind.clone()) })
        };
        let (one, other) = (read(&stream), read(&stream));
        tokio::task::yield_now().await;
        bus.emit(ONE, info(1));
        tokio::task::yield_now().await;
        bus.close();
        let mut seen = [one.await.unwrap(), other.await.unwrap()];
        seen.sort_by_key(Option::is_none);
        assert_eq!(seen, [Some(info(1)), None]);
    }
}
