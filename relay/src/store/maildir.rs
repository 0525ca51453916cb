//! Mailboxes on disk, in the Maildir layout.
//!
//! ```text
//! ROOT/DOMAIN/LOCAL/password        salt and hash in hexadecimal
//! ROOT/DOMAIN/LOCAL/uids            UIDVALIDITY and a bound that no UID has reached yet
//! ROOT/DOMAIN/LOCAL/{tmp,new,cur}   INBOX
//! ROOT/DOMAIN/LOCAL/.Name/…         any other folder, as Maildir++ has it
//! ```
//!
//! A message lies in `new` while it has no flag and in `cur` otherwise; the file name carries date and UID
//! (`1795469054.U17.volary`). Memory is what sessions see. Changes travel to one writer thread in the order in which
//! they happened, and a session answers its client only after the writer has caught up.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;

use thiserror::Error;
use tokio::sync::oneshot;
use tracing::{error, warn};

use super::{Account, AccountState, Flags, Folder, HIERARCHY, INBOX, PasswordHash};
use crate::config::RelayError;

const PASSWORD_FILE: &str = "password";
const UID_FILE: &str = "uids";
const SUFFIX: &str = "volary";

/// UIDs reserved at once, so that the UID file is written once for that many messages.
const UID_RESERVE: u32 = 64;

/// Highest UID that a file name may claim; leaves UIDs for new messages.
const MAX_FILE_UID: u32 = u32::MAX / 2;

/// A change on its way to the disk.
pub(crate) enum DiskOp {
    Account {
        address: String,
        password: String,
    },
    Folder {
        address: String,
        folder: String,
        validity: u32,
        next_uid: u32,
    },
    Append {
        address: String,
        folder: String,
        uid: u32,
        validity: u32,
        date: i64,
        letters: String,
        data: Arc<[u8]>,
    },
    Flags {
        address: String,
        folder: String,
        uid: u32,
        date: i64,
        before: String,
        after: String,
    },
    Remove {
        address: String,
        folder: String,
        uid: u32,
        date: i64,
        letters: String,
    },
    RemoveFolder {
        address: String,
        folder: String,
    },
    RenameFolder {
        address: String,
        from: String,
        to: String,
    },
}

enum Order {
    Write(DiskOp),
    Settle(oneshot::Sender<Result<(), MaildirError>>),
}

/// A change could not be written.
#[derive(Clone, Debug, Error)]
#[error("the mail folder cannot be written: {0}")]
pub(crate) struct MaildirError(String);

/// The way to the writer thread, which ends when this is dropped.
pub(crate) struct Maildir {
    // Not bounded by itself: each session waits for the writer before it goes on, so the queue holds at most what one
    // command of each session can change.
    orders: mpsc::Sender<Order>,
}

impl Maildir {
    pub(crate) fn open(root: &Path) -> Result<Self, RelayError> {
        let (orders, incoming) = mpsc::channel();
        let root = root.to_owned();
        let failed = RelayErrorAt(root.clone());
        std::thread::Builder::new()
            .name("maildir".to_owned())
            .spawn(move || write_orders(&root, &incoming))
            .map_err(|source| failed.because(source))?;
        Ok(Self { orders })
    }

    pub(crate) fn record(&self, operation: DiskOp) {
        // The writer lives as long as this sender, so sending fails only if it panicked; `settle` reports that.
        let _ = self.orders.send(Order::Write(operation));
    }

    pub(crate) async fn settle(&self) -> Result<(), MaildirError> {
        let (done, wait) = oneshot::channel();
        let _ = self.orders.send(Order::Settle(done));
        wait.await.unwrap_or_else(|_| Err(MaildirError("the writer has stopped".to_owned())))
    }
}

fn write_orders(root: &Path, incoming: &mpsc::Receiver<Order>) {
    let mut failure = None;
    while let Ok(order) = incoming.recv() {
        match order {
            Order::Write(operation) => {
                if let Err(problem) = write(root, &operation) {
                    error!(%problem, "cannot write to the mail folder");
                    failure = Some(MaildirError(problem.to_string()));
                }
            }
            // The failure goes to whoever asks first. Others may have been hit instead, so it is logged as well.
            Order::Settle(done) => {
                let _ = done.send(failure.take().map_or(Ok(()), Err));
            }
        }
    }
}

fn write(root: &Path, operation: &DiskOp) -> io::Result<()> {
    match operation {
        DiskOp::Account { address, password } => {
            let home = home(root, address)?;
            fs::create_dir_all(&home)?;
            replace(&home.join(PASSWORD_FILE), password.as_bytes())
        }
        DiskOp::Folder { address, folder, validity, next_uid } => {
            let directory = directory(root, address, folder)?;
            for part in ["tmp", "new", "cur"] {
                fs::create_dir_all(directory.join(part))?;
            }
            write_uids(&directory, *validity, *next_uid)
        }
        DiskOp::Append { address, folder, uid, validity, date, letters, data } => {
            let directory = directory(root, address, folder)?;
            if uid % UID_RESERVE == 0 || *uid == 1 {
                write_uids(&directory, *validity, *uid)?;
            }
            let draft = directory.join("tmp").join(base_name(*uid, *date));
            fs::write(&draft, data)?;
            fs::rename(&draft, file(&directory, *uid, *date, letters))
        }
        DiskOp::Flags { address, folder, uid, date, before, after } => {
            let directory = directory(root, address, folder)?;
            fs::rename(file(&directory, *uid, *date, before), file(&directory, *uid, *date, after))
        }
        DiskOp::Remove { address, folder, uid, date, letters } => {
            let directory = directory(root, address, folder)?;
            match fs::remove_file(file(&directory, *uid, *date, letters)) {
                Err(problem) if problem.kind() != ErrorKind::NotFound => Err(problem),
                _ => Ok(()),
            }
        }
        DiskOp::RemoveFolder { address, folder } => fs::remove_dir_all(directory(root, address, folder)?),
        DiskOp::RenameFolder { address, from, to } => {
            fs::rename(directory(root, address, from)?, directory(root, address, to)?)
        }
    }
}

/// Writes the UID file with a bound above every UID of the next `UID_RESERVE` messages.
fn write_uids(directory: &Path, validity: u32, uid: u32) -> io::Result<()> {
    let bound = (uid / UID_RESERVE + 1) * UID_RESERVE;
    replace(&directory.join(UID_FILE), format!("{validity} {bound}\n").as_bytes())
}

/// Replaces a file as a whole.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    fs::write(&draft, content)?;
    fs::rename(&draft, path)
}

fn home(root: &Path, address: &str) -> io::Result<PathBuf> {
    let (local, domain) = address.rsplit_once('@').ok_or(ErrorKind::InvalidInput)?;
    Ok(root.join(domain).join(local))
}

fn directory(root: &Path, address: &str, folder: &str) -> io::Result<PathBuf> {
    let home = home(root, address)?;
    Ok(if folder == INBOX { home } else { home.join(directory_name(folder)) })
}

/// Directory of a folder: a dot, then the name with levels divided by dots and all other bytes outside letters, digits,
/// `-` and `_` written as `%XX`.
fn directory_name(folder: &str) -> String {
    let mut name = String::from(".");
    for byte in folder.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => name.push(char::from(byte)),
            _ if char::from(byte) == HIERARCHY => name.push('.'),
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name
}

fn folder_name(directory: &str) -> Option<String> {
    let mut bytes = directory.strip_prefix('.')?.bytes();
    let mut name = Vec::new();
    while let Some(byte) = bytes.next() {
        match byte {
            b'.' => name.push(HIERARCHY as u8),
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                name.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
            }
            _ => name.push(byte),
        }
    }
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

fn base_name(uid: u32, date: i64) -> String {
    format!("{date}.U{uid}.{SUFFIX}")
}

fn file(directory: &Path, uid: u32, date: i64, letters: &str) -> PathBuf {
    let base = base_name(uid, date);
    if letters.is_empty() {
        directory.join("new").join(base)
    } else {
        directory.join("cur").join(format!("{base}:2,{letters}"))
    }
}

/// Date, UID and flags of a file name that this relay wrote.
fn parse_file_name(name: &str) -> Option<(i64, u32, Flags)> {
    let (base, letters) = name.split_once(":2,").unwrap_or((name, ""));
    let mut parts = base.split('.');
    let date = parts.next()?.parse().ok()?;
    let uid = parts.next()?.strip_prefix('U')?.parse().ok()?;
    let own = parts.next() == Some(SUFFIX) && (1..=MAX_FILE_UID).contains(&uid);
    own.then(|| (date, uid, Flags::from_letters(letters)))
}

/// A path on which something may fail.
struct RelayErrorAt(PathBuf);

impl RelayErrorAt {
    fn because(self, source: io::Error) -> RelayError {
        RelayError::Maildir { path: self.0, source }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> RelayError {
    let place = RelayErrorAt(path.to_owned());
    move |source| place.because(source)
}

/// Reads all accounts below `root`, which is made if it does not exist.
pub(crate) fn load(root: &Path, quota_kib: u64, now: i64) -> Result<Vec<Account>, RelayError> {
    fs::create_dir_all(root).map_err(at(root))?;
    let mut accounts = Vec::new();
    for domain in subdirectories(root)? {
        for home in subdirectories(&domain)? {
            let (Some(domain), Some(local)) = (name_of(&domain), name_of(&home)) else { continue };
            let address = format!("{local}@{domain}");
            match fs::read_to_string(home.join(PASSWORD_FILE))
                .ok()
                .and_then(|text| PasswordHash::from_hex(&text))
            {
                Some(password) => accounts.push(load_account(&home, address, password, quota_kib, now)?),
                None => warn!(path = %home.display(), "no usable password file, account skipped"),
            }
        }
    }
    Ok(accounts)
}

fn load_account(
    home: &Path,
    address: String,
    password: PasswordHash,
    quota_kib: u64,
    now: i64,
) -> Result<Account, RelayError> {
    let mut state = AccountState::new(password, quota_kib);
    if let Some(inbox) = load_folder(home, &mut state, now)? {
        state.restore_folder(INBOX.to_owned(), inbox);
    }
    for directory in subdirectories(home)? {
        let Some(name) = name_of(&directory).and_then(|name| folder_name(&name)) else { continue };
        if let Some(folder) = load_folder(&directory, &mut state, now)? {
            state.restore_folder(name, folder);
        }
    }
    Ok(Account::new(address, state))
}

/// Reads one folder; `None` if the directory is none.
fn load_folder(directory: &Path, state: &mut AccountState, now: i64) -> Result<Option<Folder>, RelayError> {
    if !directory.join("new").is_dir() || !directory.join("cur").is_dir() {
        return Ok(None);
    }
    let text = fs::read_to_string(directory.join(UID_FILE)).unwrap_or_default();
    let mut numbers = text.split_whitespace().map_while(|word| word.parse::<u32>().ok());
    let mut folder = match (numbers.next(), numbers.next()) {
        (Some(validity), Some(bound)) if validity > 0 && (1..=MAX_FILE_UID).contains(&bound) => {
            Folder::restored(validity, bound)
        }
        // Without the file the old UIDs mean nothing, and a new UIDVALIDITY says so.
        _ => Folder::restored(state.next_validity(now), 1),
    };
    for part in ["new", "cur"] {
        let part = directory.join(part);
        for entry in fs::read_dir(&part).map_err(at(&part))? {
            let path = entry.map_err(at(&part))?.path();
            match name_of(&path).and_then(|name| parse_file_name(&name)) {
                Some((date, uid, flags)) => {
                    let data = fs::read(&path).map_err(at(&path))?;
                    folder.put(uid, data.into(), flags, date);
                }
                None => warn!(path = %path.display(), "not a message of this relay, skipped"),
            }
        }
    }
    Ok(Some(folder))
}

fn subdirectories(path: &Path) -> Result<Vec<PathBuf>, RelayError> {
    let mut directories = Vec::new();
    for entry in fs::read_dir(path).map_err(at(path))? {
        let path = entry.map_err(at(path))?.path();
        if path.is_dir() {
            directories.push(path);
        }
    }
    Ok(directories)
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folder_names_survive_the_disk(name in "[^\u{0}]{1,40}") {
            prop_assert_eq!(folder_name(&directory_name(&name)), Some(name));
        }

        #[test]
        fn directory_names_stay_inside_the_account(name in "\\PC{1,40}") {
            let directory = directory_name(&name);
            prop_assert!(!directory.contains('/') && directory.starts_with('.'));
        }

        #[test]
        fn any_file_name_is_read_without_panic(name in "\\PC{0,60}") {
            let _ = parse_file_name(&name);
            let _ = folder_name(&name);
        }
    }

    #[test]
    fn file_names_carry_date_uid_and_flags() {
        let mut flags = Flags::default();
        flags.set(Flags::SEEN);
        flags.set(Flags::DELETED);
        let path = file(Path::new("/m"), 17, 1_795_469_054, &flags.letters());
        assert_eq!(path, Path::new("/m/cur/1795469054.U17.volary:2,ST"));
        assert_eq!(parse_file_name("1795469054.U17.volary:2,ST"), Some((1_795_469_054, 17, flags)));
    }

    #[test]
    fn foreign_and_hostile_file_names_are_skipped() {
        for name in
            ["", "x", "1.U0.volary", "1.U4294967295.volary", "1.U-1.volary", "1.V1.volary", "1.U1.other:2,S"]
        {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
