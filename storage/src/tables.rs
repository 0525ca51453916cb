//! All tables. Every key of a profile's table starts with the profile id.

use crate::records::{
    AppNodeRecord, AppRecord, AppUpdateRecord, CertificateRecord, ChatRecord, ContactRecord, CountRecord,
    CounterRecord, FlagRecord, ForgottenRecord, HostKeyRecord, JoinRecord, KeyRecord, KnownMailRecord,
    LocationRecord, ManagerRecord, MemberRecord, MessageRecord, NotShownRecord, OutboxRecord,
    PendingCallRecord, PendingEditRecord, ProfileRecord, QuarantineRecord, ReactionRecord, ReceiptJobRecord,
    RemovedChatRecord, RouteRecord, ServerCopyRecord, StatisticsRecord, SyncItemRecord, SyncStampRecord,
    TextRecord, TimeRecord, TokenRecord, TransportRecord,
};
use crate::table::{Empty, Raw, Table};
use crate::{ChatId, ContactId, LocationId, MessageId};
use crate::{ProfileId, TransportId};

/// Profile id.
pub type P = ProfileId;

/// The process-wide registry; its only key is 0.
pub const MANAGER: Table<u32, ManagerRecord> = Table::new("manager.v1");
/// Profiles by id.
pub const PROFILES: Table<P, ProfileRecord> = Table::new("profiles.v1");
/// Next free ids of a profile.
pub const COUNTERS: Table<P, CounterRecord> = Table::new("counters.v1");
/// Settings by name.
pub const CONFIG: Table<(P, String), TextRecord> = Table::new("config.v1");
/// The own key.
pub const KEYS: Table<P, KeyRecord> = Table::new("keys.v1");
/// Transports by id.
pub const TRANSPORTS: Table<(P, TransportId), TransportRecord> = Table::new("transports.v1");
/// Times of removal of former transports, by address.
pub const REMOVED_TRANSPORTS: Table<(P, String), TimeRecord> = Table::new("removed-transports.v1");

/// Contacts by id.
pub const CONTACTS: Table<(P, ContactId), ContactRecord> = Table::new("contacts.v1");
/// Index: fingerprint → contact id.
pub const CONTACT_BY_FINGERPRINT: Table<(P, String, ContactId), Empty> =
    Table::new("contact-by-fingerprint.v1");
/// Index: address → contact ids.
pub const CONTACT_BY_ADDR: Table<(P, String, ContactId), Empty> = Table::new("contact-by-addr.v1");
/// Certificates by fingerprint.
pub const CERTIFICATES: Table<(P, String), CertificateRecord> = Table::new("certificates.v1");

/// Chats by id.
pub const CHATS: Table<(P, ChatId), ChatRecord> = Table::new("chats.v1");
/// Index: group id → chat id.
pub const CHAT_BY_GROUP_ID: Table<(P, String, ChatId), Empty> = Table::new("chat-by-group-id.v1");
/// Index: contact → its single chat.
pub const SINGLE_CHAT: Table<(P, ContactId, ChatId), Empty> = Table::new("single-chat.v1");
/// Members and past members: (profile, chat, contact).
pub const MEMBERS: Table<(P, ChatId, ContactId), MemberRecord> = Table::new("members.v1");
/// Index: (profile, contact, chat) of every member row.
pub const CHATS_OF_CONTACT: Table<(P, ContactId, ChatId), Empty> = Table::new("chats-of-contact.v1");
/// When keys were last gossiped: (profile, chat, fingerprint).
pub const GOSSIPED: Table<(P, ChatId, String), TimeRecord> = Table::new("gossiped.v1");

/// Messages by id.
pub const MESSAGES: Table<(P, MessageId), MessageRecord> = Table::new("messages.v1");
/// Index of visible messages without drafts: (profile, chat, sort time, message).
pub const CHAT_MESSAGES: Table<(P, ChatId, i64, MessageId), Empty> = Table::new("chat-messages.v1");
/// Index of visible fresh messages: (profile, chat, message).
pub const FRESH: Table<(P, ChatId, MessageId), Empty> = Table::new("fresh.v1");
/// Index of visible messages whose timer does not run yet: (profile, chat, message).
pub const UNTIMED: Table<(P, ChatId, MessageId), Empty> = Table::new("untimed.v1");
/// Hidden messages by chat, for clean-up: (profile, chat, message).
pub const HIDDEN_MESSAGES: Table<(P, ChatId, MessageId), Empty> = Table::new("hidden-messages.v1");
/// Index of visible messages that are more than text: (profile, view type, chat, sort time, message).
pub const MEDIA: Table<(P, u32, ChatId, i64, MessageId), Empty> = Table::new("media.v1");
/// Search index: (profile, segment of messages, first gram of the row) → which messages have which grams.
pub const SEARCH_GRAMS: Table<(P, u32, u64), Raw> = Table::new("search-grams.v1");
/// Messages of indexed segments whose text changed, and how often since it was indexed.
pub const SEARCH_CHANGED: Table<(P, MessageId), CountRecord> = Table::new("search-changed.v1");
/// Indexed segments that lost messages, and how many since they were indexed.
pub const SEARCH_GONE: Table<(P, u32), CountRecord> = Table::new("search-gone.v1");
/// Known Message-IDs.
pub const KNOWN_MAIL: Table<(P, String), KnownMailRecord> = Table::new("known-mail.v1");
/// Receipts: (profile, message, contact).
pub const RECEIPTS: Table<(P, MessageId, ContactId), TimeRecord> = Table::new("receipts.v1");
/// Reactions: (profile, message, contact).
pub const REACTIONS: Table<(P, MessageId, ContactId), ReactionRecord> = Table::new("reactions.v1");
/// Reactions whose target is not here yet: (profile, Message-ID, contact).
pub const PENDING_REACTIONS: Table<(P, String, ContactId), ReactionRecord> =
    Table::new("pending-reactions.v1");
/// Edits whose message is not here yet: (profile, Message-ID, contact).
pub const PENDING_EDITS: Table<(P, String, ContactId), PendingEditRecord> = Table::new("pending-edits.v1");
/// Messages that were deleted before they came: (profile, Message-ID, contact), of own devices with no contact. Of those that
/// went with their chat a digest takes the place of the Message-ID.
pub const PENDING_DELETIONS: Table<(P, String, ContactId), TimeRecord> = Table::new("pending-deletions.v1");
/// App instances by message.
pub const APPS: Table<(P, MessageId), AppRecord> = Table::new("apps.v1");
/// Updates of apps: (profile, message, number).
pub const APP_UPDATES: Table<(P, MessageId, u32), AppUpdateRecord> = Table::new("app-updates.v1");
/// Index: (profile, what tells repetitions of an update) of every update that has it.
pub const APP_UPDATE_BY_UID: Table<(P, String), Empty> = Table::new("app-update-by-uid.v1");
/// What was heard of calls that are not here yet: (profile, Message-ID, contact).
pub const PENDING_CALLS: Table<(P, String, ContactId), PendingCallRecord> = Table::new("pending-calls.v1");
/// Changes for the other devices that wait: (profile, number).
pub const SYNC_ITEMS: Table<(P, u64), SyncItemRecord> = Table::new("sync-items.v1");
/// The last change of each thing that devices share: (profile, what), and of all with an empty name.
pub const SYNC_STAMPS: Table<(P, String), SyncStampRecord> = Table::new("sync-stamps.v1");
/// Chats that a message has taken out of the archive, of which the other devices are not told yet.
pub const LEFT_ARCHIVE: Table<(P, ChatId), Empty> = Table::new("left-archive.v1");
/// Messages that were deleted a short time ago: (profile, chat, digest of the Message-ID).
pub const FORGOTTEN: Table<(P, ChatId, String), ForgottenRecord> = Table::new("forgotten.v1");
/// What stays of deleted chats, by what tells them from others.
pub const REMOVED_CHATS: Table<(P, String), RemovedChatRecord> = Table::new("removed-chats.v1");
/// Copies in Saved Messages of messages that were not here: (profile, Message-ID of the original, copy).
pub const SAVED_BEFORE: Table<(P, String, MessageId), TimeRecord> = Table::new("saved-before.v1");
/// Topics of the realtime channels of apps.
pub const APP_TOPICS: Table<(P, MessageId), TextRecord> = Table::new("app-topics.v1");
/// Index: (profile, topic, message). A topic belongs to one instance.
pub const APP_BY_TOPIC: Table<(P, String, MessageId), Empty> = Table::new("app-by-topic.v1");
/// Nodes of the realtime channels of apps: (profile, message, name of the node).
pub const APP_NODES: Table<(P, MessageId, String), AppNodeRecord> = Table::new("app-nodes.v1");
/// What is counted for statistics.
pub const STATISTICS: Table<P, StatisticsRecord> = Table::new("statistics.v1");
/// When statistics were switched: (profile, time, 1 for on).
pub const STATISTICS_SWITCHES: Table<(P, i64, u32), Empty> = Table::new("statistics-switches.v1");
/// Labels of device messages that were shown once.
pub const DEVICE_LABELS: Table<(P, String), Empty> = Table::new("device-labels.v1");

/// Places by id.
pub const LOCATIONS: Table<(P, LocationId), LocationRecord> = Table::new("locations.v1");
/// Index of the steps of tracks: (profile, time, location).
pub const TRACK_STEPS: Table<(P, i64, LocationId), Empty> = Table::new("track-steps.v1");
/// Index of the places that messages point at: (profile, message, location).
pub const LOCATION_OF_MESSAGE: Table<(P, MessageId, LocationId), Empty> =
    Table::new("location-of-message.v1");

/// Copies on relays: (profile, transport, uidvalidity, uid).
pub const SERVER_COPIES: Table<(P, TransportId, u32, u32), ServerCopyRecord> = Table::new("server-copies.v1");
/// Index: (profile, Message-ID, transport, uidvalidity, uid).
pub const COPIES_BY_MID: Table<(P, String, TransportId, u32, u32), Empty> = Table::new("copies-by-mid.v1");

/// What a relay still has to do with a copy: (profile, transport, uidvalidity, uid).
pub const PENDING_FLAGS: Table<(P, TransportId, u32, u32), FlagRecord> = Table::new("pending-flags.v1");

/// Received mails that cannot be taken in now, in the order in which they came.
pub const QUARANTINE: Table<(P, u64), QuarantineRecord> = Table::new("quarantine.v1");
/// The newest received mails of which nothing is shown, in order.
pub const NOT_SHOWN: Table<(P, u64), NotShownRecord> = Table::new("not-shown.v1");
/// Index: (profile, Message-ID, number of the row).
pub const NOT_SHOWN_BY_MID: Table<(P, String, u64), Empty> = Table::new("not-shown-by-mid.v1");

/// Mail to be sent, in order.
pub const OUTBOX: Table<(P, u64), OutboxRecord> = Table::new("outbox.v1");
/// Index: (profile, message, sequence) of every row of the send queue.
pub const OUTBOX_BY_MESSAGE: Table<(P, MessageId, u64), Empty> = Table::new("outbox-by-message.v1");
/// Read receipts to be sent: (profile, contact, message).
pub const RECEIPT_JOBS: Table<(P, ContactId, MessageId), ReceiptJobRecord> = Table::new("receipt-jobs.v1");
/// Secrets of own invite codes, in order of creation.
pub const TOKENS: Table<(P, u64), TokenRecord> = Table::new("tokens.v1");
/// Handshakes in which we are the joiner, in order of creation.
pub const JOINS: Table<(P, u64), JoinRecord> = Table::new("joins.v1");

/// What is due when: (time, profile, kind, id). Time leads, so that one range scan finds what is next.
pub const DEADLINES: Table<(i64, P, u32, u64), Empty> = Table::new("deadlines.v1");
/// Kind of the deadline, of which there is one at most, at which full segments of messages are indexed for searching.
pub const SEARCH_INDEX_DUE: u32 = 20;
/// Index of the deadlines of which there is one at most: (profile, kind, id) → time.
pub const SINGLE_DEADLINES: Table<(P, u32, u64), TimeRecord> = Table::new("single-deadlines.v1");

/// Keys of relays by host name.
pub const HOST_KEYS: Table<String, HostKeyRecord> = Table::new("host-keys.v1");
/// Connections to relays that worked: (host, port, protocol, address).
pub const ROUTES: Table<(String, u32, u32, String), RouteRecord> = Table::new("routes.v1");
