//! Messages as they are shown in chats, hidden ones included.

use super::field::record;
use super::number::numbers;
use crate::{ChatId, ContactId, MessageId};

numbers! {
    /// How far a message has come. That somebody has read it is known from receipts and not stored here.
    pub enum MessageState {
        /// None (messages in the trash).
        #[default]
        Undefined = 0,
        /// Incoming, counted in badges.
        InFresh = 10,
        /// Incoming, not counted, a receipt is still possible.
        InNoticed = 13,
        /// Incoming, seen.
        InSeen = 16,
        /// Draft.
        OutDraft = 19,
        /// Waits to be sent.
        OutPending = 20,
        /// Could not be sent.
        OutFailed = 24,
        /// Accepted by the relay.
        OutDelivered = 26,
    }
}

numbers! {
    /// How a message shows its content. Later versions may have more types: their messages are shown as ordinary ones,
    /// and nothing of them is lost.
    pub enum ViewType else Other {
        /// Not known, or not announced.
        #[default]
        Unknown = 0,
        /// Text.
        Text = 10,
        /// Picture.
        Image = 20,
        /// Animated picture.
        Gif = 21,
        /// Sticker.
        Sticker = 23,
        /// Sound.
        Audio = 40,
        /// Voice message.
        Voice = 41,
        /// Video.
        Video = 50,
        /// Any file.
        File = 60,
        /// Call.
        Call = 71,
        /// In-chat app.
        Webxdc = 80,
        /// Contact card.
        Vcard = 90,
    }
}

numbers! {
    /// What a system message is about. Later versions may have more: their messages are still shown, as info lines.
    pub enum SystemType else Other {
        /// An ordinary message.
        #[default]
        None = 0,
        /// The group got another name.
        GroupNameChanged = 2,
        /// The group got another picture.
        GroupImageChanged = 3,
        /// A member was added.
        MemberAdded = 4,
        /// A member was removed or left.
        MemberRemoved = 5,
        /// Former Autocrypt Setup Message; shown as an ordinary message.
        AutocryptSetup = 6,
        /// A step of a SecureJoin handshake.
        Securejoin = 7,
        /// The author streams its location from now on.
        LocationStreamingEnabled = 8,
        /// Positions alone.
        LocationOnly = 9,
        /// The timer of disappearing messages changed.
        EphemeralTimerChanged = 10,
        /// The provider refused an unencrypted mail.
        InvalidUnencrypted = 13,
        /// "Establishing connection, please wait…"
        SecurejoinWait = 14,
        /// Sync items between own devices.
        MultiDeviceSync = 20,
        /// Update of an in-chat app.
        WebxdcStatusUpdate = 30,
        /// Info line of an in-chat app.
        WebxdcInfo = 32,
        /// Where the realtime channel of an in-chat app is reached.
        RealtimeAddress = 40,
        /// "Messages are end-to-end encrypted."
        ChatE2ee = 50,
        /// The group got another description.
        GroupDescriptionChanged = 70,
        /// A message was pinned.
        MessagePinned = 71,
        /// A message was unpinned.
        MessageUnpinned = 72,
    }
}

numbers! {
    /// Whether the attachment of a message is here.
    pub enum Download {
        /// Everything is here.
        #[default]
        Done = 0,
        /// The file waits on a relay.
        Available = 10,
        /// The file could not be fetched.
        Failure = 20,
        /// The mail could not be decrypted.
        Undecipherable = 30,
        /// The file is being fetched.
        InProgress = 1000,
    }
}

impl ViewType {
    /// Whether messages of the type are more than text: galleries list them.
    pub const fn is_media(self) -> bool {
        !matches!(self, Self::Unknown | Self::Text)
    }
}

impl MessageState {
    /// Whether it is a state of messages that others wrote.
    pub const fn is_incoming(self) -> bool {
        match self {
            Self::Undefined | Self::InFresh | Self::InNoticed | Self::InSeen => true,
            Self::OutDraft | Self::OutPending | Self::OutFailed | Self::OutDelivered => false,
        }
    }
}

record! {
    /// An additional protected header of an outgoing message.
    pub struct HeaderRecord {
        /// Field name.
        pub name: String = 1,
        /// Field body, not yet encoded.
        pub value: String = 2,
    }
}

record! {
    /// A call. When it was offered is the time of its message.
    pub struct CallRecord {
        /// Session description of the caller.
        pub offer: String = 1,
        /// It began with video.
        pub has_video: bool = 2,
        /// When it was answered; 0 if it was not.
        pub accepted: i64 = 3,
        /// When it ended; 0 while it has not.
        pub ended: i64 = 4,
        /// The caller gave up, or nobody answered in time.
        pub cancelled: bool = 5,
    }
}

record! {
    /// What was heard of a call that is not here yet.
    pub struct PendingCallRecord {
        /// When it was answered; 0 if that was not heard.
        pub accepted: i64 = 1,
        /// When it ended; 0 if that was not heard.
        pub ended: i64 = 2,
        /// Session description of the callee.
        pub answer: String = 3,
        /// When it was heard.
        pub time: i64 = 4,
    }
}

record! {
    /// A message.
    pub struct MessageRecord {
        /// The chat it is in.
        pub chat: ChatId = 1,
        /// The author.
        pub from: ContactId = 2,
        /// Message-ID without angle brackets; of the post-message for a split attachment.
        pub mid: String = 3,
        /// Message-ID of the pre-message; empty if it was not split.
        pub pre_mid: String = 4,
        /// How far it has come.
        pub state: MessageState = 5,
        /// How it shows its content.
        pub view_type: ViewType = 6,
        /// What it is about if it is a system message.
        pub system_type: SystemType = 7,
        /// Text without quote and footer.
        pub text: String = 8,
        /// Subject.
        pub subject: String = 9,
        /// When the author sent it.
        pub sent: i64 = 10,
        /// Position in the chat.
        pub sort: i64 = 11,
        /// When it arrived here; 0 for own ones.
        pub received: i64 = 12,
        /// Never listed, counted or summarised.
        pub hidden: bool = 13,
        /// Arrived encrypted and validly signed, or is sent so.
        pub encrypted: bool = 14,
        /// The author asked for a read receipt that was not answered yet.
        pub wants_receipt: bool = 15,
        /// Blob name of the attachment.
        pub blob: String = 16,
        /// Name of the attachment as shown.
        pub file_name: String = 17,
        /// Media type of the attachment.
        pub mime_type: String = 18,
        /// Size of the attachment in bytes (announced size while not downloaded).
        pub file_bytes: u64 = 19,
        /// Pixels.
        pub width: u32 = 20,
        /// Pixels.
        pub height: u32 = 21,
        /// Milliseconds.
        pub duration: u32 = 22,
        /// In-Reply-To, first id.
        pub in_reply_to: String = 23,
        /// References, newest last.
        pub references: Vec<String> = 24,
        /// Text of the quote; empty for none.
        pub quote: String = 25,
        /// The quote refers to the message named by `in_reply_to`.
        pub has_quote: bool = 26,
        /// Timer of this message in seconds.
        pub ephemeral_timer: u32 = 27,
        /// When it disappears; 0 while the countdown has not started.
        pub expires: i64 = 28,
        /// Error of sending or receiving.
        pub error: String = 29,
        /// Name to show instead of the contact's.
        pub override_name: String = 30,
        /// Forwarded from another chat.
        pub forwarded: bool = 31,
        /// The text was changed by the author.
        pub edited: bool = 32,
        /// Made by a bot.
        pub bot: bool = 33,
        /// Pinned in the chat.
        pub pinned: bool = 34,
        /// Blob name of the HTML form.
        pub html_blob: String = 35,
        /// Whether its attachment is here.
        pub download_state: Download = 36,
        /// The contact that an info line is about (the actor, or the added or removed member).
        pub info_contact: Option<ContactId> = 37,
        /// Headers that an outgoing message carries besides those of its chat.
        pub headers: Vec<HeaderRecord> = 38,
        /// Original of a saved copy.
        pub original: Option<MessageId> = 39,
        /// Saved copy of this message.
        pub saved: Option<MessageId> = 40,
        /// Relays (transport addresses) whose copy was seen, as `addr/folder;UID=n`.
        pub server_urls: Vec<String> = 41,
        /// Text that goes over the wire in place of `text` (placeholders of system messages), and the whole of one that
        /// is shown in part, also of a received one; empty: `text`.
        pub wire_text: String = 42,
        /// Description and picture of the group go with this message.
        pub with_group_data: bool = 43,
        /// Subject was set by the sender of a message that is to be sent; else it is derived from the chat.
        pub fixed_subject: bool = 44,
        /// View type that a pre-message announces.
        pub announced_type: ViewType = 45,
        /// When the author sent the edit whose text is shown; 0 if there was none.
        pub edit_sent: i64 = 51,
        /// The relays that the mail has passed, one hop a line.
        pub hops: String = 52,
        /// Place inside an app that an info line of it leads to; empty for none.
        pub href: String = 53,
        /// What is known of the call, if it is one.
        pub call: Option<Box<CallRecord>> = 60,
        /// Own positions from this time on go with it; they end at `track_end`.
        pub track_begin: i64 = 61,
        /// Time of the last own position that goes with it; 0 if none does.
        pub track_end: i64 = 62,
        /// When the last change of the pin was sent; 0 if there was none.
        pub pin_sent: i64 = 63,
    }
}

record! {
    /// A reaction.
    pub struct ReactionRecord {
        /// The emoji; empty if the reaction was taken back.
        pub emoji: String = 1,
        /// When it arrived.
        pub time: i64 = 2,
        /// When it was sent.
        pub sent: i64 = 3,
    }
}
