//! Everything that is wrong with a backup, by profile.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::error::VaultError;
use crate::files;
use crate::keys::ChunkId;
use crate::read::Reader;
use crate::records::ProfileRecord;
use crate::records::entry::Item;

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The profile that it is about; `None` if it is about a file of which no profile is known.
    pub profile: Option<String>,
    /// What shows it.
    pub detail: String,
}

impl Damage {
    /// Damage of a file.
    pub fn of_file(error: VaultError) -> Self {
        Self { profile: None, detail: error.to_string() }
    }

    /// Damage that reading a profile met.
    pub fn of_profile(record: &ProfileRecord, error: VaultError) -> Self {
        let detail = match error {
            VaultError::Profile { detail, .. } => detail,
            other => other.to_string(),
        };
        Self { profile: Some(record.label()), detail }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.profile {
            Some(profile) => write!(f, "the profile {profile} is damaged: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

/// What is known of packs and attachments while profiles are checked one after the other.
#[derive(Default)]
pub struct PackCheck {
    /// Packs whose checksum is wrong, and why.
    bad: HashMap<u32, String>,
    /// Packs that profiles need, each with the first of these profiles.
    used: HashMap<u32, String>,
    /// Attachments that were read already: several profiles and backups have the same ones.
    good: HashSet<ChunkId>,
}

impl Reader<'_> {
    /// Verifies the checksums of all packs. `go_on` gets the bytes that were read and says whether to go on.
    pub fn check_packs(
        &self,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(PackCheck, Vec<Damage>), VaultError> {
        let (mut check, mut damage) = (PackCheck::default(), Vec::new());
        for pack in self.index.packs() {
            match files::verify(self.index.path(pack), go_on) {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    check.bad.insert(pack, error.to_string());
                    damage.push(Damage::of_file(error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((check, damage))
    }

    /// Verifies the checksums of those packs that the profiles need that were checked.
    pub fn check_used(
        &self,
        check: &PackCheck,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Vec<Damage>, VaultError> {
        let mut damage = Vec::new();
        for (pack, profile) in &check.used {
            match files::verify(self.index.path(*pack), go_on) {
                Ok(()) => {}
                Err(error) if error.is_damage() => {
                    damage.push(Damage { profile: Some(profile.clone()), detail: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(damage)
    }

    /// Reads a profile in full: its stream, and all attachments that were not read before. The first thing that is wrong
    /// with it.
    pub fn check_profile(
        &self,
        record: &ProfileRecord,
        check: &mut PackCheck,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<Option<Damage>, VaultError> {
        match self.read_profile(record, check, go_on) {
            Ok(()) => Ok(None),
            Err(error) if error.is_damage() => Ok(Some(Damage::of_profile(record, error))),
            Err(error) => Err(error),
        }
    }

    fn read_profile(
        &self,
        record: &ProfileRecord,
        check: &mut PackCheck,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), VaultError> {
        for pack in self.packs_of(&record.chunks) {
            check.used.entry(pack).or_insert_with(|| record.label());
        }
        let stopped = || VaultError::Io {
            path: self.target.dir().to_owned(),
            source: std::io::ErrorKind::Interrupted.into(),
        };
        if let Some(detail) = self.in_bad_pack(&record.chunks, check) {
            return Err(VaultError::Profile { profile: record.label(), detail });
        }
        let mut stream = self.stream(record);
        let (mut rows, mut bytes) = (0, 0);
        while let Some(entry) = stream.next_entry()? {
            match entry.item {
                Some(Item::Row(row)) => {
                    rows += 1;
                    bytes += (row.key.len() + row.value.len()) as u64;
                    if bytes >= REPORTED && !go_on(std::mem::take(&mut bytes)) {
                        return Err(stopped());
                    }
                }
                Some(Item::File(file)) => {
                    let id: Option<ChunkId> = file.id.as_slice().try_into().ok();
                    if id.is_some_and(|id| check.good.contains(&id)) {
                        continue;
                    }
                    let mut pieces = self.file(record, &file)?;
                    for pack in self.packs_of(&file.id).chain(pieces.packs()) {
                        check.used.entry(pack).or_insert_with(|| record.label());
                    }
                    while let Some(piece) = pieces.next_piece()? {
                        if !go_on(piece.len() as u64) {
                            return Err(stopped());
                        }
                    }
                    check.good.extend(id);
                }
                Some(Item::OfHost(_) | Item::Due(_)) | None => {}
            }
        }
        if rows != record.rows {
            let detail = format!("{rows} rows instead of {}", record.rows);
            return Err(VaultError::Profile { profile: record.label(), detail });
        }
        match go_on(bytes) {
            true => Ok(()),
            false => Err(stopped()),
        }
    }

    /// Whether a chunk of the stream lies in a pack whose checksum is wrong: it may be in order itself, but the disk
    /// that it is on is not.
    fn in_bad_pack(&self, chunks: &[u8], check: &PackCheck) -> Option<String> {
        self.packs_of(chunks).find_map(|pack| check.bad.get(&pack)).cloned()
    }

    /// The packs in which chunks lie.
    fn packs_of<'a>(&'a self, chunks: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let ids = chunks.chunks_exact(size_of::<ChunkId>()).filter_map(|id| <ChunkId>::try_from(id).ok());
        ids.filter_map(|id| self.index.place(&id)).map(|place| place.pack)
    }
}

/// Progress is reported at least after that many bytes.
const REPORTED: u64 = 4 << 20;
