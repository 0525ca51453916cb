//! Backups: one at a time, on a thread of its own, with I/O off meanwhile.

use std::path::Path;
use std::rc::Rc;
use std::thread;

use actix::Addr;
use tokio::sync::oneshot;
use volary_engine::backup::{self, Cancel};
use volary_engine::ground::db::Db;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::ProfileId;
use volary_proto::v1::{AdoptAccount, Adopted, Error, ExportBackup, ImportBackup};

use super::ongoing::Ongoing;
use super::shared::Shared;
use super::{Profile, io};

/// Writes the profile to a file.
pub async fn export(shared: &Rc<Shared>, profile: &Addr<Profile>, call: ExportBackup) -> Result<(), Error> {
    alone(shared, profile, move |db, id, cancel| {
        let passphrase = call.passphrase.unwrap_or_default();
        backup::export_file(db, id, Path::new(&call.destination), &passphrase, cancel).map(|_| ())
    })
    .await
}

/// Fills the profile from a file.
pub async fn import(shared: &Rc<Shared>, profile: &Addr<Profile>, call: ImportBackup) -> Result<(), Error> {
    alone(shared, profile, move |db, id, cancel| {
        let passphrase = call.passphrase.unwrap_or_default();
        backup::import_file(db, id, Path::new(&call.path), &passphrase, cancel)
    })
    .await
}

/// Fills the profile from the files of another one on this disk.
pub async fn adopt(
    shared: &Rc<Shared>,
    profile: &Addr<Profile>,
    call: AdoptAccount,
) -> Result<Adopted, Error> {
    alone(shared, profile, move |db, id, cancel| {
        let from = backup::foreign(Path::new(&call.path))?;
        let passphrase = call.passphrase.unwrap_or_default();
        let came = backup::adopt(db, id, &from, &passphrase, cancel)?;
        Ok(Adopted {
            profile_id: id.get(),
            found: Some(came.found),
            taken: Some(came.taken),
            missing_files: came.missing,
        })
    })
    .await
}

/// Refuses a path at which no profile lies.
pub fn check_foreign(path: &str) -> Result<(), Error> {
    backup::foreign(Path::new(path)).map(|_| ()).map_err(Error::from)
}

/// Refuses a profile that a program may be writing: its files are about to go.
pub fn check_unused(path: &str) -> Result<(), Error> {
    backup::foreign(Path::new(path)).and_then(|from| from.not_in_use()).map_err(Error::from)
}

/// Removes the files of a profile that was copied.
pub fn remove_foreign(path: &str) {
    let removed = backup::foreign(Path::new(path)).map_err(|error| error.to_string());
    if let Err(error) = removed.and_then(|from| from.remove().map_err(|error| error.to_string())) {
        tracing::warn!(error, "what a profile was moved from stays where it was");
    }
}

/// Does long work on the whole profile while nothing else goes on. `StopOngoingProcess` cancels it, and so does the end of
/// the profile.
pub async fn alone<T: Send + 'static>(
    shared: &Rc<Shared>,
    profile: &Addr<Profile>,
    work: impl FnOnce(&Db, ProfileId, &Cancel) -> Outcome<T> + Send + 'static,
) -> Result<T, Error> {
    let ongoing = Ongoing::begin(shared)?;
    let was_running = shared.io.get();
    io::stop(shared).await;
    let done = on_a_thread(shared, &ongoing, work).await;
    drop(ongoing);
    if was_running {
        io::start(shared, profile).await?;
    }
    Ok(done?)
}

async fn on_a_thread<T: Send + 'static>(
    shared: &Shared,
    ongoing: &Ongoing,
    work: impl FnOnce(&Db, ProfileId, &Cancel) -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let cancel = Cancel::default();
    let _ends_with_us = CancelledAtTheEnd(cancel.clone());
    let (answer, mut answered) = oneshot::channel();
    let (db, id, given, span) = (shared.db.clone(), shared.id, cancel.clone(), shared.span());
    thread::Builder::new()
        .name("backup".to_owned())
        .spawn(move || {
            let _in_span = span.enter();
            // Nobody waits for it any more if the profile has ended.
            let _ = answer.send(work(&db, id, &given));
        })
        .map_err(Failure::file("no thread for a backup"))?;
    loop {
        tokio::select! {
            done = &mut answered => {
                return done.unwrap_or_else(|_| Err(Failure::Internal("the backup panicked".to_owned())));
            }
            () = ongoing.cancelled(), if !cancel.is_cancelled() => cancel.cancel(),
        }
    }
}

/// Cancels the work when whoever waits for it is gone.
struct CancelledAtTheEnd(Cancel);

impl Drop for CancelledAtTheEnd {
    fn drop(&mut self) {
        self.0.cancel();
    }
}
