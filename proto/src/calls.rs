//! Which answer belongs to which request, and where each request goes: one line for each in the table below.

use crate::{Answer, Request, answer, request, *};

/// A command or query that can be sent in a [`Request`].
pub trait Call: Into<request::Kind> {
    /// What the engine answers on success.
    type Answer: TryFrom<answer::Kind, Error = WrongAnswer> + Into<answer::Kind>;

    /// Where it goes and what it does there.
    const CLASS: Class;

    /// Whether it changes anything.
    const MODE: Mode = Self::CLASS.mode;

    /// Its name in the schema.
    const NAME: &'static str;
}

/// Whether a request changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Goes to the actor that owns what it changes; answered after the commit.
    Command,
    /// Reads a snapshot and wakes no actor.
    Query,
}

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The process as a whole; the profile id of the request is 0.
    Process,
    /// One profile, beyond a single chat: its relays, settings, keys, contacts, or all of its chats.
    Profile,
    /// One chat, which the request names, or to which the messages belong that it names.
    Chat,
    /// An app inside a message, which the request names.
    App,
}

/// Where a request goes and what it does there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Class {
    /// Whether it changes anything.
    pub mode: Mode,
    /// What it is about.
    pub scope: Scope,
    /// It removes more than it adds, so that it is carried out though the disk is nearly full.
    pub frees_space: bool,
    /// It shows the own key, which has to be made first if there is none.
    pub needs_key: bool,
    /// It is about the connections of a profile: the profile's actor answers it, also if it is a query.
    pub concerns_io: bool,
}

impl Class {
    const fn new(mode: Mode, scope: Scope) -> Self {
        Self { mode, scope, frees_space: false, needs_key: false, concerns_io: false }
    }

    const fn frees(mut self) -> Self {
        self.frees_space = true;
        self
    }

    const fn key(mut self) -> Self {
        self.needs_key = true;
        self
    }

    const fn io(mut self) -> Self {
        self.concerns_io = true;
        self
    }
}

/// A field that names a chat.
trait NamesChat {
    fn chat(&self) -> Option<u32>;
}

impl NamesChat for u32 {
    fn chat(&self) -> Option<u32> {
        Some(*self)
    }
}

impl NamesChat for Option<u32> {
    fn chat(&self) -> Option<u32> {
        *self
    }
}

/// A field that names messages.
trait NamesMessages {
    fn messages(&self) -> &[u32];
}

impl NamesMessages for u32 {
    fn messages(&self) -> &[u32] {
        std::slice::from_ref(self)
    }
}

impl NamesMessages for Vec<u32> {
    fn messages(&self) -> &[u32] {
        self
    }
}

/// An answer of another kind than the request asks for: a bug of the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongAnswer {
    /// The kind that was expected.
    pub expected: &'static str,
}

impl Request {
    /// Puts a call to a profile (0 = the account manager) into its envelope.
    pub fn new(profile_id: u32, call: impl Into<request::Kind>) -> Self {
        Self { profile_id, kind: Some(call.into()) }
    }

    /// Whether it changes anything; `None` when nothing is asked.
    pub fn mode(&self) -> Option<Mode> {
        self.kind.as_ref().map(request::Kind::mode)
    }
}

impl Answer {
    /// Puts an answer into its envelope.
    pub fn new(kind: impl Into<answer::Kind>) -> Self {
        Self { kind: Some(kind.into()) }
    }

    /// Takes the answer out as the type that the call promises.
    pub fn take<C: Call>(self) -> Result<C::Answer, WrongAnswer> {
        self.kind.ok_or(WrongAnswer { expected: C::NAME })?.try_into()
    }
}

macro_rules! mode {
    (command) => {
        Mode::Command
    };
    (query) => {
        Mode::Query
    };
}

macro_rules! scope {
    (process) => {
        Scope::Process
    };
    (profile) => {
        Scope::Profile
    };
    (chat) => {
        Scope::Chat
    };
    (app) => {
        Scope::App
    };
}

macro_rules! chat {
    ($call:ident) => {{
        let _ = $call;
        None
    }};
    ($call:ident $field:ident) => {
        $call.$field.chat()
    };
}

macro_rules! messages {
    ($call:ident) => {{
        let _ = $call;
        &[]
    }};
    ($call:ident $field:ident) => {
        $call.$field.messages()
    };
}

macro_rules! calls {
    ($($mode:ident $scope:ident $(($chat:ident))? $([$messages:ident])? $call:ident => $answer:ident $(+ $mark:ident)*,)*) => {
        $(
            impl From<$call> for request::Kind {
                fn from(call: $call) -> Self {
                    Self::$call(call)
                }
            }

            impl Call for $call {
                type Answer = $answer;
                const CLASS: Class = Class::new(mode!($mode), scope!($scope))$(.$mark())*;
                const NAME: &'static str = stringify!($call);
            }
        )*

        /// All requests by their names in the schema, with their classes and the names of their answers.
        pub const CALLS: &[(&str, Class, &str)] = &[$(($call::NAME, $call::CLASS, stringify!($answer)),)*];

        impl request::Kind {
            /// Where it goes and what it does there.
            pub fn class(&self) -> Class {
                match self {
                    $(Self::$call(_) => $call::CLASS,)*
                }
            }

            /// The chat that it names. A request of [`Scope::Chat`] that names none is about the chat of its messages.
            pub fn chat_id(&self) -> Option<u32> {
                match self {
                    $(Self::$call(call) => chat!(call $($chat)?),)*
                }
            }

            /// The messages that it names; with a chat besides, those that are copied there.
            pub fn message_ids(&self) -> &[u32] {
                match self {
                    $(Self::$call(call) => messages!(call $($messages)?),)*
                }
            }

            /// Its name in the schema.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$call(_) => $call::NAME,)*
                }
            }
        }
    };
}

impl request::Kind {
    /// Whether it changes anything.
    pub fn mode(&self) -> Mode {
        self.class().mode
    }

    /// What it is about.
    pub fn scope(&self) -> Scope {
        self.class().scope
    }

    /// Whether it removes more than it adds, so that it is carried out though the disk is nearly full.
    pub fn frees_space(&self) -> bool {
        self.class().frees_space
    }

    /// Whether it shows the own key, which has to be made first if there is none.
    pub fn needs_key(&self) -> bool {
        self.class().needs_key
    }

    /// Whether it is about the connections of a profile, so that the profile's actor answers it, also if it is a
    /// query.
    pub fn concerns_io(&self) -> bool {
        self.class().concerns_io
    }
}

macro_rules! answers {
    ($($answer:ident,)*) => {
        $(
            impl From<$answer> for answer::Kind {
                fn from(answer: $answer) -> Self {
                    Self::$answer(answer)
                }
            }

            impl TryFrom<answer::Kind> for $answer {
                type Error = WrongAnswer;

                fn try_from(kind: answer::Kind) -> Result<Self, WrongAnswer> {
                    match kind {
                        answer::Kind::$answer(answer) => Ok(answer),
                        _ => Err(WrongAnswer { expected: stringify!($answer) }),
                    }
                }
            }
        )*
    };
}

// mode scope(field that names the chat)[field that names messages] Request => Answer + marks
//
// Marks: `frees` space, needs the own `key`, is about the connections (`io`).
calls! {
    // Requests to the process as a whole; `profile_id` of the request is 0.
    query process GetSystemInfo => TextMap,
    query process CheckEmailValidity => Flag,
    query process CreateQrSvg => Text,
    query process ParseVcard => VcardContacts,
    command process SetStockStrings => Done,
    command process SetPushDeviceToken => Done,
    query process GetAppVersion => MaybeAppSource,
    query process IsSendingFinished => Flag,
    command process AddAccount => Id,
    command process MigrateAccount => Id,
    command process AdoptAccount => Adopted + io,
    command process RemoveAccount => Done,
    query process GetAllAccountIds => Ids,
    command process SelectAccount => Done,
    query process GetSelectedAccountId => MaybeId,
    command process SetAccountsOrder => Done,
    query process GetAllAccounts => Accounts,
    command process StartIoForAllAccounts => Done,
    command process StopIoForAllAccounts => Done,
    command process BackgroundFetch => Done + io,
    command process StopBackgroundFetch => Done,
    command process MaybeNetwork => Done + io,
    command process SetLocation => Flag,
    command process StopSendingLocations => Done,
    command process CreateHostBackup => HostBackup,
    command process RestoreHostBackup => RestoredProfiles,
    command process PruneHostBackups => PrunedHostBackups,
    query process VerifyHostBackups => HostBackupCheck,
    query process ListHostBackups => HostBackups,
    query process GetHostBackupProgress => HostBackupProgress,
    // Requests to one profile about itself: connections, settings, relays, backup and keys.
    query profile GetAccountInfo => Account + key,
    command profile StartIo => Done + io,
    command profile StopIo => Done + io,
    query profile IsConfigured => Flag,
    query profile GetInfo => TextMap,
    query profile GetAccountFileSize => Number,
    query profile GetStorageUsageReport => Text,
    query profile GetStatistics => Text,
    query profile GetBlobDir => MaybeText,
    query profile GetMigrationError => MaybeText,
    command profile CopyToBlobDir => Text,
    command profile SetConfig => Done,
    command profile BatchSetConfig => Done,
    query profile GetConfig => MaybeText,
    query profile BatchGetConfig => ConfigValues,
    query profile GetAllUiConfigKeys => Texts,
    command profile SetConfigFromQr => Done + io,
    command profile CheckQr => Qr,
    command profile Configure => Done + io,
    command profile AddPseudoTransport => Done,
    command profile AddOrUpdateTransport => Done + io,
    command profile AddTransportFromQr => Done + io,
    command profile InitTransports => Done + io,
    query profile ListTransports => Transports,
    command profile DeleteTransport => Done + io,
    command profile StopOngoingProcess => Done + io,
    query profile GetConnectivity => Number + io,
    query profile GetConnectivityHtml => Text + io,
    query profile GetRelayStatuses => RelayStatuses + io,
    query profile GetNotShownMails => NotShownMails,
    query profile GetSendQueue => QueuedMails,
    query profile WaitForAllWorkDone => Done + io,
    command profile ExportBackup => Done + io,
    command profile ImportBackup => Done + io,
    command profile ProvideBackup => Done + io,
    query profile GetBackupQr => Text + io,
    query profile GetBackupQrSvg => Text + io,
    command profile GetBackup => Done + io,
    command profile ExportSelfKeys => Done,
    command profile ImportSelfKeys => Done,
    query profile GetHttpResponse => HttpResponse + io,
    // Requests about chats and their members.
    query profile GetChatlistEntries => Ids,
    query profile GetChatlistItems => ChatListItems,
    query chat(chat_id) GetSimilarChatIds => Ids,
    query chat(chat_id) GetFullChat => FullChat,
    query chat(chat_id) GetBasicChat => BasicChat,
    command chat(chat_id) AcceptChat => Done,
    command chat(chat_id) BlockChat => Done,
    command chat(chat_id) DeleteChat => Done + frees,
    command chat(chat_id) SetChatVisibility => Done,
    command chat(chat_id) SetChatMuteDuration => Done,
    query chat(chat_id) IsChatMuted => Flag,
    command chat(chat_id) SetChatName => Done,
    command chat(chat_id) SetChatDescription => Done,
    query chat(chat_id) GetChatDescription => Text,
    command chat(chat_id) SetChatProfileImage => Done,
    command chat(chat_id) SetChatEphemeralTimer => Done,
    query chat(chat_id) GetChatEphemeralTimer => Number,
    query chat(chat_id) GetChatContacts => Ids,
    query chat(chat_id) GetPastChatContacts => Ids,
    command profile CreateGroup => Id,
    command profile CreateBroadcast => Id,
    command chat(chat_id) AddContactToChat => Done,
    command chat(chat_id) RemoveContactFromChat => Done,
    query profile GetChatIdByContactId => MaybeId,
    command profile CreateChatByContactId => Id,
    query chat(chat_id) CanSend => Flag,
    query chat(chat_id) GetChatEncryptionInfo => Text,
    command profile(chat_id) GetChatSecurejoinQrCode => Text,
    command profile SecureJoin => Id,
    command chat(chat_id) MarknoticedChat => Done,
    command profile MarknoticedAllChats => Done,
    command chat(chat_id) MarkfreshChat => Done,
    query chat(chat_id) GetFreshMsgCnt => Number,
    query profile GetFreshMsgs => Ids,
    query chat(chat_id) GetFirstUnreadMessageOfChat => MaybeId,
    command chat(chat_id) SetDraft => Done,
    query chat(chat_id) GetDraft => MaybeMessage,
    command chat(chat_id) RemoveDraft => Done + frees,
    command chat(chat_id) SendDraft => Id,
    command profile AddDeviceMessage => MaybeId,
    command profile(chat_id) GetChatSecurejoinQrCodeSvg => Texts,
    command chat(chat_id) SendLocationsToChat => Done,
    query profile(chat_id) IsSendingLocations => Flag,
    query profile(chat_id) GetLocations => Locations,
    // Requests about messages, apps and calls.
    command chat(chat_id) SendMessage => Id,
    query chat[msg_id] GetMessage => Message,
    query chat[msg_ids] GetMessages => MessageLoadResults,
    query chat(chat_id) GetMessageIds => Ids,
    query chat(chat_id) GetMessageListItems => MessageListItems,
    query chat[msg_ids] GetExistingMsgIds => Ids,
    query chat[msg_id] GetMessageHtml => MaybeText,
    query chat[msg_id] GetMessageSummaryText => Text,
    query chat[msg_id] GetMessageNotificationInfo => MessageNotificationInfo,
    command chat[msg_id] SetPinnedMessageState => Done,
    query chat(chat_id) GetPinnedMessages => Ids,
    command chat[msg_ids] MarkseenMsgs => Done,
    command chat[msg_ids] DeleteMessages => Done + frees,
    command chat[msg_ids] DeleteMessagesForAll => Done,
    command chat[msg_id] SendEditRequest => Done,
    command chat(chat_id)[msg_ids] ForwardMessages => Done,
    command chat[msg_ids] ForwardMessagesToAccount => Done,
    command chat[msg_ids] ResendMessages => Done,
    command chat[msg_ids] SaveMessages => Done,
    command chat[msg_id] DownloadFullMessage => Done,
    command chat[msg_id] SaveMessageFile => Done,
    command chat[msg_id] SendReaction => Id,
    query chat[msg_id] GetMessageReactions => MaybeReactions,
    query chat[msg_id] GetMessageInfo => Text,
    query chat[msg_id] GetMessageInfoObject => MessageInfo,
    query chat[msg_id] GetMessageReadReceipts => MessageReadReceipts,
    query chat[msg_id] GetMessageReadReceiptCount => Number,
    query profile(chat_id) SearchMessages => Ids,
    query chat[msg_ids] MessageIdsToSearchResults => MessageSearchResults,
    query profile(chat_id) GetChatMedia => Ids,
    query profile GetNextMsgs => Ids,
    query profile WaitNextMsgs => Ids,
    command app[msg_id] SendWebxdcStatusUpdate => Done,
    query app[msg_id] GetWebxdcStatusUpdates => Text,
    query app[msg_id] GetWebxdcInfo => WebxdcMessageInfo,
    query app[msg_id] GetWebxdcBlob => Blob,
    query app[msg_id] GetWebxdcHref => MaybeText,
    command app[msg_id] SendWebxdcRealtimeAdvertisement => Done + io,
    command app[msg_id] SendWebxdcRealtimeData => Done + io,
    command app[msg_id] LeaveWebxdcRealtime => Done + io,
    command profile SetWebxdcIntegration => Done,
    command profile(chat_id) InitWebxdcIntegration => MaybeId,
    command chat(chat_id) PlaceOutgoingCall => Id,
    command chat[msg_id] AcceptIncomingCall => Done,
    command chat[msg_id] EndCall => Done,
    query chat[msg_id] GetCallInfo => CallInfo,
    query profile GetIceServers => Text + io,
    query profile GetStickerFolder => Text,
    query profile GetStickers => TextLists,
    command chat[msg_id] SaveSticker => Done,
    query profile EstimateAutoDeletionCount => Number,
    // Requests about contacts.
    command profile CreateContact => Id,
    query profile GetContact => Contact,
    query profile GetContactsByIds => ContactMap,
    query profile GetContactIds => Ids,
    query profile GetContacts => Contacts,
    query profile LookupContactIdByAddr => MaybeId,
    command profile ChangeContactName => Done,
    command profile BlockContact => Done,
    command profile UnblockContact => Done,
    query profile GetBlockedContacts => Contacts,
    command profile DeleteContact => Done + frees,
    query profile GetContactEncryptionInfo => Text,
    query profile MakeVcard => Text + key,
    command profile ImportVcard => Ids,
}

answers! {
    Done,
    Flag,
    Number,
    Id,
    MaybeId,
    Ids,
    Text,
    MaybeText,
    Texts,
    TextMap,
    TextLists,
    ConfigValues,
    Blob,
    Accounts,
    Transports,
    ChatListItems,
    MaybeMessage,
    MessageLoadResults,
    MessageListItems,
    MessageReadReceipts,
    MessageSearchResults,
    MaybeReactions,
    Contacts,
    ContactMap,
    VcardContacts,
    Locations,
    MaybeAppSource,
    NotShownMails,
    QueuedMails,
    RelayStatuses,
    HostBackup,
    HostBackups,
    HostBackupCheck,
    RestoredProfiles,
    HostBackupProgress,
    PrunedHostBackups,
    Adopted,
    Account,
    Qr,
    FullChat,
    BasicChat,
    Message,
    MessageNotificationInfo,
    MessageInfo,
    Contact,
    WebxdcMessageInfo,
    CallInfo,
    HttpResponse,
}
