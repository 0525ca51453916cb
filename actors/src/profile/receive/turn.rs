//! In which order mails are taken in, and what becomes of those that cannot be now.
//!
//! Mails are opened together, before any of them has done what it says. One that needs what an earlier or later one of
//! the batch brings (a secret, a key, a group) is closed: it waits until that one was taken in and is opened again then,
//! together with mails from quarantine that wait for the same. What is closed when nothing else is left goes to
//! quarantine.

use std::rc::Rc;
use std::sync::Arc;

use futures::future::join_all;
use volary_proto::v1::{RelayMailAction, RelayMailDecision, event};
use volary_storage::Blobs;

use super::super::chats;
use super::super::shared::Shared;
use super::opening::{self, Item};
use crate::chat::TakeIn;
use crate::followers::MAX_TOGETHER;
use volary_engine::ground::effects::Unlocked;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::work::Lane;
use volary_engine::incoming::fate::Wait;
use volary_engine::incoming::{self, Done, Kept, Source, Step, order, quarantine};
use volary_engine::state::config;

/// Takes mails in, each at its turn; what the relay has to do with those that it brought.
pub async fn take_in(shared: &Rc<Shared>, lane: Lane, items: Vec<Item>) -> Outcome<Vec<RelayMailDecision>> {
    let mut decisions = Vec::with_capacity(items.len());
    let followed = items.len() <= MAX_TOGETHER;
    let mut waiting = sorted(items);
    let mut closed: Vec<(Item, Wait)> = Vec::new();
    loop {
        while !waiting.is_empty() {
            let item = waiting.remove(0);
            if let Some(wait) = item.opened.wait.clone() {
                closed.push((item, wait));
                continue;
            }
            let mut step = step(shared, &item, followed).await?;
            match step.done {
                Done::Settled(action) => decide(&mut decisions, item.source, action),
                Done::Waits(wait) => {
                    closed.push((item, wait));
                    // Nothing that it did may be what it waits for itself.
                    step.unlocked = Unlocked { keys: step.unlocked.keys, ..Unlocked::default() };
                }
            }
            if step.unlocked.any() {
                waiting = sorted(reopened(shared, lane, step.unlocked, waiting, &mut closed).await?);
            }
        }
        if !open_anyway(shared, &mut closed, &mut waiting)? {
            break;
        }
    }
    keep(shared, closed, &mut decisions).await?;
    Ok(decisions)
}

fn decide(decisions: &mut Vec<RelayMailDecision>, source: Source, action: RelayMailAction) {
    if let Source::Relay(place) = source {
        decisions.push(RelayMailDecision { uid: place.uid, action: action.into() });
    }
}

fn sorted(items: Vec<Item>) -> Vec<Item> {
    let order = order::by_references(&items.iter().map(|item| item.opened.links()).collect::<Vec<_>>());
    let mut items: Vec<Option<Item>> = items.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| items.get_mut(at)?.take()).collect()
}

/// After a mail that brought something: those from quarantine that may be let in now come first, then what was closed,
/// then what waits for its turn anyway.
async fn reopened(
    shared: &Rc<Shared>,
    lane: Lane,
    unlocked: Unlocked,
    waiting: Vec<Item>,
    closed: &mut Vec<(Item, Wait)>,
) -> Outcome<Vec<Item>> {
    let here = waiting.iter().chain(closed.iter().map(|(item, _)| item));
    let on_their_way: Vec<u64> = here
        .filter_map(|item| match item.source {
            Source::Quarantine(sequence) => Some(sequence),
            Source::Relay(_) => None,
        })
        .collect();
    let mut items = opening::from_quarantine(shared, unlocked, &on_their_way).await?;
    let (again, rest): (Vec<_>, Vec<_>) =
        std::mem::take(closed).into_iter().partition(|(_, wait)| quarantine::serves(unlocked, wait));
    *closed = rest;
    // What follows in the batch was opened too early as well.
    let (stale, ready): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|item| item.opened.is_closed());
    let again = again.into_iter().map(|(item, _)| item).chain(stale);
    let opening = again.map(|item| opening::open(shared, lane, item.source, item.raw, item.seen));
    items.extend(join_all(opening).await.into_iter().collect::<Outcome<Vec<_>>>()?);
    items.extend(ready);
    Ok(items)
}

/// What was waited for did not come: whether mails can be taken in as they are.
fn open_anyway(
    shared: &Rc<Shared>,
    closed: &mut Vec<(Item, Wait)>,
    waiting: &mut Vec<Item>,
) -> Outcome<bool> {
    if closed.is_empty() {
        return Ok(false);
    }
    let signed_only = shared.db.look(|view| config::flag(view, shared.id, config::key::FORCE_ENCRYPTION))?;
    for (mut item, wait) in std::mem::take(closed) {
        if Arc::make_mut(&mut item.opened).opens_anyway(signed_only) {
            waiting.push(item);
        } else {
            closed.push((item, wait));
        }
    }
    Ok(!waiting.is_empty())
}

/// One mail, in one transaction; `followed`: when frontends know the one before.
async fn step(shared: &Rc<Shared>, item: &Item, followed: bool) -> Outcome<Step> {
    let (source, opened) = (item.source, item.opened.clone());
    match chats::take_in(shared, TakeIn { source, opened }, followed).await {
        Ok(step) => Ok(step),
        Err(error) if opening::stops_everything(&error) => Err(error),
        Err(error) => {
            let cause = error.to_string();
            tracing::error!(profile = %shared.id, cause, "a mail cannot be taken in for a fault of ours");
            Ok(Step { done: Done::Waits(Wait::Fault(cause)), unlocked: Unlocked::default() })
        }
    }
}

/// What cannot be taken in now is kept, and is durable here before the relay may delete its copy.
async fn keep(
    shared: &Rc<Shared>,
    closed: Vec<(Item, Wait)>,
    decisions: &mut Vec<RelayMailDecision>,
) -> Outcome<()> {
    let mut faults = Vec::new();
    for (item, wait) in closed {
        let place = match item.source {
            Source::Relay(place) => place,
            Source::Quarantine(sequence) => {
                shared.db.transact(shared.id, move |tx| incoming::keep_on(tx, sequence, &wait)).await?;
                continue;
            }
        };
        if let Wait::Fault(cause) = &wait {
            faults.push(cause.clone());
        }
        let (blobs, raw, opened) = (Blobs::new(&shared.blob_dir), item.raw, item.opened);
        let write = move || {
            let blob = blobs.put(&raw, "eml").map_err(Failure::file("a mail cannot be kept"))?;
            Ok::<_, Failure>((blob.as_str().to_owned(), raw.len() as u64, quarantine::digest(&raw)))
        };
        let written = shared.hub.pool.run(Lane::Bulk, write).await;
        let (blob, bytes, digest) =
            written.map_err(|unfinished| Failure::refused(unfinished.to_string()))??;
        let kept = shared.db.transact(shared.id, move |tx| {
            incoming::keep(tx, place, &Kept { opened: &opened, wait: &wait, blob, bytes, digest })
        });
        let action = kept.await?.value;
        decisions.push(RelayMailDecision { uid: place.uid, action: action.into() });
    }
    report_faults(shared, &faults);
    Ok(())
}

/// Our own faults are reported once for all mails that they hold back.
fn report_faults(shared: &Rc<Shared>, faults: &[String]) {
    let Some(cause) = faults.first() else { return };
    let msg = format!("{} received messages wait, nothing is lost: {cause}", faults.len());
    shared.db.emit(shared.id, event::Kind::Error(event::Error { msg }));
}
