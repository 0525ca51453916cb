//! The rows of one profile as bytes, whatever their tables are: what a backup reads and a restore writes.

use redb::AccessGuard;

use crate::error::StoreError;
use crate::table::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::view::{ReadTx, Source, sealed::Sealed as _, shielded};
use crate::{ProfileId, WriteTx};

/// Bytes of the profile's id in front of a stored key.
const ID_BYTES: usize = 4;
/// Bytes of a table's tag, which every key begins with after the id.
const TAG_BYTES: usize = 4;
/// Stands for the table in errors about rows of any table.
const ANY: &str = "(raw)";

/// All rows of one profile in the order of their keys, as they are stored.
pub struct RawRows<'v> {
    range: Option<redb::Range<'v, &'static [u8], &'static [u8]>>,
}

/// A stored row.
pub struct RawRow<'v> {
    key: AccessGuard<'v, &'static [u8]>,
    value: AccessGuard<'v, &'static [u8]>,
}

impl RawRow<'_> {
    /// The key without the profile's id: the tag of the table and the rest.
    pub fn key(&self) -> &[u8] {
        self.key.value().get(ID_BYTES..).unwrap_or_default()
    }

    /// The value.
    pub fn value(&self) -> &[u8] {
        self.value.value()
    }
}

impl<'v> RawRows<'v> {
    /// The next row. After an error there are no more.
    pub fn next_row(&mut self) -> Result<Option<RawRow<'v>>, StoreError> {
        let Some(range) = &mut self.range else { return Ok(None) };
        let found = shielded(|| range.next().transpose());
        if !matches!(found, Ok(Some(_))) {
            self.range = None;
        }
        Ok(found?.map(|(key, value)| RawRow { key, value }))
    }
}

impl ReadTx {
    /// The rows of all tables whose keys begin with the id of this profile. Lazy.
    pub fn raw_rows(&self, profile: ProfileId) -> Result<RawRows<'_>, StoreError> {
        let (start, next) = (profile.get(), profile.get().checked_add(1));
        let start = std::ops::Bound::Included(start.to_be_bytes().to_vec());
        let end = match next {
            Some(next) => std::ops::Bound::Excluded(next.to_be_bytes().to_vec()),
            None => std::ops::Bound::Unbounded,
        };
        let source: Source<'_> = self.source();
        Ok(RawRows { range: Some(shielded(|| source.range(&start, &end))?) })
    }
}

impl WriteTx<'_> {
    /// Writes a row of a profile as [`ReadTx::raw_rows`] gave it. A key without the tag of a table is refused, and so
    /// is profile 0.
    pub fn put_raw(&mut self, profile: ProfileId, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if profile == ProfileId::PROCESS || key.len() < TAG_BYTES {
            return Err(StoreError::Row { table: ANY, part: "key" });
        }
        let bytes = ID_BYTES + key.len();
        if bytes > MAX_KEY_BYTES {
            return Err(StoreError::KeyTooLong { table: ANY, bytes });
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(StoreError::ValueTooLong { table: ANY, bytes: value.len() });
        }
        self.put_bytes(&profile.get().to_be_bytes(), key, value)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Options, ProfileId, Raw, Store, StoreError, Table, View as _};

    const NOTES: Table<(ProfileId, String), Raw> = Table::new("raw-notes.v1");
    const COUNTS: Table<(ProfileId, u32), Raw> = Table::new("raw-counts.v1");

    #[tokio::test]
    async fn the_rows_of_one_profile_are_those_of_another_after_copying_them() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        let (from, to, beside) = (ProfileId::new(7), ProfileId::new(u32::MAX), ProfileId::new(8));
        store
            .write::<_, StoreError, _>(move |tx| {
                tx.put(&NOTES, &(from, "milk"), &Raw(b"two".to_vec()))?;
                tx.put(&COUNTS, &(from, 3), &Raw(vec![]))?;
                tx.put(&NOTES, &(beside, "other"), &Raw(b"x".to_vec()))
            })
            .await
            .unwrap();
        let tx = store.snapshot().unwrap();
        let mut copied = Vec::new();
        let mut rows = tx.raw_rows(from).unwrap();
        while let Some(row) = rows.next_row().unwrap() {
            copied.push((row.key().to_vec(), row.value().to_vec()));
        }
        drop(rows);
        assert_eq!(copied.len(), 2);
        store
            .write::<_, StoreError, _>(move |tx| {
                copied.iter().try_for_each(|(key, value)| tx.put_raw(to, key, value))
            })
            .await
            .unwrap();
        let tx = store.snapshot().unwrap();
        assert_eq!(tx.get(&NOTES, &(to, "milk")).unwrap(), Some(Raw(b"two".to_vec())));
        assert!(tx.contains(&COUNTS, &(to, 3)).unwrap());
        let mut rows = tx.raw_rows(to).unwrap();
        assert!(rows.next_row().unwrap().is_some() && rows.next_row().unwrap().is_some());
        assert!(rows.next_row().unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_no_row_of_a_profile_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        for (profile, key) in [(0, &b"tag and more"[..]), (1, b"tag"), (1, &[1; 5000])] {
            let written =
                store.write::<_, StoreError, _>(move |tx| tx.put_raw(ProfileId::new(profile), key, b"x"));
            assert!(written.await.is_err(), "{profile}");
        }
    }
}
