//! Relays that go down, for short and for long, one of two, half-open.

use std::time::Duration;

use futures::future::join_all;
use volary_proto::MessageState;
use volary_tests::{Door, Person, World};

/// Numbers that a profile without connection may show.
const AWAY: [u64; 2] = [1000, 2000];
/// The number of a profile that waits for mail.
const CONNECTED: u64 = 4000;

#[tokio::test]
async fn what_was_written_while_the_relay_was_down_goes_out_by_itself() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    for person in [&alice, &bob] {
        person.shows_connectivity(&[CONNECTED]).await;
    }
    world.relay_goes_down().await;
    let (at_alice, at_bob) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    let texts: Vec<String> = (0..3).map(|number| format!("waiting {number}")).collect();
    let mut sent = Vec::new();
    for text in &texts {
        sent.push((at_alice.says(text).await, at_bob.says(&format!("{text}, back")).await));
    }
    for person in [&alice, &bob] {
        person.shows_connectivity(&AWAY).await;
    }
    for (from_alice, from_bob) in &sent {
        assert_eq!(alice.message(*from_alice).await.state(), MessageState::OutPending);
        assert_eq!(bob.message(*from_bob).await.state(), MessageState::OutPending);
    }
    world.relay_comes_up().await;
    for person in [&alice, &bob] {
        person.shows_connectivity(&[CONNECTED]).await;
    }
    for (from_alice, from_bob) in sent {
        alice.has_sent(from_alice).await;
        bob.has_sent(from_bob).await;
    }
    for text in &texts {
        bob.sees(text).await;
        alice.sees(&format!("{text}, back")).await;
    }
    let heard: Vec<String> =
        at_bob.texts().await.into_iter().filter(|text| !text.ends_with("back")).collect();
    assert_eq!(heard, texts, "in the order in which they were written");
    world.ends().await;
}

#[tokio::test]
async fn a_message_written_after_an_outage_does_not_overtake_one_from_before() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay_goes_down().await;
    let chat = alice.chat_with(&bob).await;
    chat.says("first").await;
    alice.shows_connectivity(&AWAY).await;
    world.relay_comes_up().await;
    let second = chat.says("second").await;
    alice.has_sent(second).await;
    bob.sees("first").await;
    bob.sees("second").await;
    assert_eq!(bob.chat_with(&alice).await.texts().await, ["first", "second"]);
    world.ends().await;
}

#[tokio::test]
async fn what_waits_survives_a_restart_of_the_engine() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    world.relay_goes_down().await;
    let sent = alice.says(&bob, "kept").await;
    let (world, [alice, bob]) = world.restarts_engine([alice, bob]).await;
    assert_eq!(alice.message(sent).await.state(), MessageState::OutPending);
    world.relay_comes_up().await;
    bob.sees("kept").await;
    alice.has_sent(sent).await;
    world.ends().await;
}

/// Two people with two addresses each. Of Alice's relays one can be closed.
struct TwoRelays {
    world: World,
    alice: Person,
    bob: Person,
    first: Door,
    second: Door,
}

async fn two_relays() -> TwoRelays {
    let world = World::new().await;
    let (first, second) = (world.door().await, world.door().await);
    let alice = world.person_behind_two(&first, &second, "Alice").await;
    let bob = world.person("Bob").await;
    alice.invites(&bob).await;
    bob.says(&alice, "before").await;
    alice.sees("before").await;
    alice.says(&bob, "before, back").await;
    bob.sees("before, back").await;
    TwoRelays { world, alice, bob, first, second }
}

async fn goes_on_without(down: impl Fn(&TwoRelays) -> &Door) {
    let two = two_relays().await;
    down(&two).closes().await;
    two.bob.says(&two.alice, "meanwhile").await;
    two.alice.sees("meanwhile").await;
    let sent = two.alice.says(&two.bob, "meanwhile, back").await;
    two.bob.sees("meanwhile, back").await;
    two.alice.has_sent(sent).await;
    two.alice.shows_connectivity(&[CONNECTED]).await;

    down(&two).opens().await;
    two.bob.says(&two.alice, "afterwards").await;
    two.alice.sees("afterwards").await;
    two.alice.says(&two.bob, "afterwards, back").await;
    two.bob.sees("afterwards, back").await;
    // Each mailbox holds a copy of what Bob wrote; Alice is finished with both when both are empty.
    two.alice.empties_mailboxes(&two.world.relay).await;
    assert_eq!(
        two.bob.chat_with(&two.alice).await.texts().await,
        two.alice.chat_with(&two.bob).await.texts().await
    );
    for text in ["before", "meanwhile", "afterwards"] {
        assert_eq!(two.alice.count(text).await, 1, "{text}");
        assert_eq!(two.bob.count(&format!("{text}, back")).await, 1, "{text}, back");
    }
    two.world.ends().await;
}

#[tokio::test]
async fn the_first_of_two_relays_goes_down() {
    goes_on_without(|two| &two.first).await;
}

#[tokio::test]
async fn the_second_of_two_relays_goes_down() {
    goes_on_without(|two| &two.second).await;
}

#[tokio::test]
async fn a_line_that_is_stuck_for_a_while_loses_nothing() {
    let world = World::new().await;
    let door = world.door().await;
    let (alice, bob) = (world.person_behind(&door, "Alice").await, world.person("Bob").await);
    alice.invites(&bob).await;
    alice.shows_connectivity(&[CONNECTED]).await;
    door.stalls().await;
    let to_bob = alice.says(&bob, "stuck").await;
    let to_alice = bob.says(&alice, "stuck, back").await;
    bob.has_sent(to_alice).await;
    assert_eq!(alice.count("stuck, back").await, 0);
    assert_eq!(alice.message(to_bob).await.state(), MessageState::OutPending);
    door.opens().await;
    bob.sees("stuck").await;
    alice.sees("stuck, back").await;
    world.ends().await;
}

/// Each of these people is cut off at another point of the dialogue with the relay.
#[tokio::test]
async fn connections_that_are_cut_at_any_point_lose_nothing() {
    const CUTS: [usize; 8] = [0, 900, 1500, 2000, 2500, 3200, 4500, 8000];
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let world_ref = &world;
    let bob_ref = &bob;
    let people = CUTS.iter().map(async |cut| {
        let door = world_ref.door().await;
        let person = world_ref.person_behind(&door, &format!("Cut{cut}")).await;
        bob_ref.invites(&person).await;
        person.shows_connectivity(&[CONNECTED]).await;
        door.cuts_receiving_after(*cut).await;
        door.cuts_sending_after(*cut).await;
        let to = format!("to {person}");
        let from = format!("from {person}");
        let sent = bob_ref.says(&person, &to).await;
        person.says(bob_ref, &from).await;
        bob_ref.has_sent(sent).await;
        // Both directions have met the cut, or were lucky.
        tokio::time::timeout(Duration::from_secs(5), person.sees(&to)).await.ok();
        door.opens().await;
        person.sees(&to).await;
        bob_ref.sees(&from).await;
    });
    join_all(people).await;
    world.ends().await;
}
