//! Lines to a relay that are silent, slow or busy: the profile comes back by itself, shows how it is, and does not push.

use std::time::Duration;

use futures::future::{join, join_all};
use tokio::time::{Instant, sleep};
use volary_proto::{GetConnectivityHtml, MaybeNetwork, MessageState, StartIo, StopIo, ViewType};
use volary_relay::Faults;
use volary_tests::{Direction, Fault, Line, Pace, Person, When, World};

const NOT_CONNECTED: u64 = 1000;
const CONNECTING: u64 = 2000;
const WORKING: u64 = 3000;
const CONNECTED: u64 = 4000;

/// Nothing of the relay's greeting passes.
const GREETING: When = When::Bytes(Direction::ToEngine, 0);

/// Somebody on a line of her own, who knows Bob.
async fn friend_of(bob: &Person, world: &World, name: &str) -> (Line, Person) {
    let line = world.line().await;
    let person = world.person_on(&line, name).await;
    bob.invites(&person).await;
    person.shows_connectivity(&[CONNECTED]).await;
    (line, person)
}

async fn page(person: &Person) -> String {
    person.call(GetConnectivityHtml {}).await.text
}

/// Waits until the connectivity page has these words.
async fn shows_words(person: &Person, words: &str) {
    person
        .eventually(&format!("{words:?} on the page"), async || {
            page(person).await.contains(words).then_some(())
        })
        .await;
}

#[tokio::test]
async fn connections_that_died_without_a_word_are_replaced_when_the_network_changes() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    let before = alice.says(&bob, "before").await;
    alice.has_sent(before).await;
    bob.sees("before").await;
    // Whoever is in the middle of a command waits for a minute.
    alice.empties_mailboxes(&world.relay).await;
    alice.shows_connectivity(&[CONNECTED]).await;
    line.goes_silent();
    let unheard = bob.says(&alice, "unheard").await;
    bob.has_sent(unheard).await;
    assert_eq!(alice.count("unheard").await, 0);
    let begin = Instant::now();
    alice.call(MaybeNetwork {}).await;
    let sent = alice.says(&bob, "over a new connection").await;
    bob.sees("over a new connection").await;
    alice.has_sent(sent).await;
    // A connection that answers nothing is given up after 15 s when it is asked for a sign of life.
    alice.sees("unheard").await;
    alice.shows_connectivity(&[CONNECTED]).await;
    assert!(
        begin.elapsed() < Duration::from_secs(50),
        "not by the time limits of commands: {:?}",
        begin.elapsed()
    );
    world.ends().await;
}

#[tokio::test]
async fn a_relay_that_falls_silent_in_the_middle_of_its_work_is_given_up() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let receiving = [
        ("LOGIN", When::Answer("LOGIN", 0), true),
        ("SELECT", When::Answer("SELECT", 10), true),
        ("header fields", When::Answer("(UID", 60), false),
        ("a mail", When::Answer("(FLAGS", 500), false),
        ("STORE", When::Answer("STORE", 0), false),
        ("CLOSE", When::Answer("CLOSE", 0), false),
    ];
    let receiving = receiving.into_iter().enumerate().map(async |(number, (step, when, anew))| {
        let (line, person) = friend_of(&bob, &world, &format!("Silent{number}")).await;
        line.imap.fails(Fault::silence(when));
        if anew {
            line.imap.cuts();
        }
        bob.says(&person, step).await;
        line.imap.has_failed(1).await;
        person.sees(step).await;
        person.shows_connectivity(&[CONNECTED]).await;
        person.empties_mailboxes(&world.relay).await;
        assert_eq!(person.count(step).await, 1);
    });
    // A session that was used before and says nothing any more is replaced without a pause.
    let sending = async {
        let (line, alice) = friend_of(&bob, &world, "Sender").await;
        let before = alice.says(&bob, "over a session").await;
        alice.has_sent(before).await;
        line.smtp.fails(Fault::silence(When::Answer("MAIL", 0)));
        let sent = alice.says(&bob, "over the next session").await;
        line.smtp.has_failed(1).await;
        alice.has_sent(sent).await;
        bob.sees("over the next session").await;
    };
    join(join_all(receiving), sending).await;
    world.ends().await;
}

#[tokio::test]
#[ignore = "takes more than five minutes; needs VOLARY_PATIENCE=600"]
async fn a_relay_that_falls_silent_for_good_is_noticed_without_help() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let waiting = async {
        let (line, alice) = friend_of(&bob, &world, "Alice").await;
        line.goes_silent();
        bob.says(&alice, "while nobody listened").await;
        alice.sees("while nobody listened").await;
        alice.shows_connectivity(&[CONNECTED]).await;
    };
    let asked = [("the greeting", GREETING), ("the final dot", When::Answer(".", 0))];
    let asking = asked.into_iter().enumerate().map(async |(number, (step, when))| {
        let (line, person) = friend_of(&bob, &world, &format!("Asking{number}")).await;
        line.smtp.cuts();
        line.smtp.fails(Fault::silence(when));
        let sent = person.says(&bob, step).await;
        person.has_sent(sent).await;
        bob.sees(step).await;
        bob.empties_mailboxes(&world.relay).await;
        assert_eq!(bob.count(step).await, 1, "{step}");
    });
    join(waiting, join_all(asking)).await;
    world.ends().await;
}

#[tokio::test]
async fn over_a_slow_line_everything_arrives_and_it_is_shown_that_there_is_work() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    // 3,200 bytes a second.
    line.has_pace(Some(Pace { bytes: 64, pause: Duration::from_millis(20) }));
    let bytes: Vec<u8> =
        (0..12_000u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let picture = world.file("numbers.bin", &bytes);
    bob.chat_with(&alice).await.shows(&picture, ViewType::File).await;
    alice.shows_connectivity(&[WORKING]).await;
    shows_words(&alice, "Updating").await;
    let (to_bob, file) = join(alice.says(&bob, "slowly"), async {
        alice
            .eventually("the file", async || {
                let messages = alice.chat_with(&bob).await.messages().await;
                messages.into_iter().find_map(|message| message.file)
            })
            .await
    })
    .await;
    assert_eq!(std::fs::read(file).expect("the file of the message"), bytes);
    alice.has_sent(to_bob).await;
    bob.sees("slowly").await;
    alice.shows_connectivity(&[CONNECTED]).await;
    world.ends().await;
}

#[tokio::test]
async fn words_that_come_byte_by_byte_are_understood() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    line.has_pace(Some(Pace { bytes: 1, pause: Duration::ZERO }));
    line.imap.cuts();
    line.smtp.cuts();
    for number in 0..3 {
        let (there, back) = (format!("there {number}"), format!("back {number}"));
        bob.says(&alice, &there).await;
        alice.sees(&there).await;
        alice.says(&bob, &back).await;
        bob.sees(&back).await;
    }
    line.has_pace(None);
    alice.empties_mailboxes(&world.relay).await;
    alice.shows_connectivity(&[CONNECTED]).await;
    assert_eq!(alice.chat_with(&bob).await.texts().await.len(), 6);
    world.ends().await;
}

#[tokio::test]
async fn what_is_shown_is_what_is() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    let connected = page(&alice).await;
    assert!(connected.contains("\"green dot\"") && connected.contains("Connected"), "{connected}");

    // Somebody answers the phone and says nothing.
    line.imap.fails(Fault::silence(GREETING));
    line.imap.cuts();
    line.imap.has_failed(1).await;
    alice.shows_connectivity(&[CONNECTING]).await;
    let connecting = page(&alice).await;
    assert!(connecting.contains("\"yellow dot\"") && connecting.contains("Connecting"), "{connecting}");

    line.closes();
    alice.shows_connectivity(&[NOT_CONNECTED]).await;
    let away = page(&alice).await;
    assert!(away.contains("\"red dot\"") && away.contains("IMAP failed to connect"), "{away}");
    assert!(!away.contains("Connected"), "{away}");
    let sent = alice.says(&bob, "kept").await;
    shows_words(&alice, "SMTP failed to connect").await;
    assert_eq!(alice.message(sent).await.state(), MessageState::OutPending);
    // For as long as it lasts, whatever is tried meanwhile.
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end {
        let shown = alice.connectivity().await;
        assert!(shown <= CONNECTING, "{shown} without a relay");
        sleep(Duration::from_millis(5)).await;
    }

    line.opens();
    alice.shows_connectivity(&[CONNECTED]).await;
    bob.sees("kept").await;
    alice.has_sent(sent).await;
    let back = page(&alice).await;
    assert!(back.contains("\"green dot\"") && !back.contains("failed to connect"), "{back}");

    alice.call(StopIo {}).await;
    assert_eq!(alice.connectivity().await, NOT_CONNECTED);
    assert!(page(&alice).await.contains("Not connected"));
    alice.call(StartIo {}).await;
    alice.shows_connectivity(&[CONNECTED]).await;
    world.ends().await;
}

#[tokio::test]
async fn a_busy_relay_is_quoted_and_tried_again() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let receiving = async {
        let (line, alice) = friend_of(&bob, &world, "Alice").await;
        line.imap.fails(Fault::say(GREETING, "* BYE too many of you, come back later\r\n"));
        line.imap.cuts();
        shows_words(&alice, "too many of you").await;
        alice.shows_connectivity(&[NOT_CONNECTED, CONNECTING]).await;
        bob.says(&alice, "patience").await;
        alice.sees("patience").await;
        alice.shows_connectivity(&[CONNECTED]).await;
    };
    let answers = [
        ("greeting", GREETING, "421 4.3.2 ", "too many of you"),
        ("login", When::Answer("AUTH", 0), "454 4.7.0 ", "the list of passwords is being copied"),
        ("refused login", When::Answer("AUTH", 0), "535 5.7.8 ", "not you and not now"),
        ("envelope", When::Answer("MAIL", 0), "421 4.3.0 ", "going home"),
        ("content", When::Answer(".", 0), "451 4.3.0 ", "no more paper"),
    ];
    let sending = answers.into_iter().enumerate().map(async |(number, (step, when, code, words))| {
        let (line, person) = friend_of(&bob, &world, &format!("Sender{number}")).await;
        line.smtp.cuts();
        line.smtp.fails(Fault::say(when, &format!("{code}{words}\r\n")));
        let sent = person.says(&bob, step).await;
        line.smtp.has_failed(1).await;
        shows_words(&person, words).await;
        assert_eq!(person.message(sent).await.state(), MessageState::OutPending, "{step}");
        person.has_sent(sent).await;
        bob.sees(step).await;
    });
    join(receiving, join_all(sending)).await;
    world.ends().await;
}

/// How long the relay is away; `VOLARY_OUTAGE` takes other seconds.
fn outage() -> Duration {
    let seconds = std::env::var("VOLARY_OUTAGE").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

#[tokio::test]
async fn a_relay_that_is_gone_for_long_is_looked_for_more_and_more_rarely_and_not_by_all_at_once() {
    const CROWD: usize = 40;
    let world = World::new().await;
    let bob = world.person("Bob").await;
    // They all lose the same relay.
    let line = world.line().await;
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let person = world.person_on(&line, &format!("Person{number}")).await;
        bob.invites(&person).await;
        crowd.push(person);
    }
    // She has another one.
    let (own, carol) = friend_of(&bob, &world, "Carol").await;
    for person in &crowd {
        person.shows_connectivity(&[CONNECTED]).await;
    }
    let (before, before_own) = (line.imap.arrivals().len(), own.imap.arrivals().len());
    let gone = Instant::now();
    line.closes();
    own.closes();
    let mut sent = Vec::new();
    for person in crowd.iter().chain([&carol]) {
        sent.push(person.says(&bob, &format!("from {person}")).await);
        bob.says(person, &format!("to {person}")).await;
    }
    sleep(outage().saturating_sub(gone.elapsed())).await;
    let attempts = line.imap.arrivals().split_off(before);
    let alone = own.imap.arrivals().split_off(before_own);
    line.opens();
    own.opens();

    let gaps: Vec<Duration> = alone.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.len() >= 2, "it is tried again: {gaps:?}");
    assert!(gaps.iter().all(|gap| *gap > Duration::from_millis(1900)), "{gaps:?}");
    assert!(gaps[1] > gaps[0], "the pauses grow: {gaps:?}");
    // 0, 2, 5.5, 12 s after the loss, later every minute or so.
    let most = 5 + usize::try_from(outage().as_secs()).expect("seconds") / 40;
    assert!(alone.len() <= most, "{} attempts", alone.len());
    assert!(attempts.len() >= CROWD && attempts.len() <= CROWD * most, "{} attempts", attempts.len());
    // They would come within a few milliseconds, again and again, if nothing spread them.
    let fullest = attempts.iter().map(|begin| {
        let end = *begin + Duration::from_millis(50);
        attempts.iter().filter(|attempt| (*begin..end).contains(attempt)).count()
    });
    let fullest = fullest.max().unwrap_or_default();
    assert!(fullest < CROWD * 3 / 4, "{fullest} of {CROWD} within 50 ms");

    for (person, id) in crowd.iter().chain([&carol]).zip(sent) {
        person.shows_connectivity(&[CONNECTED]).await;
        person.sees(&format!("to {person}")).await;
        person.has_sent(id).await;
        bob.sees(&format!("from {person}")).await;
    }
    world.ends().await;
}

#[tokio::test]
async fn a_relay_that_refuses_the_password_is_not_pushed_and_used_again_when_it_accepts_it() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.shows_connectivity(&[CONNECTED]).await;
    world.relay.set_faults(Faults { refuse_login: true, ..Faults::default() });
    world.relay.log_commands(true);
    world.relay_goes_down().await;
    world.relay_comes_up().await;
    shows_words(&alice, "IMAP failed to login").await;
    sleep(Duration::from_secs(10)).await;
    let log = world.relay.command_log();
    let logins = log.iter().filter(|line| line.starts_with("IMAP") && line.contains("LOGIN")).count();
    // Two people, two attempts each at most before they wait for a minute.
    assert!((2..=4).contains(&logins), "{logins} logins: {log:?}");
    alice.shows_connectivity(&[NOT_CONNECTED]).await;
    world.relay.set_faults(Faults::default());
    for person in [&alice, &bob] {
        person.shows_connectivity(&[CONNECTED]).await;
    }
    bob.says(&alice, "welcome back").await;
    alice.sees("welcome back").await;
    world.ends().await;
}

#[tokio::test]
async fn a_mailbox_that_is_renumbered_under_a_standing_connection_goes_on_to_be_read() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    alice.empties_mailboxes(&world.relay).await;
    let before = line.imap.arrivals().len();
    world.relay.change_uid_validity(&alice.address, "INBOX").expect("Alice has a mailbox");
    // The relay ends such a connection at its next command.
    alice.call(MaybeNetwork {}).await;
    alice.eventually("a new connection", async || (line.imap.arrivals().len() > before).then_some(())).await;
    alice.shows_connectivity(&[CONNECTED]).await;
    bob.says(&alice, "afterwards").await;
    alice.sees("afterwards").await;
    alice.shows_connectivity(&[CONNECTED]).await;
    world.ends().await;
}
