//! The relays of a profile on several devices. Each device tells all of them after a change, but for the one that it was
//! set up with; of two versions of a relay the newer one counts, and a removal as new as a version counts more.

use volary_mail::address::{Address, shortened};
use volary_mail::login::{ConfiguredLogin, EnteredLogin};
use volary_mail::sync::{Relays, RemovedRelay, SharedRelay};
use volary_proto::v1::event;
use volary_storage::records::TransportRecord;
use volary_storage::{StoreError, View};

use crate::ground::db::Tx;
use crate::ground::error::{Failure, Outcome};
use crate::ground::ids::ProfileId;
use crate::state::{keys, transports};

/// Seconds by which the clocks of two devices and a relay may differ.
const CLOCKS_DIFFER: i64 = 600;

/// What other devices are told.
pub fn state(view: &impl View, profile: ProfileId) -> Result<Relays, StoreError> {
    let mut state = Relays::default();
    for (id, record) in transports::all(view, profile)? {
        if id == transports::FIRST {
            continue;
        }
        // One without servers is of no use elsewhere.
        if let (Some(configured), Some(entered)) = (configured(&record), entered(&record)) {
            let (timestamp, is_published) = (record.added, !record.unpublished);
            state.transports.push(SharedRelay { configured, entered, timestamp, is_published });
        }
    }
    let removed = transports::removals(view, profile)?.into_iter();
    state.removed_transports.extend(removed.map(|(addr, timestamp)| RemovedRelay { addr, timestamp }));
    Ok(state)
}

fn configured(record: &TransportRecord) -> Option<ConfiguredLogin> {
    serde_json::from_str(&record.configured).ok()
}

fn entered(record: &TransportRecord) -> Option<EnteredLogin> {
    serde_json::from_str(&record.entered).ok()
}

/// Takes over what another device has told.
pub fn apply(tx: &mut Tx<'_, '_>, told: Relays) -> Outcome<()> {
    let mut newest = None;
    for relay in told.transports {
        let time = relay.timestamp;
        match take(tx, relay) {
            Ok(true) => newest = newest.max(Some(time)),
            Ok(false) => {}
            Err(Failure::Refused(reason)) => {
                tracing::warn!(profile = %tx.profile, reason, "a relay of another device is not used");
            }
            Err(other) => return Err(other),
        }
    }
    for removal in told.removed_transports {
        let addr = removal.addr.to_lowercase();
        let known = transports::all(tx.store, tx.profile)?;
        if known.len() <= 1 {
            break;
        }
        if let Some((id, record)) = known.iter().find(|(_, record)| record.addr == addr)
            && record.added <= removal.timestamp
        {
            tracing::info!(profile = %tx.profile, relay = shortened(&addr), "another device has removed a relay");
            transports::remove(tx, *id, &addr, removal.timestamp)?;
            newest = newest.max(Some(removal.timestamp));
        }
        transports::note_removal(tx, &addr, removal.timestamp)?;
    }
    if let Some(newest) = newest {
        keys::relays_changed_elsewhere(tx, newest)?;
        tx.emit(event::Kind::TransportsModified(event::TransportsModified {}));
    }
    Ok(())
}

/// Takes over a relay. Returns whether anything is new.
fn take(tx: &mut Tx<'_, '_>, told: SharedRelay) -> Outcome<bool> {
    let profile = tx.profile;
    let addr = told.configured.addr.to_lowercase();
    if Address::parse_exact(&addr).is_err() || !told.entered.addr.eq_ignore_ascii_case(&addr) {
        return Err(Failure::refused("it has no address, or two"));
    }
    if told.configured.imap.is_empty() || told.configured.smtp.is_empty() {
        return Err(Failure::refused("it has no servers"));
    }
    if transports::removed_at(tx.store, profile, &addr)?.is_some_and(|gone| gone >= told.timestamp) {
        return Ok(false);
    }
    let known = transports::all(tx.store, profile)?;
    let Some((id, record)) = known.iter().find(|(_, record)| record.addr == addr) else {
        if known.len() >= transports::MAX_TOGETHER {
            return Err(Failure::refused("there are too many"));
        }
        tracing::info!(%profile, relay = shortened(&addr), "another device has added a relay");
        let record = TransportRecord {
            addr,
            // What has come since the other device watches it comes here, too.
            ignored_until: told.timestamp.saturating_sub(CLOCKS_DIFFER).max(0),
            rescan_below: 1,
            ..Default::default()
        };
        transports::add(tx, &written(record, &told)?)?;
        return Ok(true);
    };
    if record.added > told.timestamp || is_same(record, &told) {
        return Ok(false);
    }
    tracing::info!(%profile, relay = shortened(&addr), "another device has changed a relay");
    let record = written(record.clone(), &told)?;
    transports::save(tx, *id, &record)?;
    Ok(true)
}

fn is_same(record: &TransportRecord, told: &SharedRelay) -> bool {
    record.added == told.timestamp
        && record.unpublished != told.is_published
        && configured(record).as_ref() == Some(&told.configured)
        && entered(record).as_ref() == Some(&told.entered)
}

fn written(record: TransportRecord, told: &SharedRelay) -> Outcome<TransportRecord> {
    let internal = |error: serde_json::Error| Failure::Internal(error.to_string());
    Ok(TransportRecord {
        configured: serde_json::to_string(&told.configured).map_err(internal)?,
        entered: serde_json::to_string(&told.entered).map_err(internal)?,
        added: told.timestamp,
        unpublished: !told.is_published,
        ..record
    })
}
