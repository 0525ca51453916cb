//! A chat, and an entry of the chat list.

use std::path::PathBuf;

use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_proto::chat_list_item_fetch_result::{ChatListItem, Kind};
use volary_proto::{ChatListItemFetchResult, ChatType, ChatVisibility, FullChat, MessageState, ViewType};

/// A chat, as it was when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatView {
    /// Its id.
    pub id: ChatId,
    /// The name to show.
    pub name: String,
    /// What kind of conversation it is.
    pub kind: ChatType,
    /// Where it stands in the chat list.
    pub visibility: ChatVisibility,
    /// Its picture.
    pub picture: Option<PathBuf>,
    /// Its colour, `#rrggbb`.
    pub color: String,
    /// Members: the own profile first, then by their last sign of life.
    pub members: Vec<ContactId>,
    /// Those who were removed within the last 60 days, the latest removal first.
    pub past_members: Vec<ContactId>,
    /// Number of fresh messages.
    pub fresh: u32,
    /// How long new messages live, in seconds; not set if they stay.
    pub timer: Option<u32>,
    /// Everything that is sent here is end-to-end encrypted.
    pub is_encrypted: bool,
    /// It must be accepted before one can write.
    pub is_contact_request: bool,
    /// There are no notifications at the moment.
    pub is_muted: bool,
    /// "Saved messages".
    pub is_self_talk: bool,
    /// "Device messages".
    pub is_device_chat: bool,
    /// The own profile is a member.
    pub is_member: bool,
    /// A message may be written now.
    pub can_send: bool,
}

impl From<FullChat> for ChatView {
    fn from(chat: FullChat) -> Self {
        let contacts = |ids: Vec<u32>| ids.into_iter().map(ContactId::from).collect();
        Self {
            id: chat.id.into(),
            kind: chat.chat_type(),
            visibility: visibility(chat.archived, chat.pinned),
            name: chat.name,
            picture: chat.profile_image.map(PathBuf::from),
            color: chat.color,
            members: contacts(chat.contact_ids),
            past_members: contacts(chat.past_contact_ids),
            fresh: chat.fresh_message_counter,
            timer: Some(chat.ephemeral_timer).filter(|seconds| *seconds != 0),
            is_encrypted: chat.is_encrypted,
            is_contact_request: chat.is_contact_request,
            is_muted: chat.is_muted,
            is_self_talk: chat.is_self_talk,
            is_device_chat: chat.is_device_chat,
            is_member: chat.self_in_group,
            can_send: chat.can_send,
        }
    }
}

/// An entry of the chat list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChatEntry {
    /// A chat.
    Chat(Box<ChatSummary>),
    /// Leads to the archive.
    Archive {
        /// Archived chats with fresh messages.
        fresh: u32,
    },
    /// A chat that cannot be shown. One that was deleted a moment ago leaves the list with the next change.
    Broken {
        /// The chat.
        id: ChatId,
        /// Why.
        error: String,
    },
}

/// What the chat list shows of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChatSummary {
    /// Its id.
    pub id: ChatId,
    /// The name to show.
    pub name: String,
    /// What kind of conversation it is.
    pub kind: ChatType,
    /// Where it stands in the chat list.
    pub visibility: ChatVisibility,
    /// Its picture.
    pub picture: Option<PathBuf>,
    /// Its colour, `#rrggbb`.
    pub color: String,
    /// What stands before the colon of the summary: "Draft", "Me", a sender.
    pub summary_prefix: Option<String>,
    /// The newest message in short.
    pub summary: String,
    /// The newest visible message or draft.
    pub last_message: Option<MessageId>,
    /// How it is shown.
    pub last_kind: Option<ViewType>,
    /// How far it has come.
    pub last_state: MessageState,
    /// When, Unix seconds.
    pub last_time: Option<i64>,
    /// Number of fresh messages.
    pub fresh: u32,
    /// The other side of a chat of two.
    pub contact: Option<ContactId>,
    /// Everything that is sent here is end-to-end encrypted.
    pub is_encrypted: bool,
    /// It must be accepted before one can write.
    pub is_contact_request: bool,
    /// There are no notifications at the moment.
    pub is_muted: bool,
    /// "Saved messages".
    pub is_self_talk: bool,
    /// "Device messages".
    pub is_device_chat: bool,
    /// False after leaving a group or channel.
    pub is_member: bool,
}

impl ChatEntry {
    /// The chat; [`ChatId::ARCHIVED_LINK`] for the entry that leads to the archive.
    pub fn id(&self) -> ChatId {
        match self {
            Self::Chat(chat) => chat.id,
            Self::Archive { .. } => ChatId::ARCHIVED_LINK,
            Self::Broken { id, .. } => *id,
        }
    }

    /// What is shown of it, if it is a chat.
    pub fn chat(&self) -> Option<&ChatSummary> {
        match self {
            Self::Chat(chat) => Some(chat),
            Self::Archive { .. } | Self::Broken { .. } => None,
        }
    }

    /// The answer to a question for this chat.
    pub(crate) fn new(id: ChatId, answer: ChatListItemFetchResult) -> Self {
        match answer.kind {
            Some(Kind::ChatListItem(item)) => Self::Chat(Box::new(item.into())),
            Some(Kind::ArchiveLink(link)) => Self::Archive { fresh: link.fresh_message_counter },
            Some(Kind::Error(error)) => Self::Broken { id, error: error.error },
            None => Self::Broken { id, error: "the answer is not understood".to_owned() },
        }
    }
}

impl From<ChatListItem> for ChatSummary {
    fn from(item: ChatListItem) -> Self {
        Self {
            id: item.id.into(),
            kind: item.chat_type(),
            visibility: visibility(item.is_archived, item.is_pinned),
            last_kind: item.last_message_type.is_some().then(|| item.last_message_type()),
            last_state: item.summary_status(),
            name: item.name,
            picture: item.avatar_path.map(PathBuf::from),
            color: item.color,
            summary_prefix: Some(item.summary_text1).filter(|text| !text.is_empty()),
            summary: item.summary_text2,
            last_message: item.last_message_id.map(MessageId::from),
            last_time: item.last_updated,
            fresh: item.fresh_message_counter,
            contact: item.dm_chat_contact.map(ContactId::from),
            is_encrypted: item.is_encrypted,
            is_contact_request: item.is_contact_request,
            is_muted: item.is_muted,
            is_self_talk: item.is_self_talk,
            is_device_chat: item.is_device_talk,
            is_member: item.is_self_in_group,
        }
    }
}

fn visibility(archived: bool, pinned: bool) -> ChatVisibility {
    match (archived, pinned) {
        (true, _) => ChatVisibility::Archived,
        (false, true) => ChatVisibility::Pinned,
        (false, false) => ChatVisibility::Normal,
    }
}

#[cfg(test)]
mod tests {
    use volary_proto::chat_list_item_fetch_result::{ArchiveLink, Error};

    use super::*;

    #[test]
    fn an_entry_says_what_it_is() {
        let chat = ChatListItem {
            id: 12,
            chat_type: ChatType::Group.into(),
            is_pinned: true,
            last_message_id: Some(40),
            ..Default::default()
        };
        let entry = |kind| ChatEntry::new(ChatId::new(12), ChatListItemFetchResult { kind: Some(kind) });
        let shown = entry(Kind::ChatListItem(chat));
        let summary = shown.chat().unwrap();
        assert_eq!((summary.kind, summary.visibility), (ChatType::Group, ChatVisibility::Pinned));
        assert_eq!((summary.last_message, summary.last_kind), (Some(MessageId::new(40)), None));
        let archive = entry(Kind::ArchiveLink(ArchiveLink { fresh_message_counter: 2 }));
        assert_eq!((archive.id(), archive), (ChatId::ARCHIVED_LINK, ChatEntry::Archive { fresh: 2 }));
        let broken = entry(Kind::Error(Error { id: 12, error: "no".to_owned() }));
        assert_eq!((broken.id(), broken.chat()), (ChatId::new(12), None));
    }
}
