//! Whose turn a received mail is: the chat that it most likely belongs to, seen from a snapshot.
//!
//! The actor of that chat submits the transaction, so that it comes in the order of everything else that changes the
//! chat. The transaction assigns the mail again ([`super::assign`]), and only that counts: a guess that is wrong, or out
//! of date when the transaction runs, costs the order and nothing else. Handshakes, mail that makes its chat, and
//! classic groups without an id that are found by their members have no chat here.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::{MessageKind, SplitRole};
use volary_storage::{StoreError, View};

use super::assign;
use super::open::{Content, Matched, Opened};
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::state::{chats, contacts, keys, messages, transports};

/// The chat that a mail most likely belongs to; `None`: it makes one, changes none, or none can be named.
pub fn likely_chat(view: &impl View, profile: ProfileId, opened: &Opened) -> Outcome<Option<ChatId>> {
    let Content::Parsed(parsed) = &opened.content else { return Ok(None) };
    if let Some(Matched::Channel(chat)) = opened.matched {
        return Ok(Some(chat));
    }
    for candidate in &parsed.bounce_candidates {
        if let Some(chat) = of_message(view, profile, candidate.as_str())? {
            return Ok(Some(chat));
        }
    }
    let named = match parsed.kind() {
        MessageKind::Visible | MessageKind::LocationOnly => return of_visible(view, profile, opened, parsed),
        MessageKind::Receipt => parsed.receipt.as_ref().and_then(|receipt| receipt.message_ids.first()),
        MessageKind::Bounce => parsed.bounce.as_ref().map(|bounce| &bounce.message_id),
        MessageKind::Edit => parsed.edit.as_ref(),
        MessageKind::Delete => parsed.delete.first(),
        MessageKind::Reaction
        | MessageKind::StatusUpdate
        | MessageKind::CallAccepted
        | MessageKind::CallEnded => parsed.in_reply_to.as_ref(),
        _ => None,
    };
    match named {
        Some(id) => Ok(of_message(view, profile, id.as_str())?),
        None => Ok(None),
    }
}

fn of_message(view: &impl View, profile: ProfileId, mid: &str) -> Result<Option<ChatId>, StoreError> {
    Ok(messages::by_mid(view, profile, mid)?.map(|(_, record)| record.chat))
}

fn of_visible(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
) -> Outcome<Option<ChatId>> {
    // The second half of a message belongs to where the first one is.
    if parsed.split == SplitRole::Post
        && let Some(chat) = of_message(view, profile, &opened.mid)?
    {
        return Ok(Some(chat));
    }
    let group = parsed.group.id.as_ref().filter(|_| parsed.has_padlock()).map(|id| id.as_str());
    if let Some(id) = parsed.list.as_ref().map(|list| list.id.as_str()).or(group) {
        return Ok(chats::by_group_id(view, profile, id)?.map(|(chat, _)| chat));
    }
    let Some((sender, outgoing)) = sender(view, profile, opened, parsed)? else { return Ok(None) };
    if let Some((chat, _)) = assign::parent_chat(view, profile, opened, parsed, outgoing)? {
        return Ok(Some(chat));
    }
    if !assign::is_single(view, profile, opened, parsed, outgoing)? {
        return Ok(None);
    }
    let contact = if outgoing { recipient(view, profile, opened, parsed)? } else { sender };
    match contact {
        Some(contact) => Ok(chats::single_of(view, profile, contact)?),
        None => Ok(None),
    }
}

/// The author, if known here, and whether that is ourselves.
fn sender(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
) -> Outcome<Option<(Option<ContactId>, bool)>> {
    let Ok(from) = parsed.from.checked() else { return Ok(None) };
    let Some(signer) = opened.signer.map(|signer| signer.to_string()) else {
        let contact = contacts::by_addr(view, profile, from.as_str())?;
        return Ok(Some((contact, contact == Some(ContactId::SELF))));
    };
    if keys::own_fingerprint(view, profile)?.as_ref() == Some(&signer) {
        return Ok(Some((Some(ContactId::SELF), true)));
    }
    Ok(Some((contacts::by_fingerprint(view, profile, &signer)?, false)))
}

/// To whom a copy of an own message went.
fn recipient(
    view: &impl View,
    profile: ProfileId,
    opened: &Opened,
    parsed: &ParsedMessage,
) -> Outcome<Option<ContactId>> {
    let given = parsed.group.member_fingerprints.iter().flatten();
    let given = given.filter_map(|text| keys::parse_fingerprint(text));
    for fingerprint in given.chain(opened.intended.iter().copied()) {
        if Some(fingerprint) != opened.signer
            && let Some(contact) = contacts::by_fingerprint(view, profile, &fingerprint.to_string())?
        {
            return Ok(Some(contact));
        }
    }
    if !parsed.has_padlock() {
        for mailbox in parsed.to.iter().chain(&parsed.cc) {
            if !transports::is_own_addr(view, profile, &mailbox.address)? {
                return Ok(contacts::by_addr(view, profile, &mailbox.address)?);
            }
        }
    }
    Ok(Some(ContactId::SELF))
}

#[cfg(test)]
mod tests;
