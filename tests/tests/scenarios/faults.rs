//! Faults of ours: no mail is lost or judged by them. And what is told of mails of which nothing is shown.

use volary_mail::openpgp::Layers;
use volary_proto::event::Kind;
use volary_proto::{GetNotShownMails, NotShownMail, NotShownReason, NotShownState, SetConfig, ViewType};
use volary_storage::records::{CertificateRecord, KeyRecord};
use volary_storage::tables::{CERTIFICATES, KEYS};
use volary_storage::{Options, ProfileId, Store, StoreError, View as _};
use volary_tests::{Person, World};

use crate::victim::{Author, Victim, inner, letter, sealed};

/// Changes rows while no engine runs.
async fn tampers<T: Send + 'static>(
    dir: &std::path::Path,
    change: impl FnOnce(&mut volary_storage::WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    let store = Store::open(dir, Options::default()).expect("the database opens");
    let changed = store.write(change).await.expect("the rows are changed").value;
    store.close().expect("the database closes");
    changed
}

async fn not_shown(person: &Person) -> Vec<NotShownMail> {
    person.call(GetNotShownMails { limit: 0 }).await.mails
}

/// Waits until mails wait for a fault to be mended.
async fn keeps(person: &Person, count: usize) {
    person
        .eventually("mails that wait", async || {
            let waiting = not_shown(person).await.into_iter();
            let faults = waiting.filter(|mail| mail.reason() == NotShownReason::Fault);
            (faults.filter(|mail| mail.state() == NotShownState::Kept).count() == count).then_some(())
        })
        .await;
}

async fn says_that_something_is_wrong(person: &Person) {
    person.hears("an error", |kind| matches!(kind, Kind::Error(_)).then_some(())).await;
}

#[tokio::test]
async fn an_own_key_that_cannot_be_read_loses_no_mail() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let profile = ProfileId::new(alice.profile);
    let mut good = None;
    let garble = async |_: &volary_relay::Relay, dir: &std::path::Path| {
        good = Some(
            tampers(dir, move |tx| {
                let good: KeyRecord = tx.get(&KEYS, &profile)?.expect("a key");
                tx.put(&KEYS, &profile, &KeyRecord { secret_key: b"garbled".to_vec(), ..good.clone() })?;
                Ok(good)
            })
            .await,
        );
    };
    let (world, [alice, bob]) = world.restarts_engine_after([alice, bob], garble).await;
    for text in ["one", "two"] {
        bob.says(&alice, text).await;
    }
    keeps(&alice, 2).await;
    says_that_something_is_wrong(&alice).await;
    assert_eq!(alice.count("one").await, 0);
    let good = good.expect("the good key");
    let mend = async |_: &volary_relay::Relay, dir: &std::path::Path| {
        tampers(dir, move |tx| tx.put(&KEYS, &profile, &good)).await;
    };
    let (world, [alice, _]) = world.restarts_engine_after([alice, bob], mend).await;
    for text in ["one", "two"] {
        alice.sees(text).await;
    }
    assert_eq!(not_shown(&alice).await, []);
    alice.empties_mailboxes(&world.relay).await;
    world.ends().await;
}

#[tokio::test]
async fn a_stored_key_of_a_friend_that_cannot_be_read_loses_no_mail() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let profile = ProfileId::new(alice.profile);
    let garble = async |_: &volary_relay::Relay, dir: &std::path::Path| {
        tampers(dir, move |tx| {
            let stored: Vec<((ProfileId, String), CertificateRecord)> =
                tx.scan_prefix(&CERTIFICATES, &profile)?.collect::<Result<_, _>>()?;
            for (key, record) in stored {
                let garbled = CertificateRecord { certificate: b"garbled".to_vec(), ..record };
                tx.put(&CERTIFICATES, &key, &garbled)?;
            }
            Ok(())
        })
        .await;
    };
    let (world, [alice, bob]) = world.restarts_engine_after([alice, bob], garble).await;
    // The file comes without the key, the text with it.
    let file = world.file("large.bin", &vec![7; 300_000]);
    let chat = bob.chat_with(&alice).await;
    chat.shows(&file, ViewType::File).await;
    chat.says("and words").await;
    alice.sees("and words").await;
    alice
        .eventually("the file", async || {
            let shown = alice.messages().await;
            shown.iter().any(|message| message.file_bytes == 300_000 && message.file.is_some()).then_some(())
        })
        .await;
    assert_eq!(not_shown(&alice).await, []);
    world.ends().await;
}

#[tokio::test]
async fn a_reader_that_panics_loses_no_mail() {
    let world = World::new().await;
    // Nobody else in these tests has that name.
    let (alice, pandora) = (world.person("Alice").await, world.person("Pandora").await);
    alice.invites(&pandora).await;
    pandora.says(&alice, "hello").await;
    alice.sees("hello").await;
    volary_engine::testing::reading_panics_at(Some("From: <pandora@_one.test>"));
    pandora.says(&alice, "boo").await;
    keeps(&alice, 1).await;
    says_that_something_is_wrong(&alice).await;
    volary_engine::testing::reading_panics_at(None);
    let (world, [alice, _]) = world.restarts_engine([alice, pandora]).await;
    alice.sees("boo").await;
    assert_eq!(not_shown(&alice).await, []);
    alice.empties_mailboxes(&world.relay).await;
    world.ends().await;
}

#[tokio::test]
async fn rules_that_fail_on_a_mail_lose_it_not() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let fails = |value: Option<&str>| SetConfig {
        key: "simulate_receive_imf_error".to_owned(),
        value: value.map(str::to_owned),
    };
    alice.call(fails(Some("1"))).await;
    bob.says(&alice, "bad luck").await;
    keeps(&alice, 1).await;
    alice.call(fails(None)).await;
    bob.says(&alice, "good luck").await;
    alice.sees("good luck").await;
    let told = alice.messages().await.into_iter();
    assert_eq!(told.filter(|message| message.text.starts_with("❌ Failed to receive")).count(), 1);
    let (world, [alice, _]) = world.restarts_engine([alice, bob]).await;
    alice.sees("bad luck").await;
    assert_eq!(not_shown(&alice).await, []);
    alice.empties_mailboxes(&world.relay).await;
    world.ends().await;
}

#[tokio::test]
async fn of_a_mail_that_is_not_shown_there_is_a_row_an_event_and_a_reason() {
    let victim = Victim::new().await;
    let alice = victim.certificate().await;
    let mut carol = Author::new("carol@_one.test", 21);
    let mut dave = Author::new("dave@_one.test", 22);
    let dave_certificate = dave.certificate();
    victim.gets(letter("carol@_one.test", "clear@x", "text/plain", "clear words\r\n"));
    let to_others =
        carol.seals(inner("carol@_one.test", "others@x", "not for her"), &dave_certificate, Layers::MESSAGE);
    victim.gets(sealed("carol@_one.test", "others@x", &to_others));
    let of_stranger = carol.seals(inner("carol@_one.test", "stranger@x", "who?"), &alice, Layers::MESSAGE);
    victim.gets(sealed("carol@_one.test", "stranger@x", &of_stranger));
    let own = dave.seals(inner("alice@_one.test", "own@x", "in her name"), &alice, Layers::MESSAGE);
    victim.gets(sealed("alice@_one.test", "own@x", &own));
    let expected = [
        ("clear@x", NotShownReason::Unencrypted, NotShownState::Skipped),
        ("others@x", NotShownReason::NotDecrypted, NotShownState::Dropped),
        ("own@x", NotShownReason::SignerUnknown, NotShownState::Kept),
        ("stranger@x", NotShownReason::SignerUnknown, NotShownState::Kept),
    ];
    let person = &victim.alice;
    person
        .eventually("four rows", async || (not_shown(person).await.len() == expected.len()).then_some(()))
        .await;
    let mut rows = not_shown(person).await;
    rows.sort_by(|a, b| a.message_id.cmp(&b.message_id));
    for (row, (mid, reason, state)) in rows.iter().zip(expected) {
        assert_eq!((row.message_id.as_str(), row.reason(), row.state()), (mid, reason, state));
        assert_eq!(row.relay, "_one.test");
        assert!(row.time > 0 && !row.text.is_empty() && row.sender.ends_with("…@_one.test"), "{row:?}");
        person
            .hears("an event about the mail", |kind| match kind {
                Kind::Info(event) => event.msg.contains(mid).then_some(()),
                Kind::Warning(event) => event.msg.contains(mid).then_some(()),
                _ => None,
            })
            .await;
    }
    assert_eq!(person.call(GetNotShownMails { limit: 1 }).await.mails.len(), 1);
    // When the key of the stranger is known, her words are.
    let mut victim = victim;
    victim.knows(&mut carol, "Carol").await;
    victim.alice.sees("who?").await;
    assert_eq!(not_shown(&victim.alice).await.len(), 3);
    victim.world.ends().await;
}
