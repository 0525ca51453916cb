//! Classic mailing lists: a chat for each list id, that can be written to while its post address is certain.

use volary_mail::message::ParsedMessage;
use volary_mail::message::read::ListFacts;
use volary_mail::message::read::list::list_chat_name;
use volary_storage::records::{Block, ChatRecord, ChatType};

use super::assign::{Assigned, assigned};
use super::contacts::People;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ContactId};
use crate::ground::names;
use crate::state::{chats, config, contacts};

/// Finds or makes the chat of a list mail; `None`: the message is trash.
pub(super) fn assign(
    tx: &mut Tx<'_, '_>,
    parsed: &ParsedMessage,
    who: &People,
    list: &ListFacts,
) -> Outcome<Option<Assigned>> {
    let name = names::clean_line(&list_chat_name(parsed).unwrap_or_else(|| list.id.clone()));
    let post = parsed.list_post.as_deref();
    if let Some((chat, record)) = chats::by_group_id(tx.store, tx.profile, &list.id)? {
        // Anybody can write a header with the id of a group or channel.
        if record.chat_type != ChatType::MailingList {
            return Ok(None);
        }
        let changed = chats::update(tx, chat, |record| {
            note_post_address(record, post);
            // A name that the user gave stays.
            if record.name_changed == 0 && !name.is_empty() {
                record.name = name;
            }
        })?;
        if changed {
            tx.chat_modified(chat);
            tx.chatlist_item_changed(Some(chat));
        }
        return assigned(tx, chat, false);
    }
    if who.outgoing {
        return Ok(None);
    }
    let bot = config::flag(tx.store, tx.profile, config::key::BOT)?;
    let mut record = ChatRecord {
        chat_type: ChatType::MailingList,
        group_id: list.id.clone(),
        name,
        blocked: if bot { Block::Not } else { Block::Request },
        ..Default::default()
    };
    note_post_address(&mut record, post);
    let chat = chats::create(tx, record)?;
    assigned(tx, chat, true)
}

/// The first address counts; a list that names another one later cannot be written to any more, since answers could go
/// to whom they are not meant for.
fn note_post_address(record: &mut ChatRecord, seen: Option<&str>) {
    let Some(seen) = seen.filter(|seen| !seen.is_empty() && !record.list_post_disputed) else { return };
    if record.list_post.is_empty() {
        seen.clone_into(&mut record.list_post);
    } else if !record.list_post.eq_ignore_ascii_case(seen) {
        record.list_post.clear();
        record.list_post_disputed = true;
    }
}

/// The list whose post address a contact is.
pub(super) fn of_recipient(tx: &Tx<'_, '_>, contact: ContactId) -> Outcome<Option<ChatId>> {
    let Some(recipient) = contacts::load(tx.store, tx.profile, contact)? else { return Ok(None) };
    if !recipient.fingerprint.is_empty() {
        return Ok(None);
    }
    let is_its = |record: &ChatRecord| record.list_post.eq_ignore_ascii_case(&recipient.addr);
    let all = chats::all(tx.store, tx.profile)?;
    Ok(all.into_iter().find(|(_, record)| is_its(record)).map(|(chat, _)| chat))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_can_be_written_to_while_it_names_one_post_address() {
        let mut list = ChatRecord::default();
        for (seen, expected) in [
            (None, ""),
            (Some("foo@lists.test"), "foo@lists.test"),
            (None, "foo@lists.test"),
            (Some("Foo@lists.test"), "foo@lists.test"),
            (Some("bar@lists.test"), ""),
            (Some("bar@lists.test"), ""),
            (Some("foo@lists.test"), ""),
        ] {
            note_post_address(&mut list, seen);
            assert_eq!(list.list_post, expected, "{seen:?}");
        }
    }
}
