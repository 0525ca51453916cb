use volary_storage::records::MessageRecord;

use super::*;
use crate::testing::{Desk, PROFILE};

const DAY: i64 = 24 * 3600;

fn pending(desk: &Desk, kind: Kind) -> Vec<i64> {
    let rows = desk.db.look(|view| deadlines::of_profile(view, PROFILE)).unwrap();
    rows.into_iter().filter(|row| row.kind == kind).map(|row| row.time).collect()
}

fn expires(desk: &Desk, id: MessageId) -> i64 {
    desk.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap().expires
}

#[tokio::test]
async fn a_message_disappears_after_its_time_though_the_clock_was_ahead_when_it_was_read() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.waits(10 * DAY);
    let message = desk.puts(MessageRecord { chat, ephemeral_timer: 3600, ..Default::default() }).await;
    desk.change(move |tx| Ok(messages::start_timer(tx, message)?)).await;
    desk.waits(-10 * DAY);
    assert_eq!(mend(&desk.db).await.unwrap(), 1);
    assert_eq!(expires(&desk, message), desk.now() + 3600);
    assert_eq!(pending(&desk, Kind::MessageExpires), [desk.now() + 3600]);
    desk.waits(1800);
    assert_eq!(mend(&desk.db).await.unwrap(), 0, "half of its time is over");
}

#[tokio::test]
async fn what_was_noted_by_a_clock_that_was_ahead_comes_when_it_would_have() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.says(chat, "hi").await;
    desk.waits(400 * DAY);
    let ahead = desk.now();
    desk.change(move |tx| {
        config::set(tx, config::key::DELETE_DEVICE_AFTER, Some("86400"))?;
        deadlines::add(tx, tx.now + 30, Kind::RetrySending, 0)?;
        deadlines::add(tx, tx.now + 30, Kind::MuteEnds, u64::from(chat))?;
        deadlines::set_single(tx, tx.now + DAY, Kind::DeleteOld, 0)?;
        contacts::touch_last_seen(tx, anna, tx.now)?;
        keyupdate::schedule(tx)?;
        Ok(housekeeping::again(tx)?)
    })
    .await;
    assert_eq!(mend(&desk.db).await.unwrap(), 0);
    desk.waits(-400 * DAY);
    assert_eq!(mend(&desk.db).await.unwrap(), 5);
    let now = desk.now();
    assert_eq!(pending(&desk, Kind::RetrySending), [now]);
    assert_eq!(pending(&desk, Kind::DeleteOld), [now]);
    assert_eq!(pending(&desk, Kind::RecentlySeenEnds), [now]);
    assert_eq!(pending(&desk, Kind::KeyUpdate), [now + 30]);
    assert_eq!(pending(&desk, Kind::Housekeeping), [now + DAY]);
    assert_eq!(pending(&desk, Kind::MuteEnds), [ahead + 30], "the user said so");
    assert_eq!(mend(&desk.db).await.unwrap(), 0);
}
