//! The chat list, as a user interface shows it.

use std::collections::HashMap;

use futures::Stream;
use volary_engine::ground::ids::ChatId;
use volary_proto::{GetChatlistEntries, GetChatlistItems};

use super::diff::{Change, Keyed, diff};
use super::stale::Stale;
use crate::bus::Bus;
use crate::handles::error::CallError;
use crate::handles::events::Events;
use crate::handles::link::Link;
use crate::handles::profile::Profile;
use crate::handles::views::ChatEntry;

/// Entries that are loaded with one question.
const TOGETHER: usize = 200;

impl Keyed for ChatEntry {
    type Key = ChatId;

    fn key(&self) -> ChatId {
        self.id()
    }
}

/// The chat list of a profile: what is there, and what becomes different.
///
/// ```no_run
/// # async fn example(profile: volary::handles::Profile<volary::Engine>) -> Result<(), volary::handles::CallError> {
/// let mut list = profile.chat_list().await?;
/// let mut rows = list.items().to_vec();
/// while let Some(changes) = list.changes().await? {
///     changes.into_iter().for_each(|change| change.apply(&mut rows));
///     assert_eq!(rows, list.items());
/// }
/// # Ok(())
/// # }
/// ```
pub struct ChatList<B: Bus> {
    link: Link<B>,
    events: Events<B>,
    question: GetChatlistEntries,
    items: Vec<ChatEntry>,
    stale: Stale<ChatId>,
}

impl<B: Bus> Profile<B> {
    /// The chat list as it is now, pinned chats first, the newest before the older ones.
    pub async fn chats(&self) -> Result<Vec<ChatEntry>, CallError> {
        entries(&self.link, &GetChatlistEntries::default(), &[], &Stale::everything()).await
    }

    /// The chat list as it is now, and what becomes different.
    pub async fn chat_list(&self) -> Result<ChatList<B>, CallError> {
        ChatList::of(self.link.clone(), GetChatlistEntries::default()).await
    }

    /// The same for a part of it: archived chats, names that contain something, chats with a contact.
    pub async fn filtered_chat_list(&self, question: GetChatlistEntries) -> Result<ChatList<B>, CallError> {
        ChatList::of(self.link.clone(), question).await
    }
}

impl<B: Bus> ChatList<B> {
    async fn of(link: Link<B>, question: GetChatlistEntries) -> Result<Self, CallError> {
        // Listening comes first: what changes in between makes something stale.
        let events = Events::of_profile(&link).await?;
        let items = entries(&link, &question, &[], &Stale::everything()).await?;
        Ok(Self { link, events, question, items, stale: Stale::default() })
    }

    /// The list after the last changes.
    pub fn items(&self) -> &[ChatEntry] {
        &self.items
    }

    /// Waits until the list is another one, and gives the steps to it; `None` after the host has stopped.
    ///
    /// Dropping the future before it is ready loses nothing, and after an error it can be called again.
    pub async fn changes(&mut self) -> Result<Option<Vec<Change<ChatEntry>>>, CallError> {
        loop {
            if !self.stale.is_any() {
                let Some(event) = self.events.next().await else { return Ok(None) };
                self.stale.note_for_chat_list(&event);
            }
            while let Some(event) = self.events.try_next() {
                self.stale.note_for_chat_list(&event);
            }
            if !self.stale.is_any() {
                continue;
            }
            let new = entries(&self.link, &self.question, &self.items, &self.stale).await?;
            self.stale = Stale::default();
            let changes = diff(&self.items, &new);
            self.items = new;
            if !changes.is_empty() {
                return Ok(Some(changes));
            }
        }
    }

    /// As a stream, which ends with the host or with the first error.
    pub fn into_stream(self) -> impl Stream<Item = Vec<Change<ChatEntry>>> + Send {
        futures::stream::unfold(self, async |mut list| Some((list.changes().await.ok()??, list)))
    }
}

/// The list as it is now; entries that are not stale are those of `known`.
async fn entries<B: Bus>(
    link: &Link<B>,
    question: &GetChatlistEntries,
    known: &[ChatEntry],
    stale: &Stale<ChatId>,
) -> Result<Vec<ChatEntry>, CallError> {
    let ids: Vec<ChatId> = link.call(question.clone()).await?.ids.into_iter().map(ChatId::from).collect();
    let mut found: HashMap<ChatId, ChatEntry> = known
        .iter()
        .filter(|entry| !stale.has(&entry.id()))
        .map(|entry| (entry.id(), entry.clone()))
        .collect();
    let missing: Vec<u32> = ids.iter().filter(|id| !found.contains_key(id)).map(|id| id.get()).collect();
    for chat_ids in missing.chunks(TOGETHER) {
        for (id, item) in link.call(GetChatlistItems { chat_ids: chat_ids.to_vec() }).await? {
            found.insert(id.into(), ChatEntry::new(id.into(), item));
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}
