//! Commands on messages that need more than a call into the rules: sending with files, copies, downloads.

use std::path::Path;

use volary_proto::Error;
use volary_proto::v1::{self, MessageData};
use volary_storage::records::{Download, ViewType};

use super::{chats as chat_commands, files};
use crate::chat::compose::{self, NewMessage};
use crate::chat::features::{forwarded, to_forward};
use crate::chat::locations;
use crate::chat::requests::special_name;
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, MessageId, ProfileId};
use crate::ground::work::Lane;
use crate::query::convert;
use crate::query::look::look;
use crate::query::messages as views;
use crate::state::{messages, transports};

/// What is said before the cause when a message could not be made.
const NOT_CREATED: &str = "Failed to create message";
/// What is said before the cause when a message could not be sent.
const NOT_SENT: &str = "Failed to send created message";

/// The failure of a message that must not go out in clear text.
pub fn unencrypted(message: MessageId) -> Error {
    Error::failed(format!("Failed to create send jobs: e2e encryption unavailable Msg#{message} - true"))
}

/// Makes a message of what a client hands over; its file is copied.
async fn created(db: &Db, profile: ProfileId, data: MessageData) -> Result<NewMessage, Error> {
    let place =
        data.location.map(|place| (place.latitude, place.longitude)).filter(|place| *place != (0.0, 0.0));
    if let Some((latitude, longitude)) = place {
        locations::check(latitude, longitude)?;
    }
    let asked = data.viewtype.map(|number| v1::ViewType::try_from(number).unwrap_or_default());
    let mut new = NewMessage {
        text: data.text.unwrap_or_default(),
        place,
        quoted_message: data.quoted_message_id.map(Into::into),
        quoted_text: data.quoted_text,
        override_name: data.override_sender_name.unwrap_or_default(),
        ..Default::default()
    };
    let file = data.file.filter(|path| !path.is_empty());
    new.view_type = match asked {
        Some(v1::ViewType::Unknown) => {
            return Err(Error::failed("Cannot send messages of type #Unknown.").context(NOT_SENT));
        }
        Some(asked) => convert::wanted_view_type(asked),
        None if file.is_some() => ViewType::File,
        None => ViewType::Text,
    };
    match file {
        Some(path) => {
            let taken = files::take(db, profile, path, data.filename, new.view_type).await;
            let mut taken = taken.map_err(|error| {
                let unreadable = error.message.starts_with(files::NOT_COPIED);
                error.context(if unreadable { NOT_CREATED } else { NOT_SENT })
            })?;
            // Pictures and recordings that are sent as such do not reveal the names that they have here.
            taken.file.name = files::name_to_send(new.view_type, &taken.file.name, db.now());
            new.view_type = taken.view_type;
            new.file = Some(taken.file);
        }
        None if !matches!(new.view_type, ViewType::Text | ViewType::Call) => {
            let name = convert::view_name(new.view_type);
            let error = Error::failed(format!("attachment missing for message of type #{name}"));
            return Err(error.context(NOT_SENT));
        }
        None => {}
    }
    if let Some(html) = data.html.filter(|html| !html.is_empty()) {
        new.html_blob = files::put_text(db, profile, html).await?;
    }
    Ok(new)
}

/// Sends a message; answered when it is stored.
pub async fn send(
    db: &Db,
    profile: ProfileId,
    chat: ChatId,
    data: Option<MessageData>,
) -> Result<MessageId, Error> {
    let new = created(db, profile, data.unwrap_or_default()).await?;
    let sent = db.transact(profile, move |tx| {
        if let Some(quoted) = new.quoted_message {
            check_quoted(tx, quoted)?;
        }
        check_sendable(tx, chat).map_err(not_sent)?;
        let id = compose::send(tx, chat, new, None).map_err(not_sent)?;
        Ok::<_, Failure>((id, chat_commands::is_refused(tx, id)?))
    });
    let (id, refused) = sent.await?.value;
    if refused { Err(unencrypted(id).context(NOT_SENT)) } else { Ok(id) }
}

fn not_sent(failure: Failure) -> Failure {
    match failure {
        Failure::Refused(text) => Failure::Refused(format!("{NOT_SENT}: {text}")),
        other => other,
    }
}

fn check_quoted(tx: &Tx<'_, '_>, message: MessageId) -> Outcome<()> {
    if messages::load(tx.store, tx.profile, message)?.is_some() {
        return Ok(());
    }
    let missing = views::not_found(message);
    Err(Failure::refused(format!("{NOT_CREATED}: Failed to load quoted message: {missing}")))
}

pub(super) fn check_sendable(tx: &Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    if chat.is_special() {
        let name = special_name(chat);
        return Err(Failure::refused(format!("chat_id cannot be a special chat: Chat#{name}")));
    }
    if transports::self_addr(tx.store, tx.profile)?.is_none() {
        return Err(Failure::refused("No self addr configured"));
    }
    Ok(())
}

/// Adds a message to the device chat.
pub async fn add_device_message(
    db: &Db,
    profile: ProfileId,
    label: String,
    data: Option<MessageData>,
) -> Result<Option<MessageId>, Error> {
    let new = match data {
        Some(data) => Some(created(db, profile, data).await?),
        None => None,
    };
    Ok(db.transact(profile, move |tx| crate::chat::device::add(tx, Some(&label), new)).await?.value)
}

/// Asks for the attachment of a message.
pub fn download_full(tx: &mut Tx<'_, '_>, message: MessageId) -> Outcome<()> {
    let record = messages::load(tx.store, tx.profile, message)?.ok_or_else(|| views::not_found(message))?;
    match record.download_state {
        Download::Available | Download::Failure => {}
        Download::InProgress => return Err(Failure::refused("Download already in progress.")),
        Download::Done | Download::Undecipherable => {
            return Err(Failure::refused("Nothing to download."));
        }
    }
    messages::update(tx, message, |record| record.download_state = Download::InProgress)?;
    tx.effects().downloads = true;
    tx.msg_changed(record.chat, message);
    Ok(())
}

/// Copies the attachment of a message out.
pub async fn save_file(db: &Db, profile: ProfileId, message: MessageId, path: String) -> Result<(), Error> {
    let blob = look(db, profile, |look| Ok(views::record(look, message)?.blob))?;
    if blob.is_empty() {
        return Err(Error::failed("No file"));
    }
    files::save(db, profile, blob, path).await
}

/// Sends copies from another profile of the process; attachments are copied, too.
pub async fn forward_to_account(
    db: &Db,
    profile: ProfileId,
    wanted: &[MessageId],
    target: ProfileId,
    chat: ChatId,
) -> Result<(), Error> {
    let (originals, from) = look(db, profile, |look| {
        let records = wanted.iter().map(|id| views::record(look, *id)).collect::<Outcome<Vec<_>>>()?;
        Ok((to_forward(records)?, look.blob_dir.clone()))
    })?;
    let (blobs, _) = files::place(db, target)?;
    let copies = db.work(Lane::Interactive, move || {
        let copy = |name: &str| -> Outcome<String> {
            if name.is_empty() {
                return Ok(String::new());
            }
            let extension = Path::new(name).extension().unwrap_or_default().to_string_lossy().into_owned();
            let copied = blobs.put_file(&from.join(name), &extension);
            Ok(copied.map_err(Failure::file("attachment cannot be copied"))?.as_str().to_owned())
        };
        let mut copies = Vec::with_capacity(originals.len());
        for original in originals {
            copies.push((copy(&original.blob)?, copy(&original.html_blob)?, original));
        }
        Ok(copies)
    });
    let copies = copies.await?;
    let forwarded = db.transact(target, move |tx| {
        for (blob, html_blob, original) in copies {
            compose::send(tx, chat, forwarded(original, blob, html_blob), None)?;
        }
        Ok::<_, Failure>(())
    });
    forwarded.await?;
    Ok(())
}
