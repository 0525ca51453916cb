//! Receiving: from the mails of a batch to rows, events and an answer to the relay.
//!
//! | file | holds |
//! |---|---|
//! | [`heads`] | which mails are wanted |
//! | [`open`] | decrypting, verifying and parsing, on the worker pool |
//! | [`order`] | which of them comes first |
//! | [`apply`] | the pipeline of one mail, in one transaction |
//! | [`contacts`] | sender and recipients become contacts |
//! | [`assign`] | which chat |
//! | [`group`] | what a message changes in its chat |
//! | [`special`] | receipts, bounces, edits, deletions, reactions |
//! | [`store`] | rows and events of shown messages |
//! | [`folder`] | what a relay reports about its folder |
//!
//! The relay is answered when everything is durable. A crash before that leads to a second fetch of the same mails;
//! their Message-IDs are known by then, so nothing shows twice.

pub mod apply;
pub mod assign;
pub mod contacts;
pub mod folder;
pub mod group;
pub mod heads;
pub mod open;
pub mod order;
pub mod special;
pub mod store;

use std::rc::Rc;
use std::time::Duration;

use futures::future::join_all;
use volary_proto::v1::{RelayMail, RelayMailAction, RelayMailDecision, RelayMails, RelayMailsAnswer, event};

use self::open::{Opened, Sources};
use super::Shared;
use crate::error::{Failure, Outcome};
use crate::events::Events as _;
use crate::pool::Lane;
use crate::state::copies::{self, Place};
use crate::state::{messages, transports};

/// A batch that could not be stored is answered that late, when its connection is long gone.
const UNANSWERED: Duration = Duration::from_secs(60);

/// Processes a batch; the answer tells the relay what to do with each mail.
pub async fn mails(shared: &Rc<Shared>, batch: RelayMails) -> RelayMailsAnswer {
    let turn = shared.receiving.lock().await;
    match process(shared, &batch).await {
        Ok(decisions) => {
            shared.downloading.borrow_mut().retain(|_, transport| *transport != batch.transport_id);
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
            tokio::time::sleep(UNANSWERED).await;
            RelayMailsAnswer { decisions: Vec::new() }
        }
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
    match shared.pool.run(lane, work).await {
        Ok(Err(error @ (Failure::Storage(_) | Failure::File { .. }))) => Err(error),
        Ok(Ok(opened)) => Ok(opened),
        Ok(Err(error)) => Ok(Opened::rejected(&mail.raw, shared.db.now(), error.to_string())),
        Err(unfinished) => Ok(Opened::rejected(&mail.raw, shared.db.now(), unfinished.to_string())),
    }
}

async fn apply_one(shared: &Rc<Shared>, place: Place, opened: Opened) -> Outcome<RelayMailAction> {
    let addr = opened.mid.clone();
    let written = shared
        .db
        .transact(shared.id, move |tx| {
            let fate = apply::apply(tx, &opened)?;
            transports::update(tx, place.transport, |record| {
                record.received = record.received.max(opened.received)
            })?;
            conclude(tx, place, &opened.mid, fate)
        })
        .await;
    match written {
        Ok(written) => Ok(written.value),
        // A failure of the rules is no reason to fetch the mail for ever: it is told, and the mail counts as done.
        Err(error @ (Failure::Refused(_) | Failure::OpenPgp(_))) => {
            let text = error.to_string();
            let written = shared
                .db
                .transact(shared.id, move |tx| {
                    tell_failure(tx, &text)?;
                    messages::entomb(tx, &addr)?;
                    conclude(tx, place, &addr, apply::Fate::Keep)
                })
                .await?;
            Ok(written.value)
        }
        Err(error) => Err(error),
    }
}

/// A message that could not be taken in is no secret: the user is told, in words that clients know.
fn tell_failure(tx: &mut crate::db::Tx<'_, '_>, cause: &str) -> Outcome<()> {
    tx.warning(format!("Failed to receive a message: {cause}"));
    let dot = if cause.ends_with('.') { "" } else { "." };
    let text = format!(
        "❌ Failed to receive a message: {cause}{dot} Core version v{VERSION}. \
         Please report this bug to delta@merlinux.eu or https://support.delta.chat/",
        VERSION = crate::query::config::API_VERSION,
    );
    let message = crate::chat::compose::NewMessage { text, ..Default::default() };
    crate::commands::device::add(tx, None, Some(message))?;
    Ok(())
}

/// What becomes of the copy on the relay, remembered until the relay has done it.
fn conclude(
    tx: &mut crate::db::Tx<'_, '_>,
    place: Place,
    mid: &str,
    fate: apply::Fate,
) -> Outcome<RelayMailAction> {
    let single_device = heads::deletes_after_download(tx.store, tx.profile)?;
    copies::add(tx, place, mid)?;
    let action = match fate {
        apply::Fate::Delete => RelayMailAction::Delete,
        _ if single_device => RelayMailAction::Delete,
        apply::Fate::Seen => RelayMailAction::MarkSeen,
        apply::Fate::Keep => RelayMailAction::Keep,
    };
    match action {
        // Copies on other relays are found known and deleted when they turn up.
        RelayMailAction::Delete if fate == apply::Fate::Delete => copies::want_deleted(tx, mid)?,
        RelayMailAction::Delete => copies::ask(tx, place, true)?,
        RelayMailAction::MarkSeen => copies::ask(tx, place, false)?,
        RelayMailAction::Keep => {}
    }
    // The answer to the relay says it already; other connections are told only about their own copies.
    Ok(action)
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
