//! Where each chunk of a target is.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::VaultError;
use crate::keys::{ChunkId, Keys};
use crate::pack::{self, EXTENSION, Place};
use crate::{Damage, files};

/// Packs that are open at a time: a restore goes from one to the next, and comes back for what profiles share.
const OPEN: usize = 8;

/// The chunks of all packs.
pub(crate) struct Index {
    packs: Vec<(String, PathBuf)>,
    places: HashMap<ChunkId, Place>,
}

impl Index {
    /// No packs at all.
    pub(crate) fn empty() -> Self {
        Self { packs: Vec::new(), places: HashMap::new() }
    }

    /// Reads the indexes of all packs in a folder. A damaged one is reported in `damage`, and its chunks are not there.
    pub(crate) fn read(dir: &Path, keys: &Keys, damage: &mut Vec<Damage>) -> Result<Self, VaultError> {
        let mut index = Self::empty();
        for name in files::names(dir, EXTENSION)? {
            let path = dir.join(format!("{name}{EXTENSION}"));
            match pack::read_index(&path, &name, keys) {
                Ok(chunks) => {
                    let number = index.add_pack(name, path);
                    for (id, offset, length) in chunks {
                        index.places.insert(id, Place { pack: number, offset, length });
                    }
                }
                Err(error) if error.is_damage() => damage.push(Damage::of_file(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(index)
    }

    /// Adds a pack. Its number.
    pub(crate) fn add_pack(&mut self, name: String, path: PathBuf) -> u32 {
        self.packs.push((name, path));
        (self.packs.len() - 1) as u32
    }

    /// Notes where a chunk is.
    pub(crate) fn add(&mut self, id: ChunkId, place: Place) {
        self.places.insert(id, place);
    }

    /// Where a chunk is.
    pub(crate) fn place(&self, id: &ChunkId) -> Option<Place> {
        self.places.get(id).copied()
    }

    /// Which of the chunks that are needed are where, by the name of the pack, in the order in which they lie there.
    pub(crate) fn by_pack(&self, needed: &HashSet<ChunkId>) -> HashMap<String, Vec<(ChunkId, Place)>> {
        let mut packs: HashMap<String, Vec<(ChunkId, Place)>> = HashMap::new();
        for (id, place) in self.places.iter().filter(|(id, _)| needed.contains(*id)) {
            if let Some((name, _)) = self.packs.get(place.pack as usize) {
                packs.entry(name.clone()).or_default().push((*id, *place));
            }
        }
        packs.values_mut().for_each(|part| part.sort_unstable_by_key(|(_, place)| place.offset));
        packs
    }

    /// The file of a pack.
    pub(crate) fn path(&self, pack: u32) -> &Path {
        self.packs.get(pack as usize).map_or(Path::new(""), |(_, path)| path)
    }

    /// Names of all packs as bytes, one after the other.
    pub(crate) fn names(&self) -> Vec<u8> {
        self.packs.iter().filter_map(|(name, _)| hex::decode(name).ok()).flatten().collect()
    }

    /// How many packs there are.
    pub(crate) fn len(&self) -> u32 {
        self.packs.len() as u32
    }

    /// Forgets where a chunk is, so that it is written again.
    pub(crate) fn forget(&mut self, id: &ChunkId) {
        self.places.remove(id);
    }

    /// Numbers of all packs.
    pub(crate) fn packs(&self) -> impl Iterator<Item = u32> + use<> {
        0..self.packs.len() as u32
    }
}

/// Packs that are open for reading.
#[derive(Default)]
pub(crate) struct OpenPacks {
    files: Vec<(u32, File)>,
}

impl OpenPacks {
    /// Reads a chunk and verifies it. `Ok(Err(_))` says what is wrong with it.
    pub(crate) fn read(
        &mut self,
        index: &Index,
        keys: &Keys,
        id: &ChunkId,
    ) -> Result<Result<Vec<u8>, String>, VaultError> {
        let Some(place) = index.place(id) else {
            return Ok(Err(nowhere(id)));
        };
        let path = index.path(place.pack);
        let file = self.file(place.pack, path)?;
        let read = pack::read_chunk(file, place, id, keys).map_err(VaultError::io(path))?;
        Ok(read
            .ok_or_else(|| format!("the chunk {} in {} is not as it was written", short(id), path.display())))
    }

    fn file(&mut self, pack: u32, path: &Path) -> Result<&mut File, VaultError> {
        let at = match self.files.iter().position(|(number, _)| *number == pack) {
            Some(at) => at,
            None => {
                if self.files.len() == OPEN {
                    self.files.remove(0);
                }
                self.files.push((pack, File::open(path).map_err(VaultError::io(path))?));
                self.files.len() - 1
            }
        };
        Ok(&mut self.files[at].1)
    }
}

/// What is said of a chunk that is not there.
pub(crate) fn nowhere(id: &ChunkId) -> String {
    format!("the chunk {} is in no pack that can be read", short(id))
}

/// The first digits of an id.
fn short(id: &ChunkId) -> String {
    hex::encode(&id[..6])
}
