//! A folder of chatmail core becomes ours: every profile of it is copied into an engine, and the folder stays as it was.
//!
//! [`ForeignFolder::open`] finds the profiles and keeps others from opening the folder meanwhile; [`adopt`] copies them one by
//! one, each in full or not at all. What was copied before is not copied again, so an adoption that was interrupted goes on
//! when it is called again.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use thiserror::Error;
use volary_proto::{AdoptAccount, Adopted, Error, GetAllAccountIds, SelectAccount, SetAccountsOrder};

use crate::Engine;
use crate::directory::{CONFIG_FILE, LOCK_FILE, MAX_CONFIG_BYTES, is_ours};

/// Database of a profile, in its folder.
const DATABASE: &str = "dc.db";
/// What a plain database begins with.
const PLAIN: &[u8; 16] = b"SQLite format 3\0";

/// Why a folder cannot be adopted.
#[derive(Debug, Error)]
pub enum ForeignError {
    /// It cannot be read.
    #[error("{path:?}: {source}")]
    Io {
        /// The file or folder that was tried.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no folder of chatmail core.
    #[error("{0:?} has no accounts.toml: it is not a folder of chatmail core with its profiles")]
    NotThere(PathBuf),
    /// It is one of ours.
    #[error("{0:?} is a folder of Volary already")]
    Ours(PathBuf),
    /// `accounts.toml` makes no sense.
    #[error("{path:?} cannot be understood: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A program works on it.
    #[error("{0:?} is in use (its accounts.lock is held): end the program that uses it, and try again")]
    InUse(PathBuf),
}

/// A folder of chatmail core with its profiles. While this lives, chatmail core does not open it.
#[derive(Debug)]
pub struct ForeignFolder {
    accounts: Vec<ForeignAccount>,
    selected: Option<u32>,
    order: Vec<u32>,
    _lock: Option<File>,
}

/// A profile in a folder of chatmail core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignAccount {
    /// Its number there.
    pub id: u32,
    /// Its database.
    pub database: PathBuf,
    /// Names it for ever.
    pub uuid: String,
}

impl ForeignFolder {
    /// Opens a folder. Nothing in it is written.
    pub fn open(path: &Path) -> Result<Self, ForeignError> {
        let lock = lock(path)?;
        let config = path.join(CONFIG_FILE);
        let failed = |source| ForeignError::Io { path: config.clone(), source };
        let mut text = String::new();
        match File::open(&config) {
            Ok(file) => file.take(MAX_CONFIG_BYTES).read_to_string(&mut text).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ForeignError::NotThere(path.to_owned()));
            }
            Err(error) => return Err(failed(error)),
        };
        if is_ours(&text) {
            return Err(ForeignError::Ours(path.to_owned()));
        }
        let unreadable = |reason: String| ForeignError::Unreadable { path: config.clone(), reason };
        let table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| unreadable(error.message().to_owned()))?;
        let mut accounts = Vec::new();
        let listed = table.get("accounts").and_then(toml::Value::as_array);
        for (place, listed) in listed.into_iter().flatten().enumerate() {
            let account = account(path, listed);
            accounts.push(account.ok_or_else(|| {
                unreadable(format!("profile {} of its list has no id or folder", place + 1))
            })?);
        }
        accounts.sort_unstable_by_key(|account: &ForeignAccount| account.id);
        let order = table.get("accounts_order").and_then(toml::Value::as_array);
        Ok(Self {
            accounts,
            selected: table.get("selected_account").and_then(number).filter(|selected| *selected != 0),
            order: order.into_iter().flatten().filter_map(number).collect(),
            _lock: lock,
        })
    }

    /// The profiles, by number.
    pub fn accounts(&self) -> &[ForeignAccount] {
        &self.accounts
    }

    /// Whether a database is encrypted, so that a passphrase is needed.
    pub fn is_encrypted(&self) -> bool {
        self.accounts.iter().any(|account| {
            let mut start = [0; PLAIN.len()];
            let read = File::open(&account.database).and_then(|mut file| file.read_exact(&mut start));
            read.is_ok() && start != *PLAIN
        })
    }
}

fn account(folder: &Path, listed: &toml::Value) -> Option<ForeignAccount> {
    let id = listed.get("id").and_then(number)?;
    let dir = listed.get("dir").and_then(toml::Value::as_str)?;
    // Older releases wrote the whole path.
    let dir = Path::new(dir).file_name()?;
    let uuid = listed.get("uuid").and_then(toml::Value::as_str).unwrap_or_default();
    let uuid = if uuid.is_empty() { dir.to_string_lossy().into_owned() } else { uuid.to_owned() };
    Some(ForeignAccount { id, database: folder.join(dir).join(DATABASE), uuid })
}

fn number(value: &toml::Value) -> Option<u32> {
    u32::try_from(value.as_integer()?).ok()
}

/// Locks a folder, if it has the file for that: none is made.
fn lock(folder: &Path) -> Result<Option<File>, ForeignError> {
    let path = folder.join(LOCK_FILE);
    let failed = |source| ForeignError::Io { path: path.clone(), source };
    if !fs::metadata(folder).map_err(|source| ForeignError::Io { path: folder.to_owned(), source })?.is_dir()
    {
        return Err(ForeignError::NotThere(folder.to_owned()));
    }
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(ForeignError::InUse(folder.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}

/// Copies all profiles of a folder. `told` hears of each what came of it; one that fails does not stop the others.
///
/// If the engine has no other profiles, they keep their order, and the one that was selected there is selected; their numbers
/// stay, too, as far as the engine never gave them out.
pub async fn adopt(
    engine: &Engine,
    folder: &ForeignFolder,
    passphrase: Option<&str>,
    mut told: impl FnMut(&ForeignAccount, &Result<Adopted, Error>),
) -> Result<(), Error> {
    let mut places = Vec::new();
    for account in folder.accounts() {
        let call = AdoptAccount {
            path: account.database.to_string_lossy().into_owned(),
            passphrase: passphrase.map(str::to_owned),
            source: account.uuid.clone(),
            wanted_id: account.id,
        };
        let adopted = engine.call(0, call).await;
        told(account, &adopted);
        if let Ok(adopted) = adopted {
            places.push((account.id, adopted.profile_id));
        }
    }
    let ours = |id: &u32| places.iter().find(|(theirs, _)| theirs == id).map(|(_, ours)| *ours);
    let all = engine.call(0, GetAllAccountIds {}).await?.ids;
    if all.iter().any(|id| !places.iter().any(|(_, ours)| ours == id)) {
        return Ok(());
    }
    let account_ids: Vec<u32> = folder.order.iter().filter_map(ours).collect();
    if !account_ids.is_empty() {
        engine.call(0, SetAccountsOrder { account_ids }).await?;
    }
    if let Some(account_id) = folder.selected.as_ref().and_then(ours) {
        engine.call(0, SelectAccount { account_id }).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(config: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(CONFIG_FILE), config).unwrap();
        dir
    }

    #[test]
    fn the_list_of_profiles_is_read_in_the_forms_of_all_releases() {
        let dir = folder(
            "selected_account = 3\nnext_id = 4\naccounts_order = [\n    3,\n    1,\n]\n\n[[accounts]]\nid = 3\n\
             dir = \"/home/old/accounts/three\"\nuuid = \"u3\"\n\n[[accounts]]\nid = 1\ndir = \"one\"\nuuid = \"u1\"\n",
        );
        let found = ForeignFolder::open(dir.path()).unwrap();
        let accounts: Vec<_> =
            found.accounts().iter().map(|account| (account.id, account.uuid.as_str())).collect();
        assert_eq!(accounts, [(1, "u1"), (3, "u3")]);
        assert_eq!(found.accounts()[1].database, dir.path().join("three/dc.db"));
        assert_eq!((found.selected, &found.order[..]), (Some(3), &[3, 1][..]));
        assert!(!found.is_encrypted());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing was written");
        let none = folder("selected_account = 0\nnext_id = 1\n");
        let none = ForeignFolder::open(none.path()).unwrap();
        assert!(none.accounts().is_empty() && none.selected.is_none());
    }

    #[test]
    fn what_cannot_be_adopted_is_refused_with_its_reason() {
        let refusal = |path: &Path| ForeignFolder::open(path).unwrap_err().to_string();
        let empty = tempfile::tempdir().unwrap();
        assert!(refusal(empty.path()).contains("has no accounts.toml"));
        assert!(refusal(&empty.path().join("missing")).contains("No such file"));
        assert!(refusal(folder("engine = \"volary\"\n").path()).contains("already"));
        assert!(refusal(folder("[[accounts]]\nid = 1\n").path()).contains("profile 1 of its list"));
        assert!(refusal(folder("selected_account =").path()).contains("cannot be understood"));
        let used = folder("");
        let held = File::create(used.path().join(LOCK_FILE)).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        assert!(refusal(used.path()).contains("in use"));
        drop(held);
        assert!(ForeignFolder::open(used.path()).is_ok());
    }
}
