//! One snapshot of a profile, with everything that is needed to show what it holds.

use std::path::{Path, PathBuf};

use volary_proto::Error;
use volary_storage::tables::PROFILES;
use volary_storage::{BlobName, Blobs, ReadTx, View as _};

use crate::ground::artwork;
use crate::ground::db::{Db, blob_dir};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::key_cache::KeyCache;
use crate::ground::texts::Texts;

/// A snapshot of one profile.
pub struct Look<'a> {
    /// The tables.
    pub view: &'a ReadTx,
    /// The profile.
    pub profile: ProfileId,
    /// The texts in force.
    pub texts: &'a Texts,
    /// Parsed keys.
    pub keys: &'a KeyCache,
    /// Unix seconds now.
    pub now: i64,
    /// Folder of the engine.
    pub dir: &'a Path,
    /// Folder of the attachments.
    pub blob_dir: PathBuf,
}

impl Look<'_> {
    /// Absolute path of a blob; `None` for no blob.
    pub fn path(&self, blob: &str) -> Option<String> {
        (!blob.is_empty()).then(|| self.blob_dir.join(blob).to_string_lossy().into_owned())
    }

    /// Absolute path of a picture that all profiles share.
    pub fn shared(&self, picture: artwork::Shared) -> Option<String> {
        Some(picture.path(self.dir).to_string_lossy().into_owned())
    }

    /// Content of a blob of at most `limit` bytes; `None` if it cannot be read.
    pub fn blob(&self, blob: &str, limit: u64) -> Option<Vec<u8>> {
        let name: BlobName = blob.parse().ok()?;
        Blobs::new(&self.blob_dir).read(&name, limit).ok()
    }
}

/// Reads from a snapshot of a profile; fails if there is no such profile.
pub fn look<T>(db: &Db, profile: ProfileId, read: impl FnOnce(&Look<'_>) -> Outcome<T>) -> Result<T, Error> {
    let found = db.read(|view| {
        let Some(record) = view.get(&PROFILES, &profile)? else { return Ok(None) };
        let look = Look {
            view,
            profile,
            texts: db.texts(),
            keys: db.keys(),
            now: db.now(),
            dir: db.dir(),
            blob_dir: blob_dir(db.dir(), &record.uuid),
        };
        read(&look).map(Some)
    });
    found.map_err(|failure: Failure| Error::from(failure))?.ok_or_else(|| no_profile(profile))
}

/// The failure of a request to a profile that does not exist.
pub(crate) fn no_profile(profile: ProfileId) -> Error {
    Error::not_found(format!("account with id {profile} not found"))
}
