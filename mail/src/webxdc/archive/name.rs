//! Names of entries. They are compared with the paths that an app asks for, and never become paths of a file system.
//! Names that only make sense as an attack on a program that unpacks are refused all the same: the file travels on.

use std::fmt;

use super::bounds::MAX_NAME;

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameFault {
    /// Nothing.
    Empty,
    /// More than [`MAX_NAME`] bytes.
    Long,
    /// NUL or another control character.
    Control,
    /// From the root of a file system or a drive.
    Absolute,
    /// A step to the parent folder.
    Traversal,
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "is empty",
            Self::Long => "is too long",
            Self::Control => "has control characters",
            Self::Absolute => "is an absolute path",
            Self::Traversal => "leads out of the archive",
        })
    }
}

/// Looks for faults. Backslashes count as separators, because some programs take them for such.
pub(super) fn check(name: &[u8]) -> Result<(), NameFault> {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    match name {
        [] => Err(NameFault::Empty),
        _ if name.len() > MAX_NAME => Err(NameFault::Long),
        _ if name.iter().any(u8::is_ascii_control) => Err(NameFault::Control),
        [first, ..] if is_separator(first) => Err(NameFault::Absolute),
        [drive, b':', ..] if drive.is_ascii_alphabetic() => Err(NameFault::Absolute),
        _ if name.split(is_separator).any(|part| part == b"..") => Err(NameFault::Traversal),
        _ => Ok(()),
    }
}
