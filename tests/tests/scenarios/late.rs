//! Mails that come before what they need: the key of their author, their group, the message that they change.

use volary_proto::{DeleteMessagesForAll, GetMessageReactions, MessageData, SendEditRequest, SendReaction};
use volary_tests::{Chat, Person, Postman, World};

#[tokio::test]
async fn a_member_who_is_not_known_yet_is_heard_when_the_key_is_there() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let at_alice = alice.gathers("Foxes", &[&carol]).await;
    let at_carol = carol.enters("Foxes").await;
    let mut postman = Postman::takes_over(&world.relay);
    at_alice.adds(&bob).await;
    postman.collects_from(&[&alice]).await;
    let news = postman.takes_out(&carol);
    postman.delivers_and_waits(&carol, &news).await;
    let invitation = postman.takes_out(&bob);
    at_carol.has_members(&[&alice, &bob, &carol]).await;
    at_carol.says("hello Bob").await;
    at_carol.says("nice to meet you").await;
    postman.collects_from(&[&carol]).await;
    let mut words = postman.takes_out(&bob);
    words.reverse();
    postman.delivers_and_waits(&bob, &words).await;
    postman.delivers_and_waits(&bob, &invitation).await;
    let at_bob = bob.enters("Foxes").await;
    at_bob.shows_texts(&["hello Bob", "nice to meet you"]).await;
    at_bob.has_members(&[&alice, &bob, &carol]).await;
    world.ends().await;
}

#[tokio::test]
async fn who_leaves_before_the_group_is_known_is_not_a_member_of_it() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    bob.imports_card_of(&carol).await;
    let at_alice = alice.gathers("Foxes", &[&carol]).await;
    let at_carol = carol.enters("Foxes").await;
    let mut postman = Postman::takes_over(&world.relay);
    at_alice.adds(&bob).await;
    postman.collects_from(&[&alice]).await;
    let news = postman.takes_out(&carol);
    postman.delivers_and_waits(&carol, &news).await;
    let invitation = postman.takes_out(&bob);
    at_carol.is_left().await;
    postman.collects_from(&[&carol]).await;
    let farewell = postman.takes_out(&bob);
    postman.delivers_and_waits(&bob, &farewell).await;
    postman.delivers_and_waits(&bob, &invitation).await;
    bob.enters("Foxes").await.has_members(&[&alice, &bob]).await;
    world.ends().await;
}

/// Bob says something to Alice and then does something about it; both mails, in this order.
async fn words_and_deed<'a>(
    world: &'a World,
    bob: &Person,
    alice: &Person,
    deed: impl AsyncFnOnce(&Person, u32),
) -> (Postman<'a>, Vec<volary_tests::Mail>) {
    let mut postman = Postman::takes_over(&world.relay);
    let message = bob.says(alice, "draft").await;
    postman.collects_from(&[bob]).await;
    deed(bob, message).await;
    postman.collects_from(&[bob]).await;
    let mails = postman.takes_out(alice);
    (postman, mails)
}

#[tokio::test]
async fn an_edit_that_comes_first_is_applied_when_its_message_is_there() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let edit = async |bob: &Person, msg_id| {
        bob.call(SendEditRequest { msg_id, text: "fair copy".to_owned() }).await;
    };
    let (mut postman, mails) = words_and_deed(&world, &bob, &alice, edit).await;
    for mail in mails.iter().rev() {
        postman.delivers_and_waits(&alice, std::slice::from_ref(mail)).await;
    }
    let shown = alice.sees("fair copy").await;
    assert!(shown.is_edited);
    assert_eq!(alice.count("draft").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn of_edits_in_any_order_the_newest_wins() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let edits = async |bob: &Person, msg_id| {
        for text in ["second", "third"] {
            // Edits are dated by the second.
            tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
            bob.call(SendEditRequest { msg_id, text: text.to_owned() }).await;
        }
    };
    let (mut postman, mails) = words_and_deed(&world, &bob, &alice, edits).await;
    let [draft, second, third] = mails.as_slice() else { panic!("three mails") };
    for mail in [third, draft, second] {
        postman.delivers_and_waits(&alice, std::slice::from_ref(mail)).await;
    }
    alice.sees("third").await;
    assert_eq!(alice.count("second").await + alice.count("draft").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn a_message_that_its_author_has_deleted_before_it_came_is_not_shown() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let delete = async |bob: &Person, msg_id| {
        bob.call(DeleteMessagesForAll { msg_ids: vec![msg_id] }).await;
    };
    let (mut postman, mails) = words_and_deed(&world, &bob, &alice, delete).await;
    for mail in mails.iter().rev() {
        postman.delivers_and_waits(&alice, std::slice::from_ref(mail)).await;
    }
    bob.says(&alice, "later").await;
    postman.carries_all(&[&alice, &bob]).await;
    alice.sees("later").await;
    assert_eq!(alice.count("draft").await, 0);
    world.ends().await;
}

#[tokio::test]
async fn a_reaction_that_comes_first_waits_for_its_message() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let react = async |bob: &Person, msg_id| {
        bob.call(SendReaction { msg_id, reactions: vec!["🦊".to_owned()] }).await;
    };
    let (mut postman, mails) = words_and_deed(&world, &bob, &alice, react).await;
    for mail in mails.iter().rev() {
        postman.delivers_and_waits(&alice, std::slice::from_ref(mail)).await;
    }
    let shown = alice.sees("draft").await;
    let reactions = alice.call(GetMessageReactions { msg_id: shown.id }).await;
    assert!(reactions.reactions.is_some(), "the reaction is there");
    world.ends().await;
}

#[tokio::test]
async fn a_file_that_comes_before_its_announcement_is_shown_once() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let bytes: Vec<u8> = (0..400_000u32).map(|number| (number % 251) as u8).collect();
    let file = world.file("large.bin", &bytes).to_string_lossy().into_owned();
    let mut postman = Postman::takes_over(&world.relay);
    let chat = bob.chat_with(&alice).await;
    let data = MessageData { text: Some("look".to_owned()), file: Some(file), ..Default::default() };
    chat.sends(data).await;
    postman.collects_from(&[&bob]).await;
    let mails = postman.takes_out(&alice);
    assert_eq!(mails.len(), 2, "announcement and file");
    for mail in mails.iter().rev() {
        postman.delivers_and_waits(&alice, std::slice::from_ref(mail)).await;
    }
    let shown = alice.sees("look").await;
    let path = shown.file.expect("the file is there");
    assert!(std::fs::read(path).expect("a file") == bytes);
    world.ends().await;
}

#[tokio::test]
async fn a_blocked_member_is_heard_in_the_group() {
    let world = World::new().await;
    let (alice, bob, carol) = world.three().await;
    let at_alice = alice.gathers("Foxes", &[&bob, &carol]).await;
    let at_bob = bob.enters("Foxes").await;
    let with_bob: Chat = alice.chat_with(&bob).await;
    with_bob.is_blocked().await;
    at_bob.says("to all").await;
    assert_eq!(alice.sees("to all").await.chat_id, at_alice.id);
    at_bob.removes(&carol).await;
    at_alice.has_members(&[&alice, &bob]).await;
    // What he says to her alone is not shown.
    bob.says(&alice, "to you").await;
    at_bob.says("to all again").await;
    alice.sees("to all again").await;
    assert_eq!(alice.count("to you").await, 0);
    world.ends().await;
}
