//! Members come, go and come back; everybody has the same list.

use volary_proto::SetChatName;
use volary_tests::{Chat, Person, World};

/// Alice knows Bob and Carol; the group has all three.
struct Foxes {
    world: World,
    alice: Person,
    bob: Person,
    carol: Person,
    at_alice: Chat,
    at_bob: Chat,
    at_carol: Chat,
}

async fn foxes() -> Foxes {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let at_alice = alice.gathers("Foxes", &[&bob, &carol]).await;
    let (at_bob, at_carol) = (bob.enters("Foxes").await, carol.enters("Foxes").await);
    for chat in [&at_alice, &at_bob, &at_carol] {
        chat.has_members(&[&alice, &bob, &carol]).await;
    }
    Foxes { world, alice, bob, carol, at_alice, at_bob, at_carol }
}

#[tokio::test]
async fn everybody_hears_everybody() {
    let foxes = foxes().await;
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol] {
        let text = format!("{} was here", chat.person);
        chat.says(&text).await;
        for person in [&foxes.alice, &foxes.bob, &foxes.carol] {
            person.sees(&text).await;
        }
    }
    foxes.world.ends().await;
}

#[tokio::test]
async fn a_member_is_removed_and_hears_no_more() {
    let foxes = foxes().await;
    foxes.at_alice.removes(&foxes.carol).await;
    for chat in [&foxes.at_alice, &foxes.at_bob] {
        chat.has_members(&[&foxes.alice, &foxes.bob]).await;
    }
    let carol = &foxes.carol;
    carol
        .eventually("Carol is no member any more", async || {
            let chat = foxes.at_carol.full().await;
            (!chat.self_in_group && !chat.can_send).then_some(())
        })
        .await;
    foxes.at_bob.says("without Carol").await;
    foxes.alice.sees("without Carol").await;
    // What comes later shows that the other would have come by now.
    foxes.alice.says(carol, "are you well?").await;
    carol.sees("are you well?").await;
    assert_eq!(carol.count("without Carol").await, 0);
    foxes.world.ends().await;
}

#[tokio::test]
async fn a_member_leaves() {
    let foxes = foxes().await;
    foxes.at_bob.is_left().await;
    for chat in [&foxes.at_alice, &foxes.at_carol] {
        chat.has_members(&[&foxes.alice, &foxes.carol]).await;
        assert_eq!(chat.full().await.past_contact_ids.len(), 1);
    }
    let left = foxes.at_bob.full().await;
    assert!(!left.self_in_group && !left.can_send);
    foxes.world.ends().await;
}

#[tokio::test]
async fn a_member_comes_back() {
    let foxes = foxes().await;
    foxes.at_alice.removes(&foxes.carol).await;
    foxes.at_bob.has_members(&[&foxes.alice, &foxes.bob]).await;
    foxes.at_alice.adds(&foxes.carol).await;
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol] {
        chat.has_members(&[&foxes.alice, &foxes.bob, &foxes.carol]).await;
    }
    foxes.at_carol.says("back again").await;
    foxes.bob.sees("back again").await;
    foxes.alice.sees("back again").await;
    foxes.world.ends().await;
}

#[tokio::test]
async fn who_left_is_added_again_by_another_member() {
    let foxes = foxes().await;
    foxes.at_carol.is_left().await;
    for chat in [&foxes.at_alice, &foxes.at_bob] {
        chat.has_members(&[&foxes.alice, &foxes.bob]).await;
    }
    // Bob knows Carol from the group only.
    foxes.at_bob.adds(&foxes.carol).await;
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol] {
        chat.has_members(&[&foxes.alice, &foxes.bob, &foxes.carol]).await;
    }
    foxes.world.ends().await;
}

#[tokio::test]
async fn two_members_add_somebody_at_the_same_time() {
    let foxes = foxes().await;
    let (dave, erin) = (foxes.world.person("Dave").await, foxes.world.person("Erin").await);
    foxes.alice.invites(&dave).await;
    foxes.bob.invites(&erin).await;
    tokio::join!(foxes.at_alice.adds(&dave), foxes.at_bob.adds(&erin));
    let (at_dave, at_erin) = (dave.enters("Foxes").await, erin.enters("Foxes").await);
    // Lists that differ come together with the next messages.
    foxes.at_alice.says("five now").await;
    foxes.at_bob.says("yes, five").await;
    let all = [&foxes.alice, &foxes.bob, &foxes.carol, &dave, &erin];
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol, &at_dave, &at_erin] {
        chat.has_members(&all).await;
    }
    foxes.world.ends().await;
}

#[tokio::test]
async fn a_member_joins_by_code_and_everybody_knows() {
    let foxes = foxes().await;
    let dave = foxes.world.person("Dave").await;
    let at_dave = dave.scans(&foxes.bob.code(Some(foxes.at_bob.id)).await).await;
    let all = [&foxes.alice, &foxes.bob, &foxes.carol, &dave];
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol, &at_dave] {
        chat.has_members(&all).await;
    }
    at_dave.says("hello, I am Dave").await;
    for person in [&foxes.alice, &foxes.bob, &foxes.carol] {
        person.sees("hello, I am Dave").await;
    }
    foxes.world.ends().await;
}

#[tokio::test]
async fn a_new_name_is_known_to_all() {
    let foxes = foxes().await;
    foxes.at_bob.person.call(SetChatName { chat_id: foxes.at_bob.id, name: "Red foxes".to_owned() }).await;
    for chat in [&foxes.at_alice, &foxes.at_bob, &foxes.at_carol] {
        chat.person
            .eventually("the new name", async || (chat.full().await.name == "Red foxes").then_some(()))
            .await;
    }
    foxes.world.ends().await;
}
