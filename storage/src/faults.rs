//! What the store acknowledges when the disk fails: nothing that is not there.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redb::backends::InMemoryBackend;
use redb::{Builder, StorageBackend};

use crate::{FILE_NAME, Options, Raw, Store, StoreError, Table, View, schema};

const ROWS: Table<(u32, u32), Raw> = Table::new("rows.test");

/// A disk that can be made to fail.
#[derive(Clone, Debug, Default)]
struct Disk {
    fails: Arc<Fails>,
}

#[derive(Debug, Default)]
struct Fails {
    sync: AtomicBool,
    write: AtomicBool,
    slow: AtomicBool,
}

/// The database on such a disk.
#[derive(Debug)]
struct Backend {
    inner: InMemoryBackend,
    disk: Disk,
}

impl StorageBackend for Backend {
    fn len(&self) -> Result<u64, io::Error> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.inner.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        if self.disk.fails.slow.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(200));
        }
        match self.disk.fails.sync.load(Ordering::Relaxed) {
            true => Err(io::Error::other("the disk is gone")),
            false => self.inner.sync_data(),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        match self.disk.fails.write.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.inner.write(offset, data),
        }
    }
}

fn store_on(disk: &Disk) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let backend = Backend { inner: InMemoryBackend::new(), disk: disk.clone() };
    let mut database = Builder::new().create_with_backend(backend).unwrap();
    schema::bring_up_to_date(&mut database, dir.path(), true).unwrap();
    let store = Store::start(database, None, dir.path(), &Options::default()).unwrap();
    (dir, store)
}

async fn put(store: &Store, row: u32) -> Result<crate::Written<()>, StoreError> {
    store.write(move |tx| tx.put(&ROWS, &(1, row), &Raw(vec![7; 100]))).await
}

#[tokio::test]
async fn what_a_failed_sync_should_have_stored_is_not_acknowledged() {
    let disk = Disk::default();
    let (_dir, store) = store_on(&disk);
    put(&store, 1).await.unwrap().barrier.durable().await.unwrap();
    disk.fails.sync.store(true, Ordering::Relaxed);
    let written = put(&store, 2).await.unwrap();
    let refused = written.barrier.durable().await.unwrap_err();
    assert!(matches!(&refused, StoreError::Failed(why) if why.contains(FILE_NAME)), "{refused}");
    assert!(!written.barrier.is_durable());
    // Also when the disk works again: what is in the file is known only to the next opening.
    disk.fails.sync.store(false, Ordering::Relaxed);
    let refused = put(&store, 3).await.unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
    assert!(matches!(store.flush().await, Err(StoreError::Failed(_))));
    assert!(matches!(written.barrier.durable().await, Err(StoreError::Failed(_))));
    assert!(store.close().is_err());
}

#[tokio::test]
async fn a_disk_that_turns_out_to_be_full_says_so_to_everybody() {
    let disk = Disk::default();
    let (_dir, store) = store_on(&disk);
    disk.fails.write.store(true, Ordering::Relaxed);
    let mut last = Ok(());
    for row in 0..200 {
        last = match put(&store, row).await {
            Ok(written) => written.barrier.durable().await,
            Err(error) => Err(error),
        };
        if last.is_err() {
            break;
        }
    }
    let full = |result: &Result<(), StoreError>| matches!(result, Err(StoreError::DiskFull { .. }));
    assert!(full(&last), "{last:?}");
    assert!(full(&put(&store, 1000).await.map(|_| ())));
}

#[test]
fn a_last_sync_that_fails_is_an_error_of_closing() {
    let disk = Disk::default();
    let (_dir, store) = store_on(&disk);
    let written = store.write_blocking(|tx| tx.put(&ROWS, &(1, 1), &Raw(vec![]))).unwrap();
    disk.fails.sync.store(true, Ordering::Relaxed);
    let other = store.clone();
    let error = store.close().unwrap_err();
    assert!(matches!(&error, StoreError::Failed(why) if why.contains("the disk is gone")), "{error}");
    assert!(!written.barrier.is_durable());
    let refused = other.write_blocking(|tx| tx.put(&ROWS, &(1, 2), &Raw(vec![]))).unwrap_err();
    assert!(matches!(refused, StoreError::Failed(_)), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_wait_for_a_place_learn_that_writing_has_ended() {
    let disk = Disk::default();
    let (_dir, store) = store_on(&disk);
    disk.fails.slow.store(true, Ordering::Relaxed);
    disk.fails.sync.store(true, Ordering::Relaxed);
    let callers: Vec<_> = (0..6000)
        .map(|row| {
            let store = store.clone();
            tokio::spawn(async move {
                match put(&store, row).await {
                    Ok(written) => written.barrier.durable().await,
                    Err(error) => Err(error),
                }
            })
        })
        .collect();
    for caller in callers {
        let ended = tokio::time::timeout(Duration::from_secs(30), caller).await;
        assert!(matches!(ended.unwrap().unwrap(), Err(StoreError::Failed(_))));
    }
}

#[tokio::test]
async fn a_job_that_panics_is_not_acknowledged_and_leaves_nothing() {
    let disk = Disk::default();
    let (_dir, store) = store_on(&disk);
    let panicked = store.write(|tx| -> Result<(), StoreError> {
        tx.put(&ROWS, &(1, 1), &Raw(vec![]))?;
        panic!("a fault of the job")
    });
    assert!(matches!(panicked.await, Err(StoreError::Panicked(_))));
    put(&store, 2).await.unwrap().barrier.durable().await.unwrap();
    let rows: Vec<u32> = store
        .read(|tx| tx.scan_prefix(&ROWS, &1)?.keys().map(|key| Ok(key?.1)).collect::<Result<_, StoreError>>())
        .unwrap();
    assert_eq!(rows, [2]);
}
