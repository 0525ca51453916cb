//! The registry of profiles: adding, removing, selecting, ordering; requests to the process as a whole.

use std::time::Duration;

use actix::Addr;
use futures::future::join_all;
use volary_proto::v1::{
    Answer, Done, Error, Flag, Id, Request, SetLocation, StartIo, StopIo, answer, event, request,
};

use super::{GetRunning, Supervisor, adoption};
use crate::hub::Hub;
use volary_engine::commands::{process, push};
use volary_engine::ground::error::Failure;
use volary_engine::ground::ids::{ProfileId, typed};
use volary_engine::query;
use volary_engine::state::profiles;

/// Carries out a request to the process as a whole.
pub async fn request(hub: &Hub, supervisor: &Addr<Supervisor>, request: Request) -> Result<Answer, Error> {
    use request::Kind;
    let db = &hub.db;
    let kind = request.kind.ok_or_else(|| Error::invalid("empty request"))?;
    let done = answer::Kind::Done(Done {});
    let answer = match kind {
        Kind::AdoptAccount(call) => answer::Kind::Adopted(adoption::adopt(db, supervisor, call).await?),
        Kind::MigrateAccount(call) => {
            answer::Kind::Id(Id { id: adoption::migrate(db, supervisor, call.path).await?.get() })
        }
        Kind::AddAccount(_) => answer::Kind::Id(Id { id: process::add(db).await?.get() }),
        Kind::SelectAccount(call) => {
            process::select(db, ProfileId::new(call.account_id)).await?;
            done
        }
        Kind::SetAccountsOrder(call) => {
            process::set_order(db, typed(&call.account_ids)).await?;
            done
        }
        Kind::StartIoForAllAccounts(_) => {
            let all = db.look(profiles::ids)?;
            to_profiles(supervisor, &all, Kind::StartIo(StartIo {})).await;
            done
        }
        Kind::StopIoForAllAccounts(_) => {
            let all = db.look(profiles::ids)?;
            let msg = "stopping I/O of all accounts".to_owned();
            db.emit(ProfileId::PROCESS, event::Kind::Info(event::Info { msg }));
            to_profiles(supervisor, &all, Kind::StopIo(StopIo {})).await;
            done
        }
        Kind::MaybeNetwork(call) => {
            for profile in supervisor.send(GetRunning).await.unwrap_or_default() {
                profile.do_send(Request { profile_id: 0, kind: Some(Kind::MaybeNetwork(call)) });
            }
            done
        }
        Kind::BackgroundFetch(call) => {
            background_fetch(hub, supervisor, call).await?;
            done
        }
        Kind::StopBackgroundFetch(_) => {
            hub.wakes.stop_background_fetch().notify_waiters();
            done
        }
        Kind::SetPushDeviceToken(call) => {
            push::set(db, call.token, call.proxy_certificate).await?;
            done
        }
        Kind::SetStockStrings(call) => {
            for (number, text) in &call.strings {
                db.texts().replace(*number, text).map_err(|error| Error::failed(error.to_string()))?;
            }
            done
        }
        Kind::SetLocation(call) => {
            let SetLocation { latitude, longitude, accuracy } = call;
            let value = process::set_location(db, latitude, longitude, accuracy).await?;
            answer::Kind::Flag(Flag { value })
        }
        Kind::StopSendingLocations(_) => {
            process::stop_locations(db).await?;
            done
        }
        other => query::process::run(db, &other)?,
    };
    Ok(Answer::new(answer))
}

/// Removes a profile whose actor has ended.
pub async fn remove(hub: &Hub, id: ProfileId) -> Result<(), Error> {
    let db = &hub.db;
    let leaving = db.transact_freeing(ProfileId::PROCESS, move |tx| {
        profiles::leave(tx, id)?;
        tx.emit(event::Kind::AccountsChanged(event::AccountsChanged {}));
        Ok::<_, Failure>(())
    });
    leaving.await?.barrier.durable().await.map_err(Failure::from)?;
    Ok(process::finish_removals(db).await?)
}

/// Sends a request to several profiles; one that fails does not stop the others.
async fn to_profiles(supervisor: &Addr<Supervisor>, ids: &[ProfileId], kind: request::Kind) {
    let sent = ids.iter().map(|id| {
        let (id, kind) = (*id, kind.clone());
        async move {
            if let Ok(Err(error)) = supervisor.send(Request { profile_id: id.get(), kind: Some(kind) }).await
            {
                tracing::warn!(profile = %id, %error, "request to all profiles failed");
            }
        }
    });
    join_all(sent).await;
}

async fn background_fetch(
    hub: &Hub,
    supervisor: &Addr<Supervisor>,
    call: volary_proto::v1::BackgroundFetch,
) -> Result<(), Error> {
    let db = &hub.db;
    let seconds = call.timeout_seconds;
    let timeout = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::invalid(format!("invalid timeout: {seconds} seconds")))?;
    let all = db.look(profiles::ids)?;
    let stop = hub.wakes.stop_background_fetch();
    let fetched = to_profiles(supervisor, &all, request::Kind::BackgroundFetch(call));
    tokio::select! {
        () = fetched => {}
        () = stop.notified() => {}
        () = tokio::time::sleep(timeout) => {
            let msg = "Background fetch timed out.".to_owned();
            db.emit(ProfileId::PROCESS, event::Kind::Warning(event::Warning { msg }));
        }
    }
    db.emit(
        ProfileId::PROCESS,
        event::Kind::AccountsBackgroundFetchDone(event::AccountsBackgroundFetchDone {}),
    );
    Ok(())
}
