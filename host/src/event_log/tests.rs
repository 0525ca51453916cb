//! The log with events from a channel.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use volary_proto::{Event, event};

use super::tail::MAX_ENTRIES;
use super::*;

/// Longest that anything here may take.
const SOON: Duration = Duration::from_secs(20);

struct Channel(mpsc::UnboundedReceiver<Event>);

impl EventSource for Channel {
    async fn next(&mut self) -> Option<Arc<Event>> {
        self.0.recv().await.map(Arc::new)
    }
}

/// A log, and what sends events to it.
struct Running {
    log: EventLog,
    events: mpsc::UnboundedSender<Event>,
}

fn start(folder: &Path) -> Running {
    let (events, receiver) = mpsc::unbounded_channel();
    let complete = fs::remove_file(folder.join(LOGGED_FILE)).is_ok();
    Running { log: EventLog::open(folder, Channel(receiver), complete).unwrap(), events }
}

impl Running {
    fn emit(&self, profile_id: u32, text: impl Into<String>) {
        let kind = event::Kind::Info(event::Info { msg: text.into() });
        self.events.send(Event { profile_id, kind: Some(kind) }).unwrap();
    }

    fn after(&self, number: u64, profiles: Option<&[u32]>) -> Subscription {
        let from = Position::After { log: self.log.id(), number };
        self.log.follow(Follow { profiles: profiles.map(<[u32]>::to_vec), from })
    }

    fn starting_now(&self, profiles: Option<&[u32]>) -> Subscription {
        self.log.follow(Follow { profiles: profiles.map(<[u32]>::to_vec), from: Position::Now })
    }

    async fn close(mut self) {
        drop(self.events);
        timeout(SOON, self.log.closed()).await.unwrap();
    }

    /// Everything emitted so far is in the log.
    async fn settled(&self) {
        let mut marks = self.starting_now(Some(&[u32::MAX]));
        self.emit(u32::MAX, "mark");
        next(&mut marks).await;
    }
}

/// The next entry: its number, profile and text.
async fn next(subscription: &mut Subscription) -> (u64, u32, String) {
    let entry = timeout(SOON, subscription.next()).await.unwrap().unwrap();
    match &entry.item {
        Item::Event(event) => match &event.kind {
            Some(event::Kind::Info(info)) => (entry.number, event.profile_id, info.msg.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

async fn gap(subscription: &mut Subscription) -> (u64, Gap) {
    let entry = timeout(SOON, subscription.next()).await.unwrap().unwrap();
    match &entry.item {
        Item::Gap(gap) => (entry.number, gap.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn all_who_listen_see_the_same_events_in_the_same_order() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let (mut one, mut other, mut narrowed) =
        (running.starting_now(None), running.starting_now(None), running.starting_now(Some(&[2])));
    for n in 0..500 {
        running.emit(n % 3, n.to_string());
    }
    let mut numbers = Vec::new();
    for n in 0..500 {
        let seen = next(&mut one).await;
        assert_eq!(seen, next(&mut other).await);
        assert_eq!(seen.2, n.to_string());
        numbers.push(seen.0);
        if n % 3 == 2 {
            assert_eq!(next(&mut narrowed).await, seen);
        }
    }
    assert!(numbers.is_sorted_by(|a, b| a < b));
}

#[tokio::test]
async fn who_comes_back_with_his_number_gets_what_he_missed_also_from_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let mut listening = running.starting_now(None);
    running.emit(1, "first");
    let (number, ..) = next(&mut listening).await;
    drop(listening);
    let missed = MAX_ENTRIES as u32 * 2 + 10;
    for n in 0..missed {
        running.emit(n % 2, n.to_string());
    }
    running.settled().await;
    let mut all = running.after(number, None);
    for n in 0..missed {
        assert_eq!(next(&mut all).await.2, n.to_string());
    }
    let mut one = running.after(number, Some(&[1]));
    for n in (1..missed).step_by(2) {
        assert_eq!(next(&mut one).await.2, n.to_string());
    }
    running.emit(1, "now");
    assert_eq!(next(&mut one).await.2, "now");
}

#[tokio::test]
async fn numbers_and_events_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let id = running.log.id();
    let mut listening = running.starting_now(None);
    running.emit(1, "seen");
    let (number, ..) = next(&mut listening).await;
    running.emit(1, "missed");
    running.close().await;
    assert_eq!(timeout(SOON, listening.next()).await.unwrap().map(|entry| entry.number), Some(number + 1));
    assert!(timeout(SOON, listening.next()).await.unwrap().is_none(), "it ends with the log");

    let again = start(folder.path());
    assert_eq!(again.log.id(), id);
    again.emit(1, "later");
    let mut back = again.after(number, None);
    assert_eq!(next(&mut back).await.2, "missed");
    assert_eq!(next(&mut back).await, (number + 2, 1, "later".to_owned()));
}

#[tokio::test]
async fn a_log_that_was_not_closed_gives_no_number_twice_and_says_that_events_may_be_missing() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let mut listening = running.starting_now(None);
    running.emit(1, "seen");
    running.emit(1, "missed");
    let (number, ..) = next(&mut listening).await;
    next(&mut listening).await;
    // What is on the disk at this moment is what a kill leaves behind.
    let killed = tempfile::tempdir().unwrap();
    fs::create_dir(killed.path().join(FOLDER)).unwrap();
    for file in fs::read_dir(folder.path().join(FOLDER)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), killed.path().join(FOLDER).join(file.file_name())).unwrap();
    }
    let again = start(killed.path());
    let mut back = again.after(number, Some(&[1]));
    assert_eq!(next(&mut back).await.2, "missed");
    let (at, what) = gap(&mut back).await;
    assert!(at > number + 1000 && what == Gap::All);
    // A number from the end of the files that got lost.
    assert_eq!(gap(&mut again.after(number + 500, None)).await, (at, Gap::All));
    again.emit(1, "later");
    assert!(next(&mut back).await.0 > at);
}

#[tokio::test]
async fn what_is_not_kept_any_more_is_a_gap_for_those_whom_it_concerns() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let mut listening = running.starting_now(None);
    running.emit(1, "first");
    let (first, ..) = next(&mut listening).await;
    running.emit(7, "of seven");
    let long = "x".repeat(10_000);
    for n in 0..2 * MAX_BYTES / 10_000 {
        running.emit(2, &long);
        if n % 100 == 0 {
            running.settled().await;
        }
    }
    running.settled().await;
    let bytes: u64 = fs::read_dir(folder.path().join(FOLDER))
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes < MAX_BYTES + (4 << 20), "the log is bounded: {bytes}");
    let (_, gone) = gap(&mut running.after(first, None)).await;
    assert_eq!(gone, Gap::Of(vec![2, 7, u32::MAX]));
    assert_eq!(gap(&mut running.after(first, Some(&[7]))).await.1, Gap::Of(vec![7]));
    // Nothing of this profile is gone that this frontend has not seen.
    let mut quiet = running.after(first, Some(&[1]));
    running.emit(1, "second");
    assert_eq!(next(&mut quiet).await.2, "second");
    running.close().await;

    let again = start(folder.path());
    assert_eq!(gap(&mut again.after(first, Some(&[7]))).await.1, Gap::Of(vec![7]));
    let mut quiet = again.after(first, Some(&[1]));
    assert_eq!(next(&mut quiet).await.2, "second");
}

#[tokio::test]
async fn a_number_of_another_log_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let from = Position::After { log: running.log.id() ^ 1, number: 0 };
    assert_eq!(gap(&mut running.log.follow(Follow { profiles: None, from })).await, (0, Gap::All));
    assert_eq!(gap(&mut running.after(1_000_000, None)).await, (0, Gap::All));
}

#[tokio::test]
async fn a_damaged_log_is_begun_anew() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let id = running.log.id();
    running.emit(1, "lost");
    running.close().await;
    fs::write(folder.path().join(FOLDER).join("state"), "garbage").unwrap();
    let again = start(folder.path());
    assert_ne!(again.log.id(), id);
    again.emit(1, "kept");
    assert_eq!(next(&mut again.after(0, None)).await.2, "kept");
}

#[tokio::test]
async fn what_an_engine_did_that_logs_nothing_is_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(folder.path());
    let mut listening = running.starting_now(None);
    running.emit(1, "seen");
    let (number, ..) = next(&mut listening).await;
    running.close().await;
    // As an engine does when it opens the folder.
    fs::remove_file(folder.path().join(LOGGED_FILE)).unwrap();
    let again = start(folder.path());
    assert_eq!(gap(&mut again.after(number, None)).await.1, Gap::All);
}
