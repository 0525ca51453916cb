//! Stored numbers as the enums of the schema, and back.

use volary_proto::v1::{
    ChatType, ChatVisibility, DownloadState, MessageState, SystemMessageType as System, ViewType,
};
use volary_storage::records::{chat_type, view_type, visibility};

/// Kind of conversation.
pub fn chat_kind(number: u32) -> ChatType {
    match number {
        chat_type::GROUP => ChatType::Group,
        chat_type::MAILINGLIST => ChatType::Mailinglist,
        chat_type::OUT_BROADCAST => ChatType::OutBroadcast,
        chat_type::IN_BROADCAST => ChatType::InBroadcast,
        _ => ChatType::Single,
    }
}

/// Stored number of a visibility.
pub fn visibility_number(value: ChatVisibility) -> u32 {
    match value {
        ChatVisibility::Normal => visibility::NORMAL,
        ChatVisibility::Archived => visibility::ARCHIVED,
        ChatVisibility::Pinned => visibility::PINNED,
    }
}

const VIEW_TYPES: [(u32, ViewType); 11] = [
    (view_type::TEXT, ViewType::Text),
    (view_type::IMAGE, ViewType::Image),
    (view_type::GIF, ViewType::Gif),
    (view_type::STICKER, ViewType::Sticker),
    (view_type::AUDIO, ViewType::Audio),
    (view_type::VOICE, ViewType::Voice),
    (view_type::VIDEO, ViewType::Video),
    (view_type::FILE, ViewType::File),
    (view_type::CALL, ViewType::Call),
    (view_type::WEBXDC, ViewType::Webxdc),
    (view_type::VCARD, ViewType::Vcard),
];

/// How a message is shown.
pub fn view_kind(number: u32) -> ViewType {
    VIEW_TYPES.iter().find(|(known, _)| *known == number).map_or(ViewType::Unknown, |(_, kind)| *kind)
}

/// Stored number of a view type; 0 for an unknown one.
pub fn view_number(value: ViewType) -> u32 {
    VIEW_TYPES.iter().find(|(_, kind)| *kind == value).map_or(0, |(number, _)| *number)
}

/// Name of a view type in texts.
pub fn view_name(number: u32) -> &'static str {
    match view_kind(number) {
        ViewType::Unknown => "Unknown",
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

/// How far a message has come.
pub fn state(number: u32) -> MessageState {
    i32::try_from(number).ok().and_then(|number| MessageState::try_from(number).ok()).unwrap_or_default()
}

/// Name of a state in texts.
pub fn state_name(number: u32) -> &'static str {
    match state(number) {
        MessageState::Undefined => "Undefined",
        MessageState::InFresh => "Fresh",
        MessageState::InNoticed => "Noticed",
        MessageState::InSeen => "Seen",
        MessageState::OutDraft => "Draft",
        MessageState::OutPending => "Pending",
        MessageState::OutFailed => "Failed",
        MessageState::OutDelivered => "Delivered",
        MessageState::OutRead => "Read",
    }
}

/// Whether the attachment is here.
pub fn download(number: u32) -> DownloadState {
    match number {
        10 => DownloadState::Available,
        20 => DownloadState::Failure,
        30 => DownloadState::Undecipherable,
        1000 => DownloadState::InProgress,
        _ => DownloadState::Done,
    }
}

/// What an info message tells. The numbers are those of backups.
pub fn system(number: u32) -> System {
    match number {
        2 => System::GroupNameChanged,
        3 => System::GroupImageChanged,
        4 => System::MemberAddedToGroup,
        5 => System::MemberRemovedFromGroup,
        6 => System::AutocryptSetupMessage,
        7 => System::SecurejoinMessage,
        8 => System::LocationStreamingEnabled,
        9 => System::LocationOnly,
        10 => System::EphemeralTimerChanged,
        11 => System::ChatProtectionEnabled,
        12 => System::ChatProtectionDisabled,
        13 => System::InvalidUnencryptedMail,
        14 => System::SecurejoinWait,
        15 => System::SecurejoinWaitTimeout,
        20 => System::MultiDeviceSync,
        30 => System::WebxdcStatusUpdate,
        32 => System::WebxdcInfoMessage,
        40 => System::IrohNodeAddr,
        50 => System::ChatE2ee,
        66 => System::CallAccepted,
        67 => System::CallEnded,
        70 => System::GroupDescriptionChanged,
        71 => System::MessagePinned,
        72 => System::MessageUnpinned,
        _ => System::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn view_types_go_both_ways() {
        for (number, kind) in VIEW_TYPES {
            assert_eq!((view_kind(number), view_number(kind)), (kind, number));
        }
        assert_eq!(view_kind(99), ViewType::Unknown);
    }
}
