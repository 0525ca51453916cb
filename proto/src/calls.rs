//! Which answer belongs to which request.

use crate::{Answer, Request, answer, request, *};

/// A command or query that can be sent in a [`Request`].
pub trait Call: Into<request::Kind> {
    /// What the engine answers on success.
    type Answer: TryFrom<answer::Kind, Error = WrongAnswer> + Into<answer::Kind>;

    /// Whether it changes anything.
    const MODE: Mode;

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

macro_rules! calls {
    ($($mode:ident $call:ident => $answer:ident,)*) => {
        $(
            impl From<$call> for request::Kind {
                fn from(call: $call) -> Self {
                    Self::$call(call)
                }
            }

            impl Call for $call {
                type Answer = $answer;
                const MODE: Mode = mode!($mode);
                const NAME: &'static str = stringify!($call);
            }
        )*

        impl request::Kind {
            /// Whether it changes anything.
            pub fn mode(&self) -> Mode {
                match self {
                    $(Self::$call(_) => $call::MODE,)*
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

calls! {
    // Requests to the process as a whole; `profile_id` of the request is 0.
    query GetSystemInfo => TextMap,
    query CheckEmailValidity => Flag,
    query CreateQrSvg => Text,
    query ParseVcard => VcardContacts,
    command SetStockStrings => Done,
    query GetAppVersion => MaybeAppSource,
    query IsSendingFinished => Flag,
    command AddAccount => Id,
    command MigrateAccount => Id,
    command RemoveAccount => Done,
    query GetAllAccountIds => Ids,
    command SelectAccount => Done,
    query GetSelectedAccountId => MaybeId,
    command SetAccountsOrder => Done,
    query GetAllAccounts => Accounts,
    command StartIoForAllAccounts => Done,
    command StopIoForAllAccounts => Done,
    command BackgroundFetch => Done,
    command StopBackgroundFetch => Done,
    command MaybeNetwork => Done,
    command SetLocation => Flag,
    command StopSendingLocations => Done,
    // Requests to one profile about itself: connections, settings, relays, backup and keys.
    query GetAccountInfo => Account,
    command StartIo => Done,
    command StopIo => Done,
    query IsConfigured => Flag,
    query GetInfo => TextMap,
    query GetAccountFileSize => Number,
    query GetStorageUsageReport => Text,
    query GetBlobDir => MaybeText,
    query GetMigrationError => MaybeText,
    command CopyToBlobDir => Text,
    command SetConfig => Done,
    command BatchSetConfig => Done,
    query GetConfig => MaybeText,
    query BatchGetConfig => ConfigValues,
    query GetAllUiConfigKeys => Texts,
    command SetConfigFromQr => Done,
    command CheckQr => Qr,
    command Configure => Done,
    command AddPseudoTransport => Done,
    command AddOrUpdateTransport => Done,
    command AddTransportFromQr => Done,
    command InitTransports => Done,
    query ListTransports => Transports,
    command DeleteTransport => Done,
    command StopOngoingProcess => Done,
    query GetConnectivity => Number,
    query GetConnectivityHtml => Text,
    query GetNotShownMails => NotShownMails,
    query WaitForAllWorkDone => Done,
    command ExportBackup => Done,
    command ImportBackup => Done,
    command ProvideBackup => Done,
    query GetBackupQr => Text,
    query GetBackupQrSvg => Text,
    command GetBackup => Done,
    command ExportSelfKeys => Done,
    command ImportSelfKeys => Done,
    query GetHttpResponse => HttpResponse,
    // Requests about chats and their members.
    query GetChatlistEntries => Ids,
    query GetChatlistItems => ChatListItems,
    query GetSimilarChatIds => Ids,
    query GetFullChat => FullChat,
    query GetBasicChat => BasicChat,
    command AcceptChat => Done,
    command BlockChat => Done,
    command DeleteChat => Done,
    command SetChatVisibility => Done,
    command SetChatMuteDuration => Done,
    query IsChatMuted => Flag,
    command SetChatName => Done,
    command SetChatDescription => Done,
    query GetChatDescription => Text,
    command SetChatProfileImage => Done,
    command SetChatEphemeralTimer => Done,
    query GetChatEphemeralTimer => Number,
    query GetChatContacts => Ids,
    query GetPastChatContacts => Ids,
    command CreateGroup => Id,
    command CreateBroadcast => Id,
    command AddContactToChat => Done,
    command RemoveContactFromChat => Done,
    query GetChatIdByContactId => MaybeId,
    command CreateChatByContactId => Id,
    query CanSend => Flag,
    query GetChatEncryptionInfo => Text,
    command GetChatSecurejoinQrCode => Text,
    command SecureJoin => Id,
    command MarknoticedChat => Done,
    command MarknoticedAllChats => Done,
    command MarkfreshChat => Done,
    query GetFreshMsgCnt => Number,
    query GetFreshMsgs => Ids,
    query GetFirstUnreadMessageOfChat => MaybeId,
    command SetDraft => Done,
    query GetDraft => MaybeMessage,
    command RemoveDraft => Done,
    command SendDraft => Id,
    command AddDeviceMessage => MaybeId,
    command GetChatSecurejoinQrCodeSvg => Texts,
    command SendLocationsToChat => Done,
    query IsSendingLocations => Flag,
    query GetLocations => Locations,
    // Requests about messages, apps and calls.
    command SendMessage => Id,
    query GetMessage => Message,
    query GetMessages => MessageLoadResults,
    query GetMessageIds => Ids,
    query GetMessageListItems => MessageListItems,
    query GetExistingMsgIds => Ids,
    query GetMessageHtml => MaybeText,
    query GetMessageSummaryText => Text,
    query GetMessageNotificationInfo => MessageNotificationInfo,
    command SetPinnedMessageState => Done,
    query GetPinnedMessages => Ids,
    command MarkseenMsgs => Done,
    command DeleteMessages => Done,
    command DeleteMessagesForAll => Done,
    command SendEditRequest => Done,
    command ForwardMessages => Done,
    command ForwardMessagesToAccount => Done,
    command ResendMessages => Done,
    command SaveMessages => Done,
    command DownloadFullMessage => Done,
    command SaveMessageFile => Done,
    command SendReaction => Id,
    query GetMessageReactions => MaybeReactions,
    query GetMessageInfo => Text,
    query GetMessageInfoObject => MessageInfo,
    query GetMessageReadReceipts => MessageReadReceipts,
    query GetMessageReadReceiptCount => Number,
    query SearchMessages => Ids,
    query MessageIdsToSearchResults => MessageSearchResults,
    query GetChatMedia => Ids,
    query GetNextMsgs => Ids,
    query WaitNextMsgs => Ids,
    command SendWebxdcStatusUpdate => Done,
    query GetWebxdcStatusUpdates => Text,
    query GetWebxdcInfo => WebxdcMessageInfo,
    query GetWebxdcBlob => Blob,
    query GetWebxdcHref => MaybeText,
    command SendWebxdcRealtimeAdvertisement => Done,
    command SendWebxdcRealtimeData => Done,
    command LeaveWebxdcRealtime => Done,
    command SetWebxdcIntegration => Done,
    command InitWebxdcIntegration => MaybeId,
    command PlaceOutgoingCall => Id,
    command AcceptIncomingCall => Done,
    command EndCall => Done,
    query GetCallInfo => CallInfo,
    query GetIceServers => Text,
    query GetStickerFolder => Text,
    query GetStickers => TextLists,
    command SaveSticker => Done,
    query EstimateAutoDeletionCount => Number,
    // Requests about contacts.
    command CreateContact => Id,
    query GetContact => Contact,
    query GetContactsByIds => ContactMap,
    query GetContactIds => Ids,
    query GetContacts => Contacts,
    query LookupContactIdByAddr => MaybeId,
    command ChangeContactName => Done,
    command BlockContact => Done,
    command UnblockContact => Done,
    query GetBlockedContacts => Contacts,
    command DeleteContact => Done,
    query GetContactEncryptionInfo => Text,
    query MakeVcard => Text,
    command ImportVcard => Ids,
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
