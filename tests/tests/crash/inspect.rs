//! What a killed engine left on the disk, looked at in a copy: the engine itself has to cope with the original.

use std::collections::BTreeSet;
use std::path::Path;

use volary_storage::records::MessageState;
use volary_storage::tables::{CHAT_MESSAGES, KNOWN_MAIL, MESSAGES, OUTBOX, PROFILES};
use volary_storage::{FILE_NAME, Options, ProfileId, ReadTx, Store, StoreError, View};

/// What was found.
#[derive(Default)]
pub struct Remains {
    /// Texts of all messages.
    pub texts: BTreeSet<String>,
    /// Message-IDs that are known.
    pub known: BTreeSet<String>,
    /// Changes of which only a part is there.
    pub halves: Vec<String>,
}

impl Remains {
    /// Looks at a profile in the folder of an engine that does not run.
    pub fn of(dir: &Path, profile: u32) -> Self {
        let profile = ProfileId::new(profile);
        let copy = tempfile::tempdir().expect("a folder for the copy");
        std::fs::copy(dir.join(FILE_NAME), copy.path().join(FILE_NAME)).expect("the database is copied");
        let store = Store::open(copy.path(), Options::default()).expect("the database opens after a crash");
        let look = |tx: &ReadTx| {
            let mut remains = Self::default();
            remains.messages(tx, dir, profile)?;
            remains.queue(tx, profile)?;
            for row in tx.scan_prefix(&KNOWN_MAIL, &profile)? {
                remains.known.insert(row?.0.1);
            }
            Ok::<_, StoreError>(remains)
        };
        let remains = store.read(look).expect("every row can be read");
        store.close().expect("the copy closes");
        remains
    }

    /// Message, index, Message-ID and file are one change.
    fn messages(&mut self, tx: &ReadTx, dir: &Path, profile: ProfileId) -> Result<(), StoreError> {
        let uuid = tx.get(&PROFILES, &profile)?.map(|record| record.uuid).unwrap_or_default();
        let blobs = dir.join(uuid).join("dc.db-blobs");
        for row in tx.scan_prefix(&MESSAGES, &profile)? {
            let ((_, id), record) = row?;
            let listed = !record.hidden && record.state != MessageState::OutDraft;
            if listed && !tx.contains(&CHAT_MESSAGES, &(profile, record.chat, record.sort, id))? {
                self.halves.push(format!("message {id} is not in its chat"));
            }
            if !record.mid.is_empty() && !tx.contains(&KNOWN_MAIL, &(profile, record.mid.clone()))? {
                self.halves.push(format!("message {id} has an unknown Message-ID"));
            }
            if !record.blob.is_empty() && !blobs.join(&record.blob).is_file() {
                self.halves.push(format!("message {id} has no file"));
            }
            self.texts.insert(record.text);
        }
        for row in tx.scan_prefix(&CHAT_MESSAGES, &profile)? {
            let ((_, _, _, id), _) = row?;
            if !tx.contains(&MESSAGES, &(profile, id))? {
                self.halves.push(format!("message {id} is in its chat, but not there"));
            }
        }
        Ok(())
    }

    /// A queued mail has its message, and a message that waits is queued.
    fn queue(&mut self, tx: &ReadTx, profile: ProfileId) -> Result<(), StoreError> {
        let mut queued = BTreeSet::new();
        for row in tx.scan_prefix(&OUTBOX, &profile)? {
            let (_, job) = row?;
            if !tx.contains(&MESSAGES, &(profile, job.message))? {
                self.halves.push(format!("message {} is queued, but not there", job.message));
            }
            queued.insert(job.message);
        }
        for row in tx.scan_prefix(&MESSAGES, &profile)? {
            let ((_, id), record) = row?;
            if record.state == MessageState::OutPending && !queued.contains(&id) {
                self.halves.push(format!("message {id} waits, but is not queued"));
            }
        }
        Ok(())
    }
}
