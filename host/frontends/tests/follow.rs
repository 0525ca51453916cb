//! What is shown follows the host: an own engine, a running host, and one that goes away and comes back.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use volary::event_log::EventLog;
use volary::grpc::Grpc;
use volary::handles::{ChatEntry, ChatSummary, HostEvent, Login};
use volary::proto::{CertificateChecks, MessageState, Socket};
use volary::{Chat, Engine, Profile};
use volary_frontends::exchange::Command;
use volary_frontends::follow::Follower;
use volary_frontends::model::Model;
use volary_frontends::options::Options;
use volary_relay::{Relay, RelayConfig};

/// Longest time for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A program that shows a profile.
struct Program {
    follower: Follower,
    news: Receiver<()>,
    model: Model,
}

impl Program {
    fn new(folder: &Path, profile: Option<u32>) -> Self {
        let (sender, news) = sync_channel(1);
        let options = Options { folder: folder.to_owned(), profile };
        let follower = Follower::start(options, move || {
            sender.try_send(()).ok();
        })
        .unwrap();
        Self { follower, news, model: Model::default() }
    }

    /// Takes in what is new until it shows something.
    #[track_caller]
    fn shows(&mut self, what: &str, look: impl Fn(&Model) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            while let Some(update) = self.follower.update() {
                self.model.apply(update);
            }
            self.follower.show(self.model.opening());
            if look(&self.model) {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not within two minutes: {what}\n{:#?}", self.model);
            if self.news.recv_timeout(left) == Err(RecvTimeoutError::Disconnected) {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// Opens the chat with somebody.
    fn opens(&mut self, name: &str) {
        let chat = named(&self.model, name).unwrap().id;
        self.model.open(chat);
        self.follower.show(self.model.opening());
    }

    fn orders(&mut self, command: Option<Command>) {
        self.follower.order(command.unwrap()).unwrap();
    }

    fn sends(&mut self, text: &str) {
        self.model.input_mut().unwrap().insert(text);
        let command = self.model.submit();
        self.orders(command);
    }
}

fn texts(model: &Model) -> Vec<&str> {
    model
        .messages()
        .iter()
        .filter(|message| message.info.is_none())
        .map(|message| message.text.as_str())
        .collect()
}

fn has(model: &Model, text: &str) -> bool {
    texts(model).contains(&text)
}

/// Two who know each other, on a relay.
struct World {
    relay: Relay,
    engine: Engine,
    alice: Profile<Engine>,
    bob: Profile<Engine>,
    to_alice: Chat<Engine>,
}

impl World {
    async fn new(folder: &Path) -> Self {
        let relay = Relay::start(RelayConfig::for_domain("_relay.test")).await.unwrap();
        let engine = Engine::start(folder).await.unwrap();
        let (alice, bob) = (person(&engine, &relay, "alice").await, person(&engine, &relay, "bobby").await);
        let to_alice = meet(&bob, &alice).await;
        Self { relay, engine, alice, bob, to_alice }
    }

    /// Stops everything, the host that is served first.
    async fn ends(self, grpc: Grpc<Engine>) {
        grpc.stop().await;
        self.engine.stop().await;
        self.relay.stop().await;
    }
}

async fn person(engine: &Engine, relay: &Relay, name: &str) -> Profile<Engine> {
    let profile = engine.add_profile().await.unwrap();
    profile.set_name(name).await.unwrap();
    let login = Login::new(format!("{name}acct@_relay.test"), "correct horse")
        .imap("127.0.0.1", relay.imap_tls_port(), Socket::Ssl)
        .smtp("127.0.0.1", relay.smtp_tls_port(), Socket::Ssl)
        .certificates(CertificateChecks::AcceptInvalidCertificates);
    tokio::time::timeout(PATIENCE, profile.log_in(login)).await.unwrap().unwrap();
    profile
}

/// Somebody follows the invite of somebody else.
async fn meet(guest: &Profile<Engine>, inviter: &Profile<Engine>) -> Chat<Engine> {
    let mut events = inviter.events().await.unwrap();
    let chat = guest.join(inviter.invite().await.unwrap()).await.unwrap();
    let joined = |event: &HostEvent| matches!(event, HostEvent::Joined { .. }).then_some(());
    tokio::time::timeout(PATIENCE, events.find(joined)).await.unwrap().unwrap();
    chat
}

/// A host that other programs reach.
async fn serve(engine: &Engine, log: &EventLog) -> Grpc<Engine> {
    let mut grpc = Grpc::new(engine.clone(), log.clone(), engine.dir()).unwrap();
    grpc.on_socket().unwrap();
    grpc
}

/// The chat with somebody, as the chat list has it.
fn named<'a>(model: &'a Model, name: &str) -> Option<&'a ChatSummary> {
    model.chats().iter().filter_map(ChatEntry::chat).find(|chat| chat.name == name)
}

fn is_listed(model: &Model, name: &str) -> bool {
    named(model, name).is_some()
}

fn fresh(model: &Model, name: &str) -> u32 {
    named(model, name).map_or(0, |chat| chat.fresh)
}

#[test]
fn a_program_follows_a_host_that_goes_away_and_comes_back() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = runtime.block_on(World::new(folder.path()));
    let log = EventLog::of(&world.engine).unwrap();
    let grpc = runtime.block_on(serve(&world.engine, &log));

    let mut program = Program::new(folder.path(), Some(world.alice.id().get()));
    program.shows("the chat list", |model| is_listed(model, "bobby"));
    assert_eq!(program.model.profile(), "alice");
    program.shows("it is connected", Model::is_well);
    program.opens("bobby");
    let first = runtime.block_on(world.to_alice.send_text("hello")).unwrap();
    program.shows("the message", |model| has(model, "hello") && fresh(model, "bobby") == 0);
    runtime.block_on(async {
        let mut states = world.to_alice.timeline(10).await.unwrap();
        while states.items().iter().all(|message| message.state != MessageState::OutRead) {
            tokio::time::timeout(PATIENCE, states.changes()).await.unwrap().unwrap().unwrap();
        }
        assert_eq!(first.load().await.unwrap().text, "hello");
    });
    program.sends("good day");
    let is_out = |model: &Model| {
        model
            .messages()
            .last()
            .is_some_and(|last| (last.text.as_str(), last.state) == ("good day", MessageState::OutDelivered))
    };
    program.shows("the answer, with its tick", is_out);

    runtime.block_on(grpc.stop());
    program.shows("the host is gone", |model| model.status().contains("has ended"));
    runtime.block_on(world.to_alice.send_text("are you there?")).unwrap();
    let grpc = runtime.block_on(serve(&world.engine, &log));
    program.shows("the host is back, with what came meanwhile", |model| has(model, "are you there?"));
    program.shows("the state is shown again", Model::is_well);
    assert_eq!(texts(&program.model), ["hello", "good day", "are you there?"]);

    program.follower.stop();
    runtime.block_on(world.ends(grpc));
}

#[test]
fn without_a_host_a_program_starts_an_engine_and_connects_its_profiles() {
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = runtime.block_on(World::new(folder.path()));
    let (alice, bob) = (world.alice.id().get(), world.bob.id().get());
    runtime.block_on(world.engine.stop());
    // The folder is free when the last handle is gone.
    let relay = world.relay;
    drop((world.engine, world.alice, world.bob, world.to_alice));

    let mut program = Program::new(folder.path(), Some(bob));
    program.shows("the chat list", |model| is_listed(model, "alice") && model.is_well());
    program.opens("alice");
    program.sends("from an own engine");
    program.shows("it was sent", |model| {
        model.messages().last().is_some_and(|last| last.state == MessageState::OutDelivered)
    });
    // The folder is free again when the program has ended, and what it has done is there.
    program.follower.stop();
    let mut program = Program::new(folder.path(), Some(alice));
    program.shows("the message", |model| is_listed(model, "bobby") && fresh(model, "bobby") == 1);
    program.follower.stop();
    let mut program = Program::new(folder.path(), Some(99));
    program.shows("what is wrong", |model| model.failure().is_some());
    assert_eq!(program.model.failure(), Some("there is no profile 99, but 1, 2"));
    program.follower.stop();
    runtime.block_on(relay.stop());
}

#[test]
fn a_program_that_shows_nothing_for_a_while_slows_nobody_and_then_shows_all() {
    const COUNT: usize = 120;
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = runtime.block_on(World::new(folder.path()));
    let log = EventLog::of(&world.engine).unwrap();
    let grpc = runtime.block_on(serve(&world.engine, &log));
    let mut program = Program::new(folder.path(), Some(world.alice.id().get()));
    program.shows("the chat list", |model| is_listed(model, "bobby"));
    program.opens("bobby");
    program.shows("that it is open", |model| !model.messages().is_empty());

    let written: Vec<String> = (0..COUNT).map(|number| format!("message {number}")).collect();
    runtime.block_on(async {
        let mut last = None;
        for text in &written {
            last = Some(world.to_alice.send_text(text).await.unwrap());
        }
        // Sender and receiver are done with all of it while the program takes nothing.
        tokio::time::timeout(PATIENCE, last.unwrap().wait_until_sent()).await.unwrap().unwrap();
        let mut list = world.alice.chat_list().await.unwrap();
        let is_there = |entry: &ChatEntry| entry.chat().is_some_and(|chat| chat.fresh as usize == COUNT);
        while !list.items().iter().any(is_there) {
            tokio::time::timeout(PATIENCE, list.changes()).await.unwrap().unwrap().unwrap();
        }
    });
    program.shows("all messages", |model| texts(model).len() == COUNT);
    assert_eq!(texts(&program.model), written);
    program.shows("all of them are seen", |model| fresh(model, "bobby") == 0);
    program.follower.stop();
    runtime.block_on(world.ends(grpc));
}

#[test]
fn older_messages_are_shown_and_a_request_is_accepted() {
    const COUNT: usize = 70;
    let runtime = Runtime::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let world = runtime.block_on(World::new(folder.path()));
    let log = EventLog::of(&world.engine).unwrap();
    let grpc = runtime.block_on(serve(&world.engine, &log));
    let carol = runtime.block_on(async {
        for number in 0..COUNT {
            world.to_alice.send_text(format!("message {number}")).await.unwrap();
        }
        // Carol learns of Alice in a group; what she writes to her alone is a request.
        let carol = person(&world.engine, &world.relay, "carol").await;
        meet(&carol, &world.bob).await;
        carol
    });
    let mut program = Program::new(folder.path(), Some(world.alice.id().get()));
    program.shows("all messages are there", |model| fresh(model, "bobby") as usize == COUNT);
    program.opens("bobby");
    program.shows("the newest messages", |model| texts(model).len() == 50);
    program.model.show_older();
    program.shows("older ones, too", |model| texts(model).len() == COUNT);
    assert!(program.model.is_complete());

    runtime.block_on(async {
        let group = world.bob.create_group("Foxes").await.unwrap();
        let others = world.bob.contacts().await.unwrap();
        for contact in others {
            group.add_member(contact.id).await.unwrap();
        }
        group.send_text("hello all").await.unwrap();
        let mut list = carol.chat_list().await.unwrap();
        let foxes = loop {
            let found =
                list.items().iter().find_map(|entry| entry.chat().filter(|chat| chat.name == "Foxes"));
            match found {
                Some(chat) => break chat.id,
                None => drop(tokio::time::timeout(PATIENCE, list.changes()).await.unwrap().unwrap()),
            }
        };
        let members = carol.chat(foxes).members().await.unwrap();
        let alice = members.into_iter().find(|member| member.name == "alice").unwrap().id;
        let chat =
            carol.call(volary::proto::CreateChatByContactId { contact_id: alice.get() }).await.unwrap().id;
        carol.chat(chat).send_text("may I?").await.unwrap();
    });
    let is_asked = |model: &Model| named(model, "carol").is_some_and(|chat| chat.is_contact_request);
    program.shows("the request", is_asked);
    program.opens("carol");
    program.shows("what it says", |model| has(model, "may I?"));
    assert!(program.model.input().is_none());
    let command = program.model.accept();
    program.orders(command);
    program.shows("that it is accepted", |model| model.input().is_some());
    program.sends("you may");
    program.shows("the answer", |model| has(model, "you may"));
    program.follower.stop();
    runtime.block_on(world.ends(grpc));
}
