//! The device that gives: the archive is made, the offer stands until somebody with the code has taken it.

use std::path::PathBuf;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use volary_engine::backup::{self, Cancel, Meter, Package};
use volary_engine::chat::device;
use volary_engine::commands::process::OFFERED;
use volary_engine::ground::db::Db;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::ProfileId;
use volary_engine::state::profiles;
use volary_transfer::{Giving, Offer, Reach, TransferError, pipe};

use super::{Ending, cancelled, runtime};

/// How the offer is made.
pub struct Offering {
    /// How others reach this device.
    pub reach: Reach,
    /// Where those who ask for the code find it.
    pub offered: watch::Sender<Option<String>>,
}

impl Offering {
    /// Makes the archive, then offers it. An error if the offer does not come to stand.
    pub fn run(&self, db: &Db, profile: ProfileId, cancel: &Cancel) -> Outcome<Result<(), Ending>> {
        let package = match backup::prepare(db, profile, "", &database(db, profile)?, cancel) {
            Ok(package) => package,
            Err(Failure::Cancelled) => return Ok(Err(Ending::Cancelled)),
            Err(error) => return Err(error),
        };
        runtime()?.block_on(self.offer(db, profile, package, cancel))
    }

    async fn offer(
        &self,
        db: &Db,
        profile: ProfileId,
        package: Package,
        cancel: &Cancel,
    ) -> Outcome<Result<(), Ending>> {
        let refused = |error: TransferError| Failure::refused(error.to_string());
        let offer = Offer::open(self.reach).await.map_err(refused)?;
        let code = offer.code().await.map_err(refused)?;
        tracing::info!(%profile, bytes = package.bytes(), "the profile is offered to a second device");
        self.offered.send_replace(Some(code.to_text()));
        let given = tokio::select! {
            given = self.give(db, profile, &offer, package, cancel) => given,
            () = cancelled(cancel) => Err(Ending::Cancelled),
        };
        self.offered.send_replace(None);
        offer.close().await;
        if given.is_ok() {
            db.transact(profile, device::note_transfer).await?;
            tracing::info!(%profile, "a second device has the profile");
        }
        Ok(given)
    }

    async fn give(
        &self,
        db: &Db,
        profile: ProfileId,
        offer: &Offer,
        package: Package,
        cancel: &Cancel,
    ) -> Result<(), Ending> {
        let giving = offer.taker().await.map_err(lost)?;
        // Another device could not take it any more.
        self.offered.send_replace(None);
        Meter::begins(db, profile);
        send(giving, db.clone(), profile, package, cancel.clone()).await
    }
}

async fn send(
    mut giving: Giving,
    db: Db,
    profile: ProfileId,
    package: Package,
    cancel: Cancel,
) -> Result<(), Ending> {
    let size = package.bytes();
    let (mut writer, chunks) = pipe::to_network();
    // Ends with the pipe, whatever becomes of this task.
    let written = spawn_blocking(move || {
        let mut meter = Meter::new(&db, profile, size, cancel);
        package.write(&mut writer, &mut meter)?;
        writer.finish().map_err(Failure::file("the archive cannot be sent"))
    });
    let sent = giving.send(size, chunks).await;
    let written = written.await.unwrap_or_else(|_| Err(Failure::Internal("the export panicked".to_owned())));
    match (sent, written) {
        (Ok(()), Ok(())) => giving.confirmed().await.map_err(lost),
        (Err(TransferError::Archive) | Ok(()), Err(Failure::Cancelled)) => Err(Ending::Cancelled),
        (Err(TransferError::Archive) | Ok(()), Err(error)) => Err(Ending::Failed(error.to_string())),
        (Err(error), _) => Err(lost(error)),
    }
}

fn lost(error: TransferError) -> Ending {
    Ending::Failed(error.to_string())
}

fn database(db: &Db, profile: ProfileId) -> Outcome<PathBuf> {
    let record = db.look(|view| profiles::load(view, profile))?;
    let record = record.ok_or_else(|| Failure::refused(format!("account with id {profile} not found")))?;
    Ok(db.dir().join(record.uuid).join(OFFERED))
}
