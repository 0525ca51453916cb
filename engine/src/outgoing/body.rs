//! The body of an outgoing message, by its intent.

use std::io::Cursor;

use volary_mail::kml;
use volary_mail::message::{Attachment, Body, ChatBody, MessageId as Mid, PostMetadata, Quoted};
use volary_mail::webxdc::archive::Archive;
use volary_mail::webxdc::manifest::Manifest;
use volary_mail::webxdc::update::batch;
use volary_storage::records::{MessageRecord, SystemType, ViewType};
use volary_storage::{StoreError, View};

use super::context::Context;
use super::headers;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::MessageId;
use crate::ground::intent::{EDIT_MARK, Intent};
use crate::state::{apps, config, locations, messages};
use crate::sync::queue;

/// The body of a message.
pub(super) fn body(
    view: &impl View,
    context: &Context<'_>,
    message: &MessageRecord,
    intent: &Intent,
) -> Outcome<Body> {
    match intent {
        Intent::Reaction { .. } => Ok(Body::Reaction(message.text.clone())),
        Intent::Edit { target, old_text } => Ok(Body::Edit {
            target: message_id(target)?,
            old_text: old_text.clone(),
            new_text: message.text.strip_prefix(EDIT_MARK).unwrap_or(&message.text).to_owned(),
        }),
        Intent::Delete { targets } => {
            let targets = targets.iter().map(|id| message_id(id)).collect::<Outcome<_>>()?;
            Ok(Body::Delete { targets })
        }
        Intent::AppUpdates { target, first, last } => app_updates(view, context, target, *first, *last),
        Intent::Sync => {
            let (id, _) = messages::by_mid(view, context.profile, &message.mid)?
                .ok_or_else(|| Failure::refused("these changes were deleted"))?;
            Ok(Body::Sync { json: queue::content(view, context.profile, id)? })
        }
        Intent::Handshake(step) => Ok(Body::Handshake(step.clone())),
        _ => chat_body(view, context, message),
    }
}

/// Adds the own positions that go with a message, and the place that it points at.
pub(super) fn add_places(
    view: &impl View,
    context: &Context<'_>,
    id: MessageId,
    message: &MessageRecord,
    body: &mut ChatBody,
) -> Result<(), StoreError> {
    if message.track_end != 0 {
        let steps = locations::own_track(view, context.profile, message.track_begin, message.track_end)?;
        body.track_kml = (!steps.is_empty()).then(|| kml::write_track(&steps));
    }
    let place = locations::of_message(view, context.profile, id)?;
    body.point_kml = place.and_then(|place| locations::point(&place)).map(|point| kml::write_point(&point));
    if message.system_type == SystemType::LocationOnly {
        body.status.clear();
    }
    Ok(())
}

/// A stored Message-ID.
pub(super) fn message_id(stored: &str) -> Outcome<Mid> {
    Mid::parse(stored).ok_or_else(|| Failure::Internal("message without Message-ID".to_owned()))
}

fn app_updates(
    view: &impl View,
    context: &Context<'_>,
    target: &str,
    first: u32,
    last: u32,
) -> Outcome<Body> {
    let (instance, app) = messages::by_mid(view, context.profile, target)?
        .ok_or_else(|| Failure::refused("the app of these updates was deleted"))?;
    let json = updates_json(view, context, instance, first, last)?;
    Ok(Body::StatusUpdate { quote: app.text, json })
}

fn updates_json(
    view: &impl View,
    context: &Context<'_>,
    instance: MessageId,
    first: u32,
    last: u32,
) -> Result<String, StoreError> {
    let rows = apps::range(view, context.profile, instance, first, last)?;
    let updates = rows.map(|row| row.map(|(_, json)| json)).collect::<Result<Vec<_>, _>>()?;
    Ok(batch::write(updates))
}

/// The updates that travel in the mail of their app.
fn updates_of(view: &impl View, context: &Context<'_>, message: &MessageRecord) -> Outcome<Option<String>> {
    if message.view_type != ViewType::Webxdc {
        return Ok(None);
    }
    let Some((instance, _)) = messages::by_mid(view, context.profile, &message.mid)? else { return Ok(None) };
    match apps::load(view, context.profile, instance)? {
        Some(app) if app.with_app != 0 => Ok(Some(updates_json(view, context, instance, 1, app.with_app)?)),
        _ => Ok(None),
    }
}

fn chat_body(view: &impl View, context: &Context<'_>, message: &MessageRecord) -> Outcome<Body> {
    let text = if message.wire_text.is_empty() { &message.text } else { &message.wire_text };
    let html = match message.html_blob.as_str() {
        "" => None,
        blob => Some(String::from_utf8_lossy(&context.file(blob)?).into_owned()),
    };
    let quote = message.has_quote.then(|| quoted(view, context, message)).transpose()?;
    Ok(Body::Chat(Box::new(ChatBody {
        forwarded: message.forwarded,
        quote,
        text: text.clone(),
        status: config::get(view, context.profile, config::key::SELFSTATUS)?.unwrap_or_default(),
        html,
        file: attachment(context, message)?,
        status_updates: updates_of(view, context, message)?,
        ..Default::default()
    })))
}

fn quoted(view: &impl View, context: &Context<'_>, message: &MessageRecord) -> Result<Quoted, StoreError> {
    let original = messages::by_mid(view, context.profile, &message.in_reply_to)?;
    let protected = original.is_some_and(|(_, original)| original.encrypted);
    Ok(Quoted { text: message.quote.clone(), protected })
}

/// The name by which a pre-message announces a file: of an app its own, before the app is here to tell it.
fn announced_name(message: &MessageRecord, bytes: &[u8]) -> String {
    let app = (message.view_type == ViewType::Webxdc).then(|| Archive::open(Cursor::new(bytes)));
    let manifest = app.and_then(Result::ok).and_then(|mut app| Manifest::of(&mut app).ok());
    manifest.as_ref().and_then(Manifest::name).unwrap_or(&message.file_name).to_owned()
}

fn attachment(context: &Context<'_>, message: &MessageRecord) -> Outcome<Option<Attachment>> {
    if message.blob.is_empty() {
        return Ok(None);
    }
    let bytes = context.file(&message.blob)?;
    let mut file = Attachment::from_name(message.file_name.clone(), bytes);
    if !message.mime_type.is_empty() {
        file.mime.clone_from(&message.mime_type);
    }
    file.metadata = PostMetadata {
        size: file.bytes.len() as u64,
        view_type: headers::view_type(message.view_type),
        file_name: announced_name(message, &file.bytes),
        dimensions: (message.width > 0 && message.height > 0).then_some((message.width, message.height)),
        duration: (message.duration > 0).then_some(u64::from(message.duration)),
    };
    Ok(Some(file))
}
