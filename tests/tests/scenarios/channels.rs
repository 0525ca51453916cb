//! Channels: the owner posts, subscribers read.

use volary_proto::ChatType;
use volary_proto::event::Kind;
use volary_tests::{Chat, Person, Postman, World};

const POSTS: [&str; 3] = ["first post", "second post", "third post"];

async fn posts(channel: &Chat) {
    for post in POSTS {
        channel.says(post).await;
    }
}

/// Waits until the owner knows of a new subscriber.
async fn has_subscriber(owner: &Person) {
    owner
        .hears("a subscriber", |kind| match kind {
            Kind::SecurejoinInviterProgress(event) => {
                (event.chat_type() == ChatType::OutBroadcast).then_some(())
            }
            _ => None,
        })
        .await;
}

#[tokio::test]
async fn who_posts_in_the_moment_of_joining_is_read_whole() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let channel = alice.opens_channel("News").await;
    let joined = bob.scans(&alice.code(Some(channel.id)).await).await;
    has_subscriber(&alice).await;
    posts(&channel).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}

#[tokio::test]
async fn who_posts_before_the_subscriber_has_joined_is_read_whole() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let channel = alice.opens_channel("News").await;
    let joined = bob.scans(&alice.code(Some(channel.id)).await).await;
    posts(&channel).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}

/// Bob joins a channel of Alice; what she posts then waits with the mail that lets him in.
async fn posts_on_the_way<'a>(
    world: &'a World,
    alice: &Person,
    bob: &Person,
) -> (Postman<'a>, Chat, Vec<volary_tests::Mail>) {
    let channel = alice.opens_channel("News").await;
    let code = alice.code(Some(channel.id)).await;
    let mut postman = Postman::takes_over(&world.relay);
    let joined = bob.scans(&code).await;
    // Everything up to the proof of Bob, which Alice answers.
    postman.collects_from(&[bob]).await;
    for _ in 0..2 {
        let to_alice = postman.takes_out(alice);
        postman.delivers_and_waits(alice, &to_alice).await;
        let to_bob = postman.takes_out(bob);
        if alice.log.all().iter().any(|kind| matches!(kind, Kind::SecurejoinInviterProgress(_))) {
            postman.puts_back(bob, to_bob);
            break;
        }
        postman.delivers_and_waits(bob, &to_bob).await;
    }
    has_subscriber(alice).await;
    posts(&channel).await;
    postman.collects_from(&[alice]).await;
    let mails = postman.takes_out(bob);
    assert_eq!(mails.len(), 1 + POSTS.len());
    (postman, joined, mails)
}

#[tokio::test]
async fn posts_that_come_together_with_the_secret_are_read() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (mut postman, joined, mails) = posts_on_the_way(&world, &alice, &bob).await;
    postman.delivers_and_waits(&bob, &mails).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}

#[tokio::test]
async fn posts_that_come_before_the_secret_in_the_same_fetch_are_read() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (mut postman, joined, mut mails) = posts_on_the_way(&world, &alice, &bob).await;
    mails.reverse();
    postman.delivers_and_waits(&bob, &mails).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}

#[tokio::test]
async fn posts_that_come_long_before_the_secret_are_read_when_it_is_there() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (mut postman, joined, mails) = posts_on_the_way(&world, &alice, &bob).await;
    // Each for itself, the last first; the one that lets him in comes at the end.
    for mail in mails[1..].iter().rev() {
        postman.delivers_and_waits(&bob, std::slice::from_ref(mail)).await;
    }
    assert_eq!(joined.texts().await, Vec::<String>::new());
    postman.delivers_and_waits(&bob, &mails[..1]).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}

#[tokio::test]
async fn posts_that_wait_for_the_secret_survive_a_restart() {
    let world = World::new().await;
    let (alice, bob) = (world.person("Alice").await, world.person("Bob").await);
    let (mut postman, joined, mails) = posts_on_the_way(&world, &alice, &bob).await;
    postman.delivers_and_waits(&bob, &mails[1..]).await;
    let (bag, id) = (postman.rests(), joined.id);
    // The folder is free when the last handle is gone.
    drop(joined);
    let (world, [_, bob]) = world.restarts_engine([alice, bob]).await;
    let joined = Chat { person: bob.clone(), id };
    let mut postman = Postman::goes_on(&world.relay, bag);
    postman.delivers_and_waits(&bob, &mails[..1]).await;
    joined.shows_texts(&POSTS).await;
    world.ends().await;
}
