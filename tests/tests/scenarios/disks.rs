//! A disk that is full.

use rand::RngCore as _;
use volary::Engine;
use volary_proto::event::Kind;
use volary_proto::{
    AddAccount, AddPseudoTransport, CreateGroup, CreateHostBackup, DeleteMessages, ErrorCode,
    GetAllAccountIds, GetHostBackupProgress, MessageData, MessageState, Passphrase, RestoreHostBackup,
    SendMessage, VerifyHostBackups,
};
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

/// Backs up the host of an engine into a folder.
async fn back_up(
    engine: &Engine,
    target: &std::path::Path,
) -> Result<volary_proto::HostBackup, volary_proto::Error> {
    let target = target.to_str().expect("a path in UTF-8").to_owned();
    engine.call(0, CreateHostBackup { target, passphrase: passphrase(), profiles: Vec::new(), keep: 0 }).await
}

fn passphrase() -> Option<Passphrase> {
    Some(Passphrase { text: "correct horse".to_owned() })
}

#[tokio::test]
async fn a_disk_that_fills_up_under_a_backup_leaves_the_earlier_one_whole() {
    let Some(disk) = SmallDisk::mount(128) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start(folder.path().join("alice")).await.expect("the engine starts");
    let says = notes(&engine, folder.path()).await;
    says(1_000_000).await;
    let target = disk.path().join("backups");
    let first = back_up(&engine, &target).await.expect("the first backup").name;

    says(60_000_000).await;
    disk.leaves(64);
    let refused = back_up(&engine, &target).await.expect_err("there is no space");
    assert_eq!(refused.code(), ErrorCode::DiskFull, "{refused}");
    assert!(refused.to_string().contains("backups"), "{refused}");
    let verify = |target: &std::path::Path| VerifyHostBackups {
        target: target.to_str().expect("a path in UTF-8").to_owned(),
        passphrase: passphrase(),
        snapshot: None,
    };
    let found = engine.call(0, verify(&target)).await.expect("the backups are read");
    assert_eq!((found.backups, found.damage.len()), (1, 0), "{found:?}");
    let packs = std::fs::read_dir(target.join("packs")).expect("packs").count();
    assert_eq!(packs, 1, "nothing is left of what found no space");

    // A host on a full disk takes nothing in, and is told so before anything is written.
    let small = Engine::start(disk.path().join("small")).await.expect("an engine on the small disk");
    let call = RestoreHostBackup {
        target: target.to_str().expect("a path in UTF-8").to_owned(),
        passphrase: passphrase(),
        snapshot: Some(first),
        profiles: Vec::new(),
    };
    let refused = small.call(0, call).await.expect_err("there is no space");
    assert_eq!(refused.code(), ErrorCode::DiskFull, "{refused}");
    assert!(small.call(0, GetAllAccountIds {}).await.expect("profiles").ids.is_empty());
    small.stop().await;

    disk.is_cleared();
    back_up(&engine, &target).await.expect("there is space again");
    let found = engine.call(0, verify(&target)).await.expect("the backups are read");
    assert_eq!((found.backups, found.damage.len()), (2, 0), "{found:?}");
    engine.stop().await;
}

/// A profile without relay, and what puts a random file of that many bytes into a chat of it.
async fn notes(engine: &Engine, folder: &std::path::Path) -> impl AsyncFn(usize) {
    let profile = engine.call(0, AddAccount {}).await.expect("a profile").id;
    engine.call(profile, AddPseudoTransport { addr: "alice@one.test".to_owned() }).await.expect("an address");
    let group = CreateGroup { name: "files".to_owned(), unencrypted: false };
    let chat_id = engine.call(profile, group).await.expect("a group").id;
    let file = folder.join("file.bin");
    async move |bytes: usize| {
        let mut content = vec![0; bytes];
        rand::thread_rng().fill_bytes(&mut content);
        std::fs::write(&file, content).expect("a file");
        let file = Some(file.to_str().expect("a path in UTF-8").to_owned());
        let data = Some(MessageData { text: Some("look".to_owned()), file, ..Default::default() });
        engine.call(profile, SendMessage { chat_id, data }).await.expect("a message");
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_under_a_restore_has_no_half_profile() {
    let Some(disk) = SmallDisk::mount(192) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::start(folder.path().join("alice")).await.expect("the engine starts");
    let says = notes(&engine, folder.path()).await;
    for _ in 0..6 {
        says(8_000_000).await;
    }
    let target = folder.path().join("backups");
    back_up(&engine, &target).await.expect("a backup");
    engine.stop().await;

    let small = Engine::start(disk.path().join("small")).await.expect("an engine on the small disk");
    let call = RestoreHostBackup {
        target: target.to_str().expect("a path in UTF-8").to_owned(),
        passphrase: passphrase(),
        snapshot: None,
        profiles: Vec::new(),
    };
    let (asked, wanted) = (small.clone(), call.clone());
    let restoring = tokio::spawn(async move { asked.call(0, wanted).await });
    loop {
        let progress = small.call(0, GetHostBackupProgress {}).await.expect("progress");
        // It is read and checked in full first.
        if progress.step == "restoring" && progress.bytes > 70_000_000 {
            break;
        }
        assert!(!restoring.is_finished(), "it was too fast to be watched: {progress:?}");
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    disk.fills_up();
    let refused = restoring.await.expect("a restore").expect_err("there is no space any more");
    assert_eq!(refused.code(), ErrorCode::DiskFull, "{refused}");
    assert!(small.call(0, GetAllAccountIds {}).await.expect("profiles").ids.is_empty());
    disk.is_cleared();
    small.stop().await;
    // What could not be removed then goes at the next start.
    // The folder is held as long as the engine is there.
    drop(small);
    let small = Engine::start(disk.path().join("small")).await.expect("the engine starts again");
    let folders = || {
        let entries = std::fs::read_dir(disk.path().join("small")).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        paths.filter(|path| path.is_dir() && !path.ends_with("artwork")).count()
    };
    let begun = std::time::Instant::now();
    while folders() > 0 {
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "the space is not free again");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let restored = small.call(0, call).await.expect("there is space again");
    assert_eq!(restored.profiles.len(), 1);
    small.stop().await;
}
