//! Rules and storage alone: merging member lists, committing changes.
//!
//! `cargo bench -p volary-bench --bench state`

#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::runtime::Runtime;
use volary_engine::chat::membership::{Received, Rows, apply};
use volary_engine::ground::ids::ContactId;
use volary_storage::records::MemberRecord;
use volary_storage::{Options, Raw, Store, StoreError, Table};

const NOW: i64 = 1_795_469_034;
const GROUPS: [usize; 3] = [10, 100, 1000];
/// Changes that wait for the writer at the same time.
const WAITING: [usize; 3] = [1, 16, 256];
/// Rows of the size of messages.
const ROWS: Table<(u32, u64), Raw> = Table::new("bench.v1");
const ROW_BYTES: usize = 300;

/// A message of a group whose list differs in every tenth member.
fn membership(c: &mut Criterion) {
    let mut group = c.benchmark_group("merge a member list");
    for size in GROUPS {
        let to: Vec<Option<ContactId>> = (0..size as u32).map(|id| Some(ContactId::new(10 + id))).collect();
        let timestamps = vec![NOW - 100; size];
        let sender = ContactId::FIRST;
        let known = |id: &ContactId| !id.get().is_multiple_of(10);
        let rows: Rows = to
            .iter()
            .flatten()
            .filter(|id| known(id) || **id == sender)
            .map(|id| (*id, MemberRecord { added: NOW - 1000, ..Default::default() }))
            .collect();
        let received = Received {
            sender,
            sent: NOW - 10,
            now: NOW,
            to: &to,
            timestamps: Some(&timestamps),
            chat_message: true,
            ..Received::default()
        };
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("members", size), |b| {
            b.iter_batched_ref(
                || rows.clone(),
                |rows| {
                    let change = apply(rows, black_box(&received));
                    assert_eq!(change.added.len(), size / 10 - 1);
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// Changes that come together are committed together.
fn commits(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Options::default()).unwrap();
    let runtime = Runtime::new().unwrap();
    let mut next = 0u64;
    let mut batch = |durable: bool, waiting: usize| {
        let first = next;
        next += waiting as u64;
        runtime.block_on(async {
            let writes = (first..first + waiting as u64).map(|row| {
                store.write(move |tx| {
                    // The same rows over and over: the file does not grow while it is measured.
                    tx.put(&ROWS, &(1, row % 10_000), &Raw(vec![7; ROW_BYTES]))
                })
            });
            for written in futures::future::join_all(writes).await {
                let written: Result<_, StoreError> = written;
                let written = written.unwrap();
                if durable {
                    written.barrier.durable().await.unwrap();
                }
            }
        });
    };
    for (name, durable) in [("commit changes, visible", false), ("commit changes, durable", true)] {
        let mut group = c.benchmark_group(name);
        group.sample_size(20);
        for waiting in WAITING {
            group.throughput(Throughput::Elements(waiting as u64));
            group.bench_function(BenchmarkId::new("together", waiting), |b| {
                b.iter(|| batch(durable, waiting))
            });
        }
        group.finish();
    }
    store.close().unwrap();
}

criterion_group!(state_benches, membership, commits);
criterion_main!(state_benches);
