//! The store takes no more memory than its cache, however much it holds. A process of its own, so that nothing else
//! is counted.

#![allow(clippy::unwrap_used)]

use std::fs;

use volary_storage::{Options, Raw, Store, StoreError, Table};

const ROWS: Table<(u32, u32), Raw> = Table::new("rows.test");
/// What the process takes besides the cache: the writer, the undo log, free pieces between pages, KiB.
const BESIDES: u64 = 8 << 10;

/// Anonymous memory of this process, KiB.
fn memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?.trim().split(' ').next()?.parse().ok()
}

#[test]
fn memory_stays_within_the_cache_while_the_database_grows_far_beyond_it() {
    let Some(before) = memory() else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = Options::default();
    let cache = options.cache_bytes as u64;
    let store = Store::open(dir.path(), options).unwrap();
    let mut written = 0;
    while store.file_bytes() < cache * 6 {
        store
            .write_blocking(move |tx| {
                (0..100).try_for_each(|row| {
                    let at = written * 100 + row;
                    tx.put(&ROWS, &(at % 50 + 1, at), &Raw(vec![7; 900]))
                })
            })
            .map_err(|error: StoreError| error)
            .unwrap();
        written += 1;
    }
    let grown = memory().unwrap().saturating_sub(before);
    assert!(grown < (cache >> 10) + BESIDES, "{grown} KiB for a cache of {} KiB", cache >> 10);
    assert!(grown < 20 << 10, "{grown} KiB are too many for an engine of few profiles");
}
