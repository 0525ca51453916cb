//! Changing settings: what is checked, and what follows.

use volary_mail::proxy::ProxyUrl;
use volary_proto::Error;
use volary_proto::v1::{ConfigEntry, event};
use volary_storage::View as _;
use volary_storage::tables::CONTACTS;

use super::files;
use crate::chat::{aging, names};
use crate::db::{Db, Tx};
use crate::error::{Failure, Outcome};
use crate::query::config::check_key;
use crate::state::config::{self, key};
use crate::state::{contacts, transports};

/// Settings that take 0 and 1 only.
const SWITCHES: &[&str] = &[
    "socks5_enabled",
    "proxy_enabled",
    "bcc_self",
    "mdns_enabled",
    "configured",
    "bot",
    "sync_msgs",
    "disable_idle",
];
/// Settings that own devices share.
const SHARED: &[&str] = &["displayname", "selfstatus", "selfavatar", "mdns_enabled", "force_encryption"];
/// Settings that the lists of profiles show.
const SHOWN: &[&str] = &["displayname", "selfavatar", "private_tag"];
/// Settings that the engine answers by itself.
const READ_ONLY: &str = "sys.";

/// Changes a setting.
pub async fn set(db: &Db, profile: u32, name: String, value: Option<String>) -> Result<(), Error> {
    check_key(&name)?;
    if name.starts_with(READ_ONLY) {
        return Ok(());
    }
    let value = match value {
        // The picture is made ready before the transaction.
        Some(path) if name == key::SELFAVATAR => Some(files::avatar(db, profile, path).await?),
        other => other,
    };
    db.transact(profile, move |tx| store(tx, &name, value)).await?;
    Ok(())
}

/// Changes several settings in turn, up to the first that fails.
pub async fn batch(db: &Db, profile: u32, entries: Vec<ConfigEntry>) -> Result<(), Error> {
    for ConfigEntry { key, value } in entries {
        let shown = value.as_ref().map_or_else(|| "None".to_owned(), |value| format!("Some({value:?})"));
        let set = set(db, profile, key.clone(), value).await;
        set.map_err(|error| error.context(format!("Can't set {key} to {shown}")))?;
    }
    Ok(())
}

/// The form in which a value is stored, if it is one.
fn clean(name: &str, value: Option<String>) -> Outcome<Option<String>> {
    let Some(value) = value else {
        return match name {
            key::CONFIGURED_ADDR => Err(Failure::refused("Cannot unset configured_addr")),
            _ => Ok(None),
        };
    };
    if SWITCHES.contains(&name) && !matches!(value.as_str(), "0" | "1") {
        return Err(Failure::refused("Boolean value must be either 0 or 1"));
    }
    if name == "proxy_url" {
        for proxy in value.lines().filter_map(|line| ProxyUrl::parse(line.trim()).ok()) {
            // A proxy that cannot be used would take the profile off line.
            proxy.check_spoken().map_err(|error| Failure::refused(error.to_string()))?;
        }
    }
    Ok(Some(match name {
        key::DISPLAYNAME => names::clean_line(&value),
        key::CONFIGURED_ADDR | "addr" => value.trim().to_lowercase(),
        _ => value,
    }))
}

fn store(tx: &mut Tx<'_, '_>, name: &str, value: Option<String>) -> Outcome<()> {
    let value = clean(name, value)?;
    if let (key::CONFIGURED_ADDR, Some(addr)) = (name, &value)
        && !transports::is_own_addr(tx.store, tx.profile, addr)?
    {
        return Err(Failure::refused("Address does not belong to any transport."));
    }
    config::set(tx, name, value.as_deref())?;
    if name == key::SELFAVATAR {
        forget_avatar_sent(tx)?;
        tx.emit(event::Kind::SelfavatarChanged(event::SelfavatarChanged {}));
    }
    if SHOWN.contains(&name) {
        tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {}));
    }
    if SHARED.contains(&name) {
        tx.emit(event::Kind::ConfigSynced(event::ConfigSynced { key: name.to_owned() }));
    }
    if name == key::DELETE_DEVICE_AFTER {
        aging::setting_changed(tx)?;
    }
    if matches!(name, "proxy_enabled" | "proxy_url" | "disable_idle") {
        tx.effects().transports = true;
    }
    Ok(())
}

/// All contacts get the new picture with the next message.
fn forget_avatar_sent(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    let mut sent = Vec::new();
    for row in tx.store.scan_prefix(&CONTACTS, &tx.profile)? {
        let ((_, id), record) = row?;
        if record.own_avatar_sent != 0 {
            sent.push(id);
        }
    }
    for id in sent {
        contacts::update(tx, id, |record| record.own_avatar_sent = 0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(name: &str, value: &str) -> Result<Option<String>, String> {
        clean(name, Some(value.to_owned())).map_err(|failure| failure.to_string())
    }

    #[test]
    fn switches_are_0_or_1() {
        for name in SWITCHES {
            assert_eq!(cleaned(name, "1"), Ok(Some("1".to_owned())));
            assert_eq!(cleaned(name, "yes"), Err("Boolean value must be either 0 or 1".to_owned()));
            assert_eq!(cleaned(name, ""), Err("Boolean value must be either 0 or 1".to_owned()));
            assert!(matches!(clean(name, None), Ok(None)));
        }
    }

    #[test]
    fn a_proxy_that_is_not_spoken_is_refused() {
        let shadowsocks = "socks5://h:1\nss://YWVzLTEyOC1nY206dGVzdA@192.0.2.1:8888#x";
        let refused = Err("Shadowsocks proxies (ss://) are not supported".to_owned());
        assert_eq!(cleaned("proxy_url", shadowsocks), refused);
        let spoken = "socks5://h:1\nhttp://h:2";
        assert_eq!(cleaned("proxy_url", spoken), Ok(Some(spoken.to_owned())));
    }

    #[test]
    fn other_settings_take_any_text() {
        for name in ["media_quality", "download_limit", "webxdc_realtime_enabled", "ui.x", "selfstatus"] {
            assert_eq!(cleaned(name, "a\nb"), Ok(Some("a\nb".to_owned())));
        }
    }

    #[test]
    fn names_become_one_line_and_addresses_lower_case() {
        assert_eq!(cleaned("displayname", " a\nb "), Ok(Some("a b".to_owned())));
        assert_eq!(cleaned("displayname", "\u{202e}evil"), Ok(Some("evil".to_owned())));
        assert_eq!(cleaned("addr", "Me@X.Test"), Ok(Some("me@x.test".to_owned())));
        let refused = clean("configured_addr", None).unwrap_err().to_string();
        assert_eq!(refused, "Cannot unset configured_addr");
    }
}
