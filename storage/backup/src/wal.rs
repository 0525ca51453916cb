//! A database as a program left it on the disk: the file, and the log beside it with pages that are not in the file yet.
//!
//! Both are read and never written: SQLite itself would fold the log into the file. The form of the log is part of the
//! [file format](https://www.sqlite.org/fileformat2.html#walformat) of SQLite.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::BackupError;
use crate::cipher::{Decryption, PAGE, PLAIN_START};

/// Sizes of pages that SQLite knows.
const PAGES: std::ops::RangeInclusive<usize> = 512..=65_536;
const HEADER: usize = 32;
const FRAME: usize = 24;
/// The first bytes of a log, without the last bit: that says in which order bytes are summed up.
const MAGIC: u32 = 0x377f_0682;
const VERSION: u32 = 3_007_000;
/// First bytes of a journal that still has to be played back.
const JOURNAL: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
/// Where the header of a database says how it is journalled, and that it is not.
const JOURNALLED: std::ops::Range<usize> = 18..20;
const NOT_JOURNALLED: [u8; 2] = [1, 1];
/// Bytes are read in pieces of this size.
const PIECE: usize = 256 << 10;

/// The newest committed state of the pages in a log.
#[derive(Debug, Default)]
struct Log {
    /// Size of a page.
    page: usize,
    /// Where the content of a page begins.
    places: HashMap<u32, u64>,
    /// Pages of the database after the last commit.
    pages: u32,
}

/// A file whose name goes on after that of another.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Bytes of a database with its log.
pub fn length(database: &Path) -> io::Result<u64> {
    let log = match std::fs::metadata(beside(database, "-wal")) {
        Ok(log) => log.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(std::fs::metadata(database)?.len() + log)
}

/// Copies a database with what its log has, as one plain file without a log. `moved` is called with the bytes of each page
/// and may end the copy.
pub fn copy(
    database: &Path,
    passphrase: &str,
    out: &mut impl Write,
    mut moved: impl FnMut(u64) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    if is_hot(&beside(database, "-journal"))? {
        return Err(BackupError::Unfinished);
    }
    let mut file = BufReader::with_capacity(PIECE, File::open(database)?);
    let mut log = match File::open(beside(database, "-wal")) {
        Ok(log) => Some(BufReader::with_capacity(PIECE, log)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let known = match &mut log {
        Some(log) => Log::read(log)?,
        None => Log::default(),
    };
    let length = file.get_ref().metadata()?.len();
    let page = page_size(&mut file, passphrase, length, &known)?;
    let pages = match known.pages {
        0 => u32::try_from(length.div_ceil(page as u64)).map_err(|_| BackupError::NotADatabase)?,
        pages => pages,
    };
    let mut decryption = Decryption::new(passphrase);
    let mut buffer = vec![0; page];
    for number in 1..=pages {
        match (known.places.get(&number), &mut log) {
            (Some(place), Some(log)) => {
                log.seek(SeekFrom::Start(*place))?;
                log.read_exact(&mut buffer)?;
            }
            _ => {
                let place = u64::from(number - 1) * page as u64;
                if file.stream_position()? != place {
                    file.seek(SeekFrom::Start(place))?;
                }
                file.read_exact(&mut buffer).map_err(cut)?;
            }
        }
        if !passphrase.is_empty() {
            let page = <&mut [u8; PAGE]>::try_from(&mut buffer[..]).map_err(|_| BackupError::NotADatabase)?;
            decryption.page(number, page)?;
        }
        if number == 1 {
            buffer[JOURNALLED].copy_from_slice(&NOT_JOURNALLED);
        }
        out.write_all(&buffer)?;
        moved(page as u64)?;
    }
    Ok(())
}

/// A database that ends too early is none.
fn cut(error: io::Error) -> BackupError {
    if error.kind() == io::ErrorKind::UnexpectedEof { BackupError::NotADatabase } else { error.into() }
}

fn page_size(
    file: &mut (impl Read + Seek),
    passphrase: &str,
    length: u64,
    log: &Log,
) -> Result<usize, BackupError> {
    let page = if !passphrase.is_empty() {
        PAGE
    } else if length == 0 && log.page != 0 {
        log.page
    } else {
        let mut start = [0; 18];
        file.read_exact(&mut start).map_err(cut)?;
        file.rewind()?;
        if !start.starts_with(PLAIN_START) {
            return Err(BackupError::NotADatabase);
        }
        match u16::from_be_bytes([start[16], start[17]]) {
            1 => 65_536,
            page => page.into(),
        }
    };
    let fits = log.page == 0 || log.page == page;
    if fits && PAGES.contains(&page) && page.is_power_of_two() {
        Ok(page)
    } else {
        Err(BackupError::NotADatabase)
    }
}

/// Whether a journal holds pages that have to come back into the database.
fn is_hot(journal: &Path) -> io::Result<bool> {
    let mut start = [0; JOURNAL.len()];
    match File::open(journal).and_then(|mut file| file.read_exact(&mut start)) {
        Ok(()) => Ok(start == JOURNAL),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

impl Log {
    /// Reads a log up to its last commit. What is behind the first frame that does not fit was never committed, or is left
    /// from before the log was begun anew.
    fn read(from: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut found = Self::default();
        let mut header = [0; HEADER];
        if !filled(from, &mut header)? {
            return Ok(found);
        }
        let word = |at: usize, bytes: &[u8]| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let magic = word(0, &header);
        let page = word(8, &header) as usize;
        let mut sum = Sum { little: magic & 1 == 0, ..Sum::default() };
        sum.add(&header[..24]);
        let is_log = magic & !1 == MAGIC
            && word(4, &header) == VERSION
            && PAGES.contains(&page)
            && page.is_power_of_two()
            && (sum.one, sum.two) == (word(24, &header), word(28, &header));
        if !is_log {
            return Ok(found);
        }
        let mut buffer = vec![0; FRAME + page];
        let mut place = HEADER as u64;
        let mut uncommitted = Vec::new();
        while filled(from, &mut buffer)? {
            let number = word(0, &buffer);
            sum.add(&buffer[..8]);
            sum.add(&buffer[FRAME..]);
            let belongs = buffer[8..16] == header[16..24]
                && number != 0
                && (sum.one, sum.two) == (word(16, &buffer), word(20, &buffer));
            if !belongs {
                break;
            }
            uncommitted.push((number, place + FRAME as u64));
            place += buffer.len() as u64;
            let pages = word(4, &buffer);
            if pages != 0 {
                found.places.extend(uncommitted.drain(..));
                (found.page, found.pages) = (page, pages);
            }
        }
        Ok(found)
    }
}

/// Fills a buffer; false at the end of what is read.
fn filled(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// The checksum of a log, over pairs of words.
#[derive(Default)]
struct Sum {
    little: bool,
    one: u32,
    two: u32,
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        for pair in bytes.chunks_exact(8) {
            let word = |at: usize| {
                let bytes = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
                if self.little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }
            };
            self.one = self.one.wrapping_add(word(0)).wrapping_add(self.two);
            self.two = self.two.wrapping_add(word(4)).wrapping_add(self.one);
        }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::cipher;
    use crate::database::{Reader, Writer};
    use crate::tables::Config;

    /// A database with a log that is not folded in: other files than those of the connection that holds it open.
    fn left(dir: &Path) -> PathBuf {
        let live = dir.join("live.db");
        let connection = Connection::open(&live).unwrap();
        connection
            .execute_batch(
                "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;
                 CREATE TABLE config (id INTEGER PRIMARY KEY, keyname TEXT, value TEXT);
                 INSERT INTO config (keyname, value) VALUES ('a', 'first');
                 PRAGMA wal_checkpoint(TRUNCATE);
                 UPDATE config SET value = 'second';",
            )
            .unwrap();
        for number in 0..2_000 {
            connection
                .execute(
                    "INSERT INTO config (keyname, value) VALUES (?, hex(randomblob(20)))",
                    [format!("k{number}")],
                )
                .unwrap();
        }
        let database = dir.join("dc.db");
        std::fs::copy(&live, &database).unwrap();
        std::fs::copy(dir.join("live.db-wal"), dir.join("dc.db-wal")).unwrap();
        database
    }

    fn copied(database: &Path, passphrase: &str) -> Result<(Reader, tempfile::NamedTempFile), BackupError> {
        let mut out = tempfile::NamedTempFile::new()?;
        copy(database, passphrase, &mut out, |_| Ok(()))?;
        Ok((Reader::open(out.path())?, out))
    }

    #[test]
    fn what_is_only_in_the_log_is_read_and_nothing_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let database = left(dir.path());
        let before: Vec<_> =
            ["dc.db", "dc.db-wal"].map(|name| std::fs::read(dir.path().join(name)).unwrap()).into();
        assert_eq!(length(&database).unwrap(), (before[0].len() + before[1].len()) as u64);
        let (reader, _kept) = copied(&database, "").unwrap();
        assert_eq!(reader.config("a").unwrap().as_deref(), Some("second"));
        assert_eq!(reader.count("config").unwrap(), 2_001);
        assert!(reader.config("k1999").unwrap().is_some());
        let after: Vec<_> =
            ["dc.db", "dc.db-wal"].map(|name| std::fs::read(dir.path().join(name)).unwrap()).into();
        assert!(before == after);
        assert!(!dir.path().join("dc.db-shm").exists());
    }

    #[test]
    fn a_log_counts_up_to_its_last_whole_commit() {
        let dir = tempfile::tempdir().unwrap();
        let database = left(dir.path());
        let log = dir.path().join("dc.db-wal");
        let whole = std::fs::read(&log).unwrap();
        let mut counts = Vec::new();
        for cut in [0, 20, HEADER, HEADER + FRAME, whole.len() / 3, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&log, &whole[..cut]).unwrap();
            counts.push(copied(&database, "").unwrap().0.count("config").unwrap());
        }
        assert_eq!(counts[..4], [1, 1, 1, 1]);
        assert!(counts.is_sorted() && counts[4] > 1 && counts[6] == 2_000, "{counts:?}");
        let mut damaged = whole.clone();
        damaged[whole.len() / 2] ^= 1;
        std::fs::write(&log, &damaged).unwrap();
        let (reader, _kept) = copied(&database, "").unwrap();
        assert!((1..2_000).contains(&reader.count("config").unwrap()));
    }

    #[test]
    fn pages_of_an_encrypted_log_are_decrypted() {
        let dir = tempfile::tempdir().unwrap();
        let plain = |value: &str| {
            let path = dir.path().join("plain.db");
            let mut writer = Writer::create(&path).unwrap();
            writer.add(&Config { keyname: "a".to_owned(), value: value.to_owned() }).unwrap();
            writer.finish().unwrap();
            let mut encrypted = Vec::new();
            cipher::encrypt(&mut &std::fs::read(&path).unwrap()[..], "secret", &mut encrypted).unwrap();
            encrypted
        };
        let database = dir.path().join("dc.db");
        std::fs::write(&database, plain("first")).unwrap();
        assert_eq!(copied(&database, "secret").unwrap().0.config("a").unwrap().as_deref(), Some("first"));
        for wrong in ["", "wrong"] {
            assert!(matches!(copied(&database, wrong), Err(BackupError::NotADatabase)));
        }
        // All pages of another state, as one commit of a log.
        let newer = plain("second");
        let mut log = Vec::new();
        let mut sum = Sum { little: true, ..Sum::default() };
        let mut put = |log: &mut Vec<u8>, words: &[u32], content: &[u8], counted: usize| {
            let head: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            sum.add(&head[..counted]);
            sum.add(content);
            log.extend(head);
            log.extend(sum.one.to_be_bytes());
            log.extend(sum.two.to_be_bytes());
            log.extend(content);
        };
        put(&mut log, &[MAGIC, VERSION, PAGE as u32, 0, 7, 8], &[], 24);
        let pages = (newer.len() / PAGE) as u32;
        for (number, page) in (1..).zip(newer.chunks(PAGE)) {
            put(&mut log, &[number, if number == pages { pages } else { 0 }, 7, 8], page, 8);
        }
        std::fs::write(dir.path().join("dc.db-wal"), log).unwrap();
        assert_eq!(copied(&database, "secret").unwrap().0.config("a").unwrap().as_deref(), Some("second"));
    }

    #[test]
    fn a_database_with_a_journal_to_play_back_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let database = left(dir.path());
        std::fs::write(dir.path().join("dc.db-journal"), [&JOURNAL[..], &[0; 600]].concat()).unwrap();
        assert!(matches!(copied(&database, ""), Err(BackupError::Unfinished)));
        std::fs::write(dir.path().join("dc.db-journal"), [0; 600]).unwrap();
        assert!(copied(&database, "").is_ok());
    }
}
