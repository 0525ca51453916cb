//! A second device by code: Volary gives and Volary takes, over the loopback interface.

use volary::Engine;
use volary_proto::event::Kind;
use volary_proto::{
    ErrorCode, GetBackup, GetBackupQr, GetConfig, IsConfigured, ListTransports, ProvideBackup, SetDraft,
    StartIo, StopOngoingProcess, ViewType,
};
use volary_tests::{Person, SmallDisk, World};

const NOTE: &str = "ℹ️ Account transferred to your second device.";

/// Somebody's second device, before it has anything.
async fn blank(world: &World) -> Person {
    world.newcomer("Nobody").await
}

/// The progress that was shown.
fn steps(person: &Person) -> Vec<u32> {
    let step = |kind: Kind| match kind {
        Kind::ImexProgress(event) => Some(event.progress),
        _ => None,
    };
    person.log.all().into_iter().filter_map(step).collect()
}

async fn is_empty(person: &Person) {
    assert!(!person.call(IsConfigured {}).await.value);
    assert!(person.call(ListTransports {}).await.transports.is_empty());
}

/// A file that takes a moment to transfer, as a draft.
async fn has_large_file(world: &World, person: &Person) {
    let chat = person.chat_with(person).await;
    let path = world.file("large.bin", &vec![7; 30 << 20]);
    let file = path.to_str().map(str::to_owned);
    let draft =
        SetDraft { chat_id: chat.id, file, view_type: Some(ViewType::File.into()), ..Default::default() };
    person.call(draft).await;
}

#[tokio::test]
async fn a_profile_goes_to_a_second_device_and_both_go_on() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    alice.says(&bob, "before").await;
    bob.sees("before").await;
    let second = blank(&world).await;
    let taken = async {
        let qr = alice.call(GetBackupQr {}).await.text;
        second.call(GetBackup { qr }).await;
    };
    tokio::join!(alice.call(ProvideBackup {}), taken);
    for device in [&alice, &second] {
        // The answer may be there before the test has heard of the last event.
        device.eventually("the end", async || (steps(device).last() == Some(&1000)).then_some(())).await;
        let steps = steps(device);
        assert!(steps.is_sorted(), "{steps:?}");
        assert_eq!(steps.first(), Some(&1));
    }
    assert_eq!((alice.count(NOTE).await, second.count(NOTE).await), (1, 0));
    assert_eq!(second.count("before").await, 1);
    assert_eq!(second.addresses().await, alice.addresses().await);
    let several = second.call(GetConfig { key: "bcc_self".to_owned() }).await.text;
    assert_eq!(several.as_deref(), Some("1"));

    second.call(StartIo {}).await;
    bob.says(&alice, "to both").await;
    alice.sees("to both").await;
    second.sees("to both").await;
    let message = second.says(&bob, "from the second").await;
    second.has_sent(message).await;
    bob.sees("from the second").await;
    alice.eventually("a copy", async || (alice.count("from the second").await == 1).then_some(())).await;
    world.ends().await;
}

#[tokio::test]
async fn a_wrong_token_takes_nothing_and_the_offer_stands() {
    let world = World::new().await;
    let alice = world.person("Alice").await;
    let second = blank(&world).await;
    let taken = async {
        let qr = alice.call(GetBackupQr {}).await.text;
        let (head, tail) = qr.split_once('&').expect("a code");
        let (start, last) = head.split_at(head.len() - 1);
        let wrong = format!("{start}{}&{tail}", if last == "A" { "B" } else { "A" });
        let refused = second.tries(GetBackup { qr: wrong }).await.expect_err("a wrong token");
        assert_eq!(refused.code(), ErrorCode::Failed, "{refused}");
        assert_eq!((steps(&alice), steps(&second)), (vec![], vec![0]));
        is_empty(&second).await;
        second.call(GetBackup { qr }).await;
    };
    tokio::join!(alice.call(ProvideBackup {}), taken);
    assert_eq!(second.addresses().await, alice.addresses().await);
    world.ends().await;
}

#[tokio::test]
async fn a_transfer_that_is_cancelled_leaves_an_empty_profile_and_both_slots_free() {
    let world = World::new().await;
    let alice = world.person("Alice").await;
    has_large_file(&world, &alice).await;
    let second = blank(&world).await;
    for stops in [&second, &alice] {
        let taken = async {
            let qr = alice.call(GetBackupQr {}).await.text;
            let other = alice.tries(ProvideBackup {}).await.expect_err("one at a time");
            assert_eq!(other.message, "There is already another ongoing process running.");
            let stopped = async {
                let begun = async || (steps(&second).last() > Some(&0)).then_some(());
                second.eventually("the transfer has begun", begun).await;
                stops.call(StopOngoingProcess {}).await;
            };
            let (refused, ()) = tokio::join!(second.tries(GetBackup { qr }), stopped);
            refused.expect_err("it was cancelled")
        };
        let (_, error) = tokio::join!(alice.call(ProvideBackup {}), taken);
        if stops.profile == second.profile {
            assert_eq!(
                (error.code(), error.message.as_str()),
                (ErrorCode::Cancelled, "Backup reception canceled")
            );
        }
        both_have_ended(&alice, &second).await;
        is_empty(&second).await;
    }
    let taken = async {
        let qr = alice.call(GetBackupQr {}).await.text;
        second.call(GetBackup { qr }).await;
    };
    tokio::join!(alice.call(ProvideBackup {}), taken);
    assert_eq!((alice.count(NOTE).await, second.addresses().await), (1, alice.addresses().await));
    world.ends().await;
}

/// The last step of a transfer that came to nothing is 0, on both sides. Events may come after the answer.
async fn both_have_ended(giver: &Person, taker: &Person) {
    for person in [giver, taker] {
        let ended = async || (steps(person).last() == Some(&0)).then_some(());
        person.eventually("the transfer has ended", ended).await;
    }
}

#[tokio::test]
async fn a_full_disk_leaves_an_empty_profile() {
    let Some(disk) = SmallDisk::mount(40) else { return };
    let world = World::new().await;
    let alice = world.person("Alice").await;
    has_large_file(&world, &alice).await;
    let engine = Engine::start(disk.path().join("second")).await.expect("the engine starts");
    let profile = engine.call(0, volary_proto::AddAccount {}).await.expect("a profile is added").id;
    let second = Person::known_in(&engine, "Alice", &alice.address, profile);
    let taken = async {
        let qr = alice.call(GetBackupQr {}).await.text;
        let refused = second.tries(GetBackup { qr }).await.expect_err("the disk is full");
        assert!(refused.message.starts_with("Failed to import backup from QUIC stream: "), "{refused}");
    };
    tokio::join!(alice.call(ProvideBackup {}), taken);
    both_have_ended(&alice, &second).await;
    is_empty(&second).await;
    assert_eq!(alice.count(NOTE).await, 0);
    engine.stop().await;
    world.ends().await;
}

#[tokio::test]
async fn what_is_in_use_is_not_filled_and_other_codes_are_refused() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let before = bob.addresses().await;
    let taken = async {
        let qr = alice.call(GetBackupQr {}).await.text;
        let refused = bob.tries(GetBackup { qr }).await.expect_err("Bob has a relay");
        let expected = "Failed to import backup from QUIC stream: Cannot import backups to accounts in use";
        assert_eq!(refused.message, expected);
    };
    tokio::join!(alice.call(ProvideBackup {}), taken);
    assert_eq!(bob.addresses().await, before);
    for qr in ["DCBACKUP9:x", "https://example.org"] {
        let refused = bob.tries(GetBackup { qr: qr.to_owned() }).await.expect_err("no offer");
        assert_eq!(refused.message, "QR code for backup must be of type DCBACKUP2");
    }
    let message = bob.says(&alice, "still Bob").await;
    bob.has_sent(message).await;
    alice.sees("still Bob").await;
    world.ends().await;
}
