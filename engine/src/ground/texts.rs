//! The default user-visible texts. API clients know them by number and may replace them at run time; some are
//! compared literally by clients, so the English defaults are interface facts.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

/// Numbers of the texts that the engine uses by name.
pub mod id {
    macro_rules! ids { ($($(#[$doc:meta])* $name:ident = $number:literal;)*) => {
        $($(#[$doc])* #[allow(missing_docs)] pub const $name: u32 = $number;)*
    } }
    ids! {
        NO_MESSAGES = 1; SELF = 2; DRAFT = 3; VOICE_MESSAGE = 7; IMAGE = 9; VIDEO = 10; AUDIO = 11; FILE = 12; GIF = 23;
        NO_ENCRYPTION = 28; FINGERPRINTS = 30; ARCHIVED_CHATS = 40; STREAMING_ENABLED = 64; STREAMING_DISABLED = 65; LOCATION = 66; STICKER = 67; DEVICE_MESSAGES = 68;
        SAVED_MESSAGES = 69; DEVICE_MESSAGES_HINT = 70; WELCOME = 71; SUBJECT_FOR_NEW_CONTACT = 73; SENDING_FAILED = 74;
        CONFIGURATION_FAILED = 84; NO_MAIL_SERVER = 87; REPLY = 90; SELF_DELETED_SAVED_MESSAGES = 91; FORWARDED = 97;
        SYNC_SUBJECT = 101; SYNC_BODY = 102; INCOMING_MESSAGES = 103; OUTGOING_MESSAGES = 104; CONNECTED = 107;
        CONNECTING = 108; UPDATING = 109; SENDING = 110; LAST_SENT_OK = 111; ERROR = 112; QUOTA_USED = 116;
        SECUREJOIN_GROUP_INVITED = 117; SECUREJOIN_REPLIED = 118; QR_CONTACT = 119; QR_GROUP = 120; NOT_CONNECTED = 121;
        NAME_CHANGED_SELF = 124; IMAGE_CHANGED_SELF = 126; MEMBER_ADDED_SELF = 128; MEMBER_REMOVED_SELF = 130;
        LEFT_SELF = 132; IMAGE_DELETED_SELF = 134; STREAMING_ENABLED_SELF = 136; TIMER_OFF_SELF = 138; TIMER_SECONDS_SELF = 140; TIMER_HOUR_SELF = 144;
        TIMER_DAY_SELF = 146; TIMER_WEEK_SELF = 148; TIMER_MINUTES_SELF = 150; TIMER_HOURS_SELF = 152;
        TIMER_DAYS_SELF = 154; TIMER_WEEKS_SELF = 156; TIMER_YEAR_SELF = 158; QR_TRANSFER = 162; TRANSFERRED = 163; CHAT_E2EE = 170; MESSAGES_E2EE = 242; NEW_GROUP_HINT = 172;
        MEMBER_ADDED = 173; INVALID_UNENCRYPTED = 174; REACTED_SELF = 176; REACTED = 177; MEMBER_REMOVED = 178;
        REMOVED_BY = 179; ADDED_BY = 180; REMOVED = 181; ADDED = 182; SECUREJOIN_WAIT = 190; DECLINED_CALL = 196; CANCELED_CALL = 197;
        MISSED_CALL = 198; CHANNEL_LEFT = 200;
        QR_CHANNEL = 201; CHANNEL_JOINED = 202; SECUREJOIN_CHANNEL_INVITED = 203; CHANNEL_NAME_CHANGED = 204;
        CHANNEL_IMAGE_CHANGED = 205; PROXY_ENABLED = 220; PROXY_HINT = 221; CLASSIC_MAIL = 230;
        OUTGOING_AUDIO_CALL = 232; OUTGOING_VIDEO_CALL = 233; INCOMING_AUDIO_CALL = 234; INCOMING_VIDEO_CALL = 235;
        DESCRIPTION_CHANGED_SELF = 240; PINNED_SELF = 243; UNPINNED_SELF = 246;
    }
}

/// The texts in force: the defaults with the replacements of the client. Cheap to clone.
#[derive(Clone, Default)]
pub struct Texts {
    replaced: Arc<RwLock<HashMap<u32, String>>>,
}

/// A replacement text has a placeholder that the default has not.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("translation {text} contains invalid %{placeholder} placeholder, default is {default}")]
pub struct BadTranslation {
    text: String,
    placeholder: u8,
    default: &'static str,
}

impl Texts {
    /// Replaces the text `number`; unknown numbers are ignored.
    pub fn replace(&self, number: u32, text: &str) -> Result<(), BadTranslation> {
        let Some(default) = default_text(number) else { return Ok(()) };
        for placeholder in [1u8, 2] {
            let mark = format!("%{placeholder}");
            if text.contains(&mark) && !default.contains(&mark) {
                return Err(BadTranslation { text: text.to_owned(), placeholder, default });
            }
        }
        self.replaced.write().insert(number, text.to_owned());
        Ok(())
    }

    /// The text `number`, empty if there is none.
    pub fn get(&self, number: u32) -> String {
        if let Some(text) = self.replaced.read().get(&number) {
            return text.clone();
        }
        default_text(number).unwrap_or_default().to_owned()
    }

    /// The text `number` with `%1$s`, `%2$s`, … (also `%1$d`, `%1$@`) filled in.
    pub fn fill(&self, number: u32, values: &[&str]) -> String {
        let template = self.get(number);
        let mut out = String::with_capacity(template.len() + 32);
        let mut rest = template.as_str();
        while let Some(start) = rest.find('%') {
            out.push_str(&rest[..start]);
            let mark: Vec<char> = rest[start..].chars().take(4).collect();
            match mark[..] {
                ['%', digit @ '1'..='9', '$', 's' | 'd' | '@'] => {
                    let index = digit as usize - '1' as usize;
                    out.push_str(values.get(index).copied().unwrap_or_default());
                    rest = &rest[start + 4..];
                }
                _ => {
                    out.push('%');
                    rest = &rest[start + 1..];
                }
            }
        }
        out.push_str(rest);
        out
    }
}

fn default_text(number: u32) -> Option<&'static str> {
    DEFAULTS.binary_search_by_key(&number, |(id, _)| *id).ok().map(|index| DEFAULTS[index].1)
}

#[rustfmt::skip]
static DEFAULTS: &[(u32, &str)] = &[
    (1, "No messages."),
    (2, "Me"),
    (3, "Draft"),
    (7, "Voice message"),
    (9, "Image"),
    (10, "Video"),
    (11, "Audio"),
    (12, "File"),
    (23, "GIF"),
    (28, "No encryption."),
    (30, "Fingerprints"),
    (40, "Archived chats"),
    (64, "Location streaming enabled."),
    (65, "Location streaming disabled."),
    (66, "Location"),
    (67, "Sticker"),
    (68, "Device messages"),
    (69, "Saved messages"),
    (70, "Messages in this chat are generated locally by your Delta Chat app. Its makers use it to inform about app updates and problems during usage."),
    (71, "Get in contact!\n\n🙌 Tap \"QR code\" on the main screen of both devices. Choose \"Scan QR Code\" on one device, and point it at the other\n\n🌍 If not in the same room, scan via video call or share an invite link from \"Scan QR code\"\n\nThen: Enjoy your decentralized messenger experience. In contrast to other popular apps, without central control or tracking or selling you, friends, colleagues or family out to large organizations."),
    (73, "Message from %1$s"),
    (74, "Failed to send message to %1$s."),
    (84, "Error:\n\n“%1$s”"),
    (85, "⚠️ Date or time of your device seem to be inaccurate (%1$s).\n\nAdjust your clock ⏰🔧 to ensure your messages are received correctly."),
    (86, "⚠️ Your Delta Chat version might be outdated.\n\nThis may cause problems because your chat partners use newer versions - and you are missing the latest features 😳\nPlease check https://get.delta.chat or your app store for updates."),
    (87, "Could not find your mail server.\n\nPlease check your internet connection."),
    (90, "Reply"),
    (91, "You deleted the \"Saved messages\" chat.\n\nTo use the \"Saved messages\" feature again, create a new chat with yourself."),
    (97, "Forwarded"),
    (101, "Multi Device Synchronization"),
    (102, "This message is used to synchronize data between your devices.\n\n👉 If you see this message in Delta Chat, please update your Delta Chat apps on all devices."),
    (103, "Incoming Messages"),
    (104, "Outgoing Messages"),
    (105, "Storage on %1$s"),
    (107, "Connected"),
    (108, "Connecting…"),
    (109, "Updating…"),
    (110, "Sending…"),
    (111, "Your last message was sent successfully."),
    (112, "Error: %1$s"),
    (114, "Messages"),
    (116, "%1$s of %2$s used"),
    (117, "%1$s invited you to join this group.\n\nWaiting for the device of %2$s to reply…"),
    (118, "%1$s replied, waiting for being added to the group…"),
    (119, "Scan to chat with %1$s"),
    (120, "Scan to join group %1$s"),
    (121, "Not connected"),
    (124, "You changed group name from \"%1$s\" to \"%2$s\"."),
    (125, "Group name changed from \"%1$s\" to \"%2$s\" by %3$s."),
    (126, "You changed the group image."),
    (127, "Group image changed by %1$s."),
    (128, "You added member %1$s."),
    (129, "Member %1$s added by %2$s."),
    (130, "You removed member %1$s."),
    (131, "Member %1$s removed by %2$s."),
    (132, "You left the group."),
    (133, "Group left by %1$s."),
    (134, "You deleted the group image."),
    (135, "Group image deleted by %1$s."),
    (136, "You enabled location streaming."),
    (137, "Location streaming enabled by %1$s."),
    (138, "You disabled message deletion timer."),
    (139, "Message deletion timer is disabled by %1$s."),
    (140, "You set message deletion timer to %1$s s."),
    (141, "Message deletion timer is set to %1$s s by %2$s."),
    (144, "You set message deletion timer to 1 hour."),
    (145, "Message deletion timer is set to 1 hour by %1$s."),
    (146, "You set message deletion timer to 1 day."),
    (147, "Message deletion timer is set to 1 day by %1$s."),
    (148, "You set message deletion timer to 1 week."),
    (149, "Message deletion timer is set to 1 week by %1$s."),
    (150, "You set message deletion timer to %1$s minutes."),
    (151, "Message deletion timer is set to %1$s minutes by %2$s."),
    (152, "You set message deletion timer to %1$s hours."),
    (153, "Message deletion timer is set to %1$s hours by %2$s."),
    (154, "You set message deletion timer to %1$s days."),
    (155, "Message deletion timer is set to %1$s days by %2$s."),
    (156, "You set message deletion timer to %1$s weeks."),
    (157, "Message deletion timer is set to %1$s weeks by %2$s."),
    (158, "You set message deletion timer to 1 year."),
    (159, "Message deletion timer is set to 1 year by %1$s."),
    (162, "Scan to set up second device for %1$s"),
    (163, "ℹ️ Account transferred to your second device."),
    (170, "Messages are end-to-end encrypted."),
    (172, "Others will only see this group after you sent a first message."),
    (173, "Member %1$s added."),
    (174, "⚠️ Your email provider %1$s requires end-to-end encryption which is not setup yet."),
    (176, "You reacted %1$s to \"%2$s\""),
    (177, "%1$s reacted %2$s to \"%3$s\""),
    (178, "Member %1$s removed."),
    (179, "You were removed by %1$s."),
    (180, "You were added by %1$s."),
    (181, "You were removed."),
    (182, "You were added."),
    (190, "Establishing connection, please wait…"),
    (193, "❤️ Seems you're enjoying Delta Chat!\n\nPlease consider donating to help that Delta Chat stays free for everyone.\n\nWhile Delta Chat is free to use and open source, development costs money.\nHelp keeping us to keep Delta Chat independent and make it more awesome in the future.\n\nhttps://delta.chat/donate"),
    (196, "Declined call"),
    (197, "Canceled call"),
    (198, "Missed call"),
    (200, "You left the channel."),
    (201, "Scan to join channel %1$s"),
    (202, "You joined the channel."),
    (203, "%1$s invited you to join this channel.\n\nWaiting for the device of %2$s to reply…"),
    (204, "Channel name changed from \"%1$s\" to \"%2$s\"."),
    (205, "Channel image changed."),
    (210, "The attachment contains anonymous usage statistics, which helps us improve Delta Chat. Thank you!"),
    (220, "Proxy Enabled"),
    (221, "You are using a proxy. If you're having trouble connecting, try a different proxy."),
    (230, "Messages in this chat use classic email and are not encrypted."),
    (232, "Outgoing audio call"),
    (233, "Outgoing video call"),
    (234, "Incoming audio call"),
    (235, "Incoming video call"),
    (240, "You changed the chat description."),
    (241, "Chat description changed by %1$s."),
    (242, "Messages are end-to-end encrypted."),
    (243, "You pinned a message."),
    (244, "Message pinned by %1$s."),
    (246, "You unpinned a message."),
    (247, "Message unpinned by %1$s."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_in_any_order() {
        let texts = Texts::default();
        assert_eq!(texts.fill(id::MEMBER_ADDED_SELF + 1, &["Bob", "Alice"]), "Member Bob added by Alice.");
        assert_eq!(texts.fill(id::NO_MESSAGES, &[]), "No messages.");
    }

    #[test]
    fn a_filled_in_value_is_not_expanded_again() {
        assert_eq!(Texts::default().fill(id::MEMBER_ADDED_SELF, &["%1$s"]), "You added member %1$s.");
    }

    #[test]
    fn replacements_must_not_add_placeholders() {
        let texts = Texts::default();
        assert_eq!(
            texts.replace(1, "No %1$s").unwrap_err().to_string(),
            "translation No %1$s contains invalid %1 placeholder, default is No messages."
        );
        texts.replace(1, "Keine Nachrichten.").unwrap();
        assert_eq!(texts.get(1), "Keine Nachrichten.");
        assert!(texts.replace(9_999, "%1$s").is_ok());
    }

    #[test]
    fn defaults_are_sorted() {
        assert!(DEFAULTS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
