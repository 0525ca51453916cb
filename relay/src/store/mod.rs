//! Accounts and their mail.

mod account;
mod flags;
mod folder;
mod maildir;
mod password;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::{Mutex, RwLock};
use tracing::{debug, info};

pub(crate) use account::{
    Account, AccountState, Lease, MAX_DEVICE_TOKEN, MAX_DEVICE_TOKENS, canonical_folder,
};
pub(crate) use flags::Flags;
pub(crate) use folder::{Folder, Message};
pub(crate) use maildir::{DiskOp, MaildirError};
pub(crate) use password::PasswordHash;

use crate::config::{AccountRules, RelayConfig, RelayError};
use maildir::Maildir;

/// The folder into which mail is delivered.
pub(crate) const INBOX: &str = "INBOX";

/// Character between the levels of a folder name.
pub(crate) const HIERARCHY: char = '/';

/// A message as [`Relay::mailbox`](crate::Relay::mailbox) shows it.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// UID in its folder.
    pub uid: u32,
    /// Flags and keywords, such as `\Seen`.
    pub flags: Vec<String>,
    /// Arrival, in Unix seconds.
    pub date: i64,
    /// The message as it was received.
    pub raw: Arc<[u8]>,
}

/// Why a login failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoginError {
    /// Wrong password, or an address or password that may not become an account.
    Refused,
    /// The relay holds as many accounts as it may.
    Full,
}

/// What became of a delivery to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    Stored,
    UnknownUser,
    OverQuota,
}

/// All accounts of a relay.
pub(crate) struct Mailstore {
    domains: Vec<String>,
    rules: AccountRules,
    max_accounts: usize,
    max_messages: usize,
    quota_kib: u64,
    accounts: RwLock<HashMap<String, Arc<Account>>>,
    disk: Option<Maildir>,
    /// Mail that is held back, while it is.
    held: Mutex<Option<Vec<HeldMail>>>,
}

/// A mail that was accepted but not delivered, see [`Relay::hold_mail`](crate::Relay::hold_mail).
#[derive(Clone, Debug)]
pub struct HeldMail {
    /// The mailbox that it is for.
    pub address: String,
    /// The mail as it would be delivered.
    pub raw: Arc<[u8]>,
}

/// Current time in Unix seconds.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Mailstore {
    /// Opens the store, reading what the Maildir folder holds if there is one.
    pub(crate) fn open(config: &RelayConfig) -> Result<Self, RelayError> {
        let mut accounts = HashMap::new();
        let disk = match &config.maildir {
            Some(root) => {
                for account in Self::load(root, config)? {
                    accounts.insert(account.address().to_owned(), Arc::new(account));
                }
                Some(Maildir::open(root)?)
            }
            None => None,
        };
        Ok(Self {
            domains: config.domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
            rules: config.accounts.clone(),
            max_accounts: config.limits.accounts,
            max_messages: config.limits.messages_per_folder,
            quota_kib: config.quota_kib,
            accounts: RwLock::new(accounts),
            disk,
            held: Mutex::default(),
        })
    }

    fn load(root: &Path, config: &RelayConfig) -> Result<Vec<Account>, RelayError> {
        let accounts = maildir::load(root, config.quota_kib, now())?;
        info!(accounts = accounts.len(), "mail folder read");
        Ok(accounts)
    }

    /// Logs in; the first login with a permitted address makes the account.
    pub(crate) fn login(&self, address: &str, password: &[u8]) -> Result<Arc<Account>, LoginError> {
        let known = self.get(address);
        let account = match known {
            Some(account) => account,
            None => self.create(address, password)?,
        };
        // Also when the account was just made: of two first logins at once, the password of the first one holds.
        let matches = account.lock().password.matches(password);
        if matches { Ok(account) } else { Err(LoginError::Refused) }
    }

    fn create(&self, address: &str, password: &[u8]) -> Result<Arc<Account>, LoginError> {
        if !self.may_become_account(address, password) {
            return Err(LoginError::Refused);
        }
        let mut state = AccountState::new(PasswordHash::of(password), self.quota_kib);
        state.create_folder(INBOX, now());
        let mut accounts = self.accounts.write();
        if let Some(account) = accounts.get(address) {
            return Ok(Arc::clone(account));
        }
        if accounts.len() >= self.max_accounts {
            return Err(LoginError::Full);
        }
        let account = Arc::new(Account::new(address.to_owned(), state));
        accounts.insert(address.to_owned(), Arc::clone(&account));
        let state = account.lock();
        self.record(|| DiskOp::Account { address: address.to_owned(), password: state.password.to_hex() });
        for (name, folder) in &state.folders {
            self.record_folder(address, name, folder);
        }
        drop(state);
        debug!(accounts = accounts.len(), "account created");
        Ok(account)
    }

    fn may_become_account(&self, address: &str, password: &[u8]) -> bool {
        let Some((local, domain)) = address.rsplit_once('@') else { return false };
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        self.rules.local_part.contains(&local.len())
            && local.bytes().all(allowed)
            // A name of dots alone would climb out of the mail folder.
            && local.bytes().any(|byte| byte != b'.')
            && password.len() >= self.rules.min_password
            && self.domains.iter().any(|own| own == domain)
    }

    pub(crate) fn get(&self, address: &str) -> Option<Arc<Account>> {
        self.accounts.read().get(address).cloned()
    }

    pub(crate) fn account_count(&self) -> usize {
        self.accounts.read().len()
    }

    pub(crate) fn is_local(&self, domain: &str) -> bool {
        self.domains.iter().any(|own| own == domain)
    }

    /// Delivers a message that a client has sent, or holds it back. The bytes are shared between recipients.
    pub(crate) fn deliver(&self, address: &str, data: &Arc<[u8]>) -> Delivery {
        if let Some(held) = self.held.lock().as_mut() {
            if self.get(address).is_none() {
                return Delivery::UnknownUser;
            }
            held.push(HeldMail { address: address.to_owned(), raw: Arc::clone(data) });
            return Delivery::Stored;
        }
        self.put(address, std::slice::from_ref(data))
    }

    /// Puts messages into the INBOX of an address. Sessions see all of them at once.
    pub(crate) fn put(&self, address: &str, mails: &[Arc<[u8]>]) -> Delivery {
        let Some(account) = self.get(address) else { return Delivery::UnknownUser };
        let mut state = account.lock();
        for data in mails {
            if !state.has_room(data.len()) {
                return Delivery::OverQuota;
            }
            let time = now();
            let folder = state.create_folder(INBOX, time);
            if folder.len() >= self.max_messages {
                return Delivery::OverQuota;
            }
            let uid = folder.append(Arc::clone(data), Flags::default(), time);
            self.record_append(&account, INBOX, folder, uid);
        }
        drop(state);
        account.ring();
        Delivery::Stored
    }

    /// Begins or ends to hold mail back; what was held is forgotten.
    pub(crate) fn hold(&self, on: bool) {
        *self.held.lock() = on.then(Vec::new);
    }

    /// Takes out what is held back.
    pub(crate) fn take_held(&self) -> Vec<HeldMail> {
        self.held.lock().as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The messages of one folder, for inspection.
    pub(crate) fn inspect(&self, address: &str, folder: &str) -> Option<Vec<StoredMessage>> {
        let account = self.get(address)?;
        let state = account.lock();
        let folder = state.folders.get(canonical_folder(folder))?;
        let stored = |(uid, message): (u32, &Message)| StoredMessage {
            uid,
            flags: message.flags.names().map(str::to_owned).collect(),
            date: message.date,
            raw: Arc::clone(&message.data),
        };
        Some(folder.iter().map(stored).collect())
    }

    /// Hands an operation to the disk writer, if there is one. Called under the account's lock, so that the order on
    /// disk is the order in memory.
    pub(crate) fn record(&self, operation: impl FnOnce() -> DiskOp) {
        if let Some(disk) = &self.disk {
            disk.record(operation());
        }
    }

    pub(crate) fn record_folder(&self, address: &str, name: &str, folder: &Folder) {
        self.record(|| DiskOp::Folder {
            address: address.to_owned(),
            folder: name.to_owned(),
            validity: folder.validity(),
            next_uid: folder.next_uid(),
        });
    }

    pub(crate) fn record_append(&self, account: &Account, name: &str, folder: &Folder, uid: u32) {
        let Some(message) = folder.get(uid) else { return };
        self.record(|| DiskOp::Append {
            address: account.address().to_owned(),
            folder: name.to_owned(),
            uid,
            validity: folder.validity(),
            date: message.date,
            letters: message.flags.letters(),
            data: Arc::clone(&message.data),
        });
    }

    /// Waits until everything recorded so far is on disk.
    pub(crate) async fn settle(&self) -> Result<(), MaildirError> {
        match &self.disk {
            Some(disk) => disk.settle().await,
            None => Ok(()),
        }
    }

    /// Sizes of all folders of an account, by name.
    pub(crate) fn folder_sizes(&self, address: &str) -> BTreeMap<String, usize> {
        let Some(account) = self.get(address) else { return BTreeMap::new() };
        let state = account.lock();
        state.folders.iter().map(|(name, folder)| (name.clone(), folder.len())).collect()
    }
}
