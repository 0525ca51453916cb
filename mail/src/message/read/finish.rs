//! What can be decided only when all parts are known.

use super::ParseError;
use super::ReadOptions;
use super::effective::Effective;
use super::facts::{ParsedMessage, Part, SplitRole, duration};
use super::walk::{Walked, WalkedPart};
use crate::message::avatar::Avatar;
use crate::message::headers::{self, ChatContent};
use crate::message::view_type::ViewType;

/// Shown instead of a message that cannot be decrypted.
pub const UNDECRYPTABLE_TEXT: &str = "[This message cannot be decrypted.\n\n\
    \u{2022} It might already help to simply reply to this message and ask the sender to send the message again.\n\n\
    \u{2022} If you just re-installed Delta Chat then it is best if you re-setup Delta Chat now and choose \
    \"Add as second device\" or import a backup.]";

/// Gives a message its only part: the text that it cannot be read.
pub(super) fn mark_undecryptable(message: &mut ParsedMessage) {
    let mut part = Part { view_type: ViewType::Text, text: UNDECRYPTABLE_TEXT.to_owned(), ..Part::default() };
    if let Some(subject) = message.subject.as_deref().filter(|subject| !subject.is_empty()) {
        part.text = format!("{subject} \u{2013} {}", part.text);
    }
    message.parts = vec![part];
    message.wants_receipt = false;
}

/// Completes a message with what the walk found.
pub(super) fn finish(
    mut message: ParsedMessage,
    walked: Walked,
    headers: &Effective,
    options: ReadOptions,
) -> Result<ParsedMessage, ParseError> {
    message.has_html = walked.has_html;
    message.is_forwarded = walked.is_forwarded;
    message.status = if message.is_mailing_list() { None } else { walked.status };
    message.receipt = walked.receipt;
    message.bounce = walked.bounce;
    message.bounce_candidates = walked.bounce_candidates;
    message.sync_json = walked.sync_json;
    message.status_update_json = walked.status_update_json;
    message.point_kml = walked.point_kml;
    message.track_kml = walked.track_kml;
    message.attached_keys = walked.attached_keys;
    message.parts = select_parts(walked.parts, &message, headers);
    resolve_attached_avatar(&mut message);
    if message.bounce.is_none() {
        message.parts = squash(message.parts);
    }
    if message.content == Some(ChatContent::Call)
        && message.call.offer.is_some()
        && let Some(first) = message.parts.first_mut()
    {
        first.view_type = ViewType::Call;
    }
    if !options.for_bot {
        prefix_subject(&mut message);
    }
    refine_only_part(&mut message, headers);
    fill_bounce_text(&mut message);
    message.wants_receipt &= !message.parts.is_empty();
    if message.parts.is_empty() && message.receipt.is_none() {
        message.parts.push(empty_part(&message));
    }
    Ok(message)
}

/// Drops unreadable parts, surplus embedded pictures and list footers.
fn select_parts(mut parts: Vec<WalkedPart>, message: &ParsedMessage, headers: &Effective) -> Vec<Part> {
    if parts.iter().any(|part| !part.is_bad) {
        parts.retain(|part| !part.is_bad);
    } else {
        parts.truncate(1);
    }
    if !message.is_chat_message && message.has_html {
        let mut pictures = 0;
        parts.retain(|part| {
            let is_picture =
                part.is_related && matches!(part.part.view_type, ViewType::Image | ViewType::Gif);
            pictures += usize::from(is_picture);
            !is_picture || pictures == 1
        });
    }
    let mut parts: Vec<Part> = parts.into_iter().map(|walked| walked.part).collect();
    let is_text = |part: &Part| part.view_type == ViewType::Text;
    if message.is_mailing_list()
        && !headers.has_text_parts_list
        && parts.iter().filter(|part| is_text(part)).count() == 2
        && parts.last().is_some_and(is_text)
    {
        parts.pop();
    }
    parts
}

/// A text followed by one file is the caption of that file.
fn squash(mut parts: Vec<Part>) -> Vec<Part> {
    let is_caption = matches!(
        parts.as_slice(),
        [text, file] if text.view_type == ViewType::Text && !text.is_reaction && file.view_type.has_file()
    );
    if is_caption && let Some(mut file) = parts.pop() {
        if let Some(text) = parts.pop() {
            file.text = text.text;
            file.whole = text.whole;
            file.quote = text.quote;
        }
        parts.push(file);
    }
    parts
}

/// Old senders name an attachment as avatar; that attachment is not shown.
fn resolve_attached_avatar(message: &mut ParsedMessage) {
    let take = |avatar: Option<Avatar>, parts: &mut Vec<Part>| match avatar {
        Some(Avatar::InAttachment(name)) => {
            let at =
                parts.iter().position(|part| part.file.as_ref().is_some_and(|file| file.raw_name == name))?;
            parts.remove(at).file.map(|file| Avatar::Image(file.bytes))
        }
        other => other,
    };
    message.avatar = take(message.avatar.take(), &mut message.parts);
    message.group.avatar = take(message.group.avatar.take(), &mut message.parts);
}

/// Mail of other programs shows its subject in front of the text, once per thread.
fn prefix_subject(message: &mut ParsedMessage) {
    let Some(subject) = message.subject.clone().filter(|subject| !subject.is_empty()) else {
        return;
    };
    let is_answer = subject.as_bytes().get(2) == Some(&b':') || subject.as_bytes().get(3) == Some(&b':');
    let wanted = if message.is_chat_message {
        false
    } else {
        message.is_mailing_list() || !(is_answer || subject.contains("Chat:"))
    };
    if !wanted {
        return;
    }
    if let Some(part) = message.parts.iter_mut().find(|part| !part.text.is_empty() && !part.is_reaction) {
        part.text = format!("{subject} \u{2013} {}", part.text);
    }
}

fn refine_only_part(message: &mut ParsedMessage, headers: &Effective) {
    let [part] = message.parts.as_mut_slice() else {
        return;
    };
    match part.view_type {
        ViewType::Audio if headers.has(headers::CHAT_VOICE_MESSAGE) => part.view_type = ViewType::Voice,
        ViewType::Image | ViewType::Gif if message.content == Some(ChatContent::Sticker) => {
            part.view_type = ViewType::Sticker;
        }
        _ => {}
    }
    if matches!(part.view_type, ViewType::Audio | ViewType::Voice | ViewType::Video) {
        part.duration = duration(headers);
    }
}

fn fill_bounce_text(message: &mut ParsedMessage) {
    let text =
        message.parts.iter().find(|part| part.view_type == ViewType::Text).map(|part| part.text.clone());
    if let (Some(bounce), Some(text)) = (&mut message.bounce, text.filter(|text| !text.is_empty())) {
        bounce.text = text;
    }
}

/// A mail without anything to show is still a message; outside chats its subject may be all it says.
fn empty_part(message: &ParsedMessage) -> Part {
    let says_subject =
        !message.is_chat_message && message.status_update_json.is_none() && message.split == SplitRole::Whole;
    let text = message.subject.clone().filter(|_| says_subject).unwrap_or_default();
    Part { view_type: ViewType::Text, text, ..Part::default() }
}
