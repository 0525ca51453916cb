//! Who notices an end, and who does not come back.

use actix::Message;
use volary_engine::state::chats;
use volary_engine::state::deadlines::{self, Kind};
use volary_engine::upkeep::deadlines::Upkeep;
use volary_proto::v1::{
    AddAccount, CreateChatByContactId, ForwardMessagesToAccount, MessageData, RemoveAccount, SendMessage,
    SetConfig, SetDraft, StartIo, answer, event,
};

use super::*;
use crate::faults::Spot;
use crate::testing::{House, until};

/// Makes an actor fail.
#[derive(Message)]
#[rtype(result = "()")]
struct Fail;

impl Handler<Fail> for Profile {
    type Result = ();

    fn handle(&mut self, _: Fail, _: &mut Self::Context) {
        panic!("the profile fails");
    }
}

/// Makes housekeeping of a profile due.
#[derive(Message)]
#[rtype(result = "()")]
struct IsDue(ProfileId);

impl Handler<IsDue> for Supervisor {
    type Result = ();

    fn handle(&mut self, due: IsDue, _: &mut Self::Context) {
        self.cleaning.add(Upkeep::Clean(due.0));
    }
}

async fn adds_deadline(house: &House, profile: ProfileId) {
    let now = house.hub.db.now();
    let added = house.hub.db.transact(profile, move |tx| deadlines::add(tx, now - 1, Kind::RetrySending, 0));
    added.await.unwrap();
}

fn is_due(house: &House) -> bool {
    let first = house.hub.db.look(|view| deadlines::first(view, 100)).unwrap();
    first.iter().any(|row| row.kind == Kind::RetrySending)
}

#[actix::test]
async fn a_deadline_queue_that_fails_is_started_again() {
    let house = House::new();
    let profile = house.profile("me@one.test").await;
    adds_deadline(&house, profile).await;
    until(|| !is_due(&house)).await;
    house.hub.faults.provoke(Spot::Deadlines, 2);
    adds_deadline(&house, profile).await;
    until(|| !is_due(&house)).await;
    assert!(house.asks(ProfileId::PROCESS, AddAccount {}).await.is_ok(), "its owner is as it was");
}

#[actix::test]
async fn housekeeping_that_fails_for_one_profile_goes_on_with_the_next() {
    let house = House::new();
    house.hub.faults.provoke(Spot::Housekeeping, 1);
    for profile in [1, 2, 3].map(ProfileId::new) {
        house.supervisor.send(IsDue(profile)).await.unwrap();
    }
    until(|| house.hub.faults.passed(Spot::Housekeeping) == 3).await;
}

#[actix::test]
async fn a_profile_that_fails_is_online_again_soon() {
    let house = House::new();
    let profile = house.profile("me@one.test").await;
    house.asks(profile, StartIo {}).await.unwrap();
    until(|| house.hub.faults.passed(Spot::Sending) > 0).await;
    let before = house.hub.faults.passed(Spot::Sending);
    let running = house.running().await;
    assert!(running[0].send(Fail).await.is_err());
    // The start of I/O looks whether there is something to send.
    until(|| house.hub.faults.passed(Spot::Sending) > before).await;
    assert_eq!(house.running().await.len(), 1);
}

#[actix::test]
async fn a_command_to_a_profile_that_is_being_removed_does_not_bring_it_back() {
    let house = House::new();
    let profile = house.profile("me@one.test").await;
    let removed = house.supervisor.send(Request::new(0, RemoveAccount { account_id: profile.get() }));
    let named = SetConfig { key: "displayname".to_owned(), value: Some("Late".to_owned()) };
    let late = house.supervisor.send(Request::new(profile.get(), named));
    let again = house.supervisor.send(Request::new(0, RemoveAccount { account_id: profile.get() }));
    let (removed, late, again) = futures::join!(removed, late, again);
    assert!(removed.unwrap().is_ok());
    for refused in [late, again] {
        let error = refused.unwrap().unwrap_err();
        assert_eq!(error.code(), volary_proto::v1::ErrorCode::NotFound, "{error}");
    }
    assert!(house.running().await.is_empty());
    assert!(house.hub.db.look(profiles::ids).unwrap().is_empty());
}

#[actix::test]
async fn messages_are_copied_to_another_profile_at_their_turn_in_the_chat_there() {
    let house = House::new();
    let (from, to) = (house.profile("me@one.test").await, house.profile("me@two.test").await);
    let own_chat = async |profile| {
        let made = house.asks(profile, CreateChatByContactId { contact_id: 1 }).await.unwrap();
        let Some(answer::Kind::Id(chat)) = made.kind else { panic!("{made:?}") };
        chat.id
    };
    let (chat_id, target) = (own_chat(from).await, own_chat(to).await);
    let text = MessageData { text: Some("Hi".to_owned()), ..Default::default() };
    let said = house.asks(from, SendMessage { chat_id, data: Some(text) }).await.unwrap();
    let Some(answer::Kind::Id(said)) = said.kind else { panic!("{said:?}") };
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("large.bin");
    std::fs::write(&file, vec![7; 16 << 20]).unwrap();
    let file = Some(file.to_str().unwrap().to_owned());
    let events = house.hub.bus.subscribe_to(to);
    let draft = SetDraft { chat_id: target, file, ..Default::default() };
    let copy = ForwardMessagesToAccount { msg_ids: vec![said.id], account_id: to.get(), chat_id: target };
    let (drafted, copied) = futures::join!(house.asks(to, draft), house.asks(from, copy));
    assert!(drafted.is_ok() && copied.is_ok(), "{drafted:?} {copied:?}");
    // The draft was asked for first, so it has the lower id.
    let mut changed = Vec::new();
    while let Some(event) = events.try_next() {
        if let Some(event::Kind::MsgsChanged(told)) = &event.kind {
            changed.extend((told.chat_id == target && told.msg_id != 0).then_some(told.msg_id));
        }
    }
    let drafted =
        house.hub.db.look(|view| chats::load(view, to, target.into())).unwrap().unwrap().draft.unwrap();
    assert!(changed.len() >= 2 && changed[0] == drafted.get(), "draft {drafted} in {changed:?}");
    let nowhere = ForwardMessagesToAccount { msg_ids: vec![said.id], account_id: 77, chat_id: target };
    assert!(house.asks(from, nowhere).await.is_err());
}

#[actix::test]
async fn after_the_end_nothing_starts_a_profile() {
    let house = House::new();
    let profile = house.profile("me@one.test").await;
    house.supervisor.send(EndProfiles).await.unwrap();
    assert!(house.asks(profile, StartIo {}).await.is_err());
    assert!(house.running().await.is_empty());
}
