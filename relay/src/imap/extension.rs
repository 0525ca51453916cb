//! QUOTA (RFC 9208), METADATA (RFC 5464), ID (RFC 2971), NAMESPACE (RFC 2342) and ENABLE (RFC 5161).

use imap_codec::imap_types::core::NString8;
use imap_codec::imap_types::extensions::metadata::{Entry, EntryValue};
use imap_codec::imap_types::mailbox::Mailbox;

use super::mailbox::no_such_folder;
use super::session::folder_name;
use super::text::{Status, put_name, put_nstring};
use crate::net::Reply;
use crate::shared::Shared;
use crate::store::{Account, AccountState, HIERARCHY, INBOX, MAX_DEVICE_TOKEN, MAX_DEVICE_TOKENS};

/// The only quota root.
const QUOTA_ROOT: &str = "User quota";

/// Entry under which clients leave push tokens (XDELTAPUSH).
const DEVICE_TOKEN: &[u8] = b"/private/devicetoken";

pub(crate) fn id(reply: &mut Reply) -> Status {
    reply
        .line(format_args!("* ID (\"name\" \"volary-relay\" \"version\" \"{}\")", env!("CARGO_PKG_VERSION")));
    Status::ok("Id completed")
}

pub(crate) fn namespace(reply: &mut Reply) -> Status {
    reply.line(format_args!("* NAMESPACE ((\"\" \"{HIERARCHY}\")) NIL NIL"));
    Status::ok("Namespace completed")
}

/// Nothing that needs enabling is supported, which the answer says.
pub(crate) fn enable(reply: &mut Reply) -> Status {
    reply.line(format_args!("* ENABLED"));
    Status::ok("Enable completed")
}

pub(crate) fn get_quota(account: &Account, root: &[u8], reply: &mut Reply) -> Status {
    if root != QUOTA_ROOT.as_bytes() {
        return Status::no("[NONEXISTENT] No such quota root");
    }
    put_quota(&account.lock(), reply);
    Status::ok("Getquota completed")
}

pub(crate) fn get_quota_root(account: &Account, mailbox: &Mailbox<'_>, reply: &mut Reply) -> Status {
    let state = account.lock();
    let Some(name) = folder_name(mailbox).filter(|name| state.folders.contains_key(*name)) else {
        return no_such_folder();
    };
    reply.bytes(b"* QUOTAROOT ");
    put_name(reply, name.as_bytes());
    reply.line(format_args!(" \"{QUOTA_ROOT}\""));
    put_quota(&state, reply);
    Status::ok("Getquotaroot completed")
}

fn put_quota(state: &AccountState, reply: &mut Reply) {
    let used = state.used_bytes().div_ceil(1024);
    reply.line(format_args!("* QUOTA \"{QUOTA_ROOT}\" (STORAGE {used} {})", state.quota_kib));
}

pub(crate) fn get_metadata(
    shared: &Shared,
    account: &Account,
    mailbox: &Mailbox<'_>,
    entries: &[Entry<'_>],
    reply: &mut Reply,
) -> Status {
    if shared.faults.read().without_metadata {
        return Status::bad("METADATA is not supported");
    }
    let name = folder_name(mailbox).unwrap_or_default();
    let state = account.lock();
    if !name.is_empty() && !state.folders.contains_key(name) {
        return no_such_folder();
    }
    reply.bytes(b"* METADATA ");
    put_name(reply, name.as_bytes());
    for (index, entry) in entries.iter().enumerate() {
        reply.bytes(if index == 0 { b" (" } else { b" " });
        put_name(reply, entry.as_ref());
        reply.bytes(b" ");
        let value = entry_value(shared, &state, name, entry.as_ref());
        put_nstring(reply, value.as_deref().map(str::as_bytes));
    }
    reply.bytes(b")\r\n");
    Status::ok("Getmetadata completed")
}

fn entry_value(shared: &Shared, state: &AccountState, folder: &str, entry: &[u8]) -> Option<String> {
    if folder == INBOX && entry.eq_ignore_ascii_case(DEVICE_TOKEN) {
        let tokens: Vec<&str> = state.device_tokens.iter().map(String::as_str).collect();
        return (!tokens.is_empty()).then(|| tokens.join(" "));
    }
    if !folder.is_empty() {
        return None;
    }
    let entries = &shared.config.metadata;
    entries
        .iter()
        .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(entry))
        .map(|(_, value)| value.clone())
}

pub(crate) fn set_metadata(
    shared: &Shared,
    account: &Account,
    mailbox: &Mailbox<'_>,
    values: &[EntryValue<'_>],
) -> Status {
    if shared.faults.read().without_metadata {
        return Status::bad("METADATA is not supported");
    }
    let mut state = account.lock();
    for EntryValue { entry, value } in values {
        if folder_name(mailbox) != Some(INBOX) || !entry.as_ref().eq_ignore_ascii_case(DEVICE_TOKEN) {
            return Status::no("[NOPERM] Only a device token can be stored");
        }
        let token: Option<&[u8]> = match value {
            NString8::NString(text) => text.0.as_ref().map(AsRef::as_ref),
            NString8::Literal8(literal) => Some(literal.data.as_ref()),
        };
        match token.map(std::str::from_utf8) {
            None => state.device_tokens.clear(),
            Some(Ok(token)) if token.len() <= MAX_DEVICE_TOKEN && !token.contains(char::is_whitespace) => {
                if state.device_tokens.len() >= MAX_DEVICE_TOKENS && !state.device_tokens.contains(token) {
                    return Status::no("[METADATA TOOMANY] Too many device tokens");
                }
                state.device_tokens.insert(token.to_owned());
            }
            Some(_) => return Status::no("[CANNOT] Not a usable device token"),
        }
    }
    Status::ok("Setmetadata completed")
}
