//! Settings of a profile: the stored values with their defaults.

use volary_storage::records::TextRecord;
use volary_storage::tables::CONFIG;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;

/// Names of settings that the engine itself uses.
pub mod key {
    #![allow(missing_docs)]
    pub const DISPLAYNAME: &str = "displayname";
    pub const SELFSTATUS: &str = "selfstatus";
    pub const SELFAVATAR: &str = "selfavatar";
    pub const BCC_SELF: &str = "bcc_self";
    pub const MDNS_ENABLED: &str = "mdns_enabled";
    pub const CONFIGURED_ADDR: &str = "configured_addr";
    pub const CONFIGURED: &str = "configured";
    pub const CONFIGURED_TIMESTAMP: &str = "configured_timestamp";
    pub const BOT: &str = "bot";
    pub const SKIP_START_MESSAGES: &str = "skip_start_messages";
    pub const LAST_MSG_ID: &str = "last_msg_id";
    pub const GOSSIP_PERIOD: &str = "gossip_period";
    pub const FORCE_ENCRYPTION: &str = "force_encryption";
    pub const TEAM_PROFILE: &str = "team_profile";
    pub const DOWNLOAD_LIMIT: &str = "download_limit";
    pub const DELETE_DEVICE_AFTER: &str = "delete_device_after";
    pub const SYNC_MSGS: &str = "sync_msgs";
    pub const DISABLE_IDLE: &str = "disable_idle";
    pub const SELF_CHAT_ADDED: &str = "self-chat-added";
    pub const PRIVATE_TAG: &str = "private_tag";
    pub const SIMULATE_RECEIVE_ERROR: &str = "simulate_receive_imf_error";
    pub const KEYUPDATE_BASELINE: &str = "keyupdate_baseline";
    pub const KEYUPDATE_DEBOUNCE: &str = "keyupdate_debounce";
}

/// Gossip period if none is set: two days.
const DEFAULT_GOSSIP_PERIOD: i64 = 172_800;
/// Wait before relay changes are announced, in seconds.
const DEFAULT_KEYUPDATE_DEBOUNCE: i64 = 30;

/// The default of a setting, if it has one.
pub fn default_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "bcc_self" | "media_quality" | "delete_device_after" | "skip_start_messages" | "download_limit" => {
            "0"
        }
        "debug_logging" | "disable_idle" => "0",
        "mdns_enabled" | "sync_msgs" | "force_encryption" | "webxdc_realtime_enabled" | "who_can_call_me" => {
            "1"
        }
        "configured_inbox_folder" => "INBOX",
        "gossip_period" => "172800",
        "keyupdate_debounce" => "30",
        "keyupdate_baseline" => "",
        _ => return None,
    })
}

/// The stored value.
pub fn stored(view: &impl View, profile: u32, name: &str) -> Result<Option<String>, StoreError> {
    Ok(view.get(&CONFIG, &(profile, name.to_owned()))?.map(|record| record.text))
}

/// The stored value or the default.
pub fn get(view: &impl View, profile: u32, name: &str) -> Result<Option<String>, StoreError> {
    Ok(stored(view, profile, name)?.or_else(|| default_of(name).map(str::to_owned)))
}

/// A switch: on iff the value is a number other than 0.
pub fn flag(view: &impl View, profile: u32, name: &str) -> Result<bool, StoreError> {
    Ok(number(view, profile, name)? != 0)
}

/// A number; 0 if unset or no number.
pub fn number(view: &impl View, profile: u32, name: &str) -> Result<i64, StoreError> {
    Ok(get(view, profile, name)?.and_then(|text| text.trim().parse().ok()).unwrap_or(0))
}

/// Receipts are requested: as set, by default on, but off for bots.
pub fn requests_receipts(view: &impl View, profile: u32) -> Result<bool, StoreError> {
    match stored(view, profile, key::MDNS_ENABLED)? {
        Some(text) => Ok(text.trim() == "1"),
        None => Ok(!flag(view, profile, key::BOT)?),
    }
}

/// How long a gossiped key is not gossiped again in the same chat, in seconds.
pub fn gossip_period(view: &impl View, profile: u32) -> Result<i64, StoreError> {
    Ok(get(view, profile, key::GOSSIP_PERIOD)?
        .and_then(|text| text.parse().ok())
        .unwrap_or(DEFAULT_GOSSIP_PERIOD))
}

/// How long a changed relay list must rest before it is announced, in seconds.
pub fn keyupdate_debounce(view: &impl View, profile: u32) -> Result<i64, StoreError> {
    let text = get(view, profile, key::KEYUPDATE_DEBOUNCE)?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(DEFAULT_KEYUPDATE_DEBOUNCE))
}

/// Stores a value or removes it.
pub fn set(tx: &mut Tx<'_, '_>, name: &str, value: Option<&str>) -> Result<(), StoreError> {
    let at = (tx.profile, name.to_owned());
    match value {
        Some(text) => tx.store.put(&CONFIG, &at, &TextRecord { text: text.to_owned() }),
        None => tx.store.remove(&CONFIG, &at).map(|_| ()),
    }
}
