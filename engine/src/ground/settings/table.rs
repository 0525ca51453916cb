//! The table of settings, one row for each, in the order in which they are listed.

use super::{Form, Mark, SetBy, Setting};

/// Name of the constant, name of the setting: form, default, who sets it, marks, meaning.
macro_rules! settings {
    ($($name:ident = $key:literal: $form:ident, $default:expr, $set_by:ident, [$($mark:ident),*], $meaning:literal;)*) => {
        /// The names of all settings.
        pub mod key {
            $(
                #[doc = $meaning]
                pub const $name: &str = $key;
            )*
            /// Internal, no setting of the interface: the first configuration made the chat with oneself.
            pub const SELF_CHAT_ADDED: &str = "self-chat-added";
        }

        /// All settings, in the order in which they are listed.
        pub static ALL: &[Setting] = &[$(Setting {
            key: $key,
            form: Form::$form,
            default: $default,
            set_by: SetBy::$set_by,
            marks: &[$(Mark::$mark),*],
            meaning: $meaning,
        }),*];

        /// Places in [`ALL`].
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[derive(Clone, Copy)]
        enum Place { $($name),* }

        /// The setting of a name; those of clients (`ui.`) are not in the table.
        pub fn find(name: &str) -> Option<&'static Setting> {
            let place = match name {
                $($key => Place::$name,)*
                _ => return None,
            };
            ALL.get(place as usize)
        }
    };
}

settings! {
    ADDR = "addr": Address, None, OldLogin, [],
        "Address that was entered.";
    MAIL_SERVER = "mail_server": Text, None, OldLogin, [],
        "IMAP server that was entered.";
    MAIL_USER = "mail_user": Text, None, OldLogin, [],
        "IMAP user that was entered.";
    MAIL_PW = "mail_pw": Secret, None, OldLogin, [],
        "IMAP password that was entered.";
    MAIL_PORT = "mail_port": Number, None, OldLogin, [],
        "IMAP port that was entered.";
    MAIL_SECURITY = "mail_security": Number, None, OldLogin, [],
        "Security of IMAP that was entered: 0 automatic, 1 TLS, 2 STARTTLS, 3 plain.";
    IMAP_CERTIFICATE_CHECKS = "imap_certificate_checks": Number, None, OldLogin, [],
        "Certificates of the IMAP and SMTP server: 0 automatic, 1 strict, 2 or 3 accept invalid ones.";
    SEND_SERVER = "send_server": Text, None, OldLogin, [],
        "SMTP server that was entered.";
    SEND_USER = "send_user": Text, None, OldLogin, [],
        "SMTP user that was entered.";
    SEND_PW = "send_pw": Secret, None, OldLogin, [],
        "SMTP password that was entered.";
    SEND_PORT = "send_port": Number, None, OldLogin, [],
        "SMTP port that was entered.";
    SEND_SECURITY = "send_security": Number, None, OldLogin, [],
        "Security of SMTP that was entered, as `mail_security`.";
    PROXY_ENABLED = "proxy_enabled": Flag, None, User, [Info, Reconnects, Realtime],
        "Connections to relays use the first proxy of `proxy_url`.";
    PROXY_URL = "proxy_url": Proxies, None, User, [Reconnects],
        "Proxies as URLs, one a line; the first one is used, and a scanned proxy code is put before the others.";
    SOCKS5_ENABLED = "socks5_enabled": Flag, None, User, [StoredOnly],
        "Superseded by `proxy_enabled`.";
    SOCKS5_HOST = "socks5_host": Text, None, User, [StoredOnly],
        "Superseded by `proxy_url`.";
    SOCKS5_PORT = "socks5_port": Number, None, User, [StoredOnly],
        "Superseded by `proxy_url`.";
    SOCKS5_USER = "socks5_user": Text, None, User, [StoredOnly],
        "Superseded by `proxy_url`.";
    SOCKS5_PASSWORD = "socks5_password": Secret, None, User, [StoredOnly],
        "Superseded by `proxy_url`.";
    DISPLAYNAME = "displayname": Line, None, User, [ProfileList, Shared],
        "Own name, as contacts see it.";
    SELFSTATUS = "selfstatus": Text, None, User, [Shared],
        "Own signature, sent below messages and shown in the own profile of contacts.";
    SELFAVATAR = "selfavatar": Picture, None, User, [Info, OwnPicture, ProfileList, Shared],
        "Own picture, as contacts see it.";
    BCC_SELF = "bcc_self": Flag, Some("0"), User, [Info],
        "A copy of everything that is sent goes to the own relays, for own devices.";
    MDNS_ENABLED = "mdns_enabled": Flag, Some("1"), User, [Info, Shared],
        "Read receipts are requested and sent; while unset, bots do not request them.";
    MEDIA_QUALITY = "media_quality": Number, Some("0"), User, [Info],
        "Size of pictures that are sent: 0 balanced, 1 smaller.";
    DELETE_DEVICE_AFTER = "delete_device_after": Seconds, Some("0"), User, [Info, Ages],
        "Messages are deleted here when they are that old; 0 is never.";
    CONFIGURED_ADDR = "configured_addr": OwnAddress, None, User, [],
        "Address that is shown as the own one; the first relay sets it.";
    CONFIGURED_IMAP_SERVERS = "configured_imap_servers": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_MAIL_SERVER = "configured_mail_server": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_MAIL_PORT = "configured_mail_port": Number, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_MAIL_SECURITY = "configured_mail_security": Number, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_MAIL_USER = "configured_mail_user": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_MAIL_PW = "configured_mail_pw": Secret, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_IMAP_CERTIFICATE_CHECKS = "configured_imap_certificate_checks": Number, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SMTP_SERVERS = "configured_smtp_servers": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SEND_SERVER = "configured_send_server": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SEND_PORT = "configured_send_port": Number, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SEND_SECURITY = "configured_send_security": Number, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SEND_USER = "configured_send_user": Text, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_SEND_PW = "configured_send_pw": Secret, None, Engine, [StoredOnly],
        "Deprecated: the data of relays is kept with each relay.";
    CONFIGURED_INBOX_FOLDER = "configured_inbox_folder": Text, Some("INBOX"), Engine, [StoredOnly],
        "Folder of relays that is watched.";
    CONFIGURED_TIMESTAMP = "configured_timestamp": Time, None, Engine, [],
        "When a relay was last set up.";
    CONFIGURED = "configured": Flag, None, Engine, [],
        "Written as 1 when a relay was set up; setting it does not make a profile configured.";
    IS_MUTED = "is_muted": Switch, None, User, [Info],
        "The whole profile is muted; clients act on it.";
    PRIVATE_TAG = "private_tag": Text, None, User, [Info, ProfileList],
        "Label of the profile that only this device shows.";
    SYS_VERSION = "sys.version": Text, None, Nobody, [],
        "Version of the interface: the release of chatmail core that it is compatible with.";
    SYS_MSGSIZE_MAX_RECOMMENDED = "sys.msgsize_max_recommended": Bytes, None, Nobody, [],
        "Largest attachment that should be sent.";
    SYS_CONFIG_KEYS = "sys.config_keys": Text, None, Nobody, [],
        "Names of all settings, each with a blank before it.";
    BOT = "bot": Flag, None, User, [Info],
        "The profile is a bot: contact requests are accepted, messages are marked as automatic, there are no device messages.";
    SKIP_START_MESSAGES = "skip_start_messages": Switch, Some("0"), User, [],
        "New groups do not begin with a hint.";
    LAST_HOUSEKEEPING = "last_housekeeping": Time, None, Engine, [StoredOnly],
        "When chatmail core last cleaned up; here a deadline does.";
    BACKUP_TRANSFER_MSG_ID = "backup_transfer_msg_id": MessageId, None, Engine, [],
        "Device message of a transfer to another device. It comes back, once, if it is deleted within the day.";
    BACKUP_TRANSFER_TIMESTAMP = "backup_transfer_timestamp": Time, None, Engine, [],
        "When the profile was last transferred to another device, until the device message of it is safe.";
    LAST_REACTIONS_BROADCAST = "last_reactions_broadcast": Time, None, Engine, [StoredOnly],
        "When the reactions in own channels were last published.";
    LAST_CANT_DECRYPT_OUTGOING_MSGS = "last_cant_decrypt_outgoing_msgs": Time, None, Engine, [StoredOnly],
        "When the user was last warned of own messages that cannot be decrypted.";
    LAST_AUTORELAY = "last_autorelay": Time, None, Engine, [],
        "When it was last tried to add relays automatically.";
    AUTORELAY = "autorelay": Switch, None, User, [],
        "Relays are added automatically, up to three.";
    AUTORELAY_FINISHED = "autorelay_finished": Switch, None, Engine, [],
        "The automatic addition of relays has ended.";
    AUTORELAY_HOSTS = "autorelay_hosts": Text, None, User, [],
        "Hosts of relays to choose from, one a line; without them a list of public relays is used.";
    AUTORELAY_TRIED = "autorelay_tried": Text, None, Engine, [],
        "Hosts of relays that were tried automatically, with the times, one a line.";
    KEYUPDATE_BASELINE = "keyupdate_baseline": Text, Some(""), Engine, [],
        "Own addresses that were last announced to contacts, sorted, with blanks between them.";
    KEYUPDATE_DEBOUNCE = "keyupdate_debounce": Seconds, Some("30"), User, [Info],
        "How long a changed relay list must rest before it is announced to contacts.";
    DISABLE_IDLE = "disable_idle": Flag, Some("0"), User, [Info, Reconnects],
        "Relays are polled in place of IDLE; for developers.";
    DONATION_REQUEST_NEXT_CHECK = "donation_request_next_check": Time, None, Engine, [StoredOnly],
        "When a donation is asked for next; Volary never asks.";
    DOWNLOAD_LIMIT = "download_limit": Bytes, Some("0"), User, [Info],
        "Larger attachments are fetched on demand only; 0 is no limit.";
    SYNC_MSGS = "sync_msgs": Flag, Some("1"), User, [Info],
        "Changes are shared with own devices.";
    DEBUG_LOGGING = "debug_logging": MessageId, Some("0"), User, [Info, StoredOnly],
        "In-chat app that shows the log.";
    LAST_MSG_ID = "last_msg_id": MessageId, None, User, [Info],
        "Last message that `get_next_msgs` need not return again; marking messages as seen raises it.";
    GOSSIP_PERIOD = "gossip_period": Seconds, Some("172800"), User, [Info],
        "How long a key that was gossiped is not gossiped again in the same chat; for tests.";
    KEY_ID = "key_id": Number, None, Engine, [StoredOnly],
        "Number of the own key in databases of chatmail core.";
    STATS_SENDING = "stats_sending": Switch, None, User, [Counts],
        "Statistics are wanted: what they count is counted and can be looked at; Volary sends none.";
    STATS_LAST_SENT = "stats_last_sent": Time, None, Engine, [StoredOnly],
        "When statistics were last sent.";
    STATS_LAST_UPDATE = "stats_last_update": Time, None, Engine, [StoredOnly],
        "When statistics were last gathered.";
    STATS_ID = "stats_id": Text, None, Engine, [],
        "Random name of the profile in its statistics.";
    STATS_LAST_OLD_CONTACT_ID = "stats_last_old_contact_id": Number, None, Engine, [],
        "Last contact from before statistics were switched on.";
    WEBXDC_INTEGRATION = "webxdc_integration": MessageId, None, Engine, [],
        "In-chat app that shows maps.";
    WEBXDC_REALTIME_ENABLED = "webxdc_realtime_enabled": Switch, Some("1"), User, [Info, Realtime],
        "In-chat apps may open realtime channels.";
    DEVICE_TOKEN = "device_token": Secret, None, Engine, [],
        "Push token that was last encrypted.";
    ENCRYPTED_DEVICE_TOKEN = "encrypted_device_token": Text, None, Engine, [],
        "Push token in the form that relays get.";
    SIMULATE_RECEIVE_ERROR = "simulate_receive_imf_error": Switch, None, User, [],
        "Taking in a mail fails; for tests.";
    WHO_CAN_CALL_ME = "who_can_call_me": Number, Some("1"), User, [Info],
        "Whose calls ring: 0 everybody's, 1 those of accepted contacts, 2 nobody's.";
    ICE_SERVERS = "ice_servers": Secret, None, User, [],
        "Servers for media of calls when no relay has any, one a line: `stun:HOST[:PORT]` or `turn:HOST:PORT:USER:PASSWORD`.";
    TEAM_PROFILE = "team_profile": Switch, None, User, [Info],
        "Several people share the profile: what one of them has seen is neither sent nor applied.";
    FORCE_ENCRYPTION = "force_encryption": Switch, Some("1"), User, [Info, Shared],
        "Unencrypted messages are neither sent nor received.";
}
