//! The rows of a profile become the tables of a backup.

use std::collections::{BTreeSet, HashSet};

use serde_json::json;
use volary_backup::database::Writer;
use volary_backup::tables;
use volary_mail::login::ConfiguredLogin;
use volary_mail::message::text::{footer, view::plain_view};
use volary_storage::records::{
    JobKind, KnownMail, MessageRecord, MessageState, TokenKind, TransportRecord, ViewType,
};
use volary_storage::tables::{
    APP_UPDATES, CERTIFICATES, CONFIG, CONTACTS, COUNTERS, DEVICE_LABELS, GOSSIPED, KNOWN_MAIL,
    LOCATION_OF_MESSAGE, LOCATIONS, MEMBERS, MESSAGES, OUTBOX, PENDING_FLAGS, PENDING_REACTIONS, REACTIONS,
    RECEIPT_JOBS, RECEIPTS, REMOVED_TRANSPORTS, SERVER_COPIES, SYNC_ITEMS,
};
use volary_storage::{BlobName, Blobs, ReadTx, View as _};

use super::messages::{Beside, message_out};
use super::meter::Cancel;
use super::people::{chat_out, contact_out, member_out};
use super::unpack::reference;
use crate::ground::db::Db;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, MessageId, ProfileId};
use crate::state::config::key;
use crate::state::{apps, chats, keys, members, messages, tokens, transports};

/// Largest full view that is written.
const MAX_HTML: u64 = 8 << 20;
/// Number of the own key.
const OWN_KEY: i64 = 1;

/// Writes all tables, from one snapshot. Returns the names of the files that rows refer to.
pub fn run(
    db: &Db,
    view: &ReadTx,
    profile: ProfileId,
    blobs: &Blobs,
    writer: &mut Writer,
    cancel: &Cancel,
) -> Outcome<BTreeSet<BlobName>> {
    let mut out = Out { db, view, profile, blobs, writer, cancel, used: BTreeSet::new() };
    out.settings()?;
    out.own_keys()?;
    out.transports()?;
    out.people()?;
    out.chats()?;
    out.messages()?;
    out.around_messages()?;
    out.apps()?;
    out.places()?;
    out.queues()?;
    Ok(out.used)
}

struct Out<'a> {
    db: &'a Db,
    view: &'a ReadTx,
    profile: ProfileId,
    blobs: &'a Blobs,
    writer: &'a mut Writer,
    cancel: &'a Cancel,
    used: BTreeSet<BlobName>,
}

impl Out<'_> {
    fn uses(&mut self, blob: &str) {
        self.used.extend(blob.parse::<BlobName>().ok());
    }

    fn settings(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&CONFIG, &self.profile)? {
            let ((_, name), record) = row?;
            let value = if name == key::SELFAVATAR {
                self.uses(&record.text);
                reference(&record.text)
            } else {
                record.text
            };
            self.writer.set(&name, value)?;
        }
        if let Some(addr) = transports::self_addr(self.view, self.profile)? {
            self.writer.set(key::CONFIGURED_ADDR, addr)?;
        }
        self.writer.set(key::CONFIGURED, "1")?;
        for row in self.view.scan_prefix(&DEVICE_LABELS, &self.profile)?.keys() {
            let (_, label) = row?;
            self.writer.add(&tables::DeviceLabel { label })?;
        }
        Ok(())
    }

    fn own_keys(&mut self) -> Outcome<()> {
        let Some(secret) = keys::own(self.view, self.db.keys(), self.profile)? else { return Ok(()) };
        let certificate = keys::own_certificate(self.view, self.db.keys(), self.profile)?;
        self.writer.add(&tables::KeyPair {
            id: OWN_KEY,
            private_key: secret.to_bytes()?,
            public_key: certificate.map(|certificate| certificate.as_bytes().to_vec()).unwrap_or_default(),
            ..Default::default()
        })?;
        self.writer.set(key::KEY_ID, OWN_KEY.to_string())?;
        Ok(())
    }

    fn transports(&mut self) -> Outcome<()> {
        for (id, record) in transports::all(self.view, self.profile)? {
            let login = login_of(&record);
            let folder = folder_of(&login);
            self.writer.add(&tables::Transport {
                id: id.into(),
                addr: record.addr.clone(),
                entered_param: record.entered.clone(),
                configured_param: login,
                add_timestamp: record.added,
                is_published: (!record.unpublished).into(),
                last_rcvd_timestamp: record.received,
            })?;
            if record.uid_validity != 0 {
                self.writer.add(&tables::FolderState {
                    transport_id: id.into(),
                    folder: folder.clone(),
                    uidvalidity: record.uid_validity.into(),
                    uid_next: record.uid_next.into(),
                })?;
            }
            self.copies(id, &folder)?;
        }
        for row in self.view.scan_prefix(&REMOVED_TRANSPORTS, &self.profile)? {
            let ((_, addr), record) = row?;
            self.writer.add(&tables::RemovedTransport { addr, remove_timestamp: record.time })?;
        }
        Ok(())
    }

    fn copies(&mut self, transport: crate::ground::ids::TransportId, folder: &str) -> Outcome<()> {
        let mut seen = Vec::new();
        for (number, row) in (1i64..).zip(self.view.scan_prefix(&SERVER_COPIES, &(self.profile, transport))?)
        {
            let ((_, _, uidvalidity, uid), record) = row?;
            let id = i64::from(transport) * (1 << 40) + number;
            let wanted = self.view.get(&PENDING_FLAGS, &(self.profile, transport, uidvalidity, uid))?;
            seen.extend(wanted.filter(|flag| !flag.delete).map(|_| id));
            self.writer.add(&tables::ServerCopy {
                id,
                transport_id: transport.into(),
                rfc724_mid: record.mid,
                folder: folder.to_owned(),
                // What stays for other own devices is deleted by this one when it is time.
                target: if wanted.is_some_and(|flag| flag.delete && flag.not_before == 0) {
                    String::new()
                } else {
                    folder.to_owned()
                },
                uid: uid.into(),
                uidvalidity: uidvalidity.into(),
            })?;
        }
        for id in seen {
            self.writer.add(&tables::SeenCopy { id })?;
        }
        Ok(())
    }

    fn people(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&CONTACTS, &self.profile)? {
            let ((_, id), record) = row?;
            self.uses(&record.avatar);
            self.writer.add(&contact_out(id, &record))?;
        }
        for row in self.view.scan_prefix(&CERTIFICATES, &self.profile)? {
            let ((_, fingerprint), record) = row?;
            self.writer.add(&tables::PublicKey { fingerprint, public_key: record.certificate })?;
        }
        for (_, token) in tokens::all(self.view, self.profile)? {
            self.writer.add(&tables::Token {
                namespc: match token.namespace {
                    TokenKind::Invite => 100,
                    TokenKind::Auth => 110,
                },
                foreign_key: token.scope,
                token: token.value,
                timestamp: token.created,
            })?;
        }
        Ok(())
    }

    fn chats(&mut self) -> Outcome<()> {
        let all = chats::all(self.view, self.profile)?;
        let known: HashSet<ChatId> = all.iter().map(|(id, _)| *id).collect();
        for (id, record) in all {
            self.uses(&record.avatar);
            let name = chats::name(self.view, self.db.texts(), self.profile, &record)?;
            self.writer.add(&chat_out(id, &record, &name))?;
            if !record.description.is_empty() {
                self.writer.add(&tables::Description {
                    chat_id: id.into(),
                    description: record.description.clone(),
                })?;
            }
            if !record.channel_secret.is_empty() {
                self.writer
                    .add(&tables::Secret { chat_id: id.into(), secret: record.channel_secret.clone() })?;
            }
        }
        for row in self.view.scan_prefix(&MEMBERS, &self.profile)? {
            let ((_, chat, contact), record) = row?;
            if known.contains(&chat) && !members::is_forgotten(&record) {
                self.writer.add(&member_out(chat, contact, record))?;
            }
        }
        for row in self.view.scan_prefix(&GOSSIPED, &self.profile)? {
            let ((_, chat, fingerprint), record) = row?;
            if known.contains(&chat) {
                self.writer.add(&tables::Gossip {
                    chat_id: chat.into(),
                    fingerprint,
                    timestamp: record.time,
                })?;
            }
        }
        Ok(())
    }

    fn messages(&mut self) -> Outcome<()> {
        let mut waiting = HashSet::new();
        for row in self.view.scan_prefix(&OUTBOX, &self.profile)? {
            let (_, job) = row?;
            if job.kind == JobKind::Message && job.done.is_empty() {
                waiting.insert(job.message);
            }
        }
        for row in self.view.scan_prefix(&MESSAGES, &self.profile)? {
            self.cancel.check()?;
            let ((_, id), record) = row?;
            if chats::is_deleted(self.view, self.profile, record.chat)? {
                continue;
            }
            self.uses(&record.blob);
            let beside = self.beside(id, &record, waiting.contains(&id))?;
            self.writer.add(&message_out(id, &record, &beside))?;
        }
        self.tombstones()
    }

    fn beside(&self, id: MessageId, record: &MessageRecord, waits: bool) -> Outcome<Beside> {
        let mut beside = Beside { waits, ..Beside::default() };
        if record.from == ContactId::SELF
            && let Some(chat) = chats::load(self.view, self.profile, record.chat)?
        {
            beside.to = chat.contact.into();
        }
        let html = record.html_blob.parse::<BlobName>().ok();
        beside.html = match messages::long_text(record) {
            Some(text) => Some(plain_view(&footer::escape(text), false, false)),
            None => html
                .and_then(|name| self.blobs.read(&name, MAX_HTML).ok())
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        };
        if let Some(((_, _, place), _)) = self.view.first(&LOCATION_OF_MESSAGE, &(self.profile, id))? {
            beside.location = place.into();
        }
        if record.view_type == ViewType::Webxdc
            && let Some(app) = apps::load(self.view, self.profile, id)?
        {
            beside.labels = Some((app.document, app.document_at, app.summary, app.summary_at));
        }
        Ok(beside)
    }

    /// What must never be shown again, and what waits on a relay, behind all messages.
    fn tombstones(&mut self) -> Outcome<()> {
        let counters = self.view.get(&COUNTERS, &self.profile)?.unwrap_or_default();
        let mut id = i64::from(counters.message.max(MessageId::FIRST));
        for row in self.view.scan_prefix(&KNOWN_MAIL, &self.profile)? {
            let ((_, mid), record) = row?;
            match record.kind {
                KnownMail::Tombstone => {
                    id += 1;
                    self.writer.add(&tables::Message {
                        id,
                        rfc724_mid: mid,
                        chat_id: volary_backup::reserved::TRASH,
                        timestamp: record.time,
                        deleted: record.delete.into(),
                        state: MessageState::Undefined.number().into(),
                        ..Default::default()
                    })?;
                }
                KnownMail::Available => self.writer.add(&tables::AvailablePost { rfc724_mid: mid })?,
                KnownMail::Nothing | KnownMail::Message | KnownMail::PreMessage => {}
            }
        }
        Ok(())
    }

    fn around_messages(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&RECEIPTS, &self.profile)? {
            let ((_, message, contact), record) = row?;
            self.writer.add(&tables::Receipt {
                msg_id: message.into(),
                contact_id: contact.into(),
                timestamp_sent: record.time,
            })?;
        }
        for row in self.view.scan_prefix(&REACTIONS, &self.profile)? {
            let ((_, message, contact), record) = row?;
            // One that was taken back; chatmail core would show it as a reaction without emoji.
            if record.emoji.is_empty() {
                continue;
            }
            self.writer.add(&tables::Reaction {
                msg_id: message.into(),
                contact_id: contact.into(),
                reaction: record.emoji,
            })?;
        }
        for row in self.view.scan_prefix(&PENDING_REACTIONS, &self.profile)? {
            let ((_, rfc724_mid, contact), record) = row?;
            self.writer.add(&tables::PendingReaction {
                rfc724_mid,
                contact_id: contact.into(),
                reaction: record.emoji,
                timestamp: record.time,
            })?;
        }
        Ok(())
    }

    fn apps(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&APP_UPDATES, &self.profile)? {
            let ((_, message, number), record) = row?;
            self.writer.add(&tables::Update {
                id: number.into(),
                msg_id: message.into(),
                update_item: record.json,
                uid: volary_backup::MaybeText(record.uid),
            })?;
        }
        Ok(())
    }

    fn places(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&LOCATIONS, &self.profile)? {
            let ((_, id), record) = row?;
            self.writer.add(&tables::Location {
                id: id.into(),
                latitude: record.latitude.into(),
                longitude: record.longitude.into(),
                accuracy: record.accuracy.into(),
                timestamp: record.time,
                chat_id: record.chat.into(),
                from_id: record.contact.into(),
                independent: record.message.is_some().into(),
            })?;
        }
        Ok(())
    }

    fn queues(&mut self) -> Outcome<()> {
        for row in self.view.scan_prefix(&SYNC_ITEMS, &self.profile)? {
            let (_, record) = row?;
            let data: serde_json::Value = serde_json::from_str(&record.data)
                .map_err(|error| Failure::Internal(format!("a change for other devices: {error}")))?;
            let item = json!({ "timestamp": record.time, "data": data }).to_string();
            self.writer.add(&tables::SyncItem { item })?;
        }
        for row in self.view.scan_prefix(&RECEIPT_JOBS, &self.profile)? {
            let ((_, contact, message), record) = row?;
            self.writer.add(&tables::ReceiptJob {
                msg_id: message.into(),
                from_id: contact.into(),
                rfc724_mid: record.mid,
                retries: record.tries.into(),
            })?;
        }
        Ok(())
    }
}

/// The login of a relay; one without servers for an address that has none.
fn login_of(record: &TransportRecord) -> String {
    if !record.configured.is_empty() {
        return record.configured.clone();
    }
    json!({
        "addr": record.addr, "imap": [], "imap_user": "", "imap_password": "", "smtp": [], "smtp_user": "",
        "smtp_password": "", "certificate_checks": "Automatic", "oauth2": false,
    })
    .to_string()
}

/// The folder that is watched.
fn folder_of(login: &str) -> String {
    let login: Option<ConfiguredLogin> = serde_json::from_str(login).ok();
    login.map_or_else(|| "INBOX".to_owned(), |login| login.folder().to_owned())
}
