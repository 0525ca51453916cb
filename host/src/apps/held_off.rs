//! Without the feature `websocket` there are no tokens: every app is opened by the owner of the folder.

use std::path::Path;
use std::sync::Arc;

use hyper::{HeaderMap, StatusCode};

use super::Shared;

/// The owner of the folder.
#[derive(Default)]
pub struct Holder;

/// Nothing is held by tokens.
#[derive(Default)]
pub struct Held;

impl Held {
    /// Refuses what looks like a token.
    pub fn holder(
        &self,
        _: &Path,
        headers: &HeaderMap,
        _: u32,
        _: u32,
    ) -> Result<Holder, (StatusCode, String)> {
        match headers.contains_key(hyper::header::AUTHORIZATION) {
            false => Ok(Holder),
            true => Err((StatusCode::UNAUTHORIZED, "this program is compiled without tokens".to_owned())),
        }
    }

    /// Does nothing.
    pub fn opened(&self, _: &str, _: bool, _: Holder) {}
}

/// Does nothing.
pub async fn watch(_: Arc<Shared>) {}
