//! From a row of the send queue to mails that a relay can take: who gets it, which headers, encrypted for whom.
//!
//! Rendering happens when a mail is about to be sent, from a snapshot, so that it fits the relay in use, the present
//! members and their newest certificates.

use std::path::Path;

use rand::thread_rng;
use volary_mail::message::{
    Attachment, AutoSubmitted, Body, ChatBody, ChatHeader, Handshake, Mailbox, MessageId, OuterHeaders,
    Outgoing, PostMetadata, Quoted, Recipients, render_encrypted, render_payload, render_unencrypted,
    split_large,
};
use volary_mail::openpgp::{Certificate, Layers, SharedSecret, encrypt, encrypt_with_secret};
use volary_storage::records::{
    ChatRecord, ContactRecord, MessageRecord, OutboxRecord, chat_type, outbox as queue, system_type,
    view_type,
};
use volary_storage::{StoreError, View};

use super::{headers, keyupdate};
use crate::error::{Failure, Outcome};
use crate::state::{chats, config, contacts, ids, keys, members, messages, transports};
use crate::texts::{Texts, id as text};

/// The own picture is sent again to a contact after that many seconds (14 days).
pub const AVATAR_PERIOD: i64 = 14 * 24 * 3600;

/// What rendering reads besides the snapshot.
pub struct Context<'a> {
    /// Parsed keys.
    pub keys: &'a keys::KeyCache,
    /// The texts in force.
    pub texts: &'a Texts,
    /// The profile.
    pub profile: u32,
    /// Folder of the blobs.
    pub blob_dir: &'a Path,
    /// Address of the relay that will send.
    pub from: &'a str,
    /// Now.
    pub now: i64,
}

/// A mail ready to be submitted.
pub struct Mail {
    /// Envelope recipients, own addresses last.
    pub recipients: Vec<String>,
    /// The bytes.
    pub raw: Vec<u8>,
    /// Message-ID of this mail (of the pre-message for the first half of a split attachment).
    pub mid: String,
}

/// The mails of one queue row (two for a split attachment) and what has to be remembered.
pub struct Rendered {
    /// The chat of the message.
    pub chat: u32,
    /// In the order of sending.
    pub mails: Vec<Mail>,
    /// Fingerprints whose certificates are gossiped with it.
    pub gossiped: Vec<String>,
    /// Contacts that get the own picture with it.
    pub avatar_to: Vec<u32>,
}

/// A recipient of an encrypted mail.
pub(super) struct Target {
    contact: u32,
    record: ContactRecord,
    /// Its certificate, if it can be encrypted to.
    pub(super) certificate: Option<Certificate>,
    addrs: Vec<String>,
    in_to: bool,
}

/// Renders a queue row; `None` if the message is gone.
pub fn render(view: &impl View, context: &Context<'_>, job: &OutboxRecord) -> Outcome<Option<Rendered>> {
    let Some(message) = messages::load(view, context.profile, job.message)? else { return Ok(None) };
    if job.kind == queue::KEY_UPDATE {
        return keyupdate::render(view, context, job, &message);
    }
    let chat = match chats::load_for_sending(view, context.profile, message.chat)? {
        Some(chat) => chat,
        None if job.kind == queue::MESSAGE => return Ok(None),
        // Steps of a handshake may belong to no chat.
        None => ChatRecord::default(),
    };
    let targets = targets(view, context, job, &message, &chat)?;
    let outgoing = outgoing(view, context, job, &message, &chat, &targets)?;
    match job.kind {
        queue::CLEAR => clear(job, outgoing).map(Some),
        queue::PASSWORD => with_password(view, context, job, outgoing).map(Some),
        _ if !message.encrypted => clear_to_targets(outgoing, &targets).map(Some),
        _ => encrypted(view, context, job, &message, &chat, &targets, outgoing).map(Some),
    }
}

/// Who gets a queued mail.
pub(super) fn targets(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
    chat: &ChatRecord,
) -> Outcome<Vec<Target>> {
    let profile = context.profile;
    let mut chosen: Vec<(u32, bool)> = Vec::new();
    if job.kind == queue::MESSAGE {
        let mut rows = members::rows(view, profile, message.chat)?;
        rows.retain(|(_, row)| members::is_current(row));
        rows.sort_by_key(|(id, row)| (std::cmp::Reverse(row.added), *id));
        chosen.extend(rows.into_iter().map(|(id, _)| (id, true)));
    }
    let direct = chat.chat_type == chat_type::SINGLE || job.kind == queue::DIRECTED;
    for contact in &job.contacts {
        if !chosen.iter().any(|(id, _)| id == contact) {
            chosen.push((*contact, direct));
        }
    }
    let mut found = Vec::with_capacity(chosen.len());
    for (contact, in_to) in chosen {
        if contact <= ids::LAST_SPECIAL {
            continue;
        }
        let Some(record) = contacts::load(view, profile, contact)? else { continue };
        let certificate = keys::certificate(view, context.keys, profile, &record.fingerprint)?;
        let usable = certificate.filter(|certificate| certificate.can_encrypt(context.now));
        let mut addrs = keys::relays_of(view, profile, &record.fingerprint)?;
        if addrs.is_empty() {
            addrs.push(record.addr.clone());
        }
        found.push(Target { contact, record, certificate: usable, addrs, in_to });
    }
    Ok(found)
}

fn outgoing(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
    chat: &ChatRecord,
    targets: &[Target],
) -> Outcome<Outgoing> {
    let profile = context.profile;
    let own_name = config::get(view, profile, config::key::DISPLAYNAME)?.unwrap_or_default();
    let configured = Mailbox::new(own_name, context.from);
    let (from, sender) = if message.override_name.is_empty() {
        (configured, None)
    } else {
        (Mailbox::new(message.override_name.clone(), context.from), Some(configured))
    };
    let to = to_field(&from, job, chat, targets);
    let message_id =
        MessageId::parse(&message.mid).ok_or_else(|| Failure::refused("message without Message-ID"))?;
    let mut out = Outgoing::new(from, to, message_id, message.sent, body(view, context, message)?);
    out.sender = sender;
    out.in_reply_to = MessageId::parse(&message.in_reply_to);
    out.references = message.references.iter().filter_map(|id| MessageId::parse(id)).collect();
    out.subject = subject(view, context, message, chat)?;
    let automatic = config::flag(view, profile, config::key::BOT)?;
    out.auto_submitted = automatic.then_some(AutoSubmitted::Generated);
    out.headers = headers::of(view, context, message, chat)?;
    if job.kind != queue::PASSWORD || job.signed {
        out.autocrypt = own_autocrypt(view, context)?;
    }
    Ok(out)
}

/// The value of the own `Autocrypt` header.
pub fn own_autocrypt(view: &impl View, context: &Context<'_>) -> Outcome<Option<String>> {
    let certificate = keys::own_certificate(view, context.keys, context.profile)?;
    Ok(certificate.map(|certificate| {
        format!("addr={}; prefer-encrypt=mutual; keydata={}", context.from, certificate.to_base64())
    }))
}

fn to_field(from: &Mailbox, job: &OutboxRecord, chat: &ChatRecord, targets: &[Target]) -> Recipients {
    let mailbox = |target: &Target| Mailbox::new(target.record.auth_name.clone(), target.record.addr.clone());
    match job.kind {
        queue::PASSWORD => Recipients::Hidden,
        queue::CLEAR => Recipients::Listed(job.addrs.first().map(Mailbox::bare).into_iter().collect()),
        queue::MESSAGE if chat.chat_type == chat_type::OUT_BROADCAST => Recipients::Hidden,
        _ => {
            let mut listed: Vec<Mailbox> = Vec::new();
            for target in targets.iter().filter(|target| target.in_to) {
                if !listed.iter().any(|known| known.same_address(&target.record.addr)) {
                    listed.push(mailbox(target));
                }
            }
            if listed.is_empty() {
                let named = chat.contact == ids::contact::SELF;
                listed.push(if named { from.clone() } else { Mailbox::bare(from.address.clone()) });
            }
            Recipients::Listed(listed)
        }
    }
}

fn header<'a>(message: &'a MessageRecord, name: &str) -> Option<&'a str> {
    message
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value.as_str())
}

fn body(view: &impl View, context: &Context<'_>, message: &MessageRecord) -> Outcome<Body> {
    if header(message, ":reaction").is_some() {
        return Ok(Body::Reaction(message.text.clone()));
    }
    if let Some(target) = header(message, "Chat-Edit").and_then(MessageId::parse) {
        let old_text = header(message, ":quote").unwrap_or_default().to_owned();
        let new_text =
            message.text.strip_prefix(crate::chat::features::EDIT_MARK).unwrap_or(&message.text).to_owned();
        return Ok(Body::Edit { target, old_text, new_text });
    }
    if let Some(ids) = header(message, "Chat-Delete") {
        let targets = ids.split_whitespace().filter_map(MessageId::parse).collect();
        return Ok(Body::Delete { targets });
    }
    if message.system_type == system_type::SECUREJOIN {
        let value = |name: &str| header(message, name).map(str::to_owned);
        return Ok(Body::Handshake(Handshake {
            step: value("Secure-Join").unwrap_or_default(),
            auth: value("Secure-Join-Auth"),
            invite_number: value("Secure-Join-Invitenumber"),
            fingerprint: value("Secure-Join-Fingerprint"),
            group: value("Secure-Join-Group"),
        }));
    }
    let text = if message.wire_text.is_empty() { &message.text } else { &message.wire_text };
    let html = match message.html_blob.as_str() {
        "" => None,
        blob => Some(String::from_utf8_lossy(&read_blob(context.blob_dir, blob)?).into_owned()),
    };
    let quote = message.has_quote.then(|| quoted(view, context, message)).transpose()?;
    Ok(Body::Chat(Box::new(ChatBody {
        forwarded: message.forwarded,
        quote,
        text: text.clone(),
        status: config::get(view, context.profile, config::key::SELFSTATUS)?.unwrap_or_default(),
        html,
        file: attachment(context, message)?,
        ..Default::default()
    })))
}

fn quoted(view: &impl View, context: &Context<'_>, message: &MessageRecord) -> Result<Quoted, StoreError> {
    let original = messages::by_mid(view, context.profile, &message.in_reply_to)?;
    let protected = original.is_some_and(|(_, original)| original.encrypted);
    Ok(Quoted { text: message.quote.clone(), protected })
}

fn read_blob(dir: &Path, blob: &str) -> Outcome<Vec<u8>> {
    std::fs::read(dir.join(blob)).map_err(Failure::file(format!("attachment {blob} cannot be read")))
}

fn attachment(context: &Context<'_>, message: &MessageRecord) -> Outcome<Option<Attachment>> {
    if message.blob.is_empty() {
        return Ok(None);
    }
    let bytes = read_blob(context.blob_dir, &message.blob)?;
    let mut file = Attachment::from_name(headers::file_name(message), bytes);
    if !message.mime_type.is_empty() {
        file.mime.clone_from(&message.mime_type);
    }
    file.metadata = PostMetadata {
        size: file.bytes.len() as u64,
        view_type: headers::view_type(message.view_type),
        file_name: message.file_name.clone(),
        dimensions: (message.width > 0 && message.height > 0).then_some((message.width, message.height)),
        duration: (message.duration > 0).then_some(u64::from(message.duration)),
    };
    Ok(Some(file))
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
    let named = matches!(chat.chat_type, chat_type::GROUP | chat_type::OUT_BROADCAST);
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

fn clear(job: &OutboxRecord, outgoing: Outgoing) -> Outcome<Rendered> {
    let mid = outgoing.message_id.as_str().to_owned();
    let raw = render_unencrypted(&outgoing, &mut thread_rng());
    let mail = Mail { recipients: addrs_left(job), raw, mid };
    Ok(Rendered { chat: 0, mails: vec![mail], gossiped: Vec::new(), avatar_to: Vec::new() })
}

fn clear_to_targets(outgoing: Outgoing, targets: &[Target]) -> Outcome<Rendered> {
    let mid = outgoing.message_id.as_str().to_owned();
    let recipients = targets.iter().map(|target| target.record.addr.clone()).collect();
    let mail = Mail { recipients, raw: render_unencrypted(&outgoing, &mut thread_rng()), mid };
    Ok(Rendered { chat: 0, mails: vec![mail], gossiped: Vec::new(), avatar_to: Vec::new() })
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
    let mail = Mail { recipients: addrs_left(job), raw, mid: outer.message_id.as_str().to_owned() };
    Ok(Rendered { chat: 0, mails: vec![mail], gossiped: Vec::new(), avatar_to: Vec::new() })
}

fn encrypted(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    message: &MessageRecord,
    chat: &ChatRecord,
    targets: &[Target],
    mut outgoing: Outgoing,
) -> Outcome<Rendered> {
    let profile = context.profile;
    let own = keys::own(view, context.keys, profile)?.ok_or_else(|| Failure::refused("No own key"))?;
    let usable: Vec<&Target> = targets.iter().filter(|target| target.certificate.is_some()).collect();
    if usable.is_empty() && !targets.is_empty() {
        return Err(Failure::refused(format!("e2e encryption unavailable Msg#{} - true", job.message)));
    }
    let channel = job.kind == queue::MESSAGE && chat.chat_type == chat_type::OUT_BROADCAST;
    let gossiped =
        if channel { Vec::new() } else { gossip(view, context, job, message, &usable, &mut outgoing)? };
    let avatar_to = avatar(view, context, message, &usable, &mut outgoing)?;
    let recipients = recipients(view, context, job, &usable)?;
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
    Ok(Rendered { chat: message.chat, mails, gossiped, avatar_to })
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
        let verified = crate::profile::verification::of(&target.record, target.contact).is_vouched_for();
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
    message: &MessageRecord,
    targets: &[&Target],
    outgoing: &mut Outgoing,
) -> Outcome<Vec<u32>> {
    use volary_mail::message::Avatar;
    let early = header(message, "Secure-Join").is_some_and(|step| step.ends_with("-auth-required"));
    // A time in the future is one of a clock that was ahead.
    let is_due = |sent: i64| context.now - sent >= AVATAR_PERIOD || sent > context.now;
    let due = targets.iter().any(|target| is_due(target.record.own_avatar_sent));
    let carries = matches!(&outgoing.body, Body::Chat(_) | Body::Handshake(_));
    if early || !due || !carries {
        return Ok(Vec::new());
    }
    let avatar =
        match config::get(view, context.profile, config::key::SELFAVATAR)?.filter(|blob| !blob.is_empty()) {
            Some(blob) => Avatar::Image(read_blob(context.blob_dir, &blob)?),
            None => Avatar::Removed,
        };
    outgoing.headers.push(ChatHeader::UserAvatar(avatar));
    Ok(targets.iter().map(|target| target.contact).collect())
}

/// The addresses named in a row, without those that are done.
fn addrs_left(job: &OutboxRecord) -> Vec<String> {
    job.addrs.iter().filter(|addr| !job.done.contains(addr)).cloned().collect()
}

/// Envelope recipients: all relays of each contact, then own relays, the sending address last.
pub(super) fn recipients(
    view: &impl View,
    context: &Context<'_>,
    job: &OutboxRecord,
    targets: &[&Target],
) -> Outcome<Vec<String>> {
    let mut all: Vec<String> = Vec::new();
    for addr in targets.iter().flat_map(|target| &target.addrs) {
        if !all.contains(addr) {
            all.push(addr.clone());
        }
    }
    if config::flag(view, context.profile, config::key::BCC_SELF)? && !job.no_self_copy {
        let own = transports::own_addrs(view, context.profile)?;
        all.extend(own.into_iter().filter(|addr| addr != context.from));
        all.push(context.from.to_owned());
    }
    all.retain(|addr| !job.done.contains(addr));
    Ok(all)
}

/// A message is a voice message or has a play time.
pub(super) fn has_duration(message: &MessageRecord) -> bool {
    message.duration > 0
        && matches!(message.view_type, view_type::VOICE | view_type::AUDIO | view_type::VIDEO)
}
