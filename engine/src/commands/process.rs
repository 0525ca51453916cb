//! Commands to the process as a whole: adding, selecting, ordering and removing profiles.

use std::fs;
use std::time::SystemTime;

use volary_proto::v1::{Error, event};
use volary_storage::View as _;
use volary_storage::records::{CounterRecord, LeavingRecord, ProfileRecord};
use volary_storage::tables::{COUNTERS, MANAGER, PROFILES};

use crate::chat::locations;
use crate::ground::db::{Db, Tx};
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::ground::work::Lane;
use crate::state::profiles;

/// Name of the database in the folder of the profile while it is offered to a second device.
pub const OFFERED: &str = "transfer.db";
/// A database that goes out, before it is encrypted.
pub(crate) const OFFERED_PLAIN: &str = "transfer.plain";
/// The greatest number of a profile that is given out as it is wanted.
const LAST_WANTED: ProfileId = ProfileId::new(1_000_000_000);

fn accounts_changed(tx: &mut Tx<'_, '_>) {
    tx.emit(event::Kind::AccountsChanged(event::AccountsChanged {}));
}

/// Adds a profile and selects it.
pub async fn add(db: &Db) -> Outcome<ProfileId> {
    db.transact_durably(ProfileId::PROCESS, |tx| {
        let mut manager = profiles::manager(tx.store)?;
        let id = manager.next_id.max(ProfileId::FIRST);
        manager.next_id = id.next();
        manager.selected = Some(id);
        manager.order.push(id);
        tx.store.put(&MANAGER, &0, &manager)?;
        let record = ProfileRecord { uuid: new_uuid(), created: tx.now, ..ProfileRecord::default() };
        tx.store.put(&PROFILES, &id, &record)?;
        tx.store.put(&COUNTERS, &id, &CounterRecord::default())?;
        accounts_changed(tx);
        Ok(id)
    })
    .await
}

/// Adds a profile that is about to be copied from something. Until the copy is whole it is one that goes at the next start.
/// It gets the number that is wanted, unless that was given out already.
pub async fn add_arriving(db: &Db, source: String, wanted: ProfileId) -> Outcome<ProfileId> {
    db.transact_durably(ProfileId::PROCESS, move |tx| {
        let mut manager = profiles::manager(tx.store)?;
        let next = manager.next_id.max(ProfileId::FIRST);
        let id = if (next..=LAST_WANTED).contains(&wanted) { wanted } else { next };
        manager.next_id = id.next();
        manager.order.push(id);
        manager.importing.push(id);
        tx.store.put(&MANAGER, &0, &manager)?;
        let record = ProfileRecord { uuid: new_uuid(), created: tx.now, source, arriving: true };
        tx.store.put(&PROFILES, &id, &record)?;
        tx.store.put(&COUNTERS, &id, &CounterRecord::default())?;
        accounts_changed(tx);
        Ok(id)
    })
    .await
}

pub(crate) fn new_uuid() -> String {
    let mid = crate::chat::compose::new_mid();
    mid.split('@').next().unwrap_or_default().to_owned()
}

/// Removes what is left of profiles that were removed.
pub async fn finish_removals(db: &Db) -> Outcome<()> {
    for record in db.look(profiles::manager)?.leaving {
        remove_traces(db, record).await?;
    }
    Ok(())
}

/// Profiles that were being filled when the process ended. To be asked for before anything is filled.
pub fn interrupted_imports(db: &Db) -> Outcome<Vec<ProfileId>> {
    Ok(db.look(profiles::manager)?.importing)
}

/// Empties profiles whose import was interrupted, and removes those that were made for it.
pub async fn finish_imports(db: &Db, interrupted: Vec<ProfileId>) -> Outcome<()> {
    for profile in interrupted {
        if db.look(|view| profiles::load(view, profile))?.is_some_and(|record| record.arriving) {
            tracing::warn!(%profile, "copying a profile was interrupted: it is removed again");
            let left = db.transact_freeing(ProfileId::PROCESS, move |tx| {
                accounts_changed(tx);
                profiles::leave(tx, profile)
            });
            left.await?;
        } else {
            tracing::warn!(%profile, "an import was interrupted: the profile is empty again");
            empty(db, profile).await?;
        }
    }
    Ok(())
}

/// Removes databases that were made for a second device or a backup, when the process ended before these were done.
/// `started`: later ones are in use.
pub fn remove_left_files(db: &Db, started: SystemTime) -> Outcome<()> {
    for profile in db.look(profiles::ids)? {
        let Some(record) = db.look(|view| profiles::load(view, profile))? else { continue };
        for name in [OFFERED, OFFERED_PLAIN] {
            let path = db.dir().join(&record.uuid).join(name);
            let is_left = fs::metadata(&path).and_then(|file| file.modified()).is_ok_and(|at| at < started);
            if is_left && let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%profile, path = %path.display(), %error, "a file that nobody needs stays");
            }
        }
    }
    Ok(())
}

/// Removes everything from a profile that is being filled, and takes the note back. A profile that was made for it keeps
/// the note: it is about to go.
pub(crate) async fn empty(db: &Db, profile: ProfileId) -> Outcome<()> {
    erase(db, profile).await?;
    let record = db.look(|view| profiles::load(view, profile))?;
    let is_arriving = record.as_ref().is_some_and(|record| record.arriving);
    if let Some(record) = record {
        let folder = db.dir().join(&record.uuid);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::file(folder.display().to_string())(error));
            }
            _ => {}
        }
    }
    if !is_arriving {
        db.transact_freeing(profile, profiles::end_import).await?.barrier.durable().await?;
    }
    Ok(())
}

/// Removes all rows of a profile.
pub(crate) async fn erase(db: &Db, profile: ProfileId) -> Outcome<()> {
    while db.transact_freeing(profile, move |tx| profiles::erase_some(tx, profile)).await?.value {}
    db.transact_freeing(profile, profiles::reset).await?;
    Ok(())
}

/// Removes rows and folder of a profile that is not in the registry, and then the note that it was leaving or arriving.
pub(crate) async fn remove_traces(db: &Db, record: LeavingRecord) -> Outcome<()> {
    let LeavingRecord { profile, uuid } = record;
    while db.transact_freeing(ProfileId::PROCESS, move |tx| profiles::erase_some(tx, profile)).await?.value {}
    let dir = db.dir().join(&uuid);
    if let Err(error) = db.work(Lane::Bulk, move || Ok(std::fs::remove_dir_all(dir))).await?
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%profile, %error, "folder of a removed profile is left");
    }
    db.transact_freeing(ProfileId::PROCESS, move |tx| profiles::forget(tx, profile)).await?;
    Ok(())
}

/// Selects a profile.
pub async fn select(db: &Db, id: ProfileId) -> Result<(), Error> {
    let known = db.look(|view| profiles::load(view, id))?.is_some();
    if !known {
        return Err(Error::not_found(format!("invalid account id: {id}")));
    }
    db.transact_durably(ProfileId::PROCESS, move |tx| {
        let mut manager = profiles::manager(tx.store)?;
        manager.selected = Some(id);
        tx.store.put(&MANAGER, &0, &manager)
    })
    .await
    .map_err(Failure::from)?;
    Ok(())
}

/// The device is at a place now: chats to which the location is streamed get it. Whether there are any.
pub async fn set_location(db: &Db, latitude: f64, longitude: f64, accuracy: f64) -> Outcome<bool> {
    if (latitude, longitude) == (0.0, 0.0) {
        // Programs say so when they do not know the place.
        return Ok(true);
    }
    locations::check(latitude, longitude)?;
    let mut any = false;
    for profile in streaming(db)? {
        let set = db.transact(profile, move |tx| locations::set(tx, latitude, longitude, accuracy));
        any |= set.await?.value;
    }
    Ok(any)
}

/// The own location is streamed nowhere any more.
pub async fn stop_locations(db: &Db) -> Outcome<()> {
    for profile in streaming(db)? {
        db.transact(profile, locations::stop).await?;
    }
    Ok(())
}

/// Profiles that stream their location.
fn streaming(db: &Db) -> Outcome<Vec<ProfileId>> {
    db.read(|view| {
        let mut found = Vec::new();
        for profile in profiles::ids(view)? {
            if !locations::streams(view, profile)?.is_empty() {
                found.push(profile);
            }
        }
        Ok(found)
    })
}

/// Sets the display order; profiles that are not named come last.
pub async fn set_order(db: &Db, wanted: Vec<ProfileId>) -> Outcome<()> {
    db.transact_durably(ProfileId::PROCESS, move |tx| {
        let all: Vec<ProfileId> = tx.store.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
        let order = profiles::ordered(all, &wanted);
        let mut manager = profiles::manager(tx.store)?;
        manager.order = order;
        tx.store.put(&MANAGER, &0, &manager)?;
        accounts_changed(tx);
        Ok(())
    })
    .await
}
