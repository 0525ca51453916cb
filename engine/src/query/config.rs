//! Settings: which there are, and their values.

use volary_proto::v1::ConfigEntry;
use volary_storage::View as _;
use volary_storage::tables::CONFIG;

use super::look::Look;
use crate::ground::error::{Failure, Outcome};
use crate::ground::version::API_VERSION;
use crate::state::config::{self, key};

/// Settings of clients begin with this; any name and text goes.
pub const UI_PREFIX: &str = "ui.";
/// Largest attachment that should be sent, in bytes.
const RECOMMENDED_BYTES: &str = "22806528";

/// All other settings, in the order in which they are listed.
pub const KEYS: &[&str] = &[
    "addr",
    "mail_server",
    "mail_user",
    "mail_pw",
    "mail_port",
    "mail_security",
    "imap_certificate_checks",
    "send_server",
    "send_user",
    "send_pw",
    "send_port",
    "send_security",
    "proxy_enabled",
    "proxy_url",
    "socks5_enabled",
    "socks5_host",
    "socks5_port",
    "socks5_user",
    "socks5_password",
    "displayname",
    "selfstatus",
    "selfavatar",
    "bcc_self",
    "mdns_enabled",
    "media_quality",
    "delete_device_after",
    "configured_addr",
    "configured_imap_servers",
    "configured_mail_server",
    "configured_mail_port",
    "configured_mail_security",
    "configured_mail_user",
    "configured_mail_pw",
    "configured_imap_certificate_checks",
    "configured_smtp_servers",
    "configured_send_server",
    "configured_send_port",
    "configured_send_security",
    "configured_send_user",
    "configured_send_pw",
    "configured_inbox_folder",
    "configured_timestamp",
    "configured",
    "is_muted",
    "private_tag",
    "sys.version",
    "sys.msgsize_max_recommended",
    "sys.config_keys",
    "bot",
    "skip_start_messages",
    "last_housekeeping",
    "backup_transfer_msg_id",
    "backup_transfer_timestamp",
    "last_reactions_broadcast",
    "last_cant_decrypt_outgoing_msgs",
    "last_autorelay",
    "autorelay",
    "autorelay_finished",
    "keyupdate_baseline",
    "keyupdate_debounce",
    "disable_idle",
    "donation_request_next_check",
    "download_limit",
    "sync_msgs",
    "debug_logging",
    "last_msg_id",
    "gossip_period",
    "key_id",
    "stats_sending",
    "stats_last_sent",
    "stats_last_update",
    "stats_id",
    "stats_last_old_contact_id",
    "webxdc_integration",
    "webxdc_realtime_enabled",
    "device_token",
    "encrypted_device_token",
    "simulate_receive_imf_error",
    "who_can_call_me",
    "team_profile",
    "force_encryption",
];

/// Refuses a name that is no setting.
pub fn check_key(name: &str) -> Outcome<()> {
    if name.starts_with(UI_PREFIX) || KEYS.contains(&name) {
        return Ok(());
    }
    Err(Failure::refused(format!("unknown key \"{name}\": Matching variant not found")))
}

/// A setting, or its default.
pub fn get(look: &Look<'_>, name: &str) -> Outcome<Option<String>> {
    check_key(name)?;
    Ok(match name {
        "sys.version" => Some(API_VERSION.to_owned()),
        "sys.msgsize_max_recommended" => Some(RECOMMENDED_BYTES.to_owned()),
        "sys.config_keys" => Some(format!(" {}  ", KEYS.join(" "))),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_names_and_those_of_clients_are_settings() {
        for known in ["displayname", "bot", "sys.version", "ui.anything at all", "ui."] {
            assert!(check_key(known).is_ok(), "{known}");
        }
        for unknown in ["nosuch", "DisplayName", "is_chatmail", "dbversion", "sys.nosuch", ""] {
            let refused = check_key(unknown).unwrap_err().to_string();
            assert_eq!(refused, format!("unknown key \"{unknown}\": Matching variant not found"));
        }
    }

    #[test]
    fn there_are_81_settings_without_repetition() {
        let mut sorted = KEYS.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!((sorted.len(), KEYS.len()), (81, 81));
    }
}
