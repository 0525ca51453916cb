//! The engine as a client sees it that may not do everything.

use std::sync::Arc;

use volary_proto::{Answer, Error, Event, Request, request};

use super::rules::Access;
use crate::bus::{Bus, EventSource};

/// A bus that refuses what a client may not do.
#[derive(Clone)]
pub struct Limited<B> {
    bus: B,
    access: Arc<Access>,
    /// It reaches files of the host.
    files: bool,
}

impl<B: Bus> Limited<B> {
    /// For a client that may be on another machine: it reaches files of the host only if nothing is forbidden to it.
    pub fn new(bus: B, access: Access) -> Self {
        Self { bus, access: Arc::new(access), files: false }
    }

    /// For a program of the user that the host belongs to, which can read its files anyway.
    pub fn on_this_machine(bus: B, access: Access) -> Self {
        Self { files: true, ..Self::new(bus, access) }
    }
}

impl<B: Bus> Bus for Limited<B> {
    type Events = Narrowed<B::Events>;

    fn call(&self, request: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let access = self.access.clone();
        let lists_profiles = matches!(request.kind, Some(request::Kind::GetAllAccountIds(_)));
        let allowed = if self.files { access.check_rights(&request) } else { access.check(&request) };
        let answering = allowed.map(|()| self.bus.call(request));
        async move { Ok(access.narrow_answer(lists_profiles, answering?.await?)) }
    }

    fn subscribe(&self) -> Self::Events {
        Narrowed { events: self.bus.subscribe(), access: self.access.clone() }
    }

    fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
        // A client does not stop the host.
        std::future::ready(())
    }
}

/// The events that a token shows.
pub struct Narrowed<S> {
    events: S,
    access: Arc<Access>,
}

impl<S: EventSource> EventSource for Narrowed<S> {
    async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            let event = self.events.next().await?;
            if self.access.shows(&event) {
                return Some(event);
            }
        }
    }
}
