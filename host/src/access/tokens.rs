//! Tokens: who may connect, and what he may do. The file holds hashes only; a token is shown once, when it is made.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::rules::Access;

/// The file, in the folder of the engine.
const FILE: &str = "tokens.toml";
/// Bytes of a token, which are random.
const TOKEN_BYTES: usize = 32;
/// What tokens begin with, so that a person and a scanner of secrets recognise them.
const PREFIX: &str = "volary_";
/// Longest name of a token.
const MAX_NAME: usize = 64;
/// Most tokens of a folder.
const MAX_TOKENS: usize = 1000;

/// Why tokens cannot be used.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read or written.
    #[error("{path}: {error}")]
    File {
        /// The file of tokens.
        path: PathBuf,
        /// What is wrong.
        error: io::Error,
    },
    /// The file is not what this library writes.
    #[error("{path} cannot be understood: {error}")]
    Form {
        /// The file of tokens.
        path: PathBuf,
        /// What is wrong.
        error: Box<toml::de::Error>,
    },
    /// There is one of this name.
    #[error("there is a token named {0:?} already")]
    Taken(String),
    /// There is none of this name.
    #[error("there is no token named {0:?}")]
    Unknown(String),
    /// The name is not usable.
    #[error("{0:?} is no name for a token: 1 to 64 letters, digits, dots, dashes and underscores")]
    Name(String),
    /// There are too many.
    #[error("there are {MAX_TOKENS} tokens already")]
    TooMany,
}

/// A token without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInfo {
    /// What the user calls it.
    pub name: String,
    /// BLAKE3 of the token, hexadecimal. A token has 256 random bits, so that a plain hash suffices.
    hash: String,
    /// The profiles that it may use; none = all, and the process as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profiles: Option<BTreeSet<u32>>,
    /// It may not change anything.
    #[serde(default)]
    pub read_only: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    token: Vec<TokenInfo>,
}

/// The tokens of a folder. Other processes may change the file: it is looked at for each question, and read when it is
/// another one, so that a stranger who tries tokens costs no more than that.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: PathBuf,
    known: Arc<Mutex<Option<Known>>>,
}

/// What was read last.
type Known = (Stamp, Arc<Content>);

/// What tells one file of tokens from another: it is replaced as a whole, which gives it a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    number: u64,
    changed: Option<SystemTime>,
    bytes: u64,
}

impl Tokens {
    /// The tokens of the engine in this folder.
    pub fn of(folder: &Path) -> Self {
        Self { path: folder.join(FILE), known: Arc::default() }
    }

    /// All of them.
    pub fn list(&self) -> Result<Vec<TokenInfo>, TokenError> {
        Ok(self.read()?.token.clone())
    }

    /// Makes a token and returns it. It is not stored and cannot be shown again.
    pub fn add(&self, name: &str, access: Access) -> Result<String, TokenError> {
        let usable = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(usable) {
            return Err(TokenError::Name(name.to_owned()));
        }
        let mut content = Content::clone(&*self.read()?);
        if content.token.iter().any(|token| token.name == name) {
            return Err(TokenError::Taken(name.to_owned()));
        }
        if content.token.len() >= MAX_TOKENS {
            return Err(TokenError::TooMany);
        }
        let secret: [u8; TOKEN_BYTES] = rand::random();
        let token = format!("{PREFIX}{}", hex::encode(secret));
        let hash = blake3::hash(token.as_bytes()).to_hex().to_string();
        let Access { profiles, read_only } = access;
        content.token.push(TokenInfo { name: name.to_owned(), hash, profiles, read_only });
        self.write(&content)?;
        Ok(token)
    }

    /// Takes a token back. Connections that use it end within half a minute.
    pub fn remove(&self, name: &str) -> Result<(), TokenError> {
        let mut content = Content::clone(&*self.read()?);
        let before = content.token.len();
        content.token.retain(|token| token.name != name);
        if content.token.len() == before {
            return Err(TokenError::Unknown(name.to_owned()));
        }
        self.write(&content)
    }

    /// The token that somebody shows, if it is one.
    pub fn find(&self, shown: &str) -> Result<Option<TokenInfo>, TokenError> {
        let shown = blake3::hash(shown.as_bytes());
        let mut found = None;
        let content = self.read()?;
        for token in &content.token {
            // The comparison of this type takes the same time wherever the difference is.
            if blake3::Hash::from_hex(&token.hash).is_ok_and(|hash| hash == shown) {
                found = Some(token);
            }
        }
        Ok(found.cloned())
    }

    /// Whether a token is still valid, with what it allowed when it was shown.
    pub fn still_holds(&self, token: &TokenInfo) -> Result<bool, TokenError> {
        Ok(self.read()?.token.contains(token))
    }

    fn read(&self) -> Result<Arc<Content>, TokenError> {
        let failed = |error| TokenError::File { path: self.path.clone(), error };
        let about = match fs::metadata(&self.path) {
            Ok(about) => about,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(failed(error)),
        };
        let stamp = Stamp { number: about.ino(), changed: about.modified().ok(), bytes: about.len() };
        let mut known = self.known.lock();
        if let Some((known, content)) = &*known
            && *known == stamp
        {
            return Ok(content.clone());
        }
        let text = match fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Arc::default()),
            Err(error) => return Err(failed(error)),
        };
        let content: Content = toml::from_str(&text)
            .map_err(|error| TokenError::Form { path: self.path.clone(), error: Box::new(error) })?;
        let content = Arc::new(content);
        *known = Some((stamp, content.clone()));
        Ok(content)
    }

    fn write(&self, content: &Content) -> Result<(), TokenError> {
        let failed = |error| TokenError::File { path: self.path.clone(), error };
        let text = toml::to_string(content).map_err(|error| failed(io::Error::other(error)))?;
        // Whole or not at all.
        let fresh = self.path.with_extension("toml.new");
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&fresh).map_err(failed)?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&fresh, &self.path).map_err(failed)
    }
}

impl TokenInfo {
    /// What it allows.
    pub fn access(&self) -> Access {
        Access { profiles: self.profiles.clone(), read_only: self.read_only }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_until_it_is_removed_and_its_text_is_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Tokens::of(folder.path());
        assert_eq!(tokens.find("anything").unwrap(), None);
        let access = Access { profiles: Some([1, 5].into()), read_only: true };
        let token = tokens.add("desktop", access.clone()).unwrap();
        let found = tokens.find(&token).unwrap().unwrap();
        assert_eq!((found.name.as_str(), found.access()), ("desktop", access));
        assert!(!fs::read_to_string(folder.path().join(FILE)).unwrap().contains(&token));
        assert!(matches!(tokens.add("desktop", Access::default()), Err(TokenError::Taken(_))));
        assert!(matches!(tokens.add("a b", Access::default()), Err(TokenError::Name(_))));
        assert!(tokens.still_holds(&found).unwrap());
        tokens.remove("desktop").unwrap();
        assert!(!tokens.still_holds(&found).unwrap());
        assert_eq!(tokens.find(&token).unwrap(), None);
        assert!(matches!(tokens.remove("desktop"), Err(TokenError::Unknown(_))));
    }

    #[test]
    fn a_file_that_makes_no_sense_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "token = 7").unwrap();
        let tokens = Tokens::of(folder.path());
        assert!(matches!(tokens.find("x"), Err(TokenError::Form { .. })));
        assert!(matches!(tokens.add("x", Access::default()), Err(TokenError::Form { .. })));
    }
}
