//! Reading: what snapshots and running changes have in common.

use std::ops::{Bound, RangeBounds};
use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{AccessGuard, ReadOnlyTable, ReadTransaction, ReadableTable};

use crate::error::StoreError;
use crate::key::{AsKey, Key, Prefix};
use crate::rows::ROWS;
use crate::table::{Table, Value};

/// What can be read from: a snapshot ([`ReadTx`]) or a running change ([`WriteTx`](crate::WriteTx)), which sees its
/// own changes.
///
/// Keys are given as `&(7, "name")` as well as `&(7, "name".to_owned())`; prefixes and bounds of ranges as `&()`
/// (everything), the first component alone, or a tuple of leading components.
pub trait View: sealed::Sealed {
    /// The value of a row.
    fn get<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
    ) -> Result<Option<V>, StoreError> {
        let mut at = Vec::with_capacity(64);
        table.locate(key, &mut at)?;
        let found = shielded(|| self.source().get(&at))?;
        found.map(|value| table.value_of(value.value())).transpose()
    }

    /// As [`get`](Self::get), if `wanted` picks the value as it is stored; otherwise it is not decoded.
    fn get_where<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
        wanted: impl FnOnce(&[u8]) -> bool,
    ) -> Result<Option<V>, StoreError> {
        let mut at = Vec::with_capacity(64);
        table.locate(key, &mut at)?;
        let found = shielded(|| self.source().get(&at))?;
        found.filter(|value| wanted(value.value())).map(|value| table.value_of(value.value())).transpose()
    }

    /// Whether a row is there.
    fn contains<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
    ) -> Result<bool, StoreError> {
        let mut at = Vec::with_capacity(64);
        table.locate(key, &mut at)?;
        Ok(shielded(|| self.source().get(&at))?.is_some())
    }

    /// The rows under `prefix` in the order of their keys; `rev()` gives them in reverse order. Lazy.
    fn scan_prefix<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
    ) -> Result<Rows<'_, K, V>, StoreError> {
        let start = table.locate_prefix(prefix);
        let end = after(&start);
        self.rows(table, Bound::Included(start), end)
    }

    /// The rows within bounds, each of which is a whole key or some leading components of one: an included or
    /// excluded bound stands for all keys that begin with it. `rev()` gives the reverse order. Lazy.
    ///
    /// A range of a profile's table stays within the profile of its bounds: an open end is the end of the profile,
    /// and bounds of different profiles are an error.
    fn range<K: Key, V: Value, Q: Prefix<K>>(
        &self,
        table: &Table<K, V>,
        bounds: impl RangeBounds<Q>,
    ) -> Result<Rows<'_, K, V>, StoreError> {
        let start = bounds.start_bound().map(|at| table.locate_prefix(at));
        let end = bounds.end_bound().map(|at| table.locate_prefix(at));
        let reach = match (&start, &end) {
            (Bound::Included(at) | Bound::Excluded(at), Bound::Unbounded)
            | (Bound::Unbounded, Bound::Included(at) | Bound::Excluded(at)) => table.reach(at),
            (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b))
                if table.reach(a) == table.reach(b) =>
            {
                table.reach(a)
            }
            _ => return Err(StoreError::Range { table: table.name() }),
        };
        let start = match start {
            Bound::Included(at) => Bound::Included(at),
            Bound::Excluded(at) => behind(&at),
            Bound::Unbounded => Bound::Included(reach.clone()),
        };
        let end = match end {
            Bound::Included(at) => after(&at),
            Bound::Excluded(at) => Bound::Excluded(at),
            Bound::Unbounded => after(&reach),
        };
        self.rows(table, start, end)
    }

    /// The first row under `prefix`.
    fn first<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
    ) -> Result<Option<(K, V)>, StoreError> {
        self.scan_prefix(table, prefix)?.next().transpose()
    }

    /// The last row under `prefix`.
    fn last<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
    ) -> Result<Option<(K, V)>, StoreError> {
        self.scan_prefix(table, prefix)?.next_back().transpose()
    }

    /// How many rows are under `prefix`. Reads them all.
    fn count_prefix<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
    ) -> Result<u64, StoreError> {
        let mut rows = self.scan_prefix(table, prefix)?;
        let mut count = 0;
        while rows.next_raw()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    #[doc(hidden)]
    fn rows<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        start: Bound<Vec<u8>>,
        end: Bound<Vec<u8>>,
    ) -> Result<Rows<'_, K, V>, StoreError> {
        // An empty range written the wrong way round is empty, too.
        let reversed = match (&start, &end) {
            (Bound::Included(start), Bound::Excluded(end)) => start > end,
            (Bound::Unbounded, _) => true,
            _ => false,
        };
        let range = match reversed {
            true => None,
            false => Some(shielded(|| self.source().range(&start, &end))?),
        };
        Ok(Rows { range, table: *table })
    }
}

pub(crate) mod sealed {
    use super::Source;

    /// Keeps [`View`](super::View) to the two types of this crate.
    pub trait Sealed {
        /// Where the rows are.
        fn source(&self) -> Source<'_>;
    }
}

/// The B-tree of all rows, as a snapshot or as the writer sees it.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub enum Source<'v> {
    /// A snapshot.
    Snapshot(&'v ReadOnlyTable<&'static [u8], &'static [u8]>),
    /// The running change.
    Change(&'v redb::Table<'v, &'static [u8], &'static [u8]>),
}

impl<'v> Source<'v> {
    fn get(self, key: &[u8]) -> Result<Option<AccessGuard<'v, &'static [u8]>>, redb::StorageError> {
        match self {
            Self::Snapshot(table) => table.get(key),
            Self::Change(table) => table.get(key),
        }
    }

    pub(crate) fn range(
        self,
        start: &Bound<Vec<u8>>,
        end: &Bound<Vec<u8>>,
    ) -> Result<redb::Range<'v, &'static [u8], &'static [u8]>, redb::StorageError> {
        let bounds = (start.as_ref().map(Vec::as_slice), end.as_ref().map(Vec::as_slice));
        match self {
            Self::Snapshot(table) => ReadableTable::range::<&[u8]>(table, bounds),
            Self::Change(table) => ReadableTable::range::<&[u8]>(table, bounds),
        }
    }
}

/// The end of the keys that begin with `prefix`.
fn after(prefix: &[u8]) -> Bound<Vec<u8>> {
    let Some(last) = prefix.iter().rposition(|&byte| byte != u8::MAX) else { return Bound::Unbounded };
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Bound::Excluded(end)
}

/// The start of the keys after all that begin with `prefix`; unbounded, which no other start is, if there are none.
fn behind(prefix: &[u8]) -> Bound<Vec<u8>> {
    match after(prefix) {
        Bound::Excluded(next) => Bound::Included(next),
        none => none,
    }
}

/// Runs one access to redb. A damaged file may make redb panic; that is an error of the file, not of this program.
pub(crate) fn shielded<T, E: Into<redb::Error>>(
    access: impl FnOnce() -> Result<T, E>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(access)) {
        Ok(result) => result.map_err(StoreError::from_redb),
        Err(payload) => Err(StoreError::from_redb_panic(payload.as_ref())),
    }
}

/// Rows in the order of their keys, read as they are asked for. After an error there are no more.
pub struct Rows<'v, K, V> {
    range: Option<redb::Range<'v, &'static [u8], &'static [u8]>>,
    table: Table<K, V>,
}

/// A key and a value as they are stored.
type RawRow<'v> = (AccessGuard<'v, &'static [u8]>, AccessGuard<'v, &'static [u8]>);

impl<'v, K: Key, V: Value> Rows<'v, K, V> {
    /// The keys alone; values are not looked at.
    pub fn keys(self) -> impl DoubleEndedIterator<Item = Result<K, StoreError>> + use<'v, K, V> {
        Keys { rows: self }
    }

    /// The next row from the back whose value, as it is stored, `wanted` picks. The others are not decoded.
    pub fn next_back_where(
        &mut self,
        mut wanted: impl FnMut(&[u8]) -> bool,
    ) -> Option<Result<(K, V), StoreError>> {
        loop {
            let found = self.step(|range| range.next_back());
            match &found {
                Ok(Some((_, value))) if !wanted(value.value()) => {}
                _ => return self.row(found),
            }
        }
    }

    pub(crate) fn next_raw(&mut self) -> Result<Option<RawRow<'v>>, StoreError> {
        self.step(|range| range.next())
    }

    fn step(
        &mut self,
        step: impl FnOnce(
            &mut redb::Range<'v, &'static [u8], &'static [u8]>,
        ) -> Option<Result<RawRow<'v>, redb::StorageError>>,
    ) -> Result<Option<RawRow<'v>>, StoreError> {
        let Some(range) = &mut self.range else { return Ok(None) };
        let found = shielded(|| step(range).transpose());
        if !matches!(found, Ok(Some(_))) {
            self.range = None;
        }
        found
    }

    fn row(&self, found: Result<Option<RawRow<'v>>, StoreError>) -> Option<Result<(K, V), StoreError>> {
        let (key, value) = match found.transpose()? {
            Ok(row) => row,
            Err(error) => return Some(Err(error)),
        };
        Some(self.table.key_of(key.value()).and_then(|key| Ok((key, self.table.value_of(value.value())?))))
    }
}

impl<K: Key, V: Value> Iterator for Rows<'_, K, V> {
    type Item = Result<(K, V), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.step(|range| range.next());
        self.row(found)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Rows<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let found = self.step(|range| range.next_back());
        self.row(found)
    }
}

/// See [`Rows::keys`].
struct Keys<'v, K, V> {
    rows: Rows<'v, K, V>,
}

impl<'v, K: Key, V: Value> Keys<'v, K, V> {
    fn key(&self, found: Result<Option<RawRow<'v>>, StoreError>) -> Option<Result<K, StoreError>> {
        Some(found.transpose()?.and_then(|(key, _)| self.rows.table.key_of(key.value())))
    }
}

impl<K: Key, V: Value> Iterator for Keys<'_, K, V> {
    type Item = Result<K, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.rows.step(|range| range.next());
        self.key(found)
    }
}

impl<K: Key, V: Value> DoubleEndedIterator for Keys<'_, K, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let found = self.rows.step(|range| range.next_back());
        self.key(found)
    }
}

/// A snapshot: the state after some group of changes, whatever is committed meanwhile.
///
/// Pages that a snapshot sees cannot be reused, so keep it no longer than a query takes.
pub struct ReadTx {
    table: ReadOnlyTable<&'static [u8], &'static [u8]>,
    // Keeps the snapshot's pages from being reused; dropped after the table.
    _snapshot: ReadTransaction,
}

impl ReadTx {
    pub(crate) fn new(snapshot: ReadTransaction) -> Result<Self, StoreError> {
        let table = shielded(|| snapshot.open_table(ROWS))?;
        Ok(Self { table, _snapshot: snapshot })
    }
}

impl sealed::Sealed for ReadTx {
    fn source(&self) -> Source<'_> {
        Source::Snapshot(&self.table)
    }
}

impl View for ReadTx {}
