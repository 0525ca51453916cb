use volary_proto::v1::event;
use volary_storage::records::{KnownMail, MessageRecord, MessageState, TextRecord};
use volary_storage::tables::{CHATS, KEYS, MESSAGES, PROFILES};
use volary_storage::{Table, View as _};

use super::super::clock_set;
use super::*;
use crate::state::{config, profiles};
use crate::testing::{Desk, PROFILE, START};

/// Handles everything that is due, as the queue of an engine does that started at `started`.
async fn handles_due(desk: &Desk, started: i64) -> (Option<i64>, Vec<Upkeep>) {
    let quiet = Quiet { housekeeping: started, aging: None };
    let handled = handle_due(&desk.db, quiet).await.unwrap();
    (handled.next, handled.upkeep)
}

#[tokio::test]
async fn recently_seen_ends_ten_minutes_after_the_last_sign() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let seen = move |tx: &mut Tx<'_, '_>| Ok(contacts::touch_last_seen(tx, anna, tx.now)?);
    desk.change(seen).await;
    desk.waits(300);
    desk.change(seen).await;
    desk.events().await;

    desk.waits(301);
    assert_eq!(handles_due(&desk, START).await, (Some(START + 901), vec![]), "it is put off");
    assert_eq!(desk.events().await, []);
    desk.waits(300);
    assert_eq!(handles_due(&desk, START).await, (None, vec![]));
    let changed = event::Kind::ContactsChanged(event::ContactsChanged { contact_id: Some(anna.get()) });
    let item = event::Kind::ChatlistItemChanged(event::ChatlistItemChanged { chat_id: Some(chat.get()) });
    assert_eq!(desk.events().await, [changed, item]);
}

#[tokio::test]
async fn a_large_chat_is_out_of_sight_at_once_and_its_messages_go_in_several_transactions() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let first = desk.says(chat, "the first").await;
    let stored = messages::load(&desk.db.store().snapshot().unwrap(), PROFILE, first).unwrap().unwrap();
    let ids: Vec<MessageId> = desk
        .change(move |tx| {
            let copy = |number| MessageRecord {
                mid: format!("{number}@x.test"),
                sort: stored.sort + number,
                state: MessageState::OutDelivered,
                ..stored.clone()
            };
            (1..=500).map(|number| Ok(messages::insert(tx, &copy(number))?)).collect::<Outcome<_>>()
        })
        .await;
    let left = || ids.iter().filter(|id| desk.has(**id)).count();
    desk.change(move |tx| requests::delete(tx, chat)).await;
    assert!((200..500).contains(&left()), "{} are left after the command", left());
    let view = desk.db.store().snapshot().unwrap();
    assert!(chats::load(&view, PROFILE, chat).unwrap().is_none());
    drop(view);

    handles_due(&desk, START).await;
    assert_eq!(left(), 0);
    let view = desk.db.store().snapshot().unwrap();
    let known = messages::known(&view, PROFILE, "500@x.test").unwrap().unwrap();
    assert_eq!(known.kind, KnownMail::Tombstone);
}

#[tokio::test]
async fn housekeeping_that_was_missed_waits_for_a_quiet_time() {
    let desk = Desk::new().await;
    desk.change(|tx| Ok(housekeeping::schedule(tx)?)).await;
    desk.waits(100_000);
    let started = desk.now();
    let later = started + housekeeping::QUIET + 1;
    assert_eq!(handles_due(&desk, started).await, (Some(later), vec![]));
    desk.waits(housekeeping::QUIET + 1);
    assert_eq!(handles_due(&desk, started).await, (Some(later + 24 * 3600), vec![Upkeep::Clean(PROFILE)]));
}

#[tokio::test]
async fn messages_do_not_age_by_a_clock_that_was_wrong_for_a_moment() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    let message = desk.says(chat, "of today").await;
    desk.change(|tx| {
        config::set(tx, config::key::DELETE_DEVICE_AFTER, Some("86400"))?;
        Ok(crate::chat::aging::setting_changed(tx)?)
    })
    .await;
    handles_due(&desk, START).await;
    // As the queue does when it notices that the clock was set.
    let set = || Quiet { housekeeping: desk.now(), aging: Some(desk.now()) };

    desk.waits(30 * 24 * 3600);
    let quiet = set();
    clock_set::mend(&desk.db).await.unwrap();
    handle_due(&desk.db, quiet).await.unwrap();
    assert!(desk.has(message));
    desk.waits(-30 * 24 * 3600);
    let quiet = set();
    clock_set::mend(&desk.db).await.unwrap();
    handle_due(&desk.db, quiet).await.unwrap();
    assert!(desk.has(message));

    // A clock that stays where it is, is right.
    desk.waits(30 * 24 * 3600);
    let quiet = set();
    clock_set::mend(&desk.db).await.unwrap();
    handle_due(&desk.db, quiet).await.unwrap();
    desk.waits(housekeeping::QUIET + 1);
    handle_due(&desk.db, quiet).await.unwrap();
    assert!(!desk.has(message));
}

#[tokio::test]
async fn a_deadline_that_fails_waits_and_stops_no_other() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    // A row that does not parse, as a damaged database may have it.
    let broken = desk.says(chat, "broken").await;
    let whole = desk.says(chat, "whole").await;
    desk.change(move |tx| {
        deadlines::add(tx, START, Kind::MessageExpires, u64::from(broken))?;
        messages::update(tx, whole, |record| record.expires = START + 1)?;
        deadlines::add(tx, START + 1, Kind::MessageExpires, u64::from(whole))?;
        let damaged: Table<(ProfileId, MessageId), TextRecord> = Table::new(MESSAGES.name());
        Ok(tx.store.put(&damaged, &(PROFILE, broken), &TextRecord { text: "no message".to_owned() })?)
    })
    .await;
    desk.waits(2);
    let (next, _) = handles_due(&desk, START).await;
    assert_eq!(next, Some(START + 2 + AFTER_FAILURE), "the broken one is tried again");
    assert!(!desk.has(whole), "the one behind it was handled");
}

#[tokio::test]
async fn a_changed_relay_list_is_told_when_it_rested() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.says(chat, "hi").await;
    desk.change(|tx| Ok(keyupdate::schedule(tx)?)).await;
    desk.waits(29);
    assert_eq!(handles_due(&desk, START).await.0, Some(START + 30));
    let queued = || desk.db.look(|view| crate::state::outbox::entries(view, PROFILE, 10)).unwrap().len();
    assert_eq!(queued(), 0);
    desk.waits(1);
    assert_eq!(handles_due(&desk, START).await.0, None);
    assert_eq!(queued(), 1);
}

#[tokio::test]
async fn a_removed_profile_leaves_nothing() {
    let desk = Desk::new().await;
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chat = desk.chat_with(anna).await;
    desk.change(move |tx| {
        for number in 0..3_000 {
            let record = volary_storage::records::MessageRecord { chat, sort: number, ..Default::default() };
            messages::insert(tx, &record)?;
        }
        deadlines::add(tx, START + 5, Kind::MuteEnds, u64::from(chat))?;
        housekeeping::schedule(tx)?;
        Ok(())
    })
    .await;
    std::fs::create_dir_all(desk.dir.path().join("profile/dc.db-blobs")).unwrap();
    desk.change(|tx| Ok(profiles::leave(tx, PROFILE)?)).await;
    assert!(!desk.db.look(|view| view.contains(&PROFILES, &PROFILE)).unwrap());

    // The engine stops here and starts again.
    desk.waits(10);
    handles_due(&desk, START).await;
    crate::commands::process::finish_removals(&desk.db).await.unwrap();
    let left = desk.db.look(|view| {
        let rows = deadlines::of_profile(view, PROFILE)?.len();
        let chats = view.count_prefix(&CHATS, &PROFILE)?;
        Ok((rows, chats, view.contains(&KEYS, &PROFILE)?, profiles::manager(view)?.leaving.len()))
    });
    assert_eq!(left.unwrap(), (0, 0, false, 0));
    assert!(!desk.dir.path().join("profile").exists());
}
