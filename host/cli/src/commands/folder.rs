//! The folder that a command works on.

use std::path::Path;

use volary::Engine;

use crate::process::failure::Failure;
use crate::process::options;

/// Opens a folder that has been used before: a mistyped path makes no new one.
pub(super) async fn open(dir: &Path) -> Result<Engine, Failure> {
    check(dir)?;
    Ok(Engine::start(options::for_folder(dir)).await?)
}

/// Refuses what is no folder of profiles.
pub(super) fn check(dir: &Path) -> Result<(), Failure> {
    if !dir.exists() {
        return Err(format!(
            "there is no folder {}; --data names the one that the profiles are in",
            dir.display()
        )
        .into());
    }
    if !dir.is_dir() {
        return Err(format!("{} is not a folder", dir.display()).into());
    }
    // Where a service manager listens for a host, the folder may be unused until somebody asks.
    if !dir.join("accounts.toml").exists() && !dir.join(volary::grpc::SOCKET).exists() {
        return Err(format!("{} has no profiles: volary profile add makes some", dir.display()).into());
    }
    Ok(())
}
