use volary_mail::calls::State;
use volary_storage::View as _;
use volary_storage::records::{Block, HeaderRecord, MessageState};
use volary_storage::tables::HIDDEN_MESSAGES;

use super::*;
use crate::state::chats;
use crate::testing::{Desk, PROFILE};
use crate::upkeep::deadlines::{Quiet, handle_due};

async fn places(desk: &Desk, chat: ChatId) -> MessageId {
    desk.change(move |tx| place(tx, chat, NewCall { offer: "offer".to_owned(), has_video: false })).await
}

/// A call of the contact of a chat.
async fn called(desk: &Desk, chat: ChatId, contact: ContactId) -> MessageId {
    let id = desk
        .puts(MessageRecord {
            chat,
            from: contact,
            state: MessageState::InFresh,
            text: "Incoming audio call".to_owned(),
            sent: desk.now(),
            sort: desk.now(),
            call: Some(Box::default()),
            ..Default::default()
        })
        .await;
    desk.change(move |tx| {
        rings_until(tx, id, 120)?;
        Ok(messages::update(tx, id, |record| record.view_type = ViewType::Call)?)
    })
    .await;
    id
}

fn state(desk: &Desk, id: MessageId) -> State {
    of(&desk.message(id)).unwrap().state(desk.now())
}

/// The hidden mails of a chat: what they are and what they answer.
fn mails(desk: &Desk, chat: ChatId) -> Vec<(String, Vec<HeaderRecord>)> {
    let view = desk.db.store().snapshot().unwrap();
    let rows = view.scan_prefix(&HIDDEN_MESSAGES, &(PROFILE, chat)).unwrap();
    let ids: Vec<MessageId> = rows.map(|row| row.unwrap().0.2).collect();
    ids.into_iter().map(|id| (desk.message(id).in_reply_to, desk.message(id).headers)).collect()
}

async fn time_passes(desk: &Desk, seconds: i64) {
    desk.waits(seconds);
    handle_due(&desk.db, Quiet { housekeeping: desk.now(), aging: None }).await.unwrap();
}

#[tokio::test]
async fn a_call_is_placed_rings_and_rings_out() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let id = places(&desk, chat).await;
    let record = desk.message(id);
    assert_eq!((record.text.as_str(), record.view_type), ("Outgoing audio call", ViewType::Call));
    assert_eq!((record.wire_text.as_str(), record.wants_receipt), (wire::CALL, true));
    time_passes(&desk, 119).await;
    assert_eq!(state(&desk, id), State::Alerting);
    desk.events().await;
    time_passes(&desk, 1).await;
    assert_eq!((state(&desk, id), desk.message(id).text.as_str()), (State::Declined, "Canceled call"));
    let events = desk.events().await;
    let ended = event::CallEnded { msg_id: id.get(), chat_id: chat.get() };
    assert!(events.contains(&event::Kind::CallEnded(ended)), "{events:?}");
    assert_eq!(mails(&desk, chat), [], "the other side has the same clock");
}

#[tokio::test]
async fn a_call_that_is_taken_back_tells_the_other_side() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.chat_with(bob).await;
    let id = places(&desk, chat).await;
    assert!(desk.change(move |tx| end(tx, id)).await.is_none());
    assert!(desk.change(move |tx| end(tx, id)).await.is_none());
    assert_eq!((state(&desk, id), desk.message(id).text.as_str()), (State::Canceled, "Canceled call"));
    let sent = mails(&desk, chat);
    assert_eq!(sent.len(), 1, "once: {sent:?}");
    assert_eq!(
        (sent[0].0.as_str(), sent[0].1[0].value.as_str()),
        (desk.message(id).mid.as_str(), "call-ended")
    );
}

#[tokio::test]
async fn a_call_is_answered_and_hung_up() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.change(move |tx| Ok(chats::ensure_single(tx, bob, Block::Request)?)).await;
    let id = called(&desk, chat, bob).await;
    desk.change(move |tx| accept(tx, id, "answer")).await;
    desk.change(move |tx| accept(tx, id, "another")).await;
    assert_eq!((state(&desk, id), desk.message(id).state), (State::Active, MessageState::InSeen));
    let accepted = desk.db.look(|view| chats::load(view, PROFILE, chat)).unwrap().unwrap();
    assert_eq!(accepted.blocked, Block::Not, "the request is accepted with the call");
    time_passes(&desk, 130).await;
    desk.change(move |tx| end(tx, id)).await;
    assert_eq!(state(&desk, id), State::Completed { seconds: 130 });
    assert_eq!(desk.message(id).text, "Incoming audio call\n2 minutes");
    let sent = mails(&desk, chat);
    let contents: Vec<&str> = sent.iter().map(|(_, headers)| headers[0].value.as_str()).collect();
    assert_eq!(contents, ["call-accepted", "call-ended"]);
    assert_eq!(sent[0].1[1].value, "answer");
}

#[tokio::test]
async fn a_stranger_is_declined_without_being_told() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let chat = desk.change(move |tx| Ok(chats::ensure_single(tx, bob, Block::Request)?)).await;
    let id = called(&desk, chat, bob).await;
    let refused = desk.change(move |tx| end(tx, id)).await.unwrap().to_string();
    assert!(
        refused.ends_with("contact request chat should be accepted before sending messages"),
        "{refused}"
    );
    assert_eq!((state(&desk, id), desk.message(id).text.as_str()), (State::Declined, "Declined call"));
    assert_eq!(mails(&desk, chat), []);
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let desk = Desk::new().await;
    let (bob, _) = desk.knows(&["bob@two.test"]).await;
    let (chat, own) = (desk.chat_with(bob).await, desk.chat_with(ContactId::SELF).await);
    let text = desk.says(chat, "hi").await;
    let placed = places(&desk, chat).await;
    let refused = |job: fn(&mut Tx<'_, '_>, MessageId) -> Outcome<()>, id: MessageId| {
        let db = desk.db.clone();
        async move { db.transact(PROFILE, move |tx| job(tx, id)).await.err().map(|failure| failure.to_string()) }
    };
    let accepts: fn(&mut Tx<'_, '_>, MessageId) -> Outcome<()> = |tx, id| accept(tx, id, "");
    let ends: fn(&mut Tx<'_, '_>, MessageId) -> Outcome<()> = |tx, id| end(tx, id).map(|_| ());
    let not_one =
        |asked: &str| Some(format!("{asked} is called with Msg#{text} which does not refer to a call"));
    assert_eq!(refused(accepts, text).await, not_one("accept_incoming_call"));
    assert_eq!(refused(ends, text).await, not_one("end_call"));
    assert_eq!(refused(accepts, placed).await.as_deref(), Some("Condition failed: `call.is_incoming()`"));
    let to = |chat| {
        let db = desk.db.clone();
        async move {
            let placed = db.transact(PROFILE, move |tx| place(tx, chat, NewCall::default())).await;
            placed.err().map(|failure| failure.to_string())
        }
    };
    let group = desk.change(|tx| crate::chat::groups::create(tx, "Group")).await;
    assert_eq!(to(own).await.as_deref(), Some("Cannot call self"));
    assert_eq!(to(group).await.as_deref(), Some("Can only place calls in single chats"));
}
