//! Realtime channels of in-chat apps, over the loopback interface.

use std::io::Write as _;

use volary_proto::event::Kind;
use volary_proto::{
    DeleteMessages, LeaveWebxdcRealtime, Message, MessageData, SendWebxdcRealtimeAdvertisement,
    SendWebxdcRealtimeData, SetConfig, StartIo, StopIo, ViewType,
};
use volary_tests::{Person, World};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An app with that many bytes beside its page.
pub fn archive(bytes: usize) -> Vec<u8> {
    packed(&[("index.html", b"<p>"), ("data.bin", &vec![7; bytes])])
}

/// An archive with these files.
pub fn packed(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, content) in files {
        archive.start_file(*name, stored).expect("an entry");
        archive.write_all(content).expect("its content");
    }
    archive.finish().expect("an archive").into_inner()
}

/// Alice sends Bob an app. The app as both have it.
async fn shared_app(world: &World, alice: &Person, bob: &Person, bytes: usize) -> (u32, u32) {
    let name = format!("app{bytes}.xdc");
    let file = world.file(&name, &archive(bytes)).to_str().map(str::to_owned);
    let data = MessageData { file, viewtype: Some(ViewType::Webxdc.into()), ..Default::default() };
    let mine = alice.chat_with(bob).await.sends(data).await;
    let is_here = |message: &Message| {
        message.view_type() == ViewType::Webxdc && message.file_name.as_deref() == Some(name.as_str())
    };
    let yours = bob
        .eventually("the app", async || {
            bob.messages().await.into_iter().find(is_here).map(|message| message.id)
        })
        .await;
    (mine, yours)
}

async fn joins(person: &Person, msg_id: u32) {
    person.call(SendWebxdcRealtimeAdvertisement { msg_id }).await;
}

async fn sends(person: &Person, msg_id: u32, data: &[u8]) {
    person.call(SendWebxdcRealtimeData { msg_id, data: data.to_vec().into() }).await;
}

/// One sends until the other hears: what is sent before they are connected is lost.
async fn is_heard(from: &Person, app: u32, to: &Person, there: u32, data: &[u8]) {
    to.eventually("realtime data", async || {
        sends(from, app, data).await;
        heard(to, there, data)
    })
    .await;
}

fn heard(person: &Person, app: u32, expected: &[u8]) -> Option<()> {
    let came = |kind: &Kind| match kind {
        Kind::WebxdcRealtimeData(event) if event.msg_id == app && event.data == expected => Some(()),
        _ => None,
    };
    person.log.find(came)
}

#[tokio::test]
async fn two_apps_talk_both_ways_leave_and_come_back() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (mine, yours) = shared_app(&world, &alice, &bob, 10).await;
    joins(&alice, mine).await;
    let announced = |kind: &Kind| {
        matches!(kind, Kind::WebxdcRealtimeAdvertisementReceived(event) if event.msg_id == yours)
            .then_some(())
    };
    bob.hears("where the app is reached", announced).await;
    joins(&bob, yours).await;
    is_heard(&alice, mine, &bob, yours, b"from alice").await;
    is_heard(&bob, yours, &alice, mine, b"from bob").await;

    bob.call(LeaveWebxdcRealtime { msg_id: yours }).await;
    is_heard(&bob, yours, &alice, mine, b"sending joins").await;
    is_heard(&alice, mine, &bob, yours, b"again").await;
    assert_eq!(heard(&alice, mine, b"from alice"), None, "nobody hears himself");
    world.ends().await;
}

#[tokio::test]
async fn an_app_that_came_in_two_parts_has_a_channel_of_its_own() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (small, theirs) = shared_app(&world, &alice, &bob, 10).await;
    let (large, whole) = shared_app(&world, &alice, &bob, 200_000).await;
    for (person, apps) in [(&alice, [small, large]), (&bob, [theirs, whole])] {
        for app in apps {
            joins(person, app).await;
        }
    }
    is_heard(&alice, small, &bob, theirs, b"small").await;
    is_heard(&bob, whole, &alice, large, b"large").await;
    assert_eq!(heard(&alice, small, b"large"), None);
    assert_eq!(heard(&bob, whole, b"small"), None);
    world.ends().await;
}

#[tokio::test]
async fn channels_are_off_by_setting_without_io_and_behind_a_proxy() {
    let world = World::new().await;
    let (alice, bob) = world.friends().await;
    let (mine, yours) = shared_app(&world, &alice, &bob, 10).await;
    let too_long = SendWebxdcRealtimeData { msg_id: mine, data: vec![0; 128_001].into() };
    let refusal = alice.tries(too_long).await.expect_err("too long").message;
    assert!(refusal.contains("128001 bytes are too many"), "{refusal}");
    joins(&alice, mine).await;
    joins(&bob, yours).await;
    is_heard(&alice, mine, &bob, yours, b"on").await;

    let sets = async |key: &str, value: &str| {
        bob.call(SetConfig { key: key.to_owned(), value: Some(value.to_owned()) }).await;
    };
    sets("webxdc_realtime_enabled", "0").await;
    joins(&bob, yours).await;
    sends(&bob, yours, b"off").await;
    sets("webxdc_realtime_enabled", "1").await;
    is_heard(&bob, yours, &alice, mine, b"on again").await;
    assert_eq!(heard(&alice, mine, b"off"), None);

    sets("proxy_url", "socks5://127.0.0.1:1").await;
    sets("proxy_enabled", "1").await;
    let refusal = bob.tries(SendWebxdcRealtimeAdvertisement { msg_id: yours }).await.expect_err("a proxy");
    assert!(refusal.message.contains("while a proxy is set"), "{}", refusal.message);
    sets("proxy_enabled", "0").await;

    bob.call(StopIo {}).await;
    let refusal = bob.tries(SendWebxdcRealtimeAdvertisement { msg_id: yours }).await.expect_err("no I/O");
    assert!(refusal.message.contains("need I/O"), "{}", refusal.message);
    bob.call(StartIo {}).await;
    joins(&bob, yours).await;
    is_heard(&bob, yours, &alice, mine, b"with a new key").await;

    bob.call(DeleteMessages { msg_ids: vec![yours] }).await;
    let refusal = bob.tries(SendWebxdcRealtimeAdvertisement { msg_id: yours }).await;
    refusal.expect_err("the app is gone");
    world.ends().await;
}
