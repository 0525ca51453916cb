//! Measures the store: round trips, throughput, barriers, reads, disk and memory of many profiles.
//!
//! `cargo run --profile dist -p volary-storage --example figures`

use std::error::Error;
use std::future::Future;
use std::time::{Duration, Instant};

use volary_storage::{Empty, Options, ProfileId, Raw, Store, StoreError, Table, View, WriteTx};

type Outcome<T> = Result<T, Box<dyn Error>>;

const MESSAGES: Table<(u32, u32), Raw> = Table::new("messages.figures");
const CHAT_MESSAGES: Table<(u32, u32, i64, u32), Empty> = Table::new("chat-messages.figures");
const MAIL: Table<(u32, String), Raw> = Table::new("known-mail.figures");
const SETTINGS: Table<(u32, String), Raw> = Table::new("config.figures");
const PROFILES: Table<u32, Raw> = Table::new("profiles.figures");

fn small(tx: &mut WriteTx<'_>, profile: u32, at: u32) -> Result<(), StoreError> {
    tx.put(&MESSAGES, &(profile, at), &Raw(vec![7; 100]))
}

/// What an incoming message changes: its record, two indexes, a counter.
fn message(tx: &mut WriteTx<'_>, profile: u32, at: u32) -> Result<(), StoreError> {
    tx.put(&MESSAGES, &(profile, at), &Raw(vec![7; 300]))?;
    tx.set(&CHAT_MESSAGES, &(profile, 10, 1_700_000_000 + i64::from(at), at))?;
    tx.put(
        &MAIL,
        &(profile, format!("{at:08}.0123456789abcdef@example.org")),
        &Raw(at.to_be_bytes().to_vec()),
    )?;
    tx.update_or_default(&PROFILES, &profile, |counter: &mut Raw| counter.0 = at.to_be_bytes().to_vec())
}

/// What a new profile consists of.
fn profile(tx: &mut WriteTx<'_>, profile: u32) -> Result<(), StoreError> {
    tx.put(&PROFILES, &profile, &Raw(vec![1; 40]))?;
    for setting in 0..20 {
        tx.put(&SETTINGS, &(profile, format!("setting-{setting}")), &Raw(vec![2; 20]))?;
    }
    tx.put(&SETTINGS, &(profile, "secret key".to_owned()), &Raw(vec![3; 1500]))?;
    (0..8).try_for_each(|at| message(tx, profile, at))
}

fn rate(name: &str, count: u32, start: Instant) {
    let took = start.elapsed();
    println!("{name}: {:.0}/s ({:?} each)", f64::from(count) / took.as_secs_f64(), took / count);
}

async fn many<F: Future<Output = ()> + Send + 'static>(callers: u32, call: impl Fn(u32) -> F) -> Outcome<()> {
    let tasks: Vec<_> = (0..callers).map(|caller| tokio::spawn(call(caller))).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

async fn writes(store: &Store) -> Outcome<()> {
    let count = 50_000;
    let start = Instant::now();
    for at in 0..count {
        store.write(move |tx| small(tx, 1, at)).await?;
    }
    rate("sequential round trips, one row", count, start);

    for (name, callers, whole) in
        [("one row", 1000u32, false), ("message of 4 rows", 1000, true), ("one row", 16, false)]
    {
        let each = 200_000 / callers;
        let start = Instant::now();
        many(callers, |caller| {
            let store = store.clone();
            async move {
                for at in 0..each {
                    let job = move |tx: &mut WriteTx<'_>| match whole {
                        true => message(tx, caller + 10, at),
                        false => small(tx, caller + 10, at),
                    };
                    if let Err(error) = store.write(job).await {
                        println!("{error}");
                    }
                }
            }
        })
        .await?;
        rate(&format!("{callers} concurrent callers, {name}"), callers * each, start);
    }
    Ok(())
}

async fn barriers(store: &Store) -> Outcome<()> {
    let count = 200;
    let start = Instant::now();
    for at in 0..count {
        let written = store.write(move |tx| small(tx, 2, at)).await?;
        written.barrier.durable().await?;
    }
    rate("sequential durable writes", count, start);
    let start = Instant::now();
    many(500, |caller| {
        let store = store.clone();
        async move {
            for at in 0..20 {
                match store.write(move |tx| small(tx, caller + 3000, at)).await {
                    Ok(written) => {
                        written.barrier.durable().await.unwrap_or_else(|error| println!("{error}"))
                    }
                    Err(error) => println!("{error}"),
                }
            }
        }
    })
    .await?;
    rate("500 concurrent callers, durable writes", 500 * 20, start);
    Ok(())
}

fn reads(store: &Store) -> Outcome<()> {
    let count = 200_000;
    let start = Instant::now();
    for at in 0..count {
        store.read(|tx| tx.get(&MESSAGES, &(1, at % 50_000)))?;
    }
    rate("snapshot and one row", count, start);
    let start = Instant::now();
    for at in 0..2000u32 {
        let rows = store.read::<_, StoreError>(|tx| {
            Ok(tx.scan_prefix(&MESSAGES, &(at % 1000 + 10))?.take(100).count())
        })?;
        assert_eq!(rows, 100);
    }
    rate("snapshot and 100 rows", 2000, start);
    Ok(())
}

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn on_disk(dir: &std::path::Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(dir.join(volary_storage::FILE_NAME))?.blocks() / 2)
}

async fn profiles() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Options::default())?;
    println!("empty: {} KiB on disk", on_disk(dir.path())?);
    let before = resident();
    let start = Instant::now();
    for id in 1..=10_000 {
        store.write(move |tx| profile(tx, id)).await?;
        if id == 1 {
            store.flush().await?;
            println!("one profile: {} KiB on disk", on_disk(dir.path())?);
        }
    }
    store.flush().await?;
    rate("profiles made one after the other", 10_000, start);
    println!(
        "10000 profiles: {} KiB on disk, {} KiB of memory more than before",
        on_disk(dir.path())?,
        resident().saturating_sub(before)
    );
    let torn = tempfile::tempdir()?;
    std::fs::copy(dir.path().join(volary_storage::FILE_NAME), torn.path().join(volary_storage::FILE_NAME))?;
    store.close()?;
    let start = Instant::now();
    Store::open(torn.path(), Options::default())?;
    println!("opened after an unclean end in {:?}", start.elapsed());
    let start = Instant::now();
    let store = Store::open(dir.path(), Options::default())?;
    println!("opened in {:?}, {} KiB on disk", start.elapsed(), on_disk(dir.path())?);
    let start = Instant::now();
    for id in 1..=10_000u32 {
        let found = store.read::<_, StoreError>(|tx| Ok(tx.scan_prefix(&SETTINGS, &id)?.count()))?;
        assert_eq!(found, 21);
    }
    rate("settings of a cold profile", 10_000, start);
    let start = Instant::now();
    let mut removed = 0;
    for id in 1..=10_000 {
        removed += store.write(move |tx| tx.remove_profile(ProfileId::new(id), 1000)).await?.value;
    }
    rate(&format!("profiles removed, {removed} rows in all"), 10_000, start);
    let start = Instant::now();
    store.close()?;
    println!("closed and compacted in {:?}", start.elapsed());
    Ok(())
}

/// How large the file becomes when rows are replaced for long.
async fn churn() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Options::default())?;
    let end = Instant::now() + Duration::from_secs(5);
    let mut count = 0u32;
    while Instant::now() < end {
        store.write(move |tx| (0..4).try_for_each(|row| small(tx, 1 + count % 50, row))).await?;
        count += 1;
    }
    println!("{count} changes of 200 rows over and over: {} KiB on disk", on_disk(dir.path())?);
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), Options::default())?;
    writes(&store).await?;
    barriers(&store).await?;
    store.flush().await?;
    reads(&store)?;
    println!("resident: {} KiB, file: {} KiB", resident(), on_disk(dir.path())?);
    store.close()?;
    profiles().await?;
    churn().await
}
