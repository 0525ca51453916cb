//! One account: its password, folders, annotations and the bell that wakes its sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use super::{Folder, INBOX, PasswordHash};

/// Push tokens kept for one account.
pub(crate) const MAX_DEVICE_TOKENS: usize = 16;

/// Bytes of one push token.
pub(crate) const MAX_DEVICE_TOKEN: usize = 4096;

/// A mailbox owner.
pub(crate) struct Account {
    address: String,
    state: Mutex<AccountState>,
    changed: Notify,
    sessions: AtomicUsize,
}

/// What is guarded by the account's lock. The lock is never held across an await.
pub(crate) struct AccountState {
    pub(crate) password: PasswordHash,
    pub(crate) folders: BTreeMap<String, Folder>,
    pub(crate) quota_kib: u64,
    pub(crate) device_tokens: BTreeSet<String>,
    last_validity: u32,
}

impl AccountState {
    pub(crate) fn new(password: PasswordHash, quota_kib: u64) -> Self {
        Self {
            password,
            folders: BTreeMap::new(),
            quota_kib,
            device_tokens: BTreeSet::new(),
            last_validity: 0,
        }
    }

    /// Makes a folder. Its UIDVALIDITY is the current time, and never one that this account used before.
    pub(crate) fn create_folder(&mut self, name: &str, now: i64) -> &mut Folder {
        let validity = self.next_validity(now);
        self.folders.entry(name.to_owned()).or_insert_with(|| Folder::new(validity))
    }

    pub(crate) fn next_validity(&mut self, now: i64) -> u32 {
        let now = u32::try_from(now).unwrap_or(1);
        self.last_validity = now.max(self.last_validity.saturating_add(1)).max(1);
        self.last_validity
    }

    /// Puts in a folder that was read from disk.
    pub(crate) fn restore_folder(&mut self, name: String, folder: Folder) {
        self.last_validity = self.last_validity.max(folder.validity());
        self.folders.insert(name, folder);
    }

    pub(crate) fn used_bytes(&self) -> u64 {
        self.folders.values().map(Folder::bytes).sum()
    }

    /// Whether `more` bytes fit into the quota.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        self.used_bytes() + more as u64 <= self.quota_kib.saturating_mul(1024)
    }
}

impl Account {
    pub(crate) fn new(address: String, state: AccountState) -> Self {
        Self { address, state: Mutex::new(state), changed: Notify::new(), sessions: AtomicUsize::new(0) }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, AccountState> {
        self.state.lock()
    }

    /// The bell that rings after every change of the mailbox.
    pub(crate) fn changed(&self) -> &Notify {
        &self.changed
    }

    /// Wakes all idle sessions of this account.
    pub(crate) fn ring(&self) {
        self.changed.notify_waiters();
    }

    /// Counts a session in, unless there are `limit` already.
    pub(crate) fn lease(self: &Arc<Self>, limit: usize) -> Option<Lease> {
        let admit = |count| (count < limit).then_some(count + 1);
        self.sessions.fetch_update(Ordering::AcqRel, Ordering::Acquire, admit).ok()?;
        Some(Lease { account: Arc::clone(self) })
    }
}

/// A session's hold on its account; the session is counted out when it is dropped.
pub(crate) struct Lease {
    pub(crate) account: Arc<Account>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.account.sessions.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Folder names compare exactly, except that INBOX is known in any case (RFC 3501, section 5.1).
pub(crate) fn canonical_folder(name: &str) -> &str {
    if name.eq_ignore_ascii_case(INBOX) { INBOX } else { name }
}
