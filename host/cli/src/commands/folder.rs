//! The folder that a command works on.

use std::path::Path;

use volary::Engine;

use crate::process::failure::Failure;

/// Opens a folder that has profiles already: a mistyped path makes no new one.
pub(super) async fn open(dir: &Path) -> Result<Engine, Failure> {
    if !dir.exists() {
        return Err(
            format!("there is no folder {}; name the one that the profiles are in", dir.display()).into()
        );
    }
    if !dir.is_dir() {
        return Err(format!("{} is not a folder", dir.display()).into());
    }
    Ok(Engine::start(dir).await?)
}
