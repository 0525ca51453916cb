//! The command line of both programs.

use std::ffi::OsString;
use std::path::PathBuf;

use thiserror::Error;

/// What the programs are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder of the profiles.
    pub folder: PathBuf,
    /// The number of the profile; not set: the first one.
    pub profile: Option<u32>,
}

/// Why the command line is not understood, or what it asks for instead of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// The user asks how the program is used.
    #[error("PROGRAM FOLDER [PROFILE]")]
    Help,
    /// No folder is named.
    #[error("name the folder of the profiles")]
    NoFolder,
    /// A profile is a number.
    #[error("{0:?} is no number of a profile")]
    NoNumber(String),
    /// There are more words than expected.
    #[error("{0:?} is one word too many")]
    TooMany(String),
}

impl Options {
    /// Reads the words after the name of the program.
    pub fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, OptionsError> {
        let mut words = words.into_iter();
        let folder = words.next().ok_or(OptionsError::NoFolder)?;
        if folder == "--help" || folder == "-h" {
            return Err(OptionsError::Help);
        }
        let profile = words.next().map(|word| word.to_string_lossy().into_owned());
        let profile =
            profile.map(|word| word.parse().map_err(|_| OptionsError::NoNumber(word))).transpose()?;
        match words.next() {
            Some(word) => Err(OptionsError::TooMany(word.to_string_lossy().into_owned())),
            None => Ok(Self { folder: folder.into(), profile }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, OptionsError> {
        Options::read(words.iter().map(OsString::from))
    }

    #[test]
    fn a_folder_is_needed_and_a_profile_may_be_named() {
        let folder = PathBuf::from("profiles");
        assert_eq!(read(&["profiles"]), Ok(Options { folder: folder.clone(), profile: None }));
        assert_eq!(read(&["profiles", "7"]), Ok(Options { folder, profile: Some(7) }));
        assert_eq!(read(&[]), Err(OptionsError::NoFolder));
        assert_eq!(read(&["profiles", "seven"]), Err(OptionsError::NoNumber("seven".to_owned())));
        assert_eq!(read(&["profiles", "7", "8"]), Err(OptionsError::TooMany("8".to_owned())));
        assert_eq!(read(&["--help"]), Err(OptionsError::Help));
    }
}
