//! How much there is of a profile: in a database of chatmail core, and here.

use std::collections::HashSet;

use volary_backup::database::Reader;
use volary_backup::params::Params;
use volary_backup::reserved::LAST;
use volary_backup::tables;
use volary_proto::v1::Tally;
use volary_storage::tables::{APP_UPDATES, CERTIFICATES, CHATS, CONTACTS, KEYS, MESSAGES};
use volary_storage::{BlobName, Blobs, ReadTx, View as _};

use super::older;
use super::unpack::Files;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::state::config::{self, key};

/// Type of chats with one contact, which show its picture.
const SINGLE: i64 = 100;

/// What there is in a database, with attachments by name; and how many files it names that are not there.
pub fn found(reader: &Reader, files: &Files) -> Outcome<(Tally, u32)> {
    let mut counted = Counted::default();
    counted.file(files, &reader.config(key::SELFAVATAR)?.unwrap_or_default());
    reader.each::<tables::Contact, Failure>(|row| {
        if row.id > LAST {
            counted.tally.contacts += 1;
            counted.parameter(files, &row.param, 'i');
        }
        Ok(())
    })?;
    let mut chats = HashSet::new();
    reader.each::<tables::Chat, Failure>(|row| {
        if row.id > LAST {
            counted.tally.chats += 1;
            chats.insert(row.id);
            if row.r#type != SINGLE {
                counted.parameter(files, &row.param, 'i');
            }
        }
        Ok(())
    })?;
    let mut messages = HashSet::new();
    reader.each::<tables::MessageFile, Failure>(|row| {
        if row.id > LAST && chats.contains(&row.chat_id) {
            counted.tally.messages += 1;
            messages.insert(row.id);
            counted.parameter(files, &row.param, 'f');
        }
        Ok(())
    })?;
    reader.each::<tables::UpdateOf, Failure>(|row| {
        counted.tally.updates += u32::from(messages.contains(&row.msg_id));
        Ok(())
    })?;
    let mut tally = counted.tally;
    tally.keys = number(older::fingerprints(reader)?.len()) + u32::from(older::own_key(reader)?.is_some());
    Ok((tally, counted.missing))
}

/// What there is of a profile here.
pub fn taken(view: &ReadTx, profile: ProfileId, blobs: &Blobs) -> Outcome<Tally> {
    let mut counted = Counted::default();
    counted.blob(blobs, &config::get(view, profile, key::SELFAVATAR)?.unwrap_or_default())?;
    for row in view.scan_prefix(&CONTACTS, &profile)? {
        let (_, record) = row?;
        counted.tally.contacts += 1;
        counted.blob(blobs, &record.avatar)?;
    }
    for row in view.scan_prefix(&CHATS, &profile)? {
        let (_, record) = row?;
        counted.tally.chats += 1;
        counted.blob(blobs, &record.avatar)?;
    }
    for row in view.scan_prefix(&MESSAGES, &profile)? {
        let (_, record) = row?;
        counted.tally.messages += 1;
        counted.blob(blobs, &record.blob)?;
    }
    let mut tally = counted.tally;
    tally.updates = number(view.scan_prefix(&APP_UPDATES, &profile)?.keys().count());
    tally.keys = number(view.scan_prefix(&CERTIFICATES, &profile)?.keys().count())
        + u32::from(view.get(&KEYS, &profile)?.is_some());
    Ok(tally)
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[derive(Default)]
struct Counted {
    tally: Tally,
    missing: u32,
}

impl Counted {
    fn add(&mut self, bytes: u64) {
        self.tally.files += 1;
        self.tally.file_bytes += bytes;
    }

    /// A file that a parameter of a row refers to.
    fn parameter(&mut self, files: &Files, params: &str, letter: char) {
        self.file(files, Params::parse(params).get(letter).unwrap_or_default());
    }

    /// A file that came, or one that was missing already.
    fn file(&mut self, files: &Files, reference: &str) {
        let (name, bytes) = files.of(reference);
        if !name.is_empty() {
            self.add(bytes);
        } else if !reference.is_empty() {
            self.missing += 1;
        }
    }

    /// A file of ours.
    fn blob(&mut self, blobs: &Blobs, name: &str) -> Outcome<()> {
        let Ok(name) = name.parse::<BlobName>() else { return Ok(()) };
        if let Some(bytes) = blobs.len(&name).map_err(Failure::file("attachments cannot be counted"))? {
            self.add(bytes);
        }
        Ok(())
    }
}
