//! Stored kinds and states as those of the schema, and back.

use volary_mail::calls::State;
use volary_proto::v1::{self, ChatVisibility, DownloadState, SystemMessageType as System, call_state};
use volary_storage::records::{
    ChatType, Download, MessageState, NotShownReason, NotShownState, SystemType, ViewType, Visibility,
};

/// Kind of conversation.
pub fn chat_type(stored: ChatType) -> v1::ChatType {
    match stored {
        ChatType::Single => v1::ChatType::Single,
        ChatType::Group => v1::ChatType::Group,
        ChatType::MailingList => v1::ChatType::Mailinglist,
        ChatType::OutBroadcast => v1::ChatType::OutBroadcast,
        ChatType::InBroadcast => v1::ChatType::InBroadcast,
    }
}

/// Where a client wants a chat to be.
pub fn visibility(value: ChatVisibility) -> Visibility {
    match value {
        ChatVisibility::Normal => Visibility::Normal,
        ChatVisibility::Archived => Visibility::Archived,
        ChatVisibility::Pinned => Visibility::Pinned,
    }
}

/// How a message is shown.
pub fn view_type(stored: ViewType) -> v1::ViewType {
    match stored {
        ViewType::Unknown | ViewType::Other(_) => v1::ViewType::Unknown,
        ViewType::Text => v1::ViewType::Text,
        ViewType::Image => v1::ViewType::Image,
        ViewType::Gif => v1::ViewType::Gif,
        ViewType::Sticker => v1::ViewType::Sticker,
        ViewType::Audio => v1::ViewType::Audio,
        ViewType::Voice => v1::ViewType::Voice,
        ViewType::Video => v1::ViewType::Video,
        ViewType::File => v1::ViewType::File,
        ViewType::Call => v1::ViewType::Call,
        ViewType::Webxdc => v1::ViewType::Webxdc,
        ViewType::Vcard => v1::ViewType::Vcard,
    }
}

/// How a client wants a message to be shown.
pub fn wanted_view_type(wanted: v1::ViewType) -> ViewType {
    match wanted {
        v1::ViewType::Unknown => ViewType::Unknown,
        v1::ViewType::Text => ViewType::Text,
        v1::ViewType::Image => ViewType::Image,
        v1::ViewType::Gif => ViewType::Gif,
        v1::ViewType::Sticker => ViewType::Sticker,
        v1::ViewType::Audio => ViewType::Audio,
        v1::ViewType::Voice => ViewType::Voice,
        v1::ViewType::Video => ViewType::Video,
        v1::ViewType::File => ViewType::File,
        v1::ViewType::Call => ViewType::Call,
        v1::ViewType::Webxdc => ViewType::Webxdc,
        v1::ViewType::Vcard => ViewType::Vcard,
    }
}

/// Name of a view type in texts.
pub fn view_name(stored: ViewType) -> &'static str {
    match stored {
        ViewType::Unknown | ViewType::Other(_) => "Unknown",
        ViewType::Text => "Text",
        ViewType::Image => "Image",
        ViewType::Gif => "Gif",
        ViewType::Sticker => "Sticker",
        ViewType::Audio => "Audio",
        ViewType::Voice => "Voice",
        ViewType::Video => "Video",
        ViewType::File => "File",
        ViewType::Call => "Call",
        ViewType::Webxdc => "Webxdc",
        ViewType::Vcard => "Vcard",
    }
}

/// How far a message has come, as far as its row says.
pub fn state(stored: MessageState) -> v1::MessageState {
    match stored {
        MessageState::Undefined => v1::MessageState::Undefined,
        MessageState::InFresh => v1::MessageState::InFresh,
        MessageState::InNoticed => v1::MessageState::InNoticed,
        MessageState::InSeen => v1::MessageState::InSeen,
        MessageState::OutDraft => v1::MessageState::OutDraft,
        MessageState::OutPending => v1::MessageState::OutPending,
        MessageState::OutFailed => v1::MessageState::OutFailed,
        MessageState::OutDelivered => v1::MessageState::OutDelivered,
    }
}

/// Name of a state in texts.
pub fn state_name(state: v1::MessageState) -> &'static str {
    match state {
        v1::MessageState::Undefined => "Undefined",
        v1::MessageState::InFresh => "Fresh",
        v1::MessageState::InNoticed => "Noticed",
        v1::MessageState::InSeen => "Seen",
        v1::MessageState::OutDraft => "Draft",
        v1::MessageState::OutPending => "Pending",
        v1::MessageState::OutFailed => "Failed",
        v1::MessageState::OutDelivered => "Delivered",
        v1::MessageState::OutRead => "Read",
    }
}

/// Whether the attachment is here.
pub fn download(stored: Download) -> DownloadState {
    match stored {
        Download::Done => DownloadState::Done,
        Download::Available => DownloadState::Available,
        Download::Failure => DownloadState::Failure,
        Download::Undecipherable => DownloadState::Undecipherable,
        Download::InProgress => DownloadState::InProgress,
    }
}

/// What an info message tells.
pub fn system(stored: SystemType) -> System {
    match stored {
        SystemType::None | SystemType::Other(_) => System::Unknown,
        SystemType::GroupNameChanged => System::GroupNameChanged,
        SystemType::GroupImageChanged => System::GroupImageChanged,
        SystemType::MemberAdded => System::MemberAddedToGroup,
        SystemType::MemberRemoved => System::MemberRemovedFromGroup,
        SystemType::AutocryptSetup => System::AutocryptSetupMessage,
        SystemType::Securejoin => System::SecurejoinMessage,
        SystemType::LocationStreamingEnabled => System::LocationStreamingEnabled,
        SystemType::LocationOnly => System::LocationOnly,
        SystemType::EphemeralTimerChanged => System::EphemeralTimerChanged,
        SystemType::InvalidUnencrypted => System::InvalidUnencryptedMail,
        SystemType::SecurejoinWait => System::SecurejoinWait,
        SystemType::MultiDeviceSync => System::MultiDeviceSync,
        SystemType::WebxdcStatusUpdate => System::WebxdcStatusUpdate,
        SystemType::RealtimeAddress => System::IrohNodeAddr,
        SystemType::WebxdcInfo => System::WebxdcInfoMessage,
        SystemType::ChatE2ee => System::ChatE2ee,
        SystemType::GroupDescriptionChanged => System::GroupDescriptionChanged,
        SystemType::MessagePinned => System::MessagePinned,
        SystemType::MessageUnpinned => System::MessageUnpinned,
    }
}

/// How a call stands.
pub fn call_state(state: State) -> call_state::Kind {
    use call_state::{Active, Alerting, Canceled, Completed, Declined, Missed};
    match state {
        State::Alerting => call_state::Kind::Alerting(Alerting {}),
        State::Active => call_state::Kind::Active(Active {}),
        State::Completed { seconds } => {
            call_state::Kind::Completed(Completed { duration: i64::try_from(seconds).unwrap_or(i64::MAX) })
        }
        State::Missed => call_state::Kind::Missed(Missed {}),
        State::Declined => call_state::Kind::Declined(Declined {}),
        State::Canceled => call_state::Kind::Canceled(Canceled {}),
    }
}

/// Why nothing of a mail is shown. The stored numbers are those of the schema.
pub fn not_shown_reason(stored: NotShownReason) -> v1::NotShownReason {
    i32::try_from(stored.number()).ok().and_then(|number| number.try_into().ok()).unwrap_or_default()
}

/// What became of a mail of which nothing is shown. The stored numbers are those of the schema.
pub fn not_shown_state(stored: NotShownState) -> v1::NotShownState {
    i32::try_from(stored.number()).ok().and_then(|number| number.try_into().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_types_go_both_ways() {
        for stored in ViewType::ALL {
            assert_eq!(wanted_view_type(view_type(*stored)), *stored);
        }
        assert_eq!(view_type(ViewType::Other(99)), v1::ViewType::Unknown);
    }

    #[test]
    fn reasons_and_states_of_mails_that_are_not_shown_have_the_numbers_of_the_schema() {
        for stored in NotShownReason::ALL {
            assert_eq!(format!("{stored:?}"), format!("{:?}", not_shown_reason(*stored)));
        }
        for stored in NotShownState::ALL {
            assert_eq!(format!("{stored:?}"), format!("{:?}", not_shown_state(*stored)));
        }
    }
}
