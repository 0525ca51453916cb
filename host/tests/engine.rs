//! Begin and end of an engine, as a program that embeds it sees them.

#![allow(clippy::unwrap_used)]

use futures::FutureExt as _;
use volary::proto::{AddAccount, ErrorCode, event::Kind};
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
