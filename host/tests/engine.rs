//! Begin and end of an engine, as a program that embeds it sees them.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use futures::FutureExt as _;
use volary::proto::{
    AddAccount, BatchGetConfig, BatchSetConfig, ConfigEntry, ErrorCode, SetConfig, event::Kind,
};
use volary::{DirectoryError, Engine, Holder, StartError};

#[tokio::test]
async fn a_stopped_engine_cancels_calls_and_ends_its_streams() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(folder.path()).await.unwrap();
    let (all, narrowed) = (engine.events(), engine.events_of(1));
    engine.call(0, AddAccount {}).await.unwrap();
    engine.stop().await;
    let mut kinds = Vec::new();
    while let Some(event) = all.next().await {
        kinds.extend(event.kind.clone());
    }
    assert!(kinds.contains(&Kind::AccountsChanged(Default::default())), "{kinds:?}");
    while narrowed.next().await.is_some() {}
    assert_eq!(engine.events().next().now_or_never(), Some(None), "a later stream ends at once");
    let refused = engine.call(0, AddAccount {}).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Cancelled, "{refused}");
}

#[tokio::test]
async fn a_folder_has_one_engine_until_it_is_stopped_and_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let first = Engine::start(folder.path()).await.unwrap();
    let Err(refused) = Engine::start(folder.path()).await else { panic!("two engines on one folder") };
    let StartError::Directory(DirectoryError::Locked { path, holder }) = refused else { panic!("{refused}") };
    assert_eq!((path.as_path(), holder), (folder.path(), Holder::ThisProcess));
    first.stop().await;
    drop(first);
    Engine::start(folder.path()).await.unwrap().stop().await;
}

#[tokio::test]
async fn a_command_that_nobody_waits_for_is_carried_out_as_a_whole_or_not_at_all() {
    // More than a mailbox holds: none of them keeps its place.
    const COMMANDS: usize = 3000;
    const KEYS: [&str; 2] = ["displayname", "selfstatus"];
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::start(folder.path()).await.unwrap();
    let profile = engine.call(0, AddAccount {}).await.unwrap().id;
    let both = |value: &str| {
        let entry = |key: &str| ConfigEntry { key: key.to_owned(), value: Some(value.to_owned()) };
        BatchSetConfig { entries: KEYS.map(entry).into() }
    };
    let values = async || {
        let asked = BatchGetConfig { keys: KEYS.map(str::to_owned).into() };
        let entries = engine.call(profile, asked).await.unwrap().entries;
        entries.into_iter().map(|entry| entry.value.unwrap()).collect::<Vec<_>>()
    };
    engine.call(profile, both("at first")).await.unwrap();
    for number in 0..COMMANDS {
        // Its first step puts it into the mailbox of its owner. It may even be answered by then.
        drop(engine.call(profile, both(&format!("number {number}"))).now_or_never());
        if number.is_multiple_of(100) {
            engine.call(profile, SetConfig { key: "bot".to_owned(), value: None }).await.unwrap();
        }
    }
    // Both settings of a command are set one after the other.
    let ended = async {
        loop {
            let found = values().await;
            if found[0] == found[1] {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.unwrap();
    engine.call(profile, both("at last")).await.unwrap();
    assert_eq!(values().await, ["at last", "at last"]);
    engine.stop().await;
}
