use volary_proto::v1::{GetLocations, IsSendingLocations, Location, answer};
use volary_storage::View as _;
use volary_storage::records::MessageState;
use volary_storage::tables::HIDDEN_MESSAGES;

use super::*;
use crate::chat::compose::NewMessage;
use crate::query;
use crate::testing::{Desk, PROFILE};
use crate::upkeep::deadlines::{Quiet, handle_due};

async fn bobs_chat(desk: &Desk) -> ChatId {
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    desk.chat_with(bob).await
}

async fn streams_for(desk: &Desk, chat: ChatId, seconds: i64) {
    desk.change(move |tx| stream(tx, chat, seconds)).await;
}

async fn is_at(desk: &Desk, latitude: f64, longitude: f64) -> bool {
    desk.change(move |tx| set(tx, latitude, longitude, 5.5)).await
}

/// Time goes on, and what is due is done.
async fn passes(desk: &Desk, seconds: i64) {
    desk.waits(seconds);
    handle_due(&desk.db, Quiet { housekeeping: desk.now(), aging: None }).await.unwrap();
}

fn is_streaming(desk: &Desk, chat: Option<ChatId>) -> bool {
    let asked = IsSendingLocations { chat_id: chat.map(ChatId::get) };
    match query::run(&desk.db, PROFILE, &asked.into()) {
        Ok(answer::Kind::Flag(flag)) => flag.value,
        other => panic!("{other:?}"),
    }
}

fn places(desk: &Desk, asked: GetLocations) -> Vec<Location> {
    match query::run(&desk.db, PROFILE, &asked.into()) {
        Ok(answer::Kind::Locations(found)) => found.locations,
        other => panic!("{other:?}"),
    }
}

/// The mails of a chat that nobody sees, as the positions that they bring.
fn alone(desk: &Desk, chat: ChatId) -> Vec<(i64, i64)> {
    let view = desk.db.store().snapshot().unwrap();
    let rows = view.scan_prefix(&HIDDEN_MESSAGES, &(PROFILE, chat)).unwrap();
    let ids: Vec<MessageId> = rows.map(|row| row.unwrap().0.2).collect();
    ids.into_iter().map(|id| (desk.message(id).track_begin, desk.message(id).track_end)).collect()
}

async fn says(desk: &Desk, chat: ChatId, new: NewMessage) -> MessageId {
    desk.change(move |tx| compose::send(tx, chat, new, None)).await
}

#[test]
fn what_was_not_sent_goes_along_or_the_newest_once_more() {
    for (begin, sent, newest, expected) in [
        (100, 0, None, None),
        (100, 0, Some(100), Some((100, 100))),
        (100, 0, Some(120), Some((100, 120))),
        (100, 110, Some(120), Some((111, 120))),
        (100, 120, Some(120), Some((120, 120))),
        (100, 500, Some(120), Some((120, 120))),
    ] {
        assert_eq!(track(begin, sent, newest), expected, "{begin} {sent} {newest:?}");
    }
}

#[test]
fn positions_alone_wait_a_minute_after_the_last() {
    assert_eq!(due_at(0, 1_000), 1_000, "the first goes at once");
    assert_eq!(due_at(990, 1_000), 1_051);
    assert_eq!(due_at(900, 1_000), 1_000);
    assert_eq!(due_at(5_000, 1_000), 1_000, "a clock that was ahead");
}

#[tokio::test]
async fn a_stream_begins_with_a_line_and_ends_with_its_time() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    assert!(!is_streaming(&desk, None) && !is_at(&desk, 52.1, 13.2).await);
    streams_for(&desk, chat, 600).await;
    assert!(is_streaming(&desk, Some(chat)) && is_streaming(&desk, None));
    let line = desk.message(desk.newest(chat));
    assert_eq!(line.text, "Location streaming enabled.");
    assert_eq!(
        (line.system_type, line.state),
        (SystemType::LocationStreamingEnabled, MessageState::OutPending)
    );
    streams_for(&desk, chat, 900).await;
    passes(&desk, 899).await;
    assert!(is_streaming(&desk, Some(chat)), "it was prolonged");
    desk.events().await;
    passes(&desk, 1).await;
    assert!(!is_streaming(&desk, Some(chat)) && !is_streaming(&desk, None));
    assert_eq!(desk.message(desk.newest(chat)).text, "Location streaming disabled.");
    let modified = event::Kind::ChatModified(event::ChatModified { chat_id: chat.get() });
    assert!(desk.events().await.contains(&modified));
    assert!(!is_at(&desk, 52.1, 13.2).await);
}

#[tokio::test]
async fn a_stream_that_is_stopped_sends_nothing_more() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    streams_for(&desk, chat, 600).await;
    is_at(&desk, 52.1, 13.2).await;
    streams_for(&desk, chat, 0).await;
    streams_for(&desk, chat, 0).await;
    passes(&desk, 700).await;
    assert_eq!(alone(&desk, chat), []);
    let texts = desk.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
    let ends = texts.iter().filter(|id| desk.message(**id).text == "Location streaming disabled.").count();
    assert_eq!(ends, 1);
    streams_for(&desk, chat, 600).await;
    desk.change(stop).await;
    assert!(!is_streaming(&desk, None));
}

#[tokio::test]
async fn positions_go_at_once_and_then_once_a_minute() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    streams_for(&desk, chat, 3_600).await;
    let begin = desk.now();
    for _ in 0..10 {
        assert!(is_at(&desk, 52.1, 13.2).await);
        passes(&desk, 1).await;
    }
    assert_eq!(alone(&desk, chat), [(begin, begin)]);
    passes(&desk, 51).await;
    assert_eq!(alone(&desk, chat).len(), 1, "while that waits in the queue, no other is put beside it");
    desk.change(move |tx| {
        let queued = chats::load(tx.store, PROFILE, chat)?.unwrap().stream_mail.unwrap();
        Ok(outbox::cancel(tx, queued)?)
    })
    .await;
    passes(&desk, 60).await;
    assert_eq!(alone(&desk, chat), [(begin, begin), (begin + 1, begin + 9)]);
}

#[tokio::test]
async fn a_message_brings_what_was_not_sent() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    streams_for(&desk, chat, 3_600).await;
    let begin = desk.now();
    is_at(&desk, 52.1, 13.2).await;
    desk.waits(5);
    is_at(&desk, 52.2, 13.3).await;
    let text = || NewMessage { text: "hi".to_owned(), ..Default::default() };
    let first = says(&desk, chat, text()).await;
    let second = says(&desk, chat, text()).await;
    let brought = |id| (desk.message(id).track_begin, desk.message(id).track_end);
    assert_eq!(brought(first), (begin, begin + 5));
    assert_eq!(brought(second), (begin + 5, begin + 5), "the newest goes with each message");
    let track = desk.db.look(|view| locations::own_track(view, PROFILE, begin, begin + 5)).unwrap();
    assert_eq!(track.iter().map(Point::latitude).collect::<Vec<_>>(), [52.1, 52.2]);
    passes(&desk, 0).await;
    assert_eq!(alone(&desk, chat), [], "nothing is left to be sent alone");
}

#[tokio::test]
async fn a_place_belongs_to_its_message() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    let place = Some((48.1, 11.5));
    let house = says(&desk, chat, NewMessage { text: "🏠".to_owned(), place, ..Default::default() }).await;
    let heart = says(&desk, chat, NewMessage { text: "❤️".to_owned(), place, ..Default::default() }).await;
    streams_for(&desk, chat, 60).await;
    desk.waits(10);
    is_at(&desk, 52.1, 13.2).await;
    let all = places(&desk, GetLocations::default());
    let found: Vec<(u32, bool, Option<&str>)> =
        all.iter().map(|place| (place.msg_id, place.is_independent, place.marker.as_deref())).collect();
    assert_eq!(found, [(0, false, None), (heart.get(), true, None), (house.get(), true, Some("🏠"))]);
    let long_ago = GetLocations { begin: 1, end: 2, ..Default::default() };
    assert_eq!(places(&desk, long_ago).len(), 2, "places have no time");
    let elsewhere = GetLocations { chat_id: Some(chat.get() + 1), ..Default::default() };
    assert_eq!(places(&desk, elsewhere), []);
    let of_bob = GetLocations { contact_id: Some(10), ..Default::default() };
    assert_eq!(places(&desk, of_bob), []);
    desk.change(move |tx| super::super::requests::delete_messages(tx, &[house, heart])).await;
    let left = places(&desk, GetLocations::default());
    assert_eq!(left.iter().map(|place| place.latitude).collect::<Vec<_>>(), [52.1]);
}

#[tokio::test]
async fn tracks_are_deleted_by_age() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    streams_for(&desk, chat, 100_000).await;
    is_at(&desk, 52.1, 13.2).await;
    desk.change(|tx| {
        crate::state::config::set(tx, crate::state::config::key::DELETE_DEVICE_AFTER, Some("3600"))?;
        Ok(super::super::aging::setting_changed(tx)?)
    })
    .await;
    passes(&desk, 3_000).await;
    is_at(&desk, 52.2, 13.3).await;
    desk.events().await;
    passes(&desk, 700).await;
    let left = places(&desk, GetLocations::default());
    assert_eq!(left.iter().map(|place| place.latitude).collect::<Vec<_>>(), [52.2]);
    let changed = event::Kind::LocationChanged(event::LocationChanged { contact_id: None });
    assert!(desk.events().await.contains(&changed));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let desk = Desk::new().await;
    let chat = bobs_chat(&desk).await;
    let refused = |chat: ChatId, seconds: i64| {
        let db = desk.db.clone();
        async move {
            let done = db.transact(PROFILE, move |tx| stream(tx, chat, seconds)).await;
            done.err().map(|failure| failure.to_string())
        }
    };
    assert_eq!(refused(chat, -1).await.as_deref(), Some("Condition failed: `seconds >= 0` (-1 vs 0)"));
    assert_eq!(
        refused(ChatId::TRASH, 60).await.as_deref(),
        Some("Condition failed: `!chat_id.is_special()`")
    );
    for (latitude, longitude) in [(90.5, 0.0), (0.0, -180.5), (f64::NAN, 0.0), (0.0, f64::INFINITY)] {
        assert!(check(latitude, longitude).is_err());
    }
}
