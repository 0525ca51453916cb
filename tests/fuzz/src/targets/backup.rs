//! Backups: the container, the database in it, its rows, until they are a profile; and databases with a log beside them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use tokio::runtime::Runtime;
use volary_backup::archive::Archive;
use volary_backup::wal;
use volary_engine::backup::{self, Cancel};
use volary_engine::commands::process;
use volary_engine::ground::ids::ProfileId;
use volary_engine::state::{profiles, transports};
use volary_engine::testing::Desk;
use volary_storage::View as _;
use volary_storage::tables::MESSAGES;

/// Tables that rows are read from, with their columns: some that mean much, in the fewest words.
const TABLES: [(&str, &str); 12] = [
    ("config", "id INTEGER PRIMARY KEY, keyname, value"),
    (
        "contacts",
        "id INTEGER PRIMARY KEY, name, addr, origin, blocked, param, authname, status, fingerprint, verifier",
    ),
    (
        "chats",
        "id INTEGER PRIMARY KEY, type, name, blocked, grpid, param, archived, muted_until, ephemeral_timer",
    ),
    ("chats_contacts", "chat_id, contact_id, add_timestamp, remove_timestamp"),
    (
        "msgs",
        "id INTEGER PRIMARY KEY, rfc724_mid, chat_id, from_id, to_id, timestamp, type, state, txt, txt_raw, param, starred, \
         hidden, mime_headers, mime_compressed, mime_modified, mime_references, download_state, location_id, deleted",
    ),
    ("transports", "id INTEGER PRIMARY KEY, addr, entered_param, configured_param, add_timestamp"),
    ("keypairs", "id INTEGER PRIMARY KEY, private_key, public_key, is_default"),
    ("acpeerstates", "id INTEGER PRIMARY KEY, addr, prefer_encrypted, public_key, public_key_fingerprint"),
    ("msgs_status_updates", "id INTEGER PRIMARY KEY, msg_id, update_item, uid"),
    ("reactions", "msg_id, contact_id, reaction"),
    (
        "locations",
        "id INTEGER PRIMARY KEY, latitude, longitude, accuracy, timestamp, chat_id, from_id, independent",
    ),
    ("imap", "id INTEGER PRIMARY KEY, transport_id, rfc724_mid, folder, target, uid, uidvalidity"),
];
/// Values that mean something to a reader, beside those of the input.
const WORDS: [&str; 20] = [
    "dbversion",
    "backup_version",
    "169",
    "key_id",
    "configured",
    "configured_addr",
    "selfavatar",
    "$BLOBDIR/a.png",
    "f=$BLOBDIR/a.png",
    "S=6",
    "5=11\nE=bob@example.org",
    "I=1@x\nq=old",
    "M=1@x 2@x",
    "{\"waits\":true}",
    "displayname",
    "[{\"name\":\"a\"}]",
    "{\"payload\":1}",
    "INBOX",
    "a@example.org",
    "bcc_self",
];
/// Size of the pages of seeds: small, so that the fuzzer's changes hit something.
const PAGE: u32 = 512;

/// An engine whose profiles come and go.
struct Bench {
    runtime: Runtime,
    desk: Desk,
    around: BTreeSet<PathBuf>,
}

thread_local! {
    static BENCH: Bench = {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let desk = runtime.block_on(Desk::without_key());
        // The desk has made its own without a number being given out.
        runtime.block_on(process::add(&desk.db)).unwrap();
        let around = entries(desk.dir.path());
        Bench { runtime, desk, around }
    };
}

fn entries(folder: &Path) -> BTreeSet<PathBuf> {
    fs::read_dir(folder)
        .map_or_else(|_| BTreeSet::new(), |all| all.map(|entry| entry.unwrap().path()).collect())
}

/// Imports any bytes, and copies them as a database with a log.
pub fn run(data: &[u8]) {
    BENCH.with(|bench| bench.imports(data));
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("dc.db");
    let cut = data.len() / 2;
    for (content, log) in [(&data[..cut], &data[cut..]), (data, data)] {
        fs::write(&database, content).unwrap();
        fs::write(folder.path().join("dc.db-wal"), log).unwrap();
        let mut copy = Vec::new();
        let copied = wal::copy(&database, "", &mut copy, |_| Ok(()));
        assert!(copy.len() <= 2 * data.len() + (64 << 10) || copied.is_err());
    }
}

/// Imports a proper database whose values come from the input.
pub fn run_rows(data: &[u8]) {
    let database = with_rows(data);
    let mut archive = Archive::new(Vec::new());
    archive.database(&database[..], database.len() as u64).unwrap();
    archive.blob("a.png", &data[..data.len().min(64)], data.len().min(64) as u64).unwrap();
    let container = archive.finish().unwrap();
    BENCH.with(|bench| bench.imports(&container));
}

impl Bench {
    fn imports(&self, container: &[u8]) {
        let db = &self.desk.db;
        let profile = self.runtime.block_on(process::add(db)).unwrap();
        let folder = db.dir().join(db.look(|view| profiles::load(view, profile)).unwrap().unwrap().uuid);
        let length = container.len() as u64;
        let imported =
            backup::import(db, profile, &mut Cursor::new(container), length, "", &Cancel::default());
        match imported {
            Ok(()) => self.holds(profile, &folder, container.len()),
            Err(error) => {
                assert!(error.to_string().len() < 2_000, "{error}");
                assert!(!error.is_fault(), "{error}");
                assert!(!folder.exists(), "files are left of what was refused");
                assert!(db.look(|view| transports::all(view, profile)).unwrap().is_empty());
            }
        }
        assert!(db.look(profiles::manager).unwrap().importing.is_empty());
        self.runtime.block_on(async {
            self.desk.change(move |tx| Ok(profiles::leave(tx, profile)?)).await;
            process::finish_removals(db).await.unwrap();
        });
        assert_eq!(entries(db.dir()), self.around, "nothing is left outside of the folder of the profile");
        self.runtime.block_on(self.desk.events());
    }

    /// What was imported can be shown, and only attachments are in its folder.
    fn holds(&self, profile: ProfileId, folder: &Path, length: usize) {
        let mut bytes = 0;
        for entry in entries(folder) {
            assert!(entry.ends_with("dc.db-blobs"), "{entry:?}");
            for blob in entries(&entry) {
                let name = blob.file_name().unwrap().to_string_lossy().into_owned();
                assert!(name.parse::<volary_storage::BlobName>().is_ok(), "{name}");
                bytes += fs::metadata(&blob).unwrap().len();
            }
        }
        // Full views are decompressed.
        assert!(bytes <= 1_100 * length as u64 + (1 << 20), "{bytes} bytes of files from {length}");
        let shown = self.desk.db.look(|view| {
            let rows = view.scan_prefix(&MESSAGES, &profile)?;
            rows.map(|row| row.map(|(_, record)| record.text.len())).sum::<Result<usize, _>>()
        });
        assert!(shown.is_ok(), "{shown:?}");
    }
}

/// A database as old and small as it can be read, with values from the input.
fn with_rows(data: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("db");
    let connection = Connection::open(&file).unwrap();
    connection
        .execute_batch(&format!(
            "PRAGMA page_size={PAGE}; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN"
        ))
        .unwrap();
    let mut bytes = data.iter().copied();
    for (table, columns) in TABLES {
        connection.execute_batch(&format!("CREATE TABLE {table} ({columns})")).unwrap();
    }
    connection
        .execute_batch(
            "INSERT INTO config (keyname, value) VALUES ('dbversion', 169), ('key_id', 1), ('configured', 1);
             INSERT INTO contacts (id, addr) VALUES (10, 'a@example.org'), (11, 'b@example.org');
             INSERT INTO chats (id, type) VALUES (12, 100), (13, 120);
             INSERT INTO chats_contacts VALUES (12, 10, 0, 0), (13, 1, 0, 0), (13, 11, 0, 0);",
        )
        .unwrap();
    while let Some(choice) = bytes.next() {
        let (table, columns) = TABLES[usize::from(choice) % TABLES.len()];
        let count = columns.split(',').count();
        let values: Vec<Value> = (0..count).map(|_| value(&mut bytes)).collect();
        let places = vec!["?"; count].join(",");
        let sql = format!("INSERT OR REPLACE INTO {table} VALUES ({places})");
        // An id that is no number is refused.
        let _ = connection.prepare_cached(&sql).unwrap().execute(rusqlite::params_from_iter(values));
    }
    connection.execute_batch("COMMIT").unwrap();
    drop(connection);
    fs::read(&file).unwrap()
}

fn value(bytes: &mut impl Iterator<Item = u8>) -> Value {
    let mut next = || bytes.next().unwrap_or(0);
    match next() % 8 {
        0 => Value::Null,
        1 => Value::Integer((next() % 16).into()),
        2 => Value::Integer(i64::from_le_bytes(std::array::from_fn(|_| next()))),
        3 => Value::Real(f64::from_le_bytes(std::array::from_fn(|_| next()))),
        4 | 5 => Value::Text(WORDS[usize::from(next()) % WORDS.len()].to_owned()),
        6 => {
            let length = next() % 40;
            Value::Text((0..length).map(|_| char::from(next())).collect())
        }
        _ => {
            let length = next() % 40;
            Value::Blob((0..length).map(|_| next()).collect())
        }
    }
}

/// Containers with small databases, and parts of them.
pub fn seeds() -> Vec<Vec<u8>> {
    let database = with_rows(&seeds_rows()[1]);
    let packed = |blobs: &[&str]| {
        let mut archive = Archive::new(Vec::new());
        archive.database(&database[..], database.len() as u64).unwrap();
        for name in blobs {
            archive.blob(name, &b"content"[..], 7).unwrap();
        }
        archive.finish().unwrap()
    };
    vec![
        packed(&[]),
        packed(&["a.png", "b.txt"]),
        packed(&[&"long".repeat(40)]),
        database.clone(),
        with_log(),
    ]
}

/// A small database, and its own pages as a log behind it.
fn with_log() -> Vec<u8> {
    let mut both = with_rows(&[]);
    let pages = both.len() as u32 / PAGE;
    let mut log: Vec<u8> = Vec::new();
    let mut sums = [0u32; 2];
    let mut sum = |bytes: &[u8]| {
        for pair in bytes.chunks_exact(8) {
            for at in 0..2 {
                let word = u32::from_le_bytes(std::array::from_fn(|byte| pair[4 * at + byte]));
                sums[at] = sums[at].wrapping_add(word).wrapping_add(sums[1 - at]);
            }
        }
        sums
    };
    let head: Vec<u8> =
        [0x377f_0682, 3_007_000, PAGE, 0, 7, 8].into_iter().flat_map(u32::to_be_bytes).collect();
    let [one, two] = sum(&head);
    log.extend(head);
    log.extend([one, two].into_iter().flat_map(u32::to_be_bytes));
    for (number, page) in (1..).zip(both.chunks(PAGE as usize)) {
        let head: Vec<u8> = [number, if number == pages { pages } else { 0 }]
            .into_iter()
            .flat_map(u32::to_be_bytes)
            .collect();
        sum(&head);
        let [one, two] = sum(page);
        log.extend(head);
        log.extend([7, 8, one, two].into_iter().flat_map(u32::to_be_bytes));
        log.extend(page);
    }
    both.resize(log.len(), 0);
    both.extend(log);
    both
}

/// Rows of every table.
pub fn seeds_rows() -> Vec<Vec<u8>> {
    let every = (0..TABLES.len() as u8).flat_map(|table| {
        let columns = TABLES[usize::from(table)].1.split(',').count();
        let mut row = vec![table];
        for column in 0..columns {
            row.extend(if column == 0 {
                [1, 11]
            } else {
                [4, table.wrapping_mul(7).wrapping_add(column as u8)]
            });
        }
        row
    });
    let every: Vec<u8> = every.collect();
    let numbers: Vec<u8> = every.iter().map(|byte| byte.wrapping_mul(3)).collect();
    vec![Vec::new(), every, numbers]
}
