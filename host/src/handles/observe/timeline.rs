//! The messages of a chat, as a user interface shows them.

use std::collections::HashMap;

use futures::Stream;
use volary_engine::ground::ids::{ChatId, MessageId};

use super::diff::{Change, Keyed, diff};
use super::stale::Stale;
use crate::bus::Bus;
use crate::handles::chat::Chat;
use crate::handles::error::CallError;
use crate::handles::events::Events;
use crate::handles::link::Link;
use crate::handles::message;
use crate::handles::views::MessageView;

impl Keyed for MessageView {
    type Key = MessageId;

    fn key(&self) -> MessageId {
        self.id
    }
}

/// The newest messages of a chat, in the order in which they are shown: what is there, and what becomes different.
pub struct Timeline<B: Bus> {
    link: Link<B>,
    chat: ChatId,
    events: Events<B>,
    /// At least so many messages are shown, if there are.
    window: usize,
    /// The oldest message that is shown, so that new ones push none out.
    oldest: Option<MessageId>,
    items: Vec<MessageView>,
    stale: Stale<MessageId>,
    is_complete: bool,
}

impl<B: Bus> Chat<B> {
    /// The newest messages, at first at most so many, and what becomes different.
    pub async fn timeline(&self, window: usize) -> Result<Timeline<B>, CallError> {
        // Listening comes first: what changes in between makes something stale. Contacts belong to the profile.
        let events = Events::of_profile(&self.link).await?;
        let mut timeline = Timeline {
            link: self.link.clone(),
            chat: self.id(),
            events,
            window: window.max(1),
            oldest: None,
            items: Vec::new(),
            stale: Stale::everything(),
            is_complete: false,
        };
        timeline.load().await?;
        Ok(timeline)
    }
}

impl<B: Bus> Timeline<B> {
    /// The messages after the last changes.
    pub fn items(&self) -> &[MessageView] {
        &self.items
    }

    /// Whether the oldest message of the chat is among them.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Shows so many older messages besides. [`changes`](Self::changes) gives them.
    pub fn show_older(&mut self, count: usize) {
        self.window = self.items.len().saturating_add(count);
        self.oldest = None;
        self.stale.list();
    }

    /// Waits until there is something to show that is different, and gives the steps to it; `None` after the host has
    /// stopped.
    ///
    /// Dropping the future before it is ready loses nothing, and after an error it can be called again.
    pub async fn changes(&mut self) -> Result<Option<Vec<Change<MessageView>>>, CallError> {
        loop {
            if !self.stale.is_any() {
                let Some(event) = self.events.next().await else { return Ok(None) };
                self.stale.note_for_timeline(self.chat, &event);
            }
            while let Some(event) = self.events.try_next() {
                self.stale.note_for_timeline(self.chat, &event);
            }
            if self.stale.is_any() {
                let changes = self.load().await?;
                if !changes.is_empty() {
                    return Ok(Some(changes));
                }
            }
        }
    }

    /// As a stream, which ends with the host or with the first error.
    pub fn into_stream(self) -> impl Stream<Item = Vec<Change<MessageView>>> + Send {
        futures::stream::unfold(self, async |mut timeline| Some((timeline.changes().await.ok()??, timeline)))
    }

    /// Asks for what is stale. Nothing changes here before all answers are there.
    async fn load(&mut self) -> Result<Vec<Change<MessageView>>, CallError> {
        let ids = message::ids(&self.link, self.chat).await?;
        let ids: Vec<MessageId> = ids.into_iter().map(MessageId::from).collect();
        let first = first_shown(&ids, self.window, self.oldest);
        let shown = &ids[first..];
        let mut found: HashMap<MessageId, MessageView> = self
            .items
            .iter()
            .filter(|item| !self.stale.has(&item.id))
            .map(|item| (item.id, item.clone()))
            .collect();
        let missing: Vec<u32> =
            shown.iter().filter(|id| !found.contains_key(id)).map(|id| id.get()).collect();
        for view in message::load(&self.link, &missing).await? {
            found.insert(view.id, view);
        }
        let new: Vec<MessageView> = shown.iter().filter_map(|id| found.remove(id)).collect();
        let changes = diff(&self.items, &new);
        self.items = new;
        self.oldest = self.items.first().map(|item| item.id);
        self.is_complete = first == 0;
        self.stale = Stale::default();
        Ok(changes)
    }
}

/// Where what is shown begins: with the newest messages, and not after the oldest one that was shown before.
fn first_shown(ids: &[MessageId], window: usize, oldest: Option<MessageId>) -> usize {
    let newest = ids.len().saturating_sub(window);
    let before = oldest.and_then(|oldest| ids.iter().position(|id| *id == oldest));
    before.map_or(newest, |before| before.min(newest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_messages_push_none_out() {
        let ids: Vec<MessageId> = (10..20).map(MessageId::new).collect();
        assert_eq!(first_shown(&ids, 4, None), 6);
        assert_eq!(first_shown(&ids, 4, Some(MessageId::new(12))), 2, "it was shown before");
        assert_eq!(first_shown(&ids, 4, Some(MessageId::new(18))), 6, "after some were deleted");
        assert_eq!(first_shown(&ids, 4, Some(MessageId::new(99))), 6, "it is gone");
        assert_eq!(first_shown(&ids, 400, None), 0);
    }
}
