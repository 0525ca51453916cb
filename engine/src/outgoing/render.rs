//! From a row of the send queue to mails that a relay can take: who gets it, which headers, encrypted for whom.
//!
//! Rendering happens when a mail is about to be sent, from a snapshot, so that it fits the relay in use, the present
//! members and their newest certificates.

use rand::thread_rng;
use volary_mail::message::{
    AutoSubmitted, Avatar, Body, ChatHeader, Mailbox, MessageId as Mid, OuterHeaders, Outgoing,
    render_encrypted, render_payload, render_unencrypted, split_large,
};
use volary_mail::openpgp::{Certificate, Layers, SharedSecret, encrypt, encrypt_with_secret};
use volary_storage::View;
use volary_storage::records::{ChatRecord, ChatType, JobKind, MessageRecord, OutboxRecord};

use super::body::{add_places, body, message_id};
use super::context::{Context, own_autocrypt};
use super::rendered::{Mail, Rendered};
use super::targets::{Target, recipients, targets, to_field};
use super::{headers, keyupdate};
use crate::chat::compose;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ContactId;
use crate::ground::intent::Intent;
use crate::ground::texts::id as text;
use crate::state::{chats, config, keys, messages, verification};
use crate::sync::queue;

/// The own picture is sent again to a contact after that many seconds (14 days).
pub const AVATAR_PERIOD: i64 = 14 * 24 * 3600;

/// A message with all that decides how it is rendered.
struct Letter<'a> {
    job: &'a OutboxRecord,
    message: &'a MessageRecord,
    intent: Intent,
    chat: ChatRecord,
    targets: Vec<Target>,
}

/// Renders a queue row; `None` if the message is gone.
pub fn render(view: &impl View, context: &Context<'_>, job: &OutboxRecord) -> Outcome<Option<Rendered>> {
    let Some(message) = messages::load(view, context.profile, job.message)? else { return Ok(None) };
    if job.kind == JobKind::KeyUpdate {
        return keyupdate::render(view, context, job, &message);
    }
    let chat = match chats::load_for_sending(view, context.profile, message.chat)? {
        Some(chat) => chat,
        None if job.kind == JobKind::Message => return Ok(None),
        // Steps of a handshake may belong to no chat.
        None => ChatRecord::default(),
    };
    let intent = Intent::of(&message).inspect_err(|error| {
        let (profile, chat, message) = (context.profile, message.chat, job.message);
        tracing::error!(%profile, %chat, msg = %message, %error, "a queued message is not understood and not sent");
    })?;
    let targets = targets(view, context, job, &message, &chat)?;
    let letter = Letter { job, message: &message, intent, chat, targets };
    let outgoing = outgoing(view, context, &letter)?;
    match job.kind {
        JobKind::Clear => Ok(Some(clear(job, outgoing))),
        JobKind::Password => with_password(view, context, job, outgoing).map(Some),
        JobKind::Message | JobKind::Directed | JobKind::KeyUpdate if !message.encrypted => {
            // The setting may have changed since the message was queued.
            if config::flag(view, context.profile, config::key::FORCE_ENCRYPTION)? {
                let hint = compose::unencrypted_hint(view, context.texts, context.profile)?;
                return Err(Failure::refused(hint));
            }
            Ok(Some(clear_to_targets(job, outgoing, &letter.targets)))
        }
        JobKind::Message | JobKind::Directed | JobKind::KeyUpdate => {
            encrypted(view, context, &letter, outgoing).map(Some)
        }
    }
}

fn outgoing(view: &impl View, context: &Context<'_>, letter: &Letter<'_>) -> Outcome<Outgoing> {
    let Letter { job, message, intent, chat, targets } = letter;
    let profile = context.profile;
    let own_name = config::get(view, profile, config::key::DISPLAYNAME)?.unwrap_or_default();
    let configured = Mailbox::new(own_name, context.from);
    let (from, sender) = if message.override_name.is_empty() {
        (configured, None)
    } else {
        (Mailbox::new(message.override_name.clone(), context.from), Some(configured))
    };
    let to = to_field(&from, job, chat, targets);
    let id = message_id(&message.mid)?;
    let mut out = Outgoing::new(from, to, id, message.sent, body(view, context, message, intent)?);
    if let Some(chat) = out.chat_body_mut() {
        add_places(view, context, job.message, message, chat)?;
    }
    out.sender = sender;
    out.in_reply_to = Mid::parse(&message.in_reply_to);
    out.references = message.references.iter().filter_map(|id| Mid::parse(id)).collect();
    out.subject = subject(view, context, message, chat)?;
    let automatic = *intent == Intent::Locations || config::flag(view, profile, config::key::BOT)?;
    out.auto_submitted = automatic.then_some(AutoSubmitted::Generated);
    out.headers = headers::of(view, context, message, intent, chat)?;
    if job.kind != JobKind::Password || job.signed {
        out.autocrypt = own_autocrypt(view, context)?;
    }
    Ok(out)
}

fn subject(
    view: &impl View,
    context: &Context<'_>,
    message: &MessageRecord,
    chat: &ChatRecord,
) -> Outcome<String> {
    use volary_mail::message::build::thread;
    if message.fixed_subject {
        return Ok(message.subject.clone());
    }
    let quoted =
        messages::by_mid(view, context.profile, &message.in_reply_to)?.map(|(_, record)| record.subject);
    let quoted = quoted.filter(|subject| message.has_quote && !subject.is_empty());
    let named = matches!(chat.chat_type, ChatType::Group | ChatType::OutBroadcast);
    if named && quoted.is_none() {
        let prefix = if message.in_reply_to.is_empty() { "" } else { "Re: " };
        return Ok(format!("{prefix}{}", chat.name));
    }
    if let Some(subject) = quoted {
        return Ok(thread::reply_subject(&subject));
    }
    if !chat.last_subject.is_empty() {
        return Ok(thread::reply_subject(&chat.last_subject));
    }
    let name = config::get(view, context.profile, config::key::DISPLAYNAME)?.filter(|name| !name.is_empty());
    let who = name.unwrap_or_else(|| context.from.to_owned());
    Ok(context.texts.fill(text::SUBJECT_FOR_NEW_CONTACT, &[&who]))
}

fn clear(job: &OutboxRecord, outgoing: Outgoing) -> Rendered {
    let mid = outgoing.message_id.as_str().to_owned();
    let raw = render_unencrypted(&outgoing, &mut thread_rng());
    Rendered::single(Mail { recipients: addrs_left(job), raw, mid })
}

fn clear_to_targets(job: &OutboxRecord, outgoing: Outgoing, targets: &[Target]) -> Rendered {
    let mid = outgoing.message_id.as_str().to_owned();
    let addrs = targets.iter().map(|target| &target.record.addr);
    let recipients = addrs.filter(|addr| !job.done.contains(addr)).cloned().collect();
    Rendered::single(Mail { recipients, raw: render_unencrypted(&outgoing, &mut thread_rng()), mid })
}

fn with_password(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    outgoing: Outgoing,
) -> Outcome<Rendered> {
    let rng = &mut thread_rng();
    let signer = if job.signed { keys::own(view, context.keys, context.profile)? } else { None };
    let outer = OuterHeaders::draw(&outgoing, context.now, rng);
    let payload = render_payload(&outgoing, &outer, rng);
    let secret = job
        .password
        .split_once('/')
        .and_then(|(inviter, token)| Some((keys::parse_fingerprint(inviter)?, token)));
    let (inviter, token) = secret.ok_or_else(|| Failure::refused("malformed password of a handshake"))?;
    let secret = SharedSecret::own_invite(inviter, token);
    let armored = encrypt_with_secret(payload, &secret, signer.as_ref(), false, context.now, rng)
        .map_err(|error| Failure::OpenPgp(error.to_string()))?;
    let raw = render_encrypted(&outer, &armored, rng);
    let mid = outer.message_id.as_str().to_owned();
    Ok(Rendered::single(Mail { recipients: addrs_left(job), raw, mid }))
}

fn encrypted(
    view: &impl View,
    context: &Context<'_>,
    letter: &Letter<'_>,
    mut outgoing: Outgoing,
) -> Outcome<Rendered> {
    let Letter { job, message, intent, chat, targets } = letter;
    let profile = context.profile;
    let own = keys::own(view, context.keys, profile)?.ok_or_else(|| Failure::refused("No own key"))?;
    let usable: Vec<&Target> = targets.iter().filter(|target| target.certificate.is_some()).collect();
    if usable.is_empty() && !targets.is_empty() {
        return Err(Failure::refused(format!("e2e encryption unavailable Msg#{} - true", job.message)));
    }
    let channel = job.kind == JobKind::Message && chat.chat_type == ChatType::OutBroadcast;
    let gossiped =
        if channel { Vec::new() } else { gossip(view, context, job, message, &usable, &mut outgoing)? };
    let avatar_to = avatar(view, context, intent, &usable, &mut outgoing)?;
    let mut recipients = recipients(view, context, job, &usable)?;
    if *intent == Intent::Sync && !recipients.is_empty() {
        let left = queue::left_relays(view, profile, job.message)?;
        recipients.splice(0..0, left.into_iter().filter(|addr| !job.done.contains(addr)));
    }
    let certificates: Vec<Certificate> =
        usable.iter().filter_map(|target| target.certificate.clone()).collect();
    let mut mails = Vec::new();
    for part in split_large(outgoing, &mut thread_rng()) {
        let rng = &mut thread_rng();
        let outer = OuterHeaders::draw(&part, context.now, rng);
        let payload = render_payload(&part, &outer, rng);
        let layers =
            Layers { signed: part.is_signed(), compressed: part.is_compressed() && !job.uncompressed };
        let armored = if channel {
            let secret = SharedSecret::channel(&chat.channel_secret, None);
            encrypt_with_secret(payload, &secret, Some(&own), layers.compressed, context.now, rng)
        } else {
            encrypt(payload, &own, &certificates, layers, context.now, rng)
        };
        let armored = armored.map_err(|error| Failure::OpenPgp(error.to_string()))?;
        let raw = render_encrypted(&outer, &armored, rng);
        mails.push(Mail { recipients: recipients.clone(), raw, mid: outer.message_id.as_str().to_owned() });
    }
    let brings_secret = matches!(intent, Intent::ChannelWelcome { .. });
    Ok(Rendered { chat: message.chat.given(), brings_secret, mails, gossiped, avatar_to })
}

/// Adds the certificates of the recipients, if they are due, and returns their fingerprints.
fn gossip(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
    targets: &[&Target],
    outgoing: &mut Outgoing,
) -> Outcome<Vec<String>> {
    use volary_storage::tables::GOSSIPED;
    let profile = context.profile;
    let several = targets.len() > 1 || config::flag(view, profile, config::key::BCC_SELF)?;
    let period = config::gossip_period(view, profile)?;
    let mut gossiped = Vec::new();
    for target in targets {
        let fingerprint = &target.record.fingerprint;
        let known =
            view.get(&GOSSIPED, &(profile, message.chat, fingerprint.as_str()))?.map(|record| record.time);
        let due = known.is_none_or(|time| period == 0 || context.now >= time + period || context.now < time);
        if !(job.gossip || (several && due)) {
            continue;
        }
        let Some(certificate) = &target.certificate else { continue };
        let verified = verification::of(&target.record, target.contact).is_vouched_for();
        let mark = if verified { " _verified=1;" } else { "" };
        outgoing.gossip.push(format!(
            "addr={};{mark} keydata={}",
            target.record.addr,
            certificate.to_base64()
        ));
        gossiped.push(fingerprint.clone());
    }
    Ok(gossiped)
}

/// Adds the own picture (or that there is none), if a recipient has not got it lately.
fn avatar(
    view: &impl View,
    context: &Context<'_>,
    intent: &Intent,
    targets: &[&Target],
    outgoing: &mut Outgoing,
) -> Outcome<Vec<ContactId>> {
    // Nobody gets the picture before it has proven to know the code.
    let early = matches!(intent, Intent::Handshake(step) if step.step.ends_with("-auth-required"));
    // A time in the future is one of a clock that was ahead.
    let is_due = |sent: i64| context.now - sent >= AVATAR_PERIOD || sent > context.now;
    let due = targets.iter().any(|target| is_due(target.record.own_avatar_sent));
    let carries = matches!(&outgoing.body, Body::Chat(_) | Body::Handshake(_));
    if early || !due || !carries {
        return Ok(Vec::new());
    }
    let avatar =
        match config::get(view, context.profile, config::key::SELFAVATAR)?.filter(|blob| !blob.is_empty()) {
            Some(blob) => Avatar::Image(context.file(&blob)?),
            None => Avatar::Removed,
        };
    outgoing.headers.push(ChatHeader::UserAvatar(avatar));
    Ok(targets.iter().map(|target| target.contact).collect())
}

/// The addresses named in a row, without those that are done.
fn addrs_left(job: &OutboxRecord) -> Vec<String> {
    job.addrs.iter().filter(|addr| !job.done.contains(addr)).cloned().collect()
}

#[cfg(test)]
mod tests;
