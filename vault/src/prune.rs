//! Removing backups that are not wanted any more, and the chunks that only they needed.
//!
//! First the files of these backups go, then packs: one of which nothing is needed is removed, one of which little is
//! needed is replaced by what is needed of it, and many small ones by a large one. Killed anywhere in between, all backups
//! that stay are whole, and the next time does the rest.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::VaultError;
use crate::files;
use crate::index::Index;
use crate::keys::ChunkId;
use crate::pack::{self, EXTENSION, NewPack, Place};
use crate::read::{Reader, ids};
use crate::target::{Snapshot, Target};

/// A pack is replaced when less than one part in that many of it is needed.
const NEEDED: u64 = 2;
/// A pack is small below that many bytes,
const SMALL: u64 = 4 << 20;
/// and small ones are put together when there are that many: each backup leaves one.
const MANY: usize = 16;

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Names of the backups that are gone, the oldest first.
    pub names: Vec<String>,
    /// Bytes by which the folder is smaller.
    pub freed: u64,
}

impl Target {
    /// Removes all backups but the newest `keep` ones of the whole host, and the newest `keep` ones of chosen profiles. With
    /// 0 nothing is removed. Refused while backups are written or read, and when one that stays is damaged. `go_on` gets
    /// the bytes that were read and says whether to go on.
    pub fn prune(&self, keep: usize, go_on: &mut dyn FnMut(u64) -> bool) -> Result<Pruned, VaultError> {
        let _lock = self.lock()?;
        let alone = self.alone()?;
        if keep == 0 {
            return Ok(Pruned::default());
        }
        let packs = self.packs_dir();
        for dir in [self.dir(), &packs, &self.snapshots_dir()] {
            files::make_folder(dir)?;
            files::remove_temporaries(dir)?;
        }
        let (kept, removed) = self.sorted_out(keep)?;
        let mut damage = Vec::new();
        let index = Index::read(&packs, &self.keys, &mut damage)?;
        let reader = Reader::new(self, index, damage, alone);
        // Everything is known to be there before anything goes.
        let needed = needed(&reader, &kept, go_on)?;
        let mut pruned = Pruned::default();
        for name in removed {
            let path = self.snapshot_path(&name);
            pruned.freed += remove(&path)?;
            pruned.names.push(name);
        }
        files::sync_folder(&self.snapshots_dir())?;
        let mut sweep = Sweep { reader: &reader, dir: packs, freed: 0, written: 0 };
        sweep.run(&needed, go_on)?;
        pruned.freed = (pruned.freed + sweep.freed).saturating_sub(sweep.written);
        Ok(pruned)
    }

    /// The backups that stay, and the names of those that go.
    fn sorted_out(&self, keep: usize) -> Result<(Vec<Snapshot>, Vec<String>), VaultError> {
        let (mut kept, mut removed, mut counts) = (Vec::new(), Vec::new(), [0, 0]);
        for name in self.names()?.into_iter().rev() {
            let snapshot = self.snapshot(Some(&name))?;
            let count = &mut counts[usize::from(snapshot.record.chosen)];
            *count += 1;
            if *count <= keep { kept.push(snapshot) } else { removed.push(name) }
        }
        removed.reverse();
        Ok((kept, removed))
    }
}

/// The chunks that backups are made of.
fn needed(
    reader: &Reader<'_>,
    kept: &[Snapshot],
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<HashSet<ChunkId>, VaultError> {
    let (mut needed, mut read) = (HashSet::new(), HashSet::new());
    for record in kept.iter().flat_map(|snapshot| &snapshot.record.profiles) {
        for id in ids(&record.chunks) {
            reader.has(&id).map_err(|detail| VaultError::Profile { profile: record.label(), detail })?;
            needed.insert(id);
        }
        // Profiles that did not change list the same attachments in every backup.
        if !read.insert((record.chunks.clone(), record.attachments_from)) {
            continue;
        }
        let mut attachments = reader.attachments(record);
        while let Some(file) = attachments.next_file()? {
            let Ok(id) = ChunkId::try_from(file.id.as_slice()) else { continue };
            if needed.contains(&id) {
                continue;
            }
            let chunks = reader.file(record, &file)?.into_ids();
            for id in &chunks {
                reader.has(id).map_err(|detail| VaultError::Profile { profile: record.label(), detail })?;
            }
            needed.insert(id);
            needed.extend(chunks);
        }
        going(reader, 0, go_on)?;
    }
    Ok(needed)
}

fn going(reader: &Reader<'_>, bytes: u64, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), VaultError> {
    match go_on(bytes) {
        true => Ok(()),
        false => Err(VaultError::Io {
            path: reader.target.dir().to_owned(),
            source: std::io::ErrorKind::Interrupted.into(),
        }),
    }
}

/// Removes a file. Its length.
fn remove(path: &Path) -> Result<u64, VaultError> {
    let length = fs::metadata(path).map_err(VaultError::io(path))?.len();
    fs::remove_file(path).map_err(VaultError::io(path))?;
    Ok(length)
}

/// What packs become when some of their chunks are not needed any more.
struct Sweep<'r, 't> {
    reader: &'r Reader<'t>,
    dir: PathBuf,
    freed: u64,
    written: u64,
}

/// A pack of which only a part is needed, and where that part is.
type Partly = (PathBuf, Vec<(ChunkId, Place)>);

impl Sweep<'_, '_> {
    fn run(
        &mut self,
        needed: &HashSet<ChunkId>,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), VaultError> {
        let partly = self.remove_unneeded(needed)?;
        files::sync_folder(&self.dir)?;
        self.replace(partly, go_on)
    }

    /// Removes packs of which nothing is needed, those with a damaged index too: what is needed is in others. The ones that
    /// are to be replaced.
    fn remove_unneeded(&mut self, needed: &HashSet<ChunkId>) -> Result<Vec<Partly>, VaultError> {
        let mut parts = self.reader.index.by_pack(needed);
        let (mut partly, mut small) = (Vec::new(), Vec::new());
        for name in files::names(&self.dir, EXTENSION)? {
            let path = self.dir.join(format!("{name}{EXTENSION}"));
            let Some(part) = parts.remove(&name) else {
                self.freed += remove(&path)?;
                continue;
            };
            let length = fs::metadata(&path).map_err(VaultError::io(&path))?.len();
            let bytes: u64 = part.iter().map(|(_, place)| u64::from(place.length)).sum();
            if bytes < length / NEEDED {
                partly.push((path, part));
            } else if length < SMALL {
                small.push((path, part));
            }
        }
        if small.len() >= MANY {
            partly.extend(small);
        }
        Ok(partly)
    }

    /// Writes what is needed of packs into new ones. A pack goes when the new one is durable.
    fn replace(&mut self, partly: Vec<Partly>, go_on: &mut dyn FnMut(u64) -> bool) -> Result<(), VaultError> {
        let (mut new, mut copied): (Option<NewPack>, Vec<PathBuf>) = (None, Vec::new());
        for (path, part) in partly {
            let mut pack = match new.take() {
                Some(pack) if pack.is_full() => {
                    self.settle(pack, &mut copied)?;
                    NewPack::create(&self.dir)?
                }
                Some(pack) => pack,
                None => NewPack::create(&self.dir)?,
            };
            self.copy(&path, &part, &mut pack, go_on)?;
            copied.push(path);
            new = Some(pack);
        }
        match new {
            Some(pack) => self.settle(pack, &mut copied),
            None => Ok(()),
        }
    }

    fn copy(
        &self,
        path: &Path,
        part: &[(ChunkId, Place)],
        pack: &mut NewPack,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), VaultError> {
        let mut file = File::open(path).map_err(VaultError::io(path))?;
        for (id, place) in part {
            let sealed = pack::read_sealed(&mut file, *place).map_err(VaultError::io(path))?;
            // What is damaged is not copied under a checksum that says that it is not.
            let sealed = sealed.filter(|sealed| self.reader.target.keys.open_sealed(sealed, id).is_some());
            let sealed =
                sealed.ok_or_else(|| VaultError::damaged(path, "a chunk is not as it was written"))?;
            pack.add_sealed(id, &sealed)?;
            going(self.reader, sealed.len() as u64, go_on)?;
        }
        Ok(())
    }

    fn settle(&mut self, pack: NewPack, copied: &mut Vec<PathBuf>) -> Result<(), VaultError> {
        self.written += pack.settle(&self.reader.target.keys)?;
        for path in copied.drain(..) {
            self.freed += remove(&path)?;
        }
        files::sync_folder(&self.dir)
    }
}
