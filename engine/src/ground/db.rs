//! One transaction on a profile: the change, its events, and who has to be woken by it.
//!
//! A [`Tx`] runs on the storage writer, one after the other for the whole process. What it collects leaves only
//! after its commit: events in the order of commits, wake-ups to the actors of the profile.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use volary_proto::v1::event;
use volary_storage::{BlobName, Blobs, ReadTx, Store, StoreError, WriteTx, Written};

use super::clock::Clock;
use super::effects::Effects;
use super::error::{Failure, Outcome};
use super::key_cache::KeyCache;
use super::texts::Texts;
use super::work::{Lane, Workers};
use crate::ground::ids::ProfileId;

/// Receives what commits report, in their order.
pub trait Listener: Send + Sync + 'static {
    /// An event of a profile; 0: of the process.
    fn event(&self, profile: ProfileId, event: event::Kind);
    /// What a commit asks the actors of a profile to do.
    fn effects(&self, profile: ProfileId, effects: Effects);
}

/// What the database needs from the process around it.
#[derive(Clone)]
pub struct Surroundings {
    /// Receives what commits report.
    pub listener: Arc<dyn Listener>,
    /// Where the time comes from.
    pub clock: Arc<dyn Clock>,
    /// Threads for heavy work.
    pub workers: Arc<dyn Workers>,
}

/// The database with everything that a transaction needs. Cheap to clone.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    dir: PathBuf,
    around: Surroundings,
    texts: Texts,
    keys: KeyCache,
    staged: Mutex<Staged>,
    /// Shared by those who need files that rows of an older snapshot name, exclusive for those who remove such files.
    files: RwLock<()>,
    arriving: Arc<Mutex<HashSet<ProfileId>>>,
}

/// Events of transactions that ran, in the order in which they ran, until their commit is visible.
#[derive(Default)]
struct Staged {
    next: u64,
    waiting: VecDeque<(u64, ProfileId, Vec<event::Kind>)>,
}

/// A running transaction on one profile.
pub struct Tx<'a, 'w> {
    /// The tables.
    pub store: &'a mut WriteTx<'w>,
    /// The profile.
    pub profile: ProfileId,
    /// The time of the transaction, Unix seconds.
    pub now: i64,
    /// The texts in force.
    pub texts: &'a Texts,
    /// Parsed keys.
    pub keys: &'a KeyCache,
    events: Vec<event::Kind>,
    effects: Effects,
}

impl Tx<'_, '_> {
    /// Adds an event, to be emitted after the commit.
    pub fn emit(&mut self, event: event::Kind) {
        self.events.push(event);
    }

    /// Who has to be woken after the commit.
    pub fn effects(&mut self) -> &mut Effects {
        &mut self.effects
    }
}

/// Stores a small picture that came in a header. Waits for the disk, so it comes before the transaction that refers
/// to the picture, which knows its name from [`picture_name`].
pub fn put_picture(blobs: &Blobs, bytes: &[u8]) -> std::io::Result<()> {
    blobs.put(bytes, picture_extension(bytes)).map(|_| ())
}

/// The blob name of a picture that [`put_picture`] has stored.
pub fn picture_name(bytes: &[u8]) -> String {
    BlobName::of(bytes, picture_extension(bytes)).as_str().to_owned()
}

fn picture_extension(bytes: &[u8]) -> &'static str {
    let format = image::guess_format(bytes).ok();
    format.and_then(|format| format.extensions_str().first().copied()).unwrap_or("jpg")
}

/// The folder of a profile's blobs.
pub fn blob_dir(dir: &Path, uuid: &str) -> PathBuf {
    dir.join(uuid).join("dc.db-blobs")
}

impl Db {
    /// Puts the parts together.
    pub fn new(store: Store, dir: PathBuf, around: Surroundings) -> Self {
        let (texts, keys) = (Texts::default(), KeyCache::default());
        let (staged, files, arriving) = (Mutex::default(), RwLock::new(()), Arc::default());
        Self { inner: Arc::new(Inner { store, dir, around, texts, keys, staged, files, arriving }) }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The folder of the engine.
    pub fn dir(&self) -> &PathBuf {
        &self.inner.dir
    }

    /// The texts in force.
    pub fn texts(&self) -> &Texts {
        &self.inner.texts
    }

    /// While this is held, no file goes that rows of a snapshot name. Waits for a sweep that runs.
    pub(crate) fn keep_files(&self) -> RwLockReadGuard<'_, ()> {
        self.inner.files.read()
    }

    /// Held while files are removed that no row names; `None` while somebody needs those of an older snapshot.
    pub(crate) fn sweeps_files(&self) -> Option<RwLockWriteGuard<'_, ()>> {
        self.inner.files.try_write()
    }

    /// Profiles that are being restored by this process.
    pub(crate) fn arriving(&self) -> Arc<Mutex<HashSet<ProfileId>>> {
        self.inner.arriving.clone()
    }

    /// Parsed keys.
    pub fn keys(&self) -> &KeyCache {
        &self.inner.keys
    }

    /// Unix seconds now.
    pub fn now(&self) -> i64 {
        self.inner.around.clock.now()
    }

    /// Reads from a snapshot.
    pub fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&ReadTx) -> Result<T, E>) -> Result<T, E> {
        self.inner.store.read(read)
    }

    /// As [`Db::read`], for callers whose own errors do not know the store.
    pub fn look<T>(&self, read: impl FnOnce(&ReadTx) -> Result<T, StoreError>) -> Result<T, Failure> {
        Ok(self.inner.store.read(read)?)
    }

    /// Runs `job` as one transaction. When this returns, the change is visible and its events are emitted;
    /// the barrier of the answer says when it is durable.
    pub async fn transact<T, E, F>(&self, profile: ProfileId, job: F) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (db, store) = (self.clone(), &self.inner.store);
        Ok(self.finish(profile, store.write(move |store| db.run(store, profile, job)).await?))
    }

    /// As [`Db::transact`], for a change that leaves less behind than there was: while the disk is nearly full and
    /// others are refused, it is still carried out.
    pub async fn transact_freeing<T, E, F>(&self, profile: ProfileId, job: F) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (db, store) = (self.clone(), &self.inner.store);
        Ok(self.finish(profile, store.write_freeing(move |store| db.run(store, profile, job)).await?))
    }

    /// On the writer: runs a job and stages its events.
    fn run<T, E>(
        &self,
        store: &mut WriteTx<'_>,
        profile: ProfileId,
        job: impl FnOnce(&mut Tx<'_, '_>) -> Result<T, E>,
    ) -> Result<(T, u64, Effects), E> {
        let mut tx = Tx {
            store,
            profile,
            now: self.inner.around.clock.now(),
            texts: &self.inner.texts,
            keys: &self.inner.keys,
            events: Vec::new(),
            effects: Effects::default(),
        };
        let value = job(&mut tx)?;
        let (events, effects) = (tx.events, tx.effects);
        Ok((value, self.stage(profile, events), effects))
    }

    /// After the commit: emits events and wakes actors.
    fn finish<T>(&self, profile: ProfileId, written: Written<(T, u64, Effects)>) -> Written<T> {
        let (value, ticket, effects) = written.value;
        self.emit_up_to(ticket);
        self.inner.around.listener.effects(profile, effects);
        Written { value, barrier: written.barrier }
    }

    /// As [`Db::transact`], and the change is durable when this returns.
    pub async fn transact_durably<T, E, F>(&self, profile: ProfileId, job: F) -> Result<T, E>
    where
        F: FnOnce(&mut Tx<'_, '_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let written = self.transact(profile, job).await?;
        written.barrier.durable().await?;
        Ok(written.value)
    }

    fn stage(&self, profile: ProfileId, events: Vec<event::Kind>) -> u64 {
        let mut staged = self.inner.staged.lock();
        let ticket = staged.next;
        staged.next += 1;
        staged.waiting.push_back((ticket, profile, events));
        ticket
    }

    /// Emits the events of all transactions up to `ticket`: transactions run one after the other, so those before
    /// it are committed, too.
    fn emit_up_to(&self, ticket: u64) {
        let mut staged = self.inner.staged.lock();
        while staged.waiting.front().is_some_and(|(first, ..)| *first <= ticket) {
            if let Some((_, profile, events)) = staged.waiting.pop_front() {
                for event in events {
                    self.inner.around.listener.event(profile, event);
                }
            }
        }
    }

    /// Emits an event that belongs to no change.
    pub fn emit(&self, profile: ProfileId, event: event::Kind) {
        self.inner.around.listener.event(profile, event);
    }

    /// Runs heavy or waiting work (files, images, OpenPGP) on a worker thread.
    pub async fn work<T: Send + 'static>(
        &self,
        lane: Lane,
        job: impl FnOnce() -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        super::work::run(&*self.inner.around.workers, lane, job).await.unwrap_or(Err(Failure::Stopping))
    }
}
