//! Profiles, chats and messages as values: what a bot and a user interface do with an engine.

#![allow(clippy::unwrap_used)]

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use volary::event_log::EventLog;
use volary::grpc::{Grpc, Remote};
use volary::handles::{CallError, ChatEntry, HostEvent, Login};
use volary::proto::{CertificateChecks, Connectivity, ErrorCode, MessageState, Socket};
use volary::{Engine, Profile};
use volary_relay::{Relay, RelayConfig};

/// Longest time for anything.
const PATIENCE: Duration = Duration::from_secs(120);

#[track_caller]
fn soon<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    let patient = tokio::time::timeout(PATIENCE, future);
    async move { patient.await.unwrap_or_else(|_| panic!("nothing happened for two minutes: {caller}")) }
}

struct World {
    relay: Relay,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        Self { relay, engine, _folder: folder }
    }

    /// A profile with an address.
    async fn person(&self, name: &str) -> Profile<Engine> {
        let profile = self.engine.add_profile().await.unwrap();
        profile.set_name(name).await.unwrap();
        let login = Login::new(format!("{name}acct@_relay.test"), "correct horse")
            .imap("127.0.0.1", self.relay.imap_tls_port(), Socket::Ssl)
            .smtp("127.0.0.1", self.relay.smtp_tls_port(), Socket::Ssl)
            .certificates(CertificateChecks::AcceptInvalidCertificates);
        soon(profile.log_in(login)).await.unwrap();
        profile
    }

    /// Two who know each other, and the chat that the second one has with the first.
    async fn pair(&self) -> (Profile<Engine>, Profile<Engine>, volary::Chat<Engine>) {
        let (alice, bob) = (self.person("alice").await, self.person("bobby").await);
        let mut events = alice.events().await.unwrap();
        let chat = bob.join(alice.invite().await.unwrap()).await.unwrap();
        let joined = |event: &HostEvent| matches!(event, HostEvent::Joined { .. }).then_some(());
        soon(events.find(joined)).await.unwrap();
        (alice, bob, chat)
    }

    async fn end(self) {
        self.engine.stop().await;
        self.relay.stop().await;
    }
}

#[tokio::test]
async fn a_bot_answers_each_message_once() {
    let world = World::new().await;
    let (alice, bob, chat) = world.pair().await;
    alice.set_bot(true).await.unwrap();
    let mut inbox = alice.inbox().await.unwrap();
    let mut answers = chat.events().await.unwrap();
    let sent = chat.send_text("one").await.unwrap();
    soon(sent.wait_until_sent()).await.unwrap();
    let message = loop {
        let message = soon(inbox.next()).await.unwrap().unwrap();
        if message.info.is_none() {
            break message;
        }
    };
    assert_eq!(
        (message.text.as_str(), message.is_incoming(), message.is_encrypted),
        ("one", true, true),
        "{message:?}"
    );
    alice.message(message.id).reply("two").await.unwrap();
    alice.message(message.id).react("👍").await.unwrap();
    let incoming = |event: &HostEvent| match event {
        HostEvent::Incoming { message, .. } => Some(*message),
        _ => None,
    };
    let answer = bob.message(soon(answers.find(incoming)).await.unwrap()).load().await.unwrap();
    assert_eq!((answer.text.as_str(), answer.sender.as_str(), answer.is_bot), ("two", "alice", true));
    assert_eq!(answer.quote.and_then(|quote| quote.message), Some(sent.id()));
    let reacted = |event: &HostEvent| matches!(event, HostEvent::Reactions { .. }).then_some(());
    soon(answers.find(reacted)).await.unwrap();
    assert_eq!(sent.load().await.unwrap().reactions[0].emoji, "👍");

    // What was handled does not come again, what came meanwhile does.
    inbox.done().await.unwrap();
    drop(inbox);
    chat.send_text("three").await.unwrap();
    let mut inbox = alice.inbox().await.unwrap();
    assert_eq!(soon(inbox.next()).await.unwrap().unwrap().text, "three");
    world.end().await;
}

#[tokio::test]
async fn a_user_interface_follows_a_chat_and_the_chat_list() {
    let world = World::new().await;
    let (alice, _bob, chat) = world.pair().await;
    let mut list = alice.chat_list().await.unwrap();
    let mut rows = list.items().to_vec();
    let with_bob = rows.iter().find_map(|row| row.chat().filter(|chat| chat.name == "bobby")).unwrap().id;
    let mut timeline = alice.chat(with_bob).timeline(100).await.unwrap();
    let mut messages = timeline.items().to_vec();
    for text in ["one", "two", "three"] {
        chat.send_text(text).await.unwrap();
    }
    while messages.last().is_none_or(|message| message.text != "three") {
        for change in soon(timeline.changes()).await.unwrap().unwrap() {
            change.apply(&mut messages);
        }
        assert_eq!(messages, timeline.items());
    }
    let texts: Vec<&str> = messages.iter().filter(|m| m.info.is_none()).map(|m| m.text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"], "in the order in which they were written");
    assert_eq!(alice.chat(with_bob).messages().await.unwrap(), messages);
    // What came in the same second may stand before it.
    let is_told = |rows: &[ChatEntry]| {
        let shown = rows.iter().filter_map(ChatEntry::chat).find(|chat| chat.id == with_bob);
        shown.is_some_and(|chat| (chat.summary.as_str(), chat.fresh) == ("three", 3))
    };
    while !is_told(&rows) {
        for change in soon(list.changes()).await.unwrap().unwrap() {
            change.apply(&mut rows);
        }
        assert_eq!(rows, list.items());
    }
    // Only the first two were on the screen, then all.
    let second = messages.iter().find(|message| message.text == "two").unwrap().id;
    alice.chat(with_bob).mark_seen_up_to(second).await.unwrap();
    assert_eq!(alice.chat(with_bob).fresh().await.unwrap(), 1);
    alice.chat(with_bob).mark_seen().await.unwrap();
    // The own answer: waiting, then sent.
    let answer = alice.chat(with_bob).send_text("four").await.unwrap();
    while messages
        .last()
        .is_none_or(|message| message.id != answer.id() || message.state != MessageState::OutDelivered)
    {
        for change in soon(timeline.changes()).await.unwrap().unwrap() {
            change.apply(&mut messages);
        }
    }
    assert!(messages.iter().all(|message| message.state != MessageState::InFresh));
    assert_eq!(alice.chat(with_bob).fresh().await.unwrap(), 0);
    world.engine.stop().await;
    assert_eq!(ended(&mut timeline).await, None, "lists end with the engine");
    world.end().await;
}

/// The last thing that a list says.
async fn ended(timeline: &mut volary::handles::Timeline<Engine>) -> Option<()> {
    loop {
        match soon(timeline.changes()).await {
            Ok(Some(_)) => {}
            Ok(None) | Err(CallError::Cancelled(_)) => return None,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn a_group_is_made_and_changed() {
    let world = World::new().await;
    let (alice, bob, chat) = world.pair().await;
    let to_alice = chat.load().await.unwrap();
    let group = bob.create_group("Foxes").await.unwrap();
    group.add_member(*to_alice.members.first().unwrap()).await.unwrap();
    group.describe("Those in the garden").await.unwrap();
    group.send_text("hello").await.unwrap();
    let mut list = alice.chat_list().await.unwrap();
    let foxes = |rows: &[ChatEntry]| {
        rows.iter()
            .find_map(|row| row.chat().filter(|chat| chat.name == "Foxes" && chat.summary.contains("hello")))
            .map(|chat| chat.id)
    };
    let id = loop {
        match foxes(list.items()) {
            Some(id) => break id,
            None => drop(soon(list.changes()).await.unwrap().unwrap()),
        }
    };
    let hers = alice.chat(id);
    let members = hers.members().await.unwrap();
    assert_eq!(members.len(), 2, "{members:?}");
    assert!(hers.can_send().await.unwrap());
    hers.leave().await.unwrap();
    assert!(!hers.load().await.unwrap().is_member);
    world.end().await;
}

#[tokio::test]
async fn connectivity_is_a_state_and_errors_have_kinds() {
    let world = World::new().await;
    let alice = world.person("alice").await;
    let mut states = alice.connectivity_changes().await.unwrap();
    while soon(states.next()).await.unwrap() != Some(Connectivity::Connected) {}
    let [relay] = &alice.relay_statuses().await.unwrap()[..] else { panic!("one relay") };
    assert_eq!((relay.domain.as_str(), relay.receiving), ("_relay.test", Connectivity::Connected));
    assert_eq!((&relay.receiving_error, relay.sending), (&None, None), "nothing was sent yet");
    alice.disconnect().await.unwrap();
    while soon(states.next()).await.unwrap() != Some(Connectivity::NotConnected) {}
    assert_eq!(alice.relays().await.unwrap(), ["aliceacct@_relay.test"]);
    let nobody = world.engine.profile(99).chat(10).send_text("hi").await.unwrap_err();
    assert_eq!((nobody.code(), matches!(nobody, CallError::NotFound(_))), (ErrorCode::NotFound, true));
    let nothing = alice.message(99).load().await.unwrap_err();
    assert!(matches!(nothing, CallError::Failed(_)), "{nothing:?}");
    let profiles = world.engine.profiles().await.unwrap();
    assert_eq!(profiles.iter().map(Profile::id).collect::<Vec<_>>(), [alice.id()]);
    world.end().await;
}

#[tokio::test]
async fn a_running_host_is_used_like_an_engine() {
    let world = World::new().await;
    let (alice, _bob, chat) = world.pair().await;
    let log = EventLog::of(&world.engine).unwrap();
    let mut grpc = Grpc::new(world.engine.clone(), log, world.engine.dir()).unwrap();
    grpc.on_socket().unwrap();
    let remote = Remote::connect(world.engine.dir()).await.unwrap();
    let hers = remote.profile(alice.id());
    let rows = hers.chats().await.unwrap();
    assert_eq!(rows, alice.chats().await.unwrap());
    let with_bob = rows.iter().find_map(|row| row.chat().filter(|chat| chat.name == "bobby")).unwrap().id;
    let mut timeline = hers.chat(with_bob).timeline(50).await.unwrap();
    let mut messages = timeline.items().to_vec();
    chat.send_text("to the host").await.unwrap();
    while messages.last().is_none_or(|message| message.text != "to the host") {
        for change in soon(timeline.changes()).await.unwrap().unwrap() {
            change.apply(&mut messages);
        }
    }
    let answer = hers.chat(with_bob).send_text("from another program").await.unwrap();
    soon(answer.wait_until_sent()).await.unwrap();
    assert_eq!(alice.message(answer.id()).load().await.unwrap().text, "from another program");
    let nobody = remote.profile(99).chat(10).load().await;
    assert!(matches!(nobody, Err(CallError::NotFound(_))), "{nobody:?}");
    grpc.stop().await;
    while let Ok(Some(_)) = soon(timeline.changes()).await {}
    world.end().await;
}
