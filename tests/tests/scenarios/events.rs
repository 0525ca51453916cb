//! Which events come, and in which order.

use futures::StreamExt as _;
use volary_proto::event::Kind;
use volary_proto::{GetMessage, MessageState};
use volary_tests::{Person, World};

/// Position of an event that must have come.
async fn place(person: &Person, what: &str, pick: impl Fn(&Kind) -> bool) -> usize {
    person.eventually(what, async || person.log.position(&pick)).await
}

#[tokio::test]
async fn a_message_is_in_the_chat_before_it_is_delivered_and_delivered_before_it_is_read() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let sent = alice.says(&bob, "hi").await;
    let seen = bob.sees("hi").await;
    bob.reads(&[seen.id]).await;
    let read =
        place(&alice, "MsgRead", |kind| matches!(kind, Kind::MsgRead(event) if event.msg_id == sent)).await;
    let changed =
        place(&alice, "MsgsChanged", |kind| matches!(kind, Kind::MsgsChanged(event) if event.msg_id == sent))
            .await;
    let delivered = place(
        &alice,
        "MsgDelivered",
        |kind| matches!(kind, Kind::MsgDelivered(event) if event.msg_id == sent),
    )
    .await;
    assert!(changed < delivered && delivered < read);
    world.ends().await;
}

#[tokio::test]
async fn the_joiner_hears_of_progress_in_order() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let progress = |wanted: u32| move |kind: &Kind| matches!(kind, Kind::SecurejoinJoinerProgress(event) if event.progress == wanted);
    let begun = place(&bob, "progress 400", progress(400)).await;
    let done = place(&bob, "progress 1000", progress(1000)).await;
    assert!(begun < done);
    let welcomed =
        |kind: &Kind| matches!(kind, Kind::SecurejoinInviterProgress(event) if event.progress == 1000);
    place(&alice, "progress of the inviter", welcomed).await;
    world.ends().await;
}

#[tokio::test]
async fn a_new_chat_is_announced_before_its_first_message() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    bob.imports_card_of(&alice).await;
    bob.says(&alice, "hello").await;
    let message = alice.sees("hello").await;
    let arrived = |kind: &Kind| matches!(kind, Kind::IncomingMsg(event) if event.msg_id == message.id);
    let arrived = place(&alice, "IncomingMsg", arrived).await;
    let note = |kind: &Kind| matches!(kind, Kind::MsgsChanged(event) if event.chat_id == message.chat_id && event.msg_id != message.id);
    assert!(place(&alice, "MsgsChanged", note).await < arrived);
    let listed = |kind: &Kind| matches!(kind, Kind::ChatlistItemChanged(event) if event.chat_id == Some(message.chat_id));
    place(&alice, "ChatlistItemChanged", listed).await;
    let mark = arrived;
    alice
        .eventually("IncomingMsgBunch after the message", async || {
            alice.log.since(mark).iter().any(|kind| matches!(kind, Kind::IncomingMsgBunch(_))).then_some(())
        })
        .await;
    world.ends().await;
}

#[tokio::test]
async fn what_an_event_tells_can_be_queried_at_once() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let events = world.engine.events();
    let texts: Vec<String> = (0..20).map(|number| format!("number {number}")).collect();
    let chat = alice.chat_with(&bob).await;
    for text in &texts {
        chat.says(text).await;
    }
    let (mut incoming, mut delivered) = (Vec::new(), 0);
    let everything = async {
        while incoming.len() < texts.len() || delivered < texts.len() {
            let event = events.next().await.expect("the engine runs");
            match &event.kind {
                Some(Kind::IncomingMsg(new)) if event.profile_id == bob.profile => {
                    incoming.push(bob.call(GetMessage { msg_id: new.msg_id }).await.text);
                }
                Some(Kind::MsgDelivered(sent)) if event.profile_id == alice.profile => {
                    assert_eq!(alice.message(sent.msg_id).await.state(), MessageState::OutDelivered);
                    delivered += 1;
                }
                _ => {}
            }
        }
    };
    tokio::time::timeout(volary_tests::patience(), everything).await.expect("all events come in time");
    assert_eq!(incoming, texts, "one event a message, in order");
    world.ends().await;
}

#[tokio::test]
async fn two_listeners_hear_the_same_in_the_same_order() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (one, other) = (world.engine.events(), world.engine.events());
    alice.invites(&bob).await;
    alice.says(&bob, "hi").await;
    bob.sees("hi").await;
    world.ends().await;
    let (mut first, mut second) = (Vec::new(), Vec::new());
    while let Some(event) = one.next().await {
        first.push(event);
    }
    while let Some(event) = other.next().await {
        second.push(event);
    }
    assert!(first.len() > 10);
    assert_eq!(first, second);
}

#[tokio::test]
async fn a_stream_of_one_profile_has_its_events_in_order_and_no_others() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (all, narrowed) = (world.engine.events(), world.engine.events_of(alice.profile));
    alice.invites(&bob).await;
    alice.says(&bob, "hi").await;
    bob.sees("hi").await;
    world.ends().await;
    let all: Vec<_> = all.collect().await;
    let narrowed: Vec<_> = narrowed.collect().await;
    let expected: Vec<_> = all.iter().filter(|event| event.profile_id == alice.profile).cloned().collect();
    assert!(narrowed.len() > 10 && narrowed.len() < all.len());
    assert_eq!(narrowed, expected);
}
