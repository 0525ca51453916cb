//! What a profile owns, and what it does when that fails.

use std::sync::Arc;
use std::time::Duration;

use volary_proto::v1::{
    AcceptChat, CreateChatByContactId, CreateContact, Event, GetWebxdcStatusUpdates, MessageData, RelayHead,
    RelayHeadAction, RelayMail, SendMessage, SendReaction, SendWebxdcStatusUpdate, SetConfig, SetDraft,
    StartIo, StopIo, answer, event,
};

use actix::Addr;

use super::*;
use crate::bus::EventStream;
use crate::chat::Chat;
use crate::faults::Spot;
use crate::relay_connection::RelayConnection;
use crate::testing::{self, House, until};
use volary_engine::ground::error::Failure;
use volary_engine::ground::ids::{ChatId, ContactId, MessageId, TransportId};
use volary_engine::outgoing::complete::MAX_FAULTS;
use volary_engine::state::{messages, outbox};
use volary_storage::records::{MessageRecord, MessageState, OutboxRecord, ViewType};

/// Longest time that a test waits for an event.
const PATIENCE: Duration = Duration::from_secs(20);

/// Makes a connection fail.
#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for RelayConnection {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Self::Context) {
        panic!("the connection fails");
    }
}

/// Asks for the connection of the first transport.
#[derive(Message)]
#[rtype(result = "Option<Addr<RelayConnection>>")]
struct GetConnection;

impl Handler<GetConnection> for Profile {
    type Result = Option<Addr<RelayConnection>>;

    fn handle(&mut self, _: GetConnection, _: &mut Self::Context) -> Self::Result {
        self.shared.connection(TransportId::new(1))
    }
}

/// Asks whether the actor of an app runs.
#[derive(Message)]
#[rtype(result = "bool")]
struct GetApp(MessageId);

impl Handler<GetApp> for Profile {
    type Result = bool;

    fn handle(&mut self, asked: GetApp, _: &mut Self::Context) -> Self::Result {
        self.shared.apps.runs(asked.0)
    }
}

impl Handler<Fail> for Chat {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Self::Context) {
        panic!("the chat fails");
    }
}

/// Asks for the actor of a chat.
#[derive(Message)]
#[rtype(result = "Option<Addr<Chat>>")]
struct GetChat(ChatId);

impl Handler<GetChat> for Profile {
    type Result = Option<Addr<Chat>>;

    fn handle(&mut self, asked: GetChat, _: &mut Self::Context) -> Self::Result {
        chats::of(&self.shared, asked.0).map(|chat| chat.addr)
    }
}

/// A profile that takes classic mail, and its actor.
async fn classic(house: &House) -> (ProfileId, Addr<Profile>) {
    let id = house.profile("me@one.test").await;
    let plain = SetConfig { key: "force_encryption".to_owned(), value: Some("0".to_owned()) };
    house.asks(id, plain).await.unwrap();
    (id, house.running().await.remove(0))
}

fn classic_mail(mid: &str) -> String {
    format!(
        "Message-ID: <{mid}@two.test>\r\nFrom: Bob <bob@two.test>\r\nTo: me@one.test\r\nSubject: Hello\r\n\
         Date: Sun, 15 Jun 2025 15:00:00 +0000\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nHi\r\n"
    )
}

fn heads(transport_id: u32, mids: &[(u32, &str)]) -> RelayHeads {
    let head = |(uid, mid): &(u32, &str)| {
        let header = classic_mail(mid).split_inclusive("\r\n\r\n").next().unwrap().to_owned();
        RelayHead { uid: *uid, size: 300, header: header.into(), ..Default::default() }
    };
    RelayHeads { transport_id, uidvalidity: 1, heads: mids.iter().map(head).collect() }
}

fn mails(transport_id: u32, uid: u32, mid: &str) -> RelayMails {
    let mail = RelayMail { uid, raw: classic_mail(mid).into(), seen: false };
    RelayMails { transport_id, uidvalidity: 1, mails: vec![mail], ..Default::default() }
}

/// The first of the next events that fits.
async fn event<T>(events: &EventStream, fits: impl Fn(&event::Kind) -> Option<T>) -> T {
    let waiting = async {
        loop {
            let next: Arc<Event> = events.next().await.expect("no more events");
            if let Some(found) = next.kind.as_ref().and_then(&fits) {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("the event does not come")
}

/// The chat that a mail of Bob makes.
async fn chat_with_bob(house: &House, id: ProfileId, profile: &Addr<Profile>) -> u32 {
    let events = house.hub.bus.subscribe_to(id);
    profile.send(mails(1, 1, "first")).await.unwrap();
    let made = event(&events, |kind| match kind {
        event::Kind::IncomingMsg(told) => Some(told.chat_id),
        _ => None,
    });
    let chat_id = made.await;
    house.asks(id, AcceptChat { chat_id }).await.unwrap();
    chat_id
}

/// A file that takes a while to copy.
fn large_file(dir: &tempfile::TempDir) -> String {
    let path = dir.path().join("large.bin");
    std::fs::write(&path, vec![7; 16 << 20]).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn online(house: &House) -> (ProfileId, Addr<Profile>) {
    let id = house.profile("me@one.test").await;
    house.asks(id, StartIo {}).await.unwrap();
    (id, house.running().await.remove(0))
}

#[actix::test]
async fn a_send_loop_that_fails_is_started_again() {
    let house = House::new();
    house.hub.faults.provoke(Spot::Sending, 2);
    let (id, _) = online(&house).await;
    until(|| house.hub.faults.passed(Spot::Sending) == 3).await;
    // The loop has come to its end, and begins again when there is something new.
    let woken = house.hub.db.transact(id, |tx| {
        tx.effects().outbox = true;
        Ok::<_, Failure>(())
    });
    woken.await.unwrap();
    until(|| house.hub.faults.passed(Spot::Sending) == 4).await;
}

/// The row that sends a message, and the message.
fn row(house: &House, profile: ProfileId, message: MessageId) -> Option<OutboxRecord> {
    let rows = house.hub.db.look(|view| outbox::entries(view, profile, 10)).unwrap();
    rows.into_iter().map(|(_, job)| job).find(|job| job.message == message)
}

fn message(house: &House, profile: ProfileId, id: MessageId) -> MessageRecord {
    house.hub.db.look(|view| messages::load(view, profile, id)).unwrap().unwrap()
}

/// Puts a message into the queue. Returns its id and its place in the queue.
async fn says(house: &House, profile: ProfileId, chat_id: u32) -> (MessageId, u64) {
    let data = MessageData { text: Some("Hi".to_owned()), ..Default::default() };
    let said = house.asks(profile, SendMessage { chat_id, data: Some(data) }).await.unwrap();
    let Some(answer::Kind::Id(said)) = said.kind else { panic!("{said:?}") };
    let rows = house.hub.db.look(|view| outbox::entries(view, profile, 10)).unwrap();
    (MessageId::new(said.id), rows.last().unwrap().0)
}

async fn chat_with(house: &House, profile: ProfileId, contact_id: u32) -> u32 {
    let made = house.asks(profile, CreateChatByContactId { contact_id }).await.unwrap();
    let Some(answer::Kind::Id(chat)) = made.kind else { panic!("{made:?}") };
    chat.id
}

/// What waits for its next try is tried now.
async fn time_comes(house: &House, profile: ProfileId) {
    let changed = house.hub.db.transact(profile, |tx| {
        for (sequence, _) in outbox::entries(tx.store, tx.profile, 10)? {
            outbox::update(tx, sequence, |job| job.not_before = 0)?;
        }
        tx.effects().outbox = true;
        Ok::<_, Failure>(())
    });
    changed.await.unwrap();
}

#[actix::test]
async fn a_mail_whose_submission_panics_is_kept_for_the_next_start_and_the_others_go() {
    let (house, relay) = (House::new(), testing::relay("_mail.invalid").await);
    testing::leads_to(&house.hub.network, &relay);
    let login =
        testing::configured(&house.hub.network, &testing::entered(&relay, "me", false)).await.unwrap();
    let id = house.profile(&login.addr).await;
    house.logs_in(id, &login).await;
    let plain = SetConfig { key: "force_encryption".to_owned(), value: Some("0".to_owned()) };
    house.asks(id, plain).await.unwrap();
    let mut chats = Vec::new();
    for name in ["bob", "carol"] {
        // Who has logged in once has a mailbox.
        let known = testing::configured(&house.hub.network, &testing::entered(&relay, name, false)).await;
        let contact = CreateContact { email: known.unwrap().addr, name: None };
        let Some(answer::Kind::Id(made)) = house.asks(id, contact).await.unwrap().kind else { panic!() };
        chats.push(chat_with(&house, id, made.id).await);
    }
    let (bobs, carols) = (chats[0], chats[1]);
    let (bad, sequence) = says(&house, id, bobs).await;
    let (behind, _) = says(&house, id, bobs).await;
    let (other, _) = says(&house, id, carols).await;
    house.hub.faults.provoke(Spot::Submitting(sequence), MAX_FAULTS);

    house.asks(id, StartIo {}).await.unwrap();
    until(|| message(&house, id, other).state == MessageState::OutDelivered).await;
    for faults in 1..MAX_FAULTS {
        until(|| row(&house, id, bad).unwrap().faults == faults).await;
        assert_eq!(message(&house, id, bad).state, MessageState::OutPending);
        time_comes(&house, id).await;
    }
    until(|| message(&house, id, behind).state == MessageState::OutDelivered).await;
    let kept = message(&house, id, bad);
    assert_eq!(kept.state, MessageState::OutFailed);
    assert!(kept.error.contains("submitting the mail failed: provoked at Submitting"), "{}", kept.error);
    assert!(!row(&house, id, bad).unwrap().held.is_empty());

    house.asks(id, StopIo {}).await.unwrap();
    house.asks(id, StartIo {}).await.unwrap();
    until(|| message(&house, id, bad).state == MessageState::OutDelivered).await;
    assert!(row(&house, id, bad).is_none() && message(&house, id, bad).error.is_empty());
}

#[actix::test]
async fn a_connection_that_fails_is_made_anew_soon() {
    let house = House::new();
    let (_, profile) = online(&house).await;
    let first = profile.send(GetConnection).await.unwrap().unwrap();
    assert!(first.send(Fail).await.is_err());
    let made_anew = async {
        loop {
            let now = profile.send(GetConnection).await.unwrap().unwrap();
            if now != first && now.connected() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), made_anew).await.expect("it stays away");
}

#[actix::test]
async fn a_batch_that_is_answered_leaves_the_claims_of_the_next_one() {
    let house = House::new();
    let (id, profile) = classic(&house).await;
    house.gets_transport(id, "me@two.test").await;
    let decided = profile.send(heads(1, &[(1, "a"), (2, "b")])).await.unwrap().decisions;
    assert!(decided.iter().all(|decision| decision.action() == RelayHeadAction::Download), "{decided:?}");
    profile.send(mails(1, 1, "a")).await.unwrap();
    let other = profile.send(heads(2, &[(7, "b")]));
    tokio::pin!(other);
    let early = tokio::time::timeout(Duration::from_millis(500), &mut other).await;
    assert!(early.is_err(), "the first relay still downloads it: {early:?}");
    profile.send(mails(1, 2, "b")).await.unwrap();
    let decided = tokio::time::timeout(PATIENCE, other).await.expect("nobody answers").unwrap().decisions;
    assert_eq!(decided[0].action(), RelayHeadAction::Skip);
}

#[actix::test]
async fn a_command_that_names_a_message_waits_for_its_turn_in_the_chat() {
    let house = House::new();
    let (id, _) = classic(&house).await;
    let made = house.asks(id, CreateChatByContactId { contact_id: 1 }).await.unwrap();
    let Some(answer::Kind::Id(chat)) = made.kind else { panic!("{made:?}") };
    let chat_id = chat.id;
    let text = MessageData { text: Some("Hi".to_owned()), ..Default::default() };
    let said = house.asks(id, SendMessage { chat_id, data: Some(text) }).await.unwrap();
    let Some(answer::Kind::Id(said)) = said.kind else { panic!("{said:?}") };
    let files = tempfile::tempdir().unwrap();
    let events = house.hub.bus.subscribe_to(id);
    let draft = SetDraft { chat_id, file: Some(large_file(&files)), ..Default::default() };
    let reaction = SendReaction { msg_id: said.id, reactions: vec!["👍".to_owned()] };
    let (drafted, reacted) = futures::join!(house.asks(id, draft), house.asks(id, reaction));
    assert!(drafted.is_ok() && reacted.is_ok(), "{drafted:?} {reacted:?}");
    let first = event(&events, |kind| match kind {
        event::Kind::MsgsChanged(told) if told.msg_id > said.id => Some("the draft"),
        event::Kind::ReactionsChanged(_) => Some("the reaction"),
        _ => None,
    });
    assert_eq!(first.await, "the draft");
}

#[actix::test]
async fn a_mail_waits_for_its_turn_in_its_chat() {
    let house = House::new();
    let (id, profile) = classic(&house).await;
    let chat_id = chat_with_bob(&house, id, &profile).await;
    let files = tempfile::tempdir().unwrap();
    let events = house.hub.bus.subscribe_to(id);
    let draft = SetDraft { chat_id, file: Some(large_file(&files)), ..Default::default() };
    // Straight to the profile, in this order.
    let drafted = profile.send(Request::new(id.get(), draft));
    let (drafted, arrived) = futures::join!(drafted, profile.send(mails(1, 2, "second")));
    assert!(drafted.unwrap().is_ok() && arrived.unwrap().decisions.len() == 1);
    let first = event(&events, |kind| match kind {
        event::Kind::IncomingMsg(_) => Some("the mail"),
        event::Kind::MsgsChanged(told) if told.chat_id == chat_id => Some("the draft"),
        _ => None,
    });
    assert_eq!(first.await, "the draft");
}

#[actix::test]
async fn a_chat_that_fails_is_there_for_the_next_mail() {
    let house = House::new();
    let (id, profile) = classic(&house).await;
    let chat = chat_with_bob(&house, id, &profile).await;
    let actor = profile.send(GetChat(chat.into())).await.unwrap().unwrap();
    assert!(actor.send(Fail).await.is_err());
    let events = house.hub.bus.subscribe_to(id);
    profile.send(mails(1, 2, "second")).await.unwrap();
    let came_to = event(&events, |kind| match kind {
        event::Kind::IncomingMsg(told) => Some(told.chat_id),
        _ => None,
    });
    assert_eq!(came_to.await, chat);
}

#[actix::test]
async fn updates_of_an_app_have_the_order_in_which_they_were_asked_for() {
    let house = House::new();
    let (id, profile) = classic(&house).await;
    let chat = ChatId::new(chat_with_bob(&house, id, &profile).await);
    let stored = house.hub.db.transact(id, move |tx| {
        let state = MessageState::OutDelivered;
        let app =
            MessageRecord { chat, mid: "app@one.test".to_owned(), state, sort: tx.now, ..Default::default() };
        messages::insert(tx, &MessageRecord { view_type: ViewType::Webxdc, from: ContactId::SELF, ..app })
    });
    let msg_id = stored.await.unwrap().value.get();
    let updates = (0..100).map(|number| {
        house.asks(id, SendWebxdcStatusUpdate { msg_id, update: format!("{{\"payload\":{number}}}") })
    });
    for answer in futures::future::join_all(updates).await {
        answer.unwrap();
    }
    assert!(profile.send(GetApp(MessageId::new(msg_id))).await.unwrap(), "its actor had them");
    let asked = GetWebxdcStatusUpdates { msg_id, last_known_serial: 0 };
    let found = volary_engine::query::run(&house.hub.db, id, &asked.into()).unwrap();
    let answer::Kind::Text(found) = found else { panic!("{found:?}") };
    let expected: Vec<String> = (0..100)
        .map(|number| format!("{{\"payload\":{number},\"serial\":{},\"max_serial\":100}}", number + 1))
        .collect();
    assert_eq!(found.text, format!("[{}]", expected.join(",\n")));
}
