//! The container: a tar stream with the database first and the attachments behind it.
//!
//! It is written and read as a stream, so that a backup of any size takes no memory and can come over a network.

use std::io::{self, Read, Write};

use crate::BackupError;

/// Name of the database in the container.
pub const DATABASE: &str = "dc_database_backup.sqlite";
/// Folder of the attachments in the container.
const BLOBS: &str = "blobs_backup/$BLOBDIR";
/// Longest name of an entry, and of what else describes it.
const MAX_NAME: u64 = 64 << 10;
/// Bytes are copied in pieces of this size.
const PIECE: usize = 64 << 10;
/// Size of a header, and what the content of an entry is filled up to.
const BLOCK: u64 = 512;

/// Bytes of the container for a database and attachments of these sizes.
pub fn length(database: u64, blobs: impl IntoIterator<Item = u64>) -> u64 {
    let entry = |bytes: u64| BLOCK + bytes.div_ceil(BLOCK) * BLOCK;
    blobs.into_iter().map(entry).sum::<u64>() + entry(database) + 2 * BLOCK
}

/// Writes a container.
pub struct Archive<W: Write> {
    tar: tar::Builder<W>,
}

impl<W: Write> Archive<W> {
    /// Begins one.
    pub fn new(out: W) -> Self {
        Self { tar: tar::Builder::new(out) }
    }

    /// Adds the database, of `length` bytes.
    pub fn database(&mut self, content: impl Read, length: u64) -> io::Result<()> {
        self.add(DATABASE, content, length)
    }

    /// Adds an attachment, of `length` bytes.
    pub fn blob(&mut self, name: &str, content: impl Read, length: u64) -> io::Result<()> {
        self.add(&format!("{BLOBS}/{name}"), content, length)
    }

    fn add(&mut self, path: &str, content: impl Read, length: u64) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(length);
        header.set_mode(0o644);
        header.set_entry_type(tar::EntryType::Regular);
        let mut content = Exactly { content, left: length };
        self.tar.append_data(&mut header, path, &mut content)
    }

    /// Ends it.
    pub fn finish(self) -> io::Result<W> {
        self.tar.into_inner()
    }
}

/// Gives exactly the bytes that were announced, or fails: a file that became shorter would shift all that follow.
struct Exactly<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.content.read(&mut buffer[..wanted])?;
        if count == 0 && wanted > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// What an entry of a container is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// The database.
    Database,
    /// An attachment, by the name that rows refer to it with.
    Blob(String),
}

/// Reads a container to its end and hands over its parts in the order in which they come. Links, devices, folders and
/// entries whose names lead elsewhere are passed over.
pub fn unpack(
    from: impl Read,
    mut take: impl FnMut(Part, &mut dyn Read) -> Result<(), BackupError>,
) -> Result<(), BackupError> {
    let mut archive = tar::Archive::new(from);
    let mut found = false;
    let mut long_name = None;
    // Names of any length would be read into memory by the library.
    for entry in archive.entries().map_err(BackupError::Entry)?.raw(true) {
        let mut entry = entry.map_err(BackupError::Entry)?;
        let kind = entry.header().entry_type();
        if kind.is_gnu_longname() {
            long_name = Some(described(&mut entry)?);
            continue;
        }
        if kind.is_pax_local_extensions() {
            long_name = path_of(&described(&mut entry)?).or(long_name);
            continue;
        }
        let path = long_name.take();
        if !kind.is_file() {
            continue;
        }
        let path = path.unwrap_or_else(|| entry.path_bytes().into_owned());
        match std::str::from_utf8(&path).ok().and_then(part_of) {
            Some(Part::Database) if found => {}
            Some(part) => {
                found |= part == Part::Database;
                let left = entry.size();
                let mut whole = Whole { content: &mut entry, left, failed: None };
                let taken = take(part, &mut whole);
                if let Some(error) = whole.failed {
                    return Err(BackupError::Unpack(error));
                }
                taken?;
                drain(&mut whole).map_err(BackupError::Unpack)?;
            }
            None => {}
        }
    }
    if found { Ok(()) } else { Err(BackupError::NoDatabase) }
}

/// The content of an entry that describes the next one, without the zero at its end.
fn described(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>, BackupError> {
    if entry.size() > MAX_NAME {
        return Err(BackupError::Entry(io::Error::other("a name is too long")));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(BackupError::Entry)?;
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    Ok(bytes)
}

/// The path in a list of attributes: lines of a length, a name, and a value.
fn path_of(attributes: &[u8]) -> Option<Vec<u8>> {
    let mut left = attributes;
    while let Some(space) = left.iter().position(|byte| *byte == b' ') {
        let length: usize = std::str::from_utf8(&left[..space]).ok()?.parse().ok()?;
        let line = left.get(space + 1..length)?.strip_suffix(b"\n")?;
        if let Some(path) = line.strip_prefix(b"path=") {
            return Some(path.to_vec());
        }
        left = left.get(length..)?;
    }
    None
}

/// What a path in the container stands for.
fn part_of(path: &str) -> Option<Part> {
    let path = path.trim_start_matches("./");
    if path == DATABASE {
        return Some(Part::Database);
    }
    let mut steps = path.split('/').rev();
    let name = steps.next()?;
    let leads_elsewhere = path.starts_with('/') || steps.any(|step| step == "..");
    (!leads_elsewhere && is_plain(name)).then(|| Part::Blob(name.to_owned()))
}

/// Whether a name is that of a file in one folder.
pub fn is_plain(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', '\0'])
}

/// Remembers that reading failed: whoever copies an entry cannot tell that from a failure to write. An entry that ends too
/// early is a failure, too.
struct Whole<'r> {
    content: &'r mut dyn Read,
    left: u64,
    failed: Option<io::Error>,
}

impl Read for Whole<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.content.read(buffer) {
            Ok(0) if self.left > 0 && !buffer.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            read => read,
        };
        match read {
            Ok(count) => {
                self.left = self.left.saturating_sub(count as u64);
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                self.failed = Some(error);
                Err(kind.into())
            }
        }
    }
}

fn drain(from: &mut dyn Read) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Parts = Vec<(Part, Vec<u8>)>;

    fn packed(blobs: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.database(&b"db"[..], 2).unwrap();
        for (name, content) in blobs {
            archive.blob(name, *content, content.len() as u64).unwrap();
        }
        archive.finish().unwrap()
    }

    fn unpacked(from: &[u8]) -> Result<Parts, BackupError> {
        let mut parts = Parts::new();
        unpack(from, |part, content| {
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes)?;
            parts.push((part, bytes));
            Ok(())
        })?;
        Ok(parts)
    }

    fn foreign(entries: &[(&str, tar::EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(content.len() as u64);
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn what_was_packed_comes_back_in_order_and_its_length_was_known_before() {
        let big = vec![7; 5_000];
        let packed = packed(&[("a.png", b"picture"), ("empty", b""), ("big.bin", &big)]);
        assert_eq!(packed.len() as u64, length(2, [7, 0, 5_000]));
        let parts = unpacked(&packed).unwrap();
        let names: Vec<Part> = parts.iter().map(|(part, _)| part.clone()).collect();
        let blob = |name: &str| Part::Blob(name.to_owned());
        assert_eq!(names, [Part::Database, blob("a.png"), blob("empty"), blob("big.bin")]);
        assert_eq!((&*parts[0].1, &*parts[1].1, &parts[3].1), (&b"db"[..], &b"picture"[..], &big));
    }

    #[test]
    fn older_layouts_are_read() {
        let file = tar::EntryType::Regular;
        let flat = foreign(&[
            ("./blobs_backup/welcome-image.jpg", file, b"1"),
            ("blobs_backup", tar::EntryType::Directory, b""),
            ("./dc_database_backup.sqlite", file, b"db"),
        ]);
        let parts = unpacked(&flat).unwrap();
        assert_eq!(parts[0].0, Part::Blob("welcome-image.jpg".to_owned()));
        assert_eq!(parts[1].0, Part::Database);
        // Without the two empty blocks at the end.
        assert_eq!(unpacked(&flat[..flat.len() - 1024]).unwrap().len(), 2);
    }

    #[test]
    fn links_and_names_that_lead_elsewhere_are_passed_over() {
        let file = tar::EntryType::Regular;
        let odd = foreign(&[
            ("dc_database_backup.sqlite", file, b"db"),
            ("blobs_backup/../../x", file, b"1"),
            ("/etc/y", file, b"2"),
            ("blobs_backup/..", file, b"3"),
            ("blobs_backup/link", tar::EntryType::Symlink, b""),
            ("blobs_backup/hard", tar::EntryType::Link, b""),
            ("blobs_backup/a\\b", file, b"4"),
            ("other/z.txt", file, b"5"),
        ]);
        let names: Vec<Part> = unpacked(&odd).unwrap().into_iter().map(|(part, _)| part).collect();
        assert_eq!(names, [Part::Database, Part::Blob("z.txt".to_owned())]);
    }

    #[test]
    fn long_names_are_read_up_to_a_bound() {
        let long = "n".repeat(180);
        let mut archive = Archive::new(Vec::new());
        archive.database(&b"db"[..], 2).unwrap();
        archive.blob(&long, &b"1"[..], 1).unwrap();
        archive.blob("short", &b"2"[..], 1).unwrap();
        let names = |bytes: &[u8]| -> Vec<Part> {
            unpacked(bytes).unwrap().into_iter().map(|(part, _)| part).collect()
        };
        let wanted = [Part::Database, Part::Blob(long.clone()), Part::Blob("short".to_owned())];
        assert_eq!(names(&archive.finish().unwrap()), wanted);

        let file = tar::EntryType::Regular;
        let attributes =
            format!("20 mtime=1234567890\n{} path=blobs_backup/{long}\n", 13 + 6 + 4 + long.len());
        let extended = foreign(&[
            ("x", tar::EntryType::XHeader, attributes.as_bytes()),
            ("cut", file, b"1"),
            ("dc_database_backup.sqlite", file, b"db"),
        ]);
        assert_eq!(names(&extended), [Part::Blob(long), Part::Database]);

        let huge = vec![b'x'; MAX_NAME as usize + 1];
        let huge = foreign(&[("././@LongLink", tar::EntryType::GNULongName, &huge)]);
        assert!(unpacked(&huge).unwrap_err().to_string().contains("too long"));
    }

    #[test]
    fn what_is_no_backup_is_refused() {
        assert!(matches!(unpacked(b"").unwrap_err(), BackupError::NoDatabase));
        assert!(matches!(unpacked(&[0; 1024]).unwrap_err(), BackupError::NoDatabase));
        let noise: Vec<u8> =
            (0..1 << 20).map(|at: u32| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert!(matches!(unpacked(&noise).unwrap_err(), BackupError::Entry(_) | BackupError::Unpack(_)));
        let below = foreign(&[("sub/dc_database_backup.sqlite", tar::EntryType::Regular, b"db")]);
        assert!(matches!(unpacked(&below).unwrap_err(), BackupError::NoDatabase));
        let whole = packed(&[("big.bin", &[7; 5_000])]);
        let cut = unpacked(&whole[..whole.len() - 4_000]).unwrap_err();
        assert!(cut.to_string().starts_with("Failed to unpack file: "), "{cut}");
    }

    #[test]
    fn a_file_that_became_shorter_ends_the_container() {
        let mut archive = Archive::new(Vec::new());
        assert!(archive.blob("a", &b"short"[..], 10).is_err());
    }
}
