//! Opening a mail on the worker pool, and reading mails back from quarantine.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::join_all;
use volary_storage::{Blobs, StoreError};

use super::super::shared::Shared;
use volary_engine::ground::effects::Unlocked;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::work::Lane;
use volary_engine::incoming::open::{self, Opened, Sources};
use volary_engine::incoming::{self, Source};

/// A mail on its way in.
pub struct Item {
    /// Where it comes from.
    pub source: Source,
    /// The mail.
    pub raw: Bytes,
    /// The relay had it flagged as seen.
    pub seen: bool,
    /// What opening found.
    pub opened: Arc<Opened>,
}

/// Opens a mail. On a failure of ours nothing is said about the mail: it has to wait.
pub async fn open(shared: &Rc<Shared>, lane: Lane, source: Source, raw: Bytes, seen: bool) -> Outcome<Item> {
    let (db, profile, blob_dir) = (shared.db.clone(), shared.id, shared.blob_dir.clone());
    let mail = raw.clone();
    let work = move || open::open(&Sources { db: &db, profile, blob_dir: &blob_dir }, &mail, seen);
    let opened = match shared.hub.pool.run(lane, work).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) if stops_everything(&error) => return Err(error),
        Ok(Err(error)) => failed(shared, lane, &raw, seen, &error.to_string()).await,
        Err(_) => failed(shared, lane, &raw, seen, "reading the mail was not finished").await,
    };
    Ok(Item { source, raw, seen, opened: Arc::new(opened) })
}

/// A failure of the disk or of the database as a whole: nothing can be received now. Any other concerns one mail.
pub fn stops_everything(error: &Failure) -> bool {
    match error {
        Failure::File { .. } | Failure::Stopping => true,
        Failure::Storage(error) => !matches!(
            error,
            StoreError::Row { .. }
                | StoreError::Panicked(_)
                | StoreError::KeyTooLong { .. }
                | StoreError::ValueTooLong { .. }
                | StoreError::Range { .. }
        ),
        _ => false,
    }
}

async fn failed(shared: &Rc<Shared>, lane: Lane, raw: &Bytes, seen: bool, cause: &str) -> Opened {
    tracing::error!(profile = %shared.id, cause, "a mail cannot be opened for a fault of ours");
    let header = raw.clone();
    let mid = shared.hub.pool.run(lane, move || open::outer_mid(&header)).await.ok().flatten();
    Opened::failed(raw, mid, shared.db.now(), seen, cause)
}

/// Reads and opens the mails in quarantine that may be let in now, but not those that are on their way already.
pub async fn from_quarantine(
    shared: &Rc<Shared>,
    unlocked: Unlocked,
    on_their_way: &[u64],
) -> Outcome<Vec<Item>> {
    let mut waiting = shared.db.read(|view| incoming::candidates(view, shared.id, unlocked))?;
    waiting.retain(|(sequence, _)| !on_their_way.contains(sequence));
    let opening = waiting.into_iter().map(async |(sequence, record)| {
        let (blobs, name, bytes) = (Blobs::new(&shared.blob_dir), record.blob, record.bytes);
        let read = move || blobs.read(&name.parse().map_err(std::io::Error::other)?, bytes);
        match shared.hub.pool.run(Lane::Bulk, read).await {
            Ok(Ok(raw)) => {
                let source = Source::Quarantine(sequence);
                open(shared, Lane::Bulk, source, raw.into(), record.seen).await.map(Some)
            }
            Ok(Err(error)) => {
                tracing::error!(profile = %shared.id, %error, "a mail that waits cannot be read");
                Ok(None)
            }
            Err(_) => Ok(None),
        }
    });
    let opened: Vec<Option<Item>> = join_all(opening).await.into_iter().collect::<Outcome<_>>()?;
    Ok(opened.into_iter().flatten().collect())
}
