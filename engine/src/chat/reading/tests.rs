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
