//! The catalogue of header names, in lower case as they are compared, and the values of `Chat-Content`.

macro_rules! header_names {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $text;)*
    };
}

header_names! {
    /// Sender.
    FROM = "from";
    /// Recipients.
    TO = "to";
    /// Further recipients.
    CC = "cc";
    /// Real sender when `From` shows another name.
    SENDER = "sender";
    /// Date of the message.
    DATE = "date";
    /// Subject.
    SUBJECT = "subject";
    /// Message id.
    MESSAGE_ID = "message-id";
    /// The message that this one answers.
    IN_REPLY_TO = "in-reply-to";
    /// The thread so far.
    REFERENCES = "references";
    /// Original id when a Microsoft server replaced it.
    X_MICROSOFT_ORIGINAL_MESSAGE_ID = "x-microsoft-original-message-id";
    /// RFC 3834.
    AUTO_SUBMITTED = "auto-submitted";
    /// RFC 2045.
    CONTENT_TYPE = "content-type";
    /// RFC 2183.
    CONTENT_DISPOSITION = "content-disposition";
    /// RFC 2045.
    CONTENT_TRANSFER_ENCODING = "content-transfer-encoding";
    /// RFC 2045 id of a part.
    CONTENT_ID = "content-id";
    /// RFC 2919.
    LIST_ID = "list-id";
    /// RFC 2369.
    LIST_POST = "list-post";
    /// RFC 2369.
    LIST_HELP = "list-help";
    /// `list` or `bulk` on list mail.
    PRECEDENCE = "precedence";
    /// Marks drafts of a mail program.
    X_MOZILLA_DRAFT_INFO = "x-mozilla-draft-info";
    /// Trace header of each relay.
    RECEIVED = "received";
    /// RFC 9788: what a header looks like outside.
    HP_OUTER = "HP-Outer";
    /// Sender's key.
    AUTOCRYPT = "autocrypt";
    /// Keys of other recipients.
    AUTOCRYPT_GOSSIP = "autocrypt-gossip";
    /// Marks a chat message.
    CHAT_VERSION = "chat-version";
    /// Asks for a read receipt.
    CHAT_DISPOSITION_NOTIFICATION_TO = "chat-disposition-notification-to";
    /// Group identifier.
    CHAT_GROUP_ID = "chat-group-id";
    /// Group name.
    CHAT_GROUP_NAME = "chat-group-name";
    /// Seconds of the last change of the name.
    CHAT_GROUP_NAME_TIMESTAMP = "chat-group-name-timestamp";
    /// Old name.
    CHAT_GROUP_NAME_CHANGED = "chat-group-name-changed";
    /// Group description.
    CHAT_GROUP_DESCRIPTION = "chat-group-description";
    /// Seconds of the last change of the description.
    CHAT_GROUP_DESCRIPTION_TIMESTAMP = "chat-group-description-timestamp";
    /// Present if the description changes with this message.
    CHAT_GROUP_DESCRIPTION_CHANGED = "chat-group-description-changed";
    /// Group picture.
    CHAT_GROUP_AVATAR = "chat-group-avatar";
    /// Address of an added member.
    CHAT_GROUP_MEMBER_ADDED = "chat-group-member-added";
    /// Fingerprint of an added member.
    CHAT_GROUP_MEMBER_ADDED_FPR = "chat-group-member-added-fpr";
    /// Address of a removed member.
    CHAT_GROUP_MEMBER_REMOVED = "chat-group-member-removed";
    /// Fingerprint of a removed member.
    CHAT_GROUP_MEMBER_REMOVED_FPR = "chat-group-member-removed-fpr";
    /// Former members.
    CHAT_GROUP_PAST_MEMBERS = "chat-group-past-members";
    /// When the members of `To` and past members were added and removed.
    CHAT_GROUP_MEMBER_TIMESTAMPS = "chat-group-member-timestamps";
    /// Fingerprints in the same order.
    CHAT_GROUP_MEMBER_FPR = "chat-group-member-fpr";
    /// Legacy.
    CHAT_VERIFIED = "chat-verified";
    /// Channel.
    CHAT_LIST_ID = "chat-list-id";
    /// Secret of a channel.
    CHAT_BROADCAST_SECRET = "chat-broadcast-secret";
    /// Reaction counts and pins of a channel.
    CHAT_BROADCAST_STATES = "chat-broadcast-states";
    /// System and media marker.
    CHAT_CONTENT = "chat-content";
    /// Sender's picture.
    CHAT_USER_AVATAR = "chat-user-avatar";
    /// Present on voice messages.
    CHAT_VOICE_MESSAGE = "chat-voice-message";
    /// Milliseconds of audio or video.
    CHAT_DURATION = "chat-duration";
    /// Target of an edit.
    CHAT_EDIT = "chat-edit";
    /// Targets of a deletion.
    CHAT_DELETE = "chat-delete";
    /// Offer of a call.
    CHAT_WEBRTC_ROOM = "chat-webrtc-room";
    /// Answer of a call.
    CHAT_WEBRTC_ACCEPTED = "chat-webrtc-accepted";
    /// Whether a call starts with video.
    CHAT_WEBRTC_HAS_VIDEO_INITIALLY = "chat-webrtc-has-video-initially";
    /// Id of the post-message that follows a pre-message.
    CHAT_POST_MESSAGE_ID = "chat-post-message-id";
    /// What the post-message will bring.
    CHAT_POST_MESSAGE_METADATA = "chat-post-message-metadata";
    /// Marks a post-message, also outside.
    CHAT_IS_POST_MESSAGE = "chat-is-post-message";
    /// Disappearing messages.
    EPHEMERAL_TIMER = "ephemeral-timer";
    /// Handshake step.
    SECURE_JOIN = "secure-join";
    /// Handshake token.
    SECURE_JOIN_AUTH = "secure-join-auth";
    /// Legacy handshake token.
    SECURE_JOIN_INVITENUMBER = "secure-join-invitenumber";
    /// Joiner's fingerprint.
    SECURE_JOIN_FINGERPRINT = "secure-join-fingerprint";
    /// Group that is joined.
    SECURE_JOIN_GROUP = "secure-join-group";
    /// Realtime topic of an app.
    IROH_GOSSIP_TOPIC = "iroh-gossip-topic";
    /// Realtime address of a peer.
    IROH_NODE_ADDR = "iroh-node-addr";
}

/// Headers that never count from an outer header block.
pub const HIDDEN: [&str; 4] = [CHAT_USER_AVATAR, CHAT_GROUP_AVATAR, CHAT_DELETE, CHAT_EDIT];

/// The values of `Chat-Content`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChatContent {
    /// The image is a sticker.
    Sticker,
    /// Call offer.
    Call,
    /// A call was accepted.
    CallAccepted,
    /// A call was ended, declined or cancelled.
    CallEnded,
    /// A message was pinned.
    MessagePinned,
    /// A message was unpinned.
    MessageUnpinned,
    /// The group picture changed.
    GroupAvatarChanged,
    /// The timer of disappearing messages changed.
    EphemeralTimerChanged,
    /// Location streaming was switched on.
    LocationStreamingEnabled,
    /// Legacy.
    ProtectionEnabled,
    /// Legacy.
    ProtectionDisabled,
}

impl ChatContent {
    const NAMES: [(Self, &'static str); 11] = [
        (Self::Sticker, "sticker"),
        (Self::Call, "call"),
        (Self::CallAccepted, "call-accepted"),
        (Self::CallEnded, "call-ended"),
        (Self::MessagePinned, "message-pinned"),
        (Self::MessageUnpinned, "message-unpinned"),
        (Self::GroupAvatarChanged, "group-avatar-changed"),
        (Self::EphemeralTimerChanged, "ephemeral-timer-changed"),
        (Self::LocationStreamingEnabled, "location-streaming-enabled"),
        (Self::ProtectionEnabled, "protection-enabled"),
        (Self::ProtectionDisabled, "protection-disabled"),
    ];

    /// The value for a header text; unknown ones are ignored.
    pub fn parse(value: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, name)| *name == value.trim()).map(|(content, _)| *content)
    }

    /// The header text.
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(content, _)| *content == self).map_or("", |(_, name)| name)
    }
}
