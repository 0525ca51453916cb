//! An engine that is killed again and again loses nothing that it has confirmed, and doubles nothing.
//!
//! The engine of Alice lives in a process of its own: this test binary, started again with [`engine_of_alice`] as its
//! only test. Relay, engine of Carol and judge are in this process. `VOLARY_KILL_ROUNDS` sets how often Alice's engine
//! is killed, `VOLARY_SEED` when; both are told on failure.

// A test that cannot go on ends with a message.
#![allow(clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::{Rng as _, RngCore as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, sleep_until};
use volary::{Engine, jsonrpc};
use volary_proto::{Message, MessageState, StartIoForAllAccounts, ViewType};
use volary_tests::{Chat, Person, World, patience};

/// Where the child finds its folder and its client.
const DIR: &str = "VOLARY_CRASH_DIR";
const SOCKET: &str = "VOLARY_CRASH_SOCKET";
/// Kills unless `VOLARY_KILL_ROUNDS` says otherwise.
const ROUNDS: u32 = 12;
/// The longest life of an engine, in milliseconds. Some lives end before it has opened its database.
const LONGEST_LIFE: u64 = 2000;
/// A confirmed change is on disk after at most that time; the group sync takes up to 50 ms of it.
const DURABLE_AFTER: Duration = Duration::from_millis(100);
/// Every message with a number that this divides has a file.
const FILE_EVERY: u32 = 5;
/// Bytes of such a file: too many for a page of the database.
const FILE_LENGTH: usize = 30_000;
/// Pause between two messages of one person: the relay takes hardly more than a hundred a second in one chat.
const PAUSE: Duration = Duration::from_millis(15);
/// Pause between two looks at whether everything has arrived.
const LOOK: Duration = Duration::from_millis(300);

fn number_from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

/// The other process. It ends when the client goes, or when it is killed.
#[tokio::test]
#[ignore = "started by the test that kills it"]
async fn engine_of_alice() {
    let (Some(dir), Some(socket)) = (std::env::var_os(DIR), std::env::var_os(SOCKET)) else { return };
    let engine = Engine::start(PathBuf::from(dir)).await.expect("the database opens after a crash");
    engine.call(0, StartIoForAllAccounts {}).await.expect("the profile connects");
    let client = UnixStream::connect(socket).await.expect("the client listens");
    let (input, output) = client.into_split();
    jsonrpc::serve(engine.clone(), BufReader::new(input), output).await;
    engine.stop().await;
}

/// Alice's engine from outside.
struct Killed {
    world: World,
    folder: tempfile::TempDir,
    listener: UnixListener,
    /// Ids of profile and chat at Alice.
    alice: Ids,
    carol: Chat,
    rng: ChaCha8Rng,
    number: u32,
    /// When the engine confirmed which text.
    confirmed: Vec<(Instant, String)>,
    /// What was confirmed long enough before a kill.
    must_exist: BTreeSet<String>,
    number_of_carol: u32,
    said_by_carol: BTreeSet<String>,
}

#[derive(Clone, Copy)]
struct Ids {
    profile: u32,
    chat: u32,
}

fn content_of(text: &str) -> Vec<u8> {
    let seed = text.bytes().fold(0u64, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut bytes = vec![0; FILE_LENGTH];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

impl Killed {
    async fn new(seed: u64) -> Self {
        let world = World::new().await;
        let folder = tempfile::tempdir().expect("a folder");
        let carol = world.person("Carol").await;
        let engine = Engine::start(folder.path().join("alice")).await.expect("a new engine");
        let alice = world.person_at(&engine, "Alice").await;
        alice.invites(&carol).await;
        let ids = Ids { profile: alice.profile, chat: alice.chat_with(&carol).await.id };
        let chat = carol.chat_with(&alice).await;
        engine.stop().await;
        let listener = UnixListener::bind(folder.path().join("client")).expect("a socket");
        Self {
            world,
            folder,
            listener,
            alice: ids,
            carol: chat,
            rng: ChaCha8Rng::seed_from_u64(seed),
            number: 0,
            confirmed: Vec::new(),
            must_exist: BTreeSet::new(),
            number_of_carol: 0,
            said_by_carol: BTreeSet::new(),
        }
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("alice")
    }

    fn starts(&self) -> Child {
        let this = std::env::current_exe().expect("the path of this program");
        Command::new(this)
            .args(["--exact", "engine_of_alice", "--ignored", "--nocapture"])
            .env(DIR, self.dir())
            .env(SOCKET, self.folder.path().join("client"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the engine starts in a process of its own")
    }

    /// One life of Alice's engine, from its start to its sudden end.
    async fn lives_and_dies(&mut self) {
        let life = Duration::from_millis(self.rng.gen_range(0..LONGEST_LIFE));
        let end = Instant::now() + life;
        let mut child = self.starts();
        let carol = self.carol.clone();
        let alice = self.alice;
        let dir = self.folder.path().to_owned();
        let talk = async {
            tokio::join!(
                alice_says(&self.listener, &dir, alice, &mut self.number, &mut self.confirmed),
                carol_says(&carol, &mut self.number_of_carol, &mut self.said_by_carol),
            )
        };
        tokio::select! {
            ((), ()) = talk => {}
            status = child.wait() => panic!("Alice's engine ended by itself: {status:?}"),
            () = sleep_until(end) => {}
        }
        let killed = Instant::now();
        child.kill().await.expect("the engine is killed");
        let safe = self.confirmed.drain(..).filter(|(at, _)| *at + DURABLE_AFTER <= killed);
        self.must_exist.extend(safe.map(|(_, text)| text));
    }
}

/// Alice says something as often as her engine confirms it.
async fn alice_says(
    listener: &UnixListener,
    dir: &Path,
    ids: Ids,
    number: &mut u32,
    confirmed: &mut Vec<(Instant, String)>,
) {
    let (client, _) = listener.accept().await.expect("the engine connects");
    let (input, mut output) = client.into_split();
    let mut lines = BufReader::new(input).lines();
    loop {
        *number += 1;
        let text = format!("alice {number}");
        let mut data = json!({ "text": text });
        if number.is_multiple_of(FILE_EVERY) {
            let path = dir.join("file.bin");
            std::fs::write(&path, content_of(&text)).expect("a file to send");
            data["file"] = json!(path);
            data["viewtype"] = json!("File");
        }
        let call = json!({ "jsonrpc": "2.0", "id": number, "method": "send_msg", "params": [ids.profile, ids.chat, data] });
        if output.write_all(format!("{call}\n").as_bytes()).await.is_err() {
            break;
        }
        let Ok(Some(line)) = lines.next_line().await else { break };
        let answer: Value = serde_json::from_str(&line).expect("an answer in JSON");
        assert!(answer["result"].is_u64(), "Alice cannot send: {line}");
        confirmed.push((Instant::now(), text));
        sleep(PAUSE).await;
    }
    // Killed: the caller notices.
    std::future::pending().await
}

/// Carol says something all the time.
async fn carol_says(chat: &Chat, number: &mut u32, said: &mut BTreeSet<String>) {
    loop {
        *number += 1;
        let text = format!("carol {number}");
        // When the round ends here, it may be said or not; only what was answered counts.
        chat.says(&text).await;
        said.insert(text);
        sleep(PAUSE).await;
    }
}

/// Texts of both authors in a chat with how often they are there.
fn census(messages: &[Message]) -> BTreeMap<String, usize> {
    let mut census = BTreeMap::new();
    for message in messages.iter().filter(|message| !message.is_info) {
        *census.entry(message.text.clone()).or_default() += 1;
    }
    census
}

fn is_waiting(message: &Message) -> bool {
    message.state() == MessageState::OutPending
}

/// Files are complete and those that were sent.
fn check_files(who: &Person, messages: &[Message]) {
    for message in messages.iter().filter(|message| message.view_type() == ViewType::File) {
        let path = message.file.as_ref().unwrap_or_else(|| panic!("{who} has no file for {}", message.text));
        let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{who}, {}: {error}", message.text));
        assert!(bytes == content_of(&message.text), "{who} has another file for {}", message.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_killed_again_and_again_loses_and_doubles_nothing() {
    let rounds = number_from_environment("VOLARY_KILL_ROUNDS").map_or(ROUNDS, |rounds| rounds as u32);
    let seed = number_from_environment("VOLARY_SEED").unwrap_or_else(|| rand::thread_rng().r#gen());
    println!("VOLARY_KILL_ROUNDS={rounds} VOLARY_SEED={seed}");
    let mut killed = Killed::new(seed).await;
    for _ in 0..rounds {
        killed.lives_and_dies().await;
    }

    let engine = Engine::start(killed.dir()).await.expect("the database opens");
    let alice = killed.world.known_at(&engine, "Alice", killed.alice.profile);
    let at_alice = Chat { person: alice.clone(), id: killed.alice.chat };
    let at_carol = &killed.carol;
    engine.call(0, StartIoForAllAccounts {}).await.expect("the profile connects");
    let settled = async {
        loop {
            let (ours, theirs) = (at_alice.messages().await, at_carol.messages().await);
            let quiet = !ours.iter().chain(&theirs).any(is_waiting);
            let (ours, theirs) = (census(&ours), census(&theirs));
            if quiet && ours == theirs && killed.said_by_carol.iter().all(|text| ours.contains_key(text)) {
                break;
            }
            sleep(LOOK).await;
        }
    };
    // What is still missing then is told below.
    tokio::time::timeout(patience(), settled).await.ok();

    let (ours, theirs) = (at_alice.messages().await, at_carol.messages().await);
    let (at_a, at_c) = (census(&ours), census(&theirs));
    println!(
        "{} messages of Alice confirmed, {} there; {} of Carol; {} kills",
        killed.must_exist.len(),
        at_a.keys().filter(|text| text.starts_with("alice")).count(),
        killed.said_by_carol.len(),
        rounds,
    );
    let missing: Vec<_> = killed.must_exist.iter().filter(|text| !at_a.contains_key(*text)).collect();
    assert!(missing.is_empty(), "confirmed, but not at Alice: {missing:?}");
    let only = |one: &BTreeMap<String, usize>, other: &BTreeMap<String, usize>| -> Vec<String> {
        one.keys().filter(|text| !other.contains_key(*text)).cloned().collect()
    };
    assert_eq!(only(&at_a, &at_c), Vec::<String>::new(), "at Alice, but not at Carol");
    assert_eq!(only(&at_c, &at_a), Vec::<String>::new(), "at Carol, but not at Alice");
    let twice: Vec<_> = at_a.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "more than once: {twice:?}");
    let lost: Vec<_> = killed.said_by_carol.iter().filter(|text| !at_a.contains_key(*text)).collect();
    assert!(lost.is_empty(), "said by Carol, but not there: {lost:?}");
    let waiting: Vec<_> = ours.iter().chain(&theirs).filter(|message| is_waiting(message)).collect();
    assert!(waiting.is_empty(), "never sent: {waiting:?}");
    check_files(&alice, &ours);
    check_files(&killed.carol.person, &theirs);
    assert!(killed.must_exist.len() > rounds as usize / 2, "the engine lived long enough to do something");
    engine.stop().await;
    killed.world.ends().await;
}
