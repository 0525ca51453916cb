//! The two things a frontend can do with the engine: send it requests, and listen to its events.

use std::future::Future;
use std::sync::Arc;

use volary_actors::{Node, bus::EventStream};
use volary_engine::ground::ids::ProfileId;
use volary_proto::{Answer, Error, Event, Request};

/// The engine as interfaces for other programs see it. They are written against this, so that their tests need no engine.
pub trait Bus: Clone + Send + Sync + 'static {
    /// What [`subscribe`](Self::subscribe) gives.
    type Events: EventSource;

    /// Carries out a command after its change is committed, or a query.
    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static;

    /// All events of all profiles from now on, in the order of commits.
    fn subscribe(&self) -> Self::Events;

    /// Listens to one profile, or to all. What happens after this is answered is among the events; events of other
    /// profiles may be, too.
    fn listen(
        &self,
        profile: Option<ProfileId>,
    ) -> impl Future<Output = Result<Self::Events, Error>> + Send + 'static {
        let _ = profile;
        let events = self.subscribe();
        async move { Ok(events) }
    }

    /// Ends all connections, writes what is not written yet, and stops. Nothing is called afterwards.
    fn stop(&self) -> impl Future<Output = ()> + Send + 'static;
}

/// A stream of events with a bound of its own: a subscriber that does not fetch loses the oldest, and gets an overflow
/// event with their number.
pub trait EventSource: Send + 'static {
    /// Waits for the next event; `None` after the engine has stopped.
    ///
    /// Dropping the future before it is ready loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Arc<Event>>> + Send;
}

impl Bus for Node {
    type Events = EventStream;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let node = self.clone();
        async move { Node::call(&node, request).await }
    }

    fn subscribe(&self) -> EventStream {
        Node::subscribe_frontend(self)
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        let node = self.clone();
        async move { Node::stop(&node).await }
    }
}

impl EventSource for EventStream {
    async fn next(&mut self) -> Option<Arc<Event>> {
        EventStream::next(self).await
    }
}
