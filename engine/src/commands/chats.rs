//! Commands on chats that need more than a call into the rules: creating single chats, mutes, drafts.

use volary_mail::message::view_type::{ViewType as Kind, by_file_name};
use volary_mail::sync::Action;
use volary_proto::Error;
use volary_proto::v1::mute_duration::Kind as Wanted;
use volary_proto::v1::{self, MuteDuration, SetDraft};
use volary_storage::records::{Block, ChatType, ContactOrigin, MessageState, Mute, ViewType};

use super::files;
use crate::chat::compose::{NewMessage, load_chat};
use crate::chat::{drafts, requests};
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::ground::texts::id as text;
use crate::query::contacts::not_found;
use crate::query::convert;
use crate::query::look::look;
use crate::state::{chats, contacts, messages, removed};
use crate::sync::share;

/// Makes or shows the chat with a contact.
pub fn with_contact(tx: &mut Tx<'_, '_>, contact: ContactId) -> Outcome<ChatId> {
    match contact {
        ContactId::SELF => {}
        ContactId::DEVICE if chats::single_of(tx.store, tx.profile, contact)?.is_some() => {}
        special if special.is_special() => {
            return Err(Failure::refused("Can not create chat for non-existing contact"));
        }
        _ => {
            if contacts::load(tx.store, tx.profile, contact)?.is_none() {
                return Err(not_found(contact));
            }
            contacts::raise_origin(tx, contact, ContactOrigin::CreateChat)?;
        }
    }
    if chats::single_of(tx.store, tx.profile, contact)?.is_none() {
        removed::bring_back(tx, &removed::Key::Single(contact))?;
    }
    Ok(chats::ensure_single(tx, contact, Block::Not)?)
}

/// Blocks a chat; a group is deleted.
pub fn block(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let is_group =
        chats::load(tx.store, tx.profile, chat)?.is_some_and(|record| record.chat_type == ChatType::Group);
    let block = |tx: &mut Tx<'_, '_>| requests::block_chat(tx, chat);
    if is_group {
        share::deleting_chat(tx, chat, block)
    } else {
        share::last_of_chat(tx, chat, Action::Block, block)
    }
}

/// Deletes a chat; a user who deletes the own chat learns how to get it back.
pub fn delete(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let own =
        chats::load(tx.store, tx.profile, chat)?.is_some_and(|record| record.contact == ContactId::SELF);
    requests::delete(tx, chat)?;
    if own {
        let hint = tx.texts.get(text::SELF_DELETED_SAVED_MESSAGES);
        crate::chat::device::add(tx, None, Some(NewMessage { text: hint, ..Default::default() }))?;
    }
    Ok(())
}

/// What a client wants; a time that no clock reaches is for ever.
pub fn wanted_mute(duration: Option<MuteDuration>, now: i64) -> Outcome<Mute> {
    let refused = || Failure::refused("failed to read mute duration");
    match duration.and_then(|duration| duration.kind).ok_or_else(refused)? {
        Wanted::NotMuted(_) => Ok(Mute::Not),
        Wanted::Forever(_) => Ok(Mute::Forever),
        Wanted::Until(until) if until.duration > 0 => {
            Ok(now.checked_add(until.duration).map_or(Mute::Forever, Mute::Until))
        }
        Wanted::Until(_) => Err(refused()),
    }
}

/// Replaces the draft of a chat.
pub async fn set_draft(db: &Db, profile: ProfileId, call: SetDraft) -> Result<(), Error> {
    let asked = call.view_type.and_then(|number| v1::ViewType::try_from(number).ok());
    let mut new = NewMessage {
        text: call.text.unwrap_or_default(),
        quoted_message: call.quoted_message_id.map(Into::into),
        view_type: asked.map_or(ViewType::Unknown, convert::wanted_view_type),
        ..Default::default()
    };
    if let Some(path) = call.file.filter(|path| !path.is_empty()) {
        let name = call.filename.clone().unwrap_or_else(|| path.clone());
        let wanted = match (asked, by_file_name(&name).map(|(kind, _)| kind)) {
            (Some(asked), _) => convert::wanted_view_type(asked),
            (None, Some(Kind::Webxdc)) => ViewType::Webxdc,
            (None, Some(Kind::Vcard)) => ViewType::Vcard,
            _ => ViewType::File,
        };
        let is_app = name.ends_with(".xdc") && matches!(wanted, ViewType::File | ViewType::Webxdc);
        let taken = if is_app {
            files::take_app(db, profile, path, name).await?
        } else {
            files::take(db, profile, path, call.filename, wanted).await?
        };
        new.view_type = if asked.is_none() && !is_app { wanted } else { taken.view_type };
        new.file = Some(taken.file);
    }
    let chat = call.chat_id.into();
    db.transact(profile, move |tx| drafts::set(tx, chat, new)).await?;
    Ok(())
}

/// Sends the draft of a chat; a file becomes the kind of message that it is.
pub async fn send_draft(db: &Db, profile: ProfileId, chat: ChatId) -> Result<MessageId, Error> {
    let draft = look(db, profile, |look| {
        let record = load_chat(look.view, profile, chat)?;
        let Some(id) = record.draft else { return Ok(None) };
        let draft = messages::load(look.view, profile, id)?;
        Ok(draft.and_then(|draft| {
            let plain = matches!(draft.view_type, ViewType::File | ViewType::Image | ViewType::Webxdc);
            let path = look.path(&draft.blob).filter(|_| plain)?;
            Some((id, path, draft))
        }))
    })?;
    let corrected = match draft {
        Some((id, path, draft)) => {
            let mut taken = files::take(db, profile, path, Some(draft.file_name), draft.view_type).await?;
            taken.file.name = files::name_to_send(draft.view_type, &taken.file.name, db.now());
            Some((id, taken))
        }
        None => None,
    };
    let sent = db.transact(profile, move |tx| {
        let recorded = load_chat(tx.store, tx.profile, chat)?.draft.filter(|_| corrected.is_none());
        if let Some(id) = recorded {
            let now = tx.now;
            messages::update(tx, id, |record| {
                if !record.file_name.is_empty() {
                    record.file_name = files::name_to_send(record.view_type, &record.file_name, now);
                }
            })?;
        }
        if let Some((id, taken)) = corrected {
            messages::update(tx, id, |record| {
                record.view_type = taken.view_type;
                record.blob = taken.file.blob;
                record.file_name = taken.file.name;
                record.mime_type = taken.file.mime_type;
                record.file_bytes = taken.file.bytes;
                record.width = taken.file.width;
                record.height = taken.file.height;
            })?;
        }
        let id = drafts::send(tx, chat)?;
        Ok::<_, Failure>((id, is_refused(tx, id)?))
    });
    let (id, refused) = sent.await?.value;
    if refused { Err(super::messages::unencrypted(id)) } else { Ok(id) }
}

/// Whether a message stayed in the chat because it must not go out in clear text.
pub fn is_refused(tx: &Tx<'_, '_>, message: MessageId) -> Outcome<bool> {
    let record = messages::load(tx.store, tx.profile, message)?;
    Ok(record.is_some_and(|record| record.state == MessageState::OutFailed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use volary_proto::v1::mute_duration::{Forever, NotMuted, Until};

    fn wants(kind: Wanted) -> Option<Mute> {
        wanted_mute(Some(MuteDuration { kind: Some(kind) }), 1_000).ok()
    }

    #[test]
    fn mutes_last_for_ever_until_a_time_or_not_at_all() {
        assert_eq!(wants(Wanted::NotMuted(NotMuted {})), Some(Mute::Not));
        assert_eq!(wants(Wanted::Forever(Forever {})), Some(Mute::Forever));
        assert_eq!(wants(Wanted::Until(Until { duration: 60 })), Some(Mute::Until(1_060)));
        assert_eq!(wants(Wanted::Until(Until { duration: i64::MAX })), Some(Mute::Forever));
        assert_eq!(wants(Wanted::Until(Until { duration: 0 })), None);
        assert_eq!(wants(Wanted::Until(Until { duration: -1 })), None);
        assert!(wanted_mute(None, 0).is_err());
    }
}
