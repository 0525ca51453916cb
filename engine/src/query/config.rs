//! Settings: which there are, and their values.

use volary_proto::v1::ConfigEntry;
use volary_storage::View as _;
use volary_storage::tables::CONFIG;

use super::look::Look;
use crate::ground::error::Outcome;
use crate::ground::settings::{UI_PREFIX, check_key, key, key_list};
use crate::ground::version::API_VERSION;
use crate::state::config;

/// Largest attachment that should be sent, in bytes.
const RECOMMENDED_BYTES: &str = "22806528";

/// A setting, or its default.
pub fn get(look: &Look<'_>, name: &str) -> Outcome<Option<String>> {
    check_key(name)?;
    Ok(match name {
        key::SYS_VERSION => Some(API_VERSION.to_owned()),
        key::SYS_MSGSIZE_MAX_RECOMMENDED => Some(RECOMMENDED_BYTES.to_owned()),
        key::SYS_CONFIG_KEYS => Some(key_list()),
        key::SELFAVATAR => config::stored(look.view, look.profile, name)?.and_then(|blob| look.path(&blob)),
        _ => config::get(look.view, look.profile, name)?,
    })
}

/// Several settings.
pub fn batch(look: &Look<'_>, names: &[String]) -> Outcome<Vec<ConfigEntry>> {
    names.iter().map(|name| Ok(ConfigEntry { key: name.clone(), value: get(look, name)? })).collect()
}

/// Names of the settings of clients.
pub fn ui_keys(look: &Look<'_>) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for row in look.view.scan_prefix(&CONFIG, &look.profile)? {
        let ((_, name), _) = row?;
        if name.starts_with(UI_PREFIX) {
            found.push(name);
        }
    }
    Ok(found)
}
