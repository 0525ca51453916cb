//! The folder that a command works on.

use std::path::Path;

use volary::Engine;
use volary_proto::GetAllAccountIds;

use crate::process::failure::Failure;

/// Opens a folder that has profiles already: a mistyped path makes no new one.
pub(super) async fn open(dir: &Path) -> Result<Engine, Failure> {
    check(dir)?;
    Ok(Engine::start(dir).await?)
}

/// Refuses what is no folder of profiles.
pub(super) fn check(dir: &Path) -> Result<(), Failure> {
    if !dir.exists() {
        return Err(
            format!("there is no folder {}; name the one that the profiles are in", dir.display()).into()
        );
    }
    if !dir.is_dir() {
        return Err(format!("{} is not a folder", dir.display()).into());
    }
    if !dir.join("accounts.toml").exists() {
        return Err(format!("{} has no profiles: volary-rpc-server makes some", dir.display()).into());
    }
    Ok(())
}

/// The profiles that a command is about: all, or the one that was named.
pub(super) async fn profiles(engine: &Engine, only: Option<u32>) -> Result<Vec<u32>, Failure> {
    let all = engine.call(0, GetAllAccountIds {}).await?.ids;
    let folder = engine.dir().display();
    match only {
        _ if all.is_empty() => Err(format!("{folder} has no profiles: volary-rpc-server makes some").into()),
        Some(profile) if all.contains(&profile) => Ok(vec![profile]),
        Some(profile) => {
            let all: Vec<String> = all.iter().map(u32::to_string).collect();
            Err(format!("{folder} has no profile {profile}; its profiles are {}", all.join(", ")).into())
        }
        None => Ok(all),
    }
}
