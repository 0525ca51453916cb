//! Streams and files of a profile, checked while they are read.

use prost::Message as _;

use crate::check::Damage;
use crate::error::VaultError;
use crate::index::{Index, OpenPacks, nowhere};
use crate::keys::ChunkId;
use crate::records::entry::Item;
use crate::records::{Entry, FileEntry, FileRecord, ProfileRecord};
use crate::target::{Held, Target};
use crate::write::is_named;

/// Longest entry: a row of the longest key and value, and some bytes around them.
const MAX_ENTRY: usize = (32 << 20) + (1 << 16);
/// Bytes of an id.
const ID: usize = 32;
/// Most bytes of the length in front of an entry.
const MAX_LENGTH_BYTES: usize = 10;

/// Reads what backups are made of.
pub struct Reader<'t> {
    pub(crate) target: &'t Target,
    pub(crate) index: Index,
    /// Packs whose index cannot be read.
    damage: Vec<Damage>,
    _held: Held,
}

impl<'t> Reader<'t> {
    pub(crate) fn new(target: &'t Target, index: Index, damage: Vec<Damage>, held: Held) -> Self {
        Self { target, index, damage, _held: held }
    }

    /// What is wrong with packs as a whole.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// The stream of a profile.
    pub fn stream<'r>(&'r self, record: &'r ProfileRecord) -> StreamReader<'r, 't> {
        StreamReader {
            reader: self,
            packs: OpenPacks::default(),
            record,
            ids: ids(&record.chunks),
            next: 0,
            buffer: Vec::new(),
            at: 0,
            hasher: Some(blake3::Hasher::new()),
        }
    }

    /// The attachments of a profile, without the rows before them.
    pub(crate) fn attachments<'r>(&'r self, record: &'r ProfileRecord) -> StreamReader<'r, 't> {
        StreamReader { next: record.attachments_from as usize, hasher: None, ..self.stream(record) }
    }

    /// Whether a chunk is in a pack; else what is said of it.
    pub(crate) fn has(&self, id: &ChunkId) -> Result<(), String> {
        self.index.place(id).map(|_| ()).ok_or_else(|| nowhere(id))
    }

    /// An attachment of a profile.
    pub fn file<'r>(
        &'r self,
        record: &'r ProfileRecord,
        entry: &FileEntry,
    ) -> Result<FileReader<'r, 't>, VaultError> {
        let damaged = |detail: String| VaultError::Profile { profile: record.label(), detail };
        let mut packs = OpenPacks::default();
        let id: ChunkId =
            entry.id.as_slice().try_into().map_err(|_| damaged("an id has the wrong length".to_owned()))?;
        let name = &entry.name;
        let wrong = |detail: &str| damaged(format!("attachment {name}: {detail}"));
        if id != self.target.keys.id_of_file(name, entry.length) {
            return Err(wrong("its id is that of another one"));
        }
        let chunk = packs.read(&self.index, &self.target.keys, &id)?.map_err(|detail| wrong(&detail))?;
        let file =
            FileRecord::decode(chunk.as_slice()).map_err(|_| wrong("its list of chunks cannot be read"))?;
        if file.name != entry.name || file.length != entry.length {
            return Err(wrong("its list of chunks is that of another one"));
        }
        Ok(FileReader {
            reader: self,
            packs,
            record,
            name: entry.name.clone(),
            ids: ids(&file.chunks),
            next: 0,
            rest: entry.length,
            hasher: blake3::Hasher::new(),
        })
    }

    /// A chunk with the content that its id says.
    fn chunk(&self, packs: &mut OpenPacks, id: &ChunkId) -> Result<Result<Vec<u8>, String>, VaultError> {
        let read = packs.read(&self.index, &self.target.keys, id)?;
        Ok(read.and_then(|content| match self.target.keys.id_of(&content) == *id {
            true => Ok(content),
            false => Err("the checksum of a chunk is wrong".to_owned()),
        }))
    }
}

/// Ids that lie one after the other.
pub(crate) fn ids(bytes: &[u8]) -> Vec<ChunkId> {
    bytes.chunks_exact(ID).filter_map(|id| id.try_into().ok()).collect()
}

/// The entries of a profile, in order. After the last one the checksum of the whole is compared.
pub struct StreamReader<'r, 't> {
    reader: &'r Reader<'t>,
    packs: OpenPacks,
    record: &'r ProfileRecord,
    ids: Vec<ChunkId>,
    next: usize,
    buffer: Vec<u8>,
    at: usize,
    /// Of the whole; none if it does not begin at the begin.
    hasher: Option<blake3::Hasher>,
}

impl StreamReader<'_, '_> {
    /// The next attachment; `None` at the end.
    pub(crate) fn next_file(&mut self) -> Result<Option<FileEntry>, VaultError> {
        match self.next_entry()? {
            Some(Entry { item: Some(Item::File(file)) }) => Ok(Some(file)),
            Some(_) => Err(self.damaged("its attachments begin elsewhere")),
            None => Ok(None),
        }
    }

    /// The next entry; `None` at the end, which is reached only if everything is as it was written.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, VaultError> {
        loop {
            let rest = &self.buffer[self.at..];
            if let Some((length, head)) = self.length(rest)?
                && rest.len() >= head + length
            {
                let entry = Entry::decode(&rest[head..head + length])
                    .map_err(|_| self.damaged("an entry cannot be read"))?;
                self.at += head + length;
                return Ok(Some(entry));
            }
            if !self.more()? {
                return match self.buffer.len() == self.at && self.is_whole() {
                    true => Ok(None),
                    false => Err(self.damaged("the checksum of the whole is wrong")),
                };
            }
        }
    }

    /// Length of the entry that begins there, and how many bytes say so; `None` if more has to be read.
    fn length(&self, rest: &[u8]) -> Result<Option<(usize, usize)>, VaultError> {
        let mut input = rest;
        match prost::encoding::decode_varint(&mut input) {
            Ok(length) => {
                let length = usize::try_from(length).ok().filter(|length| *length <= MAX_ENTRY);
                let length = length.ok_or_else(|| self.damaged("an entry is too long"))?;
                Ok(Some((length, rest.len() - input.len())))
            }
            Err(_) if rest.len() < MAX_LENGTH_BYTES => Ok(None),
            Err(_) => Err(self.damaged("the length of an entry cannot be read")),
        }
    }

    /// Reads the next chunk. Whether there was one.
    fn more(&mut self) -> Result<bool, VaultError> {
        let Some(id) = self.ids.get(self.next) else { return Ok(false) };
        let read = self.reader.chunk(&mut self.packs, id)?;
        let content = read.map_err(|detail| self.damaged(&detail))?;
        self.next += 1;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&content);
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(&content);
        Ok(true)
    }

    fn is_whole(&self) -> bool {
        let same = |hasher: &blake3::Hasher| hasher.finalize().as_bytes().as_slice() == self.record.whole;
        self.record.chunks.len() == self.ids.len() * ID && self.hasher.as_ref().is_none_or(same)
    }

    fn damaged(&self, detail: &str) -> VaultError {
        VaultError::Profile { profile: self.record.label(), detail: detail.to_owned() }
    }
}

/// The content of an attachment, piece by piece. After the last one hash and length are compared.
pub struct FileReader<'r, 't> {
    reader: &'r Reader<'t>,
    packs: OpenPacks,
    record: &'r ProfileRecord,
    name: String,
    ids: Vec<ChunkId>,
    next: usize,
    rest: u64,
    hasher: blake3::Hasher,
}

impl FileReader<'_, '_> {
    /// The packs that its chunks are in.
    pub(crate) fn packs(&self) -> Vec<u32> {
        self.ids.iter().filter_map(|id| self.reader.index.place(id)).map(|place| place.pack).collect()
    }

    /// The chunks that it is made of.
    pub(crate) fn into_ids(self) -> Vec<ChunkId> {
        self.ids
    }

    /// The next piece; `None` at the end, which is reached only if everything is as it was written.
    pub fn next_piece(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        let Some(id) = self.ids.get(self.next) else {
            return match self.rest == 0 && is_named(&self.name, &self.hasher.finalize()) {
                true => Ok(None),
                false => Err(self.damaged("its checksum is wrong")),
            };
        };
        let read = self.reader.chunk(&mut self.packs, id)?;
        let content = read.map_err(|detail| self.damaged(&detail))?;
        self.next += 1;
        self.hasher.update(&content);
        let rest = self.rest.checked_sub(content.len() as u64);
        self.rest = rest.ok_or_else(|| self.damaged("it is longer than it was"))?;
        Ok(Some(content))
    }

    fn damaged(&self, detail: &str) -> VaultError {
        let detail = format!("attachment {}: {detail}", self.name);
        VaultError::Profile { profile: self.record.label(), detail }
    }
}
