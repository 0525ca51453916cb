use volary_proto::v1::event;
use volary_storage::records::MessageState;
use volary_storage::{Raw, Table};

use super::*;
use crate::ground::ids::TransportId;
use crate::outgoing::complete::{self, MAX_FAULTS, MAX_TRIES};
use crate::testing::{Desk, PROFILE};

/// Queues a mail of a chat; only for one contact if it is named.
async fn queues(desk: &Desk, chat: ChatId, contact: Option<ContactId>) -> u64 {
    let message = desk.says(chat, "hello").await;
    let kind = if contact.is_some() { JobKind::Directed } else { JobKind::Message };
    let job = OutboxRecord { kind, message, contacts: contact.into_iter().collect(), ..Default::default() };
    desk.change(move |tx| Ok(push(tx, &job)?)).await
}

/// A relay does not take a mail now: `refused`, or it cannot even be asked.
async fn waits(desk: &Desk, sequence: u64, refused: bool) {
    let retry_at = desk.now() + 30;
    desk.change(move |tx| {
        let rows = entries(tx.store, tx.profile, usize::MAX)?;
        let (_, job) = rows.into_iter().find(|(found, _)| *found == sequence).unwrap();
        Ok(complete::postponed(tx, sequence, &job, refused, retry_at, "busy")?)
    })
    .await;
}

fn due_now(desk: &Desk) -> Vec<u64> {
    let rows = desk.db.look(|view| due(view, PROFILE, desk.now(), &[], 100)).unwrap();
    rows.into_iter().map(|(sequence, _)| sequence).collect()
}

async fn two_chats(desk: &Desk) -> [(ChatId, ContactId); 2] {
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let (bert, _) = desk.knows(&["bert@x.test"]).await;
    [(desk.chat_with(anna).await, anna), (desk.chat_with(bert).await, bert)]
}

#[tokio::test]
async fn nothing_overtakes_a_mail_of_its_chat_and_other_chats_go_on() {
    let desk = Desk::new().await;
    let [(annas, anna), (berts, _)] = two_chats(&desk).await;
    let first = queues(&desk, annas, None).await;
    let handshake = queues(&desk, annas, Some(anna)).await;
    let second = queues(&desk, annas, None).await;
    let other = queues(&desk, berts, None).await;
    assert_eq!(due_now(&desk), [first, handshake, second, other]);
    waits(&desk, first, true).await;
    assert_eq!(due_now(&desk), [handshake, other]);
    desk.waits(30);
    assert_eq!(due_now(&desk), [first, handshake, second, other]);
    desk.change(move |tx| Ok(remove(tx, first)?)).await;
    waits(&desk, handshake, true).await;
    assert_eq!(due_now(&desk), [second, other]);
}

#[tokio::test]
async fn a_mail_that_is_refused_again_and_again_lets_the_others_go_when_it_is_given_up() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let bad = queues(&desk, annas, None).await;
    let behind = queues(&desk, annas, None).await;
    for _ in 0..MAX_TRIES {
        waits(&desk, bad, true).await;
        assert!(due_now(&desk).is_empty());
        desk.waits(30);
        assert_eq!(due_now(&desk), [bad, behind]);
    }
    waits(&desk, bad, true).await;
    assert_eq!(due_now(&desk), [behind], "the bad one failed");
    // It was never tried itself and is tried now, but does not begin to wait for as long once more.
    waits(&desk, behind, true).await;
    assert_eq!(desk.db.look(|view| entries(view, PROFILE, 10)).unwrap(), []);
}

#[tokio::test]
async fn what_waited_for_a_relay_is_due_when_one_is_back() {
    let desk = Desk::new().await;
    let [(annas, _), (berts, _)] = two_chats(&desk).await;
    let refused = queues(&desk, annas, None).await;
    let unreachable = queues(&desk, berts, None).await;
    waits(&desk, refused, true).await;
    assert!(!desk.db.look(|view| waits_for_a_relay(view, PROFILE)).unwrap());
    for _ in 0..2 * MAX_TRIES {
        waits(&desk, unreachable, false).await;
    }
    assert!(due_now(&desk).is_empty());
    assert!(desk.db.look(|view| waits_for_a_relay(view, PROFILE)).unwrap());
    desk.change(|tx| Ok(relay_is_back(tx)?)).await;
    assert_eq!(due_now(&desk), [unreachable]);
}

#[tokio::test]
async fn a_next_try_does_not_wait_for_a_clock_that_was_set_back() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let sequence = queues(&desk, annas, None).await;
    waits(&desk, sequence, true).await;
    assert!(due_now(&desk).is_empty());
    desk.waits(-60);
    assert!(due_now(&desk).is_empty(), "a little");
    desk.waits(-7 * 24 * 3600);
    assert_eq!(due_now(&desk), [sequence], "a week");
}

#[tokio::test]
async fn a_message_is_queued_until_its_last_entry_has_left() {
    let desk = Desk::new().await;
    let [(annas, anna), _] = two_chats(&desk).await;
    let message = desk.says(annas, "hello").await;
    let other = desk.says(annas, "something else").await;
    let job = |kind| OutboxRecord { kind, message, contacts: vec![anna], ..Default::default() };
    let (first, second) = (job(JobKind::Message), job(JobKind::Directed));
    let first = desk.change(move |tx| Ok(push(tx, &first)?)).await;
    let second = desk.change(move |tx| Ok(push(tx, &second)?)).await;
    let queued = |message| desk.db.look(|view| is_queued(view, PROFILE, message)).unwrap();
    assert!(queued(message) && !queued(other));
    assert!(desk.change(move |tx| Ok(remove(tx, first)?)).await);
    assert!(queued(message), "one entry is left");
    desk.change(move |tx| Ok(cancel(tx, message)?)).await;
    assert!(!queued(message));
    assert!(!desk.change(move |tx| Ok(remove(tx, second)?)).await, "it is gone already");
    assert!(desk.db.look(|view| is_empty(view, PROFILE)).unwrap());
}

/// The relay took a mail for somebody, and put off the others.
async fn is_begun(desk: &Desk, sequence: u64) {
    desk.change(move |tx| Ok(update(tx, sequence, |row| row.done.push("anna@x.test".to_owned()))?)).await;
}

#[tokio::test]
async fn a_mail_that_waits_for_one_recipient_does_not_hold_up_its_chat() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let begun = queues(&desk, annas, None).await;
    let behind = queues(&desk, annas, None).await;
    is_begun(&desk, begun).await;
    waits(&desk, begun, true).await;
    assert_eq!(due_now(&desk), [behind]);
    let job = desk.db.look(|view| view.get(&OUTBOX, &(PROFILE, behind))).unwrap().unwrap();
    assert!(!desk.db.look(|view| is_behind(view, PROFILE, behind, &job)).unwrap());
    desk.waits(30);
    assert_eq!(due_now(&desk), [begun, behind]);
}

#[tokio::test]
async fn a_mail_that_some_have_got_counts_as_delivered_when_it_is_given_up_for_the_others() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let begun = queues(&desk, annas, None).await;
    let message = desk.db.look(|view| view.get(&OUTBOX, &(PROFILE, begun))).unwrap().unwrap().message;
    is_begun(&desk, begun).await;
    desk.events().await;
    for _ in 0..=MAX_TRIES {
        waits(&desk, begun, true).await;
    }
    assert!(desk.db.look(|view| is_empty(view, PROFILE)).unwrap());
    let record = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap();
    assert_eq!((record.state, record.error.as_str()), (MessageState::OutDelivered, ""));
    let said = desk.events().await;
    assert!(said.iter().any(|kind| matches!(kind, event::Kind::Warning(_))), "{said:?}");
}

#[tokio::test]
async fn a_damaged_entry_fails_its_message_and_the_others_leave() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let bad = queues(&desk, annas, None).await;
    let behind = queues(&desk, annas, None).await;
    let message = desk.db.look(|view| entries(view, PROFILE, 1)).unwrap()[0].1.message;
    let raw: Table<(ProfileId, u64), Raw> = Table::new(OUTBOX.name());
    desk.change(move |tx| Ok(tx.store.put(&raw, &(PROFILE, bad), &Raw(vec![0xff; 3]))?)).await;
    assert_eq!(due_now(&desk), [behind]);
    desk.change(|tx| Ok(complete::fail_damaged(tx)?)).await;
    let failed = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap();
    assert_eq!((failed.state, failed.error.as_str()), (MessageState::OutFailed, complete::DAMAGED));
    assert_eq!(desk.db.look(|view| damaged(view, PROFILE)).unwrap(), []);
    assert!(!desk.db.look(|view| is_queued(view, PROFILE, message)).unwrap());
    assert_eq!(due_now(&desk), [behind]);
}

/// Rendering or submitting a mail fails by a fault of our own.
async fn fails_by_our_fault(desk: &Desk, sequence: u64) {
    let retry_at = desk.now() + 30;
    desk.change(move |tx| {
        let job = tx.store.get(&OUTBOX, &(PROFILE, sequence))?.unwrap();
        Ok(complete::faulted(tx, sequence, &job, "a panic", retry_at)?)
    })
    .await;
}

fn message_of(desk: &Desk, sequence: u64) -> (MessageId, MessageState, String) {
    desk.db
        .look(|view| {
            let job = view.get(&OUTBOX, &(PROFILE, sequence))?.unwrap();
            let record = messages::load(view, PROFILE, job.message)?.unwrap();
            Ok::<_, StoreError>((job.message, record.state, record.error))
        })
        .unwrap()
}

/// A mail at whose sending something of ours fails as often as it is tried, and one behind it in its chat.
async fn held(desk: &Desk) -> (u64, u64) {
    let [(annas, _), _] = two_chats(desk).await;
    let bad = queues(desk, annas, None).await;
    let behind = queues(desk, annas, None).await;
    for _ in 0..MAX_FAULTS {
        assert_eq!(due_now(desk), [bad, behind]);
        fails_by_our_fault(desk, bad).await;
        if due_now(desk).is_empty() {
            desk.waits(30);
        }
    }
    (bad, behind)
}

#[tokio::test]
async fn a_mail_that_fails_by_our_fault_is_kept_with_its_reason_and_the_others_go() {
    let desk = Desk::new().await;
    let (bad, behind) = held(&desk).await;
    assert_eq!(due_now(&desk), [behind]);
    let (_, state, error) = message_of(&desk, bad);
    assert_eq!(state, MessageState::OutFailed);
    assert_eq!(
        error,
        "This message cannot be sent now: a panic. It is kept and tried again at the next start."
    );
    let errors = desk.events().await.into_iter().filter(|kind| matches!(kind, event::Kind::Error(_)));
    assert_eq!(errors.count(), 1);
    let job = desk.db.look(|view| view.get(&OUTBOX, &(PROFILE, behind))).unwrap().unwrap();
    assert!(!desk.db.look(|view| is_behind(view, PROFILE, behind, &job)).unwrap());
    desk.change(move |tx| Ok(remove(tx, behind)?)).await;
    assert!(desk.db.look(|view| is_empty(view, PROFILE)).unwrap(), "nothing is to be waited for");
    // Neither time nor a relay that is back brings it out.
    desk.waits(LONGEST_WAIT * 2);
    desk.change(|tx| Ok(relay_is_back(tx)?)).await;
    assert!(due_now(&desk).is_empty());
}

#[tokio::test]
async fn what_our_fault_holds_is_tried_once_with_each_start() {
    let desk = Desk::new().await;
    let (bad, behind) = held(&desk).await;
    desk.change(|tx| Ok(complete::release_held(tx)?)).await;
    assert_eq!(due_now(&desk), [bad, behind]);
    let (message, state, error) = message_of(&desk, bad);
    assert_eq!((state, error), (MessageState::OutPending, String::new()));
    fails_by_our_fault(&desk, bad).await;
    assert_eq!((due_now(&desk), message_of(&desk, bad).1), (vec![behind], MessageState::OutFailed));
    desk.change(|tx| Ok(complete::release_held(tx)?)).await;
    desk.change(move |tx| {
        let job = tx.store.get(&OUTBOX, &(PROFILE, bad))?.unwrap();
        Ok(complete::sent(tx, bad, &job, TransportId::new(1), &complete::Traces::default())?)
    })
    .await;
    let state = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap().state;
    assert_eq!(state, MessageState::OutDelivered);
}

#[tokio::test]
async fn a_message_that_our_fault_holds_can_be_sent_again_and_deleted() {
    let desk = Desk::new().await;
    let (bad, behind) = held(&desk).await;
    let (message, ..) = message_of(&desk, bad);
    desk.change(move |tx| crate::chat::features::resend(tx, &[message])).await;
    let rows = desk.db.look(|view| entries(view, PROFILE, 10)).unwrap();
    assert_eq!(rows.iter().map(|(_, job)| job.held.is_empty()).collect::<Vec<_>>(), [true, true]);
    assert_eq!(due_now(&desk)[0], behind);
    desk.change(move |tx| Ok(cancel(tx, message)?)).await;
    assert_eq!(due_now(&desk), [behind]);
}

#[tokio::test]
async fn a_message_that_is_given_up_says_what_happened_last() {
    let desk = Desk::new().await;
    let [(annas, _), _] = two_chats(&desk).await;
    let bad = queues(&desk, annas, None).await;
    let (message, ..) = message_of(&desk, bad);
    for _ in 0..=MAX_TRIES {
        waits(&desk, bad, true).await;
    }
    let record = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap();
    assert_eq!(record.error, "Number of retries exceeded the limit. The last one: busy");
}
