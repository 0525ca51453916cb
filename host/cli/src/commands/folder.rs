//! The folder that a command works on.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use volary::Engine;

use crate::process::failure::Failure;
use crate::process::options;

/// Opens a folder that has been used before: a mistyped path makes no new one.
pub(super) async fn open(dir: &Path) -> Result<Engine, Failure> {
    check(dir)?;
    check_owner(dir)?;
    Ok(Engine::start(options::for_folder(dir)).await?)
}

/// What every folder of profiles has.
const MARK: &str = "accounts.toml";

/// Refuses to work as root in a folder of somebody else: he could not use the files that root makes there.
pub(super) fn check_owner(dir: &Path) -> Result<(), Failure> {
    let root = rustix::process::geteuid().is_root();
    match fs::metadata(dir.join(MARK)) {
        Ok(mark) if root && mark.uid() != 0 => Err(format!(
            "the profiles in {} belong to another user, who could not use what root writes there: \
             sudo -u '#{}' volary …",
            dir.display(),
            mark.uid()
        )
        .into()),
        // Whatever else is wrong is told by whoever opens the folder.
        _ => Ok(()),
    }
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
    use std::os::unix::fs::chown;

    use super::*;

    #[test]
    fn root_leaves_folders_of_others_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(MARK), "").unwrap();
        check_owner(folder.path()).unwrap();
        if chown(folder.path().join(MARK), Some(12_345), None).is_err() {
            println!("skipped: only root gives files away");
            return;
        }
        let refused = check_owner(folder.path()).unwrap_err().to_string();
        assert!(
            refused.contains("belong to another user") && refused.contains("sudo -u '#12345'"),
            "{refused}"
        );
    }
}
