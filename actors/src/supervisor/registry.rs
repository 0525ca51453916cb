//! The registry of profiles: adding, removing, selecting, ordering; requests to the process as a whole.

use std::time::Duration;

use actix::Addr;
use futures::future::join_all;
use volary_proto::v1::{
    Accounts, Answer, Done, Error, Flag, Id, Ids, MaybeAppSource, MaybeId, Request, StartIo, StopIo, answer,
    event, request,
};
use volary_storage::records::{CounterRecord, LeavingRecord, ManagerRecord, ProfileRecord};
use volary_storage::tables::{COUNTERS, MANAGER, PROFILES};
use volary_storage::{StoreError, View};

use super::{EndProfile, GetRunning, Supervisor};
use crate::db::{Db, Tx};
use crate::error::{Failure, Outcome};
use crate::query;
use crate::state::{outbox, profiles, transports};

/// The record of a profile.
pub fn load(view: &impl View, profile: u32) -> Result<Option<ProfileRecord>, StoreError> {
    view.get(&PROFILES, &profile)
}

/// The registry.
pub fn manager(view: &impl View) -> Result<ManagerRecord, StoreError> {
    Ok(view.get(&MANAGER, &0)?.unwrap_or_default())
}

/// Profile ids in display order.
pub fn ids(view: &impl View) -> Result<Vec<u32>, StoreError> {
    let manager = manager(view)?;
    let mut all: Vec<u32> = view.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
    let position = |id: &u32| manager.order.iter().position(|known| known == id).unwrap_or(usize::MAX);
    all.sort_by_key(|id| (position(id), *id));
    Ok(all)
}

/// Carries out a request to the process as a whole.
pub async fn request(db: &Db, supervisor: &Addr<Supervisor>, request: Request) -> Result<Answer, Error> {
    use request::Kind;
    let kind = request.kind.ok_or_else(|| Error::invalid("empty request"))?;
    let done = answer::Kind::Done(Done {});
    let answer = match kind {
        Kind::AddAccount(_) => answer::Kind::Id(Id { id: add(db).await? }),
        Kind::RemoveAccount(call) => {
            remove(db, supervisor, call.account_id).await?;
            done
        }
        Kind::SelectAccount(call) => {
            select(db, call.account_id).await?;
            done
        }
        Kind::SetAccountsOrder(call) => {
            set_order(db, call.account_ids).await?;
            done
        }
        Kind::StartIoForAllAccounts(_) => {
            let all = db.look(ids)?;
            to_profiles(supervisor, &all, Kind::StartIo(StartIo {})).await;
            done
        }
        Kind::StopIoForAllAccounts(_) => {
            let all = db.look(ids)?;
            let msg = "stopping I/O of all accounts".to_owned();
            db.emit(0, event::Kind::Info(event::Info { msg }));
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
            background_fetch(db, supervisor, call).await?;
            done
        }
        Kind::StopBackgroundFetch(_) => {
            db.wakes().stop_background_fetch().notify_waiters();
            done
        }
        Kind::SetStockStrings(call) => {
            for (number, text) in &call.strings {
                db.texts().replace(*number, text).map_err(|error| Error::failed(error.to_string()))?;
            }
            done
        }
        other => answer_query(db, &other)?,
    };
    Ok(Answer::new(answer))
}

/// Answers a query to the process as a whole, from a snapshot; no actor takes part.
pub fn answer_query(db: &Db, kind: &request::Kind) -> Result<answer::Kind, Error> {
    use request::Kind;
    Ok(match kind {
        Kind::GetAllAccountIds(_) => answer::Kind::Ids(Ids { ids: db.look(ids)? }),
        Kind::GetSelectedAccountId(_) => {
            let selected = db.look(manager)?.selected;
            answer::Kind::MaybeId(MaybeId { id: (selected != 0).then_some(selected) })
        }
        Kind::GetAllAccounts(_) => {
            let all = db.look(ids)?;
            let accounts =
                all.into_iter().map(|id| query::account::account(db, id)).collect::<Result<_, _>>()?;
            answer::Kind::Accounts(Accounts { accounts })
        }
        Kind::IsSendingFinished(_) => answer::Kind::Flag(Flag { value: nothing_queued(db)? }),
        Kind::GetAppVersion(_) => answer::Kind::MaybeAppSource(MaybeAppSource { source: None }),
        other => query::process(other).unwrap_or_else(|| Err(query::unsupported(other)))?,
    })
}

fn nothing_queued(db: &Db) -> Outcome<bool> {
    db.read(|view| {
        for id in ids(view)? {
            if !outbox::is_empty(view, id)? {
                return Ok(false);
            }
        }
        Ok(true)
    })
}

fn accounts_changed(tx: &mut Tx<'_, '_>) {
    tx.emit(event::Kind::AccountsChanged(event::AccountsChanged {}));
}

/// Adds a profile and selects it.
async fn add(db: &Db) -> Outcome<u32> {
    db.transact_durably(0, |tx| {
        let mut manager = manager(tx.store)?;
        let id = manager.next_id.max(1);
        manager.next_id = id + 1;
        manager.selected = id;
        manager.order.push(id);
        tx.store.put(&MANAGER, &0, &manager)?;
        let record = ProfileRecord { uuid: new_uuid(), created: tx.now };
        tx.store.put(&PROFILES, &id, &record)?;
        tx.store.put(&COUNTERS, &id, &CounterRecord::default())?;
        accounts_changed(tx);
        Ok(id)
    })
    .await
}

fn new_uuid() -> String {
    let mid = crate::chat::compose::new_mid();
    mid.split('@').next().unwrap_or_default().to_owned()
}

async fn remove(db: &Db, supervisor: &Addr<Supervisor>, id: u32) -> Result<(), Error> {
    let known = db.look(|view| load(view, id))?.is_some();
    if !known {
        return Err(Error::not_found(format!("no account with id {id}")));
    }
    let _ = supervisor.send(EndProfile(Some(id))).await;
    db.wakes().unregister(id);
    let leaving = db.transact_freeing(0, move |tx| {
        profiles::leave(tx, id)?;
        accounts_changed(tx);
        Ok::<_, Failure>(())
    });
    leaving.await?.barrier.durable().await.map_err(Failure::from)?;
    Ok(finish_removals(db).await?)
}

/// Removes what is left of profiles that were removed.
pub async fn finish_removals(db: &Db) -> Outcome<()> {
    for LeavingRecord { profile, uuid } in db.look(manager)?.leaving {
        while db.transact_freeing(0, move |tx| profiles::erase_some(tx, profile)).await?.value {}
        let dir = db.dir().join(&uuid);
        if let Err(error) = tokio::fs::remove_dir_all(&dir).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(profile, %error, "folder of a removed profile is left");
        }
        db.transact_freeing(0, move |tx| profiles::forget(tx, profile)).await?;
    }
    Ok(())
}

async fn select(db: &Db, id: u32) -> Result<(), Error> {
    let known = db.look(|view| load(view, id))?.is_some();
    if !known {
        return Err(Error::not_found(format!("invalid account id: {id}")));
    }
    db.transact_durably(0, move |tx| {
        let mut manager = manager(tx.store)?;
        manager.selected = id;
        tx.store.put(&MANAGER, &0, &manager)
    })
    .await
    .map_err(crate::error::Failure::from)?;
    Ok(())
}

async fn set_order(db: &Db, wanted: Vec<u32>) -> Outcome<()> {
    db.transact_durably(0, move |tx| {
        let all: Vec<u32> = tx.store.scan_prefix(&PROFILES, &())?.keys().collect::<Result<_, _>>()?;
        let mut order: Vec<u32> = Vec::with_capacity(all.len());
        for id in wanted {
            if all.contains(&id) && !order.contains(&id) {
                order.push(id);
            }
        }
        let missing: Vec<u32> = all.into_iter().filter(|id| !order.contains(id)).collect();
        order.extend(missing);
        let mut manager = manager(tx.store)?;
        manager.order = order;
        tx.store.put(&MANAGER, &0, &manager)?;
        accounts_changed(tx);
        Ok(())
    })
    .await
}

/// Sends a request to several profiles; one that fails does not stop the others.
async fn to_profiles(supervisor: &Addr<Supervisor>, ids: &[u32], kind: request::Kind) {
    let sent = ids.iter().map(|id| {
        let (id, kind) = (*id, kind.clone());
        async move {
            if let Ok(Err(error)) = supervisor.send(Request { profile_id: id, kind: Some(kind) }).await {
                tracing::warn!(profile = id, %error, "request to all profiles failed");
            }
        }
    });
    join_all(sent).await;
}

async fn background_fetch(
    db: &Db,
    supervisor: &Addr<Supervisor>,
    call: volary_proto::v1::BackgroundFetch,
) -> Result<(), Error> {
    let seconds = call.timeout_seconds;
    let timeout = Duration::try_from_secs_f64(seconds)
        .map_err(|_| Error::invalid(format!("invalid timeout: {seconds} seconds")))?;
    let all = db.look(ids)?;
    let stop = db.wakes().stop_background_fetch();
    let fetched = to_profiles(supervisor, &all, request::Kind::BackgroundFetch(call));
    tokio::select! {
        () = fetched => {}
        () = stop.notified() => {}
        () = tokio::time::sleep(timeout) => {
            let msg = "Background fetch timed out.".to_owned();
            db.emit(0, event::Kind::Warning(event::Warning { msg }));
        }
    }
    db.emit(0, event::Kind::AccountsBackgroundFetchDone(event::AccountsBackgroundFetchDone {}));
    Ok(())
}

/// Whether a profile has at least one transport.
pub fn is_configured(view: &impl View, profile: u32) -> Result<bool, StoreError> {
    Ok(!transports::all(view, profile)?.is_empty())
}
