//! One folder: messages by UID, with the history that sessions need to catch up.
//!
//! Every change raises the folder's change number, and each message remembers the number of its last change. A session
//! remembers the number it has seen, so the changes that it does not know yet are a range query, not a queue per session.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Flags;

/// A message at rest.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) data: Arc<[u8]>,
    pub(crate) flags: Flags,
    /// Arrival, in Unix seconds.
    pub(crate) date: i64,
    /// Number of the last change of this message.
    changed: u64,
}

impl Message {
    pub(crate) fn changed(&self) -> u64 {
        self.changed
    }
}

/// A folder of one account.
#[derive(Debug)]
pub(crate) struct Folder {
    validity: u32,
    next_uid: u32,
    /// First UID that no session was notified of as `\Recent`.
    first_recent: u32,
    messages: BTreeMap<u32, Message>,
    change: u64,
    flag_change: u64,
    expunge_change: u64,
    bytes: u64,
    pub(crate) subscribed: bool,
}

impl Folder {
    pub(crate) fn new(validity: u32) -> Self {
        Self::restored(validity, 1)
    }

    /// A folder read from disk, before its messages are put in.
    pub(crate) fn restored(validity: u32, next_uid: u32) -> Self {
        Self {
            validity,
            next_uid,
            first_recent: next_uid,
            messages: BTreeMap::new(),
            change: 0,
            flag_change: 0,
            expunge_change: 0,
            bytes: 0,
            subscribed: true,
        }
    }

    pub(crate) fn validity(&self) -> u32 {
        self.validity
    }

    pub(crate) fn next_uid(&self) -> u32 {
        self.next_uid
    }

    pub(crate) fn change(&self) -> u64 {
        self.change
    }

    /// Number of the last change of any flag.
    pub(crate) fn flag_change(&self) -> u64 {
        self.flag_change
    }

    /// Number of the last removal.
    pub(crate) fn expunge_change(&self) -> u64 {
        self.expunge_change
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    pub(crate) fn get(&self, uid: u32) -> Option<&Message> {
        self.messages.get(&uid)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u32, &Message)> {
        self.messages.iter().map(|(uid, message)| (*uid, message))
    }

    /// UIDs from `first` on, ascending.
    pub(crate) fn uids_from(&self, first: u32) -> impl Iterator<Item = u32> {
        self.messages.range(first..).map(|(uid, _)| *uid)
    }

    /// Puts a message in and returns its UID.
    pub(crate) fn append(&mut self, data: Arc<[u8]>, flags: Flags, date: i64) -> u32 {
        let uid = self.next_uid;
        self.put(uid, data, flags, date);
        uid
    }

    /// Puts a message in under a UID it had before.
    pub(crate) fn put(&mut self, uid: u32, data: Arc<[u8]>, flags: Flags, date: i64) {
        self.change += 1;
        self.bytes += data.len() as u64;
        self.next_uid = self.next_uid.max(uid.saturating_add(1));
        self.messages.insert(uid, Message { data, flags, date, changed: self.change });
    }

    pub(crate) fn remove(&mut self, uid: u32) -> Option<Message> {
        let message = self.messages.remove(&uid)?;
        self.change += 1;
        self.expunge_change = self.change;
        self.bytes -= message.data.len() as u64;
        Some(message)
    }

    /// Changes the flags of a message. Returns the old flags if the message exists and its flags are others now.
    pub(crate) fn change_flags(&mut self, uid: u32, edit: impl FnOnce(&mut Flags)) -> Option<Flags> {
        let message = self.messages.get_mut(&uid)?;
        let before = message.flags.clone();
        edit(&mut message.flags);
        if before == message.flags {
            return None;
        }
        self.change += 1;
        self.flag_change = self.change;
        message.changed = self.change;
        Some(before)
    }

    /// First UID that is `\Recent` for a session that looks now; a session that may write claims them.
    pub(crate) fn claim_recent(&mut self, read_only: bool) -> u32 {
        let first = self.first_recent;
        if !read_only {
            self.first_recent = self.next_uid;
        }
        first
    }

    /// Messages that no session was notified of as `\Recent`.
    pub(crate) fn recent(&self) -> usize {
        self.uids_from(self.first_recent).count()
    }

    pub(crate) fn unseen(&self) -> usize {
        self.messages.values().filter(|message| !message.flags.has(Flags::SEEN)).count()
    }

    /// Pretends that the server forgot its UID history, for scenario tests.
    pub(crate) fn renumber(&mut self, validity: u32) {
        self.validity = validity;
    }
}
