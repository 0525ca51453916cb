//! The schema version of a database, and how an older one becomes the current one.
//!
//! The version counts changes that prost and versioned table names cannot absorb. Migrations only go forward, one
//! version at a time, all within one durable commit: either the file is current afterwards or it is as before.

use std::path::Path;
use std::time::Instant;

use redb::{Database, Durability};

use crate::error::{OpenError, StoreError};
use crate::file::store_error;
use crate::records::{MessageState, TimeRecord};
use crate::table::{Raw, Table};
use crate::tables::{
    DEADLINES, MEDIA, MESSAGES, OUTBOX, OUTBOX_BY_MESSAGE, PROFILES, SEARCH_INDEX_DUE, SINGLE_DEADLINES,
    UNTIMED,
};
use crate::view::{View, shielded};
use crate::write_tx::WriteTx;
use crate::{MessageId, ProfileId};

/// The schema version that this build writes.
pub const SCHEMA_VERSION: u32 = 3;

/// Facts about the database itself, by name.
const META: Table<String, Raw> = Table::new("meta.v1");
/// The schema version, big-endian. A file without it has version 0.
const VERSION: &str = "schema-version";

/// One step: from the version before to [`to`](Self::to).
struct Migration {
    to: u32,
    run: fn(&mut WriteTx<'_>) -> Result<(), StoreError>,
}

/// All steps, in order.
const MIGRATIONS: &[Migration] = &[
    // Before version 1 there was no version; its rows are those of version 1.
    Migration { to: 1, run: |_| Ok(()) },
    Migration { to: 2, run: index_queue_and_timers },
    Migration { to: 3, run: index_media_and_texts },
];

fn profiles(tx: &WriteTx<'_>) -> Result<Vec<ProfileId>, StoreError> {
    tx.scan_prefix(&PROFILES, &())?.keys().collect()
}

/// What a step does with one profile.
type StepOfProfile = fn(&mut WriteTx<'_>, ProfileId) -> Result<(), StoreError>;

/// What the steps do with each profile, for profiles that come from a backup.
const STEPS_OF_PROFILE: &[(u32, StepOfProfile)] =
    &[(2, index_queue_and_timers_of), (3, index_media_and_texts_of)];

impl WriteTx<'_> {
    /// Brings the rows of one profile, which are of schema version `found`, up to date.
    pub fn migrate_profile(&mut self, profile: ProfileId, found: u32) -> Result<(), StoreError> {
        STEPS_OF_PROFILE.iter().filter(|(to, _)| *to > found).try_for_each(|(_, step)| step(self, profile))
    }
}

fn index_media_and_texts(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    profiles(tx)?.into_iter().try_for_each(|profile| index_media_and_texts_of(tx, profile))
}

/// Builds the index of messages that are more than text. The index of texts takes longer and is made afterwards, in the
/// background: the engine finds that it is due.
fn index_media_and_texts_of(tx: &mut WriteTx<'_>, profile: ProfileId) -> Result<(), StoreError> {
    let mut media = Vec::new();
    for row in tx.scan_prefix(&MESSAGES, &profile)? {
        let ((_, id), message) = row?;
        let listed = !message.hidden && message.state != MessageState::OutDraft;
        if listed && message.view_type.is_media() {
            media.push((profile, message.view_type.number(), message.chat, message.sort, id));
        }
    }
    for key in media {
        tx.set(&MEDIA, &key)?;
    }
    tx.set(&DEADLINES, &(0, profile, SEARCH_INDEX_DUE, 0))?;
    tx.put(&SINGLE_DEADLINES, &(profile, SEARCH_INDEX_DUE, 0), &TimeRecord { time: 0 })?;
    Ok(())
}

fn index_queue_and_timers(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
    profiles(tx)?.into_iter().try_for_each(|profile| index_queue_and_timers_of(tx, profile))
}

/// Builds the indexes of the send queue by message and of messages whose timer does not run yet.
fn index_queue_and_timers_of(tx: &mut WriteTx<'_>, profile: ProfileId) -> Result<(), StoreError> {
    let queued: Vec<(MessageId, u64)> = tx
        .scan_prefix(&OUTBOX, &profile)?
        .map(|row| row.map(|((_, sequence), job)| (job.message, sequence)))
        .collect::<Result<_, _>>()?;
    for (message, sequence) in queued {
        tx.set(&OUTBOX_BY_MESSAGE, &(profile, message, sequence))?;
    }
    let mut untimed = Vec::new();
    for row in tx.scan_prefix(&MESSAGES, &profile)? {
        let ((_, id), message) = row?;
        let listed = !message.hidden && message.state != MessageState::OutDraft;
        if listed && message.ephemeral_timer != 0 && message.expires == 0 {
            untimed.push((profile, message.chat, id));
        }
    }
    for key in untimed {
        tx.set(&UNTIMED, &key)?;
    }
    Ok(())
}

/// Writes the version into a new file, migrates an older one, refuses a newer one.
pub(crate) fn bring_up_to_date(database: &mut Database, path: &Path, new: bool) -> Result<(), OpenError> {
    let migrations = if new { &[] } else { MIGRATIONS };
    migrate(database, path, SCHEMA_VERSION, migrations)
}

fn migrate(
    database: &mut Database,
    path: &Path,
    current: u32,
    migrations: &[Migration],
) -> Result<(), OpenError> {
    let told = |error| store_error(path, error);
    let mut transaction = shielded(|| database.begin_write()).map_err(told)?;
    shielded(|| transaction.set_durability(Durability::Immediate)).map_err(told)?;
    let mut tx = WriteTx::new(&transaction).map_err(told)?;
    let found = version(&tx).map_err(told)?;
    if found > current {
        return Err(OpenError::NewerSchema { path: path.to_owned(), found, known: current });
    }
    if found == current {
        return Ok(());
    }
    let begun = Instant::now();
    for migration in migrations.iter().filter(|migration| migration.to > found) {
        tracing::info!(path = %path.display(), found, to = migration.to, "migrating the database");
        (migration.run)(&mut tx).map_err(|source| OpenError::Migration {
            path: path.to_owned(),
            to: migration.to,
            source,
        })?;
        tx.keep();
    }
    tx.put(&META, &VERSION, &Raw(current.to_be_bytes().to_vec())).map_err(told)?;
    tx.finish();
    shielded(|| transaction.commit()).map_err(told)?;
    if !migrations.is_empty() {
        let ms = begun.elapsed().as_millis();
        tracing::info!(path = %path.display(), schema = current, ms, "the database is migrated");
    }
    Ok(())
}

fn version(view: &impl View) -> Result<u32, StoreError> {
    let Some(Raw(bytes)) = view.get(&META, &VERSION)? else { return Ok(0) };
    let bytes = bytes.try_into().map_err(|_| StoreError::Row { table: META.name(), part: "value" })?;
    Ok(u32::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use redb::ReadableDatabase;

    use super::*;
    use crate::store::{FILE_NAME, Options, Store};
    use crate::view::ReadTx;

    const OLD: Table<(u32, String), Raw> = Table::new("greetings.v1");
    const NEW: Table<(u32, u32), Raw> = Table::new("greetings.v2");

    /// A database from before there were versions, with two rows.
    fn version_zero() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        let database = Database::create(&path).unwrap();
        change(&database, |tx| {
            tx.put(&OLD, &(1, "hello"), &Raw(b"one".to_vec()))?;
            tx.put(&OLD, &(2, "hi"), &Raw(b"two".to_vec()))
        });
        (dir, path)
    }

    fn change(database: &Database, job: impl FnOnce(&mut WriteTx<'_>) -> Result<(), StoreError>) {
        let transaction = database.begin_write().unwrap();
        let mut tx = WriteTx::new(&transaction).unwrap();
        job(&mut tx).unwrap();
        drop(tx);
        transaction.commit().unwrap();
    }

    fn snapshot(database: &Database) -> ReadTx {
        ReadTx::new(database.begin_read().unwrap()).unwrap()
    }

    fn lengths_as_keys(tx: &mut WriteTx<'_>) -> Result<(), StoreError> {
        for profile in 1..=2 {
            let rows: Vec<_> = tx.scan_prefix(&OLD, &profile)?.collect::<Result<_, _>>()?;
            for ((_, text), value) in rows {
                tx.put(&NEW, &(profile, text.len() as u32), &value)?;
            }
            tx.remove_prefix(&OLD, &profile)?;
        }
        Ok(())
    }

    const STEPS: &[Migration] = &[
        Migration { to: 1, run: lengths_as_keys },
        Migration { to: 2, run: |tx| tx.put(&NEW, &(3, 0), &Raw(vec![])) },
    ];

    #[test]
    fn a_new_database_has_the_current_version() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        assert_eq!(store.read(version).unwrap(), SCHEMA_VERSION);
    }

    #[test]
    fn a_database_without_version_becomes_current_and_keeps_its_rows() {
        let (dir, _) = version_zero();
        let store = Store::open(dir.path(), Options::default()).unwrap();
        store
            .read::<_, StoreError>(|tx| {
                assert_eq!(version(tx)?, SCHEMA_VERSION);
                assert_eq!(tx.get(&OLD, &(1, "hello"))?, Some(Raw(b"one".to_vec())));
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn rows_are_migrated_step_by_step_and_once() {
        let (_dir, path) = version_zero();
        let mut database = Database::open(&path).unwrap();
        for (current, rows) in [(1, 0), (2, 1), (2, 1)] {
            migrate(&mut database, &path, current, &STEPS[..current as usize]).unwrap();
            let tx = snapshot(&database);
            assert_eq!(version(&tx).unwrap(), current);
            assert_eq!(tx.get(&NEW, &(1, 5)).unwrap(), Some(Raw(b"one".to_vec())));
            assert_eq!(tx.get(&NEW, &(2, 2)).unwrap(), Some(Raw(b"two".to_vec())));
            assert_eq!(tx.count_prefix(&OLD, &1).unwrap(), 0);
            assert_eq!(tx.count_prefix(&NEW, &3).unwrap(), rows);
        }
    }

    const PROFILE: ProfileId = ProfileId::new(7);

    #[test]
    fn version_two_indexes_the_send_queue_and_timers_that_do_not_run_yet() {
        use crate::ChatId;
        use crate::records::{MessageRecord, OutboxRecord, ProfileRecord};
        let (_dir, path) = version_zero();
        let mut database = Database::open(&path).unwrap();
        change(&database, |tx| {
            tx.put(&PROFILES, &PROFILE, &ProfileRecord::default())?;
            tx.put(
                &OUTBOX,
                &(PROFILE, 3),
                &OutboxRecord { message: MessageId::new(12), ..Default::default() },
            )?;
            let timed = MessageRecord { chat: ChatId::new(10), ephemeral_timer: 60, ..Default::default() };
            tx.put(
                &MESSAGES,
                &(PROFILE, MessageId::new(12)),
                &MessageRecord { expires: 5, ..timed.clone() },
            )?;
            tx.put(
                &MESSAGES,
                &(PROFILE, MessageId::new(13)),
                &MessageRecord { hidden: true, ..timed.clone() },
            )?;
            tx.put(&MESSAGES, &(PROFILE, MessageId::new(14)), &timed)?;
            tx.put(
                &MESSAGES,
                &(PROFILE, MessageId::new(15)),
                &MessageRecord { chat: ChatId::new(10), ..Default::default() },
            )
        });
        migrate(&mut database, &path, 2, MIGRATIONS).unwrap();
        let tx = snapshot(&database);
        assert!(tx.contains(&OUTBOX_BY_MESSAGE, &(PROFILE, MessageId::new(12), 3)).unwrap());
        let untimed: Vec<_> =
            tx.scan_prefix(&UNTIMED, &PROFILE).unwrap().keys().map(Result::unwrap).collect();
        assert_eq!(untimed, [(PROFILE, ChatId::new(10), MessageId::new(14))]);
    }

    #[test]
    fn version_three_indexes_media_and_makes_the_index_of_texts_due() {
        use crate::ChatId;
        use crate::records::{MessageRecord, ProfileRecord, ViewType};
        let (_dir, path) = version_zero();
        let mut database = Database::open(&path).unwrap();
        change(&database, |tx| {
            tx.put(&PROFILES, &PROFILE, &ProfileRecord::default())?;
            let picture = MessageRecord {
                chat: ChatId::new(10),
                view_type: ViewType::Image,
                sort: 7,
                ..Default::default()
            };
            let text = MessageRecord { view_type: ViewType::Text, ..picture.clone() };
            let hidden = MessageRecord { hidden: true, ..picture.clone() };
            for (id, message) in [(12, picture), (13, text), (14, hidden)] {
                tx.put(&MESSAGES, &(PROFILE, MessageId::new(id)), &message)?;
            }
            Ok(())
        });
        migrate(&mut database, &path, 3, MIGRATIONS).unwrap();
        let tx = snapshot(&database);
        let media: Vec<_> = tx.scan_prefix(&MEDIA, &PROFILE).unwrap().keys().map(Result::unwrap).collect();
        assert_eq!(media, [(PROFILE, 20, ChatId::new(10), 7, MessageId::new(12))]);
        assert!(tx.contains(&DEADLINES, &(0, PROFILE, SEARCH_INDEX_DUE, 0)).unwrap());
        assert!(tx.contains(&SINGLE_DEADLINES, &(PROFILE, SEARCH_INDEX_DUE, 0)).unwrap());
    }

    #[test]
    fn every_step_that_changes_profiles_is_there_for_one_of_them() {
        let steps: Vec<u32> = STEPS_OF_PROFILE.iter().map(|(to, _)| *to).collect();
        let all: Vec<u32> = MIGRATIONS.iter().map(|migration| migration.to).filter(|to| *to > 1).collect();
        assert_eq!((steps, all.last()), (all.clone(), Some(&SCHEMA_VERSION)));
    }

    #[test]
    fn a_failing_step_leaves_the_file_as_it_was() {
        let (_dir, path) = version_zero();
        let mut database = Database::open(&path).unwrap();
        let steps = [
            Migration { to: 1, run: lengths_as_keys },
            Migration { to: 2, run: |_| Err(StoreError::Row { table: "greetings.v2", part: "key" }) },
        ];
        let error = migrate(&mut database, &path, 2, &steps).unwrap_err();
        assert!(matches!(error, OpenError::Migration { to: 2, .. }), "{error}");
        let tx = snapshot(&database);
        assert_eq!(version(&tx).unwrap(), 0);
        assert!(tx.contains(&OLD, &(1, "hello")).unwrap());
        assert_eq!(tx.count_prefix(&NEW, &1).unwrap(), 0);
    }

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let (dir, path) = version_zero();
        let database = Database::open(&path).unwrap();
        change(&database, |tx| tx.put(&META, &VERSION, &Raw(99u32.to_be_bytes().to_vec())));
        drop(database);
        let error = Store::open(dir.path(), Options::default()).unwrap_err();
        assert!(matches!(error, OpenError::NewerSchema { found: 99, known: SCHEMA_VERSION, .. }), "{error}");
        let tx = snapshot(&Database::open(&path).unwrap());
        assert_eq!(version(&tx).unwrap(), 99);
    }
}
