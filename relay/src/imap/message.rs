//! Commands that work on the messages of the selected folder.

use imap_codec::imap_types::fetch::MacroOrMessageDataItemNames;
use imap_codec::imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::search::SearchKey;
use imap_codec::imap_types::sequence::SequenceSet;

use super::fetch::Fetch;
use super::search::{Candidate, Largest, Test};
use super::session::{Next, Session, folder_name};
use super::sets::{Ranges, UidList};
use super::text::Status;
use super::view::View;
use crate::net::Reply;
use crate::store::{Account, AccountState, DiskOp, Flags, Mailstore};

/// A STORE command without its messages.
pub(crate) struct FlagChange {
    pub(crate) kind: StoreType,
    pub(crate) response: StoreResponse,
    pub(crate) flags: Vec<Flag<'static>>,
}

/// Answers that a set names no message by its number (RFC 3501 wants BAD there).
fn bad_numbers() -> Status {
    Status::bad("No such message number")
}

fn read_only() -> Status {
    Status::no("[READ-ONLY] The mailbox was opened read-only")
}

/// Positions in the view of the messages a set names. Unknown UIDs are passed over, unknown numbers are an error.
fn positions(view: &View, set: &SequenceSet, by_uid: bool) -> Option<Vec<usize>> {
    let uids = view.uids();
    if by_uid {
        let ranges = Ranges::resolve(set, uids.last().copied().unwrap_or(0));
        return Some(ranges.positions(uids).collect());
    }
    let count = u32::try_from(uids.len()).unwrap_or(u32::MAX);
    let ranges = Ranges::resolve(set, count);
    if ranges.span().is_some_and(|(first, last)| first == 0 || last > count) {
        return None;
    }
    Some(ranges.indexes().collect())
}

fn sequence(position: usize) -> u32 {
    u32::try_from(position + 1).unwrap_or(u32::MAX)
}

pub(crate) fn fetch(
    session: &mut Session,
    account: &Account,
    set: &SequenceSet,
    items: MacroOrMessageDataItemNames<'static>,
    by_uid: bool,
) -> Next {
    let Some(view) = &session.view else { return bad_numbers().into() };
    let Some(positions) = positions(view, set, by_uid) else { return bad_numbers().into() };
    let targets = positions.into_iter().filter_map(|position| {
        let uid = *view.uids().get(position)?;
        Some((sequence(position), uid, view.is_recent(uid)))
    });
    let targets: Vec<(u32, u32, bool)> = targets.collect();
    let uids: Vec<u32> = targets.iter().map(|(_, uid, _)| *uid).collect();
    let mut fetch = Fetch::new(&view.folder, items, by_uid, targets);
    if fetch.unsupported() {
        return Status::bad("BINARY is not supported").into();
    }
    if fetch.marks_seen() && !view.read_only && mark_seen(session, account, &uids) {
        fetch.tell_flags();
    }
    Next::Fetch(fetch)
}

/// Sets `\Seen`; true if that changed anything.
fn mark_seen(session: &mut Session, account: &Account, uids: &[u32]) -> bool {
    let Some(view) = &mut session.view else { return false };
    let mut state = account.lock();
    let mut changed = false;
    let current = state.folders.get(&view.folder).is_some_and(|folder| view.is_current(folder));
    for uid in uids {
        changed |= edit_flags(&session.shared.store, account, &view.folder, &mut state, *uid, |flags| {
            flags.set(Flags::SEEN);
        });
    }
    if let Some(folder) = state.folders.get(&view.folder).filter(|_| changed && current) {
        view.skip_changes(folder);
    }
    drop(state);
    if changed {
        session.mark_dirty();
        account.ring();
    }
    changed
}

/// Changes the flags of one message, in memory and on disk.
fn edit_flags(
    store: &Mailstore,
    account: &Account,
    name: &str,
    state: &mut AccountState,
    uid: u32,
    edit: impl FnOnce(&mut Flags),
) -> bool {
    let Some(folder) = state.folders.get_mut(name) else { return false };
    let Some(before) = folder.change_flags(uid, edit) else { return false };
    let Some(message) = folder.get(uid) else { return false };
    let (before, after) = (before.letters(), message.flags.letters());
    if before != after {
        store.record(|| DiskOp::Flags {
            address: account.address().to_owned(),
            folder: name.to_owned(),
            uid,
            date: message.date,
            before,
            after,
        });
    }
    true
}

pub(crate) fn store(
    session: &mut Session,
    account: &Account,
    set: &SequenceSet,
    change: &FlagChange,
    by_uid: bool,
    reply: &mut Reply,
) -> Status {
    let Some(view) = &mut session.view else { return bad_numbers() };
    if view.read_only {
        return read_only();
    }
    let Some(positions) = positions(view, set, by_uid) else { return bad_numbers() };
    let flags = Flags::from_imap(&change.flags);
    let mut state = account.lock();
    let mut changed = false;
    // What others changed before is still news; what this command changes is not.
    let current = state.folders.get(&view.folder).is_some_and(|folder| view.is_current(folder));
    for position in positions {
        let Some(uid) = view.uids().get(position).copied() else { continue };
        changed |= edit_flags(&session.shared.store, account, &view.folder, &mut state, uid, |own| {
            own.apply(&change.kind, &flags);
        });
        let Some(message) = state.folders.get(&view.folder).and_then(|folder| folder.get(uid)) else {
            continue;
        };
        if change.response == StoreResponse::Answer {
            let recent = view.recent_mark(uid, message.flags.is_empty());
            let sequence = position + 1;
            reply.line(format_args!("* {sequence} FETCH (UID {uid} FLAGS ({}{recent}))", message.flags));
        }
    }
    if let Some(folder) = state.folders.get(&view.folder).filter(|_| changed && current) {
        view.skip_changes(folder);
    }
    drop(state);
    if changed {
        session.mark_dirty();
        account.ring();
    }
    Status::ok("Store completed")
}

/// Removes one message, in memory and on disk.
pub(crate) fn remove_message(
    store: &Mailstore,
    address: &str,
    name: &str,
    state: &mut AccountState,
    uid: u32,
) -> bool {
    let Some(message) = state.folders.get_mut(name).and_then(|folder| folder.remove(uid)) else {
        return false;
    };
    store.record(|| DiskOp::Remove {
        address: address.to_owned(),
        folder: name.to_owned(),
        uid,
        date: message.date,
        letters: message.flags.letters(),
    });
    true
}

/// Removes what is marked as deleted, or only those of it that `set` names.
pub(crate) fn expunge(session: &mut Session, account: &Account, set: Option<&SequenceSet>) -> Status {
    let Some(view) = &session.view else { return bad_numbers() };
    if view.read_only {
        return read_only();
    }
    let chosen = set.map(|set| Ranges::resolve(set, view.uids().last().copied().unwrap_or(0)));
    let mut state = account.lock();
    let deleted: Vec<u32> = match state.folders.get(&view.folder) {
        Some(folder) => folder
            .iter()
            .filter(|(_, message)| message.flags.has(Flags::DELETED))
            .map(|(uid, _)| uid)
            .filter(|uid| chosen.as_ref().is_none_or(|chosen| chosen.contains(*uid)))
            .collect(),
        None => Vec::new(),
    };
    for uid in &deleted {
        remove_message(&session.shared.store, account.address(), &view.folder, &mut state, *uid);
    }
    drop(state);
    if !deleted.is_empty() {
        session.mark_dirty();
        account.ring();
    }
    Status::ok("Expunge completed")
}

/// Leaves the folder, removing what is marked as deleted without saying so.
pub(crate) fn close(session: &mut Session, account: &Account) -> Status {
    if session.view.as_ref().is_some_and(|view| !view.read_only) {
        expunge(session, account, None);
    }
    session.view = None;
    Status::ok("Close completed")
}

/// UIDs that were copied, and what they became: in the order of both lists.
struct Copied {
    validity: u32,
    from: Vec<u32>,
    to: Vec<u32>,
}

impl Copied {
    /// The UIDPLUS response code (RFC 4315); nothing if no message was copied.
    fn code(&self) -> String {
        if self.from.is_empty() {
            return String::new();
        }
        format!("[COPYUID {} {} {}] ", self.validity, UidList(&self.from), UidList(&self.to))
    }
}

pub(crate) fn copy(
    session: &mut Session,
    account: &Account,
    set: &SequenceSet,
    target: &Mailbox<'_>,
    by_uid: bool,
) -> Status {
    match copy_messages(session, account, set, target, by_uid) {
        Ok(copied) => Status::ok(format!("{}Copy completed", copied.code())),
        Err(status) => status,
    }
}

/// RFC 6851: the new UIDs are announced before the messages vanish from here.
pub(crate) fn move_to(
    session: &mut Session,
    account: &Account,
    set: &SequenceSet,
    target: &Mailbox<'_>,
    by_uid: bool,
    reply: &mut Reply,
) -> Status {
    if session.view.as_ref().is_some_and(|view| view.read_only) {
        return read_only();
    }
    let copied = match copy_messages(session, account, set, target, by_uid) {
        Ok(copied) => copied,
        Err(status) => return status,
    };
    let Some(view) = &session.view else { return bad_numbers() };
    let mut state = account.lock();
    for uid in &copied.from {
        remove_message(&session.shared.store, account.address(), &view.folder, &mut state, *uid);
    }
    drop(state);
    account.ring();
    if !copied.from.is_empty() {
        reply.line(format_args!("* OK {}Moved", copied.code()));
    }
    Status::ok("Move completed")
}

/// Copies all messages of a set, or none.
fn copy_messages(
    session: &mut Session,
    account: &Account,
    set: &SequenceSet,
    target: &Mailbox<'_>,
    by_uid: bool,
) -> Result<Copied, Status> {
    let Some(view) = &session.view else { return Err(bad_numbers()) };
    let positions = positions(view, set, by_uid).ok_or_else(bad_numbers)?;
    let mut state = account.lock();
    let source = state.folders.get(&view.folder);
    let messages: Vec<_> = positions
        .into_iter()
        .filter_map(|position| {
            let uid = *view.uids().get(position)?;
            Some((uid, source?.get(uid)?.clone()))
        })
        .collect();
    let bytes = messages.iter().map(|(_, message)| message.data.len()).sum();
    if !state.has_room(bytes) {
        return Err(Status::no("[OVERQUOTA] Quota exceeded"));
    }
    let missing = || Status::no("[TRYCREATE] Mailbox does not exist");
    let name = folder_name(target).ok_or_else(missing)?;
    let folder = state.folders.get_mut(name).ok_or_else(missing)?;
    if folder.len() + messages.len() > session.shared.config.limits.messages_per_folder {
        return Err(Status::no("[LIMIT] Mailbox is full"));
    }
    let mut copied = Copied { validity: folder.validity(), from: Vec::new(), to: Vec::new() };
    for (uid, message) in messages {
        let new = folder.append(message.data, message.flags, message.date);
        session.shared.store.record_append(account, name, folder, new);
        copied.from.push(uid);
        copied.to.push(new);
    }
    drop(state);
    session.mark_dirty();
    account.ring();
    Ok(copied)
}

pub(crate) fn search(
    session: &mut Session,
    account: &Account,
    criteria: &[SearchKey<'_>],
    by_uid: bool,
    reply: &mut Reply,
) -> Status {
    let Some(view) = &session.view else { return bad_numbers() };
    let largest = Largest {
        sequence: u32::try_from(view.uids().len()).unwrap_or(u32::MAX),
        uid: view.uids().last().copied().unwrap_or(0),
    };
    let Some(test) = Test::prepare(criteria, largest) else {
        return Status::no("[LIMIT] Search is too costly, or a key is not supported");
    };
    let state = account.lock();
    reply.bytes(b"* SEARCH");
    if let Some(folder) = state.folders.get(&view.folder) {
        for (position, uid) in view.uids().iter().enumerate() {
            let Some(message) = folder.get(*uid) else { continue };
            let sequence = sequence(position);
            let candidate = Candidate::new(sequence, *uid, view.is_recent(*uid), message);
            if test.finds(&candidate) {
                reply.put(format_args!(" {}", if by_uid { *uid } else { sequence }));
            }
        }
    }
    reply.bytes(b"\r\n");
    Status::ok("Search completed")
}
