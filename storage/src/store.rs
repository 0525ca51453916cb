//! The store: opening, reading, writing, closing.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::{self, JoinHandle, ThreadId};

use parking_lot::{Mutex, RwLock};
use redb::{Database, ReadableDatabase};
use tokio::sync::Semaphore;

use crate::barrier::{Progress, Written};
use crate::error::{OpenError, StoreError};
use crate::file::{self, Opened};
use crate::lock::FolderLock;
use crate::view::{ReadTx, shielded};
use crate::wait::wait;
use crate::write_tx::WriteTx;
use crate::writer::{Queue, Task, Writer};

/// Most jobs that wait for the writer; further callers wait for a place.
const QUEUED_JOBS: usize = 4096;
/// Memory for pages of the file, for the whole process. What is in use at the same time are some pages of each profile
/// that just sends or receives, and the file is in the cache of the system besides: a larger cache fills up with what
/// was written last and is not needed again.
const CACHE_BYTES: usize = 8 << 20;
/// Name of the database file in its folder.
pub const FILE_NAME: &str = "volary.redb";

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Memory for pages of the file. All profiles of the process share it.
    pub cache_bytes: usize,
    /// Jobs are refused with [`StoreError::DiskFull`] while less than this is free on the disk. Half of
    /// [`cache_bytes`](Self::cache_bytes) may wait for the next sync and has to find space then.
    pub keep_free_bytes: u64,
    /// A file up to this size is verified as a whole when it is opened. A larger one is verified only after an
    /// unclean end; otherwise damage shows when the damaged page is read.
    pub verify_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: CACHE_BYTES, keep_free_bytes: 16 << 20, verify_bytes: 32 << 20 }
    }
}

/// The durable state of all profiles: one database file, one writer, any number of readers. Cheap to clone; the last
/// clone closes it.
#[derive(Clone)]
pub struct Store {
    handle: Arc<Handle>,
}

/// What all clones of a store share, closing with the last of them.
struct Handle {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
    writer_id: ThreadId,
}

/// What the store shares with its writer.
pub(crate) struct Shared {
    /// `None` when closed.
    pub(crate) database: RwLock<Option<Database>>,
    pub(crate) queue: Arc<Queue>,
    /// Free places in the queue.
    pub(crate) slots: Semaphore,
    pub(crate) progress: Arc<Progress>,
    /// Why writing ended before the store was closed.
    pub(crate) failure: Mutex<Option<StoreError>>,
    pub(crate) space: crate::space::Space,
    /// Bytes of rows that were removed since opening.
    pub(crate) removed: AtomicU64,
    pub(crate) path: PathBuf,
    /// Given back when the database is closed.
    lock: Mutex<Option<FolderLock>>,
}

impl Store {
    /// Opens the database in `dir`, making both if they are not there. Repairs what an unclean end left behind and
    /// brings an older schema up to date.
    ///
    /// Blocks: reads the file as far as [`Options::verify_bytes`] says, and all of it after an unclean end.
    pub fn open(dir: &Path, options: Options) -> Result<Self, OpenError> {
        let path = dir.join(FILE_NAME);
        let Opened { database, lock } = file::open(dir, &path, &options)?;
        Self::start(database, Some(lock), dir, &options)
    }

    /// Starts the writer of a database.
    pub(crate) fn start(
        database: Database,
        lock: Option<FolderLock>,
        dir: &Path,
        options: &Options,
    ) -> Result<Self, OpenError> {
        let path = dir.join(FILE_NAME);
        let shared = Arc::new(Shared {
            database: RwLock::new(Some(database)),
            queue: Arc::new(Queue::new()),
            slots: Semaphore::new(QUEUED_JOBS),
            progress: Arc::new(Progress::new()),
            failure: Mutex::new(None),
            space: crate::space::Space::new(dir, options.keep_free_bytes),
            removed: AtomicU64::new(0),
            path: path.clone(),
            lock: Mutex::new(lock),
        });
        let writer = Writer::new(shared.clone());
        let thread = thread::Builder::new()
            .name("storage-writer".to_owned())
            .spawn(move || writer.work())
            .map_err(|source| OpenError::Io { path, source })?;
        let writer_id = thread.thread().id();
        Ok(Self { handle: Arc::new(Handle { shared, writer: Mutex::new(Some(thread)), writer_id }) })
    }

    /// Runs `job` on the writer. When this returns, the change is visible to every read that begins from now on;
    /// [`Written::barrier`] tells when it is durable. A job that returns an error or panics changes nothing.
    ///
    /// Jobs run one at a time in the order of their arrival, for the whole process, so they must be short and must
    /// not wait for anything. If the caller is dropped while it waits, the job still runs.
    pub async fn write<T, E, F>(&self, job: F) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(job, false).await
    }

    /// As [`write`](Self::write), for changes that remove more than they add: they are still let through for a while
    /// when others are refused with [`StoreError::DiskFull`], so that a user can make space.
    pub async fn write_freeing<T, E, F>(&self, job: F) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        self.submit(job, true).await
    }

    async fn submit<T, E, F>(&self, job: F, frees: bool) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        let shared = &self.handle.shared;
        shared.slots.acquire().await.map_err(|_| shared.ended())?.forget();
        let (task, answer) = Task::new(job, frees);
        shared.queue.push(Box::new(task)).map_err(|_| shared.ended())?;
        answer.await.map_err(|_| shared.ended())?
    }

    /// [`write`](Self::write) for callers that are not async. Blocks its thread; never call it from within a job.
    pub fn write_blocking<T, E, F>(&self, job: F) -> Result<Written<T>, E>
    where
        F: FnOnce(&mut WriteTx<'_>) -> Result<T, E> + Send + 'static,
        E: From<StoreError> + Send + 'static,
        T: Send + 'static,
    {
        wait(self.write(job))
    }

    /// Reads from a snapshot of what is committed now.
    pub fn read<T, E>(&self, f: impl FnOnce(&ReadTx) -> Result<T, E>) -> Result<T, E>
    where
        E: From<StoreError>,
    {
        f(&self.snapshot()?)
    }

    /// A snapshot of what is committed now. Keep it no longer than a query takes.
    pub fn snapshot(&self) -> Result<ReadTx, StoreError> {
        let snapshot = {
            let database = self.handle.shared.database.read();
            let database = database.as_ref().ok_or(StoreError::Closed)?;
            shielded(|| database.begin_read())
        };
        let snapshot = snapshot.and_then(ReadTx::new);
        snapshot.map_err(|error| error.of_file(&self.handle.shared.path))
    }

    /// Waits until everything that was written so far is durable.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let written: Written<()> = self.write(|_| Ok::<_, StoreError>(())).await?;
        written.barrier.durable().await
    }

    /// Size of the database file.
    pub fn file_bytes(&self) -> u64 {
        std::fs::metadata(&self.handle.shared.path).map_or(0, |file| file.len())
    }

    /// Closes the store for all of its clones: jobs that are queued still run, everything is made durable, and the
    /// file is compacted if much of it is unused. Afterwards every call fails with [`StoreError::Closed`].
    ///
    /// Blocks its thread; never call it from within a job.
    pub fn close(self) -> Result<(), StoreError> {
        self.handle.close()
    }
}

impl Handle {
    fn close(&self) -> Result<(), StoreError> {
        self.shared.queue.close();
        if let Some(writer) = self.writer.lock().take() {
            if thread::current().id() == self.writer_id {
                // The last clone went down with a job: the writer ends by itself after it.
                return Ok(());
            }
            if writer.join().is_err() {
                tracing::error!(path = %self.shared.path.display(), "the writer of the database panicked");
            }
        }
        self.shared.slots.close();
        self.shared.close()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(path = %self.shared.path.display(), %error, "closing the database failed");
        }
    }
}

impl Shared {
    /// Closes the file once the writer has ended. After a failure the lock keeps its mark of an unclean end.
    fn close(&self) -> Result<(), StoreError> {
        let lock = self.lock.lock().take();
        let Some(database) = self.database.write().take() else { return Ok(()) };
        if let Some(error) = self.failure.lock().clone() {
            return Err(error);
        }
        file::close(database, self)?;
        if let Some(lock) = lock {
            lock.release();
        }
        tracing::debug!(path = %self.path.display(), "the database is closed");
        Ok(())
    }

    /// Why there are no answers any more.
    fn ended(&self) -> StoreError {
        self.failure.lock().clone().unwrap_or(StoreError::Closed)
    }

    /// Size of the database file.
    pub(crate) fn file_bytes(&self) -> u64 {
        std::fs::metadata(&self.path).map_or(0, |file| file.len())
    }
}

/// The last clone went down with a job, so that nobody else has closed the file.
impl Drop for Shared {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::warn!(path = %self.path.display(), %error, "closing the database failed");
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("path", &self.handle.shared.path).finish_non_exhaustive()
    }
}
