//! Commands that work on folders as a whole.

use std::sync::Arc;

use imap_codec::imap_types::datetime::DateTime;
use imap_codec::imap_types::extensions::binary::LiteralOrLiteral8;
use imap_codec::imap_types::flag::Flag;
use imap_codec::imap_types::mailbox::{ListMailbox, Mailbox};
use imap_codec::imap_types::status::StatusDataItemName;

use super::session::{Session, folder_name};
use super::text::{Status, put_name};
use super::view::View;
use crate::net::Reply;
use crate::store::{Account, DiskOp, Flags, HIERARCHY, INBOX, now};

/// Wildcards in one LIST pattern; each may cost a pass over a folder name.
const MAX_WILDCARDS: usize = 8;

/// The flags a client may set.
const FLAGS: &str = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";

/// Which folders a listing shows, and under which name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listing {
    All,
    Subscribed,
}

pub(crate) fn no_such_folder() -> Status {
    Status::no("[NONEXISTENT] Mailbox does not exist")
}

pub(crate) fn select(
    session: &mut Session,
    account: &Account,
    mailbox: &Mailbox<'_>,
    read_only: bool,
    reply: &mut Reply,
) -> Status {
    session.view = None;
    let mut state = account.lock();
    let Some(name) = folder_name(mailbox) else { return no_such_folder() };
    let Some(folder) = state.folders.get_mut(name) else { return no_such_folder() };
    let first_unseen = folder.iter().position(|(_, message)| !message.flags.has(Flags::SEEN));
    let view = View::open(name, folder, read_only);
    reply.line(format_args!("* FLAGS ({FLAGS})"));
    if read_only {
        reply.line(format_args!("* OK [PERMANENTFLAGS ()] Read-only mailbox"));
    } else {
        reply.line(format_args!("* OK [PERMANENTFLAGS ({FLAGS} \\*)] Flags permitted"));
    }
    reply.line(format_args!("* {} EXISTS", view.uids().len()));
    reply.line(format_args!("* {} RECENT", view.recent()));
    if let Some(index) = first_unseen {
        reply.line(format_args!("* OK [UNSEEN {}] First unseen", index + 1));
    }
    reply.line(format_args!("* OK [UIDVALIDITY {}] UIDs valid", folder.validity()));
    reply.line(format_args!("* OK [UIDNEXT {}] Predicted next UID", folder.next_uid()));
    drop(state);
    session.view = Some(view);
    Status::ok(if read_only { "[READ-ONLY] Examine completed" } else { "[READ-WRITE] Select completed" })
}

pub(crate) fn create(session: &mut Session, account: &Account, mailbox: &Mailbox<'_>) -> Status {
    let Some(name) = folder_name(mailbox).map(|name| name.strip_suffix(HIERARCHY).unwrap_or(name)) else {
        return Status::no("[CANNOT] Not a usable mailbox name");
    };
    if let Err(status) = check_new_name(name) {
        return status;
    }
    let mut state = account.lock();
    if state.folders.contains_key(name) {
        return Status::no("[ALREADYEXISTS] Mailbox already exists");
    }
    if state.folders.len() >= session.shared.config.limits.folders_per_account {
        return Status::no("[LIMIT] Too many mailboxes");
    }
    let folder = state.create_folder(name, now());
    session.shared.store.record_folder(account.address(), name, folder);
    session.mark_dirty();
    Status::ok("Create completed")
}

/// A new folder's name has no empty level, and none of the characters that LIST patterns use.
fn check_new_name(name: &str) -> Result<(), Status> {
    if name.split(HIERARCHY).any(str::is_empty) || name.contains(['*', '%']) {
        return Err(Status::no("[CANNOT] Not a usable mailbox name"));
    }
    Ok(())
}

pub(crate) fn delete(session: &mut Session, account: &Account, mailbox: &Mailbox<'_>) -> Status {
    let name = folder_name(mailbox);
    if name == Some(INBOX) {
        return Status::no("[CANNOT] INBOX cannot be deleted");
    }
    let mut state = account.lock();
    let Some((name, _)) = name.and_then(|name| state.folders.remove_entry(name)) else {
        return no_such_folder();
    };
    if session.view.as_ref().is_some_and(|view| view.folder == name) {
        session.view = None;
    }
    let address = account.address().to_owned();
    session.shared.store.record(|| DiskOp::RemoveFolder { address, folder: name });
    drop(state);
    session.mark_dirty();
    account.ring();
    Status::ok("Delete completed")
}

pub(crate) fn rename(
    session: &mut Session,
    account: &Account,
    from: &Mailbox<'_>,
    to: &Mailbox<'_>,
) -> Status {
    let (Some(from), Some(to)) = (folder_name(from), folder_name(to)) else { return no_such_folder() };
    if from == INBOX {
        return Status::no("[CANNOT] INBOX cannot be renamed");
    }
    if let Err(status) = check_new_name(to) {
        return status;
    }
    let mut state = account.lock();
    if state.folders.contains_key(to) {
        return Status::no("[ALREADYEXISTS] Mailbox already exists");
    }
    if !state.folders.contains_key(from) {
        return no_such_folder();
    }
    let below = format!("{from}{HIERARCHY}");
    let moved: Vec<String> =
        state.folders.keys().filter(|name| *name == from || name.starts_with(&below)).cloned().collect();
    for old in moved {
        let Some(folder) = state.folders.remove(&old) else { continue };
        let new = format!("{to}{}", old.strip_prefix(from).unwrap_or_default());
        let address = account.address().to_owned();
        session.shared.store.record(|| DiskOp::RenameFolder { address, from: old.clone(), to: new.clone() });
        if let Some(view) = session.view.as_mut().filter(|view| view.folder == old) {
            view.folder.clone_from(&new);
        }
        state.folders.insert(new, folder);
    }
    drop(state);
    session.mark_dirty();
    account.ring();
    Status::ok("Rename completed")
}

pub(crate) fn subscribe(account: &Account, mailbox: &Mailbox<'_>, subscribed: bool) -> Status {
    let mut state = account.lock();
    match folder_name(mailbox).and_then(|name| state.folders.get_mut(name)) {
        Some(folder) => {
            folder.subscribed = subscribed;
            Status::ok("Subscription changed")
        }
        None => no_such_folder(),
    }
}

pub(crate) fn list(
    account: &Account,
    reference: &Mailbox<'_>,
    pattern: &ListMailbox<'_>,
    listing: Listing,
    reply: &mut Reply,
) -> Status {
    let word = if listing == Listing::All { "LIST" } else { "LSUB" };
    let pattern: &[u8] = match pattern {
        ListMailbox::Token(token) => token.as_ref(),
        ListMailbox::String(string) => string.as_ref(),
    };
    if pattern.is_empty() {
        // RFC 3501, section 6.3.8: an empty name asks for the hierarchy delimiter.
        reply.line(format_args!("* {word} (\\Noselect) \"{HIERARCHY}\" \"\""));
        return Status::ok("List completed");
    }
    let reference = match reference {
        Mailbox::Inbox => INBOX.as_bytes(),
        Mailbox::Other(other) => other.inner().as_ref(),
    };
    let full = [reference, pattern].concat();
    if full.iter().filter(|byte| matches!(byte, b'*' | b'%')).count() > MAX_WILDCARDS {
        return Status::no("[LIMIT] Too many wildcards");
    }
    let state = account.lock();
    for (name, folder) in &state.folders {
        let shown = listing == Listing::All || folder.subscribed;
        if shown && (matches(&full, name.as_bytes()) || name == INBOX && full.eq_ignore_ascii_case(b"inbox"))
        {
            reply.put(format_args!("* {word} () \"{HIERARCHY}\" "));
            put_name(reply, name.as_bytes());
            reply.bytes(b"\r\n");
        }
    }
    Status::ok("List completed")
}

/// Whether a name fits a pattern in which `*` stands for anything and `%` for anything inside one level. Keeps the set
/// of positions that the pattern can have reached, so it never looks at a byte of the name twice per pattern byte.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for symbol in pattern {
        let mut next = vec![false; name.len() + 1];
        match symbol {
            b'*' | b'%' => {
                let mut open = false;
                for (index, here) in reached.iter().enumerate() {
                    let crossed =
                        index > 0 && *symbol == b'%' && name.get(index - 1) == Some(&(HIERARCHY as u8));
                    open = *here || open && !crossed;
                    next[index] = open;
                }
            }
            byte => {
                for (index, own) in name.iter().enumerate() {
                    next[index + 1] = reached[index] && own == byte;
                }
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

pub(crate) fn status(
    account: &Account,
    mailbox: &Mailbox<'_>,
    items: &[StatusDataItemName],
    reply: &mut Reply,
) -> Status {
    let state = account.lock();
    let Some((name, folder)) = folder_name(mailbox).and_then(|name| state.folders.get_key_value(name)) else {
        return no_such_folder();
    };
    let mut values = Vec::new();
    for item in items {
        values.push(match item {
            StatusDataItemName::Messages => format!("MESSAGES {}", folder.len()),
            StatusDataItemName::Recent => format!("RECENT {}", folder.recent()),
            StatusDataItemName::UidNext => format!("UIDNEXT {}", folder.next_uid()),
            StatusDataItemName::UidValidity => format!("UIDVALIDITY {}", folder.validity()),
            StatusDataItemName::Unseen => format!("UNSEEN {}", folder.unseen()),
            _ => return Status::bad("Status item not supported"),
        });
    }
    reply.bytes(b"* STATUS ");
    put_name(reply, name.as_bytes());
    reply.line(format_args!(" ({})", values.join(" ")));
    Status::ok("Status completed")
}

pub(crate) fn append(
    session: &mut Session,
    account: &Account,
    mailbox: &Mailbox<'_>,
    flags: &[Flag<'_>],
    date: Option<&DateTime>,
    message: LiteralOrLiteral8<'static>,
) -> Status {
    let data: Arc<[u8]> = match message {
        LiteralOrLiteral8::Literal(literal) => literal.into_inner().into(),
        LiteralOrLiteral8::Literal8(literal) => literal.data.into(),
    };
    let mut state = account.lock();
    if !state.has_room(data.len()) {
        return Status::no("[OVERQUOTA] Quota exceeded");
    }
    let Some((name, folder)) =
        folder_name(mailbox).and_then(|name| Some((name, state.folders.get_mut(name)?)))
    else {
        return Status::no("[TRYCREATE] Mailbox does not exist");
    };
    if folder.len() >= session.shared.config.limits.messages_per_folder {
        return Status::no("[LIMIT] Mailbox is full");
    }
    let date = date.map_or_else(now, |date| date.as_ref().timestamp());
    let uid = folder.append(data, Flags::from_imap(flags), date);
    session.shared.store.record_append(account, name, folder, uid);
    let validity = folder.validity();
    drop(state);
    session.mark_dirty();
    account.ring();
    Status::ok(format!("[APPENDUID {validity} {uid}] Append completed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_know_levels() {
        for (pattern, name, expected) in [
            ("*", "INBOX", true),
            ("*", "a/b/c", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a/*", "a/b/c", true),
            ("%/%", "a/b", true),
            ("a*c", "a/b/c", true),
            ("a%c", "a/c", false),
            ("a", "ab", false),
            ("", "a", false),
            ("**%%**%%", "a/b", true),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn unusable_names_are_refused() {
        for name in ["", "/", "a//b", "/a", "a/", "a*", "%"] {
            assert!(check_new_name(name).is_err(), "{name:?}");
        }
        assert!(check_new_name("Archive/2026").is_ok());
    }
}
