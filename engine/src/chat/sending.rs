//! Who may send to a chat.

use volary_storage::records::{Block, ChatRecord, ChatType};
use volary_storage::{StoreError, View};

use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::state::{contacts, keys, members};

/// Why a chat cannot be written to. The texts are shown by API clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CannotSend {
    /// A reserved id.
    #[error("the chat is a special chat")]
    Special,
    /// The chat of device messages.
    #[error("the chat is a device chat")]
    Device,
    /// A contact request that was not accepted.
    #[error("contact request chat should be accepted before sending messages")]
    Request,
    /// A mailing list whose post address is unknown.
    #[error("mailing list does not have a know post address")]
    ReadOnlyList,
    /// A subscribed channel.
    #[error("Broadcast channel is read-only")]
    Subscriber,
    /// We are not in the group.
    #[error("not a member of the chat")]
    NotAMember,
    /// The certificate of the contact is not known yet.
    #[error("key is missing")]
    KeyMissing,
}

/// Why we cannot send, `None` if we can.
pub fn obstacle(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
    record: &ChatRecord,
) -> Result<Option<CannotSend>, StoreError> {
    if chat.is_special() {
        return Ok(Some(CannotSend::Special));
    }
    if record.contact == ContactId::DEVICE {
        return Ok(Some(CannotSend::Device));
    }
    if record.blocked == Block::Request {
        return Ok(Some(CannotSend::Request));
    }
    Ok(match record.chat_type {
        ChatType::MailingList if record.list_post.is_empty() => Some(CannotSend::ReadOnlyList),
        ChatType::InBroadcast => Some(CannotSend::Subscriber),
        ChatType::Group if !members::is_member(view, profile, chat, ContactId::SELF)? => {
            Some(CannotSend::NotAMember)
        }
        ChatType::Single if record.encrypted && !record.contact.is_special() => {
            let fingerprint =
                contacts::load(view, profile, record.contact)?.map(|contact| contact.fingerprint);
            match fingerprint {
                Some(fingerprint) if keys::has_certificate(view, profile, &fingerprint)? => None,
                _ => Some(CannotSend::KeyMissing),
            }
        }
        ChatType::Single | ChatType::Group | ChatType::MailingList | ChatType::OutBroadcast => None,
    })
}
