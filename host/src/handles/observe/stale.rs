//! Which entries an event makes stale. A rule: no I/O.

use std::collections::HashSet;
use std::hash::Hash;

use volary_engine::ground::ids::{ChatId, MessageId};

use crate::handles::event::HostEvent;

/// Single entries that are remembered as stale; beyond that all are.
const MAX_ENTRIES: usize = 1_000;

/// What has to be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stale<K: Eq + Hash> {
    /// Set or order of the entries may be another.
    list: bool,
    /// Every entry may look different.
    all: bool,
    /// These do.
    entries: HashSet<K>,
}

impl<K: Eq + Hash> Default for Stale<K> {
    fn default() -> Self {
        Self { list: false, all: false, entries: HashSet::new() }
    }
}

impl<K: Copy + Eq + Hash> Stale<K> {
    /// Everything: for the first time.
    pub(super) fn everything() -> Self {
        Self { list: true, all: true, entries: HashSet::new() }
    }

    /// Whether anything is.
    pub(super) fn is_any(&self) -> bool {
        self.list || self.all || !self.entries.is_empty()
    }

    /// Whether this entry is.
    pub(super) fn has(&self, key: &K) -> bool {
        self.all || self.entries.contains(key)
    }

    /// Set or order of the entries may have changed.
    pub(super) fn list(&mut self) {
        self.list = true;
    }

    fn everything_again(&mut self) {
        *self = Self::everything();
    }

    fn entry(&mut self, key: K) {
        if !self.all {
            self.entries.insert(key);
            if self.entries.len() > MAX_ENTRIES {
                self.everything_again();
            }
        }
    }
}

impl Stale<ChatId> {
    /// What an event means for the chat list.
    pub(super) fn note_for_chat_list(&mut self, event: &HostEvent) {
        match event {
            HostEvent::ChatListChanged | HostEvent::ChatDeleted { .. } => self.list(),
            HostEvent::ChatEntryChanged { chat: Some(chat) } | HostEvent::ChatChanged { chat } => {
                self.list();
                self.entry(*chat);
                // What is fresh in the archive is counted there.
                self.entry(ChatId::ARCHIVED_LINK);
            }
            HostEvent::ChatEntryChanged { chat: None }
            | HostEvent::ContactChanged { .. }
            | HostEvent::MessagesChanged { chat: None, .. }
            | HostEvent::Lost { .. } => self.everything_again(),
            // All others have an event for the chat list beside them.
            _ => {}
        }
    }
}

impl Stale<MessageId> {
    /// What an event of the profile means for the messages of a chat.
    pub(super) fn note_for_timeline(&mut self, chat: ChatId, event: &HostEvent) {
        match event {
            HostEvent::ContactChanged { .. } => self.everything_again(),
            _ if !event.concerns(chat) => {}
            HostEvent::Incoming { message, .. }
            | HostEvent::MessagesChanged { message: Some(message), .. } => {
                self.list();
                self.entry(*message);
            }
            HostEvent::Deleted { .. } => self.list(),
            HostEvent::Delivered { message, .. }
            | HostEvent::Failed { message, .. }
            | HostEvent::Read { message, .. }
            | HostEvent::Reactions { message, .. } => self.entry(*message),
            HostEvent::MessagesChanged { message: None, .. }
            | HostEvent::Noticed { .. }
            | HostEvent::ChatChanged { .. }
            | HostEvent::ChatDeleted { .. }
            | HostEvent::Lost { .. } => self.everything_again(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: ChatId = ChatId::new(12);
    const MESSAGE: MessageId = MessageId::new(40);

    #[test]
    fn a_message_that_was_delivered_is_asked_for_alone() {
        let mut stale = Stale::default();
        stale.note_for_timeline(CHAT, &HostEvent::Delivered { chat: CHAT, message: MESSAGE });
        assert!(stale.is_any() && stale.has(&MESSAGE) && !stale.has(&MessageId::new(41)));
        assert!(!stale.list);
    }

    #[test]
    fn other_chats_make_nothing_stale() {
        let mut stale = Stale::default();
        let other = ChatId::new(13);
        stale.note_for_timeline(CHAT, &HostEvent::Incoming { chat: other, message: MESSAGE });
        stale.note_for_timeline(CHAT, &HostEvent::Noticed { chat: other });
        stale.note_for_timeline(CHAT, &HostEvent::ConnectivityChanged);
        assert!(!stale.is_any());
    }

    #[test]
    fn after_a_loss_everything_is_asked_for() {
        let mut messages = Stale::default();
        messages.note_for_timeline(CHAT, &HostEvent::Lost { count: 3 });
        assert_eq!(messages, Stale::everything());
        let mut chats = Stale::default();
        chats.note_for_chat_list(&HostEvent::Lost { count: 3 });
        assert_eq!(chats, Stale::everything());
    }

    #[test]
    fn what_is_stale_is_bounded() {
        let mut stale = Stale::default();
        for id in 0..10_000 {
            let message = MessageId::new(10 + id);
            stale.note_for_timeline(CHAT, &HostEvent::Read { chat: CHAT, message });
        }
        assert!(stale.all && stale.entries.len() <= MAX_ENTRIES);
    }

    #[test]
    fn a_chat_that_changed_is_asked_for_and_may_have_moved() {
        let mut stale = Stale::default();
        stale.note_for_chat_list(&HostEvent::ChatEntryChanged { chat: Some(CHAT) });
        assert!(stale.list && stale.has(&CHAT) && !stale.has(&ChatId::new(13)));
    }
}
