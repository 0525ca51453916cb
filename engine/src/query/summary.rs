//! A message in one line, with what has to be looked up for it.

use volary_storage::records::{ChatRecord, ChatType, MessageRecord, MessageState, ViewType};

use super::look::Look;
use crate::chat::summary::{CHAT_LIST, cut, parts};
use crate::ground::error::Outcome;
use crate::ground::ids::ContactId;
use crate::ground::texts::id as text;
use crate::state::{contacts, messages};
use crate::webxdc::archive;

pub use crate::chat::summary::{Style, announcement, fold};

/// The summary of a message in full, or cut at about `approx` characters.
pub fn styled(look: &Look<'_>, record: &MessageRecord, style: Style, approx: usize) -> String {
    let name = match record.view_type {
        ViewType::Vcard => card_name(look, record),
        ViewType::Webxdc => Some(archive::name(look, record)),
        _ => None,
    };
    let (head, caption) = parts(look.texts, record, style, name);
    match approx {
        0 => format!("{head}{caption}"),
        limit => format!("{head}{}", cut(&fold(&caption), limit)),
    }
}

/// As the chat list shows it, with the name of a contact card or an app.
pub fn of(look: &Look<'_>, record: &MessageRecord) -> String {
    fold(&styled(look, record, CHAT_LIST, 0))
}

fn card_name(look: &Look<'_>, record: &MessageRecord) -> Option<String> {
    let bytes = look.blob(&record.blob, super::contacts::MAX_CARD_FILE)?;
    let cards = volary_mail::vcard::parse(&String::from_utf8_lossy(&bytes));
    cards.first().map(|card| card.display_name().to_owned())
}

/// What stands before the colon: who wrote it, as far as that is not obvious.
pub fn prefix(look: &Look<'_>, chat: &ChatRecord, record: &MessageRecord) -> Outcome<String> {
    if record.state == MessageState::OutDraft {
        return Ok(look.texts.get(text::DRAFT));
    }
    let nobody = messages::is_info(record) || record.view_type == ViewType::Call;
    if record.from == ContactId::SELF {
        let obvious = nobody || chat.chat_type == ChatType::OutBroadcast;
        return Ok(if obvious { String::new() } else { look.texts.get(text::SELF) });
    }
    let several = matches!(chat.chat_type, ChatType::Group | ChatType::MailingList)
        || (chat.chat_type == ChatType::Single && chat.contact == ContactId::SELF);
    if nobody || !several {
        return Ok(String::new());
    }
    if !record.override_name.is_empty() {
        return Ok(record.override_name.clone());
    }
    Ok(contacts::name_of(look.view, look.texts, look.profile, record.from)?)
}
