//! In-chat apps: updates that come before their app, and how an app is called before it is here.

use volary_proto::event::Kind;
use volary_proto::{
    GetNotShownMails, GetWebxdcStatusUpdates, MessageData, NotShownReason, NotShownState, ResendMessages,
    SendWebxdcStatusUpdate, SetConfig, ViewType,
};
use volary_tests::{Mail, Person, Postman, World};

use crate::realtime::{archive, packed};

/// Alice puts an app into the chat with Bob; its id.
async fn sends_app(world: &World, alice: &Person, bob: &Person) -> u32 {
    let file = world.file("game.xdc", &archive(10)).to_str().map(str::to_owned);
    let data = MessageData { file, viewtype: Some(ViewType::Webxdc.into()), ..Default::default() };
    alice.chat_with(bob).await.sends(data).await
}

async fn plays(person: &Person, msg_id: u32, number: u32) {
    let update = format!(r#"{{"payload":{number},"info":"move {number}"}}"#);
    person.call(SendWebxdcStatusUpdate { msg_id, update }).await;
}

/// What was played in an app, in the order in which it is there.
async fn played(person: &Person, msg_id: u32) -> Vec<u64> {
    let found = person.call(GetWebxdcStatusUpdates { msg_id, last_known_serial: 0 }).await.text;
    let found: Vec<serde_json::Value> = serde_json::from_str(&found).expect("a list of updates");
    found.iter().filter_map(|update| update["payload"].as_u64()).collect()
}

/// The app as somebody has it who got it.
async fn got(person: &Person) -> u32 {
    let app = async || {
        let messages = person.messages().await;
        messages.into_iter().find(|message| message.view_type() == ViewType::Webxdc).map(|message| message.id)
    };
    person.eventually("the app", app).await
}

/// Mails that wait for their app.
async fn waiting(person: &Person) -> usize {
    let mails = person.call(GetNotShownMails { limit: 0 }).await.mails;
    let waits = |mail: &&volary_proto::NotShownMail| {
        mail.state() == NotShownState::Kept && mail.reason() == NotShownReason::AppUnknown
    };
    mails.iter().filter(waits).count()
}

/// The mail of an app, and those of `count` moves in it.
async fn app_and_moves(
    postman: &mut Postman<'_>,
    alice: &Person,
    bob: &Person,
    app: u32,
    count: u32,
) -> (Mail, Vec<Mail>) {
    postman.collects_from(&[alice]).await;
    let mail = postman.takes_out(bob).pop().expect("the app is sent");
    let mut moves = Vec::new();
    for number in 1..=count {
        plays(alice, app, number).await;
        let sent = async || {
            postman.collects();
            let mails = postman.takes_out(bob);
            (!mails.is_empty()).then_some(mails)
        };
        moves.extend(alice.eventually("the move is sent", sent).await);
    }
    (mail, moves)
}

#[tokio::test]
async fn updates_that_come_before_their_app_are_applied_when_it_is_there_across_a_restart() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let mut postman = Postman::takes_over(&world.relay);
    let app = sends_app(&world, &alice, &bob).await;
    let (mail, moves) = app_and_moves(&mut postman, &alice, &bob, app, 4).await;
    for early in &moves[..3] {
        postman.delivers_and_waits(&bob, std::slice::from_ref(early)).await;
    }
    assert_eq!(waiting(&bob).await, 3);
    let bag = postman.rests();
    let (world, [alice, bob]) = world.restarts_engine([alice, bob]).await;
    assert_eq!(waiting(&bob).await, 3);
    let mut postman = Postman::goes_on(&world.relay, bag);
    postman.delivers_and_waits(&bob, &[mail]).await;
    let there = got(&bob).await;
    bob.eventually("all moves", async || (played(&bob, there).await == [1, 2, 3]).then_some(())).await;
    bob.sees("move 3").await;
    assert_eq!(waiting(&bob).await, 0);
    let reported =
        bob.log.all().into_iter().filter(|kind| matches!(kind, Kind::WebxdcStatusUpdate(_))).count();
    assert_eq!(reported, 3, "each is reported once");
    // What came early comes once more, and one that is new.
    postman.delivers_and_waits(&bob, &moves).await;
    bob.eventually("the last move", async || (played(&bob, there).await == [1, 2, 3, 4]).then_some(())).await;
    drop(alice);
    world.ends().await;
}

#[tokio::test]
async fn updates_that_came_early_and_those_that_a_resent_app_brings_are_there_once() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let mut postman = Postman::takes_over(&world.relay);
    let app = sends_app(&world, &alice, &bob).await;
    let (_, moves) = app_and_moves(&mut postman, &alice, &bob, app, 2).await;
    postman.delivers_and_waits(&bob, &moves).await;
    assert_eq!(waiting(&bob).await, 2);
    alice.call(ResendMessages { msg_ids: vec![app] }).await;
    postman.carries_all(&[&alice, &bob]).await;
    let there = got(&bob).await;
    let all = async || {
        let mut found = played(&bob, there).await;
        found.sort_unstable();
        (found == [1, 2]).then_some(())
    };
    bob.eventually("both moves", all).await;
    assert_eq!(waiting(&bob).await, 0);
    postman.hands_over();
    world.ends().await;
}

#[tokio::test]
async fn updates_of_a_deleted_app_do_not_wait_for_it() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    let mut postman = Postman::takes_over(&world.relay);
    let app = sends_app(&world, &alice, &bob).await;
    let (mail, moves) = app_and_moves(&mut postman, &alice, &bob, app, 1).await;
    postman.delivers_and_waits(&bob, &[mail]).await;
    let there = got(&bob).await;
    bob.call(volary_proto::DeleteMessages { msg_ids: vec![there] }).await;
    bob.loses(there).await;
    postman.delivers_and_waits(&bob, &moves).await;
    assert_eq!(waiting(&bob).await, 0);
    world.ends().await;
}

#[tokio::test]
async fn an_app_that_is_only_announced_is_called_by_its_own_name() {
    let world = World::new().await;
    let (alice, bob) = world.old_friends().await;
    bob.call(SetConfig { key: "download_limit".to_owned(), value: Some("1".to_owned()) }).await;
    let app = packed(&[
        ("index.html", b"<p>"),
        ("manifest.toml", b"name = 'Chess'"),
        ("data.bin", &vec![7; 200_000]),
    ]);
    let file = world.file("27904a00.xdc", &app).to_str().map(str::to_owned);
    let data = MessageData { file, viewtype: Some(ViewType::Webxdc.into()), ..Default::default() };
    alice.chat_with(&bob).await.sends(data).await;
    let announced =
        async || bob.messages().await.into_iter().find(|message| message.text.starts_with("[Chess – "));
    bob.eventually("the app is announced", announced).await;
    world.ends().await;
}
