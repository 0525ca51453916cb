//! Shows whether the memory of a process stays flat: stores the rows of many messages, removes the oldest, and prints
//! what the process takes. The second argument is the size of the page cache in MiB, the third the number of
//! profiles, the fourth how many messages stay.
//!
//! `cargo run --release -p volary-storage --example churn -- 100000 32 1 2000`

use std::error::Error;
use std::time::Instant;

use volary_storage::{Empty, Options, Raw, Store, StoreError, Table, WriteTx};

const MESSAGES: Table<(u32, u32), Raw> = Table::new("messages.churn");
const CHAT_MESSAGES: Table<(u32, u32, i64, u32), Empty> = Table::new("chat-messages.churn");
const MAIL: Table<(u32, String), Raw> = Table::new("known-mail.churn");
const COPIES: Table<(u32, u32, u32, u32), Raw> = Table::new("copies.churn");
const OUTBOX: Table<(u32, u64), Raw> = Table::new("outbox.churn");
const PROFILES: Table<u32, Raw> = Table::new("profiles.churn");

/// Lines that are printed.
const LINES: u32 = 10;

fn mid(at: u32) -> String {
    format!("{:08x}-0000-4000-8000-{at:012}@localhost", at.wrapping_mul(2_654_435_761))
}

/// A message comes, with its indexes and its copy on the relay.
fn arrives(tx: &mut WriteTx<'_>, profile: u32, at: u32) -> Result<(), StoreError> {
    tx.put(&MESSAGES, &(profile, at), &Raw(vec![7; 300]))?;
    tx.set(&CHAT_MESSAGES, &(profile, 10, i64::from(at), at))?;
    tx.put(&MAIL, &(profile, mid(at)), &Raw(vec![1; 12]))?;
    tx.put(&COPIES, &(profile, 1, 1, at), &Raw(mid(at).into_bytes()))?;
    tx.update_or_default(&PROFILES, &profile, |counter: &mut Raw| counter.0 = at.to_be_bytes().to_vec())
}

/// The oldest goes.
fn leaves(tx: &mut WriteTx<'_>, profile: u32, at: u32) -> Result<(), StoreError> {
    tx.remove(&MESSAGES, &(profile, at))?;
    tx.remove(&CHAT_MESSAGES, &(profile, 10, i64::from(at), at))?;
    tx.remove(&COPIES, &(profile, 1, 1, at))?;
    tx.remove(&MAIL, &(profile, mid(at))).map(|_| ())
}

/// Resident and anonymous memory of this process, KiB.
fn memory() -> Result<(u64, u64), Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.trim().split(' ').next()?.parse().ok()).ok_or("no such field")
    };
    Ok((field("VmRSS:")?, field("RssAnon:")?))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u32>());
    let messages = arguments.next().transpose()?.unwrap_or(100_000);
    let cache = arguments.next().transpose()?.unwrap_or((Options::default().cache_bytes >> 20) as u32);
    let profiles = arguments.next().transpose()?.unwrap_or(1).max(1);
    let kept = arguments.next().transpose()?.unwrap_or(2_000) / profiles;
    let dir = tempfile::tempdir()?;
    let options = Options { cache_bytes: (cache as usize) << 20, ..Options::default() };
    let store = Store::open(dir.path(), options)?;
    println!("{messages} messages, {profiles} profiles, cache of {cache} MiB, {kept} messages stay in each");
    println!("{:>10} {:>10} {:>10} {:>10} {:>8}", "messages", "RSS KiB", "anon KiB", "file KiB", "µs each");
    let (step, mut began) = ((messages / LINES).max(1), Instant::now());
    for number in 0..messages {
        let (profile, at) = (number % profiles + 1, number / profiles);
        // An answer is queued with it, and goes when the relay has accepted it.
        let queued = store.write(move |tx| {
            arrives(tx, profile, at)?;
            tx.put(&OUTBOX, &(profile, u64::from(at)), &Raw(vec![3; 200]))
        });
        let queued = queued.await.map_err(|error: StoreError| error)?;
        if number % 64 == 0 {
            queued.barrier.durable().await?;
        }
        let sent = store.write(move |tx| {
            tx.remove(&OUTBOX, &(profile, u64::from(at)))?;
            at.checked_sub(kept).map_or(Ok(()), |old| leaves(tx, profile, old))
        });
        sent.await.map_err(|error: StoreError| error)?;
        if (number + 1) % step == 0 {
            let (rss, anonymous) = memory()?;
            let each = began.elapsed().as_micros() / u128::from(step);
            println!(
                "{:>10} {rss:>10} {anonymous:>10} {:>10} {each:>8}",
                number + 1,
                store.file_bytes() >> 10
            );
            began = Instant::now();
        }
    }
    store.close()?;
    Ok(())
}
