//! How messages look in JSON where the schema alone does not say it.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::SerializeMap};

use crate::{ConfigValues, Done, GeoPoint};

/// Writes an enum by its name; a number that is not known counts as the first name.
pub(crate) fn enum_name<E, S>(value: &i32, serializer: S) -> Result<S::Ok, S::Error>
where
    E: TryFrom<i32> + Default + Serialize,
    S: Serializer,
{
    E::try_from(*value).unwrap_or_default().serialize(serializer)
}

/// Writes an enum by its name, or null.
pub(crate) fn optional_enum_name<E, S>(value: &Option<i32>, serializer: S) -> Result<S::Ok, S::Error>
where
    E: TryFrom<i32> + Default + Serialize,
    S: Serializer,
{
    value.map(|value| E::try_from(value).unwrap_or_default()).serialize(serializer)
}

/// Reads an enum by its name, or null.
pub(crate) fn optional_enum_value<'de, E, D>(deserializer: D) -> Result<Option<i32>, D::Error>
where
    E: Into<i32> + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::<E>::deserialize(deserializer)?.map(Into::into))
}

/// Writes bytes as an array of numbers.
pub(crate) fn byte_values<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(value.iter())
}

/// Writes bytes as base64 without padding.
pub(crate) fn base64<S: Serializer>(value: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD_NO_PAD.encode(value))
}

/// Writes seconds as milliseconds.
pub(crate) fn milliseconds<S: Serializer>(value: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(|seconds| seconds.saturating_mul(1000)).serialize(serializer)
}

/// Reads `[latitude, longitude]`, or null.
pub(crate) fn point<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<GeoPoint>, D::Error> {
    let point = Option::<(f64, f64)>::deserialize(deserializer)?;
    Ok(point.map(|(latitude, longitude)| GeoPoint { latitude, longitude }))
}

/// Reads a port number, or null.
pub(crate) fn port<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    Ok(Option::<u16>::deserialize(deserializer)?.map(Into::into))
}

/// Reads a value that must not be null.
pub(crate) fn present<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Nothing to tell is null.
impl Serialize for Done {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

/// Settings are one object: name to value or null.
impl Serialize for ConfigValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.entries.len()))?;
        for entry in &self.entries {
            map.serialize_entry(&entry.key, &entry.value)?;
        }
        map.end()
    }
}
