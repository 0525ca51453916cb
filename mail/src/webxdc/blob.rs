//! What a path inside an app leads to.

use std::borrow::Cow;
use std::io::{Read, Seek};

use super::archive::bounds::MAX_ENTRY;
use super::archive::{Archive, ArchiveError, START_PAGE};
use super::icon::{self, DEFAULT_ICON, DEFAULT_ICON_PATH};
use super::manifest::Manifest;

/// Stands in for the start page of an app that needs a newer interface.
pub const TOO_OLD_PAGE: &str = "<!DOCTYPE html>This Webxdc requires a newer Delta Chat version.";

/// The name of the entry that a path means. One slash in front is dropped, and nothing else is changed: a host takes
/// query, fragment and percent-encoding off before it asks.
pub fn entry_name(path: &str) -> &str {
    path.strip_prefix('/').unwrap_or(path)
}

/// The bytes at a path.
pub fn read<R: Read + Seek>(
    archive: &mut Archive<R>,
    path: &str,
) -> Result<Cow<'static, [u8]>, ArchiveError> {
    if path == DEFAULT_ICON_PATH {
        return Ok(Cow::Borrowed(DEFAULT_ICON));
    }
    let name = entry_name(path);
    if name == START_PAGE && Manifest::of(archive)?.needs_newer() {
        return Ok(Cow::Borrowed(TOO_OLD_PAGE.as_bytes()));
    }
    let bytes = archive.read(name, MAX_ENTRY)?;
    if icon::is_icon(name) {
        icon::check(&bytes)?;
    }
    Ok(Cow::Owned(bytes))
}
