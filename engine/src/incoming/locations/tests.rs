//! Positions and places as mails bring them, over a whole profile.

use volary_mail::message::{
    Body, ChatBody, ChatContent, ChatHeader, Mailbox, MessageId as Mid, Outgoing, Recipients,
};
use volary_proto::v1::{GetLocations, GetMessage, Location, answer, event};

use crate::ground::ids::{ChatId, ContactId};
use crate::query;
use crate::state::{keys, messages};
use crate::testing::{Desk, PROFILE, START};

fn mail(mid: &str, body: ChatBody) -> Outgoing {
    let to = Recipients::Listed(vec![Mailbox::bare("me@one.test".to_owned())]);
    let from = Mailbox::bare("bob@two.test".to_owned());
    Outgoing::new(from, to, Mid::parse(mid).unwrap(), START, Body::Chat(Box::new(body)))
}

fn kml(steps: &[(i64, &str)]) -> Option<String> {
    let mut out = String::from("<kml><Document>");
    for (time, place) in steps {
        let second = time - 1_749_945_600;
        let when = format!("2025-06-15T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60);
        out += &format!(
            "<Placemark><Timestamp><when>{when}</when></Timestamp><Point><coordinates accuracy=\"3\">{place}\
             </coordinates></Point></Placemark>"
        );
    }
    Some(out + "</Document></kml>")
}

fn track(mid: &str, text: &str, steps: &[(i64, &str)]) -> Outgoing {
    mail(mid, ChatBody { text: text.to_owned(), track_kml: kml(steps), ..Default::default() })
}

fn places(desk: &Desk) -> Vec<Location> {
    match query::run(&desk.db, PROFILE, &GetLocations::default().into()) {
        Ok(answer::Kind::Locations(found)) => found.locations,
        other => panic!("{other:?}"),
    }
}

fn texts(desk: &Desk, chat: ChatId) -> Vec<String> {
    let ids = desk.db.look(|view| messages::visible_ids(view, PROFILE, chat)).unwrap();
    let mails = ids.into_iter().map(|id| desk.message(id)).filter(|message| !message.mid.is_empty());
    mails.map(|message| message.text).collect()
}

fn tells(events: &[event::Kind], contact: ContactId) -> bool {
    let contact_id = Some(contact.get());
    events.contains(&event::Kind::LocationChanged(event::LocationChanged { contact_id }))
}

#[tokio::test]
async fn positions_alone_are_stored_and_not_shown() {
    let desk = Desk::new().await;
    let (bob, key) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    desk.events().await;
    desk.gets(&key, &track("t1@x", "", &[(START - 60, "13.2,52.1"), (START - 30, "13.3,52.2")])).await;
    let events = desk.events().await;
    assert!(tells(&events, bob), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, event::Kind::IncomingMsg(_))), "{events:?}");
    let found = places(&desk);
    let seen: Vec<(i64, f64, f64, f64)> = found
        .iter()
        .map(|place| (place.timestamp, place.latitude, place.longitude, place.accuracy))
        .collect();
    assert_eq!(seen, [(START - 30, 52.2, 13.3, 3.0), (START - 60, 52.1, 13.2, 3.0)]);
    assert_eq!((found[0].chat_id, found[0].contact_id), (chat.get(), bob.get()));
    assert_eq!(texts(&desk, chat), Vec::<String>::new());
    // The newest comes again with the next message.
    desk.gets(&key, &track("t2@x", "hi", &[(START - 30, "13.3,52.2"), (START - 10, "13.4,52.3")])).await;
    assert_eq!((places(&desk).len(), texts(&desk, chat)), (3, vec!["hi".to_owned()]));
}

#[tokio::test]
async fn what_is_no_place_or_no_track_is_left_out_without_a_message() {
    let desk = Desk::new().await;
    let (bob, key) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let odd = [(START, "NaN,52.1"), (START, "500,-500"), (START, "0,52.1"), (START + 9_000, "13.2,52.1")];
    desk.gets(&key, &track("t1@x", "", &odd)).await;
    let found = places(&desk);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].timestamp, START, "nobody is anywhere in the future");
    for (mid, broken) in [("t2@x", "<kml><Placemark>".to_owned()), ("t3@x", "x".repeat(2_000_000))] {
        let body = ChatBody { track_kml: Some(broken), ..Default::default() };
        desk.gets(&key, &mail(mid, body)).await;
    }
    assert_eq!((places(&desk).len(), texts(&desk, chat)), (1, Vec::<String>::new()));
}

#[tokio::test]
async fn a_message_points_at_the_newest_of_its_places() {
    let desk = Desk::new().await;
    let (bob, key) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let point_kml = kml(&[(START - 5, "11.5,48.1"), (START - 9, "1,2")]);
    let body = ChatBody { text: "🏠".to_owned(), point_kml, ..Default::default() };
    desk.gets(&key, &mail("p1@x", body)).await;
    let id = desk.newest(chat);
    let found = places(&desk);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].msg_id, found[0].latitude, found[0].marker.as_deref()),
        (id.get(), 48.1, Some("🏠"))
    );
    match query::run(&desk.db, PROFILE, &GetMessage { msg_id: id.get() }.into()) {
        Ok(answer::Kind::Message(message)) => assert!(message.has_location),
        other => panic!("{other:?}"),
    }
    desk.change(move |tx| crate::chat::requests::delete_messages(tx, &[id])).await;
    assert_eq!(places(&desk), []);
}

#[tokio::test]
async fn whoever_streams_is_named() {
    let desk = Desk::new().await;
    let (bob, key) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let mut begins =
        mail("s1@x", ChatBody { text: "Location streaming enabled.".to_owned(), ..Default::default() });
    begins.headers.push(ChatHeader::Content(ChatContent::LocationStreamingEnabled));
    desk.gets(&key, &begins).await;
    let line = desk.message(desk.newest(chat));
    assert_eq!(line.text, "Location streaming enabled by bob@two.test.");
    assert!(messages::is_info(&line));
    begins.message_id = Mid::parse("s2@x").unwrap();
    desk.gets(&desk.own_key(), &begins).await;
    let own = desk.db.look(|view| messages::by_mid(view, PROFILE, "s2@x")).unwrap().unwrap().1;
    assert_eq!(own.text, "You enabled location streaming.");
}

#[tokio::test]
async fn whoever_is_not_in_a_group_leaves_no_track_there() {
    let desk = Desk::new().await;
    let (_, key) = desk.knows(&["bob@two.test"]).await;
    let group = desk.change(|tx| crate::chat::groups::create(tx, "Group")).await;
    let id = desk.db.look(|view| crate::state::chats::load(view, PROFILE, group)).unwrap().unwrap().group_id;
    let mut positions = track("t1@x", "", &[(START - 60, "13.2,52.1")]);
    positions.headers.push(ChatHeader::GroupId(id));
    desk.gets(&key, &positions).await;
    assert_eq!(places(&desk), []);
    assert!(desk.db.read(|view| keys::own_certificate(view, desk.db.keys(), PROFILE)).unwrap().is_some());
}
