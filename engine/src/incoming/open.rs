//! From the bytes of a mail to what it says and who signed it. Runs on the worker pool.
//!
//! What it needs to know it takes from short snapshots: none is held while it decrypts, parses or writes files.

use std::path::Path;

use volary_mail::address::Address;
use volary_mail::kml::{self, Point};
use volary_mail::message::read::header_block::HeaderBlock;
use volary_mail::message::read::parse_outer;
use volary_mail::message::text::view::full_view;
use volary_mail::message::{Avatar, ParsedMessage, Payload, ReadOptions, hops, parse_effective};
use volary_mail::openpgp::{
    Certificate, DecryptError, Decrypted, Envelope, Fingerprint, Rejection, SecretKey, SharedSecret,
    autocrypt,
};
use volary_mail::securejoin::PendingJoin;
use volary_storage::View;
use volary_storage::records::ChatType;
use volary_storage::{Blobs, StoreError};

use super::fate::{Reason, Wait};
use super::order::Links;
use crate::ground::db::{Db, picture_name, put_picture};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ProfileId};
use crate::state::keys;
use crate::state::messages::Standing;
use crate::state::{chats, config, contacts, members, messages, tokens};
use crate::sync::apply::picture_of;

/// What opening reads and writes besides the mail.
pub struct Sources<'a> {
    /// Database and parsed keys.
    pub db: &'a Db,
    /// The profile.
    pub profile: ProfileId,
    /// Folder of the blobs.
    pub blob_dir: &'a Path,
}

/// Which shared secret opened a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matched {
    /// Of a join that waits for the inviter with this fingerprint.
    PendingJoin(Fingerprint),
    /// Of an own invite.
    OwnInvite,
    /// Of a channel.
    Channel(ChatId),
}

/// What opening found.
#[derive(Clone, Debug)]
pub enum Content {
    /// It can be read (or could not be decrypted, which is said inside).
    Parsed(Box<ParsedMessage>),
    /// Nothing of it may be shown; why.
    Rejected(Reason),
    /// It is known already: only relay copies have to be looked after.
    Known,
    /// Nothing can be said of it now.
    Closed,
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
    /// What would have to come first. If that does not come, a mail that can be read is taken in as it is, unless only
    /// signed mail is wanted.
    pub wait: Option<Wait>,
    /// The relays that it has passed, one hop a line.
    pub hops: String,
    /// Its only visible sender.
    pub outer_sender: Option<String>,
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
    /// Blob name of the sender's picture, if one came in a header.
    pub picture: Option<String>,
    /// Blob name of the group's picture, if one came in a header.
    pub group_picture: Option<String>,
    /// Positions of its sender.
    pub track: Vec<Point>,
    /// The place that it points at.
    pub place: Option<Point>,
}

impl Opened {
    fn new(mid: String, received: i64, seen: bool, content: Content) -> Self {
        Self {
            mid,
            received,
            seen,
            content,
            wait: None,
            hops: String::new(),
            outer_sender: None,
            signer: None,
            intended: Vec::new(),
            matched: None,
            autocrypt: None,
            gossip: Vec::new(),
            blobs: Vec::new(),
            html_blob: String::new(),
            picture: None,
            group_picture: None,
            track: Vec::new(),
            place: None,
        }
    }
}

impl Opened {
    /// A mail on which we failed. Its own Message-ID names it, if that can be read.
    pub fn failed(raw: &[u8], mid: Option<String>, received: i64, seen: bool, cause: &str) -> Self {
        let mid = mid.unwrap_or_else(|| generated_mid(raw));
        let mut failed = Self::new(mid, received, seen, Content::Closed);
        failed.wait = Some(Wait::Fault(cause.to_owned()));
        failed
    }

    /// Whether it has to wait for others before it is taken in.
    pub fn is_closed(&self) -> bool {
        self.wait.is_some()
    }

    /// The wait is over in vain: whether the mail can be taken in as it is.
    pub fn opens_anyway(&mut self, signed_only: bool) -> bool {
        let opens = !signed_only
            && matches!(self.wait, Some(Wait::Signer(_)))
            && matches!(self.content, Content::Parsed(_));
        if opens {
            self.wait = None;
        }
        opens
    }

    /// What the mail says about its place among others.
    pub fn links(&self) -> Links<'_> {
        let references = match &self.content {
            // Who joins a channel reads that first, whatever post was the newest then.
            Content::Parsed(parsed) if parsed.broadcast_secret.is_some() => Vec::new(),
            Content::Parsed(parsed) => parsed.references.iter().map(|id| id.as_str()).collect(),
            Content::Rejected(_) | Content::Known | Content::Closed => Vec::new(),
        };
        Links { mid: &self.mid, references }
    }
}

/// What a mail is read with, from one snapshot.
struct Facts {
    own: Vec<SecretKey>,
    own_certificate: Option<Certificate>,
    secrets: Vec<(SharedSecret, Matched)>,
    options: ReadOptions,
}

/// The Message-ID that the header of a mail names.
pub fn outer_mid(raw: &[u8]) -> Option<String> {
    super::heads::read(raw).mid
}

/// Opens a mail.
pub fn open(sources: &Sources<'_>, raw: &[u8], seen: bool) -> Outcome<Opened> {
    #[cfg(any(test, feature = "testing"))]
    crate::testing::may_panic(raw);
    let received = sources.db.now();
    let outer = match parse_outer(raw) {
        Ok(outer) => outer,
        Err(error) => {
            let rejected = Content::Rejected(Reason::Unreadable(error.to_string()));
            return Ok(Opened::new(generated_mid(raw), received, seen, rejected));
        }
    };
    let outer_mid = outer.message_id.as_ref().map(|id| id.as_str().to_owned());
    let mid = outer_mid.unwrap_or_else(|| generated_mid(raw));
    let mut opened = Opened::new(mid, received, seen, Content::Known);
    opened.hops = hops::describe(&outer.received);
    opened.outer_sender = outer.from.as_ref().map(|from| from.address.clone());
    let envelope = outer.ciphertext().and_then(|ciphertext| Envelope::parse(ciphertext).ok());
    let needs_secret = envelope.as_ref().is_some_and(Envelope::needs_shared_secret);
    let facts = sources.db.read(|view| {
        if is_settled(view, sources.profile, &opened.mid, outer.is_post_message)? {
            return Ok::<_, Failure>(None);
        }
        facts(view, sources, envelope.is_some(), needs_secret).map(Some)
    })?;
    let Some(facts) = facts else { return Ok(opened) };
    let decrypted = envelope.and_then(|envelope| decrypt(sources, &facts, envelope));
    if decrypted.is_none() && needs_secret {
        opened.content = Content::Closed;
        opened.wait = Some(Wait::Secret);
        return Ok(opened);
    }
    let outer_from = outer.from.as_ref().and_then(|from| from.checked().ok());
    let parsed = match &decrypted {
        None => {
            opened.autocrypt = select_autocrypt(sources, &outer.autocrypt, outer_from.as_ref());
            parse_effective(&outer, None, facts.options)
        }
        Some((decrypted, matched)) => {
            opened.matched.clone_from(matched);
            let (block, _) = HeaderBlock::parse(&decrypted.payload);
            let inside = block.all("Autocrypt");
            let values = if inside.is_empty() { &outer.autocrypt } else { &inside };
            opened.autocrypt = select_autocrypt(sources, values, outer_from.as_ref());
            if let Err(rejection) = authenticate(sources, &facts, decrypted, &mut opened)? {
                opened.content = Content::Rejected(Reason::Refused(rejection));
                return Ok(opened);
            }
            let payload = Payload { bytes: &decrypted.payload, signed: opened.signer.is_some() };
            parse_effective(&outer, Some(&payload), facts.options)
        }
    };
    match parsed {
        Ok(parsed) => {
            let mime = decrypted.as_ref().map_or(raw, |(decrypted, _)| decrypted.payload.as_slice());
            finish(sources, opened, parsed, outer_from.as_ref(), mime)
        }
        // Of a mail whose signer is not known the inside counts for less: it may be fine later.
        Err(_) if opened.wait.is_some() => {
            opened.content = Content::Closed;
            Ok(opened)
        }
        Err(error) => {
            opened.content = Content::Rejected(Reason::Refused(error.to_string()));
            Ok(opened)
        }
    }
}

fn facts(view: &impl View, sources: &Sources<'_>, encrypted: bool, needs_secret: bool) -> Outcome<Facts> {
    let (keys, profile) = (sources.db.keys(), sources.profile);
    let options = ReadOptions { for_bot: config::flag(view, profile, config::key::BOT)? };
    if !encrypted {
        return Ok(Facts { own: Vec::new(), own_certificate: None, secrets: Vec::new(), options });
    }
    Ok(Facts {
        own: keys::own(view, keys, profile)?.into_iter().collect(),
        own_certificate: keys::own_certificate(view, keys, profile)?,
        secrets: if needs_secret { shared_secrets(view, profile)? } else { Vec::new() },
        options,
    })
}

fn finish(
    sources: &Sources<'_>,
    mut opened: Opened,
    mut parsed: ParsedMessage,
    outer_from: Option<&Address>,
    mime: &[u8],
) -> Outcome<Opened> {
    if let Some(id) = &parsed.message_id {
        id.as_str().clone_into(&mut opened.mid);
        let post = parsed.split == volary_mail::message::read::SplitRole::Post;
        if sources.db.look(|view| is_settled(view, sources.profile, &opened.mid, post))? {
            opened.wait = None;
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
    opened.picture = picture(&blobs, parsed.avatar.as_ref())?;
    opened.group_picture = picture(&blobs, parsed.group.avatar.as_ref())?;
    if let Some(json) = &parsed.sync_json
        && let Ok(changes) = volary_mail::sync::read(json)
        && let Some(picture) = picture_of(&changes.items)
    {
        put_picture(&blobs, &picture).map_err(Failure::file("own picture cannot be stored"))?;
    }
    if parsed.has_html
        && let Some(html) = full_view(mime)
    {
        let name = blobs.put(html.as_bytes(), "html").map_err(Failure::file("full view cannot be stored"))?;
        name.as_str().clone_into(&mut opened.html_blob);
    }
    let now = opened.received;
    let points =
        |kml: &Option<String>| kml.as_ref().and_then(|kml| kml::read(kml, now).ok()).unwrap_or_default();
    opened.track = points(&parsed.track_kml);
    // Of several the newest counts.
    opened.place = points(&parsed.point_kml).into_iter().max_by_key(Point::timestamp);
    opened.content = Content::Parsed(Box::new(parsed));
    Ok(opened)
}

/// Stores a small picture that came in a header.
fn picture(blobs: &Blobs, avatar: Option<&Avatar>) -> Outcome<Option<String>> {
    let Some(Avatar::Image(bytes)) = avatar else { return Ok(None) };
    put_picture(blobs, bytes).map_err(Failure::file("picture cannot be stored"))?;
    Ok(Some(picture_name(bytes)))
}

/// Whether nothing new can come of a mail with this id.
fn is_settled(
    view: &impl View,
    profile: ProfileId,
    mid: &str,
    post_message: bool,
) -> Result<bool, StoreError> {
    Ok(messages::standing(view, profile, mid, post_message)? == Standing::Settled)
}

/// A stable name for a mail without Message-ID.
fn generated_mid(raw: &[u8]) -> String {
    format!("GEN_{}", &blake3::hash(raw).to_hex()[..32])
}

/// `None`: no key or secret fits, or it is broken.
fn decrypt(sources: &Sources<'_>, facts: &Facts, envelope: Envelope) -> Option<(Decrypted, Option<Matched>)> {
    match envelope.decrypt(&facts.own, facts.secrets.iter().map(|(secret, _)| secret)) {
        Ok(decrypted) => {
            let at = decrypted.matched_secret();
            let matched = at.and_then(|at| facts.secrets.get(at)).map(|(_, matched)| matched.clone());
            Some((decrypted, matched))
        }
        Err(error) => not_decrypted(sources, &error),
    }
}

fn not_decrypted<T>(sources: &Sources<'_>, error: &DecryptError) -> Option<T> {
    tracing::debug!(profile = %sources.profile, %error, class = ?error.class(), "not decrypted");
    None
}

/// Secrets in the order in which they are tried: of own joins, of channels, of own invites (newest first).
fn shared_secrets(view: &impl View, profile: ProfileId) -> Outcome<Vec<(SharedSecret, Matched)>> {
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
            ChatType::InBroadcast => channel_owner(view, profile, chat)?,
            ChatType::Single | ChatType::Group | ChatType::MailingList | ChatType::OutBroadcast => None,
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
fn channel_owner(
    view: &impl View,
    profile: ProfileId,
    chat: ChatId,
) -> Result<Option<Fingerprint>, StoreError> {
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
    let known = |bytes: &[u8]| sources.db.keys().known(bytes);
    autocrypt::select(values.iter().map(String::as_str), outer_from?, known)
}

/// Finds out who signed; `Err` with the reason if the mail must vanish. If its signer is not known, it has to wait.
fn authenticate(
    sources: &Sources<'_>,
    facts: &Facts,
    decrypted: &Decrypted,
    opened: &mut Opened,
) -> Outcome<Result<(), String>> {
    let issuers = decrypted.issuers();
    let mut ring: Vec<Certificate> =
        opened.autocrypt.iter().map(|header| header.certificate.clone()).collect();
    ring.extend(facts.own_certificate.clone());
    let damaged = stored_certificates(sources, &issuers, &mut ring)?;
    let own: Vec<Fingerprint> = facts.own.iter().map(SecretKey::fingerprint).collect();
    let known = issuers.iter().any(|issuer| ring.iter().any(|one| one.fingerprint() == *issuer));
    let unknown = decrypted.is_signed() && !issuers.is_empty() && !known;
    match decrypted.authenticate(&own, &ring) {
        Ok(Ok(verified)) => {
            opened.signer = Some(verified.signer);
            opened.intended = verified.intended_recipients;
        }
        // A damaged certificate is our fault, not the sender's.
        Ok(Err(_)) | Err(Rejection::SecretUnsigned | Rejection::SecretUnknownSigner) if damaged.is_some() => {
            opened.wait = damaged.map(Wait::Fault);
        }
        Ok(Err(_)) | Err(Rejection::SecretUnsigned | Rejection::SecretUnknownSigner) if unknown => {
            opened.wait = Some(Wait::Signer(issuers.iter().map(ToString::to_string).collect()));
        }
        Ok(Err(unverified)) => {
            tracing::debug!(profile = %sources.profile, %unverified, "no valid signature");
        }
        Err(rejection) => return Ok(Err(rejection.to_string())),
    }
    Ok(Ok(()))
}

/// Adds the stored certificates of these fingerprints; tells if one cannot be read.
fn stored_certificates(
    sources: &Sources<'_>,
    issuers: &[Fingerprint],
    ring: &mut Vec<Certificate>,
) -> Outcome<Option<String>> {
    let (keys, profile) = (sources.db.keys(), sources.profile);
    sources.db.read(|view| {
        let mut damaged = None;
        for issuer in issuers {
            match keys::certificate(view, keys, profile, &issuer.to_string()) {
                Ok(stored) => ring.extend(stored),
                Err(Failure::Stored(error)) => {
                    tracing::error!(%profile, %issuer, %error, "a stored certificate cannot be read");
                    damaged = Some(format!("the stored key of a contact cannot be read: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(damaged)
    })
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
    let known = |bytes: &[u8]| sources.db.keys().known(bytes);
    let wanted = |addr: &Address| named(addr) && Some(addr) != outer_from;
    autocrypt::gossip(parsed.gossip.iter().map(String::as_str), wanted, known)
}
