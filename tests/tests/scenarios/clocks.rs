//! Clocks that are set forward and back while people chat.

use std::sync::Arc;

use volary::{Engine, EngineOptions};
use volary_proto::GetExistingMsgIds;
use volary_relay::{Faults, SmtpFault};
use volary_tests::{Person, WallClock, World};

const DAY: i64 = 24 * 3600;

/// Alice, whose machine has a clock of its own, and Bob, whose clock is right.
struct Apart {
    world: World,
    engine: Engine,
    clock: WallClock,
    alice: Person,
    bob: Person,
    _files: tempfile::TempDir,
}

impl Apart {
    async fn new() -> Self {
        let (world, clock) = (World::new().await, WallClock::default());
        let files = tempfile::tempdir().expect("a folder");
        let options = EngineOptions {
            clock: Arc::new(clock.clone()),
            ..EngineOptions::new(files.path().join("alice"))
        };
        let engine = Engine::start(options).await.expect("the engine starts");
        let bob = world.person("Bob").await;
        let alice = world.person_at(&engine, "Alice").await;
        alice.invites(&bob).await;
        Self { world, engine, clock, alice, bob, _files: files }
    }

    async fn ends(self) {
        self.engine.stop().await;
        self.world.ends().await;
    }
}

#[tokio::test]
async fn talk_goes_on_in_order_while_a_clock_jumps_by_weeks() {
    let apart = Apart::new().await;
    let (alice, bob) = (&apart.alice, &apart.bob);
    let mut said = Vec::new();
    for (number, jump) in [0, 30 * DAY, -60 * DAY, 29 * DAY, DAY].into_iter().enumerate() {
        apart.clock.is_set_by(jump);
        for (author, reader) in [(alice, bob), (bob, alice), (bob, alice), (alice, bob)] {
            let text = format!("{author} {number}.{}", said.len());
            let sent = author.says(reader, &text).await;
            reader.sees(&text).await;
            author.has_sent(sent).await;
            said.push(text);
        }
    }
    assert_eq!(alice.chat_with(bob).await.texts().await, said);
    assert_eq!(bob.chat_with(alice).await.texts().await, said);
    apart.ends().await;
}

#[tokio::test]
async fn a_next_try_does_not_wait_until_a_clock_that_was_set_back_is_there_again() {
    let apart = Apart::new().await;
    let (alice, bob, relay) = (&apart.alice, &apart.bob, &apart.world.relay);
    apart.clock.is_set_by(7 * DAY);
    relay.log_commands(true);
    let busy = SmtpFault { code: 450, text: "4.2.0 try again later".to_owned() };
    relay.set_faults(Faults { rcpt: Some(busy), ..Faults::default() });
    let waiting = alice.says(bob, "next week").await;
    let asked = async || relay.command_log().iter().any(|line| line.contains("RCPT")).then_some(());
    alice.eventually("the relay was asked", asked).await;
    relay.set_faults(Faults::default());
    apart.clock.is_set_by(-7 * DAY);
    bob.sees("next week").await;
    alice.has_sent(waiting).await;
    apart.ends().await;
}

#[tokio::test]
async fn messages_disappear_by_the_clock_however_it_is_set() {
    let apart = Apart::new().await;
    let (alice, bob) = (&apart.alice, &apart.bob);
    let chat = bob.chat_with(alice).await;
    let reads = async |text: &str| {
        chat.says(text).await;
        let id = alice.sees(text).await.id;
        alice.reads(&[id]).await;
        id
    };
    chat.sets_timer(3600).await;
    alice.chat_with(bob).await.has_timer(3600).await;
    let earlier = reads("earlier").await;
    apart.clock.is_set_by(1800);
    let later = reads("later").await;
    apart.clock.is_set_by(1801);
    alice.loses(earlier).await;
    assert_eq!(alice.call(GetExistingMsgIds { msg_ids: vec![later] }).await.ids, [later]);

    // Read while the clock went a week ahead, it shall not stay for a week when that is put right.
    chat.sets_timer(5).await;
    alice.chat_with(bob).await.has_timer(5).await;
    apart.clock.is_set_by(7 * DAY);
    let ahead = reads("of next week").await;
    apart.clock.is_set_by(-7 * DAY);
    alice.loses(ahead).await;
    apart.ends().await;
}
