//! Receiving: the batches of a relay are opened on the worker pool and taken in one mail after the other.
//!
//! The relay is answered when everything is durable. A crash before that leads to a second fetch of the same mails;
//! their Message-IDs are known by then, so nothing shows twice.
//!
//! | file | holds |
//! |---|---|
//! | [`heads`] | which mails of a window are wanted |
//! | [`turn`] | in which order mails are taken in, and what becomes of those that cannot be now |
//! | [`opening`] | opening a mail on the pool, reading one from quarantine |
//! | [`folder`] | what a relay reports about its folder |

pub mod folder;
pub mod heads;
pub mod opening;
pub mod turn;

use std::rc::Rc;

use futures::future::join_all;
use volary_proto::v1::{RelayMailDecision, RelayMails, RelayMailsAnswer, event};

use self::opening::Item;
use super::shared::{self, Shared};
use crate::supervisor::reconnect::UNANSWERED_AFTER_TROUBLE;
use volary_engine::ground::effects::Unlocked;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::TransportId;
use volary_engine::ground::work::Lane;
use volary_engine::incoming::{self, Source};
use volary_engine::state::copies::Place;
use volary_engine::state::{quarantine, transports};

/// Processes a batch; the answer says what the connection has to do with each mail.
pub async fn mails(shared: &Rc<Shared>, batch: RelayMails) -> RelayMailsAnswer {
    let turn = shared.receiving.lock().await;
    match process(shared, &batch).await {
        Ok(decisions) => {
            release(shared, &batch);
            RelayMailsAnswer { decisions }
        }
        Err(error) => {
            // Nothing may count as received: the connections end before they could get an answer, and the mails are
            // fetched again when they are back.
            tracing::error!(profile = %shared.id, %error, "received mail cannot be stored");
            let msg = format!("Received messages cannot be stored and stay on the relay: {error}");
            shared.db.emit(shared.id, event::Kind::Error(event::Error { msg }));
            shared::drop_connections(shared);
            shared::reconnect_later(shared);
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
        fan_in.release(Place {
            transport: TransportId::new(batch.transport_id),
            uid_validity: batch.uidvalidity,
            uid,
        });
    }
}

async fn process(shared: &Rc<Shared>, batch: &RelayMails) -> Outcome<Vec<RelayMailDecision>> {
    let lane = if batch.mails.len() > 4 { Lane::Bulk } else { Lane::Interactive };
    let opening = batch.mails.iter().map(|mail| {
        let place = Place {
            transport: TransportId::new(batch.transport_id),
            uid_validity: batch.uidvalidity,
            uid: mail.uid,
        };
        opening::open(shared, lane, Source::Relay(place), mail.raw.clone(), mail.seen)
    });
    let items: Vec<Item> = join_all(opening).await.into_iter().collect::<Outcome<_>>()?;
    let decisions = turn::take_in(shared, lane, items).await?;
    settle(shared, batch).await?;
    Ok(decisions)
}

async fn settle(shared: &Rc<Shared>, batch: &RelayMails) -> Outcome<()> {
    let (transport, uid_validity, uid_next) =
        (TransportId::new(batch.transport_id), batch.uidvalidity, batch.uid_next);
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

/// Tries mails that wait, after a change that may let them in.
pub async fn retry(shared: Rc<Shared>, unlocked: Unlocked) {
    let processing = shared.process();
    let turn = shared.receiving.lock().await;
    if let Err(error) = try_again(&shared, unlocked).await {
        tracing::error!(profile = %shared.id, %error, "mails that wait cannot be tried again now");
    }
    drop(turn);
    drop(processing);
}

async fn try_again(shared: &Rc<Shared>, unlocked: Unlocked) -> Outcome<()> {
    if shared.db.look(|view| quarantine::is_empty(view, shared.id))? {
        return Ok(());
    }
    if unlocked.start {
        shared.db.transact::<_, Failure, _>(shared.id, incoming::expire).await?;
    }
    let items = opening::from_quarantine(shared, unlocked, &[]).await?;
    turn::take_in(shared, Lane::Bulk, items).await.map(|_| ())
}
