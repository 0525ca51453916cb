//! Settings of a profile: the stored values with their defaults.

use volary_storage::records::TextRecord;
use volary_storage::tables::CONFIG;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::ids::ProfileId;
pub use crate::ground::settings::key;
use crate::ground::settings::{default_number, default_of};

/// The stored value.
pub fn stored(view: &impl View, profile: ProfileId, name: &str) -> Result<Option<String>, StoreError> {
    Ok(view.get(&CONFIG, &(profile, name.to_owned()))?.map(|record| record.text))
}

/// The stored value or the default.
pub fn get(view: &impl View, profile: ProfileId, name: &str) -> Result<Option<String>, StoreError> {
    Ok(stored(view, profile, name)?.or_else(|| default_of(name).map(str::to_owned)))
}

/// A switch: on iff the value is a number other than 0.
pub fn flag(view: &impl View, profile: ProfileId, name: &str) -> Result<bool, StoreError> {
    Ok(number(view, profile, name)? != 0)
}

/// Whether own devices tell each other of changes. What is changed meanwhile stays a matter of this device.
pub fn shares_changes(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    Ok(flag(view, profile, key::SYNC_MSGS)?
        && flag(view, profile, key::BCC_SELF)?
        && !flag(view, profile, key::BOT)?)
}

/// A number; 0 if unset or no number.
pub fn number(view: &impl View, profile: ProfileId, name: &str) -> Result<i64, StoreError> {
    Ok(get(view, profile, name)?.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

/// Receipts are requested: as set, by default on, but off for bots.
pub fn requests_receipts(view: &impl View, profile: ProfileId) -> Result<bool, StoreError> {
    match stored(view, profile, key::MDNS_ENABLED)? {
        Some(text) => Ok(text.trim() == "1"),
        None => Ok(!flag(view, profile, key::BOT)?),
    }
}

/// How long a gossiped key is not gossiped again in the same chat, in seconds.
pub fn gossip_period(view: &impl View, profile: ProfileId) -> Result<i64, StoreError> {
    Ok(get(view, profile, key::GOSSIP_PERIOD)?
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| default_number(key::GOSSIP_PERIOD)))
}

/// How long a changed relay list must rest before it is announced, in seconds.
pub fn keyupdate_debounce(view: &impl View, profile: ProfileId) -> Result<i64, StoreError> {
    let text = get(view, profile, key::KEYUPDATE_DEBOUNCE)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or_else(|| default_number(key::KEYUPDATE_DEBOUNCE)))
}

/// Stores a value or removes it.
pub fn set(tx: &mut Tx<'_, '_>, name: &str, value: Option<&str>) -> Result<(), StoreError> {
    let at = (tx.profile, name.to_owned());
    match value {
        Some(text) => tx.store.put(&CONFIG, &at, &TextRecord { text: text.to_owned() }),
        None => tx.store.remove(&CONFIG, &at).map(|_| ()),
    }
}
