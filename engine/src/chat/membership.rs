//! The member list of a group: a last-writer-wins set with an addition and a removal time for each contact.
//!
//! Every message of a group carries the present members and those that were removed lately, with times, so that
//! lost messages heal. A contact is a member iff its last addition is not older than its last removal; an older time
//! never wins, an addition wins a tie, and nobody changes its own row by its own message.

use std::collections::{BTreeMap, BTreeSet};

use volary_storage::records::MemberRecord;

use super::sorting::FUTURE_TOLERANCE;
use crate::ground::ids::ContactId;
use crate::state::members::{PAST_MEMBER_MEMORY, is_current};

/// The rows of a group by contact id.
pub type Rows = BTreeMap<ContactId, MemberRecord>;

/// What a message says about the member list. Positions that name nobody we know are `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Received<'a> {
    /// Author.
    pub sender: ContactId,
    /// Sent time, capped.
    pub sent: i64,
    /// Time of reception.
    pub now: i64,
    /// Contacts of `To` and `Cc`.
    pub to: &'a [Option<ContactId>],
    /// Contacts of `Chat-Group-Past-Members`.
    pub past: &'a [Option<ContactId>],
    /// `Chat-Group-Member-Timestamps`, `None` without the header.
    pub timestamps: Option<&'a [i64]>,
    /// The explicitly added contact.
    pub added: Option<ContactId>,
    /// The explicitly removed contact.
    pub removed: Option<ContactId>,
    /// The message has `Chat-Version`.
    pub chat_message: bool,
    /// Our list was not updated for so long that the message replaces it.
    pub stale: bool,
}

/// What became of the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Contacts that are members now and were not before.
    pub added: BTreeSet<ContactId>,
    /// Contacts that were members before and are not any more.
    pub removed: BTreeSet<ContactId>,
    /// The list was taken into account (its age starts anew).
    pub updated: bool,
}

impl Change {
    /// Contacts whose change the message does not announce: (added, removed). Nothing if we were just added.
    pub fn unexplained(&self, received: &Received<'_>) -> (Vec<ContactId>, Vec<ContactId>) {
        if self.added.contains(&ContactId::SELF) {
            return (Vec::new(), Vec::new());
        }
        let added =
            self.added.iter().copied().filter(|id| Some(*id) != received.added && *id != received.sender);
        let removed = self.removed.iter().copied().filter(|id| Some(*id) != received.removed);
        (added.collect(), removed.collect())
    }
}

/// Whether our list is so old that we neither announce it nor defend it.
pub fn is_stale(members_updated: i64, created: i64, now: i64) -> bool {
    let last = if members_updated == 0 { created } else { members_updated };
    now + FUTURE_TOLERANCE >= last.saturating_add(PAST_MEMBER_MEMORY)
}

/// Whether the author may change the chat: a member, or anybody while we are outside.
pub fn may_change(rows: &Rows, sender: ContactId) -> bool {
    let member = |id| rows.get(&id).is_some_and(is_current);
    !member(ContactId::SELF) || member(sender)
}

/// Applies a message to the list of an existing group. The caller has refused removals and additions by
/// non-members (see [`may_change`]) before.
pub fn apply(rows: &mut Rows, received: &Received<'_>) -> Change {
    let before = current(rows);
    if received.added.is_some() && !before.contains(&received.sender) {
        add_at(rows, received.sender, received.sent);
    }
    let mut updated = false;
    if may_change(rows, received.sender) {
        updated = true;
        if received.stale {
            replace(rows, received);
        } else if let Some(timestamps) = received.timestamps {
            merge(rows, received, timestamps);
        } else {
            merge_without_times(rows, received);
        }
    }
    difference(&before, &current(rows), updated)
}

/// Applies what another own device did before it had heard that the group was announced: additions count by their times,
/// removals only of those of whom nobody was told.
pub fn apply_quiet(rows: &mut Rows, contact: ContactId, added: i64, removed: i64) {
    let record = rows.entry(contact).or_insert(MemberRecord { added, removed, quiet: true });
    record.added = record.added.max(added);
    if record.quiet {
        record.removed = record.removed.max(removed);
    }
}

/// The list of a group that this message creates.
pub fn create(received: &Received<'_>) -> Rows {
    let mut rows = Rows::new();
    match received.timestamps {
        Some(timestamps) => {
            if timestamps.len() != received.to.len() + received.past.len() {
                return rows;
            }
            merge(&mut rows, received, timestamps);
            rows.entry(received.sender)
                .or_insert(MemberRecord { added: received.sent, ..Default::default() });
        }
        None => {
            let listed = received.to.iter().copied().flatten();
            for id in listed.chain([received.sender, ContactId::SELF]) {
                rows.entry(id).or_default();
            }
        }
    }
    rows
}

fn current(rows: &Rows) -> BTreeSet<ContactId> {
    rows.iter().filter(|(_, record)| is_current(record)).map(|(id, _)| *id).collect()
}

fn difference(before: &BTreeSet<ContactId>, after: &BTreeSet<ContactId>, updated: bool) -> Change {
    Change {
        added: after.difference(before).copied().collect(),
        removed: before.difference(after).copied().collect(),
        updated,
    }
}

fn replace(rows: &mut Rows, received: &Received<'_>) {
    rows.clear();
    for id in received.to.iter().copied().flatten().chain([received.sender, ContactId::SELF]) {
        rows.insert(id, MemberRecord::default());
    }
}

fn merge(rows: &mut Rows, received: &Received<'_>, timestamps: &[i64]) {
    if timestamps.len() != received.to.len() + received.past.len() {
        return;
    }
    let capped = |time: i64| time.min(received.now + FUTURE_TOLERANCE);
    let (added, removed) = timestamps.split_at(received.to.len());
    for (contact, time) in received.to.iter().zip(added) {
        let (Some(id), time) = (contact, capped(*time)) else { continue };
        if *id == received.sender {
            continue;
        }
        match rows.get_mut(id) {
            // What was done before anybody was told does not undo what members know.
            Some(record) if record.quiet => {
                *record = MemberRecord { added: record.added.max(time), ..Default::default() };
            }
            Some(record) if time > record.added && time >= record.removed => record.added = time,
            Some(_) => {}
            None => {
                rows.insert(*id, MemberRecord { added: time, ..Default::default() });
            }
        }
    }
    for (contact, time) in received.past.iter().zip(removed) {
        let (Some(id), time) = (contact, capped(*time)) else { continue };
        match rows.get_mut(id) {
            Some(record) if record.quiet => {
                *record = MemberRecord { added: record.added, removed: time, quiet: false };
            }
            Some(record) if time > record.removed && time > record.added => record.removed = time,
            Some(_) => {}
            // Never a member here: the row begins before the removal, else it would read as a membership.
            None => {
                rows.insert(*id, MemberRecord { removed: time, ..Default::default() });
            }
        }
    }
}

fn merge_without_times(rows: &mut Rows, received: &Received<'_>) {
    let self_was_member = rows.get(&ContactId::SELF).is_some_and(is_current);
    if received.added == Some(ContactId::SELF) && !self_was_member {
        for id in received.to.iter().copied().flatten().chain([received.sender]) {
            add_at(rows, id, received.sent);
        }
    }
    if let Some(id) = received.added {
        add_at(rows, id, received.sent);
    }
    if let Some(id) = received.removed
        && let Some(record) = rows.get_mut(&id).filter(|record| is_current(record))
    {
        *record =
            MemberRecord { added: record.added, removed: received.sent.max(record.added + 1), quiet: false };
    }
    if !received.chat_message {
        for id in received.to.iter().copied().flatten() {
            add_at(rows, id, received.sent);
        }
    }
}

fn add_at(rows: &mut Rows, contact: ContactId, time: i64) {
    let record = rows.entry(contact).or_insert(MemberRecord { added: time, ..Default::default() });
    if record.quiet {
        *record = MemberRecord { added: record.added.max(time), ..Default::default() };
    } else if !is_current(record) {
        record.added = record.removed.max(time);
    }
}

#[cfg(test)]
mod tests;
