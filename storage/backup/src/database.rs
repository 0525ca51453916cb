//! The database of a backup: made from nothing, or opened as somebody left it.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params_from_iter};

use crate::BackupError;
use crate::cipher::{PAGE, PLAIN_START, RESERVED};
use crate::reserved;
use crate::tables::{Config, Row};

/// Version of the tables that are written.
pub const SCHEMA: i64 = 169;
/// Version of backups that is written, and the greatest that is read.
pub const VERSION: i64 = 5;
/// What a database without a version is.
const OLDEST: i64 = 2;
/// The oldest tables that can be read, those of 2022.
pub const OLDEST_SCHEMA: i64 = 90;
/// Memory for pages of the database, in KiB.
const CACHE_KIB: u32 = 4096;

/// A database that is being written.
pub struct Writer {
    connection: Connection,
}

impl Writer {
    /// Makes a database with all tables and the rows that chatmail core expects in them. What was in the file is lost.
    ///
    /// Its pages have room at their end, so that it can be encrypted.
    pub fn create(path: &Path) -> Result<Self, BackupError> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(&empty_page())?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.execute_batch(&format!(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-{CACHE_KIB}; PRAGMA foreign_keys=OFF;
             PRAGMA temp_store=FILE; BEGIN"
        ))?;
        connection.execute_batch(include_str!("schema.sql"))?;
        let mut writer = Self { connection };
        reserved::write(&mut writer)?;
        Ok(writer)
    }

    /// Adds a row.
    pub fn add<R: Row>(&mut self, row: &R) -> Result<(), BackupError> {
        let columns: Vec<&str> = R::COLUMNS.iter().map(|column| plain(column)).collect();
        let places = vec!["?"; columns.len()].join(",");
        let sql = format!("INSERT OR REPLACE INTO {} ({}) VALUES ({places})", R::TABLE, columns.join(","));
        self.connection.prepare_cached(&sql)?.execute(params_from_iter(row.values()))?;
        Ok(())
    }

    /// Sets a setting.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), BackupError> {
        self.add(&Config { keyname: name.to_owned(), value: value.into() })
    }

    /// Writes what is left, with the versions, and closes the file.
    pub fn finish(mut self) -> Result<(), BackupError> {
        self.set("dbversion", SCHEMA.to_string())?;
        self.set("backup_version", VERSION.to_string())?;
        self.connection.execute_batch("COMMIT")?;
        self.connection.close().map_err(|(_, error)| error)?;
        Ok(())
    }

    pub(crate) fn execute(&mut self, sql: &str) -> Result<(), BackupError> {
        Ok(self.connection.execute_batch(sql)?)
    }
}

/// The only page of an empty database with room at the end of each page. SQLite keeps to the room that it finds.
fn empty_page() -> [u8; PAGE] {
    let mut page = [0; PAGE];
    let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, PLAIN_START);
    put(16, &(PAGE as u16).to_be_bytes());
    // Format 1 for writing and reading, the room, and three fractions that never change.
    put(18, &[1, 1, RESERVED as u8, 64, 32, 32]);
    // Counter of changes, number of pages.
    put(24, &1u32.to_be_bytes());
    put(28, &1u32.to_be_bytes());
    // Format of the schema, UTF-8.
    put(44, &4u32.to_be_bytes());
    put(56, &1u32.to_be_bytes());
    put(92, &1u32.to_be_bytes());
    // The root of the schema: an empty leaf, whose cells will grow down from the room.
    put(100, &[0x0d]);
    put(105, &((PAGE - RESERVED) as u16).to_be_bytes());
    page
}

/// A database that is read. Tables and columns that are not known are passed over, missing ones are empty.
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens a plain database.
    pub fn open(path: &Path) -> Result<Self, BackupError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.execute_batch(&format!(
            "PRAGMA cache_size=-{CACHE_KIB}; PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA cell_size_check=ON"
        ))?;
        let reader = Self { connection };
        // Nothing is read until now.
        reader.connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0))?;
        Ok(reader)
    }

    /// The value of a setting.
    pub fn config(&self, name: &str) -> Result<Option<String>, BackupError> {
        let value = self
            .connection
            .prepare("SELECT value FROM config WHERE keyname=?")?
            .query_row([name], |row| Ok(<String as crate::column::Column>::read(row.get_ref(0)?)));
        Ok(value.optional()?)
    }

    fn number(&self, name: &str) -> Result<Option<i64>, BackupError> {
        Ok(self.config(name)?.and_then(|text| text.trim().parse().ok()))
    }

    /// Version of the backup.
    pub fn version(&self) -> Result<i64, BackupError> {
        Ok(self.number("backup_version")?.unwrap_or(OLDEST))
    }

    /// Version of the tables.
    pub fn schema(&self) -> Result<i64, BackupError> {
        Ok(self.number("dbversion")?.unwrap_or(0))
    }

    /// Up to `limit` rows behind a row, in the order of their row ids, each with its id; none if there is no such table.
    pub fn rows<R: Row>(&self, after: i64, limit: u32) -> Result<Vec<(i64, R)>, BackupError> {
        let present = self.columns(R::TABLE)?;
        if present.is_empty() {
            return Ok(Vec::new());
        }
        let columns: Vec<&str> = R::COLUMNS
            .iter()
            .map(|column| plain(column))
            .map(|column| if present.iter().any(|known| known == column) { column } else { "NULL" })
            .collect();
        let sql = format!(
            "SELECT rowid,{} FROM {} WHERE rowid>? ORDER BY rowid LIMIT {limit}",
            columns.join(","),
            R::TABLE
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let found = statement.query_map([after], |row| Ok((row.get(0)?, R::read(row, 1)?)))?;
        Ok(found.collect::<Result<_, _>>()?)
    }

    /// Reads a table row by row.
    pub fn each<R: Row, E: From<BackupError>>(
        &self,
        mut take: impl FnMut(R) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut after = i64::MIN;
        loop {
            let found = self.rows::<R>(after, 500)?;
            let Some((last, _)) = found.last() else { return Ok(()) };
            after = *last;
            for (_, row) in found {
                take(row)?;
            }
        }
    }

    /// Whether a table is there and has a column.
    pub fn has(&self, table: &str, column: &str) -> Result<bool, BackupError> {
        Ok(self.columns(table)?.iter().any(|known| known == column))
    }

    /// How many rows a table has; 0 if there is no such table.
    pub fn count(&self, table: &str) -> Result<i64, BackupError> {
        if self.columns(table)?.is_empty() {
            return Ok(0);
        }
        Ok(self
            .connection
            .query_row(&format!("SELECT count(*) FROM {}", quoted(table)), [], |row| row.get(0))?)
    }

    /// The greatest id in a table; 0 if there is none.
    pub fn greatest_id(&self, table: &str) -> Result<i64, BackupError> {
        if !self.columns(table)?.iter().any(|column| column == "id") {
            return Ok(0);
        }
        let sql = format!("SELECT coalesce(max(id),0) FROM {}", quoted(table));
        Ok(self.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    fn columns(&self, table: &str) -> Result<Vec<String>, BackupError> {
        // A view under the name of a table could compute for ever.
        let sql = "SELECT name FROM pragma_table_info(?1) WHERE EXISTS \
                   (SELECT 1 FROM sqlite_schema WHERE type='table' AND rootpage>0 AND name=?1)";
        let mut statement = self.connection.prepare_cached(sql)?;
        let names = statement.query_map([table], |row| row.get(0))?;
        Ok(names.collect::<Result<_, _>>()?)
    }
}

/// The name of a column without the mark of a field whose name is a word of the language.
fn plain(column: &str) -> &str {
    column.strip_prefix("r#").unwrap_or(column)
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cipher;
    use crate::tables::{Chat, Contact, Message};

    fn message(id: i64, text: &str) -> Message {
        Message { id, rfc724_mid: format!("{id}@x"), chat_id: 12, txt: text.to_owned(), ..Default::default() }
    }

    #[test]
    fn rows_come_back_and_every_page_has_room_for_the_codes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut writer = Writer::create(&path).unwrap();
        let long = "long ".repeat(10_000);
        for id in 10..1_500 {
            writer.add(&message(id, if id % 100 == 0 { &long } else { "short" })).unwrap();
        }
        writer.set("ui.x", "y").unwrap();
        writer.finish().unwrap();
        let plain = std::fs::read(&path).unwrap();
        assert_eq!((plain.len() % PAGE, plain[20]), (0, RESERVED as u8));
        assert!(plain.chunks(PAGE).all(|page| page[PAGE - RESERVED..].iter().all(|byte| *byte == 0)));

        let (mut encrypted, mut decrypted) = (Vec::new(), Vec::new());
        cipher::encrypt(&mut &plain[..], "secret", &mut encrypted).unwrap();
        cipher::decrypt(&mut &encrypted[..], "secret", &mut decrypted).unwrap();
        let copy = dir.path().join("copy");
        std::fs::write(&copy, &decrypted).unwrap();
        let reader = Reader::open(&copy).unwrap();
        assert_eq!((reader.version().unwrap(), reader.schema().unwrap()), (VERSION, SCHEMA));
        assert_eq!(reader.config("ui.x").unwrap().as_deref(), Some("y"));
        assert_eq!(reader.greatest_id("msgs").unwrap(), 1_499);
        let mut next = 10;
        reader
            .each::<Message, BackupError>(|row| {
                if row.id > 9 {
                    assert_eq!(row, message(next, if next % 100 == 0 { &long } else { "short" }));
                    next += 1;
                }
                Ok(())
            })
            .unwrap();
        assert_eq!(next, 1_500);
        let check: String =
            reader.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(check, "ok");
    }

    #[test]
    fn reserved_rows_are_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        Writer::create(&path).unwrap().finish().unwrap();
        let reader = Reader::open(&path).unwrap();
        let contacts = reader.rows::<Contact>(0, 100).unwrap();
        let names: Vec<&str> = contacts.iter().map(|(_, row)| row.name.as_str()).collect();
        assert_eq!(names, ["self", "info", "rsvd", "rsvd", "device", "rsvd", "rsvd", "rsvd", "rsvd"]);
        assert!(contacts.iter().all(|(_, row)| row.origin == 262_144));
        let chats = reader.rows::<Chat>(0, 100).unwrap();
        assert_eq!((chats.len(), chats[2].1.name.as_str(), chats[2].1.r#type), (9, "trash", 120));
        assert_eq!(reader.count("msgs").unwrap(), 9);
        assert_eq!(reader.count("no_such_table").unwrap(), 0);
    }

    #[test]
    fn other_tables_are_read_as_far_as_they_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE config (id INTEGER PRIMARY KEY, keyname TEXT, value TEXT, later TEXT);
                 INSERT INTO config (keyname, value) VALUES ('dbversion', 999), ('a', NULL);
                 CREATE TABLE contacts (id INTEGER PRIMARY KEY, name TEXT, addr BLOB);
                 INSERT INTO contacts VALUES (10, NULL, x'ff41'), (11, 7, 'b@x');",
            )
            .unwrap();
        drop(connection);
        let reader = Reader::open(&path).unwrap();
        assert_eq!((reader.version().unwrap(), reader.schema().unwrap()), (2, 999));
        let contacts = reader.rows::<Contact>(0, 100).unwrap();
        assert_eq!((contacts[0].1.name.as_str(), contacts[0].1.addr.as_str()), ("", "\u{fffd}A"));
        assert_eq!((contacts[1].1.name.as_str(), contacts[1].1.origin), ("7", 0));
        assert!(reader.rows::<Chat>(0, 100).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        std::fs::write(&path, [7; 8192]).unwrap();
        assert!(matches!(Reader::open(&path), Err(BackupError::NotADatabase)));
    }
}
