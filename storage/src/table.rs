//! Tables by name and the values in them.
//!
//! All tables share one B-tree. A row of a profile's table is found under
//!
//! ```text
//! profile id (4 bytes) · tag of the table (4 bytes) · rest of the key
//! ```
//!
//! and a row of any other table under profile 0, the tag and the whole key. A tag is a hash of the table's name, so a
//! table needs no entry anywhere before its first row. A group of changes opens one tree however many tables it
//! touches, a small profile is in one or two pages, and what a change touches lies together.

use std::marker::PhantomData;

use crate::error::StoreError;
use crate::key::{AsKey, Key, Prefix, Scope};

/// Longest key, tag included. A B-tree page holds a handful of keys of this length.
pub const MAX_KEY_BYTES: usize = 4096;
/// Longest value. Larger content belongs into a blob file.
pub const MAX_VALUE_BYTES: usize = 32 << 20;
/// Bytes of a table's tag.
const TAG_BYTES: usize = 4;
/// Bytes that a stored key begins with: profile and tag.
const HEAD_BYTES: usize = 8;
/// Stands for the profile in the rows of tables that are not about profiles; no profile has this id.
const NO_PROFILE: [u8; 4] = [0; 4];

/// What a table holds: keys of type `K`, each with a value of type `V`.
///
/// The name ends in a version; a table whose records change beyond what prost tolerates gets a new one.
pub struct Table<K, V> {
    name: &'static str,
    tag: [u8; TAG_BYTES],
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// The table of the given name.
    pub const fn new(name: &'static str) -> Self {
        Self { name, tag: tag(name), types: PhantomData }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// The bytes that its rows begin with in the file. No two tables may have the same.
    pub const fn tag(&self) -> [u8; TAG_BYTES] {
        self.tag
    }
}

impl<K: Key, V> Table<K, V> {
    /// Writes the bytes under which the row of `key` is stored.
    pub(crate) fn locate(&self, key: &impl AsKey<K>, out: &mut Vec<u8>) -> Result<(), StoreError> {
        self.place(out, |out| key.encode(out));
        if out.len() > MAX_KEY_BYTES {
            return Err(StoreError::KeyTooLong { table: self.name, bytes: out.len() });
        }
        Ok(())
    }

    /// The bytes that all rows under `prefix` begin with.
    pub(crate) fn locate_prefix(&self, prefix: &impl Prefix<K>) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        self.place(&mut out, |out| prefix.encode_prefix(out));
        out
    }

    fn place(&self, out: &mut Vec<u8>, encode: impl FnOnce(&mut Vec<u8>)) {
        out.clear();
        if K::Scope::PER_PROFILE {
            out.extend_from_slice(&self.tag);
            encode(out);
            // The key begins with the profile, and so does every prefix: put the tag behind it.
            if let Some(head) = out.get_mut(..HEAD_BYTES) {
                head.rotate_left(TAG_BYTES);
            }
        } else {
            out.extend_from_slice(&NO_PROFILE);
            out.extend_from_slice(&self.tag);
            encode(out);
        }
    }

    /// The bytes that all rows of the table begin with that a range from or to `bound` may reach.
    pub(crate) fn reach(&self, bound: &[u8]) -> Vec<u8> {
        bound.get(..HEAD_BYTES).unwrap_or(bound).to_vec()
    }

    /// The key of a row that is stored under `bytes`.
    pub(crate) fn key_of(&self, bytes: &[u8]) -> Result<K, StoreError> {
        let key = bytes.split_at_checked(HEAD_BYTES).and_then(|(head, mut rest)| {
            let key = match K::Scope::PER_PROFILE {
                true => K::decode_apart(head, &mut rest),
                false => K::decode(&mut rest),
            };
            key.filter(|_| rest.is_empty() && head.ends_with(&self.tag))
        });
        key.ok_or(StoreError::Row { table: self.name, part: "key" })
    }
}

impl<K, V: Value> Table<K, V> {
    /// The value of a row.
    pub(crate) fn value_of(&self, bytes: &[u8]) -> Result<V, StoreError> {
        V::decode_value(bytes).ok_or(StoreError::Row { table: self.name, part: "value" })
    }
}

/// FNV-1a, 32 bits: good enough to tell some dozens of names apart, and simple enough for a constant.
const fn tag(name: &str) -> [u8; TAG_BYTES] {
    let bytes = name.as_bytes();
    let mut hash: u32 = 0x811C_9DC5;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    hash.to_be_bytes()
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

/// A value of a [`Table`]: any prost message, [`Raw`] bytes or [`Empty`].
pub trait Value: Sized {
    /// Appends the bytes of the value.
    fn encode_value(&self, out: &mut Vec<u8>);
    /// Reads the value from all of `bytes`.
    fn decode_value(bytes: &[u8]) -> Option<Self>;
}

impl<M: prost::Message + Default> Value for M {
    fn encode_value(&self, out: &mut Vec<u8>) {
        self.encode_raw(out);
    }

    fn decode_value(bytes: &[u8]) -> Option<Self> {
        M::decode(bytes).ok()
    }
}

/// Nothing: the value of index and set tables, where a row says all by being there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Value for Empty {
    fn encode_value(&self, _out: &mut Vec<u8>) {}

    fn decode_value(bytes: &[u8]) -> Option<Self> {
        bytes.is_empty().then_some(Self)
    }
}

/// Bytes that are stored as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Raw(pub Vec<u8>);

impl Value for Raw {
    fn encode_value(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    fn decode_value(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::tag;

    #[test]
    fn no_two_tables_share_a_name_or_a_tag() {
        let sources = [include_str!("tables.rs"), include_str!("schema.rs")];
        let production = sources.iter().map(|source| source.split("#[cfg(test)]").next().unwrap_or_default());
        let mut names = HashMap::new();
        for source in production {
            for name in source.split("Table::new(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let other = names.insert(tag(name), name);
                assert_eq!(other, None, "{name} has the tag of another table");
            }
        }
        assert!(names.contains_key(&tag("meta.v1")));
    }
}
