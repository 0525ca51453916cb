//! Settings: which of them travel.

use crate::ground::settings::{self, SetBy, key};

/// Settings that hold on one device only, or that stand for rows of other tables.
const OF_ONE_DEVICE: [&str; 3] = [key::DEVICE_TOKEN, key::ENCRYPTED_DEVICE_TOKEN, key::KEY_ID];

/// Settings about a message of the device chat, which does not come along to another device.
const OF_DEVICE_MESSAGES: [&str; 2] = [key::BACKUP_TRANSFER_MSG_ID, key::BACKUP_TRANSFER_TIMESTAMP];

/// Whether a setting of a backup stays on the device that it comes from.
pub fn stays(name: &str) -> bool {
    OF_DEVICE_MESSAGES.contains(&name)
}

/// Whether a setting of a backup is taken over.
pub fn is_taken(name: &str) -> bool {
    let known = settings::find(name).is_some_and(|setting| !matches!(setting.set_by, SetBy::Nobody));
    (known || name.starts_with("ui.") || name == key::SELF_CHAT_ADDED) && !OF_ONE_DEVICE.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_users_travel_and_those_of_the_device_do_not() {
        for name in ["displayname", "ui.android.theme", "self-chat-added", "delete_device_after", "bot"] {
            assert!(is_taken(name), "{name}");
        }
        for name in ["dbversion", "backup_version", "key_id", "device_token", "sys.version", "icon-device"] {
            assert!(!is_taken(name), "{name}");
        }
    }
}
