//! Compares how rows could be laid out in redb: a tree for each table, or one tree for all with the table or the
//! profile leading the key. Prints the figures behind the choice in `docs/storage.md`.
//!
//! `cargo run --profile dist -p volary-storage --example layouts`

use std::error::Error;
use std::time::{Duration, Instant};

use redb::{Builder, Database, Durability, TableDefinition, WriteTransaction};

type Definition<'a> = TableDefinition<'a, &'static [u8], &'static [u8]>;
type Outcome<T> = Result<T, Box<dyn Error>>;

const TABLES: u32 = 30;
const PROFILES: u32 = 5_000;
const ROUNDS: u32 = 5_000;
/// Tables that one incoming message touches.
const TOUCHED: u32 = 6;
const CACHE: usize = 32 << 20;

#[derive(Clone, Copy, Debug)]
enum Layout {
    TreePerTable,
    TableLeads,
    ProfileLeads,
}

fn key(layout: Layout, table: u32, profile: u32, id: u32) -> Vec<u8> {
    let (table, profile, id) =
        (table.wrapping_mul(0x9E37_79B9).to_be_bytes(), profile.to_be_bytes(), id.to_be_bytes());
    match layout {
        Layout::TreePerTable => [profile, id].concat(),
        Layout::TableLeads => [table, profile, id].concat(),
        Layout::ProfileLeads => [profile, table, id].concat(),
    }
}

fn insert(
    transaction: &WriteTransaction,
    layout: Layout,
    rows: &[(u32, u32, u32)],
    value: &[u8],
) -> Outcome<()> {
    match layout {
        Layout::TreePerTable => {
            for &(table, profile, id) in rows {
                let name = format!("table-{table}");
                let mut tree = transaction.open_table(Definition::new(&name))?;
                tree.insert(key(layout, table, profile, id).as_slice(), value)?;
            }
        }
        Layout::TableLeads | Layout::ProfileLeads => {
            let mut tree = transaction.open_table(Definition::new("rows"))?;
            for &(table, profile, id) in rows {
                tree.insert(key(layout, table, profile, id).as_slice(), value)?;
            }
        }
    }
    Ok(())
}

fn commit(mut transaction: WriteTransaction, durable: bool) -> Outcome<()> {
    transaction.set_durability(if durable { Durability::Immediate } else { Durability::None })?;
    Ok(transaction.commit()?)
}

/// Makes profiles of one row in each table and two more in some.
fn fill(database: &Database, layout: Layout, profiles: std::ops::Range<u32>) -> Outcome<()> {
    for profile in profiles {
        let transaction = database.begin_write()?;
        let rows: Vec<_> =
            (0..TABLES).map(|table| (table, profile, 0)).chain((0..10).map(|at| (at, profile, 1))).collect();
        insert(&transaction, layout, &rows, &[7; 60])?;
        commit(transaction, profile % 500 == 499)?;
    }
    let transaction = database.begin_write()?;
    commit(transaction, true)
}

/// One message in a random profile a commit.
fn messages(database: &Database, layout: Layout, sync_every: u32) -> Outcome<Duration> {
    let mut random = 1u32;
    let start = Instant::now();
    for round in 0..ROUNDS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let profile = (random >> 8) % PROFILES;
        let rows: Vec<_> = (0..TOUCHED).map(|table| (table * 3, profile, round + 10)).collect();
        let transaction = database.begin_write()?;
        insert(&transaction, layout, &rows, &[9; 120])?;
        commit(transaction, round % sync_every == sync_every - 1)?;
    }
    Ok(start.elapsed() / ROUNDS)
}

fn used(path: &std::path::Path) -> Outcome<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(std::fs::metadata(path)?.blocks() * 512)
}

fn main() -> Outcome<()> {
    for layout in [Layout::TreePerTable, Layout::TableLeads, Layout::ProfileLeads] {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("one.redb");
        let one = Builder::new().set_cache_size(CACHE).create(&path)?;
        fill(&one, layout, 0..1)?;
        drop(one);
        let first = used(&path)?;

        let path = dir.path().join("many.redb");
        let many = Builder::new().set_cache_size(CACHE).create(&path)?;
        let start = Instant::now();
        fill(&many, layout, 0..PROFILES)?;
        let filled = start.elapsed() / PROFILES;
        let stats = {
            let t = many.begin_write()?;
            let s = t.stats()?;
            t.abort()?;
            s
        };
        let grouped = messages(&many, layout, 500)?;
        let synced = messages(&many, layout, 10)?;
        drop(many);
        println!(
            "{layout:?}: first profile {} KiB; {} bytes a profile at {PROFILES} ({filled:?} each); message {grouped:?} \
             (sync of 500), {synced:?} (sync of 10); {} KiB on disk",
            first / 1024,
            stats.allocated_pages() * 4096 / u64::from(PROFILES),
            used(&path)? / 1024,
        );
    }
    Ok(())
}
