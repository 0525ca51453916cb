//! Status updates: the shared state of an app instance is a log of them.
//!
//! | file | holds |
//! |---|---|
//! | `mod.rs` | [`Update`], its forms as JSON |
//! | [`batch`] | several updates as one mail attachment |
//! | [`effects`] | what an update changes beside the log |
//! | [`sending`] | when updates are sent, and how |
//!
//! One shape everywhere: what an app passes in, what is stored and sent, what an app gets. Keys stand in a fixed order,
//! unknown ones are dropped, and payloads are written anew: keys sorted, numbers in their shortest form.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::info::SEND_UPDATE_MAX_SIZE;

pub mod batch;
pub mod effects;
pub mod sending;

#[cfg(test)]
mod tests;

/// Deepest nesting of a payload. Readers accept 127 levels, and a mail has three around a payload.
pub const MAX_PAYLOAD_DEPTH: usize = 124;

/// Random bytes of a `uid`; they make 24 characters.
const UID_BYTES: usize = 18;

/// Most characters of an update that an error repeats.
const SHOWN_CHARS: usize = 200;

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Data of the app.
    pub payload: Value,
    /// Short text for the chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<String>,
    /// Where in the app the text leads to, relative to its root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub href: Option<String>,
    /// New name of the document that is open in the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// New short status of the app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Tells repeated updates; apps never see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// Whom to notify: addresses inside the app, or `*` for all, and the text for each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<BTreeMap<String, String>>,
}

/// Why an app's update is refused.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Not the JSON of an update.
    #[error("Failed to parse webxdc update item from {shown:?}: {source}")]
    Json {
        /// The beginning of the text.
        shown: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// More bytes than a mail takes.
    #[error("the webxdc update has {0} bytes, at most {SEND_UPDATE_MAX_SIZE} can be sent")]
    Size(usize),
    /// Nested so deeply that receivers could not read it.
    #[error("the webxdc update is nested too deeply, at most {MAX_PAYLOAD_DEPTH} levels can be read")]
    Depth,
}

impl Update {
    /// Reads an update that an app on this device sends. It gets a `uid` of its own, whatever it brought.
    pub fn from_app(text: &str, rng: &mut impl Rng) -> Result<Self, UpdateError> {
        if text.len() > SEND_UPDATE_MAX_SIZE as usize {
            return Err(UpdateError::Size(text.len()));
        }
        let mut update: Self = serde_json::from_str(text).map_err(|source| {
            let mut shown: String = text.chars().take(SHOWN_CHARS).collect();
            if shown.len() < text.len() {
                shown.push('…');
            }
            UpdateError::Json { shown, source }
        })?;
        if depth(&update.payload) > MAX_PAYLOAD_DEPTH {
            return Err(UpdateError::Depth);
        }
        update.uid = Some(URL_SAFE_NO_PAD.encode(rng.r#gen::<[u8; UID_BYTES]>()));
        Ok(update)
    }

    /// Reads an update as [`Update::to_wire`] writes it. `None` if it is none.
    pub fn from_wire(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The form in which an update is stored and sent.
    pub fn to_wire(&self) -> String {
        json(self)
    }

    /// The form that apps get: without `uid`, with its number and the highest number of the answer.
    pub fn for_app(mut self, serial: u32, max_serial: u32) -> String {
        self.uid = None;
        let mut text = json(&self);
        // An object with at least one key.
        text.pop();
        text.push_str(&format!(",\"serial\":{serial},\"max_serial\":{max_serial}}}"));
        text
    }
}

/// All updates of an answer to an app, ascending. Numbers are those of this device; apps only compare them.
pub fn answer(updates: Vec<(u32, Update)>) -> String {
    let max_serial = updates.last().map_or(0, |(serial, _)| *serial);
    let all: Vec<_> =
        updates.into_iter().map(|(serial, update)| update.for_app(serial, max_serial)).collect();
    format!("[{}]", all.join(",\n"))
}

/// Text keys and plain values: nothing in an update fails to be written.
fn json(update: &Update) -> String {
    serde_json::to_string(update).unwrap_or_default()
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
