//! The two things a frontend can do with the engine: send it requests, and listen to its events.

use std::future::Future;

use volary_proto::{Answer, Error, Event, Request};

/// The engine as frontends see it. Doors are written against this, so that their tests need no engine.
pub trait Bus: Clone + Send + Sync + 'static {
    /// What [`subscribe`](Self::subscribe) gives.
    type Events: EventSource;

    /// Carries out a command after its change is committed, or a query.
    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static;

    /// All events of all profiles from now on, in the order of commits.
    fn subscribe(&self) -> Self::Events;
}

/// A stream of events with a bound of its own: who does not fetch loses the oldest and is told how many.
pub trait EventSource: Send + 'static {
    /// Waits for the next event; `None` after the engine has stopped.
    ///
    /// Dropping the future before it is ready loses nothing.
    fn next(&mut self) -> impl Future<Output = Option<Event>> + Send;
}
