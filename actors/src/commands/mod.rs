//! Commands: what requests change. Each is one transaction on its profile, answered when its commit is visible.

pub mod device;

use volary_proto::Error;
use volary_proto::v1::{answer, request};

use crate::db::Db;
use crate::query;

/// Carries out a command.
pub async fn run(db: &Db, profile: u32, kind: request::Kind) -> Result<answer::Kind, Error> {
    query::look::look(db, profile, |_| Ok(()))?;
    Err(query::unsupported(&kind))
}

/// The chat that a command addresses, if it names one.
pub fn chat_of(kind: &request::Kind) -> Option<u32> {
    use request::Kind;
    Some(match kind {
        Kind::AcceptChat(call) => call.chat_id,
        Kind::BlockChat(call) => call.chat_id,
        Kind::DeleteChat(call) => call.chat_id,
        Kind::SetChatVisibility(call) => call.chat_id,
        Kind::SetChatMuteDuration(call) => call.chat_id,
        Kind::SetChatName(call) => call.chat_id,
        Kind::SetChatDescription(call) => call.chat_id,
        Kind::SetChatProfileImage(call) => call.chat_id,
        Kind::SetChatEphemeralTimer(call) => call.chat_id,
        Kind::AddContactToChat(call) => call.chat_id,
        Kind::RemoveContactFromChat(call) => call.chat_id,
        Kind::MarknoticedChat(call) => call.chat_id,
        Kind::MarkfreshChat(call) => call.chat_id,
        Kind::SetDraft(call) => call.chat_id,
        Kind::RemoveDraft(call) => call.chat_id,
        Kind::SendDraft(call) => call.chat_id,
        Kind::SendMessage(call) => call.chat_id,
        Kind::ForwardMessages(call) => call.chat_id,
        _ => return None,
    })
}

/// Queries that have to make the own key first, and therefore are sent to the actor like commands.
pub fn needs_key(kind: &request::Kind) -> bool {
    matches!(kind, request::Kind::GetAccountInfo(_) | request::Kind::MakeVcard(_))
}
