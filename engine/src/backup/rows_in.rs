//! The tables of a backup become the rows of a profile.

use std::collections::{HashMap, HashSet};

use futures::executor::block_on;
use volary_backup::database::Reader;
use volary_backup::reserved::{LAST, TRASH};
use volary_backup::tables::{self, Row};
use volary_mail::login::ConfiguredLogin;
use volary_mail::message::text::view::full_view;
use volary_mail::openpgp::{Certificate, SecretKey};
use volary_proto::v1::event;
use volary_storage::records::{
    AppRecord, CertificateRecord, ChatRecord, CounterRecord, KeyRecord, KnownMail, Mute, OutboxRecord,
    ReactionRecord, ReceiptJobRecord, SyncItemRecord, TextRecord, TimeRecord, TokenKind, TransportRecord,
};
use volary_storage::tables::{
    CERTIFICATES, CHATS, CONFIG, COUNTERS, DEVICE_LABELS, GOSSIPED, KEYS, PENDING_REACTIONS, REACTIONS,
    RECEIPT_JOBS, RECEIPTS, REMOVED_TRANSPORTS, SYNC_ITEMS,
};
use volary_storage::{Blobs, View as _};

use super::messages::{Taken, message_in};
use super::meter::Cancel;
use super::older::Older;
use super::people::{chat_in, contact_in, count, id, member_in};
use super::unpack::Files;
use super::{blob_dir_of, older, settings};
use crate::chat::{aging, device};
use crate::commands::process;
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::{ChatId, ContactId, LocationId, MessageId, ProfileId, TransportId};
use crate::state::config::key;
use crate::state::deadlines::{self, Kind};
use crate::state::{
    apps, chats, contacts, copies, locations, members, messages, outbox, profiles, search, tokens, transports,
};

/// Rows in one transaction.
const SLICE: u32 = 200;

/// Where the profile goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// On another device: what was meant for the old one stays there.
    Another,
    /// Where it was.
    Same,
}

/// Fills a profile. Its relays come last.
pub fn run(
    db: &Db,
    profile: ProfileId,
    reader: &Reader,
    files: &Files,
    device: Device,
    cancel: &Cancel,
) -> Outcome<()> {
    block_on(process::erase(db, profile))?;
    let blobs = Blobs::new(blob_dir_of(db, profile)?);
    let older = Older::look(reader)?;
    let mut into = In { db, profile, reader, files, device, cancel, older, blobs, places: HashMap::new() };
    into.counters()?;
    into.settings()?;
    into.contacts()?;
    let kept = into.chats()?;
    into.messages(&kept)?;
    into.around_messages()?;
    into.apps()?;
    into.places()?;
    into.queues()?;
    into.finish()
}

struct In<'a> {
    db: &'a Db,
    profile: ProfileId,
    reader: &'a Reader,
    files: &'a Files,
    device: Device,
    cancel: &'a Cancel,
    older: Older,
    blobs: Blobs,
    /// Messages that point at places, by place.
    places: HashMap<i64, MessageId>,
}

impl In<'_> {
    /// Hands over a table in slices.
    fn slices<R: Row + Send + 'static>(&self, mut take: impl FnMut(Vec<R>) -> Outcome<()>) -> Outcome<()> {
        let mut after = i64::MIN;
        loop {
            self.cancel.check()?;
            let rows = self.reader.rows::<R>(after, SLICE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = *last;
            take(rows.into_iter().map(|(_, row)| row).collect())?;
        }
    }

    /// Runs one transaction.
    fn write(&self, job: impl FnOnce(&mut Tx<'_, '_>) -> Outcome<()> + Send + 'static) -> Outcome<()> {
        block_on(self.db.transact(self.profile, job)).map(|_| ())
    }

    /// Writes a table row by row.
    fn table<R: Row + Send + 'static>(
        &self,
        put: impl Fn(&mut Tx<'_, '_>, R) -> Outcome<()> + Clone + Send + 'static,
    ) -> Outcome<()> {
        self.slices::<R>(|rows| {
            let put = put.clone();
            self.write(move |tx| rows.into_iter().try_for_each(|row| put(tx, row)))
        })
    }

    fn counters(&self) -> Outcome<()> {
        let greatest = |table| self.reader.greatest_id(table);
        let counters = CounterRecord {
            message: id(greatest("msgs")?).unwrap_or_default(),
            chat: id(greatest("chats")?).unwrap_or_default(),
            contact: id(greatest("contacts")?).unwrap_or_default(),
            transport: id(greatest("transports")?.max(self.older.login.as_ref().map_or(0, |row| row.id)))
                .unwrap_or_default(),
            location: id(greatest("locations")?).unwrap_or_default(),
            app_update: count(greatest("msgs_status_updates")?),
            ..CounterRecord::default()
        };
        self.write(move |tx| Ok(tx.store.put(&COUNTERS, &tx.profile, &counters)?))
    }

    fn settings(&self) -> Outcome<()> {
        let picture = self.reader.config(key::SELFAVATAR)?.map(|reference| self.files.of(&reference).0);
        let elsewhere = self.device == Device::Another;
        self.table::<tables::Config>(move |tx, row| {
            let mut text = row.value;
            if row.keyname == key::SELFAVATAR {
                text = picture.clone().unwrap_or_default();
                if text.is_empty() {
                    return Ok(());
                }
            }
            if settings::is_taken(&row.keyname) && !(elsewhere && settings::stays(&row.keyname)) {
                tx.store.put(&CONFIG, &(tx.profile, row.keyname), &TextRecord { text })?;
            }
            Ok(())
        })?;
        let changed = self.older.settings.clone();
        self.write(move |tx| {
            changed.into_iter().try_for_each(|(name, text)| {
                let text = TextRecord { text: text.to_owned() };
                Ok(tx.store.put(&CONFIG, &(tx.profile, name.to_owned()), &text)?)
            })
        })
    }

    fn contacts(&self) -> Outcome<()> {
        self.slices::<tables::Contact>(|rows| {
            let rows = rows.into_iter().map(|mut row| {
                self.older.contact(&mut row);
                (row.id, contact_in(&row, self.files))
            });
            let rows: Vec<_> = rows.collect();
            self.write(move |tx| {
                for (number, record) in rows {
                    if let Some(contact) = id(number).filter(|id: &ContactId| !id.is_special()) {
                        contacts::save(tx, contact, &record)?;
                    }
                }
                Ok(())
            })
        })?;
        self.slices::<tables::PublicKey>(|rows| self.certificates(rows))?;
        if !self.older.has_peer_states() {
            return Ok(());
        }
        self.slices::<tables::PeerState>(|rows| {
            self.certificates(rows.into_iter().filter_map(older::key_of).collect())
        })
    }

    fn certificates(&self, rows: Vec<tables::PublicKey>) -> Outcome<()> {
        let records: Vec<_> = rows.iter().filter_map(certificate).collect();
        self.write(move |tx| {
            for (fingerprint, record) in records {
                tx.store.put(&CERTIFICATES, &(tx.profile, fingerprint), &record)?;
            }
            Ok(())
        })
    }

    /// The chats that were taken over.
    fn chats(&self) -> Outcome<HashSet<i64>> {
        let mut first_members: HashMap<i64, i64> = HashMap::new();
        self.reader.each::<tables::ChatContact, Failure>(|row| {
            first_members.entry(row.chat_id).or_insert(row.contact_id);
            Ok(())
        })?;
        let mut kept = HashSet::new();
        self.slices::<tables::Chat>(|rows| {
            let mut records: Vec<(ChatId, ChatRecord)> = Vec::new();
            for mut row in rows.into_iter().filter(|row| row.id > LAST) {
                self.older.chat(&mut row);
                let contact: Option<ContactId> = first_members.get(&row.id).and_then(|number| id(*number));
                let has_key = match contact.filter(|contact| !contact.is_special()) {
                    Some(contact) => self
                        .db
                        .look(|view| contacts::load(view, self.profile, contact))?
                        .is_some_and(|record| !record.fingerprint.is_empty()),
                    None => false,
                };
                if let (Some(chat), Some(record)) = (id(row.id), chat_in(&row, contact, has_key, self.files))
                {
                    kept.insert(row.id);
                    records.push((chat, record));
                }
            }
            self.write(move |tx| records.iter().try_for_each(|(chat, record)| add_chat(tx, *chat, record)))
        })?;
        let known = kept.clone();
        self.table::<tables::ChatContact>(move |tx, row| {
            if known.contains(&row.chat_id)
                && let (Some(chat), Some(contact)) = (id(row.chat_id), id(row.contact_id))
            {
                let group: Option<ChatRecord> = chats::load(tx.store, tx.profile, chat)?;
                let is_quiet = contact != ContactId::SELF && group.is_some_and(|group| group.unpromoted);
                members::put(tx, chat, contact, member_in(&row, is_quiet))?;
            }
            Ok(())
        })?;
        self.table::<tables::Description>(|tx, row| {
            change_chat(tx, row.chat_id, |record| record.description = row.description)
        })?;
        self.table::<tables::Secret>(|tx, row| {
            change_chat(tx, row.chat_id, |record| record.channel_secret = row.secret)
        })?;
        self.table::<tables::Gossip>(|tx, row| {
            let Some(chat) = id::<ChatId>(row.chat_id) else { return Ok(()) };
            let time = TimeRecord { time: row.timestamp };
            Ok(tx.store.put(&GOSSIPED, &(tx.profile, chat, row.fingerprint), &time)?)
        })?;
        Ok(kept)
    }

    fn messages(&mut self, kept: &HashSet<i64>) -> Outcome<()> {
        let mut places = HashMap::new();
        let only_here = self.device == Device::Another;
        self.slices::<tables::Message>(|rows| {
            let mut taken = Vec::new();
            for row in rows.into_iter().filter(|row| row.id > LAST) {
                if only_here && row.from_id == i64::from(ContactId::DEVICE) {
                    continue;
                }
                let message = if kept.contains(&row.chat_id) { self.message(&row)? } else { None };
                if let (Some(message), Some(id)) = (&message, id(row.id))
                    && message.location != 0
                {
                    places.insert(message.location, id);
                }
                taken.push((row, message));
            }
            self.write(move |tx| {
                for (row, message) in taken {
                    add_message(tx, &row, message)?;
                }
                Ok(())
            })
        })?;
        self.places = places;
        self.table::<tables::AvailablePost>(|tx, row| {
            if messages::known(tx.store, tx.profile, &row.rfc724_mid)?.is_none() {
                messages::remember(tx, &row.rfc724_mid, KnownMail::Available, None)?;
            }
            Ok(())
        })?;
        self.write(|tx| Ok(search::due(tx, tx.now)?))
    }

    /// A message with its full view.
    fn message(&self, row: &tables::Message) -> Outcome<Option<Taken>> {
        let Some(mut taken) = message_in(row, self.files, self.db.texts()) else { return Ok(None) };
        let html = match volary_backup::params::Params::parse(&row.param).get('T') {
            Some(html) => Some(html.to_owned()),
            None if row.mime_modified != 0 => full_view(&row.source()),
            None => None,
        };
        if let Some(html) = html {
            let blob = self.blobs.put(html.as_bytes(), "html");
            taken.record.html_blob =
                blob.map_err(Failure::file("a full view cannot be stored"))?.as_str().to_owned();
        }
        Ok(Some(taken))
    }

    fn around_messages(&self) -> Outcome<()> {
        self.table::<tables::Receipt>(|tx, row| {
            let (Some(message), Some(contact)) =
                (id::<MessageId>(row.msg_id), id::<ContactId>(row.contact_id))
            else {
                return Ok(());
            };
            let time = TimeRecord { time: row.timestamp_sent };
            Ok(tx.store.put(&RECEIPTS, &(tx.profile, message, contact), &time)?)
        })?;
        self.table::<tables::Reaction>(|tx, row| {
            let (Some(message), Some(contact)) =
                (id::<MessageId>(row.msg_id), id::<ContactId>(row.contact_id))
            else {
                return Ok(());
            };
            let record = ReactionRecord { emoji: row.reaction, time: tx.now, sent: 0 };
            Ok(tx.store.put(&REACTIONS, &(tx.profile, message, contact), &record)?)
        })?;
        self.table::<tables::PendingReaction>(|tx, row| {
            let Some(contact) = id::<ContactId>(row.contact_id) else { return Ok(()) };
            let record = ReactionRecord { emoji: row.reaction, time: row.timestamp, sent: row.timestamp };
            Ok(tx.store.put(&PENDING_REACTIONS, &(tx.profile, row.rfc724_mid, contact), &record)?)
        })
    }

    fn apps(&self) -> Outcome<()> {
        self.table::<tables::Update>(|tx, row| {
            let (Some(message), number) = (id::<MessageId>(row.msg_id), count(row.id)) else { return Ok(()) };
            Ok(apps::put_update(tx, message, number, row.update_item, row.uid.0)?)
        })
    }

    fn places(&self) -> Outcome<()> {
        let places = self.places.clone();
        self.table::<tables::Location>(move |tx, row| {
            let (Some(place), Some(chat), Some(contact)) =
                (id::<LocationId>(row.id), id(row.chat_id), id(row.from_id))
            else {
                return Ok(());
            };
            let message = places.get(&row.id).copied();
            if row.independent != 0 && message.is_none() {
                return Ok(());
            }
            let record = volary_storage::records::LocationRecord {
                chat,
                contact,
                latitude: row.latitude.into(),
                longitude: row.longitude.into(),
                accuracy: row.accuracy.into(),
                time: row.timestamp,
                message,
            };
            Ok(locations::put(tx, place, &record)?)
        })
    }

    fn queues(&self) -> Outcome<()> {
        self.table::<tables::Token>(|tx, row| {
            let kind = match row.namespc {
                100 => TokenKind::Invite,
                110 => TokenKind::Auth,
                _ => return Ok(()),
            };
            Ok(tokens::save(tx, kind, &row.foreign_key, &row.token, row.timestamp)?)
        })?;
        self.table::<tables::SyncItem>(|tx, row| {
            let Ok(item) = serde_json::from_str::<serde_json::Value>(&row.item) else { return Ok(()) };
            let (Some(time), Some(data)) =
                (item.get("timestamp").and_then(serde_json::Value::as_i64), item.get("data"))
            else {
                return Ok(());
            };
            let sequence = outbox::next_sequence(tx)?;
            let record = SyncItemRecord { time, data: data.to_string(), mail: None, order: 0 };
            Ok(tx.store.put(&SYNC_ITEMS, &(tx.profile, sequence), &record)?)
        })?;
        self.table::<tables::ReceiptJob>(|tx, row| {
            let Some(contact) = id::<ContactId>(row.from_id) else { return Ok(()) };
            let known = messages::by_mid(tx.store, tx.profile, &row.rfc724_mid)?;
            let Some((message, _)) = known else { return Ok(()) };
            let record = ReceiptJobRecord { mid: row.rfc724_mid, tries: count(row.retries), not_before: 0 };
            Ok(tx.store.put(&RECEIPT_JOBS, &(tx.profile, contact, message), &record)?)
        })?;
        if self.device == Device::Same {
            return self.table::<tables::DeviceLabel>(|tx, row| {
                tx.store.set(&DEVICE_LABELS, &(tx.profile, row.label))?;
                Ok(())
            });
        }
        self.write(device::know_welcome)
    }

    /// What makes it a profile that can be used, all at once.
    fn finish(&self) -> Outcome<()> {
        let own = self.own_key()?;
        let relays = self.relays()?;
        let seen: HashSet<i64> = {
            let mut seen = HashSet::new();
            self.reader.each::<tables::SeenCopy, Failure>(|row| {
                seen.insert(row.id);
                Ok(())
            })?;
            seen
        };
        let folders: HashMap<i64, String> =
            relays.iter().map(|(id, folder, _)| (i64::from(*id), folder.clone())).collect();
        let only_relay = self.older.only_relay;
        self.table::<tables::ServerCopy>(move |tx, mut row| {
            row.transport_id = only_relay.unwrap_or(row.transport_id);
            add_copy(tx, row, &folders, &seen)
        })?;
        let mut removed = Vec::new();
        self.reader.each::<tables::RemovedTransport, Failure>(|row| {
            removed.push(row);
            Ok(())
        })?;
        self.cancel.check()?;
        block_on(self.db.transact_durably(self.profile, move |tx| {
            if let Some(record) = own {
                tx.store.put(&KEYS, &tx.profile, &record)?;
            }
            for row in removed {
                let time = TimeRecord { time: row.remove_timestamp };
                tx.store.put(&REMOVED_TRANSPORTS, &(tx.profile, row.addr), &time)?;
            }
            for (transport, _, record) in relays {
                transports::save(tx, transport, &record)?;
            }
            aging::setting_changed(tx)?;
            profiles::arrive(tx)?;
            tx.emit(event::Kind::AccountsItemChanged(event::AccountsItemChanged {}));
            Ok::<_, Failure>(())
        }))
    }

    fn own_key(&self) -> Outcome<Option<KeyRecord>> {
        let Some(bytes) = older::own_key(self.reader)? else { return Ok(None) };
        let secret = SecretKey::from_bytes(&bytes)?;
        Ok(Some(KeyRecord {
            secret_key: secret.to_bytes()?,
            fingerprint: secret.fingerprint().to_string(),
            created: secret.created_at(),
            relays_changed: self.db.now(),
        }))
    }

    /// The relays, each with the folder that is watched.
    fn relays(&self) -> Outcome<Vec<(TransportId, String, TransportRecord)>> {
        let mut states = Vec::new();
        self.reader.each::<tables::FolderState, Failure>(|mut row| {
            row.transport_id = self.older.only_relay.unwrap_or(row.transport_id);
            states.push(row);
            Ok(())
        })?;
        // Older releases had no relays that contacts do not hear of.
        let says_published = self.reader.has("transports", "is_published")?;
        let mut rows: Vec<tables::Transport> = self.older.login.iter().cloned().collect();
        self.reader.each::<tables::Transport, Failure>(|row| {
            rows.push(row);
            Ok(())
        })?;
        let mut found = Vec::new();
        for row in rows {
            let Some(transport) = id(row.id) else { continue };
            let login: Option<ConfiguredLogin> = serde_json::from_str(&row.configured_param).ok();
            if login.is_none() {
                tracing::warn!(profile = %self.profile, %transport, "the login of a relay cannot be read");
            }
            let folder = login.as_ref().map_or("INBOX", |login| login.folder()).to_owned();
            let has_servers = login.is_some_and(|login| !login.imap.is_empty() && !login.smtp.is_empty());
            let state = states.iter().find(|state| state.transport_id == row.id && state.folder == folder);
            let record = TransportRecord {
                addr: row.addr.to_lowercase(),
                entered: row.entered_param,
                configured: if has_servers { row.configured_param } else { String::new() },
                added: row.add_timestamp,
                uid_validity: state.map_or(0, |state| count(state.uidvalidity)),
                uid_next: state.map_or(0, |state| count(state.uid_next)),
                received: row.last_rcvd_timestamp,
                unpublished: says_published && row.is_published == 0,
                ..TransportRecord::default()
            };
            found.push((transport, folder, record));
        }
        if found.len() > transports::MAX_TOGETHER {
            tracing::warn!(profile = %self.profile, relays = found.len(), "more relays than a profile can have: the last ones are left out");
            found.truncate(transports::MAX_TOGETHER);
        }
        Ok(found)
    }
}

fn certificate(row: &tables::PublicKey) -> Option<(String, CertificateRecord)> {
    let parsed = match Certificate::parse(&row.public_key) {
        Ok(parsed) => parsed,
        Err(error) => {
            tracing::warn!(fingerprint = row.fingerprint, %error, "a certificate of a backup cannot be read");
            return None;
        }
    };
    let relays = parsed.relays().unwrap_or_default().iter().map(ToString::to_string).collect();
    let record = CertificateRecord { certificate: parsed.as_bytes().to_vec(), relays };
    Some((parsed.fingerprint().to_string(), record))
}

fn add_chat(tx: &mut Tx<'_, '_>, chat: ChatId, record: &ChatRecord) -> Outcome<()> {
    if let Mute::Until(end) = record.mute {
        deadlines::add(tx, end, Kind::MuteEnds, chat.into())?;
    }
    if record.stream_until != 0 {
        deadlines::set_single(tx, record.stream_until, Kind::StreamEnds, chat.into())?;
    }
    Ok(chats::save(tx, chat, record)?)
}

fn change_chat(tx: &mut Tx<'_, '_>, number: i64, change: impl FnOnce(&mut ChatRecord)) -> Outcome<()> {
    let Some(chat) = id::<ChatId>(number) else { return Ok(()) };
    if let Some(mut record) = tx.store.get(&CHATS, &(tx.profile, chat))? {
        change(&mut record);
        tx.store.put(&CHATS, &(tx.profile, chat), &record)?;
    }
    Ok(())
}

/// Adds a message; what is in no chat leaves a tombstone.
fn add_message(tx: &mut Tx<'_, '_>, row: &tables::Message, taken: Option<Taken>) -> Outcome<()> {
    let (Some(message), Some(taken)) = (id::<MessageId>(row.id), taken) else {
        for mid in [&row.rfc724_mid, &row.pre_rfc724_mid] {
            messages::entomb(tx, mid)?;
            if row.deleted != 0 && row.chat_id == TRASH {
                copies::want_deleted(tx, mid)?;
            }
        }
        return Ok(());
    };
    let record = taken.record;
    messages::insert_as(tx, message, &record)?;
    if record.state == volary_storage::records::MessageState::OutDraft {
        change_chat(tx, row.chat_id, |chat| chat.draft = Some(message))?;
    }
    if let Some(original) = record.original {
        messages::update(tx, original, |original| original.saved = Some(message))?;
    }
    if taken.is_pending {
        outbox::push(tx, &OutboxRecord { message, ..OutboxRecord::default() })?;
    }
    if record.view_type == volary_storage::records::ViewType::Webxdc {
        let params = volary_backup::params::Params::parse(&row.param);
        let text = |letter| params.get(letter).unwrap_or_default().to_owned();
        let app = AppRecord {
            document: text('R'),
            document_at: params.number('W'),
            summary: text('N'),
            summary_at: params.number('Q'),
            ..AppRecord::default()
        };
        if app != AppRecord::default() {
            apps::update(tx, message, |known| *known = app)?;
        }
    }
    Ok(())
}

fn add_copy(
    tx: &mut Tx<'_, '_>,
    row: tables::ServerCopy,
    folders: &HashMap<i64, String>,
    seen: &HashSet<i64>,
) -> Outcome<()> {
    if folders.get(&row.transport_id) != Some(&row.folder) {
        return Ok(());
    }
    let (Some(transport), Ok(uid_validity), Ok(uid)) =
        (id(row.transport_id), u32::try_from(row.uidvalidity), u32::try_from(row.uid))
    else {
        return Ok(());
    };
    let place = copies::Place { transport, uid_validity, uid };
    copies::add(tx, place, &row.rfc724_mid)?;
    if row.target.is_empty() || seen.contains(&row.id) {
        copies::ask(tx, place, row.target.is_empty())?;
    }
    Ok(())
}
