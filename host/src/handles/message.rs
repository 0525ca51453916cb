//! A message.

use std::fmt;
use std::path::Path;

use volary_engine::ground::ids::{ChatId, ContactId, MessageId};
use volary_proto::{
    DeleteMessages, DeleteMessagesForAll, DownloadFullMessage, ForwardMessages, GetMessage, GetMessageHtml,
    GetMessageIds, GetMessageReadReceipts, GetMessages, MarkseenMsgs, MessageState, ResendMessages,
    SaveMessageFile, SendEditRequest, SendReaction, SetPinnedMessageState, message_load_result,
};

use super::chat::Chat;
use super::error::CallError;
use super::event::HostEvent;
use super::events::Events;
use super::link::Link;
use super::new_message::{NewMessage, path_text};
use super::views::MessageView;
use crate::bus::Bus;

/// Messages that are loaded with one question.
const TOGETHER: usize = 500;

/// A message of a profile. Cheap to clone.
#[derive(Clone)]
pub struct Message<B> {
    link: Link<B>,
    id: MessageId,
}

impl<B> fmt::Debug for Message<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Message").field(&self.link.profile).field(&self.id).finish()
    }
}

impl<B: Bus> Message<B> {
    pub(super) fn new(link: Link<B>, id: MessageId) -> Self {
        Self { link, id }
    }

    /// Its id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The message as it is now.
    pub async fn load(&self) -> Result<MessageView, CallError> {
        Ok(self.link.call(GetMessage { msg_id: self.id.get() }).await?.into())
    }

    /// Its HTML version.
    pub async fn html(&self) -> Result<Option<String>, CallError> {
        Ok(self.link.call(GetMessageHtml { msg_id: self.id.get() }).await?.text)
    }

    /// Waits until the relay has taken an own message for all who are to receive it. Fails if it cannot be sent.
    pub async fn wait_until_sent(&self) -> Result<(), CallError> {
        let mut events = Events::of_profile(&self.link).await?;
        loop {
            let view = self.load().await?;
            match view.state {
                MessageState::OutDelivered | MessageState::OutRead => return Ok(()),
                MessageState::OutFailed => {
                    return Err(CallError::Failed(
                        view.error.unwrap_or_else(|| "it cannot be sent".to_owned()),
                    ));
                }
                _ if view.is_incoming() => {
                    return Err(CallError::Failed("somebody else has sent it".to_owned()));
                }
                _ => {}
            }
            let may_be_sent = |event: &HostEvent| match event {
                HostEvent::Delivered { message, .. } | HostEvent::Failed { message, .. } => {
                    (*message == self.id).then_some(())
                }
                HostEvent::Deleted { message, .. } => (*message == self.id).then_some(()),
                HostEvent::Lost { .. } => Some(()),
                _ => None,
            };
            if events.find(may_be_sent).await.is_none() {
                return Err(CallError::Cancelled("the host has stopped".to_owned()));
            }
        }
    }

    /// Answers it in its chat, with a quote.
    pub async fn reply(&self, answer: impl Into<NewMessage>) -> Result<Message<B>, CallError> {
        let chat = Chat::new(self.link.clone(), self.load().await?.chat);
        chat.send(answer.into().quoting(self.id)).await
    }

    /// Replaces the own reaction; an empty text takes it back.
    pub async fn react(&self, emoji: &str) -> Result<(), CallError> {
        let reactions = if emoji.is_empty() { Vec::new() } else { vec![emoji.to_owned()] };
        self.link.call(SendReaction { msg_id: self.id.get(), reactions }).await.map(drop)
    }

    /// The user has seen it; a read receipt is sent.
    pub async fn mark_seen(&self) -> Result<(), CallError> {
        self.link.call(MarkseenMsgs { msg_ids: vec![self.id.get()] }).await.map(drop)
    }

    /// Who has confirmed reading it, and when (Unix seconds).
    pub async fn readers(&self) -> Result<Vec<(ContactId, i64)>, CallError> {
        let receipts = self.link.call(GetMessageReadReceipts { msg_id: self.id.get() }).await?.receipts;
        Ok(receipts.into_iter().map(|receipt| (receipt.contact_id.into(), receipt.timestamp)).collect())
    }

    /// Changes the text of an own message, for all members.
    pub async fn edit(&self, text: impl Into<String>) -> Result<(), CallError> {
        self.link.call(SendEditRequest { msg_id: self.id.get(), text: text.into() }).await.map(drop)
    }

    /// Deletes it here and on the relay.
    pub async fn delete(&self) -> Result<(), CallError> {
        self.link.call(DeleteMessages { msg_ids: vec![self.id.get()] }).await.map(drop)
    }

    /// Deletes an own message for all members.
    pub async fn delete_for_all(&self) -> Result<(), CallError> {
        self.link.call(DeleteMessagesForAll { msg_ids: vec![self.id.get()] }).await.map(drop)
    }

    /// Sends a copy to another chat of the profile.
    pub async fn forward_to(&self, chat: ChatId) -> Result<(), CallError> {
        let call = ForwardMessages { msg_ids: vec![self.id.get()], chat_id: chat.get() };
        self.link.call(call).await.map(drop)
    }

    /// Sends an own message again.
    pub async fn resend(&self) -> Result<(), CallError> {
        self.link.call(ResendMessages { msg_ids: vec![self.id.get()] }).await.map(drop)
    }

    /// Pins or unpins it, for all members.
    pub async fn pin(&self, pinned: bool) -> Result<(), CallError> {
        self.link.call(SetPinnedMessageState { msg_id: self.id.get(), pinned }).await.map(drop)
    }

    /// Fetches an attachment that is still on the relay. [`HostEvent::MessagesChanged`] says when it is here.
    pub async fn download(&self) -> Result<(), CallError> {
        self.link.call(DownloadFullMessage { msg_id: self.id.get() }).await.map(drop)
    }

    /// Copies the attachment to a new file of the machine on which the host runs.
    pub async fn save_file(&self, path: impl AsRef<Path>) -> Result<(), CallError> {
        let path = path_text(path.as_ref())?;
        self.link.call(SaveMessageFile { msg_id: self.id.get(), path }).await.map(drop)
    }
}

/// The messages of a chat, the oldest first.
pub(super) async fn ids<B: Bus>(link: &Link<B>, chat: ChatId) -> Result<Vec<u32>, CallError> {
    Ok(link.call(GetMessageIds { chat_id: chat.get(), ..Default::default() }).await?.ids)
}

/// Messages in the order in which they are asked for. Of one that cannot be loaded the view says why.
pub(super) async fn load<B: Bus>(link: &Link<B>, ids: &[u32]) -> Result<Vec<MessageView>, CallError> {
    let mut views = Vec::with_capacity(ids.len());
    for msg_ids in ids.chunks(TOGETHER) {
        for (id, result) in link.call(GetMessages { msg_ids: msg_ids.to_vec() }).await? {
            views.push(match result.kind {
                Some(message_load_result::Kind::Message(message)) => message.into(),
                Some(message_load_result::Kind::LoadingError(error)) => {
                    MessageView::broken(id.into(), error.error)
                }
                None => MessageView::broken(id.into(), "the answer is not understood".to_owned()),
            });
        }
    }
    Ok(views)
}
