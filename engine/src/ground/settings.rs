//! Settings of a profile: what is known of each, in one table.
//!
//! The order of lists, the refusal of unknown names, defaults, checks and what follows from a change all derive from
//! [`ALL`]. The page `docs/settings.md` is made from it, too.

mod page;
mod table;

pub use page::page;
pub use table::{ALL, find, key};

use volary_mail::proxy::ProxyUrl;

use super::error::{Failure, Outcome};
use super::names;

/// Settings of clients begin with this; any name and text goes.
pub const UI_PREFIX: &str = "ui.";

/// What is known of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// What its text means.
    pub form: Form,
    /// What it is while nobody has set it.
    pub default: Option<&'static str>,
    /// Who sets it.
    pub set_by: SetBy,
    /// Where it shows, and what follows from a change.
    pub marks: &'static [Mark],
    /// What it does, in one sentence.
    pub meaning: &'static str,
}

/// What the text of a setting means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// On or off; anything but `0` and `1` is refused.
    Flag,
    /// On unless it is 0 or no number; any text is stored.
    Switch,
    /// A number, or a code for a choice; any text is stored, and what is no number counts as 0.
    Number,
    /// A time span in seconds; as [`Form::Number`].
    Seconds,
    /// A size in bytes; as [`Form::Number`].
    Bytes,
    /// A point in time, Unix seconds; as [`Form::Number`].
    Time,
    /// A message; as [`Form::Number`].
    MessageId,
    /// Any text.
    Text,
    /// Any text that must not be shown to others.
    Secret,
    /// A text of one line: line breaks become blanks, characters that change the direction of writing vanish.
    Line,
    /// An address, stored in lower case.
    Address,
    /// An address of a relay of the profile, stored in lower case; it cannot be cleared.
    OwnAddress,
    /// Proxies as URLs, one a line; a kind of proxy that is not spoken is refused.
    Proxies,
    /// A picture: set as the path of a file, which is copied and scaled, and read as the path of that copy.
    Picture,
}

/// Who sets a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetBy {
    /// Users, by their clients.
    User,
    /// The engine; what a client sets stays until the engine writes again.
    Engine,
    /// Users, for the deprecated `configure`.
    OldLogin,
    /// Nobody: the engine answers it by itself, and setting it changes nothing.
    Nobody,
}

/// Where a setting shows, or what follows when it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Listed by `get_info`.
    Info,
    /// Part of the profile in lists of profiles: event `AccountsItemChanged`.
    ProfileList,
    /// Shared by own devices: event `ConfigSynced`.
    Shared,
    /// The own picture: it goes out with the next message to each contact, event `SelfavatarChanged`.
    OwnPicture,
    /// Connections are made anew.
    Reconnects,
    /// Realtime channels of apps are closed if they are not allowed any more.
    Realtime,
    /// The deletion of old messages is planned anew.
    Ages,
    /// Counting for statistics begins or ends.
    Counts,
    /// Nothing in the engine reads it; it is kept for clients and backups.
    StoredOnly,
}

impl Setting {
    /// Whether something is true of it.
    pub fn has(&self, mark: Mark) -> bool {
        self.marks.contains(&mark)
    }

    /// The text in the form in which it is stored, if it is one that this setting takes; `None` clears it.
    pub fn clean(&self, value: Option<String>) -> Outcome<Option<String>> {
        let Some(value) = value else {
            return match self.form {
                Form::OwnAddress => Err(Failure::refused(format!("Cannot unset {}", self.key))),
                _ => Ok(None),
            };
        };
        Ok(Some(match self.form {
            Form::Flag if !matches!(value.as_str(), "0" | "1") => {
                return Err(Failure::refused("Boolean value must be either 0 or 1"));
            }
            Form::Proxies => {
                for proxy in value.lines().filter_map(|line| ProxyUrl::parse(line.trim()).ok()) {
                    // A proxy that cannot be used would take the profile off line.
                    proxy.check_spoken().map_err(|error| Failure::refused(error.to_string()))?;
                }
                value
            }
            Form::Line => names::clean_line(&value),
            Form::Address | Form::OwnAddress => value.trim().to_lowercase(),
            _ => value,
        }))
    }
}

/// Refuses a name that is no setting.
pub fn check_key(name: &str) -> Outcome<()> {
    if name.starts_with(UI_PREFIX) || find(name).is_some() {
        return Ok(());
    }
    Err(Failure::refused(format!("unknown key \"{name}\": Matching variant not found")))
}

/// The default of a setting, if it has one.
pub fn default_of(name: &str) -> Option<&'static str> {
    find(name)?.default
}

/// The default of a setting as a number; 0 if it has none.
pub fn default_number(name: &str) -> i64 {
    default_of(name).and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The names of all settings in the form in which `sys.config_keys` lists them.
pub fn key_list() -> String {
    let keys: Vec<&str> = ALL.iter().map(|setting| setting.key).collect();
    format!(" {}  ", keys.join(" "))
}

/// The settings of which something is true, in the order of the table.
pub fn marked(mark: Mark) -> impl Iterator<Item = &'static Setting> {
    ALL.iter().filter(move |setting| setting.has(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(name: &str, value: &str) -> Result<Option<String>, String> {
        let setting = find(name).unwrap();
        setting.clean(Some(value.to_owned())).map_err(|failure| failure.to_string())
    }

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
    fn there_are_81_settings_of_chatmail_core_and_three_of_ours_and_each_is_found_by_its_name() {
        assert_eq!(ALL.len(), 81 + ["ice_servers", "autorelay_hosts", "autorelay_tried"].len());
        for setting in ALL {
            assert_eq!(find(setting.key), Some(setting));
        }
        let list = key_list();
        assert!(list.starts_with(" addr mail_server "), "{list}");
        assert!(list.ends_with(" team_profile force_encryption  "), "{list}");
    }

    #[test]
    fn flags_are_0_or_1() {
        let flags: Vec<&str> =
            ALL.iter().filter(|setting| setting.form == Form::Flag).map(|setting| setting.key).collect();
        let strict = [
            "proxy_enabled",
            "socks5_enabled",
            "bcc_self",
            "mdns_enabled",
            "configured",
            "bot",
            "disable_idle",
            "sync_msgs",
        ];
        assert_eq!(flags, strict);
        for name in flags {
            assert_eq!(cleaned(name, "1"), Ok(Some("1".to_owned())));
            assert_eq!(cleaned(name, "yes"), Err("Boolean value must be either 0 or 1".to_owned()));
            assert_eq!(cleaned(name, ""), Err("Boolean value must be either 0 or 1".to_owned()));
            assert!(matches!(find(name).unwrap().clean(None), Ok(None)));
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
        for name in ["media_quality", "download_limit", "webxdc_realtime_enabled", "selfstatus"] {
            assert_eq!(cleaned(name, "a\nb"), Ok(Some("a\nb".to_owned())));
        }
    }

    #[test]
    fn names_become_one_line_and_addresses_lower_case() {
        assert_eq!(cleaned("displayname", " a\nb "), Ok(Some("a b".to_owned())));
        assert_eq!(cleaned("displayname", "\u{202e}evil"), Ok(Some("evil".to_owned())));
        assert_eq!(cleaned("addr", "Me@X.Test"), Ok(Some("me@x.test".to_owned())));
        let refused = find("configured_addr").unwrap().clean(None).unwrap_err().to_string();
        assert_eq!(refused, "Cannot unset configured_addr");
    }

    #[test]
    fn defaults_are_texts_that_the_setting_takes() {
        for setting in ALL {
            if let Some(default) = setting.default {
                let taken = setting.clean(Some(default.to_owned())).unwrap();
                assert_eq!(taken.as_deref(), Some(default), "{}", setting.key);
            }
        }
        assert_eq!(default_number("gossip_period"), 172_800);
        assert_eq!(default_number("displayname"), 0);
    }
}
