//! A chat.

use std::fmt;
use std::path::Path;

use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_proto::mute_duration::{Forever, Kind, NotMuted, Until};
use volary_proto::{
    AcceptChat, AddContactToChat, BlockChat, CanSend, ChatVisibility, DeleteChat, GetChatContacts,
    GetChatDescription, GetChatMedia, GetChatSecurejoinQrCode, GetContactsByIds, GetDraft,
    GetFirstUnreadMessageOfChat, GetFreshMsgCnt, GetFullChat, GetPinnedMessages, MarknoticedChat,
    MarkseenMsgs, MuteDuration, RemoveContactFromChat, RemoveDraft, SearchMessages, SendDraft, SendMessage,
    SetChatDescription, SetChatEphemeralTimer, SetChatMuteDuration, SetChatName, SetChatProfileImage,
    SetChatVisibility, SetDraft, ViewType,
};

use super::error::CallError;
use super::events::Events;
use super::link::Link;
use super::message::{self, Message};
use super::new_message::{NewMessage, path_text};
use super::profile::Profile;
use super::views::{ChatView, ContactView, MessageView};
use crate::bus::Bus;

/// How long a chat is silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mute {
    /// It is not.
    Off,
    /// Until that is changed.
    Forever,
    /// For so many seconds.
    Seconds(u32),
}

/// A chat of a profile. Cheap to clone.
#[derive(Clone)]
pub struct Chat<B> {
    pub(super) link: Link<B>,
    id: ChatId,
}

impl<B> fmt::Debug for Chat<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Chat").field(&self.link.profile).field(&self.id).finish()
    }
}

impl<B: Bus> Chat<B> {
    pub(super) fn new(link: Link<B>, id: ChatId) -> Self {
        Self { link, id }
    }

    /// Its id.
    pub fn id(&self) -> ChatId {
        self.id
    }

    /// The profile that it belongs to.
    pub fn profile(&self) -> Profile<B> {
        Profile { link: self.link.clone() }
    }

    /// The chat as it is now.
    pub async fn load(&self) -> Result<ChatView, CallError> {
        Ok(self.link.call(GetFullChat { chat_id: self.number() }).await?.into())
    }

    /// What happens in this chat from now on.
    pub async fn events(&self) -> Result<Events<B>, CallError> {
        Events::of_chat(&self.link, self.id).await
    }

    // Writing

    /// Sends a text. The answer comes when it is stored; [`Message::wait_until_sent`] waits for the relay.
    pub async fn send_text(&self, text: impl Into<String>) -> Result<Message<B>, CallError> {
        self.send(NewMessage::text(text)).await
    }

    /// Sends a file.
    pub async fn send_file(&self, path: impl AsRef<Path>) -> Result<Message<B>, CallError> {
        self.send(NewMessage::file(path.as_ref())).await
    }

    /// Sends a message.
    pub async fn send(&self, message: impl Into<NewMessage>) -> Result<Message<B>, CallError> {
        let data = message.into().into_data()?;
        let id = self.link.call(SendMessage { chat_id: self.number(), data: Some(data) }).await?.id;
        Ok(self.message(id))
    }

    /// Whether a message may be written now.
    pub async fn can_send(&self) -> Result<bool, CallError> {
        Ok(self.link.call(CanSend { chat_id: self.number() }).await?.value)
    }

    /// What the user has begun to write.
    pub async fn draft(&self) -> Result<Option<MessageView>, CallError> {
        let draft = self.link.call(GetDraft { chat_id: self.number() }).await?.message;
        Ok(draft.map(MessageView::from))
    }

    /// Keeps what the user has begun to write.
    pub async fn set_draft(&self, draft: impl Into<NewMessage>) -> Result<(), CallError> {
        let data = draft.into().into_data()?;
        let draft = SetDraft {
            chat_id: self.number(),
            text: data.text,
            file: data.file,
            filename: data.filename,
            quoted_message_id: data.quoted_message_id,
            view_type: data.viewtype,
        };
        self.link.call(draft).await.map(drop)
    }

    /// Sends the draft.
    pub async fn send_draft(&self) -> Result<Message<B>, CallError> {
        Ok(self.message(self.link.call(SendDraft { chat_id: self.number() }).await?.id))
    }

    /// Removes the draft.
    pub async fn remove_draft(&self) -> Result<(), CallError> {
        self.link.call(RemoveDraft { chat_id: self.number() }).await.map(drop)
    }

    // Reading

    /// All messages, in the order in which they are shown: the oldest first.
    pub async fn messages(&self) -> Result<Vec<MessageView>, CallError> {
        self.newest(usize::MAX).await
    }

    /// The newest messages, at most so many, the oldest of them first.
    pub async fn newest(&self, count: usize) -> Result<Vec<MessageView>, CallError> {
        let mut ids = message::ids(&self.link, self.id).await?;
        ids.drain(..ids.len().saturating_sub(count));
        message::load(&self.link, &ids).await
    }

    /// The ids of all messages, the oldest first.
    pub async fn message_ids(&self) -> Result<Vec<MessageId>, CallError> {
        Ok(message::ids(&self.link, self.id).await?.into_iter().map(MessageId::from).collect())
    }

    /// Messages of some kinds, for galleries.
    pub async fn media(&self, kinds: &[ViewType]) -> Result<Vec<Message<B>>, CallError> {
        let view_types = kinds.iter().map(|kind| i32::from(*kind)).collect();
        Ok(self.handles(self.link.call(GetChatMedia { chat_id: Some(self.number()), view_types }).await?.ids))
    }

    /// Pinned messages.
    pub async fn pinned(&self) -> Result<Vec<Message<B>>, CallError> {
        Ok(self.handles(self.link.call(GetPinnedMessages { chat_id: self.number() }).await?.ids))
    }

    /// Messages whose text contains something.
    pub async fn search(&self, text: impl Into<String>) -> Result<Vec<Message<B>>, CallError> {
        let call = SearchMessages { query: text.into(), chat_id: Some(self.number()) };
        Ok(self.handles(self.link.call(call).await?.ids))
    }

    /// Number of fresh messages.
    pub async fn fresh(&self) -> Result<u64, CallError> {
        Ok(self.link.call(GetFreshMsgCnt { chat_id: self.number() }).await?.value)
    }

    /// The user has read what is new: read receipts are sent, and nothing is fresh any more.
    pub async fn mark_seen(&self) -> Result<(), CallError> {
        let msg_ids = self.unread().await?;
        if !msg_ids.is_empty() {
            self.link.call(MarkseenMsgs { msg_ids }).await?;
        }
        self.mark_noticed().await
    }

    /// The same up to a message: what has come after it stays fresh, and nobody is told that it was read.
    pub async fn mark_seen_up_to(&self, last: MessageId) -> Result<(), CallError> {
        let mut msg_ids = self.unread().await?;
        let Some(end) = msg_ids.iter().position(|id| *id == last.get()) else { return Ok(()) };
        msg_ids.truncate(end + 1);
        self.link.call(MarkseenMsgs { msg_ids }).await.map(drop)
    }

    /// The first fresh message, and what stands behind it.
    async fn unread(&self) -> Result<Vec<u32>, CallError> {
        let first = self.link.call(GetFirstUnreadMessageOfChat { chat_id: self.number() }).await?.id;
        let Some(first) = first else { return Ok(Vec::new()) };
        let mut ids = message::ids(&self.link, self.id).await?;
        let new = ids.iter().position(|id| *id == first).unwrap_or(ids.len());
        Ok(ids.split_off(new))
    }

    /// Nothing is fresh any more. No receipts are sent.
    pub async fn mark_noticed(&self) -> Result<(), CallError> {
        self.link.call(MarknoticedChat { chat_id: self.number() }).await.map(drop)
    }

    // The chat itself

    /// Accepts a contact request.
    pub async fn accept(&self) -> Result<(), CallError> {
        self.link.call(AcceptChat { chat_id: self.number() }).await.map(drop)
    }

    /// Blocks the contact or channel, or deletes a group that was not accepted.
    pub async fn block(&self) -> Result<(), CallError> {
        self.link.call(BlockChat { chat_id: self.number() }).await.map(drop)
    }

    /// Deletes it with its messages, here and on the relay.
    pub async fn delete(&self) -> Result<(), CallError> {
        self.link.call(DeleteChat { chat_id: self.number() }).await.map(drop)
    }

    /// Archives or pins it, or neither.
    pub async fn set_visibility(&self, visibility: ChatVisibility) -> Result<(), CallError> {
        let call = SetChatVisibility { chat_id: self.number(), visibility: visibility.into() };
        self.link.call(call).await.map(drop)
    }

    /// Silences it.
    pub async fn mute(&self, mute: Mute) -> Result<(), CallError> {
        let kind = match mute {
            Mute::Off => Kind::NotMuted(NotMuted {}),
            Mute::Forever => Kind::Forever(Forever {}),
            Mute::Seconds(seconds) => Kind::Until(Until { duration: seconds.into() }),
        };
        let duration = Some(MuteDuration { kind: Some(kind) });
        self.link.call(SetChatMuteDuration { chat_id: self.number(), duration }).await.map(drop)
    }

    /// How long new messages live, in seconds; `None`: they stay.
    pub async fn set_timer(&self, seconds: Option<u32>) -> Result<(), CallError> {
        let call = SetChatEphemeralTimer { chat_id: self.number(), seconds: seconds.unwrap_or_default() };
        self.link.call(call).await.map(drop)
    }

    // Groups and channels

    /// Renames it.
    pub async fn rename(&self, name: impl Into<String>) -> Result<(), CallError> {
        self.link.call(SetChatName { chat_id: self.number(), name: name.into() }).await.map(drop)
    }

    /// Its description.
    pub async fn description(&self) -> Result<String, CallError> {
        Ok(self.link.call(GetChatDescription { chat_id: self.number() }).await?.text)
    }

    /// Describes it.
    pub async fn describe(&self, description: impl Into<String>) -> Result<(), CallError> {
        let call = SetChatDescription { chat_id: self.number(), description: description.into() };
        self.link.call(call).await.map(drop)
    }

    /// Changes its picture.
    pub async fn set_picture(&self, picture: Option<&Path>) -> Result<(), CallError> {
        let image_path = picture.map(path_text).transpose()?;
        self.link.call(SetChatProfileImage { chat_id: self.number(), image_path }).await.map(drop)
    }

    /// An invite to it.
    pub async fn invite(&self) -> Result<String, CallError> {
        Ok(self.link.call(GetChatSecurejoinQrCode { chat_id: Some(self.number()) }).await?.text)
    }

    /// Its members.
    pub async fn members(&self) -> Result<Vec<ContactView>, CallError> {
        let contact_ids = self.link.call(GetChatContacts { chat_id: self.number() }).await?.ids;
        let contacts = self.link.call(GetContactsByIds { contact_ids }).await?;
        Ok(contacts.into_iter().map(|(_, contact)| contact.into()).collect())
    }

    /// Adds a member.
    pub async fn add_member(&self, contact: ContactId) -> Result<(), CallError> {
        let call = AddContactToChat { chat_id: self.number(), contact_id: contact.get() };
        self.link.call(call).await.map(drop)
    }

    /// Removes a member.
    pub async fn remove_member(&self, contact: ContactId) -> Result<(), CallError> {
        let call = RemoveContactFromChat { chat_id: self.number(), contact_id: contact.get() };
        self.link.call(call).await.map(drop)
    }

    /// Leaves it.
    pub async fn leave(&self) -> Result<(), CallError> {
        self.remove_member(ContactId::SELF).await
    }

    fn number(&self) -> u32 {
        self.id.get()
    }

    fn message(&self, id: u32) -> Message<B> {
        Message::new(self.link.clone(), id.into())
    }

    fn handles(&self, ids: Vec<u32>) -> Vec<Message<B>> {
        ids.into_iter().map(|id| self.message(id)).collect()
    }
}
