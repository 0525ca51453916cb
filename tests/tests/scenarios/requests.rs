//! Strangers, accepting, blocking.

use volary_proto::MessageData;
use volary_proto::event::Kind;
use volary_proto::{
    BlockContact, GetChatlistEntries, GetFreshMsgs, MessageState, SendMessage, UnblockContact,
};
use volary_tests::{Person, World};

/// Whether an `IncomingMsg` (true) or `MsgsChanged` (false) was told for a message.
fn told(person: &Person, msg_id: u32, incoming: bool) -> bool {
    let told = |kind: &Kind| match kind {
        Kind::IncomingMsg(event) => incoming && event.msg_id == msg_id,
        Kind::MsgsChanged(event) => !incoming && event.msg_id == msg_id,
        _ => false,
    };
    person.log.position(told).is_some()
}

async fn is_told(person: &Person, msg_id: u32, incoming: bool) {
    let what = if incoming { "IncomingMsg" } else { "MsgsChanged" };
    person.eventually(what, async || told(person, msg_id, incoming).then_some(())).await;
    assert!(!told(person, msg_id, !incoming), "exactly one of the two is told for message {msg_id}");
}

#[tokio::test]
async fn a_stranger_asks_once_and_is_accepted() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    bob.imports_card_of(&alice).await;
    bob.says(&alice, "Hello, I am Bob").await;
    let first = alice.sees("Hello, I am Bob").await;
    is_told(&alice, first.id, true).await;
    let chat = alice.finds_chat("Bob").await;
    let shown = chat.full().await;
    assert!(shown.is_contact_request && !shown.can_send && shown.is_encrypted);
    let refused = alice
        .tries(SendMessage {
            chat_id: chat.id,
            data: Some(MessageData { text: Some("no".to_owned()), ..Default::default() }),
        })
        .await;
    let refusal = refused.expect_err("a request must be accepted before one answers");
    assert!(refusal.message.contains("contact request chat should be accepted"), "{refusal}");

    bob.says(&alice, "Are you there?").await;
    is_told(&alice, alice.sees("Are you there?").await.id, false).await;
    let fresh = alice.call(GetFreshMsgs {}).await.ids;
    assert!(!fresh.contains(&first.id), "messages of requests do not count as fresh: {fresh:?}");

    chat.is_accepted().await;
    let shown = chat.full().await;
    assert!(!shown.is_contact_request && shown.can_send);
    bob.says(&alice, "I can wait").await;
    is_told(&alice, alice.sees("I can wait").await.id, true).await;
    chat.says("Here I am").await;
    bob.sees("Here I am").await;
    world.ends().await;
}

#[tokio::test]
async fn reading_a_request_tells_the_stranger_nothing() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    bob.imports_card_of(&alice).await;
    let asked = bob.says(&alice, "Are you there?").await;
    let seen = alice.sees("Are you there?").await;
    alice.reads(&[seen.id]).await;
    assert_eq!(alice.message(seen.id).await.state(), MessageState::InSeen);
    alice.finds_chat("Bob").await.is_accepted().await;
    // The answer is sent after any receipt would have been.
    alice.says(&bob, "Yes").await;
    bob.sees("Yes").await;
    assert_eq!(bob.message(asked).await.state(), MessageState::OutDelivered);
    world.ends().await;
}

#[tokio::test]
async fn a_blocked_request_is_never_seen_again() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.person("Alice").await, world.person("Bob").await, world.person("Carol").await);
    alice.invites(&carol).await;
    bob.imports_card_of(&alice).await;
    bob.says(&alice, "Buy something").await;
    alice.sees("Buy something").await;
    let chat = alice.finds_chat("Bob").await;
    chat.is_blocked().await;
    assert!(alice.contact(&bob).await.is_none_or(|contact| contact.is_blocked));
    let mark = alice.log.mark();
    let sent = bob.says(&alice, "Buy it now").await;
    bob.has_sent(sent).await;
    carol.says(&alice, "Hello from a friend").await;
    alice.sees("Hello from a friend").await;
    assert_eq!(alice.count("Buy something").await + alice.count("Buy it now").await, 0);
    assert!(!alice.call(GetChatlistEntries::default()).await.ids.contains(&chat.id));
    let incoming = alice.log.since(mark);
    let from_bob =
        incoming.iter().filter(|kind| matches!(kind, Kind::IncomingMsg(event) if event.chat_id == chat.id));
    assert_eq!(from_bob.count(), 0);
    world.ends().await;
}

#[tokio::test]
async fn a_blocked_friend_is_heard_again_after_unblocking() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let contact_id = alice.id_of(&bob).await;
    let chat = alice.chat_with(&bob).await;
    alice.call(BlockContact { contact_id }).await;
    let lost = bob.says(&alice, "while blocked").await;
    bob.has_sent(lost).await;
    alice.call(UnblockContact { contact_id }).await;
    bob.says(&alice, "after unblocking").await;
    alice
        .eventually("what Bob wrote later", async || {
            alice.count("after unblocking").await.eq(&1).then_some(())
        })
        .await;
    chat.says("welcome back").await;
    bob.sees("welcome back").await;
    world.ends().await;
}

#[tokio::test]
async fn a_group_of_a_stranger_is_a_request() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    bob.imports_card_of(&alice).await;
    let group = bob.founds("Bargains").await;
    group.adds(&alice).await;
    group.says("Everything is cheap").await;
    let seen = alice.sees("Everything is cheap").await;
    let chat = alice.finds_chat("Bargains").await;
    assert_eq!(seen.chat_id, chat.id);
    assert!(chat.full().await.is_contact_request);
    chat.is_accepted().await;
    chat.says("No, thank you").await;
    bob.sees("No, thank you").await;
    world.ends().await;
}
