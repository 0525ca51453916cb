//! A backup that is being written.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use prost::Message as _;

use crate::chunker::Chunker;
use crate::error::VaultError;
use crate::index::{Index, OpenPacks};
use crate::keys::ChunkId;
use crate::pack::{NewPack, Place};
use crate::read::ids;
use crate::records::entry::Item;
use crate::records::{Due, Entry, FORM, FileEntry, FileRecord, ProfileRecord, Row, SnapshotRecord};
use crate::target::Target;

/// Attachments are cut into pieces of that length.
const PIECE: usize = 1 << 20;
/// Digits of the hash of its content that the name of an attachment begins with.
const DIGITS: usize = 31;

/// A backup that is being written. What it has written counts for nothing before [`finish`](Self::finish), but the next
/// one finds it and goes on from there.
pub struct Backup<'t> {
    target: &'t Target,
    index: Index,
    /// Packs that were there before.
    old_packs: u32,
    /// All packs are there that should be: whose list of chunks is there has these chunks, too.
    trusted: bool,
    open: OpenPacks,
    dir: PathBuf,
    pack: Option<(u32, NewPack)>,
    /// Packs of this backup that have their names.
    packs: Vec<PathBuf>,
    written: u64,
    added: u64,
    full: bool,
    // Locked until the backup ends.
    _lock: File,
}

/// A backup that was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// Its name.
    pub name: String,
    /// Bytes that it added to the target.
    pub bytes: u64,
}

impl<'t> Backup<'t> {
    pub(crate) fn new(target: &'t Target, index: Index, trusted: bool, dir: PathBuf, lock: File) -> Self {
        Self {
            target,
            old_packs: index.len(),
            index,
            trusted,
            open: OpenPacks::default(),
            dir,
            pack: None,
            packs: Vec::new(),
            written: 0,
            added: 0,
            full: false,
            _lock: lock,
        }
    }

    /// Begins the next profile.
    pub fn profile(&mut self) -> ProfileWriter<'_, 't> {
        ProfileWriter {
            added: self.added,
            backup: self,
            chunker: Chunker::default(),
            hasher: blake3::Hasher::new(),
            record: ProfileRecord::default(),
            attachments: false,
            buffer: Vec::new(),
        }
    }

    /// Bytes written so far, but for the pack that is being written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Makes the backup durable: from here on it is listed.
    pub fn finish(mut self, mut record: SnapshotRecord) -> Result<Written, VaultError> {
        let finished = self.settle().and_then(|()| {
            record.form = FORM;
            record.written = self.written;
            record.packs = self.index.names();
            self.target.write_snapshot(&record)
        });
        let (name, length) = self.noted(finished)?;
        self.packs.clear();
        Ok(Written { name, bytes: self.written + length })
    }

    /// Stores a chunk unless the target has it.
    fn put(&mut self, id: ChunkId, content: &[u8], deflate: bool) -> Result<(), VaultError> {
        if self.index.place(&id).is_some() {
            return Ok(());
        }
        let added = self.append(id, content, deflate);
        self.noted(added)
    }

    /// Whether the target has an attachment.
    fn has_file(&mut self, id: &ChunkId) -> Result<bool, VaultError> {
        let Some(place) = self.index.place(id) else { return Ok(false) };
        if self.trusted || place.pack >= self.old_packs {
            return Ok(true);
        }
        let list = self.open.read(&self.index, &self.target.keys, id)?;
        let list = list.ok().and_then(|list| FileRecord::decode(list.as_slice()).ok());
        let Some(list) = list else {
            self.index.forget(id);
            return Ok(false);
        };
        Ok(ids(&list.chunks).iter().all(|id| self.index.place(id).is_some()))
    }

    fn append(&mut self, id: ChunkId, content: &[u8], deflate: bool) -> Result<(), VaultError> {
        if self.pack.as_ref().is_some_and(|(_, pack)| pack.is_full()) {
            self.settle()?;
        }
        if self.pack.is_none() {
            let pack = NewPack::create(&self.dir)?;
            let number = self.index.add_pack(pack.name().to_owned(), pack.path().to_owned());
            self.pack = Some((number, pack));
        }
        if let Some((number, pack)) = &mut self.pack {
            let (offset, length) = pack.add(&self.target.keys, &id, content, deflate)?;
            self.index.add(id, Place { pack: *number, offset, length });
            self.added += 1;
        }
        Ok(())
    }

    /// Gives the pack that is being written its name.
    fn settle(&mut self) -> Result<(), VaultError> {
        if let Some((_, pack)) = self.pack.take() {
            let path = pack.path().to_owned();
            self.written += pack.settle(&self.target.keys)?;
            self.packs.push(path);
        }
        Ok(())
    }

    /// Remembers that there is no space.
    fn noted<T>(&mut self, result: Result<T, VaultError>) -> Result<T, VaultError> {
        self.full |= matches!(result, Err(VaultError::DiskFull { .. }));
        result
    }
}

impl Drop for Backup<'_> {
    /// After a full disk nothing of this backup stays: others need the space, and the next one would find none either.
    /// After any other end the packs stay, so that the next backup has less to do.
    fn drop(&mut self) {
        self.pack = None;
        if self.full {
            for path in &self.packs {
                if let Err(error) = fs::remove_file(path) {
                    tracing::warn!(path = %path.display(), %error, "what a backup wrote before the disk was full stays");
                }
            }
        }
    }
}

/// A profile that is being written.
pub struct ProfileWriter<'b, 't> {
    backup: &'b mut Backup<'t>,
    chunker: Chunker,
    hasher: blake3::Hasher,
    record: ProfileRecord,
    /// They have begun: nothing but attachments may follow.
    attachments: bool,
    buffer: Vec<u8>,
    added: u64,
}

impl ProfileWriter<'_, '_> {
    /// Adds a row of the profile.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> Result<(), VaultError> {
        self.record.rows += 1;
        self.record.row_bytes += (key.len() + value.len()) as u64;
        self.entry(Item::Row(Row { key: key.to_vec(), value: value.to_vec() }), key)
    }

    /// Adds the row about the profile in a table of the host.
    pub fn of_host(&mut self, table: &str, value: Vec<u8>) -> Result<(), VaultError> {
        let key = table.as_bytes();
        self.entry(Item::OfHost(Row { key: key.to_vec(), value }), key)
    }

    /// Adds something that becomes due.
    pub fn due(&mut self, due: Due) -> Result<(), VaultError> {
        self.entry(Item::Due(due), &due.encode_to_vec())
    }

    /// Adds an attachment, which is read unless the target has it; `go_on` gets the bytes that were read and says whether
    /// to go on. `Ok(false)`: it is not there, or not what its name says, and is noted as missing.
    pub fn file(
        &mut self,
        name: &str,
        length: u64,
        path: &Path,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<bool, VaultError> {
        self.begin_attachments()?;
        let id = self.backup.target.keys.id_of_file(name, length);
        if !self.backup.has_file(&id)? {
            let chunks = match File::open(path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                file => self.pieces(file.map_err(VaultError::io(path))?, name, length, path, go_on)?,
            };
            let Some(chunks) = chunks else {
                self.missing(name);
                return Ok(false);
            };
            let record = FileRecord { name: name.to_owned(), length, chunks };
            self.backup.put(id, &record.encode_to_vec(), false)?;
        }
        self.record.files += 1;
        self.record.file_bytes += length;
        self.entry(
            Item::File(FileEntry { name: name.to_owned(), length, id: id.to_vec() }),
            name.as_bytes(),
        )?;
        Ok(true)
    }

    /// Attachments begin with a chunk of their own, once.
    fn begin_attachments(&mut self) -> Result<(), VaultError> {
        if !self.attachments {
            self.attachments = true;
            let (backup, chunks) = (&mut *self.backup, &mut self.record.chunks);
            std::mem::take(&mut self.chunker).finish(|chunk| store(backup, chunks, chunk))?;
            self.record.attachments_from = (chunks.len() / size_of::<ChunkId>()) as u32;
        }
        Ok(())
    }

    /// Notes that an attachment is not there.
    pub fn missing(&mut self, name: &str) {
        self.record.missing.push(name.to_owned());
    }

    /// Ends the profile; `record` says whose it is, the rest is filled in. And whether it needed any new chunk.
    pub fn finish(mut self, record: ProfileRecord) -> Result<(ProfileRecord, bool), VaultError> {
        self.begin_attachments()?;
        let (backup, chunks) = (&mut *self.backup, &mut self.record.chunks);
        self.chunker.finish(|chunk| store(backup, chunks, chunk))?;
        let counted = self.record;
        let changed = self.backup.added != self.added;
        let record = ProfileRecord {
            rows: counted.rows,
            row_bytes: counted.row_bytes,
            files: counted.files,
            file_bytes: counted.file_bytes,
            chunks: counted.chunks,
            attachments_from: counted.attachments_from,
            missing: counted.missing,
            whole: self.hasher.finalize().as_bytes().to_vec(),
            ..record
        };
        Ok((record, changed))
    }

    fn entry(&mut self, item: Item, key: &[u8]) -> Result<(), VaultError> {
        let entry = Entry { item: Some(item) };
        self.buffer.clear();
        self.buffer.reserve(entry.encoded_len() + 10);
        // Writing into memory that grows does not fail.
        let encoded = entry.encode_length_delimited(&mut self.buffer);
        debug_assert!(encoded.is_ok());
        self.hasher.update(&self.buffer);
        let (backup, chunks) = (&mut *self.backup, &mut self.record.chunks);
        self.chunker.add(&self.buffer, key, |chunk| store(backup, chunks, chunk))
    }

    /// Stores the pieces of an attachment. Their ids; `None` if it is not what its name says.
    fn pieces(
        &mut self,
        mut file: File,
        name: &str,
        length: u64,
        path: &Path,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Vec<u8>>, VaultError> {
        let (mut hasher, mut chunks, mut rest) = (blake3::Hasher::new(), Vec::new(), length);
        let mut piece = vec![0; PIECE.min(usize::try_from(length).unwrap_or(PIECE))];
        while rest > 0 {
            let count = piece.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            match file.read_exact(&mut piece[..count]) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
                read => read.map_err(VaultError::io(path))?,
            }
            hasher.update(&piece[..count]);
            let id = self.backup.target.keys.id_of(&piece[..count]);
            self.backup.put(id, &piece[..count], false)?;
            chunks.extend_from_slice(&id);
            rest -= count as u64;
            if !go_on(count as u64) {
                return Err(VaultError::Io {
                    path: path.to_owned(),
                    source: io::ErrorKind::Interrupted.into(),
                });
            }
        }
        Ok(is_named(name, &hasher.finalize()).then_some(chunks))
    }
}

/// Stores a chunk of the stream.
fn store(backup: &mut Backup<'_>, chunks: &mut Vec<u8>, chunk: &[u8]) -> Result<(), VaultError> {
    let id = backup.target.keys.id_of(chunk);
    chunks.extend_from_slice(&id);
    backup.put(id, chunk, true)
}

/// Whether an attachment with this hash has this name.
pub(crate) fn is_named(name: &str, hash: &blake3::Hash) -> bool {
    name.get(..DIGITS).is_some_and(|digits| hash.to_hex().starts_with(digits))
}
