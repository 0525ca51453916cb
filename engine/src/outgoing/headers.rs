//! The headers of an outgoing message: those of its chat, those of its kind, those it was stored with.

use volary_mail::message::{self as format, Avatar, ChatContent, ChatHeader, Mailbox};
use volary_storage::View;
use volary_storage::records::{ChatRecord, ChatType, MessageRecord, ViewType};

use super::context::Context;
use crate::chat::membership;
use crate::ground::error::Outcome;
use crate::ground::ids::ContactId;
use crate::ground::intent::{Intent, MEMBER_ADDED_STEP, Named};
use crate::state::{contacts, keys, members, messages, realtime};

/// All optional headers of a message but the own picture.
pub fn of(
    view: &impl View,
    context: &Context<'_>,
    message: &MessageRecord,
    intent: &Intent,
    chat: &ChatRecord,
) -> Outcome<Vec<ChatHeader>> {
    if matches!(intent, Intent::Handshake(_)) {
        return Ok(Vec::new());
    }
    let mut headers = Vec::new();
    // A mail that waited says what was changed, not what has become of it since.
    let renamed = match intent {
        Intent::NameChanged { new: Some((name, time)), .. } => {
            Some(ChatRecord { name: name.clone(), name_changed: *time, ..chat.clone() })
        }
        _ => None,
    };
    let chat = renamed.as_ref().unwrap_or(chat);
    match chat.chat_type {
        ChatType::Group => group(view, context, message, chat, &mut headers)?,
        ChatType::OutBroadcast => channel(chat, &mut headers),
        ChatType::InBroadcast => {
            headers.push(ChatHeader::ListId { name: chat.name.clone(), id: chat.group_id.clone() });
        }
        ChatType::Single | ChatType::MailingList => {}
    }
    if message.with_group_data {
        group_data(context, intent, chat, &mut headers)?;
    }
    let timer = match intent {
        Intent::TimerChanged { seconds } => seconds.unwrap_or(chat.ephemeral_timer),
        _ => message.ephemeral_timer,
    };
    headers.push(ChatHeader::EphemeralTimer(timer));
    if message.wants_receipt {
        headers.push(ChatHeader::RequestReceipt);
    }
    if message.view_type == ViewType::Voice {
        headers.push(ChatHeader::VoiceMessage);
    }
    if has_duration(message) {
        headers.push(ChatHeader::Duration(u64::from(message.duration)));
    }
    if message.view_type == ViewType::Sticker {
        headers.push(ChatHeader::Content(ChatContent::Sticker));
    }
    if let Some(call) = &message.call {
        headers.push(ChatHeader::Content(ChatContent::Call));
        headers.push(ChatHeader::WebrtcRoom(call.offer.clone()));
        headers.push(ChatHeader::WebrtcHasVideo(call.has_video));
    }
    if message.view_type == ViewType::Webxdc
        && let Some((instance, _)) = messages::by_mid(view, context.profile, &message.mid)?
        && let Some(topic) = realtime::topic(view, context.profile, instance)?
    {
        headers.push(ChatHeader::IrohGossipTopic(topic.to_string()));
    }
    headers.extend(of_intent(intent));
    Ok(headers)
}

fn group(
    view: &impl View,
    context: &Context<'_>,
    message: &MessageRecord,
    chat: &ChatRecord,
    headers: &mut Vec<ChatHeader>,
) -> Outcome<()> {
    let profile = context.profile;
    if !chat.group_id.is_empty() {
        headers.push(ChatHeader::GroupId(chat.group_id.clone()));
    }
    headers.push(ChatHeader::GroupName(chat.name.clone()));
    if chat.name_changed != 0 {
        headers.push(ChatHeader::GroupNameTimestamp(chat.name_changed));
    }
    let mut rows = members::rows(view, profile, message.chat)?;
    rows.sort_by_key(|(id, row)| (std::cmp::Reverse(row.added), *id));
    let (current, mut past): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|(_, row)| members::is_current(row));
    past.retain(|(_, row)| !row.quiet && row.removed > context.now - members::PAST_MEMBER_MEMORY);
    past.sort_by_key(|(id, row)| (std::cmp::Reverse(row.added), *id));
    let own_fingerprint = keys::own_fingerprint(view, profile)?.unwrap_or_default();
    let (mut times, mut fingerprints, mut past_members) = (Vec::new(), Vec::new(), Vec::new());
    let mut listed: Vec<String> = Vec::new();
    for (id, row) in current.iter().filter(|(id, _)| !id.is_special()) {
        let Some(record) = contacts::load(view, profile, *id)? else { continue };
        // Two members with one address stand in `To` once.
        if listed.contains(&record.addr) {
            continue;
        }
        listed.push(record.addr);
        times.push(row.added);
        fingerprints.push(record.fingerprint);
    }
    if listed.is_empty() {
        let own = current.iter().find(|(id, _)| *id == ContactId::SELF);
        times.push(own.map_or(0, |(_, row)| row.added));
        fingerprints.push(own_fingerprint.clone());
    }
    for (id, row) in past {
        let (name, addr, fingerprint) = if id == ContactId::SELF {
            (String::new(), context.from.to_owned(), own_fingerprint.clone())
        } else {
            let Some(record) = contacts::load(view, profile, id)? else { continue };
            (record.auth_name, record.addr, record.fingerprint)
        };
        past_members.push(Mailbox::new(name, addr));
        times.push(row.removed);
        fingerprints.push(fingerprint);
    }
    if !past_members.is_empty() {
        headers.push(ChatHeader::PastMembers(past_members));
    }
    if !membership::is_stale(chat.members_updated, chat.created, context.now) {
        headers.push(ChatHeader::MemberTimestamps(times));
    }
    // In clear text nobody can trust a fingerprint.
    if chat.encrypted {
        headers.push(ChatHeader::MemberFingerprints(fingerprints));
    }
    Ok(())
}

fn channel(chat: &ChatRecord, headers: &mut Vec<ChatHeader>) {
    headers.push(ChatHeader::ListId { name: chat.name.clone(), id: chat.group_id.clone() });
    headers.push(ChatHeader::GroupName(chat.name.clone()));
    if chat.name_changed != 0 {
        headers.push(ChatHeader::GroupNameTimestamp(chat.name_changed));
    }
}

fn group_data(
    context: &Context<'_>,
    intent: &Intent,
    chat: &ChatRecord,
    headers: &mut Vec<ChatHeader>,
) -> Outcome<()> {
    if *intent != Intent::PictureChanged {
        headers.push(ChatHeader::GroupDescription(chat.description.clone()));
        headers.push(ChatHeader::GroupDescriptionTimestamp(chat.description_changed));
    }
    if *intent != Intent::DescriptionChanged {
        let avatar = match chat.avatar.as_str() {
            "" if *intent == Intent::PictureChanged => Some(Avatar::Removed),
            "" => None,
            blob => Some(Avatar::Image(context.file(blob)?)),
        };
        headers.extend(avatar.map(ChatHeader::GroupAvatar));
    }
    Ok(())
}

/// The headers that make the change that a message is for; the body of edits, deletions and reactions brings theirs.
fn of_intent(intent: &Intent) -> Vec<ChatHeader> {
    let added = |member: &Named| ChatHeader::MemberAdded {
        address: member.address.clone(),
        fingerprint: member.fingerprint.clone(),
    };
    let step = || ChatHeader::SecureJoin(MEMBER_ADDED_STEP.to_owned());
    match intent {
        Intent::Text
        | Intent::Reaction { .. }
        | Intent::Edit { .. }
        | Intent::Delete { .. }
        | Intent::Locations
        | Intent::AppUpdates { .. }
        | Intent::Sync
        | Intent::Handshake(_) => Vec::new(),
        Intent::RealtimeAddress { address, .. } => vec![ChatHeader::IrohNodeAddr(address.clone())],
        Intent::MemberAdded { member, by_handshake: false } => vec![added(member)],
        Intent::MemberAdded { member, by_handshake: true } => vec![added(member), step()],
        Intent::ChannelWelcome { subscriber, secret } => {
            vec![added(subscriber), step(), ChatHeader::BroadcastSecret(secret.clone())]
        }
        Intent::MemberRemoved(Named { address, fingerprint }) => {
            vec![ChatHeader::MemberRemoved { address: address.clone(), fingerprint: fingerprint.clone() }]
        }
        Intent::NameChanged { old, .. } => vec![ChatHeader::GroupNameChanged(old.clone())],
        Intent::DescriptionChanged => vec![ChatHeader::GroupDescriptionChanged],
        Intent::PictureChanged => vec![ChatHeader::Content(ChatContent::GroupAvatarChanged)],
        Intent::TimerChanged { .. } => vec![ChatHeader::Content(ChatContent::EphemeralTimerChanged)],
        Intent::Pin { pinned: true, .. } => vec![ChatHeader::Content(ChatContent::MessagePinned)],
        Intent::Pin { pinned: false, .. } => vec![ChatHeader::Content(ChatContent::MessageUnpinned)],
        Intent::CallAccepted { answer, .. } => {
            vec![ChatHeader::Content(ChatContent::CallAccepted), ChatHeader::WebrtcAccepted(answer.clone())]
        }
        Intent::LocationStreaming => vec![ChatHeader::Content(ChatContent::LocationStreamingEnabled)],
        Intent::CallEnded { .. } => vec![ChatHeader::Content(ChatContent::CallEnded)],
    }
}

/// A message is a voice message or has a play time.
fn has_duration(message: &MessageRecord) -> bool {
    message.duration > 0 && matches!(message.view_type, ViewType::Voice | ViewType::Audio | ViewType::Video)
}

/// The view type in the words of the message format.
pub fn view_type(stored: ViewType) -> format::ViewType {
    match stored {
        ViewType::Image => format::ViewType::Image,
        ViewType::Gif => format::ViewType::Gif,
        ViewType::Sticker => format::ViewType::Sticker,
        ViewType::Audio => format::ViewType::Audio,
        ViewType::Voice => format::ViewType::Voice,
        ViewType::Video => format::ViewType::Video,
        ViewType::Webxdc => format::ViewType::Webxdc,
        ViewType::Vcard => format::ViewType::Vcard,
        ViewType::Call => format::ViewType::Call,
        ViewType::Text => format::ViewType::Text,
        ViewType::File | ViewType::Unknown | ViewType::Other(_) => format::ViewType::File,
    }
}

/// A view type of the message format as it is stored.
pub fn stored_view_type(view_type: format::ViewType) -> ViewType {
    match view_type {
        format::ViewType::Unknown => ViewType::Unknown,
        format::ViewType::Text => ViewType::Text,
        format::ViewType::Image => ViewType::Image,
        format::ViewType::Gif => ViewType::Gif,
        format::ViewType::Sticker => ViewType::Sticker,
        format::ViewType::Audio => ViewType::Audio,
        format::ViewType::Voice => ViewType::Voice,
        format::ViewType::Video => ViewType::Video,
        format::ViewType::File => ViewType::File,
        format::ViewType::Call => ViewType::Call,
        format::ViewType::Webxdc => ViewType::Webxdc,
        format::ViewType::Vcard => ViewType::Vcard,
    }
}
