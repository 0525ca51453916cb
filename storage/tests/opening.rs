//! Opening a folder: who may read it, who has it, and what is said of how the last run ended.

// What the tests share is outside of test functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use common::opened;
use volary_storage::{FILE_NAME, OpenError, Options, Raw, Store, StoreError, Table};

const ROWS: Table<(u32, u32), Raw> = Table::new("rows.test");
/// Tells the other process which folder to hold.
const FOLDER: &str = "VOLARY_STORAGE_TEST_HELD_FOLDER";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write_something(store: &Store) {
    store
        .write_blocking(|tx| (0..100).try_for_each(|row| tx.put(&ROWS, &(1, row), &Raw(vec![1; 100]))))
        .map_err(|error: StoreError| error)
        .unwrap();
}

/// Where the lines of a log go.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What is logged while something is done on this thread.
fn logged<T>(f: impl FnOnce() -> T) -> (T, String) {
    // Without a subscriber of all threads, a line that another thread comes to first may be switched off for this one.
    let everywhere = tracing_subscriber::fmt().with_writer(io::sink).finish();
    let _ = tracing::subscriber::set_global_default(everywhere);
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let value = tracing::subscriber::with_default(subscriber, f);
    let lines = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    (value, lines)
}

/// Not a test of its own: holds a folder until it is killed.
#[test]
fn the_other_process() {
    let Ok(dir) = env::var(FOLDER) else { return };
    let store = Store::open(Path::new(&dir), Options::default()).unwrap();
    write_something(&store);
    // One write, so that the line is whole.
    io::stdout().write_all(b"open\n").unwrap();
    io::stdout().flush().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(600));
}

/// Runs something while another process holds a folder, and kills that. Its process id.
fn while_held(dir: &Path, f: impl FnOnce(u32)) {
    let mut child = Command::new(env::current_exe().unwrap())
        .args(["--exact", "the_other_process", "--nocapture", "--test-threads=1"])
        .env(FOLDER, dir)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(told.any(|line| line.unwrap().ends_with("open")));
    f(child.id());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn only_the_owner_can_read_a_new_folder() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("data");
    let store = Store::open(&folder, Options::default()).unwrap();
    assert_eq!(mode(&folder), 0o700);
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
    drop(store);
}

#[test]
fn a_folder_that_others_can_read_is_made_private_and_that_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), Options::default()).unwrap().close().unwrap();
    let profile = dir.path().join("01234567-89ab-4cde-8f01-23456789abcd");
    fs::create_dir(&profile).unwrap();
    let file = dir.path().join(FILE_NAME);
    for (path, loose) in [(dir.path(), 0o755), (&profile, 0o755), (&file, 0o644)] {
        set_mode(path, loose);
    }
    let (store, log) = logged(|| opened(dir.path(), Options::default()));
    assert_eq!((mode(dir.path()), mode(&profile), mode(&file)), (0o700, 0o700, 0o600));
    assert_eq!(log.matches("was open to other users and is private now").count(), 3, "{log}");
    store.close().unwrap();
    let (_store, log) = logged(|| opened(dir.path(), Options::default()));
    assert!(!log.contains("private"), "{log}");
}

#[test]
fn a_folder_in_which_others_keep_things_is_left_as_it_is_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("Documents")).unwrap();
    set_mode(dir.path(), 0o755);
    let (store, log) = logged(|| opened(dir.path(), Options::default()));
    assert_eq!(mode(dir.path()), 0o755);
    assert!(log.contains("WARN") && log.contains("open to other users"), "{log}");
    assert_eq!(mode(&dir.path().join(FILE_NAME)), 0o600);
    drop(store);
}

#[test]
fn an_orderly_end_leaves_nothing_to_warn_of() {
    let dir = tempfile::tempdir().unwrap();
    for verify_bytes in [Options::default().verify_bytes, 0] {
        for _ in 0..2 {
            let options = Options { verify_bytes, ..Options::default() };
            let (store, log) = logged(|| opened(dir.path(), options));
            assert!(!log.contains("WARN"), "{log}");
            write_something(&store);
            store.close().unwrap();
        }
    }
}

#[test]
fn an_unclean_end_is_warned_of_once() {
    for verify_bytes in [Options::default().verify_bytes, 0] {
        let dir = tempfile::tempdir().unwrap();
        while_held(dir.path(), |_| {});
        let options = Options { verify_bytes, ..Options::default() };
        let (store, log) = logged(|| opened(dir.path(), options.clone()));
        assert_eq!(log.matches("WARN").count(), 1, "{log}");
        assert!(log.contains("did not end orderly"), "{log}");
        store.close().unwrap();
        let (_store, log) = logged(|| opened(dir.path(), options));
        assert!(!log.contains("WARN"), "{log}");
    }
}

#[test]
fn a_second_process_learns_which_folder_and_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    while_held(dir.path(), |holder| {
        let error = Store::open(dir.path(), Options::default()).unwrap_err();
        assert!(matches!(&error, OpenError::Locked { pid: Some(pid), .. } if *pid == holder), "{error:?}");
        let expected = format!("{} is in use by another process ({holder})", dir.path().display());
        assert_eq!(error.to_string(), expected);
    });
    let _store = Store::open(dir.path(), Options::default()).unwrap();
    let error = Store::open(dir.path(), Options::default()).unwrap_err().to_string();
    assert!(error.contains(&format!("another store of this process ({})", std::process::id())), "{error}");
}
