//! Packs: files of sealed chunks with an index.
//!
//! ```text
//! "VOLPACK1" · sealed chunk · … · sealed index · length of the sealed index (u64, little-endian) · BLAKE3 of all before
//! ```
//!
//! Many chunks share a file because a file costs a wait for the disk.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use prost::Message as _;

use crate::error::VaultError;
use crate::files::{CHECKSUM, NewFile};
use crate::keys::{ChunkId, Keys, OVERHEAD, random};
use crate::records::{PackIndex, Slot};

/// What a pack begins with.
const MAGIC: &[u8; 8] = b"VOLPACK1";
/// Bytes of the name of a pack, which is random.
pub(crate) const NAME_BYTES: usize = 16;
/// Extension of packs.
pub(crate) const EXTENSION: &str = ".pack";
/// A pack is closed when it has that many bytes,
const FULL: u64 = 32 << 20;
/// or that many chunks: a pack's index is in memory when it is written and read.
const MAX_CHUNKS: usize = 50_000;
/// Longest index that is read.
const MAX_INDEX: u64 = 16 << 20;
/// Longest content of a chunk.
pub(crate) const MAX_CHUNK: usize = 4 << 20;
/// First byte of what is sealed: the content as it is, or deflated.
const STORED: u8 = 0;
const DEFLATED: u8 = 1;

/// Where a chunk is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// Number of the pack in the index of the target.
    pub(crate) pack: u32,
    /// Where it begins.
    pub(crate) offset: u64,
    /// Its length, sealed.
    pub(crate) length: u32,
}

/// A pack that is being written.
pub(crate) struct NewPack {
    file: NewFile,
    name: String,
    path: PathBuf,
    index: PackIndex,
}

impl NewPack {
    /// A pack of a random name in a folder.
    pub(crate) fn create(dir: &Path) -> Result<Self, VaultError> {
        let mut name = [0; NAME_BYTES];
        random(&mut name)?;
        let name = hex::encode(name);
        let path = dir.join(format!("{name}{EXTENSION}"));
        let mut file = NewFile::create(path.clone())?;
        file.write(MAGIC)?;
        Ok(Self { file, name, path, index: PackIndex::default() })
    }

    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a chunk. Where it begins and its length.
    pub(crate) fn add(
        &mut self,
        keys: &Keys,
        id: &ChunkId,
        content: &[u8],
        deflate: bool,
    ) -> Result<(u64, u32), VaultError> {
        self.add_sealed(id, &keys.seal(&packed(content, deflate), id)?)
    }

    /// Appends a chunk that is sealed already. Where it begins and its length.
    pub(crate) fn add_sealed(&mut self, id: &ChunkId, sealed: &[u8]) -> Result<(u64, u32), VaultError> {
        let offset = self.file.len();
        self.file.write(sealed)?;
        let length = sealed.len() as u32;
        self.index.slots.push(Slot { id: id.to_vec(), length });
        Ok((offset, length))
    }

    /// Whether the next chunk belongs into another pack.
    pub(crate) fn is_full(&self) -> bool {
        self.file.len() >= FULL || self.index.slots.len() >= MAX_CHUNKS
    }

    /// Appends the index and gives the pack its name. Its length.
    pub(crate) fn settle(mut self, keys: &Keys) -> Result<u64, VaultError> {
        let index = keys.seal(&self.index.encode_to_vec(), self.name.as_bytes())?;
        self.file.write(&index)?;
        self.file.write(&(index.len() as u64).to_le_bytes())?;
        self.file.settle()
    }
}

/// Content as it is sealed.
fn packed(content: &[u8], deflate: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(content.len() + 1);
    if deflate {
        out.push(DEFLATED);
        let mut encoder = flate2::write::DeflateEncoder::new(out, flate2::Compression::fast());
        let written = std::io::Write::write_all(&mut encoder, content).and_then(|()| encoder.finish());
        match written {
            Ok(deflated) if deflated.len() < content.len() => return deflated,
            // Writing into memory does not fail; what does not shrink is stored.
            Ok(full) => out = full,
            Err(_) => out = Vec::with_capacity(content.len() + 1),
        }
        out.clear();
    }
    out.push(STORED);
    out.extend_from_slice(content);
    out
}

/// The content again.
fn unpacked(packed: Vec<u8>) -> Option<Vec<u8>> {
    match packed.split_first()? {
        (&STORED, content) => Some(content.to_vec()),
        (&DEFLATED, deflated) => {
            let mut content = Vec::new();
            let decoder = flate2::read::DeflateDecoder::new(deflated);
            decoder.take(MAX_CHUNK as u64 + 1).read_to_end(&mut content).ok()?;
            (content.len() <= MAX_CHUNK).then_some(content)
        }
        _ => None,
    }
}

/// Reads the index of a pack: the chunks, each with where it begins and its length.
pub(crate) fn read_index(
    path: &Path,
    name: &str,
    keys: &Keys,
) -> Result<Vec<(ChunkId, u64, u32)>, VaultError> {
    let damaged = |detail: &str| VaultError::damaged(path, detail);
    let mut file = File::open(path).map_err(VaultError::io(path))?;
    let length = file.metadata().map_err(VaultError::io(path))?.len();
    let footer = (size_of::<u64>() + CHECKSUM) as u64;
    let ends = length.checked_sub(footer).ok_or_else(|| damaged("it is truncated"))?;
    let mut bytes = [0; size_of::<u64>()];
    file.seek(SeekFrom::Start(ends)).map_err(VaultError::io(path))?;
    file.read_exact(&mut bytes).map_err(VaultError::io(path))?;
    let index_length = u64::from_le_bytes(bytes);
    let begins =
        ends.checked_sub(index_length).filter(|at| *at >= MAGIC.len() as u64 && index_length <= MAX_INDEX);
    let begins = begins.ok_or_else(|| damaged("its index is not where it should be"))?;
    let mut sealed = vec![0; index_length as usize];
    file.seek(SeekFrom::Start(begins)).map_err(VaultError::io(path))?;
    file.read_exact(&mut sealed).map_err(VaultError::io(path))?;
    let index =
        keys.open_sealed(&sealed, name.as_bytes()).ok_or_else(|| damaged("its index cannot be decrypted"))?;
    let index = PackIndex::decode(index.as_slice()).map_err(|_| damaged("its index cannot be read"))?;
    let mut offset = MAGIC.len() as u64;
    let mut chunks = Vec::with_capacity(index.slots.len());
    for slot in index.slots {
        let id = slot.id.as_slice().try_into().map_err(|_| damaged("its index cannot be read"))?;
        chunks.push((id, offset, slot.length));
        offset += u64::from(slot.length);
    }
    match offset == begins {
        true => Ok(chunks),
        false => Err(damaged("its index does not fit its length")),
    }
}

/// Reads a chunk. `None` if it is not as it was written.
pub(crate) fn read_chunk(
    file: &mut File,
    place: Place,
    id: &ChunkId,
    keys: &Keys,
) -> std::io::Result<Option<Vec<u8>>> {
    let sealed = read_sealed(file, place)?;
    Ok(sealed.and_then(|sealed| keys.open_sealed(&sealed, id)).and_then(unpacked))
}

/// Reads a chunk as it is sealed. `None` if it cannot be where it should be.
pub(crate) fn read_sealed(file: &mut File, place: Place) -> std::io::Result<Option<Vec<u8>>> {
    if place.length as usize > MAX_CHUNK + OVERHEAD + 1 {
        return Ok(None);
    }
    let mut sealed = vec![0; place.length as usize];
    file.seek(SeekFrom::Start(place.offset))?;
    match file.read_exact(&mut sealed) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(sealed)),
    }
}
