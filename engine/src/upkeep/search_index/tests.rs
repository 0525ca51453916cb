use proptest::test_runner::{Config, TestRunner};
use volary_storage::records::{CounterRecord, MessageState};

use super::*;
use crate::chat::features;
use crate::ground::ids::ContactId;
use crate::query::look::look;
use crate::query::search::find;
use crate::state::messages;
use crate::testing::{Desk, PROFILE};
use crate::upkeep::deadlines::{Quiet, Upkeep, handle_due};

const WORDS: [&str; 12] = [
    "Rehearsal",
    "eight",
    "o'clock",
    "ÄPFEL",
    "会議は",
    "明日",
    "שלום",
    "नमस्ते",
    "👩‍👩‍👧",
    "I",
    "ΟΔΟΣ",
    "tea-time",
];

/// The `number`th text.
fn text(number: u32) -> String {
    let word = |at: u32| WORDS[(at as usize) % WORDS.len()];
    format!("{} {} no. {number}", word(number), word(number / 7))
}

/// A profile with more messages than a segment holds, in two chats; their ids.
async fn full(desk: &Desk) -> Vec<MessageId> {
    let (anna, _) = desk.knows(&["anna@x.test"]).await;
    let chats = [desk.chat_with(anna).await, desk.chat_with(ContactId::SELF).await];
    desk.change(move |tx| {
        (0..SEGMENT + 100)
            .map(|number| {
                let record = MessageRecord {
                    chat: chats[usize::from(number % 50 == 0)],
                    from: ContactId::SELF,
                    mid: format!("{number}@x.test"),
                    state: MessageState::OutDelivered,
                    text: text(number),
                    sort: i64::from(number),
                    ..Default::default()
                };
                Ok(messages::insert(tx, &record)?)
            })
            .collect()
    })
    .await
}

fn counters(desk: &Desk) -> CounterRecord {
    desk.db.look(|view| view.get(&COUNTERS, &PROFILE)).unwrap().unwrap()
}

fn rows(desk: &Desk) -> usize {
    desk.db.look(|view| Ok(view.scan_prefix(&SEARCH_GRAMS, &PROFILE)?.count())).unwrap()
}

fn found(desk: &Desk, query: &str) -> Vec<MessageId> {
    look(&desk.db, PROFILE, |look| find(look, query, None)).unwrap()
}

fn is_due(desk: &Desk) -> Option<i64> {
    desk.db.look(|view| deadlines::single(view, PROFILE, Kind::SearchIndex, 0)).unwrap()
}

/// Does what is due; whether something was indexed.
async fn indexes(desk: &Desk) -> bool {
    let quiet = Quiet { housekeeping: desk.now(), aging: None };
    let handled = handle_due(&desk.db, quiet).await.unwrap();
    let due = handled.upkeep.contains(&Upkeep::Index(PROFILE));
    due && build(&desk.db, PROFILE).await.unwrap() > 0
}

#[tokio::test]
async fn a_segment_is_indexed_when_it_is_full_and_every_search_finds_what_it_found_before() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    let chat = desk.db.look(|view| messages::load(view, PROFILE, ids[1])).unwrap().unwrap().chat;
    let ask = |query: &str| {
        let in_chat = look(&desk.db, PROFILE, |look| find(look, query, Some(chat))).unwrap();
        (found(&desk, query), in_chat)
    };
    let mut queries: Vec<String> = WORDS.iter().map(|word| (*word).to_owned()).collect();
    queries.extend(
        [
            "t",
            "議",
            "äp",
            "no. 17",
            "NO. 2047",
            "rehearsal eight",
            "明日 ",
            "οδ",
            "zzz",
            "👧",
            "é",
            ". 1",
            "2100",
        ]
        .map(str::to_owned),
    );
    let before: Vec<_> = queries.iter().map(|query| ask(query)).collect();
    assert_eq!(is_due(&desk), Some(desk.now()));
    assert!(indexes(&desk).await);
    assert_eq!((counters(&desk).search_indexed, is_due(&desk)), (1, None));
    assert!(rows(&desk) > 3);
    for (query, before) in queries.iter().zip(before) {
        assert_eq!(ask(query), before, "{query}");
    }
    assert_eq!(found(&desk, "no. 17").len(), 11 + 100, "17, 170 to 179, 1700 to 1799");
    assert!(!indexes(&desk).await, "there is nothing more to do");
}

#[tokio::test]
async fn what_is_edited_after_it_was_indexed_is_found_by_its_new_text_alone() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    assert!(indexes(&desk).await);
    let edited = ids[5];
    desk.change(move |tx| features::edit(tx, edited, "a Zebra").map(|_| ())).await;
    assert_eq!(found(&desk, "ZEBRA").last(), Some(&edited));
    assert_eq!(found(&desk, "no. 5").iter().filter(|id| **id == edited).count(), 0);
    assert_eq!(is_due(&desk), Some(desk.now() + CHANGES_WAIT));
    desk.waits(CHANGES_WAIT);
    assert!(indexes(&desk).await);
    let changed = desk.db.look(|view| view.count_prefix(&SEARCH_CHANGED, &PROFILE)).unwrap();
    assert_eq!((found(&desk, "zebra").last(), changed), (Some(&edited), 0));
}

#[tokio::test]
async fn the_texts_of_deleted_messages_leave_the_index() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    assert!(indexes(&desk).await);
    let before = rows(&desk);
    desk.change(move |tx| {
        for id in &ids[..SEGMENT as usize - 200] {
            messages::bury(tx, *id, false)?;
        }
        Ok(())
    })
    .await;
    assert_eq!(found(&desk, "no. 77"), []);
    desk.waits(CHANGES_WAIT);
    assert!(indexes(&desk).await);
    let gone = desk.db.look(|view| view.count_prefix(&SEARCH_GONE, &PROFILE)).unwrap();
    assert!(rows(&desk) < before && gone == 0, "{} of {before} rows are left", rows(&desk));
}

#[tokio::test]
async fn changes_that_come_while_a_segment_is_being_indexed_stay_noted() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    let (edited, deleted) = (ids[7], ids[8]);
    let segment = desk.change(|tx| Ok(claim(tx)?)).await.unwrap();
    let built = desk.db.look(|view| read(view, PROFILE, segment)).unwrap();
    desk.change(move |tx| {
        messages::update(tx, edited, |record| record.text = "late news".to_owned())?;
        Ok(messages::bury(tx, deleted, false)?)
    })
    .await;
    desk.change(move |tx| Ok(store(tx, built)?)).await;
    assert_eq!(found(&desk, "late news"), [edited]);
    let noted = desk.db.look(|view| outdated(view, PROFILE)).unwrap();
    assert_eq!(noted, [segment]);
    desk.change(|tx| Ok(finish(tx)?)).await;
    assert!(is_due(&desk).is_some());
}

#[tokio::test]
async fn a_message_with_more_letters_than_are_indexed_is_found_all_the_same() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    let long = ids[9];
    let text: String = (0..4_000).map(|number| format!("{number:x} ")).collect::<String>() + "needle";
    desk.change(move |tx| Ok(messages::update(tx, long, |record| record.text = text)?)).await;
    assert!(indexes(&desk).await);
    assert_eq!(found(&desk, "NEEDLE"), [long]);
}

#[tokio::test]
async fn what_the_index_finds_is_what_a_look_at_every_message_finds() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    assert!(indexes(&desk).await);
    let mut runner = TestRunner::new(Config::with_cases(200));
    let parts = (0..SEGMENT, 0usize..12, 1usize..9);
    runner
        .run(&parts, |(number, from, length)| {
            let text = text(number).to_lowercase();
            let query: String = text.chars().skip(from).take(length).collect();
            let query = query.trim();
            let expected: Vec<MessageId> = (0..SEGMENT + 100)
                .rev()
                .filter(|number| !query.is_empty() && self::text(*number).to_lowercase().contains(query))
                .map(|number| ids[number as usize])
                .take(1_000)
                .collect();
            // The line that says that the chat is encrypted is older than all.
            let mut found = found(&desk, query);
            found.retain(|id| *id >= ids[0]);
            proptest::prop_assert!(found == expected, "{query:?}: {} of {}", found.len(), expected.len());
            Ok(())
        })
        .unwrap();
}

#[tokio::test]
async fn what_is_not_shown_of_a_long_text_is_found_too() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    let (old, new) = (ids[9], *ids.last().unwrap());
    let text = "word ".repeat(2_000) + "a Needle at the end";
    desk.change(move |tx| {
        for id in [old, new] {
            let text = text.clone();
            messages::update(tx, id, |record| messages::set_text(record, text, false))?;
        }
        Ok(())
    })
    .await;
    let shown = desk.db.look(|view| messages::load(view, PROFILE, old)).unwrap().unwrap();
    assert!(!shown.text.contains("Needle"));
    let chat = shown.chat;
    let in_chat = || look(&desk.db, PROFILE, |look| find(look, "needle at", Some(chat))).unwrap();
    let before = in_chat();
    assert_eq!(found(&desk, "needle at"), [new, old]);
    assert!(indexes(&desk).await);
    assert_eq!((found(&desk, "NEEDLE AT"), in_chat()), (vec![new, old], before));
    assert_eq!(found(&desk, "needle in"), []);
    desk.change(move |tx| {
        Ok(messages::update(tx, old, |record| messages::set_text(record, "short".to_owned(), false))?)
    })
    .await;
    assert_eq!(found(&desk, "needle at"), [new]);
}

#[tokio::test]
async fn an_index_that_covers_less_is_passed_over_and_made_anew_with_the_next_message() {
    let desk = Desk::new().await;
    let ids = full(&desk).await;
    assert!(indexes(&desk).await);
    desk.change(|tx| {
        let mut counters = tx.store.get(&COUNTERS, &PROFILE)?.unwrap_or_default();
        counters.search_form = 0;
        Ok(tx.store.put(&COUNTERS, &PROFILE, &counters)?)
    })
    .await;
    assert_eq!(found(&desk, "no. 2047"), [ids[2_047]]);
    assert_eq!(is_due(&desk), None);
    desk.says(desk.chat_with(ContactId::SELF).await, "hello").await;
    assert_eq!(is_due(&desk), Some(desk.now()));
    assert!(indexes(&desk).await);
    assert_eq!((counters(&desk).search_indexed, found(&desk, "no. 2047").len()), (1, 1));
}
