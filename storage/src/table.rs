//! Tables by name and the values in them.
//!
//! All tables share one B-tree: a row is found under the table's tag followed by its key. A tag is a hash of the
//! table's name, so a table needs no entry anywhere before its first row, a group of changes opens one tree however
//! many tables it touches, and small tables share their pages.

use std::marker::PhantomData;

use crate::error::StoreError;
use crate::key::{AsKey, Key, Prefix};

/// Longest key, tag included. A B-tree page holds a handful of keys of this length.
pub const MAX_KEY_BYTES: usize = 4096;
/// Longest value. Larger content belongs into a blob file.
pub const MAX_VALUE_BYTES: usize = 32 << 20;
/// Bytes of a table's tag.
pub(crate) const TAG_BYTES: usize = 4;

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
        out.clear();
        out.extend_from_slice(&self.tag);
        key.encode(out);
        if out.len() > MAX_KEY_BYTES {
            return Err(StoreError::KeyTooLong { table: self.name, bytes: out.len() });
        }
        Ok(())
    }

    /// The bytes that all rows under `prefix` begin with.
    pub(crate) fn locate_prefix(&self, prefix: &impl Prefix<K>) -> Vec<u8> {
        let mut out = Vec::with_capacity(32);
        out.extend_from_slice(&self.tag);
        prefix.encode_prefix(&mut out);
        out
    }

    /// The key of a row that is stored under `bytes`.
    pub(crate) fn key_of(&self, bytes: &[u8]) -> Result<K, StoreError> {
        bytes
            .strip_prefix(&self.tag)
            .and_then(|mut rest| K::decode(&mut rest).filter(|_| rest.is_empty()))
            .ok_or(StoreError::Row { table: self.name, part: "key" })
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
