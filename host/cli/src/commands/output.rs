//! What commands write: lines for people, or JSON for programs.

use std::io::{Write as _, stdout};

use serde::Serialize;

use crate::process::failure::{Failure, OutputError};

/// Writes a line.
pub(super) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    let mut out = stdout().lock();
    Ok(writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()).map_err(OutputError::from)?)
}

/// Writes a value as JSON on one line.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value)?)
}
