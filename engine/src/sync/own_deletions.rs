//! Messages that another own device has deleted before they came to this one. When they come they do what they say, as
//! they did there, and go.

use volary_storage::records::{KnownMail, TimeRecord};
use volary_storage::tables::PENDING_DELETIONS;
use volary_storage::{StoreError, View as _};

use crate::chat::requests;
use crate::ground::db::Tx;
use crate::ground::error::Outcome;
use crate::ground::ids::{ContactId, ProfileId};
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

/// Whether a message that comes is to go.
pub fn is_deleted(tx: &Tx<'_, '_>, mid: &str) -> Result<bool, StoreError> {
    tx.store.contains(&PENDING_DELETIONS, &key(tx.profile, mid))
}

/// The message came: it goes.
pub fn make(tx: &mut Tx<'_, '_>, mid: &str) -> Outcome<()> {
    tx.store.remove(&PENDING_DELETIONS, &key(tx.profile, mid))?;
    match messages::by_mid(tx.store, tx.profile, mid)? {
        Some((message, _)) => requests::delete_messages(tx, &[message]),
        None => Ok(()),
    }
}
