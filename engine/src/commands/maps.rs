//! An app that the user puts into Saved Messages may be meant as the map.

use volary_proto::v1::request;
use volary_storage::records::ViewType;

use crate::ground::db::Db;
use crate::ground::error::Failure;
use crate::ground::ids::{ChatId, ContactId, ProfileId};
use crate::query::look::look;
use crate::state::{chats, config, messages};
use crate::webxdc::instance;

/// The chat with oneself, if this command puts something there: an app may be meant as map.
pub(super) fn may_be_chosen(db: &Db, profile: ProfileId, kind: &request::Kind) -> Option<ChatId> {
    use request::Kind;
    let chat = match kind {
        Kind::SendMessage(call) => call.chat_id,
        Kind::SendDraft(call) => call.chat_id,
        Kind::ForwardMessages(call) => call.chat_id,
        _ => return None,
    };
    let chat = ChatId::new(chat);
    let saved = db.look(|view| chats::single_of(view, profile, ContactId::SELF)).ok().flatten();
    (saved == Some(chat)).then_some(chat)
}

/// Makes the app that was just put into Saved Messages the map, if it wants to be one.
pub(super) async fn choose(db: &Db, profile: ProfileId, saved: ChatId) -> Result<(), volary_proto::Error> {
    let wanted = look(db, profile, |look| {
        let Some((_, newest)) = messages::newest_id(look.view, profile, saved)? else { return Ok(None) };
        let record = messages::load(look.view, profile, newest)?.unwrap_or_default();
        let is_app = record.view_type == ViewType::Webxdc && record.from == ContactId::SELF;
        Ok(Some(newest).filter(|_| is_app && instance::wants_map(look, newest)))
    })?;
    if let Some(map) = wanted {
        let set = db.transact(profile, move |tx| {
            Ok::<_, Failure>(config::set(tx, config::key::WEBXDC_INTEGRATION, Some(&map.to_string()))?)
        });
        set.await?;
        tracing::info!(%profile, msg = %map, "an app is the map from now on");
    }
    Ok(())
}
