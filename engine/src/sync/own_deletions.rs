//! Messages that another own device has deleted before they came to this one. When they come they do what they say, as
//! they did there, and go.

use volary_storage::records::{KnownMail, TimeRecord};
use volary_storage::tables::PENDING_DELETIONS;
use volary_storage::{StoreError, View as _};

use crate::chat::requests;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ContactId, ProfileId};
use crate::state::forgotten::digest_of;
use crate::state::messages;

/// Deletions by authors have the author in this place.
const BY_OWN_DEVICE: ContactId = ContactId::NONE;

fn key(profile: ProfileId, mid: &str) -> (ProfileId, String, ContactId) {
    (profile, mid.to_owned(), BY_OWN_DEVICE)
}

/// Notes that a message is to go when it comes, unless it was here.
pub fn note(tx: &mut Tx<'_, '_>, mid: &str) -> Result<(), StoreError> {
    let known = messages::known(tx.store, tx.profile, mid)?.map(|known| known.kind);
    if matches!(known, None | Some(KnownMail::Nothing | KnownMail::Available)) {
        let now = TimeRecord { time: tx.now };
        tx.store.put(&PENDING_DELETIONS, &key(tx.profile, mid), &now)?;
    }
    Ok(())
}

/// Notes that a message was deleted with its chat; of it only a digest is known.
pub fn note_chat(tx: &mut Tx<'_, '_>, digest: &str) -> Result<(), StoreError> {
    let now = TimeRecord { time: tx.now };
    tx.store.put(&PENDING_DELETIONS, &key(tx.profile, &by_digest(digest)), &now)
}

/// No Message-ID looks like this.
fn by_digest(digest: &str) -> String {
    format!("digest {digest}")
}

/// How a message was deleted before it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deleted {
    /// It was.
    Alone,
    /// Its whole chat was.
    WithChat,
}

/// Whether a message that comes is to go.
pub fn deleted(tx: &Tx<'_, '_>, mid: &str) -> Result<Option<Deleted>, StoreError> {
    if tx.store.contains(&PENDING_DELETIONS, &key(tx.profile, &by_digest(&digest_of(mid))))? {
        return Ok(Some(Deleted::WithChat));
    }
    Ok(tx.store.contains(&PENDING_DELETIONS, &key(tx.profile, mid))?.then_some(Deleted::Alone))
}

/// The message came: it goes.
pub fn make(tx: &mut Tx<'_, '_>, mid: &str) -> Outcome<()> {
    for noted in [mid.to_owned(), by_digest(&digest_of(mid))] {
        tx.store.remove(&PENDING_DELETIONS, &key(tx.profile, &noted))?;
    }
    match messages::by_mid(tx.store, tx.profile, mid)? {
        Some((message, record)) => requests::forget_mail(tx, message, &record),
        None => Ok(()),
    }
}
