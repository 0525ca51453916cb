//! Edits and reactions that come before the message which they are about.

use volary_proto::v1::event;
use volary_storage::View as _;
use volary_storage::records::{MessageRecord, ReactionRecord};
use volary_storage::tables::{PENDING_EDITS, PENDING_REACTIONS};

use super::features;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ContactId, MessageId};
use crate::state::messages;

/// A message is here: what came before it is applied.
pub fn came(tx: &mut Tx<'_, '_>, message: MessageId, record: &MessageRecord) -> Outcome<()> {
    edit(tx, message, record)?;
    reactions(tx, message, record)
}

fn edit(tx: &mut Tx<'_, '_>, message: MessageId, record: &MessageRecord) -> Outcome<()> {
    let key = (tx.profile, record.mid.clone(), record.from);
    let Some(edit) = tx.store.get(&PENDING_EDITS, &key)? else { return Ok(()) };
    tx.store.remove(&PENDING_EDITS, &key)?;
    if edit.encrypted || !record.encrypted {
        messages::update(tx, message, |record| {
            record.text = edit.text;
            record.edited = true;
            record.edit_sent = edit.sent;
        })?;
    }
    Ok(())
}

/// Stores a reaction and tells of it.
pub fn react(
    tx: &mut Tx<'_, '_>,
    message: MessageId,
    target: &MessageRecord,
    contact: ContactId,
    reaction: &ReactionRecord,
) -> Outcome<()> {
    let emoji = reaction.emoji.as_str();
    let changed = features::set_reaction(tx, message, contact, emoji, reaction.sent)?;
    let to_us = target.from == ContactId::SELF && contact != ContactId::SELF;
    if changed && to_us && !emoji.is_empty() {
        tx.tell(event::Kind::IncomingReaction(event::IncomingReaction {
            chat_id: target.chat.get(),
            msg_id: message.get(),
            contact_id: contact.get(),
            reaction: emoji.to_owned(),
        }));
    }
    Ok(())
}

fn reactions(tx: &mut Tx<'_, '_>, message: MessageId, record: &MessageRecord) -> Outcome<()> {
    let prefix = (tx.profile, record.mid.clone());
    let waiting: Vec<(ContactId, ReactionRecord)> = tx
        .store
        .scan_prefix(&PENDING_REACTIONS, &prefix)?
        .map(|row| row.map(|((_, _, contact), reaction)| (contact, reaction)))
        .collect::<Result<_, _>>()?;
    for (contact, reaction) in waiting {
        react(tx, message, record, contact, &reaction)?;
    }
    tx.store.remove_prefix(&PENDING_REACTIONS, &prefix)?;
    Ok(())
}
