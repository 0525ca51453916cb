//! The folder that a command works on.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use volary::Engine;

use crate::process::failure::Failure;
use crate::process::options;

/// What every folder of profiles has.
const MARK: &str = "accounts.toml";

/// Opens a folder that has been used before: a mistyped path makes no new one.
pub(super) async fn open(dir: &Path) -> Result<Engine, Failure> {
    check(dir)?;
    make(dir).await
}

/// The same for a folder that need not be there.
pub(super) async fn make(dir: &Path) -> Result<Engine, Failure> {
    check_owner(dir)?;
    Ok(Engine::start(options::for_folder(dir)).await?)
}

/// Refuses to work as root in a folder of somebody else.
pub(super) fn check_owner(dir: &Path) -> Result<(), Failure> {
    match fs::metadata(dir) {
        Ok(about) => usable(dir, rustix::process::geteuid().as_raw(), about.uid()),
        // Whatever else is wrong is told by whoever opens the folder.
        Err(_) => Ok(()),
    }
}

/// Keeps root from making files in the folder of a service, which that could not open.
fn usable(dir: &Path, user: u32, owner: u32) -> Result<(), Failure> {
    if user != 0 || owner == 0 {
        return Ok(());
    }
    let dir = dir.display();
    Err(format!(
        "{dir} belongs to user {owner}, who could not use what root makes in it: sudo -u '#{owner}' volary …"
    )
    .into())
}

/// Refuses what is no folder of profiles.
pub(super) fn check(dir: &Path) -> Result<(), Failure> {
    if !there(dir)? {
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
    if !there(&dir.join(MARK))? && !there(&dir.join(volary::grpc::SOCKET))? {
        return Err(format!("{} has no profiles: volary profile add makes some", dir.display()).into());
    }
    Ok(())
}

/// Whether a file is there, as far as this user may know.
fn there(path: &Path) -> Result<bool, Failure> {
    path.try_exists().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "{}: {error}; only its owner uses a folder of profiles (sudo -u USER volary …)",
            path.display()
        )
        .into(),
        _ => format!("{}: {error}", path.display()).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_makes_no_files_in_the_folder_of_somebody_else() {
        let dir = Path::new("/var/lib/volary");
        assert!(usable(dir, 0, 997).unwrap_err().to_string().contains("sudo -u '#997' volary"));
        for (user, owner) in [(0, 0), (997, 997), (1000, 997)] {
            usable(dir, user, owner).unwrap();
        }
    }
}
