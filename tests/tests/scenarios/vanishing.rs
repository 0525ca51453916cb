//! Disappearing messages.

use volary_proto::GetExistingMsgIds;
use volary_tests::World;

#[tokio::test]
async fn a_message_disappears_on_both_sides() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (at_alice, at_bob) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    at_alice.says("this stays").await;
    bob.sees("this stays").await;
    at_alice.sets_timer(2).await;
    at_bob.has_timer(2).await;
    let sent = at_alice.says("The gate code is 4711").await;
    let seen = bob.sees("The gate code is 4711").await;
    bob.reads(&[seen.id]).await;
    alice.loses(sent).await;
    bob.loses(seen.id).await;
    for person in [&alice, &bob] {
        assert_eq!(person.count("The gate code is 4711").await, 0);
        assert_eq!(person.count("this stays").await, 1);
    }
    world.ends().await;
}

#[tokio::test]
async fn a_message_waits_until_it_is_read() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (at_alice, at_bob) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    at_alice.sets_timer(1).await;
    at_bob.has_timer(1).await;
    let sent = at_alice.says("unread").await;
    let seen = bob.sees("unread").await;
    // The sender's copy goes first: the receiver has not read it yet.
    alice.loses(sent).await;
    assert_eq!(bob.call(GetExistingMsgIds { msg_ids: vec![seen.id] }).await.ids, [seen.id]);
    bob.reads(&[seen.id]).await;
    bob.loses(seen.id).await;
    world.ends().await;
}

#[tokio::test]
async fn either_side_ends_the_timer() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (at_alice, at_bob) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    at_alice.sets_timer(3600).await;
    at_bob.has_timer(3600).await;
    at_bob.sets_timer(0).await;
    at_alice.has_timer(0).await;
    at_bob.has_timer(0).await;
    world.ends().await;
}

#[tokio::test]
async fn a_group_has_one_timer() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let group = alice.founds("Foxes").await;
    group.adds(&bob).await;
    group.adds(&carol).await;
    group.sets_timer(60).await;
    group.says("one minute").await;
    let (at_bob, at_carol) = (bob.enters("Foxes").await, carol.enters("Foxes").await);
    at_bob.has_timer(60).await;
    at_carol.has_timer(60).await;
    at_carol.sets_timer(30).await;
    group.has_timer(30).await;
    at_bob.has_timer(30).await;
    world.ends().await;
}
