//! Whose turn a command is.
//!
//! What changes one chat is submitted by the actor of that chat, in the order in which it came: commands that name the
//! chat, and commands that name messages, whose chat is looked up on a snapshot here. The transaction looks the messages
//! up again. What changes several chats (messages of different ones, everything noticed, a blocked or deleted contact)
//! or makes one is submitted by the profile: each such command is one transaction as well, but it is in no order with
//! commands that wait for their turn in one of these chats.

use volary_proto::Scope;
use volary_proto::v1::request::Kind;
use volary_storage::{StoreError, View};

use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId, typed};
use crate::state::{chats, messages};

/// The chat whose actor submits a command; `None`: the profile does. What copies messages to another profile changes a
/// chat there, so that profile is to be asked.
pub fn chat_of(view: &impl View, profile: ProfileId, kind: &Kind) -> Result<Option<ChatId>, StoreError> {
    match kind {
        // Copies are made in the own chat, wherever the messages are.
        Kind::SaveMessages(_) => chats::single_of(view, profile, ContactId::SELF),
        // The chat that is named is one of the other profile, which is asked.
        Kind::ForwardMessagesToAccount(call) => Ok(Some(call.chat_id.into())),
        Kind::CreateChatByContactId(call) => chats::single_of(view, profile, call.contact_id.into()),
        _ if !matches!(kind.scope(), Scope::Chat | Scope::App) => Ok(None),
        _ => match kind.chat_id() {
            Some(chat) => Ok(Some(chat.into())),
            None => common_chat(view, profile, &typed(kind.message_ids())),
        },
    }
}

/// The chat of messages, if all that exist are in the same one.
fn common_chat(
    view: &impl View,
    profile: ProfileId,
    wanted: &[MessageId],
) -> Result<Option<ChatId>, StoreError> {
    let mut common = None;
    for id in wanted {
        let Some(record) = messages::load(view, profile, *id)? else { continue };
        if *common.get_or_insert(record.chat) != record.chat {
            return Ok(None);
        }
    }
    Ok(common)
}

#[cfg(test)]
mod tests {
    use volary_proto::v1::{
        CreateChatByContactId, DeleteMessages, MarknoticedChat, MarkseenMsgs, SaveMessages, SendReaction,
        SetConfig, StartIo,
    };

    use super::*;
    use crate::testing::{Desk, PROFILE};

    fn chat(desk: &Desk, kind: impl Into<Kind>) -> Option<ChatId> {
        let kind = kind.into();
        desk.db.look(|view| chat_of(view, PROFILE, &kind)).unwrap()
    }

    #[tokio::test]
    async fn commands_that_name_a_chat_or_messages_of_one_go_there() {
        let desk = Desk::new().await;
        let (bob, _) = desk.knows(&["bob@two.test"]).await;
        let (carol, _) = desk.knows(&["carol@three.test"]).await;
        let (first, second) = (desk.chat_with(bob).await, desk.chat_with(carol).await);
        let (one, two, other) =
            (desk.says(first, "1").await, desk.says(first, "2").await, desk.says(second, "3").await);
        assert_eq!(chat(&desk, MarknoticedChat { chat_id: second.get() }), Some(second));
        assert_eq!(chat(&desk, SendReaction { msg_id: one.get(), ..Default::default() }), Some(first));
        assert_eq!(chat(&desk, MarkseenMsgs { msg_ids: vec![one.get(), 4711, two.get()] }), Some(first));
        assert_eq!(
            chat(&desk, DeleteMessages { msg_ids: vec![one.get(), other.get()] }),
            None,
            "of two chats"
        );
        assert_eq!(chat(&desk, DeleteMessages { msg_ids: vec![4711] }), None);
        assert_eq!(chat(&desk, CreateChatByContactId { contact_id: bob.get() }), Some(first));
        assert_eq!(chat(&desk, SaveMessages { msg_ids: vec![one.get()] }), None, "there is no own chat yet");
        let own = desk.chat_with(ContactId::SELF).await;
        assert_eq!(chat(&desk, SaveMessages { msg_ids: vec![one.get()] }), Some(own));
        assert_eq!(chat(&desk, SetConfig::default()), None);
        assert_eq!(chat(&desk, StartIo {}), None);
    }
}
