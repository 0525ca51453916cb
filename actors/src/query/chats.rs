//! Chats.

use volary_storage::records::chat_type;

/// Name of a chat type in texts.
pub fn type_name(kind: u32) -> &'static str {
    match kind {
        chat_type::GROUP => "Group",
        chat_type::MAILINGLIST => "Mailinglist",
        chat_type::OUT_BROADCAST => "OutBroadcast",
        chat_type::IN_BROADCAST => "InBroadcast",
        _ => "Single",
    }
}
