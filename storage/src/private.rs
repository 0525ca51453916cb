//! Who may read our files: their owner alone. Relay passwords and keys are stored in clear.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Mode of folders.
const FOLDER_MODE: u32 = 0o700;
/// Mode of files.
const FILE_MODE: u32 = 0o600;
/// What anybody but the owner may do.
const OTHERS: u32 = 0o077;
/// Marks folders such as `/tmp` that belong to everybody.
const STICKY: u32 = 0o1000;

/// Options for opening a file that only its owner may read, should it be made.
pub(crate) fn options() -> OpenOptions {
    let mut options = File::options();
    options.mode(FILE_MODE);
    options
}

/// Makes a folder that only its owner may enter, and the missing ones above it as the system makes them.
pub(crate) fn make_folder(dir: &Path) -> io::Result<()> {
    if let Some(parent) = dir.parent() {
        fs::create_dir_all(parent)?;
    }
    make_one(dir)
}

/// As [`make_folder`], but those above it are ours, too.
pub(crate) fn make_folders(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(dir)
}

fn make_one(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(dir) {
        Err(_) if dir.is_dir() => Ok(()),
        made => made,
    }
}

/// Takes from others what they may do with the data folder, and with the folders of profiles in it if they could
/// come that far. A folder that holds what is not ours is left alone, with a warning.
pub(crate) fn tighten_folder(dir: &Path) {
    let Some(mode) = loose(dir) else { return };
    match holds_only_ours(dir) {
        Ok(true) if mode & STICKY == 0 => {}
        Ok(_) => {
            return tracing::warn!(
                path = %dir.display(),
                mode = %octal(mode),
                "the data folder is open to other users, and other things are in it: its mode is left as it is"
            );
        }
        Err(error) => {
            return tracing::warn!(path = %dir.display(), %error, "the data folder cannot be listed");
        }
    }
    tighten(dir, mode, FOLDER_MODE);
    // The folder may be a shared mount where only its entries can be changed.
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir())
            && let Some(mode) = loose(&path)
        {
            tighten(&path, mode, FOLDER_MODE);
        }
    }
}

/// Takes from others what they may do with a file.
pub(crate) fn tighten_file(path: &Path) {
    if let Some(mode) = loose(path) {
        tighten(path, mode, FILE_MODE);
    }
}

/// The mode of what others may read, write or enter.
fn loose(path: &Path) -> Option<u32> {
    let mode = fs::metadata(path).ok()?.mode() & 0o7777;
    (mode & OTHERS != 0).then_some(mode)
}

fn tighten(path: &Path, mode: u32, most: u32) {
    let path_shown = path.display();
    match fs::set_permissions(path, fs::Permissions::from_mode(mode & most)) {
        Ok(()) => {
            tracing::info!(path = %path_shown, mode = %octal(mode), "was open to other users and is private now");
        }
        Err(error) => {
            tracing::warn!(path = %path_shown, mode = %octal(mode), %error, "is open to other users");
        }
    }
}

/// Whether a folder has no other folders in it than those of profiles, which are named by UUIDs: somebody may have
/// put the database into a home directory, or into one that belongs to the system.
fn holds_only_ours(dir: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && !entry.file_name().to_str().is_some_and(is_uuid) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_uuid(name: &str) -> bool {
    name.len() == 36 && name.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn octal(mode: u32) -> String {
    format!("{mode:04o}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "01234567-89ab-4cde-8f01-23456789abcd";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn new_folders_and_files_are_private() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("above").join("data");
        make_folder(&folder).unwrap();
        make_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_ne!(mode(&dir.path().join("above")), 0o700, "what is above is the user's");
        let inner = folder.join(PROFILE).join("blobs");
        make_folders(&inner).unwrap();
        assert_eq!((mode(&inner), mode(&folder.join(PROFILE))), (0o700, 0o700));
        let file = folder.join("file");
        options().write(true).create(true).open(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        assert!(make_folder(&file).is_err());
    }

    #[test]
    fn a_loose_folder_is_tightened_with_those_of_profiles() {
        let dir = tempfile::tempdir().unwrap();
        let profile = dir.path().join(PROFILE);
        make_folders(&profile).unwrap();
        set(&profile, 0o755);
        set(dir.path(), 0o755);
        fs::write(dir.path().join("notes"), "").unwrap();
        tighten_folder(dir.path());
        assert_eq!((mode(dir.path()), mode(&profile)), (0o700, 0o700));
        tighten_file(&dir.path().join("notes"));
        assert_eq!(mode(&dir.path().join("notes")), 0o600);
    }

    #[test]
    fn a_folder_with_other_things_in_it_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("Documents");
        fs::create_dir(&other).unwrap();
        set(&other, 0o755);
        set(dir.path(), 0o755);
        tighten_folder(dir.path());
        assert_eq!((mode(dir.path()), mode(&other)), (0o755, 0o755));
    }

    #[test]
    fn a_folder_of_everybody_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        set(dir.path(), 0o1777);
        tighten_folder(dir.path());
        assert_eq!(mode(dir.path()), 0o777);
        set(dir.path(), 0o700);
    }
}
