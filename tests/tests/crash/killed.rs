//! The lives and deaths of Alice's engine, and what is noted of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::net::UnixListener;
use tokio::process::Child;
use tokio::time::{Instant, sleep, sleep_until};
use volary::Engine;
use volary_tests::{Chat, Person};

use crate::child;
use crate::inspect::Remains;
use crate::post::Post;
use crate::talk::{Ids, Said, carol_says};

/// The longest life of an engine, in milliseconds. Some lives end before it has opened its database.
const LONGEST_LIFE: u64 = 2000;
/// So many lives end with the storage writer first, one in …
const WRITER_FIRST: u32 = 4;
/// … and the rest of the engine lives on for so long at most, in milliseconds.
const LONGEST_REST: u64 = 800;
/// A confirmed change is on disk after at most that time; the group sync takes up to 50 ms of it.
const DURABLE_AFTER: Duration = Duration::from_millis(100);
/// Pause between two looks into Alice's mailbox.
const LOOK: Duration = Duration::from_millis(50);
/// A file may be renamed while the mailbox is listed: so often it is listed again before a mail counts as gone.
const LOOKS: u32 = 10;

/// Alice's engine from outside.
pub struct Killed {
    post: Post,
    carol_engine: Engine,
    folder: tempfile::TempDir,
    listener: UnixListener,
    alice: Ids,
    address: String,
    pub carol: Chat,
    rng: ChaCha8Rng,
    said: Said,
    number_of_carol: u32,
    kills: u32,
    writer_deaths: u32,
    /// Mails that were seen in Alice's mailbox and not found gone yet.
    on_relay: BTreeSet<String>,
    /// Mails that were found gone from there and are on the disk.
    taken: usize,
    /// What Alice's engine confirmed long enough before an end.
    pub confirmed_by_alice: BTreeSet<String>,
    /// What Carol's engine confirmed.
    pub said_by_carol: BTreeSet<String>,
    /// Changes that were found in part.
    pub halves: Vec<String>,
    /// Confirmed texts that were not on the disk after a kill.
    pub vanished: Vec<String>,
    /// Mails that were deleted on the relay and are not on the disk.
    pub lost_on_relay: Vec<String>,
}

impl Killed {
    pub async fn new(seed: u64) -> Self {
        let post = Post::from_environment().await;
        let folder = tempfile::tempdir().expect("a folder");
        let carol_engine = Engine::start(folder.path().join("carol")).await.expect("a new engine");
        let engine = Engine::start(folder.path().join("alice")).await.expect("a new engine");
        let carol = Person::settles_at(&carol_engine, "Carol", &post.login("Carol")).await;
        let alice = Person::settles_at(&engine, "Alice", &post.login("Alice")).await;
        alice.invites(&carol).await;
        let ids = Ids { profile: alice.profile, chat: alice.chat_with(&carol).await.id };
        let chat = carol.chat_with(&alice).await;
        engine.stop().await;
        let listener = UnixListener::bind(folder.path().join("client")).expect("a socket");
        Self {
            post,
            carol_engine,
            folder,
            listener,
            alice: ids,
            address: alice.address.clone(),
            carol: chat,
            rng: ChaCha8Rng::seed_from_u64(seed),
            said: Said::default(),
            number_of_carol: 0,
            kills: 0,
            writer_deaths: 0,
            on_relay: BTreeSet::new(),
            taken: 0,
            confirmed_by_alice: BTreeSet::new(),
            said_by_carol: BTreeSet::new(),
            halves: Vec::new(),
            vanished: Vec::new(),
            lost_on_relay: Vec::new(),
        }
    }

    /// Folder of Alice's engine.
    pub fn dir(&self) -> PathBuf {
        self.folder.path().join("alice")
    }

    /// Alice's chat in an engine that runs on her folder now.
    pub fn chat_of_alice(&self, engine: &Engine) -> Chat {
        let person = Person::known_in(engine, "Alice", &self.address, self.alice.profile);
        Chat { person, id: self.alice.chat }
    }

    /// What was noted, in one line.
    pub fn figures(&self) -> String {
        format!(
            "{} kills, in {} of them the storage writer died first; confirmed {} of Alice, {} of Carol; \
             {} mails taken from the relay; after the kills missing {}, half {}, deleted before stored {}",
            self.kills,
            self.writer_deaths,
            self.confirmed_by_alice.len(),
            self.said_by_carol.len(),
            self.taken,
            self.vanished.len(),
            self.halves.len(),
            self.lost_on_relay.len(),
        )
    }

    pub async fn ends(self) {
        self.carol_engine.stop().await;
        self.post.ends().await;
    }

    /// One life of Alice's engine, from its start to its sudden end.
    pub async fn lives_and_dies(&mut self) {
        let life = Duration::from_millis(self.rng.gen_range(0..LONGEST_LIFE));
        let rest = Duration::from_millis(self.rng.gen_range(0..LONGEST_REST));
        let writer_first = self.rng.gen_ratio(1, WRITER_FIRST);
        let end = Instant::now() + life;
        let mut child = child::start(&self.dir(), &self.folder.path().join("client"));
        let mut writer_died = None;
        let pause = self.post.pause();
        let (carol, alice, dir) = (self.carol.clone(), self.alice, self.folder.path().to_owned());
        let talk = async {
            tokio::join!(
                self.said.goes_on(&self.listener, &dir, alice, pause),
                carol_says(&carol, &mut self.number_of_carol, &mut self.said_by_carol, pause),
                watch(&self.post, &self.address, &mut self.on_relay),
            )
        };
        tokio::select! {
            _ = talk => {}
            () = dies(&mut child, end, writer_first.then_some(rest), &mut writer_died) => {}
        }
        let killed = Instant::now();
        child.kill().await.expect("the engine is killed");
        self.kills += 1;
        self.writer_deaths += u32::from(writer_died.is_some());
        self.note(writer_died.unwrap_or(killed), writer_died.is_some()).await;
    }

    /// Looks at what the engine left behind, which was able to store until `end`.
    async fn note(&mut self, end: Instant, may_refuse: bool) {
        for (at, answer) in self.said.refused.drain(..) {
            assert!(may_refuse && at >= end, "Alice cannot send: {answer}");
        }
        let safe = self.said.confirmed.drain(..).filter(|(at, _)| *at + DURABLE_AFTER <= end);
        let safe: Vec<String> = safe.map(|(_, text)| text).collect();
        let remains = Remains::of(&self.dir(), self.alice.profile);
        self.confirmed_by_alice.extend(safe);
        let missing = self.confirmed_by_alice.iter().filter(|text| !remains.texts.contains(*text));
        self.vanished.extend(missing.cloned());
        let mut gone = std::mem::take(&mut self.on_relay);
        for _ in 0..LOOKS {
            let there = self.post.mailbox(&self.address);
            gone.retain(|mid| !there.contains(mid));
            self.on_relay.extend(there);
            if gone.iter().all(|mid| remains.known.contains(mid)) {
                break;
            }
            sleep(LOOK).await;
        }
        let (taken, lost): (Vec<_>, Vec<_>) = gone.into_iter().partition(|mid| remains.known.contains(mid));
        self.taken += taken.len();
        self.lost_on_relay.extend(lost);
        self.halves.extend(remains.halves);
    }
}

/// Waits for the end of a life. Some lose the storage writer at its end and go on for a while without.
async fn dies(child: &mut Child, end: Instant, rest: Option<Duration>, writer_died: &mut Option<Instant>) {
    tokio::select! {
        status = child.wait() => panic!("Alice's engine ended by itself: {status:?}"),
        () = sleep_until(end) => {}
    }
    let Some(rest) = rest else { return };
    let now = Instant::now();
    if child::writer_dies(child).await {
        *writer_died = Some(now);
        // An engine that has not opened its database yet ends here, and may.
        tokio::time::timeout(rest, child.wait()).await.ok();
    }
}

/// Notes what lies in a mailbox, again and again.
async fn watch(post: &Post, address: &str, seen: &mut BTreeSet<String>) {
    loop {
        seen.extend(post.mailbox(address));
        sleep(LOOK).await;
    }
}
