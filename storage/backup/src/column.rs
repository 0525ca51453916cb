//! Columns: lenient when they are read, exact when they are written.

use rusqlite::types::{ToSqlOutput, Value, ValueRef};

/// A value in a column. Other programs leave `NULL` in text columns and numbers as text: both are read.
pub trait Column: Sized {
    /// Reads it.
    fn read(value: ValueRef<'_>) -> Self;
    /// What is written.
    fn write(&self) -> ToSqlOutput<'_>;
}

impl Column for i64 {
    fn read(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(number) => number,
            ValueRef::Real(number) => number as i64,
            ValueRef::Text(text) => {
                std::str::from_utf8(text).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
            }
            ValueRef::Null | ValueRef::Blob(_) => 0,
        }
    }

    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Integer(*self))
    }
}

impl Column for f64 {
    fn read(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(number) => number as f64,
            ValueRef::Real(number) => number,
            _ => 0.0,
        }
    }

    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Owned(Value::Real(*self))
    }
}

impl Column for String {
    fn read(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Real(number) => number.to_string(),
            ValueRef::Null => Self::new(),
        }
    }

    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Text(self.as_bytes()))
    }
}

impl Column for Vec<u8> {
    fn read(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            _ => Self::new(),
        }
    }

    fn write(&self) -> ToSqlOutput<'_> {
        ToSqlOutput::Borrowed(ValueRef::Blob(self))
    }
}

/// A text that may be missing: `NULL` is written for an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MaybeText(pub String);

impl Column for MaybeText {
    fn read(value: ValueRef<'_>) -> Self {
        Self(String::read(value))
    }

    fn write(&self) -> ToSqlOutput<'_> {
        if self.0.is_empty() { ToSqlOutput::Owned(Value::Null) } else { self.0.write() }
    }
}
