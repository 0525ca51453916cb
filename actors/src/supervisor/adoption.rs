//! Profiles of chatmail core become ours: a new profile is made for each, filled by its actor, and removed if that fails.

use actix::Addr;
use volary_proto::v1::{AdoptAccount, Adopted, Error, RemoveAccount, Request, answer, request::Kind};

use super::Supervisor;
use crate::profile::backup;
use volary_engine::commands::process;
use volary_engine::ground::db::Db;
use volary_engine::ground::ids::ProfileId;
use volary_engine::ground::work::Lane;
use volary_engine::state::profiles;

/// Copies a profile, unless it was copied before.
pub async fn adopt(db: &Db, supervisor: &Addr<Supervisor>, call: AdoptAccount) -> Result<Adopted, Error> {
    if !call.source.is_empty()
        && let Some(known) = db.look(|view| profiles::from_source(view, &call.source))?
    {
        return Ok(Adopted { profile_id: known.get(), ..Adopted::default() });
    }
    backup::check_foreign(&call.path)?;
    let profile = process::add_arriving(db, call.source.clone(), ProfileId::new(call.wanted_id)).await?;
    let filled = fill(supervisor, profile, call).await;
    if filled.is_err() {
        remove(supervisor, profile).await;
    }
    filled
}

/// Moves a profile here and selects it.
pub async fn migrate(db: &Db, supervisor: &Addr<Supervisor>, path: String) -> Result<ProfileId, Error> {
    backup::check_unused(&path)?;
    let call = AdoptAccount { path: path.clone(), ..AdoptAccount::default() };
    let adopted = adopt(db, supervisor, call).await?;
    let profile = ProfileId::new(adopted.profile_id);
    if adopted.found != adopted.taken {
        remove(supervisor, profile).await;
        let (found, taken) = (adopted.found.unwrap_or_default(), adopted.taken.unwrap_or_default());
        return Err(Error::failed(format!("not all of the profile came: {found:?} became {taken:?}")));
    }
    process::select(db, profile).await?;
    // May take a while.
    db.work(Lane::Bulk, move || {
        backup::remove_foreign(&path);
        Ok(())
    })
    .await?;
    Ok(profile)
}

async fn fill(
    supervisor: &Addr<Supervisor>,
    profile: ProfileId,
    call: AdoptAccount,
) -> Result<Adopted, Error> {
    let request = Request { profile_id: profile.get(), kind: Some(Kind::AdoptAccount(call)) };
    match supervisor.send(request).await.map_err(|_| stopping())??.kind {
        Some(answer::Kind::Adopted(adopted)) => Ok(adopted),
        _ => Err(Error::internal("a profile was filled and did not say with what")),
    }
}

async fn remove(supervisor: &Addr<Supervisor>, profile: ProfileId) {
    let kind = Some(Kind::RemoveAccount(RemoveAccount { account_id: profile.get() }));
    let removed = match supervisor.send(Request { profile_id: 0, kind }).await {
        Ok(removed) => removed.map(|_| ()),
        Err(_) => Err(stopping()),
    };
    if let Err(error) = removed {
        tracing::warn!(%profile, %error, "a profile that did not come in full is removed at the next start");
    }
}

fn stopping() -> Error {
    Error::new(volary_proto::ErrorCode::Cancelled, "the engine is stopping")
}
