//! A profile in a fresh database whose clock goes as the test says.

// A fixture that cannot be made ends the test.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use futures::future::BoxFuture;
use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use volary_mail::address::Address;
use volary_mail::openpgp::SecretKey;
use volary_proto::v1::event;
use volary_storage::records::{
    Block, ContactOrigin, CounterRecord, MessageRecord, MessageState, ProfileRecord, TransportRecord,
    ViewType,
};
use volary_storage::tables::{COUNTERS, PROFILES};
use volary_storage::{Options, Store};

use crate::chat::compose::new_mid;
use crate::ground::clock::Clock;
use crate::ground::db::{Db, Listener, Surroundings, Tx};
use crate::ground::effects::Effects;
use crate::ground::error::Outcome;
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::ground::work::{Job, Lane, Unfinished, Workers};
use crate::state::{chats, contacts, keys, messages, transports};

/// The profile.
pub const PROFILE: ProfileId = ProfileId::new(1);
/// When tests begin.
pub const START: i64 = 1_750_000_000;

/// A clock that only the test moves.
struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Keeps the events of commits.
#[derive(Default)]
pub struct Recorder(Mutex<Vec<event::Kind>>);

impl Recorder {
    /// The events since the last call.
    pub fn take(&self) -> Vec<event::Kind> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Listener for Recorder {
    fn event(&self, _: ProfileId, event: event::Kind) {
        self.0.lock().push(event);
    }

    fn effects(&self, _: ProfileId, _: Effects) {}
}

/// Work is done at once, where it is asked for.
struct AtOnce;

impl Workers for AtOnce {
    fn start(&self, _: Lane, job: Job) -> BoxFuture<'_, Result<(), Unfinished>> {
        job();
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a database of a test needs.
pub fn surroundings(clock: Arc<dyn Clock>, listener: Arc<Recorder>) -> Surroundings {
    Surroundings { listener, clock, workers: Arc::new(AtOnce) }
}

/// One profile at `me@one.test`.
pub struct Desk {
    /// Its database.
    pub db: Db,
    clock: Arc<TestClock>,
    listener: Arc<Recorder>,
    /// The folder of the engine.
    pub dir: tempfile::TempDir,
}

impl Desk {
    /// A profile with a key and one address, without servers.
    pub async fn new() -> Self {
        let desk = Self::without_key().await;
        desk.change(|tx| keys::ensure_own(tx).map(|_| ())).await;
        desk
    }

    /// The same before its key was made.
    pub async fn without_key() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let clock = Arc::new(TestClock(AtomicI64::new(START)));
        let listener = Arc::new(Recorder::default());
        let db = Db::new(store, dir.path().to_owned(), surroundings(clock.clone(), listener.clone()));
        let desk = Self { db, clock, listener, dir };
        desk.change(|tx| {
            let record =
                ProfileRecord { uuid: "profile".to_owned(), created: tx.now, ..ProfileRecord::default() };
            tx.store.put(&PROFILES, &PROFILE, &record)?;
            Ok(tx.store.put(&COUNTERS, &PROFILE, &CounterRecord::default())?)
        })
        .await;
        desk.gets_address("me@one.test").await;
        desk
    }

    /// The time by the clock of the profile.
    pub fn now(&self) -> i64 {
        self.db.now()
    }

    /// Time goes on.
    pub fn waits(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Runs a transaction on the profile.
    pub async fn change<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<T> + Send + 'static,
    ) -> T {
        self.db.transact(PROFILE, job).await.unwrap().value
    }

    /// Adds an address.
    pub async fn gets_address(&self, addr: &str) {
        let record = TransportRecord { addr: addr.to_owned(), ..Default::default() };
        self.change(move |tx| {
            transports::add(tx, &TransportRecord { added: tx.now, ..record })?;
            Ok(keys::relays_changed(tx)?)
        })
        .await;
    }

    /// Adds a key-contact with these relays; the key is returned with its id.
    pub async fn knows(&self, relays: &[&str]) -> (ContactId, SecretKey) {
        let mut rng = StdRng::from_seed(*blake3::hash(relays.join(",").as_bytes()).as_bytes());
        let addrs: Vec<Address> = relays.iter().map(|addr| Address::parse(addr).unwrap()).collect();
        let secret = SecretKey::generate(&addrs[0], START, &mut rng).unwrap();
        let certificate = secret.certificate(&addrs[0], &addrs, START, &mut rng).unwrap();
        let (fingerprint, addr) = (secret.fingerprint().to_string(), relays[0].to_owned());
        let id = self
            .change(move |tx| {
                keys::import(tx, &certificate)?;
                let seen = contacts::Seen {
                    addr: &addr,
                    fingerprint: &fingerprint,
                    origin: ContactOrigin::CreateChat,
                    ..Default::default()
                };
                Ok(contacts::add_or_lookup(tx, seen)?)
            })
            .await;
        (id, secret)
    }

    /// The accepted single chat with a contact.
    pub async fn chat_with(&self, contact: ContactId) -> ChatId {
        self.change(move |tx| Ok(chats::ensure_single(tx, contact, Block::Not)?)).await
    }

    /// A message of ourselves appears in a chat, as sent.
    pub async fn says(&self, chat: ChatId, text: &str) -> MessageId {
        self.puts(MessageRecord {
            chat,
            from: ContactId::SELF,
            state: MessageState::OutDelivered,
            text: text.to_owned(),
            sort: self.now(),
            ..Default::default()
        })
        .await
    }

    /// A message is stored.
    pub async fn puts(&self, record: MessageRecord) -> MessageId {
        let record = MessageRecord { mid: new_mid(), view_type: ViewType::Text, encrypted: true, ..record };
        self.change(move |tx| Ok(messages::insert(tx, &record)?)).await
    }

    /// The own key, as other own devices have it.
    pub fn own_key(&self) -> SecretKey {
        self.db.read(|view| keys::own(view, self.db.keys(), PROFILE)).unwrap().unwrap()
    }

    /// A stored message.
    pub fn message(&self, id: MessageId) -> MessageRecord {
        self.db.look(|view| messages::load(view, PROFILE, id)).unwrap().unwrap()
    }

    /// The newest message of a chat that is shown.
    pub fn newest(&self, chat: ChatId) -> MessageId {
        self.db.look(|view| messages::newest_id(view, PROFILE, chat)).unwrap().unwrap().1
    }

    /// Whether a message is there.
    pub fn has(&self, message: MessageId) -> bool {
        self.db.look(|view| messages::load(view, PROFILE, message)).unwrap().is_some()
    }

    /// The events since the last call.
    pub async fn events(&self) -> Vec<event::Kind> {
        self.listener.take()
    }
}

/// Mails that contain this make the reader panic, so that tests see what follows.
static PANICS: parking_lot::Mutex<Option<Vec<u8>>> = parking_lot::Mutex::new(None);

/// From now on reading a mail that contains `mark` panics; `None` ends it.
pub fn reading_panics_at(mark: Option<&str>) {
    *PANICS.lock() = mark.map(|mark| mark.as_bytes().to_vec());
}

/// Panics if a test wants it so.
#[allow(clippy::panic)]
pub(crate) fn may_panic(raw: &[u8]) {
    let mark = PANICS.lock().clone();
    if mark.is_some_and(|mark| memchr::memmem::find(raw, &mark).is_some()) {
        panic!("a test wants reading to panic");
    }
}
