//! Tests of the store as a whole.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use crate::ProfileId;
use crate::{Empty, Options, Raw, ReadTx, Store, StoreError, Table, View, WriteTx};

const NOTES: Table<(u32, String), Raw> = Table::new("notes.test");
const TIMES: Table<(u32, u32, i64, u32), Empty> = Table::new("times.test");
const DUE: Table<(i64, u32), Empty> = Table::new("due.test");
const NAMES: Table<u32, Raw> = Table::new("names.test");

/// An error of the caller.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("refused")]
    Refused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn fresh() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    (dir, store)
}

fn change<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&mut WriteTx<'_>) -> Result<T, StoreError> + Send + 'static,
) -> T {
    store.write_blocking(job).unwrap().value
}

fn look<T>(store: &Store, f: impl FnOnce(&ReadTx) -> Result<T, StoreError>) -> T {
    store.read(f).unwrap()
}

fn text(content: &str) -> Raw {
    Raw(content.as_bytes().to_vec())
}

#[test]
fn rows_are_written_replaced_and_removed() {
    let (_dir, store) = fresh();
    change(&store, |tx| {
        tx.put(&NOTES, &(1, "a"), &text("first"))?;
        tx.put(&NOTES, &(1, "a"), &text("second"))?;
        assert_eq!(tx.get(&NOTES, &(1, "a"))?, Some(text("second")));
        tx.put(&NOTES, &(1, "b"), &text("third"))
    });
    assert_eq!(look(&store, |tx| tx.get(&NOTES, &(1, "a".to_owned()))), Some(text("second")));
    let (first, again) =
        change(&store, |tx| Ok((tx.remove(&NOTES, &(1, "a"))?, tx.remove(&NOTES, &(1, "a"))?)));
    assert!(first && !again);
    assert!(!look(&store, |tx| tx.contains(&NOTES, &(1, "a"))));
    assert!(look(&store, |tx| tx.contains(&NOTES, &(1, "b"))));
}

#[test]
fn updates_change_what_is_there() {
    let (_dir, store) = fresh();
    change(&store, |tx| {
        assert_eq!(tx.update(&NAMES, &7, |_| ())?, None);
        assert_eq!(tx.update_or_default(&NAMES, &7, |name| name.0.push(b'x'))?, ());
        assert_eq!(tx.update(&NAMES, &7, |name| name.0.len())?, Some(1));
        Ok(())
    });
    assert_eq!(look(&store, |tx| tx.get(&NAMES, &7)), Some(text("x")));
}

#[test]
fn scans_run_both_ways_and_stay_under_their_prefix() {
    let (_dir, store) = fresh();
    change(&store, |tx| {
        for (profile, chat, time, message) in [
            (1, 1, -5, 1),
            (1, 1, 3, 2),
            (1, 1, 3, 9),
            (1, 2, 0, 4),
            (2, 1, 1, 5),
            (u32::MAX, u32::MAX, i64::MAX, 6),
        ] {
            tx.set(&TIMES, &(profile, chat, time, message))?;
        }
        tx.put(&NAMES, &1, &text("one"))?;
        tx.put(&NAMES, &u32::MAX, &text("last"))
    });
    look(&store, |tx| {
        let messages = |rows: Vec<Result<(u32, u32, i64, u32), StoreError>>| -> Vec<u32> {
            rows.into_iter().map(|key| key.unwrap().3).collect()
        };
        assert_eq!(messages(tx.scan_prefix(&TIMES, &(1, 1))?.keys().collect()), [1, 2, 9]);
        assert_eq!(messages(tx.scan_prefix(&TIMES, &1)?.keys().rev().collect()), [4, 9, 2, 1]);
        assert_eq!(messages(tx.scan_prefix(&TIMES, &1)?.keys().rev().take(2).collect()), [4, 9]);
        assert_eq!(messages(tx.scan_prefix(&TIMES, &(1, 1, 3))?.keys().collect()), [2, 9]);
        assert_eq!(messages(tx.scan_prefix(&TIMES, &u32::MAX)?.keys().collect()), [6]);
        assert_eq!(messages(tx.range(&TIMES, (1, 1, 0)..(1, 2, 0))?.keys().collect()), [2, 9]);
        assert_eq!(messages(tx.range(&TIMES, (1, 1, 0)..=(1, 2, 0))?.keys().collect()), [2, 9, 4]);
        assert_eq!(messages(tx.range(&TIMES, ..(1, 1, 3))?.keys().collect()), [1]);
        assert_eq!(messages(tx.range(&TIMES, (1, 1, 3, 2)..)?.keys().collect()), [2, 9, 4]);
        let behind = (Bound::Excluded((1, 1, 3)), Bound::Unbounded);
        assert_eq!(messages(tx.range(&TIMES, behind)?.keys().collect()), [4]);
        let nothing_behind = (Bound::Excluded((u32::MAX, u32::MAX, i64::MAX, u32::MAX)), Bound::Unbounded);
        assert_eq!(messages(tx.range(&TIMES, nothing_behind)?.keys().collect()), []);
        #[allow(clippy::reversed_empty_ranges)]
        let reversed = (1, 2)..(1, 1);
        assert_eq!(messages(tx.range(&TIMES, reversed)?.keys().collect()), []);
        assert_eq!(tx.first(&TIMES, &1)?.map(|row| row.0.3), Some(1));
        assert_eq!(tx.last(&TIMES, &(1, 1))?.map(|row| row.0.3), Some(9));
        assert_eq!(tx.count_prefix(&TIMES, &1)?, 4);
        assert_eq!(tx.count_prefix(&TIMES, &3)?, 0);
        assert_eq!(tx.scan_prefix(&NAMES, &())?.map(|row| row.unwrap().0).collect::<Vec<_>>(), [1, u32::MAX]);
        assert_eq!(tx.last(&NAMES, &())?, Some((u32::MAX, text("last"))));
        Ok(())
    });
}

#[test]
fn a_range_over_several_profiles_is_refused() {
    let (_dir, store) = fresh();
    look(&store, |tx| {
        assert!(matches!(tx.range(&TIMES, 1..2), Err(StoreError::Range { table: "times.test" })));
        assert!(matches!(tx.range::<_, _, u32>(&TIMES, ..), Err(StoreError::Range { .. })));
        assert_eq!(tx.range(&DUE, i64::MIN..=i64::MAX)?.count(), 0);
        Ok(())
    });
}

#[test]
fn deadlines_of_all_profiles_are_one_range() {
    let (_dir, store) = fresh();
    change(&store, |tx| [(30, 1), (-10, 2), (20, 3)].iter().try_for_each(|key| tx.set(&DUE, key)));
    let due: Vec<u32> = look(&store, |tx| tx.range(&DUE, ..=20)?.keys().map(|key| Ok(key?.1)).collect());
    assert_eq!(due, [2, 3]);
}

#[test]
fn prefixes_and_profiles_are_removed_whole() {
    let (_dir, store) = fresh();
    change(&store, |tx| {
        for at in 0..3000 {
            tx.set(&TIMES, &(at % 2 + 1, 1, i64::from(at), at))?;
        }
        tx.put(&NOTES, &(1, "note"), &text("of one"))?;
        tx.put(&NOTES, &(2, "note"), &text("of two"))?;
        tx.put(&NAMES, &1, &text("one"))
    });
    assert_eq!(change(&store, |tx| tx.remove_prefix(&TIMES, &(1, 2))), 0);
    assert_eq!(change(&store, |tx| tx.remove_prefix(&TIMES, &(1, 1))), 1500);
    assert_eq!(look(&store, |tx| tx.count_prefix(&TIMES, &2)), 1500);
    let rounds: Vec<usize> =
        (0..3).map(|_| change(&store, |tx| tx.remove_profile(ProfileId::new(2), 1000))).collect();
    assert_eq!(rounds, [1000, 501, 0]);
    assert_eq!(change(&store, |tx| tx.remove_profile(ProfileId::PROCESS, 1000)), 0);
    look(&store, |tx| {
        assert_eq!(tx.count_prefix(&TIMES, &2)?, 0);
        assert!(!tx.contains(&NOTES, &(2, "note"))?);
        assert!(tx.contains(&NOTES, &(1, "note"))?);
        assert!(tx.contains(&NAMES, &1)?);
        Ok(())
    });
}

#[test]
fn large_ranges_are_removed_in_slices() {
    let (_dir, store) = fresh();
    change(&store, |tx| {
        (0..250).try_for_each(|at| tx.set(&TIMES, &(1, 1, i64::from(at), at)))?;
        tx.set(&TIMES, &(1, 2, 0, 1))
    });
    let slice = |at_most| change(&store, move |tx| tx.remove_prefix_some(&TIMES, &(1, 1), at_most));
    assert_eq!([slice(100), slice(100), slice(0), slice(50), slice(50)], [true, true, true, false, false]);
    assert_eq!(look(&store, |tx| tx.count_prefix(&TIMES, &1)), 1);
}

#[tokio::test]
async fn a_change_is_visible_before_it_is_durable_and_durable_soon() {
    let (_dir, store) = fresh();
    let before = store.snapshot().unwrap();
    let written = store.write(|tx| tx.put(&NAMES, &1, &text("one"))).await.unwrap();
    assert_eq!(look(&store, |tx| tx.get(&NAMES, &1)), Some(text("one")));
    assert_eq!(before.get(&NAMES, &1).unwrap(), None);
    drop(before);
    let until = Instant::now() + Duration::from_secs(5);
    while !written.barrier.is_durable() {
        assert!(Instant::now() < until, "nobody waits, but it has to become durable all the same");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let written = store.write(|tx| tx.put(&NAMES, &2, &text("two"))).await.unwrap();
    written.barrier.durable().await.unwrap();
    assert!(written.barrier.is_durable());
    store.flush().await.unwrap();
}

#[tokio::test]
async fn a_failed_job_leaves_no_trace_and_disturbs_nobody() {
    let (_dir, store) = fresh();
    store.write(|tx| tx.put(&NOTES, &(1, "kept"), &text("old"))).await.unwrap();
    let jobs = (0..200u32).map(|at| {
        let store = store.clone();
        tokio::spawn(async move {
            store
                .write(move |tx| -> Result<u32, Failure> {
                    tx.put(&NOTES, &(1, "kept"), &text(&format!("changed by {at}")))?;
                    tx.remove(&NOTES, &(1, "kept"))?;
                    tx.set(&TIMES, &(1, 1, i64::from(at), at))?;
                    match at % 4 {
                        0 => {
                            tx.put(&NOTES, &(1, "kept"), &text("old"))?;
                            Ok(at)
                        }
                        1 => Err(Failure::Refused),
                        2 => panic!("job {at}"),
                        _ => Err(tx.put(&NOTES, &(1, "x".repeat(5000)), &text("")).unwrap_err().into()),
                    }
                })
                .await
        })
    });
    let mut outcomes = Vec::new();
    for job in jobs.collect::<Vec<_>>() {
        outcomes.push(job.await.unwrap());
    }
    for (at, outcome) in outcomes.into_iter().enumerate() {
        match (at % 4, outcome) {
            (0, Ok(written)) => assert_eq!(written.value as usize, at),
            (1, Err(Failure::Refused)) => {}
            (2, Err(Failure::Store(StoreError::Panicked(text)))) => assert_eq!(*text, format!("job {at}")),
            (3, Err(Failure::Store(StoreError::KeyTooLong { table: "notes.test", .. }))) => {}
            (_, outcome) => panic!("job {at}: {:?}", outcome.map(|written| written.value)),
        }
    }
    look(&store, |tx| {
        assert_eq!(tx.get(&NOTES, &(1, "kept"))?, Some(text("old")));
        let left: Vec<u32> = tx.scan_prefix(&TIMES, &1)?.map(|row| row.unwrap().0.3).collect();
        assert_eq!(left, (0..200).step_by(4).collect::<Vec<_>>());
        Ok(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn more_callers_than_places_all_get_through() {
    let (_dir, store) = fresh();
    let sum = Arc::new(AtomicU32::new(0));
    let jobs: Vec<_> = (0..10_000u32)
        .map(|at| {
            let (store, sum) = (store.clone(), sum.clone());
            tokio::spawn(async move {
                let written = store.write(move |tx| tx.put(&NAMES, &at, &Raw(Vec::new()))).await.unwrap();
                written.barrier.durable().await.unwrap();
                sum.fetch_add(1, Ordering::Relaxed);
            })
        })
        .collect();
    for job in jobs {
        job.await.unwrap();
    }
    assert_eq!(sum.load(Ordering::Relaxed), 10_000);
    assert_eq!(look(&store, |tx| tx.count_prefix(&NAMES, &())), 10_000);
}

#[test]
fn a_closed_store_refuses_and_an_opened_one_remembers() {
    let (dir, store) = fresh();
    let other = store.clone();
    let written = store.write_blocking(|tx| tx.put(&NAMES, &1, &text("one"))).unwrap();
    store.close().unwrap();
    assert!(written.barrier.is_durable());
    assert!(matches!(other.write_blocking(|_| Ok(())), Err::<crate::Written<()>, _>(StoreError::Closed)));
    assert!(matches!(other.read(|_| Ok(())), Err::<(), _>(StoreError::Closed)));
    other.close().unwrap();
    let store = Store::open(dir.path(), Options::default()).unwrap();
    assert_eq!(look(&store, |tx| tx.get(&NAMES, &1)), Some(text("one")));
}

#[test]
fn the_last_clone_may_go_down_with_a_job() {
    let (dir, store) = fresh();
    let (started, wait_for_start) = std::sync::mpsc::channel();
    let (go, wait_for_go) = std::sync::mpsc::channel::<()>();
    let last = store.clone();
    let future = async move {
        let inner = last.clone();
        let job = last.write(move |tx| {
            started.send(()).unwrap();
            wait_for_go.recv().unwrap();
            let result = tx.put(&NAMES, &1, &text("one"));
            drop(inner);
            result
        });
        job.await
    };
    let mut future = Box::pin(future);
    let waker = std::task::Waker::noop();
    assert!(future.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
    wait_for_start.recv().unwrap();
    drop((future, store));
    go.send(()).unwrap();
    let until = Instant::now() + Duration::from_secs(10);
    let store = loop {
        match Store::open(dir.path(), Options::default()) {
            Ok(store) => break store,
            Err(error) => assert!(Instant::now() < until, "{error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(look(&store, |tx| tx.get(&NAMES, &1)), Some(text("one")));
}

#[test]
fn overwriting_one_row_for_long_does_not_grow_the_file() {
    let (_dir, store) = fresh();
    for round in 0..20_000u32 {
        change(&store, move |tx| tx.put(&NAMES, &1, &Raw(round.to_be_bytes().repeat(50))));
    }
    assert!(store.file_bytes() < 1 << 20, "{} bytes", store.file_bytes());
}

#[test]
fn closing_gives_back_the_space_of_what_was_removed() {
    let (dir, store) = fresh();
    for profile in 1..50 {
        change(&store, move |tx| {
            (0..100).try_for_each(|at| tx.put(&NOTES, &(profile, format!("{at}")), &Raw(vec![7; 1000])))
        });
    }
    let full = store.file_bytes();
    for profile in 2..50 {
        change(&store, move |tx| tx.remove_profile(ProfileId::new(profile), 1000));
    }
    store.close().unwrap();
    let left = std::fs::metadata(dir.path().join(crate::FILE_NAME)).unwrap().len();
    assert!(left < full / 10, "{left} of {full} bytes are left");
    let store = Store::open(dir.path(), Options::default()).unwrap();
    assert_eq!(look(&store, |tx| tx.count_prefix(&NOTES, &1)), 100);
}

/// What the model test does.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    Remove(u8),
    RemovePrefix(u8),
}

fn steps() -> impl Strategy<Value = Vec<(Vec<Step>, bool)>> {
    let step = prop_oneof![
        4 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Step::Put(key, value)),
        2 => any::<u8>().prop_map(Step::Remove),
        1 => (0..8u8).prop_map(Step::RemovePrefix),
    ];
    vec((vec(step, 0..12), any::<bool>()), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Jobs that succeed act as on a map, jobs that fail not at all, whatever they did before.
    #[test]
    fn jobs_act_as_on_a_map(jobs in steps()) {
        const TABLE: Table<(u8, u8), Raw> = Table::new("model.test");
        let (_dir, store) = fresh();
        let mut model = std::collections::BTreeMap::new();
        for (steps, succeeds) in jobs {
            let mut changed = model.clone();
            for step in &steps {
                match *step {
                    Step::Put(key, value) => { changed.insert((key % 8, key / 8), Raw(vec![value])); }
                    Step::Remove(key) => { changed.remove(&(key % 8, key / 8)); }
                    Step::RemovePrefix(lead) => changed.retain(|key, _| key.0 != lead),
                }
            }
            let outcome = store.write_blocking(move |tx| {
                for step in &steps {
                    match *step {
                        Step::Put(key, value) => tx.put(&TABLE, &(key % 8, key / 8), &Raw(vec![value]))?,
                        Step::Remove(key) => { tx.remove(&TABLE, &(key % 8, key / 8))?; }
                        Step::RemovePrefix(lead) => { tx.remove_prefix(&TABLE, &lead)?; }
                    }
                }
                if succeeds { Ok(()) } else { Err(Failure::Refused) }
            });
            prop_assert_eq!(outcome.is_ok(), succeeds);
            if succeeds {
                model = changed;
            }
            let rows = look(&store, |tx| tx.scan_prefix(&TABLE, &())?.collect::<Result<Vec<_>, _>>());
            prop_assert_eq!(rows, model.clone().into_iter().collect::<Vec<_>>());
        }
    }
}
