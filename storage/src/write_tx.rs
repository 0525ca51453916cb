//! Changing: what a job on the writer does, and how it is undone when it fails.

use std::ops::Range;

use redb::{ReadableTable, WriteTransaction};

use crate::ProfileId;
use crate::error::StoreError;
use crate::key::{AsKey, Key, Prefix};
use crate::rows::ROWS;
use crate::table::{Empty, MAX_VALUE_BYTES, Table, Value};
use crate::view::{Source, View, sealed, shielded};

/// The change that a job makes. It sees its own changes and those of all jobs before it.
///
/// Jobs of a group share one transaction of redb; a job that fails is undone row by row from its undo log, so that
/// the others are not disturbed.
pub struct WriteTx<'t> {
    table: redb::Table<'t, &'static [u8], &'static [u8]>,
    undo: UndoLog,
    at: Vec<u8>,
    value: Vec<u8>,
    /// Bytes of rows that were removed, also by jobs that were undone.
    removed: u64,
}

impl<'t> WriteTx<'t> {
    pub(crate) fn new(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        let table = shielded(|| transaction.open_table(ROWS))?;
        Ok(Self { table, undo: UndoLog::default(), at: Vec::new(), value: Vec::new(), removed: 0 })
    }

    /// Writes a row, in place of the one that may be there.
    pub fn put<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
        value: &V,
    ) -> Result<(), StoreError> {
        table.locate(key, &mut self.at)?;
        self.put_located(table, value)
    }

    fn put_located<K, V: Value>(&mut self, table: &Table<K, V>, value: &V) -> Result<(), StoreError> {
        self.value.clear();
        value.encode_value(&mut self.value);
        if self.value.len() > MAX_VALUE_BYTES {
            return Err(StoreError::ValueTooLong { table: table.name(), bytes: self.value.len() });
        }
        let (at, value) = (self.at.as_slice(), self.value.as_slice());
        let old = shielded(|| self.table.insert(at, value))?;
        self.undo.record(at, old.as_ref().map(|old| old.value()));
        Ok(())
    }

    /// Writes a row under an id and a key as they are stored.
    pub(crate) fn put_bytes(&mut self, id: &[u8], key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.at.clear();
        self.at.extend_from_slice(id);
        self.at.extend_from_slice(key);
        let at = self.at.as_slice();
        let old = shielded(|| self.table.insert(at, value))?;
        self.undo.record(at, old.as_ref().map(|old| old.value()));
        Ok(())
    }

    /// Removes a row. Whether it was there.
    pub fn remove<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
    ) -> Result<bool, StoreError> {
        table.locate(key, &mut self.at)?;
        self.remove_located()
    }

    fn remove_located(&mut self) -> Result<bool, StoreError> {
        let at = self.at.as_slice();
        let Some(old) = shielded(|| self.table.remove(at))? else { return Ok(false) };
        self.removed += (at.len() + old.value().len()) as u64;
        self.undo.record(at, Some(old.value()));
        Ok(true)
    }

    /// Removes all rows under `prefix`. How many there were. What a job removes is kept in memory until it ends.
    pub fn remove_prefix<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
    ) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let doomed = self.some_keys(table, prefix, REMOVED_AT_ONCE)?;
            if doomed.is_empty() {
                return Ok(count);
            }
            for at in doomed {
                self.at = at;
                count += u64::from(self.remove_located()?);
            }
        }
    }

    /// Removes the first rows under `prefix`, `at_most` as many as given. Whether there are more: large ranges are
    /// removed in one job after the other, so that none of them holds up the others.
    pub fn remove_prefix_some<K: Key, V: Value>(
        &mut self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
        at_most: usize,
    ) -> Result<bool, StoreError> {
        let doomed = self.some_keys(table, prefix, at_most.saturating_add(1))?;
        let more = doomed.len() > at_most;
        for at in doomed.into_iter().take(at_most) {
            self.at = at;
            self.remove_located()?;
        }
        Ok(more)
    }

    /// Removes rows of a profile from all tables whose keys begin with its id, `at_most` as many as given. How many
    /// there were: call it in one job after the other until there are none, since a job keeps what it removes in
    /// memory until it is committed. Does nothing for id 0, which no profile has.
    pub fn remove_profile(&mut self, profile: ProfileId, at_most: usize) -> Result<usize, StoreError> {
        let start = profile.get().to_be_bytes();
        if profile.get() == 0 {
            return Ok(0);
        }
        let doomed = shielded(|| -> Result<Vec<Vec<u8>>, redb::StorageError> {
            let rows = self.table.range::<&[u8]>(start.as_slice()..)?;
            let keys = rows.take(at_most).map(|row| Ok(row?.0.value().to_vec()));
            keys.take_while(|key| !matches!(key, Ok(key) if !key.starts_with(&start))).collect()
        })?;
        let count = doomed.len();
        for at in doomed {
            self.at = at;
            self.remove_located()?;
        }
        Ok(count)
    }

    /// The first rows under `prefix`.
    fn some_keys<K: Key, V: Value>(
        &self,
        table: &Table<K, V>,
        prefix: &impl Prefix<K>,
        at_most: usize,
    ) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut rows = self.scan_prefix(table, prefix)?;
        let mut keys = Vec::new();
        while keys.len() < at_most
            && let Some((key, _)) = rows.next_raw()?
        {
            keys.push(key.value().to_vec());
        }
        Ok(keys)
    }

    /// Changes a row in place. `None` if there is none; otherwise what `change` returned.
    pub fn update<K: Key, V: Value, R>(
        &mut self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<Option<R>, StoreError> {
        let Some(mut value) = self.get(table, key)? else { return Ok(None) };
        let result = change(&mut value);
        self.put(table, key, &value)?;
        Ok(Some(result))
    }

    /// Changes a row in place, beginning with an empty one if there is none.
    pub fn update_or_default<K: Key, V: Value + Default, R>(
        &mut self,
        table: &Table<K, V>,
        key: &impl AsKey<K>,
        change: impl FnOnce(&mut V) -> R,
    ) -> Result<R, StoreError> {
        let mut value = self.get(table, key)?.unwrap_or_default();
        let result = change(&mut value);
        self.put(table, key, &value)?;
        Ok(result)
    }

    /// Adds a key to an index or set.
    pub fn set<K: Key>(&mut self, table: &Table<K, Empty>, key: &impl AsKey<K>) -> Result<(), StoreError> {
        self.put(table, key, &Empty)
    }

    /// Takes a key out of an index or set. Whether it was there.
    pub fn unset<K: Key>(
        &mut self,
        table: &Table<K, Empty>,
        key: &impl AsKey<K>,
    ) -> Result<bool, StoreError> {
        self.remove(table, key)
    }

    /// Ends a job that succeeded: its changes stay.
    pub(crate) fn keep(&mut self) {
        self.undo.clear();
    }

    /// Ends a job that failed: its changes go, the last first.
    pub(crate) fn roll_back(&mut self) -> Result<(), StoreError> {
        let mut undo = std::mem::take(&mut self.undo);
        while let Some((key, old)) = undo.pop() {
            match old {
                Some(old) => shielded(|| self.table.insert(key, old).map(drop))?,
                None => shielded(|| self.table.remove(key).map(drop))?,
            }
        }
        undo.clear();
        self.undo = undo;
        Ok(())
    }

    /// Ends the group. How many bytes it removed.
    pub(crate) fn finish(self) -> u64 {
        self.removed
    }
}

/// Rows that [`WriteTx::remove_prefix`] removes before it looks for more: bounds its memory.
const REMOVED_AT_ONCE: usize = 1024;
/// Capacity that an undo log keeps from one job to the next.
const UNDO_KEPT_BYTES: usize = 64 << 10;

impl sealed::Sealed for WriteTx<'_> {
    fn source(&self) -> Source<'_> {
        Source::Change(&self.table)
    }
}

impl View for WriteTx<'_> {}

/// What a job overwrote or removed, in one buffer.
#[derive(Default)]
struct UndoLog {
    bytes: Vec<u8>,
    entries: Vec<UndoEntry>,
}

struct UndoEntry {
    key: Range<usize>,
    old: Option<Range<usize>>,
}

impl UndoLog {
    fn record(&mut self, key: &[u8], old: Option<&[u8]>) {
        let key = self.store(key);
        let old = old.map(|old| self.store(old));
        self.entries.push(UndoEntry { key, old });
    }

    fn store(&mut self, content: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(content);
        start..self.bytes.len()
    }

    fn pop(&mut self) -> Option<(&[u8], Option<&[u8]>)> {
        let UndoEntry { key, old } = self.entries.pop()?;
        Some((&self.bytes[key], old.map(|old| &self.bytes[old])))
    }

    fn clear(&mut self) {
        self.entries.clear();
        self.bytes.clear();
        self.bytes.shrink_to(UNDO_KEPT_BYTES);
        self.entries.shrink_to(UNDO_KEPT_BYTES / size_of::<UndoEntry>());
    }
}
