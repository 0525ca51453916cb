//! Receiving: the batches of a relay are opened on the worker pool and taken in one mail after the other.
//!
//! The relay is answered when everything is durable. A crash before that leads to a second fetch of the same mails;
//! their Message-IDs are known by then, so nothing shows twice.

pub mod folder;
pub mod heads;

use std::rc::Rc;
use std::sync::Arc;

use futures::future::join_all;
use volary_proto::v1::{RelayMail, RelayMailAction, RelayMailDecision, RelayMails, RelayMailsAnswer, event};

use super::{Shared, chats};
use crate::chat::TakeIn;
use crate::supervisor::reconnect::UNANSWERED_AFTER_TROUBLE;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::work::Lane;
use volary_engine::incoming::open::{self, Opened, Sources};
use volary_engine::incoming::{self, order};
use volary_engine::state::copies::Place;
use volary_engine::state::transports;

/// Processes a batch; the answer tells the relay what to do with each mail.
pub async fn mails(shared: &Rc<Shared>, batch: RelayMails) -> RelayMailsAnswer {
    let turn = shared.receiving.lock().await;
    match process(shared, &batch).await {
        Ok(decisions) => {
            release(shared, &batch);
            RelayMailsAnswer { decisions }
        }
        Err(error) => {
            // Nothing may count as received: the connections end before they could hear an answer, and the mails are
            // fetched again when they are back.
            tracing::error!(profile = shared.id, %error, "received mail cannot be stored");
            let msg = format!("Received messages cannot be stored and stay on the relay: {error}");
            shared.db.emit(shared.id, event::Kind::Error(event::Error { msg }));
            super::io::drop_connections(shared);
            super::io::reconnect_later(shared);
            drop(turn);
            tokio::time::sleep(UNANSWERED_AFTER_TROUBLE).await;
            RelayMailsAnswer { decisions: Vec::new() }
        }
    }
}

/// The other relays need not wait any more for what the batch brought, or could not bring.
fn release(shared: &Shared, batch: &RelayMails) {
    let mut fan_in = shared.fan_in.borrow_mut();
    for uid in batch.mails.iter().map(|mail| mail.uid).chain(batch.missing.iter().copied()) {
        fan_in.release(Place { transport: batch.transport_id, uid_validity: batch.uidvalidity, uid });
    }
}

async fn process(shared: &Rc<Shared>, batch: &RelayMails) -> Outcome<Vec<RelayMailDecision>> {
    let lane = if batch.mails.len() > 4 { Lane::Bulk } else { Lane::Interactive };
    let opened = join_all(batch.mails.iter().map(|mail| open_one(shared, lane, mail))).await;
    let opened: Vec<Opened> = opened.into_iter().collect::<Outcome<_>>()?;
    let order = order::by_references(&opened.iter().map(Opened::links).collect::<Vec<_>>());
    let mut opened: Vec<Option<Opened>> = opened.into_iter().map(Some).collect();
    let mut decisions = Vec::with_capacity(batch.mails.len());
    for at in order {
        let Some(opened) = opened[at].take() else { continue };
        let uid = batch.mails[at].uid;
        let place = Place { transport: batch.transport_id, uid_validity: batch.uidvalidity, uid };
        let action = apply_one(shared, place, opened).await?;
        decisions.push(RelayMailDecision { uid, action: action.into() });
    }
    settle(shared, batch).await?;
    Ok(decisions)
}

/// Opens a mail on the pool. One whose content makes the parser fail leaves a tombstone, so that it fails only once.
async fn open_one(shared: &Rc<Shared>, lane: Lane, mail: &RelayMail) -> Outcome<Opened> {
    let (db, profile, blob_dir) = (shared.db.clone(), shared.id, shared.blob_dir.clone());
    let (raw, seen) = (mail.raw.clone(), mail.seen);
    let work = move || {
        db.read(|view| {
            let sources = Sources { keys: db.keys(), profile, blob_dir: &blob_dir, now: db.now() };
            open::open(view, &sources, &raw, seen)
        })
    };
    match shared.hub.pool.run(lane, work).await {
        Ok(Err(error @ (Failure::Storage(_) | Failure::File { .. }))) => Err(error),
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Ok(Opened::rejected(&mail.raw, shared.db.now(), error.to_string())),
        Err(unfinished) => Ok(Opened::rejected(&mail.raw, shared.db.now(), unfinished.to_string())),
    }
}

async fn apply_one(shared: &Rc<Shared>, place: Place, opened: Opened) -> Outcome<RelayMailAction> {
    let mid = opened.mid.clone();
    match chats::take_in(shared, TakeIn { place, opened: Arc::new(opened) }).await {
        Ok(action) => Ok(action),
        Err(error @ (Failure::Refused(_) | Failure::OpenPgp(_))) => {
            let cause = error.to_string();
            let given_up =
                shared.db.transact(shared.id, move |tx| incoming::give_up(tx, place, &mid, &cause));
            Ok(given_up.await?.value)
        }
        Err(error) => Err(error),
    }
}

async fn settle(shared: &Rc<Shared>, batch: &RelayMails) -> Outcome<()> {
    let (transport, uid_validity, uid_next) = (batch.transport_id, batch.uidvalidity, batch.uid_next);
    if uid_next != 0 {
        shared
            .db
            .transact(shared.id, move |tx| {
                transports::update(tx, transport, |record| {
                    record.uid_validity = uid_validity;
                    record.uid_next = uid_next;
                })
            })
            .await?;
    }
    Ok(shared.db.store().flush().await?)
}
