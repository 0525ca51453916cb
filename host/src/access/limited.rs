//! The engine as a client sees it that may not do everything.

use std::sync::Arc;

use tokio::sync::Notify;
use volary_proto::{Answer, Error, Event, Request, event, request};

use super::rules::Access;
use crate::bus::{Bus, EventSource};

/// A bus that refuses what a client may not do.
#[derive(Clone)]
pub struct Limited<B> {
    bus: B,
    access: Arc<Access>,
    /// It reaches files of the host.
    files: bool,
    /// It wanted to disconnect everybody, and may not.
    kept: Arc<Notify>,
}

impl<B: Bus> Limited<B> {
    /// For a client that may be on another machine: it reaches files of the host only if nothing is forbidden to it.
    pub fn new(bus: B, access: Access) -> Self {
        Self { bus, access: Arc::new(access), files: false, kept: Arc::default() }
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
        // chatmail core's client does so at its end, and then waits for an event: without one it would wait for ever.
        if allowed.is_err() && matches!(request.kind, Some(request::Kind::StopIoForAllAccounts(_))) {
            self.kept.notify_one();
        }
        let answering = allowed.map(|()| self.bus.call(request));
        async move { Ok(access.narrow_answer(lists_profiles, answering?.await?)) }
    }

    fn subscribe(&self) -> Self::Events {
        Narrowed { events: self.bus.subscribe(), access: self.access.clone(), kept: self.kept.clone() }
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
    kept: Arc<Notify>,
}

impl<S: EventSource> EventSource for Narrowed<S> {
    async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            let event = tokio::select! {
                event = self.events.next() => event?,
                () = self.kept.notified() => return Some(Arc::new(still_connected())),
            };
            if self.access.shows(&event) {
                return Some(event);
            }
        }
    }
}

fn still_connected() -> Event {
    let msg = "profiles stay connected: this client does not control the process".to_owned();
    Event { profile_id: 0, kind: Some(event::Kind::Info(event::Info { msg })) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use futures::FutureExt as _;
    use volary_proto::{Done, StopIoForAllAccounts};

    use super::*;

    /// Does everything, and nothing happens.
    #[derive(Clone)]
    struct Quiet;

    impl Bus for Quiet {
        type Events = Self;

        fn call(&self, _: Request) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
            std::future::ready(Ok(Answer::new(Done {})))
        }

        fn subscribe(&self) -> Self {
            Self
        }

        fn stop(&self) -> impl Future<Output = ()> + Send + 'static {
            std::future::ready(())
        }
    }

    impl EventSource for Quiet {
        async fn next(&mut self) -> Option<Arc<Event>> {
            std::future::pending().await
        }
    }

    #[tokio::test]
    async fn who_may_not_disconnect_everybody_hears_something() {
        let stop = || Request::new(0, StopIoForAllAccounts {});
        let access = Access { profiles: Some(BTreeSet::from([1])), read_only: false };
        let limited = Limited::new(Quiet, access);
        let mut events = limited.subscribe();
        assert!(events.next().now_or_never().is_none());
        assert!(limited.call(stop()).await.is_err());
        let told = events.next().now_or_never().flatten().map(|event| event.kind.clone());
        assert!(matches!(told, Some(Some(event::Kind::Info(_)))), "{told:?}");
        assert!(events.next().now_or_never().is_none(), "once");

        let full = Limited::new(Quiet, Access::default());
        let mut events = full.subscribe();
        full.call(stop()).await.unwrap();
        assert!(events.next().now_or_never().is_none());
    }
}
