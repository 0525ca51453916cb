//! The stream of what happens to a profile or in a chat.

use std::sync::Arc;

use futures::{FutureExt as _, Stream};
use volary_engine::ground::ids::{ChatId, ProfileId};
use volary_proto::Event;

use super::error::CallError;
use super::event::HostEvent;
use super::link::Link;
use crate::bus::{Bus, EventSource};

/// What a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Narrowing {
    profile: Option<ProfileId>,
    chat: Option<ChatId>,
}

impl Narrowing {
    fn take(&self, event: Arc<Event>) -> Option<(ProfileId, HostEvent)> {
        let profile = ProfileId::new(event.profile_id);
        let event = HostEvent::new(event);
        // Losses of very many profiles are added up under that of the process.
        let is_wanted = self.profile.is_none_or(|wanted| wanted == profile)
            || profile == ProfileId::PROCESS && matches!(event, HostEvent::Lost { .. });
        (is_wanted && self.chat.is_none_or(|chat| event.concerns(chat))).then_some((profile, event))
    }
}

/// What happens from the moment in which it was made, in the order of commits: what an event names can be queried at once.
///
/// It has a bound. A program that does not read loses the oldest events, which shows as [`HostEvent::Lost`]; nobody waits
/// for it.
pub struct Events<B: Bus> {
    events: B::Events,
    narrowing: Narrowing,
}

impl<B: Bus> Events<B> {
    pub(super) async fn of_host(bus: &B) -> Result<Self, CallError> {
        let narrowing = Narrowing { profile: None, chat: None };
        Ok(Self { events: bus.listen(None).await?, narrowing })
    }

    pub(super) async fn of_profile(link: &Link<B>) -> Result<Self, CallError> {
        let narrowing = Narrowing { profile: Some(link.profile), chat: None };
        Ok(Self { events: link.bus.listen(Some(link.profile)).await?, narrowing })
    }

    pub(super) async fn of_chat(link: &Link<B>, chat: ChatId) -> Result<Self, CallError> {
        let mut events = Self::of_profile(link).await?;
        events.narrowing.chat = Some(chat);
        Ok(events)
    }

    /// The next event; `None` after the host has stopped, or the connection to it has ended.
    ///
    /// Dropping the future before it is ready loses nothing.
    pub async fn next(&mut self) -> Option<HostEvent> {
        Some(self.next_of_any().await?.1)
    }

    /// The same with the profile.
    pub async fn next_of_any(&mut self) -> Option<(ProfileId, HostEvent)> {
        loop {
            let event = self.events.next().await?;
            if let Some(event) = self.narrowing.take(event) {
                return Some(event);
            }
        }
    }

    /// The next event, if it is there already.
    pub fn try_next(&mut self) -> Option<HostEvent> {
        Some(self.next_of_any().now_or_never()??.1)
    }

    /// Waits for an event of which `pick` makes something.
    pub async fn find<T>(&mut self, mut pick: impl FnMut(&HostEvent) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = pick(&self.next().await?) {
                return Some(found);
            }
        }
    }

    /// As a stream, for combinators.
    pub fn into_stream(self) -> impl Stream<Item = HostEvent> + Send {
        futures::stream::unfold(self, async |mut events| Some((events.next().await?, events)))
    }
}
