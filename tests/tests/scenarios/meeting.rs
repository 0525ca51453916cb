//! Joining by code, verification, introductions.

use volary_proto::event::Kind;
use volary_proto::{MaybeNetwork, SetConfigFromQr, SystemMessageType};
use volary_tests::{Fault, When, World};

#[tokio::test]
async fn two_people_meet_by_code_and_talk() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    bob.says(&alice, "hi").await;
    let seen = alice.sees("hi").await;
    assert!(seen.show_padlock);
    alice.says(&bob, "hi yourself").await;
    assert!(bob.sees("hi yourself").await.show_padlock);
    let chat = bob.chat_with(&alice).await.full().await;
    assert!(chat.is_encrypted && chat.can_send && !chat.is_contact_request);
    assert_eq!(chat.name, "Alice");
    world.ends().await;
}

#[tokio::test]
async fn mail_that_comes_before_a_new_relay_is_watched_for_the_first_time_is_received() {
    let world = World::new().await;
    let alice = world.person("Alice").await;
    let line = world.line().await;
    // Only connections that are to stay say who they are: the trial of the login passes.
    for _ in 0..50 {
        line.imap.fails(Fault::cut(When::Before("ID")));
    }
    let bob = world.person_on(&line, "Bob").await;
    line.imap.has_failed(1).await;
    let before = world.relay.stats().messages_delivered;
    let chat = bob.scans(&alice.code(None).await).await;
    bob.eventually("Alice's answer is delivered", async || {
        (world.relay.stats().messages_delivered >= before + 2).then_some(())
    })
    .await;
    line.imap.is_mended();
    bob.call(MaybeNetwork {}).await;
    alice.has_verified(&bob).await;
    alice.says(&bob, "you are here at last").await;
    bob.sees("you are here at last").await;
    assert!(chat.full().await.can_send);
    world.ends().await;
}

#[tokio::test]
async fn what_is_written_before_the_handshake_ends_arrives_once() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let chat = bob.scans(&alice.code(None).await).await;
    bob.says_as_soon_as_possible(&chat, "impatient").await;
    alice.sees("impatient").await;
    alice.has_verified(&bob).await;
    assert_eq!(chat.texts().await, ["impatient"]);
    world.ends().await;
}

#[tokio::test]
async fn a_code_is_scanned_twice_without_harm() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let code = alice.code(None).await;
    let first = bob.scans(&code).await;
    alice.has_verified(&bob).await;
    bob.has_verified(&alice).await;
    let second = bob.scans(&code).await;
    assert_eq!(first.id, second.id);
    second.says("again").await;
    alice.sees("again").await;
    world.ends().await;
}

#[tokio::test]
async fn a_group_is_joined_by_code() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let group = alice.founds("Foxes").await;
    let joined = bob.scans(&alice.code(Some(group.id)).await).await;
    alice.has_verified(&bob).await;
    for chat in [&group, &joined] {
        chat.has_members(&[&alice, &bob]).await;
    }
    assert_eq!(joined.full().await.name, "Foxes");
    assert!(!joined.full().await.is_contact_request);
    joined.says("hello foxes").await;
    assert_eq!(alice.sees("hello foxes").await.chat_id, group.id);
    group.says("hello Bob").await;
    assert_eq!(bob.sees("hello Bob").await.chat_id, joined.id);
    world.ends().await;
}

#[tokio::test]
async fn who_meets_in_a_group_is_introduced_by_who_knows_both() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.person("Alice").await, world.person("Bob").await, world.person("Carol").await);
    alice.invites(&bob).await;
    let group = alice.founds("Foxes").await;
    group.adds(&bob).await;
    group.says("welcome").await;
    bob.enters("Foxes").await.says("thanks").await;
    carol.scans(&alice.code(Some(group.id)).await).await;
    alice.has_verified(&carol).await;
    for (person, other) in [(&bob, &carol), (&carol, &bob)] {
        let introducer = person.id_of(&alice).await;
        person
            .eventually("an introduction by Alice", async || {
                let known = person.contact(other).await?;
                (known.is_verified && known.verifier_id == Some(introducer)).then_some(())
            })
            .await;
    }
    world.ends().await;
}

#[tokio::test]
async fn a_card_from_a_stranger_verifies_nobody() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let card = bob.imports_card_of(&alice).await;
    assert!(card.is_key_contact && card.e2ee_avail);
    assert!(!card.is_verified && card.verifier_id.is_none());
    bob.says(&alice, "we have not met").await;
    alice.sees("we have not met").await;
    let stranger = alice.contact(&bob).await.expect("Bob has written");
    assert!(!stranger.is_verified && stranger.verifier_id.is_none());
    world.ends().await;
}

#[tokio::test]
async fn a_withdrawn_code_lets_nobody_in() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.person("Alice").await, world.person("Bob").await, world.person("Carol").await);
    alice.invites(&carol).await;
    let code = alice.code(None).await;
    // The own code, scanned and confirmed, is withdrawn.
    alice.call(SetConfigFromQr { qr: code.clone() }).await;
    let before = world.relay.stats().messages_delivered;
    let chat = bob.scans(&code).await;
    bob.eventually("the request is delivered", async || {
        (world.relay.stats().messages_delivered > before).then_some(())
    })
    .await;
    // What comes later shows that Alice has looked at the request.
    carol.says(&alice, "anybody else?").await;
    alice.sees("anybody else?").await;
    assert!(alice.contact(&bob).await.is_none());
    assert!(!chat.full().await.can_send);
    let about_bob = |kind: &Kind| match kind {
        Kind::SecurejoinInviterProgress(event) => Some(event.contact_id),
        _ => None,
    };
    assert_eq!(alice.log.find(about_bob), Some(alice.id_of(&carol).await), "only Carol has joined");
    assert!(
        bob.log
            .position(|kind| matches!(kind, Kind::SecurejoinJoinerProgress(event) if event.progress == 1000))
            .is_none()
    );
    world.ends().await;
}

#[tokio::test]
async fn the_chat_tells_that_it_is_encrypted_and_who_joined() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    for (person, other) in [(&alice, &bob), (&bob, &alice)] {
        let notes = person.chat_with(other).await.messages().await;
        let encrypted = notes.iter().filter(|note| note.system_message_type() == SystemMessageType::ChatE2ee);
        assert_eq!(encrypted.count(), 1, "{person}");
        assert!(notes.iter().all(|note| note.is_info), "{person}");
    }
    world.ends().await;
}
