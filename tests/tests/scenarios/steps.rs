//! Connections that break at any step of the dialogue with the relay: nothing is lost, nothing is doubled, and the
//! profile comes back by itself.

use futures::future::{join, join_all};
use volary_proto::{MaybeNetwork, StartIo, StopIo};
use volary_relay::Relay;
use volary_tests::{Direction, Fault, Line, Person, When, World};

/// The number of a profile that waits for mail.
const CONNECTED: u64 = 4000;
/// A sweep cuts after 0, that many, twice that many bytes; `VOLARY_SWEEP_STEP=1` leaves no byte out.
const SWEEP_STEP: usize = 53;

/// Somebody on a line of her own, who knows Bob.
async fn friend_of(bob: &Person, world: &World, name: &str) -> (Line, Person) {
    let line = world.line().await;
    let person = world.person_on(&line, name).await;
    bob.invites(&person).await;
    person.shows_connectivity(&[CONNECTED]).await;
    (line, person)
}

/// A step, and when a connection is there.
type Step = (&'static str, When);

/// The steps of receiving. Those of the first list come when a connection is made, the others when mail comes.
fn receiving() -> (Vec<Step>, Vec<Step>) {
    use When::{Answer, Before, Bytes, Within};
    let making = vec![
        ("before the greeting", Bytes(Direction::ToEngine, 0)),
        ("in the greeting", Bytes(Direction::ToEngine, 7)),
        ("before LOGIN", Before("LOGIN")),
        ("in LOGIN", Within("LOGIN")),
        ("after LOGIN", Answer("LOGIN", 0)),
        ("in the answer to LOGIN", Answer("LOGIN", 20)),
        ("after ID", Answer("ID", 0)),
        ("in SELECT", Within("SELECT")),
        ("after SELECT", Answer("SELECT", 0)),
        ("in the answer to SELECT", Answer("SELECT", 40)),
        ("before IDLE", Before("IDLE")),
        ("after IDLE", Answer("IDLE", 0)),
    ];
    let working = vec![
        ("before DONE", Before("DONE")),
        ("in DONE", Within("DONE")),
        ("after DONE", Answer("DONE", 0)),
        ("in the question for header fields", Within("(UID")),
        ("after the question for header fields", Answer("(UID", 0)),
        ("in the header fields", Answer("(UID", 150)),
        ("in the question for a mail", Within("(FLAGS")),
        ("after the question for a mail", Answer("(FLAGS", 0)),
        ("in the size of a mail", Answer("(FLAGS", 40)),
        ("in a mail", Answer("(FLAGS", 900)),
        ("before STORE", Before("STORE")),
        ("in STORE", Within("STORE")),
        ("after STORE", Answer("STORE", 0)),
        ("before CLOSE", Before("CLOSE")),
        ("after CLOSE", Answer("CLOSE", 0)),
        ("in the answer to CLOSE", Answer("CLOSE", 30)),
    ];
    (making, working)
}

#[tokio::test]
async fn a_connection_that_is_cut_at_any_step_of_receiving_loses_and_doubles_nothing() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (making, working) = receiving();
    let steps =
        making.into_iter().map(|step| (step, true)).chain(working.into_iter().map(|step| (step, false)));
    let all = steps.enumerate().map(async |(number, ((step, when), anew))| {
        let (line, person) = friend_of(&bob, &world, &format!("Cut{number}")).await;
        line.imap.fails(Fault::cut(when));
        if anew {
            line.imap.cuts();
            line.imap.has_failed(1).await;
        }
        let (first, second) = (format!("{step}: first"), format!("{step}: second"));
        bob.says(&person, &first).await;
        line.imap.has_failed(1).await;
        bob.says(&person, &second).await;
        person.sees(&first).await;
        person.sees(&second).await;
        person.empties_mailboxes(&world.relay).await;
        person.shows_connectivity(&[CONNECTED]).await;
        assert_eq!(person.chat_with(&bob).await.texts().await, [first, second], "{step}");
    });
    join_all(all).await;
    world.ends().await;
}

/// The steps of sending, and whether the relay has taken the mail when the connection breaks.
const SENDING: [(&str, When, bool); 20] = [
    ("before the greeting", When::Bytes(Direction::ToEngine, 0), false),
    ("in the greeting", When::Bytes(Direction::ToEngine, 5), false),
    ("before EHLO", When::Before("EHLO"), false),
    ("in EHLO", When::Within("EHLO"), false),
    ("after EHLO", When::Answer("EHLO", 0), false),
    ("in the answer to EHLO", When::Answer("EHLO", 30), false),
    ("in AUTH", When::Within("AUTH"), false),
    ("after AUTH", When::Answer("AUTH", 0), false),
    ("in the answer to AUTH", When::Answer("AUTH", 6), false),
    ("before MAIL", When::Before("MAIL"), false),
    ("in MAIL", When::Within("MAIL"), false),
    ("after MAIL", When::Answer("MAIL", 0), false),
    ("in RCPT", When::Within("RCPT"), false),
    ("after RCPT", When::Answer("RCPT", 0), false),
    ("before DATA", When::Before("DATA"), false),
    ("after DATA", When::Answer("DATA", 0), false),
    ("in the answers to the envelope", When::Answer("DATA", 30), false),
    ("before the final dot", When::Before("."), false),
    ("after the final dot", When::Answer(".", 0), true),
    ("in the answer to the final dot", When::Answer(".", 3), true),
];

#[tokio::test]
async fn a_connection_that_is_cut_at_any_step_of_sending_loses_and_doubles_nothing() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let all = SENDING.iter().enumerate().map(async |(number, (step, when, taken))| {
        let (line, person) = friend_of(&bob, &world, &format!("Cut{number}")).await;
        // A session of the handshake may still stand.
        line.smtp.cuts();
        line.smtp.fails(Fault::cut(*when));
        let sent = person.says(&bob, step).await;
        line.smtp.has_failed(1).await;
        if *taken {
            bob.sees(step).await;
        }
        person.has_sent(sent).await;
        bob.sees(step).await;
        let answer = format!("{step}: heard");
        bob.says(&person, &answer).await;
        person.sees(&answer).await;
        bob.empties_mailboxes(&world.relay).await;
        assert_eq!(bob.chat_with(&person).await.texts().await, [*step, &answer]);
    });
    join_all(all).await;
    world.ends().await;
}

#[tokio::test]
async fn a_mail_whose_acceptance_got_lost_goes_out_again_under_the_same_message_id() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let (line, alice) = friend_of(&bob, &world, "Alice").await;
    bob.empties_mailboxes(&world.relay).await;
    bob.call(StopIo {}).await;
    line.smtp.cuts();
    // Only a session that was used before is replaced at once; this one is new.
    line.smtp.fails(Fault::cut(When::Answer(".", 0)));
    let sent = alice.says(&bob, "taken without a word").await;
    line.smtp.has_failed(1).await;
    alice.has_sent(sent).await;
    let ids = message_ids(&world.relay, &bob);
    let doubled = ids.iter().filter(|id| ids.iter().filter(|other| other == id).count() == 2);
    assert_eq!(doubled.count(), 2, "one mail lies there twice: {ids:?}");
    bob.call(StartIo {}).await;
    bob.sees("taken without a word").await;
    bob.empties_mailboxes(&world.relay).await;
    assert_eq!(bob.count("taken without a word").await, 1);
    world.ends().await;
}

/// Message-IDs of what lies in a mailbox.
fn message_ids(relay: &Relay, person: &Person) -> Vec<String> {
    let mails = relay.mailbox(&person.address).expect("a mailbox").into_iter();
    mails
        .map(|mail| {
            let text = String::from_utf8_lossy(&mail.raw).into_owned();
            let id = text.lines().find_map(|line| line.strip_prefix("Message-ID:"));
            id.expect("a mail with an id").trim().to_owned()
        })
        .collect()
}

fn sweep_step() -> usize {
    let step = std::env::var("VOLARY_SWEEP_STEP").ok().and_then(|text| text.parse().ok());
    step.unwrap_or(SWEEP_STEP).max(1)
}

/// Each message meets another cut, one byte position after the other, until one meets none. The waiting times between
/// attempts are covered above; here the network "changes" after each cut, so that a sweep takes seconds.
async fn sweep_receiving(world: &World, bob: &Person, name: &str, direction: Direction) {
    let (line, alice) = friend_of(bob, world, name).await;
    let mut expected = Vec::new();
    for bytes in (0..).step_by(sweep_step()) {
        let text = format!("{name}: cut after {bytes} bytes");
        let before = line.imap.happened();
        line.imap.fails(Fault::cut(When::Bytes(direction, bytes)));
        line.imap.cuts();
        bob.says(&alice, &text).await;
        alice.call(MaybeNetwork {}).await;
        let mut met = false;
        // Whoever has everything and is connected without a cut is beyond the last byte.
        alice
            .eventually(&format!("the cut after {bytes} bytes, or none"), async || {
                met = line.imap.happened() > before;
                let calm = alice.count(&text).await == 1 && alice.connectivity().await == CONNECTED;
                (met || calm).then_some(())
            })
            .await;
        line.imap.is_mended();
        alice.call(MaybeNetwork {}).await;
        alice.sees(&text).await;
        expected.push(text);
        if !met {
            break;
        }
    }
    assert!(expected.len() * sweep_step() > 300, "{} cuts in a whole dialogue", expected.len());
    alice.empties_mailboxes(&world.relay).await;
    assert_eq!(alice.chat_with(bob).await.texts().await, expected);
}

#[tokio::test]
async fn a_cut_after_any_byte_of_receiving_loses_nothing() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    sweep_receiving(&world, &bob, "Speaking", Direction::ToRelay).await;
    sweep_receiving(&world, &bob, "Listening", Direction::ToEngine).await;
    world.ends().await;
}

/// Each message meets another cut and waits for its retry while the next ones meet theirs: they are in chats of their
/// own, because within a chat none overtakes another.
async fn sweep_sending(world: &World, bob: &Person, name: &str, direction: Direction) {
    let (line, alice) = friend_of(bob, world, name).await;
    let mut sent = Vec::new();
    for bytes in (0..).step_by(sweep_step()) {
        let text = format!("{name}: cut after {bytes} bytes");
        let before = line.smtp.happened();
        line.smtp.cuts();
        line.smtp.fails(Fault::cut(When::Bytes(direction, bytes)));
        let chat = alice.founds(&text).await;
        chat.adds(bob).await;
        let id = chat.says(&text).await;
        let mut met = false;
        alice
            .eventually(&format!("the cut after {bytes} bytes, or none"), async || {
                met = line.smtp.happened() > before;
                (met || bob.count(&text).await == 1).then_some(())
            })
            .await;
        line.smtp.is_mended();
        sent.push((id, text));
        if !met {
            break;
        }
    }
    assert!(sent.len() * sweep_step() > 300, "{} cuts in a whole dialogue", sent.len());
    for (id, _) in &sent {
        alice.has_sent(*id).await;
    }
    bob.empties_mailboxes(&world.relay).await;
    let heard: Vec<String> = bob.messages().await.into_iter().map(|message| message.text).collect();
    for (_, text) in sent {
        assert_eq!(heard.iter().filter(|other| **other == text).count(), 1, "{text}");
    }
}

#[tokio::test]
async fn a_cut_after_any_byte_of_sending_loses_nothing() {
    let world = World::new().await;
    let bob = world.person("Bob").await;
    join(
        sweep_sending(&world, &bob, "Speaking", Direction::ToRelay),
        sweep_sending(&world, &bob, "Listening", Direction::ToEngine),
    )
    .await;
    world.ends().await;
}
