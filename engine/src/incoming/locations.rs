//! Positions and places that come in with mails.

use super::contacts::People;
use super::open::Opened;
use super::route;
use crate::chat::locations::{changed, row};
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, MessageId};
use crate::state::{contacts, locations, members};

/// Stores the positions of a sender and the place that its message points at.
pub fn take(
    tx: &mut Tx<'_, '_>,
    opened: &Opened,
    who: &People,
    chat: ChatId,
    message: MessageId,
) -> Outcome<()> {
    let mut any = track(tx, opened, who, chat)?;
    if let Some(place) = &opened.place {
        locations::add(tx, &row(chat, who.sender, place, Some(message)))?;
        any = true;
    }
    if any {
        changed(tx, Some(who.sender))?;
    }
    Ok(())
}

/// Stores the positions that came with something that is not shown.
pub fn take_track(tx: &mut Tx<'_, '_>, opened: &Opened, who: &People) -> Outcome<()> {
    if opened.track.is_empty() {
        return Ok(());
    }
    let Some(chat) = route::likely_chat(tx.store, tx.profile, opened)? else { return Ok(()) };
    if track(tx, opened, who, chat)? {
        changed(tx, Some(who.sender))?;
    }
    Ok(())
}

/// Stores the steps that are new, if the sender is in the chat; whether there were any.
fn track(tx: &mut Tx<'_, '_>, opened: &Opened, who: &People, chat: ChatId) -> Outcome<bool> {
    let inside = who.sender == ContactId::SELF || members::is_member(tx.store, tx.profile, chat, who.sender)?;
    let blocked = contacts::load(tx.store, tx.profile, who.sender)?.is_some_and(|contact| contact.blocked);
    if chat.is_special() || blocked || !inside {
        return Ok(false);
    }
    let mut any = false;
    for step in &opened.track {
        if !locations::has_step(tx.store, tx.profile, who.sender, step.timestamp())? {
            locations::add(tx, &row(chat, who.sender, step, None))?;
            any = true;
        }
    }
    Ok(any)
}

#[cfg(test)]
mod tests;
