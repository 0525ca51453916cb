//! The device that takes: it shows the token, then the archive is read while it comes.

use tokio::task::spawn_blocking;
use volary_engine::backup::{self, Cancel};
use volary_engine::ground::db::Db;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::ProfileId;
use volary_mail::qr::BackupCode;
use volary_transfer::{Reach, Taking, pipe};

use super::{Ending, cancelled, failed, runtime};

/// Takes the profile. What fails leaves an empty one.
pub fn run(
    db: &Db,
    profile: ProfileId,
    cancel: &Cancel,
    code: &BackupCode,
    reach: Reach,
) -> Outcome<Result<(), Ending>> {
    Ok(runtime()?.block_on(async {
        let begun = tokio::select! {
            begun = Taking::begin(code, reach) => begun.map_err(|error| error.to_string()),
            () = cancelled(cancel) => Err("canceled".to_owned()),
        };
        match begun {
            Ok(taking) => {
                tracing::info!(%profile, bytes = taking.size(), "a profile comes from another device");
                import(db, profile, cancel, taking).await
            }
            Err(reason) => {
                failed(db, profile, reason.clone());
                Err(if cancel.is_cancelled() { Ending::Cancelled } else { Ending::Failed(reason) })
            }
        }
    }))
}

/// From here on the import emits how far it is and how it ended.
async fn import(db: &Db, profile: ProfileId, cancel: &Cancel, mut taking: Taking) -> Result<(), Ending> {
    let (feed, mut reader) = pipe::from_network();
    let (reads, size, stops) = (db.clone(), taking.size(), cancel.clone());
    let import = spawn_blocking(move || backup::import(&reads, profile, &mut reader, size, "", &stops));
    let received = tokio::select! {
        received = taking.receive(feed) => received,
        () = cancelled(cancel) => Ok(()),
    };
    if let Err(error) = received {
        tracing::info!(%profile, %error, "the other device does not send the whole profile");
    }
    // Without the rest the import fails, and undoes what it has done.
    let imported = import.await.unwrap_or_else(|_| Err(Failure::Internal("the import panicked".to_owned())));
    match imported {
        Ok(()) => {
            tracing::info!(%profile, "the profile of another device is here");
            taking.confirm().await;
            Ok(())
        }
        Err(error) => {
            taking.end().await;
            Err(match error {
                Failure::Cancelled => Ending::Cancelled,
                error => Ending::Failed(format!("Failed to import backup from QUIC stream: {error}")),
            })
        }
    }
}
