//! What other processes, and the end of this one, do to a store. This test binary runs itself as the other process.

// What both processes share is outside of test functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::opened;
use volary_storage::{OpenError, Options, Raw, Store, StoreError, Table, View};

const ROWS: Table<(u32, u32), Raw> = Table::new("rows.test");
/// Last number written by each task.
const LAST: Table<u32, Raw> = Table::new("last.test");
/// Rows of each change.
const ROWS_OF_CHANGE: u32 = 5;
const TASKS: u32 = 8;
/// A process is killed at some instant of its first quarter second.
const LONGEST_LIFE_MICROS: u64 = 250_000;
/// Changes that a task keeps.
const KEPT: u32 = 40;

/// Tells the other process what to do: a folder follows.
const ROLE: &str = "VOLARY_STORAGE_TEST_ROLE";
const FOLDER: &str = "VOLARY_STORAGE_TEST_FOLDER";

fn start(role: &str, dir: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "other_process", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what the other process does.
#[test]
fn other_process() {
    let (Ok(role), Ok(dir)) = (env::var(ROLE), env::var(FOLDER)) else { return };
    let dir = Path::new(&dir);
    match role.as_str() {
        "write" => {
            tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(write_on(dir))
        }
        "hold" => {
            let _store = Store::open(dir, Options::default()).unwrap();
            tell("open");
            std::thread::sleep(Duration::from_secs(600));
        }
        other => panic!("no role {other}"),
    }
}

fn tell(line: &str) {
    // One write each, so that a line is whole or not there.
    let line = format!("{line}\n");
    std::io::stdout().write_all(line.as_bytes()).unwrap();
    std::io::stdout().flush().unwrap();
}

/// Writes changes of several rows each for as long as it lives, and tells each that passed its barrier.
async fn write_on(dir: &Path) {
    let store = Store::open(dir, Options::default()).unwrap();
    tell("open");
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                loop {
                    let written = store.write(move |tx| change(tx, task)).await.unwrap();
                    let number = written.value;
                    if number % 3 != 0 {
                        written.barrier.durable().await.unwrap();
                        tell(&format!("durable {task} {number}"));
                    }
                }
            })
        })
        .collect();
    // No task ends; what ends them all is the other process.
    if let Some(task) = tasks.into_iter().next() {
        task.await.unwrap();
    }
}

/// The next change of a task: some rows, the rows of an old change removed, and the number, which all go together.
fn change(tx: &mut volary_storage::WriteTx<'_>, task: u32) -> Result<u32, StoreError> {
    let number = tx.get(&LAST, &task)?.map_or(0, |Raw(last)| number_of(&last)) + 1;
    for row in 0..ROWS_OF_CHANGE {
        tx.put(
            &ROWS,
            &(task + 1, number * ROWS_OF_CHANGE + row),
            &Raw(vec![row as u8; (number % 900) as usize]),
        )?;
    }
    for row in 0..ROWS_OF_CHANGE {
        tx.remove(&ROWS, &(task + 1, number.saturating_sub(KEPT) * ROWS_OF_CHANGE + row))?;
    }
    tx.put(&LAST, &task, &Raw(number.to_be_bytes().to_vec()))?;
    Ok(number)
}

fn number_of(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes.try_into().unwrap())
}

/// All changes up to the last of each task are there with all rows, and no others. Returns the last.
fn check_whole(store: &Store) -> Vec<u32> {
    let check = |tx: &volary_storage::ReadTx| {
        (0..TASKS)
            .map(|task| {
                let last = tx.get(&LAST, &task)?.map_or(0, |Raw(last)| number_of(&last));
                let first = last.saturating_sub(KEPT) + 1;
                let mut expected = (first..=last).flat_map(|n| (0..ROWS_OF_CHANGE).map(move |row| (n, row)));
                for found in tx.scan_prefix(&ROWS, &(task + 1))? {
                    let ((_, at), Raw(value)) = found?;
                    let (number, row) = expected.next().expect("a row too many");
                    assert_eq!(at, number * ROWS_OF_CHANGE + row, "task {task}");
                    assert_eq!(value, vec![row as u8; (number % 900) as usize]);
                }
                assert_eq!(expected.next(), None, "task {task}");
                Ok(last)
            })
            .collect::<Result<Vec<_>, StoreError>>()
    };
    store.read(check).unwrap()
}

#[test]
fn what_passed_its_barrier_outlives_being_killed() {
    let rounds = env::var("VOLARY_KILL_ROUNDS").map_or(12, |rounds| rounds.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let mut random = u64::from(std::process::id()) ^ 0x9E37_79B9_7F4A_7C15;
    for round in 0..rounds {
        let mut child = start("write", dir.path());
        let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(told.by_ref().any(|line| line.unwrap().ends_with("open")), "round {round}: it did not open");
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let life = Duration::from_micros((random >> 33) % LONGEST_LIFE_MICROS);
        let killer = std::thread::spawn(move || {
            std::thread::sleep(life);
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let mut durable = vec![0; TASKS as usize];
        for line in told {
            let line = line.unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            if let ["durable", task, number] = words[..] {
                durable[task.parse::<usize>().unwrap()] = number.parse::<u32>().unwrap();
            }
        }
        killer.join().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let last = check_whole(&store);
        for (task, (last, durable)) in last.iter().zip(&durable).enumerate() {
            assert!(last >= durable, "round {round}, task {task}: {durable} was durable, {last} is there");
        }
        println!("round {round}: killed after {life:?} with {durable:?} durable, {last:?} there");
    }
}

#[test]
fn a_second_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = start("hold", dir.path());
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with("open")));
    let error = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another process"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    opened(dir.path(), Options::default());
}

#[test]
fn a_second_store_of_this_process_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    assert!(matches!(Store::open(dir.path(), Options::default()), Err(OpenError::Locked { .. })));
    store.close().unwrap();
    opened(dir.path(), Options::default());
}

/// A file system of a few MiB, if this process may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !mounted {
            println!("skipped: this needs the right to mount a small file system");
        }
        mounted.then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.0.path()).status();
    }
}

fn options(keep_free: u64) -> Options {
    Options { keep_free_bytes: keep_free, ..Options::default() }
}

/// Fills the store until it refuses.
fn fill(store: &Store, from: u32) -> (u32, StoreError) {
    for at in from.. {
        if let Err(error) = store.write_blocking(move |tx| tx.put(&ROWS, &(1, at), &Raw(vec![7; 50_000]))) {
            return (at, error);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    unreachable!("the disk is not that large")
}

#[test]
fn a_full_disk_refuses_changes_until_there_is_space() {
    let Some(disk) = SmallDisk::mount("24m") else { return };
    let dir = disk.0.path();
    let ballast = dir.join("ballast");
    fs::write(&ballast, vec![0; 8 << 20]).unwrap();
    let store = Store::open(&dir.join("store"), options(8 << 20)).unwrap();
    let (count, error) = fill(&store, 0);
    let StoreError::DiskFull { dir: named, free } = &error else { panic!("{error}") };
    assert_eq!(named.as_ref(), dir.join("store"));
    assert!(*free < 8 << 20, "{error}");
    assert_eq!(error.to_string(), format!("the disk is full: {free} bytes are free for {}", named.display()));
    assert!(count > 10);
    let rows = |store: &Store| {
        store.read(|tx| tx.count_prefix(&ROWS, &1)).map_err(|error: StoreError| error).unwrap()
    };
    assert_eq!(rows(&store), u64::from(count));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(store.write_freeing(|tx| tx.remove(&ROWS, &(1, 0)))).unwrap().value);
    assert_eq!(rows(&store), u64::from(count) - 1);
    fs::remove_file(&ballast).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let (more, _) = fill(&store, count);
    assert!(more > count);
    store.close().unwrap();
    let store = Store::open(&dir.join("store"), options(0)).unwrap();
    assert_eq!(rows(&store), u64::from(more) - 1);
}

#[test]
fn running_into_the_end_of_the_disk_costs_only_what_was_not_durable() {
    let Some(disk) = SmallDisk::mount("16m") else { return };
    let dir = disk.0.path().join("store");
    let store = Store::open(&dir, options(0)).unwrap();
    let mut durable = 0;
    let error = loop {
        let at = durable;
        let written = store.write_blocking(move |tx| tx.put(&ROWS, &(1, at), &Raw(vec![7; 200_000])));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        match written.and_then(|written| runtime.block_on(written.barrier.durable())) {
            Ok(()) => durable += 1,
            Err(error) => break error,
        }
    };
    println!("full after {durable} rows: {error}");
    assert!(durable > 10);
    assert!(matches!(error, StoreError::DiskFull { .. } | StoreError::Failed(_)), "{error}");
    let refused = store.write_blocking(|tx| tx.put(&ROWS, &(2, 0), &Raw(vec![]))).unwrap_err();
    assert!(matches!(refused, StoreError::DiskFull { .. } | StoreError::Failed(_)), "{refused}");
    assert!(store.close().is_err());
    drop(fs::write(disk.0.path().join("ballast"), vec![0; 16 << 20]));
    match Store::open(&dir, options(0)) {
        Err(OpenError::DiskFull { .. }) | Ok(_) => {}
        Err(error) => panic!("{error}"),
    }
    fs::remove_file(disk.0.path().join("ballast")).unwrap();
    let store = Store::open(&dir, options(0)).unwrap();
    let rows = store.read(|tx| tx.count_prefix(&ROWS, &1)).map_err(|error: StoreError| error).unwrap();
    assert!(rows >= u64::from(durable), "{rows} of {durable}");
}
