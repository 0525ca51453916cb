//! Several programs use one host through its socket.

use std::time::{Duration, Instant};

use tokio::time::timeout;
use volary::event_log::EventLog;
use volary::grpc::{Grpc, Remote};
use volary_grpc::{EventsItem, EventsRequest, events_item};
use volary_proto::event::Kind;
use volary_proto::{Event, GetMessage, MessageData, SendMessage, SetConfig};
use volary_tests::{World, patience};

type Items = tonic::Streaming<EventsItem>;

/// The bus of an engine, and its log.
struct Host {
    grpc: Grpc<volary::Engine>,
    log: EventLog,
}

impl Host {
    fn of(world: &World) -> Self {
        let log = EventLog::of(&world.engine).expect("the log is opened");
        let mut grpc =
            Grpc::new(world.engine.clone(), log.clone(), world.dir()).expect("there is place for files");
        grpc.on_socket().expect("the socket is there");
        Self { grpc, log }
    }

    async fn ends(mut self, world: World) {
        self.grpc.stop().await;
        world.ends().await;
        self.log.closed().await;
    }
}

async fn frontend(world: &World) -> Remote {
    Remote::connect(world.dir()).await.expect("the host is running")
}

async fn next(items: &mut Items) -> EventsItem {
    let item = timeout(patience(), items.message()).await.expect("something happens");
    item.expect("the host is running").expect("the stream has no end")
}

/// The next event that fits, and the number.
async fn event<T>(items: &mut Items, fits: impl Fn(&Event) -> Option<T>) -> (u64, T) {
    loop {
        let item = next(items).await;
        match &item.kind {
            Some(events_item::Kind::Event(event)) => {
                if let Some(found) = fits(event) {
                    return (item.number, found);
                }
            }
            Some(events_item::Kind::Gap(gap)) => panic!("events are missing: {gap:?}"),
            _ => {}
        }
    }
}

fn incoming(event: &Event) -> Option<u32> {
    match &event.kind {
        Some(Kind::IncomingMsg(new)) => Some(new.msg_id),
        _ => None,
    }
}

fn text(text: &str) -> MessageData {
    MessageData { text: Some(text.to_owned()), ..MessageData::default() }
}

#[tokio::test]
async fn two_frontends_see_each_others_changes_in_the_same_order() {
    let world = World::new().await;
    let host = Host::of(&world);
    let (alice, bob) = world.friends().await;
    let (one, other) = (frontend(&world).await, frontend(&world).await);
    let mut first = one.follow(EventsRequest::default()).await.expect("events come");
    let mut second = other.follow(EventsRequest::default()).await.expect("events come");
    // Something may have happened between the two.
    next(&mut first).await;
    let begun = next(&mut second).await.number;
    let chat_id = alice.chat_with(&bob).await.id;
    for round in 0..5 {
        let frontend = if round % 2 == 0 { &one } else { &other };
        let send = SendMessage { chat_id, data: Some(text(&format!("number {round}"))) };
        frontend.call(alice.profile, send).await.expect("it is sent");
    }
    let mut seen = Vec::new();
    while seen.iter().filter(|event| incoming(event).is_some()).count() < 5 {
        let item = next(&mut first).await;
        if item.number <= begun {
            continue;
        }
        assert_eq!(item, next(&mut second).await);
        if let Some(events_item::Kind::Event(event)) = item.kind {
            if let Some(msg_id) = incoming(&event) {
                let message = other.call(bob.profile, GetMessage { msg_id }).await.expect("it is there");
                assert!(message.text.starts_with("number "), "what an event names can be asked for");
            }
            seen.push(event);
        }
    }
    host.ends(world).await;
}

#[tokio::test]
async fn a_frontend_that_was_away_gets_what_came_also_over_a_restart() {
    let world = World::new().await;
    let host = Host::of(&world);
    let (alice, bob) = world.friends().await;
    let of_bob = |after, log| EventsRequest { profiles: vec![bob.profile], after, log };
    let mut items = frontend(&world).await.follow(of_bob(None, 0)).await.expect("events come");
    let Some(events_item::Kind::Started(started)) = next(&mut items).await.kind else { panic!("no start") };
    alice.says(&bob, "seen").await;
    let (number, _) = event(&mut items, incoming).await;
    drop(items);
    alice.says(&bob, "missed").await;
    bob.sees("missed").await;
    let profile = bob.profile;
    host.grpc.stop().await;
    let mut log = host.log;
    let (world, [_, bob]) = world
        .restarts_engine_after([alice, bob], async |_, _| {
            timeout(patience(), log.closed()).await.expect("the log is closed");
        })
        .await;
    let host = Host::of(&world);
    let back = EventsRequest { profiles: vec![profile], after: Some(number), log: started.log };
    let mut items = frontend(&world).await.follow(back).await.expect("events come");
    let (_, msg_id) = event(&mut items, incoming).await;
    assert_eq!(bob.call(GetMessage { msg_id }).await.text, "missed");
    host.ends(world).await;
}

#[tokio::test]
async fn a_frontend_that_stops_reading_slows_nobody_and_misses_nothing() {
    const CHANGES: usize = 3000;
    let world = World::new().await;
    let host = Host::of(&world);
    let alice = world.person("Alice").await;
    let (one, other) = (frontend(&world).await, frontend(&world).await);
    let mut stopped = one.follow(EventsRequest::default()).await.expect("events come");
    next(&mut stopped).await;
    let mut reading = other.follow(EventsRequest::default()).await.expect("events come");
    next(&mut reading).await;
    // Long values fill the window of the one that does not read.
    let name = |n: usize| format!("{n} {}", "x".repeat(100));
    let changed = |event: &Event| matches!(event.kind, Some(Kind::AccountsItemChanged(_))).then_some(());
    let begin = Instant::now();
    for n in 0..CHANGES {
        let set = SetConfig { key: "displayname".to_owned(), value: Some(name(n)) };
        other.call(alice.profile, set).await.expect("it is set");
        event(&mut reading, changed).await;
    }
    let busy = begin.elapsed();
    for _ in 0..CHANGES {
        event(&mut stopped, changed).await;
    }
    // With nobody who has stopped the same takes about as long.
    drop(stopped);
    let begin = Instant::now();
    for n in 0..CHANGES {
        let set = SetConfig { key: "displayname".to_owned(), value: Some(name(n)) };
        other.call(alice.profile, set).await.expect("it is set");
        event(&mut reading, changed).await;
    }
    let alone = begin.elapsed();
    println!("{CHANGES} changes: {busy:?} with a frontend that has stopped, {alone:?} without");
    assert!(busy < alone * 3 + Duration::from_secs(5), "{busy:?} against {alone:?}");
    host.ends(world).await;
}
