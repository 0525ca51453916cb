//! A disk that is full.

use volary::Engine;
use volary_proto::event::Kind;
use volary_proto::{DeleteMessages, ErrorCode, MessageData, MessageState, SendMessage};
use volary_tests::{Person, SmallDisk, World};

/// Less than the engine keeps free.
const TOO_LITTLE: usize = 12;

#[tokio::test]
async fn a_full_disk_is_told_loses_nothing_and_is_recovered_from() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let world = World::new().await;
    let bob = world.person("Bob").await;
    let engine = Engine::start(disk.path().join("alice")).await.expect("the engine starts");
    let alice = world.person_at(&engine, "Alice").await;
    alice.invites(&bob).await;
    let (at_alice, at_bob) = (alice.chat_with(&bob).await, bob.chat_with(&alice).await);
    let old = at_alice.says("before").await;
    alice.has_sent(old).await;
    bob.sees("before").await;
    alice.empties_mailboxes(&world.relay).await;

    disk.leaves(TOO_LITTLE);
    let refused = alice
        .eventually("a command is refused", async || {
            let data = Some(MessageData { text: Some("too much".to_owned()), ..Default::default() });
            alice.tries(SendMessage { chat_id: at_alice.id, data }).await.err()
        })
        .await;
    assert_eq!(refused.code(), ErrorCode::DiskFull, "{refused}");
    let folder = disk.path().join("alice");
    let text = refused.to_string();
    assert!(text.starts_with("the disk is full: ") && text.contains("bytes are free for"), "{text}");
    assert!(text.ends_with(&*folder.to_string_lossy()), "{text}");
    let sent = at_bob.says("kept on the relay").await;
    bob.has_sent(sent).await;
    alice
        .hears("an error for the user", |kind| match kind {
            Kind::Error(event) => {
                (event.msg.contains("stay on the relay") && event.msg.contains("disk is full")).then_some(())
            }
            _ => None,
        })
        .await;
    assert_eq!(alice.count("kept on the relay").await, 0);
    assert!(!world.relay.mailbox(&alice.address).expect("Alice has a mailbox").is_empty());
    // Reading and making space still work.
    assert_eq!(alice.message(old).await.state(), MessageState::OutDelivered);
    alice.call(DeleteMessages { msg_ids: vec![old] }).await;

    disk.is_cleared();
    alice.sees("kept on the relay").await;
    alice.empties_mailboxes(&world.relay).await;
    let after = at_alice.says("after").await;
    bob.sees("after").await;
    alice.has_sent(after).await;
    let texts = at_alice.texts().await;
    assert_eq!(texts.iter().filter(|text| *text == "kept on the relay").count(), 1);
    assert!(!texts.contains(&"before".to_owned()));
    engine.stop().await;
    let (address, profile) = (alice.address.clone(), alice.profile);
    // The folder is free when the last handle is gone.
    drop((engine, alice, at_alice));

    let engine = Engine::start(disk.path().join("alice")).await.expect("the engine starts again");
    let alice = Person::known_in(&engine, "Alice", &address, profile);
    assert_eq!(alice.count("after").await, 1);
    engine.stop().await;
    world.ends().await;
}
