//! From the bytes of a mail to what it says and who signed it. Runs on the worker pool with a snapshot.

use std::path::Path;

use volary_mail::address::Address;
use volary_mail::message::read::header_block::HeaderBlock;
use volary_mail::message::read::parse_outer;
use volary_mail::message::text::view::full_view;
use volary_mail::message::{Avatar, ParsedMessage, Payload, ReadOptions, parse_effective};
use volary_mail::openpgp::{
    Certificate, DecryptError, Decrypted, Envelope, Fingerprint, SharedSecret, autocrypt,
};
use volary_mail::securejoin::PendingJoin;
use volary_storage::View;
use volary_storage::records::chat_type;
use volary_storage::{Blobs, StoreError};

use super::order::Links;
use crate::ground::db::put_picture;
use crate::ground::error::{Failure, Outcome};
use crate::ground::key_cache::KeyCache;
use crate::state::keys;
use crate::state::messages::Standing;
use crate::state::{chats, config, contacts, members, messages, tokens};

/// What opening reads besides the snapshot.
pub struct Sources<'a> {
    /// Parsed keys.
    pub keys: &'a KeyCache,
    /// The profile.
    pub profile: u32,
    /// Folder of the blobs.
    pub blob_dir: &'a Path,
    /// Now.
    pub now: i64,
}

/// Which shared secret opened a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// Of a join that waits for the inviter with this fingerprint.
    PendingJoin(Fingerprint),
    /// Of an own invite.
    OwnInvite,
    /// Of a channel.
    Channel(u32),
}

/// What opening found.
#[derive(Clone, Debug)]
pub enum Content {
    /// It can be read (or could not be decrypted, which is said inside).
    Parsed(Box<ParsedMessage>),
    /// It must leave nothing but a tombstone; why.
    Rejected(String),
    /// It is known already: only relay copies have to be looked after.
    Known,
}

/// An opened mail.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Message-ID, or a made-up one.
    pub mid: String,
    /// When it was opened.
    pub received: i64,
    /// The relay had it flagged as seen.
    pub seen: bool,
    /// What it says.
    pub content: Content,
    /// Whose primary key signed it.
    pub signer: Option<Fingerprint>,
    /// For whom the signer meant it; empty if it does not say.
    pub intended: Vec<Fingerprint>,
    /// The shared secret that opened it.
    pub matched: Option<Matched>,
    /// The `Autocrypt` key that counts.
    pub autocrypt: Option<autocrypt::Header>,
    /// Valid gossiped keys.
    pub gossip: Vec<autocrypt::Header>,
    /// Blob names of the parts with files, by position of the part.
    pub blobs: Vec<Option<String>>,
    /// Blob name of the full view, if it shows more than the parts do.
    pub html_blob: String,
}

impl Opened {
    fn new(mid: String, received: i64, seen: bool, content: Content) -> Self {
        Self {
            mid,
            received,
            seen,
            content,
            signer: None,
            intended: Vec::new(),
            matched: None,
            autocrypt: None,
            gossip: Vec::new(),
            blobs: Vec::new(),
            html_blob: String::new(),
        }
    }
}

impl Opened {
    /// A mail that cannot be opened at all; remembered by what it consists of.
    pub fn rejected(raw: &[u8], received: i64, reason: String) -> Self {
        Self::new(generated_mid(raw), received, false, Content::Rejected(reason))
    }

    /// What the mail says about its place among others.
    pub fn links(&self) -> Links<'_> {
        let references = match &self.content {
            Content::Parsed(parsed) => parsed.references.iter().map(|id| id.as_str()).collect(),
            Content::Rejected(_) | Content::Known => Vec::new(),
        };
        Links { mid: &self.mid, references }
    }
}

/// Opens a mail.
pub fn open(view: &impl View, sources: &Sources<'_>, raw: &[u8], seen: bool) -> Outcome<Opened> {
    let received = sources.now;
    let outer = match parse_outer(raw) {
        Ok(outer) => outer,
        Err(error) => {
            let mid = generated_mid(raw);
            return Ok(Opened::new(mid, received, seen, Content::Rejected(error.to_string())));
        }
    };
    let outer_mid = outer.message_id.as_ref().map(|id| id.as_str().to_owned());
    let mid = outer_mid.unwrap_or_else(|| generated_mid(raw));
    if is_settled(view, sources.profile, &mid, outer.is_post_message)? {
        return Ok(Opened::new(mid, received, seen, Content::Known));
    }
    let mut opened = Opened::new(mid, received, seen, Content::Known);
    let decrypted = match outer.ciphertext() {
        Some(ciphertext) => decrypt(view, sources, ciphertext)?,
        None => None,
    };
    let options = ReadOptions { for_bot: config::flag(view, sources.profile, config::key::BOT)? };
    let outer_from = outer.from.as_ref().and_then(|from| from.checked().ok());
    let parsed = match &decrypted {
        None => {
            opened.autocrypt = select_autocrypt(sources, &outer.autocrypt, outer_from.as_ref());
            parse_effective(&outer, None, options)
        }
        Some((decrypted, matched)) => {
            opened.matched.clone_from(matched);
            let (block, _) = HeaderBlock::parse(&decrypted.payload);
            let inside = block.all("Autocrypt");
            let values = if inside.is_empty() { &outer.autocrypt } else { &inside };
            opened.autocrypt = select_autocrypt(sources, values, outer_from.as_ref());
            if let Err(rejection) = authenticate(view, sources, decrypted, &mut opened)? {
                opened.content = Content::Rejected(rejection);
                return Ok(opened);
            }
            let payload = Payload { bytes: &decrypted.payload, signed: opened.signer.is_some() };
            parse_effective(&outer, Some(&payload), options)
        }
    };
    match parsed {
        Ok(parsed) => {
            let mime = decrypted.as_ref().map_or(raw, |(decrypted, _)| decrypted.payload.as_slice());
            finish(view, sources, opened, parsed, outer_from.as_ref(), mime)
        }
        Err(error) => {
            opened.content = Content::Rejected(error.to_string());
            Ok(opened)
        }
    }
}

fn finish(
    view: &impl View,
    sources: &Sources<'_>,
    mut opened: Opened,
    mut parsed: ParsedMessage,
    outer_from: Option<&Address>,
    mime: &[u8],
) -> Outcome<Opened> {
    if let Some(id) = &parsed.message_id {
        id.as_str().clone_into(&mut opened.mid);
        if is_settled(
            view,
            sources.profile,
            &opened.mid,
            parsed.split == volary_mail::message::read::SplitRole::Post,
        )? {
            return Ok(opened);
        }
    }
    opened.gossip = gossip(sources, &parsed, outer_from);
    let blobs = Blobs::new(sources.blob_dir);
    for part in &mut parsed.parts {
        let name = match &mut part.file {
            Some(file) => {
                let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
                let name = blobs
                    .put(&file.bytes, extension)
                    .map_err(Failure::file("attachment cannot be stored"))?;
                Some(name.as_str().to_owned())
            }
            None => None,
        };
        opened.blobs.push(name);
    }
    if parsed.has_html
        && let Some(html) = full_view(mime)
    {
        let name = blobs.put(html.as_bytes(), "html").map_err(Failure::file("full view cannot be stored"))?;
        name.as_str().clone_into(&mut opened.html_blob);
    }
    for picture in [&parsed.avatar, &parsed.group.avatar] {
        if let Some(Avatar::Image(bytes)) = picture {
            put_picture(&blobs, bytes).map_err(Failure::file("picture cannot be stored"))?;
        }
    }
    opened.content = Content::Parsed(Box::new(parsed));
    Ok(opened)
}

/// Whether nothing new can come of a mail with this id.
fn is_settled(view: &impl View, profile: u32, mid: &str, post_message: bool) -> Result<bool, StoreError> {
    Ok(messages::standing(view, profile, mid, post_message)? == Standing::Settled)
}

/// A stable name for a mail without Message-ID.
fn generated_mid(raw: &[u8]) -> String {
    format!("GEN_{}", &blake3::hash(raw).to_hex()[..32])
}

fn decrypt(
    view: &impl View,
    sources: &Sources<'_>,
    ciphertext: &[u8],
) -> Outcome<Option<(Decrypted, Option<Matched>)>> {
    let envelope = match Envelope::parse(ciphertext) {
        Ok(envelope) => envelope,
        Err(error) => return Ok(not_decrypted(sources, &error)),
    };
    let own: Vec<_> = keys::own(view, sources.keys, sources.profile)?.into_iter().collect();
    let secrets =
        if envelope.needs_shared_secret() { shared_secrets(view, sources.profile)? } else { Vec::new() };
    match envelope.decrypt(&own, secrets.iter().map(|(secret, _)| secret)) {
        Ok(decrypted) => {
            let matched =
                decrypted.matched_secret().and_then(|at| secrets.get(at)).map(|(_, matched)| matched.clone());
            Ok(Some((decrypted, matched)))
        }
        Err(error) => Ok(not_decrypted(sources, &error)),
    }
}

fn not_decrypted<T>(sources: &Sources<'_>, error: &DecryptError) -> Option<T> {
    tracing::debug!(profile = sources.profile, %error, class = ?error.class(), "not decrypted");
    None
}

/// Secrets in the order in which they are tried: of own joins, of channels, of own invites (newest first).
fn shared_secrets(view: &impl View, profile: u32) -> Outcome<Vec<(SharedSecret, Matched)>> {
    let mut secrets = Vec::new();
    for (_, record) in tokens::joins(view, profile)? {
        let Ok(join) = PendingJoin::from_bytes(&record.state) else { continue };
        secrets.push((join.secret(), Matched::PendingJoin(join.invite.fingerprint)));
    }
    for (chat, record) in chats::all(view, profile)? {
        if record.channel_secret.is_empty() {
            continue;
        }
        let owner = match record.chat_type {
            chat_type::IN_BROADCAST => channel_owner(view, profile, chat)?,
            _ => None,
        };
        secrets.push((SharedSecret::channel(&record.channel_secret, owner), Matched::Channel(chat)));
    }
    if let Some(own) = keys::own_fingerprint(view, profile)?.and_then(|text| keys::parse_fingerprint(&text)) {
        for token in tokens::auth_values(view, profile)? {
            secrets.push((SharedSecret::own_invite(own, &token), Matched::OwnInvite));
        }
    }
    Ok(secrets)
}

/// The owner of a subscribed channel is its only member besides ourselves.
fn channel_owner(view: &impl View, profile: u32, chat: u32) -> Result<Option<Fingerprint>, StoreError> {
    for (contact, _) in members::rows(view, profile, chat)? {
        if let Some(record) = contacts::load(view, profile, contact)? {
            return Ok(keys::parse_fingerprint(&record.fingerprint));
        }
    }
    Ok(None)
}

fn select_autocrypt(
    sources: &Sources<'_>,
    values: &[String],
    outer_from: Option<&Address>,
) -> Option<autocrypt::Header> {
    let known = |bytes: &[u8]| sources.keys.known(bytes);
    autocrypt::select(values.iter().map(String::as_str), outer_from?, known)
}

/// Finds out who signed; `Err` with the reason if the mail must vanish.
fn authenticate(
    view: &impl View,
    sources: &Sources<'_>,
    decrypted: &Decrypted,
    opened: &mut Opened,
) -> Outcome<Result<(), String>> {
    let profile = sources.profile;
    let mut ring: Vec<Certificate> =
        opened.autocrypt.iter().map(|header| header.certificate.clone()).collect();
    ring.extend(keys::own_certificate(view, sources.keys, profile)?);
    for issuer in decrypted.issuers() {
        ring.extend(keys::certificate(view, sources.keys, profile, &issuer.to_string())?);
    }
    let own = keys::own_fingerprint(view, profile)?.and_then(|text| keys::parse_fingerprint(&text));
    let own: Vec<Fingerprint> = own.into_iter().collect();
    match decrypted.authenticate(&own, &ring) {
        Ok(verified) => {
            match verified {
                Ok(verified) => {
                    opened.signer = Some(verified.signer);
                    opened.intended = verified.intended_recipients;
                }
                Err(unverified) => {
                    tracing::debug!(profile = sources.profile, %unverified, "no valid signature")
                }
            }
            Ok(Ok(()))
        }
        Err(rejection) => Ok(Err(rejection.to_string())),
    }
}

/// Gossiped keys that are valid and belong to somebody named in `To` or `Cc`, but not to the sender.
fn gossip(
    sources: &Sources<'_>,
    parsed: &ParsedMessage,
    outer_from: Option<&Address>,
) -> Vec<autocrypt::Header> {
    let named = |addr: &Address| {
        parsed.to.iter().chain(&parsed.cc).any(|mailbox| mailbox.same_address(addr.as_str()))
            || parsed.group.added.as_ref().is_some_and(|added| added.address == addr.as_str())
    };
    let known = |bytes: &[u8]| sources.keys.known(bytes);
    let wanted = |addr: &Address| named(addr) && Some(addr) != outer_from;
    autocrypt::gossip(parsed.gossip.iter().map(String::as_str), wanted, known)
}
