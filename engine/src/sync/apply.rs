//! Carrying out what another device of the user has told. Every change may come twice.

use volary_mail::sync::{Action, Change, Item, SavedCopy, Setting, Tokens};
use volary_storage::records::TokenKind;

use super::{alter, chat_deletions, own_deletions, relays, stamps};
use crate::chat::saving::Content;
use crate::chat::{own_settings, requests, saving};
use crate::ground::db::{Tx, picture_name};
use crate::ground::error::{Failure, Outcome};
use crate::state::{config, messages, tokens};

/// Carries out changes in order; one that is refused keeps no other from its effect.
pub fn apply(tx: &mut Tx<'_, '_>, items: Vec<Item>, sent: i64) -> Outcome<()> {
    let any = !items.is_empty();
    for item in items {
        if !stamps::is_news(tx, &item)? {
            continue;
        }
        // A device that had heard of a later change is ahead of its clock.
        let time = if stamps::is_believed(&item, sent) { item.time } else { item.time.min(sent) };
        match one(tx, item.change, time) {
            Err(Failure::Refused(reason)) => {
                tracing::warn!(profile = %tx.profile, reason, "a change of another device is not made");
            }
            other => other?,
        }
    }
    if any && !config::flag(tx.store, tx.profile, config::key::BCC_SELF)? {
        // There is another device, which wants to hear of this one, too.
        config::set(tx, config::key::BCC_SELF, Some("1"))?;
    }
    Ok(())
}

fn one(tx: &mut Tx<'_, '_>, change: Change, time: i64) -> Outcome<()> {
    match change {
        Change::AddQrToken(invite) => {
            let scope = invite.grpid.unwrap_or_default();
            tokens::save(tx, TokenKind::Invite, &scope, &invite.invitenumber, time)?;
            Ok(tokens::save(tx, TokenKind::Auth, &scope, &invite.auth, time)?)
        }
        Change::DeleteQrToken(invite) => withdraw(tx, &invite, time),
        Change::AlterChat { id, members, .. } if !members.is_empty() => {
            alter::merge_members(tx, &id, &members)
        }
        Change::AlterChat { id, action: Action::Delete, known, .. } => chat_deletions::apply(tx, &id, known),
        Change::AlterChat { id, action, .. } => alter::alter(tx, &id, action, time),
        Change::Config { key, val } => set(tx, key, val),
        Change::SaveMessage { src, dest, copy } => save(tx, &src, &dest, copy),
        Change::DeleteMessages { msgs } => {
            let mut known = Vec::new();
            for mid in msgs {
                match messages::by_mid(tx.store, tx.profile, &mid)? {
                    Some((id, _)) => known.push(id),
                    // The user has seen and deleted it before it came to this device.
                    None => own_deletions::note(tx, &mid)?,
                }
            }
            if known.is_empty() { Ok(()) } else { requests::delete_messages(tx, &known) }
        }
        Change::Transports(told) => relays::apply(tx, told),
    }
}

/// A message was copied to the saved ones, unless the copy was deleted since.
fn save(tx: &mut Tx<'_, '_>, src: &str, dest: &str, copy: Option<Box<SavedCopy>>) -> Outcome<()> {
    if messages::known(tx.store, tx.profile, dest)?.is_some() {
        return Ok(());
    }
    if own_deletions::deleted(tx, dest)?.is_some() {
        return Ok(messages::entomb(tx, dest)?);
    }
    let told = match copy {
        Some(copy) => {
            let SavedCopy { key, addr, sent, text, quote, edited, forwarded, file_name } = *copy;
            let from = alter::member(tx, &key, &addr)?;
            Some(Content { from, sent, text, quote, edited, forwarded, file_name })
        }
        None => None,
    };
    saving::save_as_told(tx, src, dest, told)
}

/// Withdraws the invite to which one of these secrets belongs.
fn withdraw(tx: &mut Tx<'_, '_>, invite: &Tokens, time: i64) -> Outcome<()> {
    let all = tokens::all(tx.store, tx.profile)?;
    let of_invite = all.into_iter().map(|(_, token)| token).find(|token| match token.namespace {
        TokenKind::Invite => token.value == invite.invitenumber,
        TokenKind::Auth => token.value == invite.auth && token.created <= time,
    });
    match of_invite {
        Some(token) => Ok(tokens::withdraw(tx, &token.scope)?),
        None => Ok(()),
    }
}

/// Sets a setting. Of the own picture the bytes come along; they were stored when the mail was opened.
fn set(tx: &mut Tx<'_, '_>, key: Setting, val: String) -> Outcome<()> {
    let value = match key {
        Setting::Selfavatar => picture(&val)?.map(|bytes| picture_name(&bytes)),
        _ => Some(val),
    };
    own_settings::store(tx, key.key(), value)
}

/// The bytes of an own picture as it is shared; `None`: there is none any more.
pub fn picture(val: &str) -> Outcome<Option<Vec<u8>>> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    if val.is_empty() {
        return Ok(None);
    }
    let bytes = STANDARD.decode(val).map_err(|error| Failure::refused(format!("own picture: {error}")))?;
    Ok(Some(bytes))
}

/// The own picture among changes, to be stored before they are made.
pub fn picture_of(items: &[Item]) -> Option<Vec<u8>> {
    items.iter().rev().find_map(|item| match &item.change {
        Change::Config { key: Setting::Selfavatar, val } => picture(val).ok().flatten(),
        _ => None,
    })
}
