//! What the library counts and times. The number of series is bounded: one more is not recorded.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use metrics::{Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, SharedString, Unit};
use parking_lot::RwLock;

use super::table::Kind;
use super::text::{Family, Series, Value};

/// Most series of each kind.
const MAX_SERIES: usize = 512;
/// Bounds of times, in seconds.
const TIMES: [f64; 14] =
    [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// Bounds of numbers of things.
const NUMBERS: [f64; 11] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// Records for this process. All clones are the same recorder.
#[derive(Clone, Default)]
pub(in crate::commands::serve) struct Recorder {
    all: Arc<All>,
}

#[derive(Default)]
struct All {
    counters: RwLock<HashMap<Key, Arc<AtomicU64>>>,
    gauges: RwLock<HashMap<Key, Arc<AtomicU64>>>,
    histograms: RwLock<HashMap<Key, Arc<Buckets>>>,
}

/// How many values were at most as large as each bound.
struct Buckets {
    bounds: &'static [f64],
    /// One more than there are bounds.
    counts: Vec<AtomicU64>,
    /// An `f64` as bits.
    sum: AtomicU64,
}

impl Buckets {
    fn of(name: &str) -> Self {
        let bounds: &'static [f64] = if name.ends_with("_seconds") { &TIMES } else { &NUMBERS };
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn value(&self) -> Value {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(self.bounds.len());
        for (number, there) in self.counts.iter().enumerate() {
            count += there.load(Relaxed);
            buckets.extend(self.bounds.get(number).map(|bound| (*bound, count)));
        }
        Value::Histogram { buckets, count, sum: f64::from_bits(self.sum.load(Relaxed)) }
    }
}

impl HistogramFn for Buckets {
    fn record(&self, value: f64) {
        let place = self.bounds.partition_point(|bound| *bound < value);
        self.counts[place].fetch_add(1, Relaxed);
        let add = |sum| Some((f64::from_bits(sum) + value).to_bits());
        // It always has a new value.
        let _ = self.sum.fetch_update(Relaxed, Relaxed, add);
    }
}

/// What is recorded under a key; none if there are too many.
fn series<K: Clone + Eq + Hash, V>(
    all: &RwLock<HashMap<K, Arc<V>>>,
    key: &K,
    new: impl FnOnce() -> V,
) -> Option<Arc<V>> {
    if let Some(there) = all.read().get(key) {
        return Some(there.clone());
    }
    let mut all = all.write();
    if all.len() >= MAX_SERIES && !all.contains_key(key) {
        return None;
    }
    Some(all.entry(key.clone()).or_insert_with(|| Arc::new(new())).clone())
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        series(&self.all.counters, key, AtomicU64::default).map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        series(&self.all.gauges, key, AtomicU64::default).map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        series(&self.all.histograms, key, || Buckets::of(key.name()))
            .map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

impl Recorder {
    /// Records what the library counts from now on; a process has one recorder.
    pub(in crate::commands::serve) fn install(&self) {
        if metrics::set_global_recorder(self.clone()).is_err() {
            tracing::warn!("another recorder is there: metrics of the library are not served");
        }
    }

    /// What has been recorded.
    pub(super) fn families(&self) -> Vec<Family> {
        // Counters are far below what an `f64` counts exactly.
        let count = |cell: &AtomicU64| Value::Number(cell.load(Relaxed) as f64);
        let level = |cell: &AtomicU64| Value::Number(f64::from_bits(cell.load(Relaxed)));
        let mut families = of(&self.all.counters, Kind::Counter, count);
        families.extend(of(&self.all.gauges, Kind::Gauge, level));
        families.extend(of(&self.all.histograms, Kind::Histogram, Buckets::value));
        families
    }
}

fn of<V>(all: &RwLock<HashMap<Key, Arc<V>>>, kind: Kind, value: impl Fn(&V) -> Value) -> Vec<Family> {
    let one = |(key, cell): (&Key, &Arc<V>)| {
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        Family { name: key.name().to_owned(), kind, series: vec![Series { labels, value: value(cell) }] }
    };
    all.read().iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use metrics::{counter, gauge, histogram, with_local_recorder};

    use super::*;
    use crate::commands::serve::metrics::text::render;

    #[test]
    fn what_is_counted_and_timed_is_told() {
        let recorder = Recorder::default();
        with_local_recorder(&recorder, || {
            counter!("volary_mailbox_full_total", "actor" => "x").increment(2);
            counter!("volary_mailbox_full_total", "actor" => "x").increment(1);
            gauge!("volary_storage_queue_jobs").set(2.5);
            histogram!("volary_storage_sync_seconds").record(0.003);
            histogram!("volary_storage_sync_seconds").record(100.0);
        });
        let text = render(recorder.families());
        assert!(text.contains("volary_mailbox_full_total{actor=\"x\"} 3\n"), "{text}");
        assert!(
            text.contains("# TYPE volary_storage_queue_jobs gauge\nvolary_storage_queue_jobs 2.5\n"),
            "{text}"
        );
        assert!(
            text.contains("volary_storage_sync_seconds_bucket{le=\"0.0025\"} 0\nvolary_storage_sync_seconds_bucket{le=\"0.005\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("volary_storage_sync_seconds_bucket{le=\"30\"} 1\nvolary_storage_sync_seconds_bucket{le=\"+Inf\"} 2\n"), "{text}");
        assert!(
            text.contains("volary_storage_sync_seconds_sum 100.003\nvolary_storage_sync_seconds_count 2\n"),
            "{text}"
        );
    }

    #[test]
    fn there_are_never_more_series_than_the_bound() {
        let recorder = Recorder::default();
        with_local_recorder(&recorder, || {
            for number in 0..2 * MAX_SERIES {
                counter!("volary_mailbox_full_total", "actor" => number.to_string()).increment(1);
            }
        });
        assert_eq!(recorder.families().len(), MAX_SERIES);
    }
}
