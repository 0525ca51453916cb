//! Commands on calls that need more than a call into the rules: what is refused after something was stored.

use volary_proto::Error;
use volary_proto::v1::PlaceOutgoingCall;

use super::{chats, messages};
use crate::chat::calls;
use crate::chat::compose::NewCall;
use crate::ground::db::Db;
use crate::ground::error::Failure;
use crate::ground::ids::{MessageId, ProfileId};

/// Calls a contact; answered when the call is stored.
pub async fn place(db: &Db, profile: ProfileId, call: PlaceOutgoingCall) -> Result<MessageId, Error> {
    let placed = db.transact(profile, move |tx| {
        let chat = call.chat_id.into();
        messages::check_sendable(tx, chat)?;
        let new = NewCall { offer: call.place_call_info, has_video: call.has_video };
        let id = calls::place(tx, chat, new)?;
        Ok::<_, Failure>((id, chats::is_refused(tx, id)?))
    });
    let (id, refused) = placed.await?.value;
    if refused { Err(messages::unencrypted(id)) } else { Ok(id) }
}

/// Cancels, declines or hangs up. It is over here also if the other side cannot be told.
pub async fn end(db: &Db, profile: ProfileId, id: MessageId) -> Result<(), Error> {
    match db.transact(profile, move |tx| calls::end(tx, id)).await?.value {
        Some(refused) => Err(refused.into()),
        None => Ok(()),
    }
}
