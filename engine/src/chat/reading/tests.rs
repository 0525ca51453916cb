use volary_proto::v1::event::Kind;

use super::*;
use crate::testing::{Desk, PROFILE};

#[tokio::test]
async fn noticing_a_chat_starts_the_timers_that_wait_and_looks_at_no_other_message() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let says = |state, ephemeral_timer| {
        let record = MessageRecord { chat, from: anna, state, ephemeral_timer, ..Default::default() };
        desk.puts(record)
    };
    let fresh = says(MessageState::InFresh, 60).await;
    let noticed = says(MessageState::InNoticed, 90).await;
    let lasting = says(MessageState::InFresh, 0).await;
    desk.change(move |tx| {
        chats::update(tx, chat, |record| record.ephemeral_timer = 60)?;
        // A timer that runs already goes on as it did.
        messages::start_timer(tx, noticed)?;
        Ok(())
    })
    .await;
    let waiting = || desk.db.look(|view| messages::untimed_ids(view, PROFILE, chat)).unwrap();
    assert_eq!(waiting(), [fresh]);

    desk.waits(10);
    desk.change(move |tx| mark_noticed(tx, chat)).await;
    assert!(waiting().is_empty());
    let now = desk.now();
    for (message, expires) in [(fresh, now + 60), (noticed, now + 80), (lasting, 0)] {
        let record = desk.db.look(|view| messages::load(view, PROFILE, message)).unwrap().unwrap();
        assert_eq!((record.state, record.expires), (MessageState::InNoticed, expires));
    }
}

/// Whom receipts wait for.
fn receipts_to(desk: &Desk) -> Vec<ContactId> {
    let waiting = desk.db.look(|view| outbox::receipts(view, PROFILE)).unwrap();
    waiting.into_iter().map(|(contact, _, _)| contact).collect()
}

#[tokio::test]
async fn noticing_a_chat_sees_its_reactions_and_tells_own_devices() {
    let desk = Desk::new().await;
    desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let reaction = MessageRecord {
        chat,
        from: anna,
        state: MessageState::InFresh,
        hidden: true,
        wants_receipt: true,
        ..Default::default()
    };
    let reaction = desk.puts(reaction).await;
    desk.change(move |tx| mark_noticed(tx, chat)).await;
    assert_eq!(desk.message(reaction).state, MessageState::InSeen);
    assert_eq!(receipts_to(&desk), [ContactId::SELF], "nobody else hears of it");
    let noticed = |kind: &Kind| matches!(kind, Kind::MsgsNoticed(event) if event.chat_id == chat.get());
    assert!(desk.events().await.iter().any(noticed));
    desk.change(move |tx| mark_noticed(tx, chat)).await;
    assert!(!desk.events().await.iter().any(noticed), "there is nothing new");
}

#[tokio::test]
async fn in_a_team_authors_get_receipts_and_own_devices_hear_nothing() {
    for (team, open, expected) in [(false, true, 1), (true, true, 1), (false, false, 1), (true, false, 0)] {
        let desk = Desk::new().await;
        let (anna, _) = desk.knows(&["anna@x.test"]).await;
        let chat = desk.chat_with(anna).await;
        desk.change(move |tx| {
            config::set(tx, config::key::BCC_SELF, Some("1"))?;
            config::set(tx, config::key::TEAM_PROFILE, team.then_some("1"))?;
            let blocked = if open { Block::Not } else { Block::Request };
            Ok(chats::update(tx, chat, |record| record.blocked = blocked)?)
        })
        .await;
        let state = MessageState::InFresh;
        let record = MessageRecord { chat, from: anna, state, wants_receipt: true, ..Default::default() };
        let message = desk.puts(record).await;
        desk.change(move |tx| mark_seen(tx, &[message])).await;
        let to = if open { anna } else { ContactId::SELF };
        assert_eq!(receipts_to(&desk), vec![to; expected], "team {team}, open {open}");
        let tells = desk.db.look(|view| tells_own_devices(view, PROFILE)).unwrap();
        assert_eq!(tells, !team);
    }
}

#[tokio::test]
async fn of_messages_of_one_second_those_that_came_later_stay_fresh_when_another_device_reads_one() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let says = |sort| {
        let state = MessageState::InFresh;
        desk.puts(MessageRecord { chat, from: anna, state, sort, ..Default::default() })
    };
    let (later, first, second, third) = (says(9).await, says(7).await, says(7).await, says(7).await);
    let record = desk.message(second);
    desk.change(move |tx| Ok(notice_silently(tx, second, &record)?)).await;
    let states = [first, second, third, later].map(|id| desk.message(id).state);
    let (fresh, noticed) = (MessageState::InFresh, MessageState::InNoticed);
    assert_eq!(states, [noticed, noticed, fresh, fresh]);
}

#[tokio::test]
async fn own_devices_hear_what_was_read_though_its_author_was_blocked_before_the_receipt_left() {
    use crate::outgoing::receipts;
    let desk = Desk::new().await;
    desk.change(|tx| Ok(config::set(tx, config::key::BCC_SELF, Some("1"))?)).await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let state = MessageState::InFresh;
    let record = MessageRecord { chat, from: anna, state, wants_receipt: true, ..Default::default() };
    let message = desk.puts(record).await;
    desk.change(move |tx| mark_seen(tx, &[message])).await;
    assert_eq!(receipts_to(&desk), [anna]);
    let due = desk.db.look(|view| receipts::due(view, PROFILE, desk.now())).unwrap().remove(0);
    desk.change(move |tx| Ok(receipts::drop_jobs(tx, &due)?)).await;
    assert_eq!(receipts_to(&desk), [ContactId::SELF]);
    let due = desk.db.look(|view| receipts::due(view, PROFILE, desk.now())).unwrap().remove(0);
    desk.change(move |tx| Ok(receipts::drop_jobs(tx, &due)?)).await;
    assert_eq!(receipts_to(&desk), []);
}
