//! What opening says about files that are not as they should be, and that no damage makes it panic.

// What the tests share is outside of test functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

use volary_storage::{FILE_NAME, OpenError, Options, Raw, Store, StoreError, Table, View};

const ROWS: Table<(u32, u32), Raw> = Table::new("rows.test");

fn filled() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    for profile in 1..20 {
        let written = store.write_blocking(move |tx| {
            (0..50).try_for_each(|row| tx.put(&ROWS, &(profile, row), &Raw(vec![row as u8; 100])))
        });
        written.map_err(|error: StoreError| error).unwrap();
    }
    store.close().unwrap();
    let path = dir.path().join(FILE_NAME);
    (dir, path)
}

/// Reads everything and changes something. Neither may panic, whatever the file holds.
fn use_it(store: &Store) -> Result<usize, StoreError> {
    let mut intact = 0;
    for profile in 1..20 {
        intact += store.read(|tx| {
            let rows = tx.scan_prefix(&ROWS, &profile)?.collect::<Result<Vec<_>, StoreError>>()?;
            let good = |((_, row), Raw(value)): &((u32, u32), Raw)| *value == vec![*row as u8; 100];
            Ok::<_, StoreError>(rows.iter().filter(|row| good(row)).count())
        })?;
    }
    store.write_blocking(|tx| tx.put(&ROWS, &(1, 1000), &Raw(vec![1])))?;
    Ok(intact)
}

fn verifying() -> Options {
    Options::default()
}

fn trusting() -> Options {
    Options { verify_bytes: 0, ..Options::default() }
}

#[test]
fn truncated_files_are_told_to_be_damaged() {
    let (dir, path) = filled();
    let whole = fs::read(&path).unwrap();
    for length in [1, 8, 100, 320, 4096, 8192, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        for options in [verifying(), trusting()] {
            fs::write(&path, &whole[..length]).unwrap();
            match Store::open(dir.path(), options) {
                Err(OpenError::Corrupt { .. } | OpenError::NotADatabase { .. }) => {}
                Err(error) => panic!("cut to {length}: {error}"),
                // redb may have found all rows in what is left.
                Ok(store) => assert_eq!(use_it(&store).unwrap(), 950, "cut to {length}"),
            }
        }
    }
}

#[test]
fn flipped_bits_are_found_or_do_no_harm() {
    let (dir, path) = filled();
    let whole = fs::read(&path).unwrap();
    let mut found = 0;
    for round in 0..150usize {
        let at = if round < 40 { round * 8 } else { (round * 7919 * 31) % whole.len() };
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (round % 8);
        fs::write(&path, &damaged).unwrap();
        match Store::open(dir.path(), verifying()) {
            Err(OpenError::Corrupt { .. } | OpenError::NotADatabase { .. }) => found += 1,
            Err(error) => panic!("flip in byte {at}: {error}"),
            // Unused bytes, or damage that redb repaired.
            Ok(store) => assert_eq!(use_it(&store).unwrap(), 950, "flip in byte {at}"),
        }
    }
    assert!(found > 10, "only {found} flips were found");
}

#[test]
fn damage_that_opening_does_not_look_for_is_an_error_of_reading() {
    let (dir, path) = filled();
    let whole = fs::read(&path).unwrap();
    for page in 1..whole.len() / 4096 {
        let mut damaged = whole.clone();
        damaged[page * 4096..(page + 1) * 4096].fill(0xA5);
        fs::write(&path, &damaged).unwrap();
        match Store::open(dir.path(), trusting()) {
            Err(OpenError::Corrupt { .. }) => {}
            Err(error) => panic!("page {page}: {error}"),
            Ok(store) => match use_it(&store) {
                Ok(_) | Err(StoreError::Corrupt(_)) => {}
                Err(error) => panic!("page {page}: {error}"),
            },
        }
    }
}

#[test]
fn another_kind_of_file_is_not_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE_NAME);
    let content = b"SQLite format 3\0".repeat(1000);
    fs::write(&path, &content).unwrap();
    let error = Store::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), content);
}

#[test]
fn an_empty_file_is_a_new_database() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE_NAME), b"").unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    store
        .write_blocking(|tx| tx.put(&ROWS, &(1, 1), &Raw(vec![])))
        .map_err(|error: StoreError| error)
        .unwrap();
}

#[test]
fn a_folder_that_cannot_be_made_or_written_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = Store::open(&file.join("sub"), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    let store = Store::open(dir.path(), Options::default()).unwrap();
    store.close().unwrap();
    if !can_write_anything(dir.path()) {
        let error = Store::open(dir.path(), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::ReadOnly { .. }), "{error}");
    }
}

/// Takes away the right to write and says whether writing works all the same, as it does for root.
fn can_write_anything(dir: &Path) -> bool {
    let path = dir.join(FILE_NAME);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    fs::OpenOptions::new().write(true).open(&path).is_ok()
}
