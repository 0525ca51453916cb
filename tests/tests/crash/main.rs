//! An engine that is killed again and again loses nothing that it has confirmed, and doubles nothing.
//!
//! | module | holds |
//! |---|---|
//! | `child` | the engine of Alice, in a process of its own |
//! | `killed` | its lives and deaths, and what is noted of them |
//! | `talk` | what both say meanwhile |
//! | `post` | the relay between them |
//! | `inspect` | what is on the disk after a death |
//!
//! Relay (or the way to the lab), engine of Carol and judge are in this process. `VOLARY_KILL_ROUNDS` sets how often
//! Alice's engine is killed, `VOLARY_SEED` when, `VOLARY_CRASH_RELAY` the relay; `tests/crash` sets them.

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used, clippy::panic)]

mod child;
mod inspect;
mod killed;
mod post;
mod talk;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep};
use volary::Engine;
use volary_proto::{Message, MessageState, StartIoForAllAccounts, ViewType};
use volary_tests::{Chat, Person, patience};

use killed::Killed;

/// Kills unless `VOLARY_KILL_ROUNDS` says otherwise.
const ROUNDS: u32 = 12;
/// Pause between two looks at whether everything has arrived.
const LOOK: Duration = Duration::from_millis(300);

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// Texts of both authors in a chat with how often they are there.
fn census(messages: &[Message]) -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    for message in messages.iter().filter(|message| !message.is_info) {
        *census.entry(message.text.clone()).or_default() += 1;
    }
    census
}

fn is_waiting(message: &Message) -> bool {
    message.state() == MessageState::OutPending
}

/// Files are complete and those that were sent.
fn check_files(who: &Person, messages: &[Message]) {
    for message in messages.iter().filter(|message| message.view_type() == ViewType::File) {
        let path = message.file.as_ref().unwrap_or_else(|| panic!("{who} has no file for {}", message.text));
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{who}, {}: {error}", message.text));
        assert!(bytes == talk::content_of(&message.text), "{who} has another file for {}", message.text);
    }
}

/// Waits until both have the same and nothing waits, or nothing has changed for long.
async fn settle(at_alice: &Chat, at_carol: &Chat, killed: &Killed) -> (Vec<Message>, Vec<Message>) {
    let mut last = (0, 0, 0);
    let mut changed = Instant::now();
    loop {
        let (ours, theirs) = (at_alice.messages().await, at_carol.messages().await);
        let waiting = ours.iter().chain(&theirs).filter(|message| is_waiting(message)).count();
        let (at_a, at_c) = (census(&ours), census(&theirs));
        let complete = waiting == 0 && at_a == at_c;
        if complete && killed.said_by_carol.iter().all(|text| at_a.contains_key(text)) {
            return (ours, theirs);
        }
        if last != (ours.len(), theirs.len(), waiting) {
            last = (ours.len(), theirs.len(), waiting);
            changed = Instant::now();
        }
        if changed.elapsed() > patience() {
            // What is missing is told by the caller.
            return (ours, theirs);
        }
        sleep(LOOK).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let rounds = number_from_environment("VOLARY_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32);
    let seed = number_from_environment("VOLARY_SEED").unwrap_or_else(|| rand::thread_rng().r#gen());
    println!("VOLARY_KILL_ROUNDS={rounds} VOLARY_SEED={seed}");
    let mut killed = Killed::new(seed).await;
    for round in 1..=rounds {
        killed.lives_and_dies().await;
        if round % 50 == 0 {
            println!("after {round} rounds: {}", killed.figures());
        }
    }

    let engine = Engine::start(killed.dir()).await.expect("the database opens");
    let at_alice = killed.chat_of_alice(&engine);
    engine.call(0, StartIoForAllAccounts {}).await.expect("the profile connects");
    let at_carol = killed.carol.clone();
    let (ours, theirs) = settle(&at_alice, &at_carol, &killed).await;

    let (at_a, at_c) = (census(&ours), census(&theirs));
    let mut missing: Vec<String> =
        killed.confirmed_by_alice.iter().chain(&killed.said_by_carol).cloned().collect();
    missing.retain(|text| !at_a.contains_key(text) || !at_c.contains_key(text));
    let twice = |census: &BTreeMap<String, usize>| census.values().filter(|count| **count > 1).count();
    let doubled = twice(&at_a) + twice(&at_c);
    println!("{}; at the end missing {}, doubled {doubled}", killed.figures(), missing.len());
    assert!(missing.is_empty(), "confirmed, but not with both: {missing:?}");
    assert_eq!(at_a, at_c, "both have the same, each once");
    assert_eq!(doubled, 0);
    let waiting: Vec<_> = ours.iter().chain(&theirs).filter(|message| is_waiting(message)).collect();
    assert!(waiting.is_empty(), "never sent: {waiting:?}");
    check_files(&at_alice.person, &ours);
    check_files(&at_carol.person, &theirs);
    assert!(killed.halves.is_empty(), "half there after a kill: {:?}", killed.halves);
    assert!(killed.vanished.is_empty(), "confirmed and not there after a kill: {:?}", killed.vanished);
    assert!(killed.lost_on_relay.is_empty(), "deleted before it was stored: {:?}", killed.lost_on_relay);
    assert!(
        killed.confirmed_by_alice.len() > rounds as usize / 2,
        "the engine lived long enough to do something"
    );
    engine.stop().await;
    killed.ends().await;
}
