//! A group is announced by its first message. As long as no mail of it has left, that can be taken back.

use volary_storage::records::{ChatRecord, ChatType};
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, ProfileId};
use crate::state::{chats, members, outbox};

/// A message announces a group that nobody else knows of.
pub fn promote(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    let now = tx.now;
    chats::update(tx, chat, |record| {
        if record.unpromoted {
            record.unpromoted = false;
            record.unheard = true;
            // Of several changes in one second the last ones are ahead of the clock.
            let (name, description) = (record.name_changed, record.description_changed);
            (record.name_before, record.name_changed) = (name, name.max(now));
            (record.description_before, record.description_changed) = (description, description.max(now));
        }
    })?;
    Ok(())
}

/// Whether a chat is announced by mails of which none has left.
pub fn is_unheard(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<bool, StoreError> {
    Ok(chats::load(view, profile, chat)?.is_some_and(|record| record.unheard))
}

/// Whether a mail of the chat would be the first to tell of it, or of a member.
pub fn is_news(view: &impl View, profile: ProfileId, chat: ChatId) -> Result<bool, StoreError> {
    let Some(record) = chats::load(view, profile, chat)? else { return Ok(false) };
    if record.chat_type != ChatType::Group {
        return Ok(record.unheard);
    }
    let rows = members::rows(view, profile, chat)?;
    Ok(record.unheard || rows.iter().any(|(_, row)| row.quiet && members::is_current(row)))
}

/// A mail of the chat leaves: others know of it, under the name and with the description that it has.
pub fn leaves(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<bool, StoreError> {
    chats::update(tx, chat, |record| (record.unpromoted, record.unheard) = (false, false))
}

/// A mail of the chat has come from another device, which has announced it. Tells whether that is new. What this one was to
/// announce is as old as it was before.
pub fn heard(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<bool, StoreError> {
    chats::update(tx, chat, |record| {
        if record.unheard {
            restore_times(record);
        }
        (record.unpromoted, record.unheard) = (false, false);
    })
}

fn restore_times(record: &mut ChatRecord) {
    record.name_changed = record.name_before;
    record.description_changed = record.description_before;
}

/// Messages were deleted while they waited to be sent. If no other one waits, nobody else will hear of a group that was to
/// be announced.
pub fn taken_back(tx: &mut Tx<'_, '_>, chat: ChatId) -> Result<(), StoreError> {
    if !is_unheard(tx.store, tx.profile, chat)? || outbox::has_mail_of(tx.store, tx.profile, chat)? {
        return Ok(());
    }
    chats::update(tx, chat, |record| {
        (record.unpromoted, record.unheard) = (true, false);
        restore_times(record);
    })?;
    tx.chat_modified(chat);
    Ok(())
}

#[cfg(test)]
mod tests {
    use volary_storage::records::OutboxRecord;

    use super::*;
    use crate::chat::compose::{self, NewMessage};
    use crate::chat::{groups, requests};
    use crate::ground::ids::MessageId;
    use crate::outgoing::complete::{Traces, begins, postponed, sent};
    use crate::state::{members, messages};
    use crate::testing::{Desk, PROFILE};

    async fn with_group() -> (Desk, ChatId) {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let group = desk.change(|tx| groups::create(tx, "Round")).await;
        desk.change(move |tx| Ok(members::add(tx, group, bob, 1)?)).await;
        (desk, group)
    }

    async fn says(desk: &Desk, chat: ChatId, text: &str) -> MessageId {
        let new = NewMessage { text: text.to_owned(), ..Default::default() };
        desk.change(move |tx| compose::send(tx, chat, new, None)).await
    }

    fn is_announced(desk: &Desk, chat: ChatId) -> bool {
        !desk.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap().unpromoted
    }

    fn queued(desk: &Desk, message: MessageId) -> (u64, OutboxRecord) {
        let entries = desk.db.look(|view| outbox::entries(view, PROFILE, 10)).unwrap();
        entries.into_iter().find(|(_, job)| job.message == message).unwrap()
    }

    async fn deletes(desk: &Desk, message: MessageId) {
        desk.change(move |tx| requests::delete_messages(tx, &[message])).await;
    }

    #[tokio::test]
    async fn a_group_is_not_announced_by_messages_that_were_deleted_before_they_left() {
        let (desk, group) = with_group().await;
        assert!(!is_announced(&desk, group));
        let first = says(&desk, group, "first").await;
        let second = says(&desk, group, "second").await;
        assert!(is_announced(&desk, group));
        deletes(&desk, first).await;
        assert!(is_announced(&desk, group), "the second one tells of it");
        deletes(&desk, second).await;
        assert!(!is_announced(&desk, group));
    }

    #[tokio::test]
    async fn a_change_whose_line_is_deleted_before_it_left_is_told_all_the_same() {
        let (desk, group) = with_group().await;
        let said = says(&desk, group, "first").await;
        desk.change(move |tx| groups::set_timer(tx, group, 60)).await;
        let line = desk.newest(group);
        assert_ne!(line, said);
        deletes(&desk, line).await;
        let shown = |desk: &Desk| desk.db.look(|view| messages::visible_ids(view, PROFILE, group)).unwrap();
        assert!(!shown(&desk).contains(&line));
        let (sequence, job) = queued(&desk, line);
        desk.change(move |tx| Ok(sent(tx, sequence, &job, Default::default(), &Traces::default())?)).await;
        assert!(!desk.has(line), "it goes when it has left");
    }

    #[tokio::test]
    async fn a_group_that_somebody_has_heard_of_stays_announced() {
        let (desk, group) = with_group().await;
        let first = says(&desk, group, "first").await;
        let (sequence, job) = queued(&desk, first);
        desk.change(move |tx| Ok(sent(tx, sequence, &job, Default::default(), &Traces::default())?)).await;
        deletes(&desk, first).await;
        let second = says(&desk, group, "second").await;
        deletes(&desk, second).await;
        assert!(is_announced(&desk, group));
    }

    #[tokio::test]
    async fn a_group_is_announced_by_a_message_that_a_relay_may_have_taken() {
        let (desk, group) = with_group().await;
        let first = says(&desk, group, "first").await;
        let (sequence, job) = queued(&desk, first);
        assert!(desk.change(move |tx| begins(tx, sequence)).await);
        let lost = "the connection was lost";
        desk.change(move |tx| Ok(postponed(tx, sequence, &job, true, tx.now + 60, lost)?)).await;
        deletes(&desk, first).await;
        assert!(is_announced(&desk, group));
    }

    #[tokio::test]
    async fn what_was_deleted_before_it_left_announces_nothing_and_does_not_leave() {
        let (desk, group) = with_group().await;
        let first = says(&desk, group, "first").await;
        let (sequence, _) = queued(&desk, first);
        deletes(&desk, first).await;
        assert!(!desk.change(move |tx| begins(tx, sequence)).await);
        assert!(!is_announced(&desk, group));
    }

    #[tokio::test]
    async fn a_group_is_announced_by_a_message_that_some_have_got() {
        let (desk, group) = with_group().await;
        let first = says(&desk, group, "first").await;
        let (sequence, _) = queued(&desk, first);
        let got = |job: &mut OutboxRecord| job.done.push("bob@two.test".to_owned());
        desk.change(move |tx| Ok(outbox::update(tx, sequence, got)?)).await;
        deletes(&desk, first).await;
        assert!(is_announced(&desk, group));
    }
}
