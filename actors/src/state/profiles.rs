//! Removing everything that belongs to a profile.

use volary_storage::StoreError;
use volary_storage::tables as t;

use crate::db::Tx;

/// Removes all rows of a profile, the registry entry included. Its folder is the caller's business.
pub fn erase(tx: &mut Tx<'_, '_>, profile: u32) -> Result<(), StoreError> {
    macro_rules! erase {
        ($($table:ident)*) => { $( tx.store.remove_prefix(&t::$table, &profile)?; )* };
    }
    erase!(
        CONFIG KEYS TRANSPORTS REMOVED_TRANSPORTS CONTACTS CONTACT_BY_FINGERPRINT CONTACT_BY_ADDR CERTIFICATES CHATS
        CHAT_BY_GROUP_ID SINGLE_CHAT MEMBERS CHATS_OF_CONTACT GOSSIPED MESSAGES CHAT_MESSAGES FRESH HIDDEN_MESSAGES
        KNOWN_MAIL RECEIPTS REACTIONS PENDING_REACTIONS DEVICE_LABELS SERVER_COPIES COPIES_BY_MID PENDING_FLAGS OUTBOX
        RECEIPT_JOBS TOKENS JOINS COUNTERS PROFILES
    );
    Ok(())
}
