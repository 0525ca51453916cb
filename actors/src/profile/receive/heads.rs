//! Answers which mails of a window are wanted; mails that another relay is downloading are waited for.

use std::rc::Rc;
use std::time::Duration;

use volary_proto::v1::{RelayHeadAction, RelayHeadDecision, RelayHeads, RelayHeadsAnswer};

use super::super::shared::Shared;
use volary_engine::ground::error::{Failure, Outcome};
use volary_engine::ground::ids::TransportId;
use volary_engine::incoming;
use volary_engine::incoming::heads::{Head, Judge, Skipped, read};
use volary_engine::state::copies::{self, Place};

/// A copy that another relay is downloading is waited for that long.
const MAX_WAIT: Duration = Duration::from_secs(60);

/// Answers which mails are wanted. Mails that another relay is downloading are waited for.
pub async fn decide(shared: &Rc<Shared>, heads: RelayHeads) -> RelayHeadsAnswer {
    let read: Vec<Head> = heads.heads.iter().map(|head| read(&head.header)).collect();
    let waiting = wait_for_others(shared, TransportId::new(heads.transport_id), &read);
    let _ = tokio::time::timeout(MAX_WAIT, waiting).await;
    match try_decide(shared, &heads, &read).await {
        Ok(decisions) => RelayHeadsAnswer { decisions },
        Err(error) => {
            tracing::error!(profile = %shared.id, %error, "headers cannot be judged");
            // Downloading all of them is right, only slower.
            RelayHeadsAnswer { decisions: Vec::new() }
        }
    }
}

async fn wait_for_others(shared: &Rc<Shared>, transport: TransportId, heads: &[Head]) {
    loop {
        let changed = shared.changed.notified();
        tokio::pin!(changed);
        changed.as_mut().enable();
        let busy = {
            let fan_in = shared.fan_in.borrow();
            let by_other = |mid: &String| fan_in.held_by_other(mid, transport);
            heads.iter().filter_map(|head| head.mid.as_ref()).any(by_other)
        };
        if !busy {
            return;
        }
        changed.await;
    }
}

async fn try_decide(
    shared: &Rc<Shared>,
    heads: &RelayHeads,
    read: &[Head],
) -> Outcome<Vec<RelayHeadDecision>> {
    let profile = shared.id;
    let mut decisions = Vec::with_capacity(read.len());
    let mut known_copies: Vec<(Place, String)> = Vec::new();
    let mut skipped: Vec<Skipped> = Vec::new();
    let now = shared.db.now();
    let actions = shared.db.read(|view| {
        let judge = Judge::new(view, profile, TransportId::new(heads.transport_id), now)?;
        heads
            .heads
            .iter()
            .zip(read)
            .map(|(raw, head)| judge.action(view, raw, head))
            .collect::<Result<Vec<_>, Failure>>()
    })?;
    for ((raw, head), (action, reason)) in heads.heads.iter().zip(read).zip(actions) {
        let place = Place {
            transport: TransportId::new(heads.transport_id),
            uid_validity: heads.uidvalidity,
            uid: raw.uid,
        };
        skipped.extend(reason.map(|reason| Skipped::new(head, place, reason)));
        if let Some(mid) = &head.mid {
            let downloads = matches!(action, RelayHeadAction::Download | RelayHeadAction::DownloadLater);
            if downloads {
                shared.fan_in.borrow_mut().claim(mid, place);
            } else {
                known_copies.push((place, mid.clone()));
            }
        }
        decisions.push(RelayHeadDecision { uid: raw.uid, action: action.into() });
    }
    if known_copies.is_empty() && skipped.is_empty() {
        return Ok(decisions);
    }
    let transport = TransportId::new(heads.transport_id);
    let noted = shared.db.transact(profile, move |tx| {
        known_copies.iter().try_for_each(|(place, mid)| copies::add(tx, *place, mid))?;
        skipped.iter().try_for_each(|skip| incoming::skipped(tx, transport, skip))
    });
    noted.await?.barrier.durable().await?;
    Ok(decisions)
}
