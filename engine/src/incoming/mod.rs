//! The life of a received mail, from its header fields to rows and events.
//!
//! | file | holds |
//! |---|---|
//! | [`heads`] | which mails are wanted, by their header fields |
//! | [`open`] | decrypting, verifying and parsing |
//! | [`order`] | which mail of a batch comes first |
//! | [`route`] | whose turn it is: the chat that it most likely belongs to |
//! | [`apply`] | the pipeline of one mail, in one transaction |
//! | [`contacts`] | sender and recipients become contacts |
//! | [`assign`] | which chat |
//! | [`channel`] | mail of channels: which one, who comes and goes |
//! | [`locations`] | positions and places that come in |
//! | [`group`] | what a message changes in its chat |
//! | [`calls`] | calls that come in, and what is heard of calls |
//! | [`special`] | receipts, bounces, edits, deletions, reactions |
//! | [`store`] | rows and events of shown messages |
//! | [`fate`] | what becomes of a mail, and why |
//! | [`quarantine`] | how long a mail waits, and for what |
//! | [`report`] | what is reported of a mail of which nothing is shown |
//! | `source` | where a mail comes from: a relay, or quarantine |
//! | [`folder`] | what a relay reports about its folder |
//!
//! A mail is opened and then taken in ([`take_in`]). One that cannot be opened or taken in for a reason that may pass is
//! kept ([`keep`]) and tried again ([`candidates`]) when a change brought what it may wait for.

mod app_updates;
pub mod apply;
#[cfg(test)]
mod arriving;
pub mod assign;
pub mod calls;
pub mod channel;
pub mod contacts;
pub mod fate;
pub mod folder;
pub mod group;
pub mod heads;
mod list;
pub mod locations;
pub mod open;
pub mod order;
pub mod quarantine;
mod realtime;
pub mod report;
pub mod route;
mod source;
pub mod special;
pub mod store;

pub use self::source::Source;

use volary_proto::v1::RelayMailAction;
use volary_storage::View;
use volary_storage::records::{KnownMail, NotShownState, QuarantineRecord};

use self::fate::{Copies, Fate, Wait};
use self::open::Opened;
use crate::ground::db::Tx;
use crate::ground::effects::Unlocked;
use crate::ground::error::Outcome;
use crate::ground::events::Events as _;
use crate::ground::ids::{ProfileId, TransportId};
use crate::state::copies::{self, Place};
use crate::state::{chats, keys, messages, quarantine as rows, transports};

/// What became of a mail, for the loop around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// It is done; what the relay has to do with its copy.
    Settled(RelayMailAction),
    /// It cannot be taken in now.
    Waits(Wait),
}

/// What a mail did, and what it brought that others may wait for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What became of it.
    pub done: Done,
    /// What it brought.
    pub unlocked: Unlocked,
}

/// Takes an opened mail in.
pub fn take_in(tx: &mut Tx<'_, '_>, source: Source, opened: &Opened) -> Outcome<Step> {
    let fate = apply::apply(tx, opened)?;
    if let Source::Relay(place) = source {
        let received = opened.received;
        transports::update(tx, place.transport, |record| record.received = record.received.max(received))?;
    }
    let done = match fate {
        Fate::Waits(wait) => Done::Waits(wait),
        Fate::Taken(copies) => {
            let (profile, mid) = (tx.profile, report::short_mid(&opened.mid));
            tracing::debug!(%profile, mid, ?source, ?copies, "a mail is taken in");
            report::shown(tx, source, opened)?;
            Done::Settled(conclude(tx, source, &opened.mid, copies)?)
        }
        Fate::NotShown(reason) => {
            report::not_shown(tx, source, opened, &reason)?;
            if reason.is_authentic() && !is_known(tx, &opened.mid)? {
                messages::entomb(tx, &opened.mid)?;
            }
            Done::Settled(conclude(tx, source, &opened.mid, Copies::Keep)?)
        }
    };
    // The loop around looks after what waits; nobody else has to.
    let unlocked = std::mem::take(&mut tx.effects().unlocked);
    Ok(Step { done, unlocked })
}

fn is_known(tx: &Tx<'_, '_>, mid: &str) -> Outcome<bool> {
    Ok(messages::known(tx.store, tx.profile, mid)?.is_some_and(|known| known.kind != KnownMail::Nothing))
}

/// A mail that has to wait, with the blob that holds it.
pub struct Kept<'a> {
    /// What is known of it.
    pub opened: &'a Opened,
    /// What it waits for.
    pub wait: &'a Wait,
    /// Name of the blob.
    pub blob: String,
    /// Its length.
    pub bytes: u64,
    /// See [`quarantine::digest`].
    pub digest: String,
}

/// Keeps a mail that came from a relay until it can be taken in. A second copy is not kept twice.
pub fn keep(tx: &mut Tx<'_, '_>, place: Place, kept: &Kept<'_>) -> Outcome<RelayMailAction> {
    let all = rows::all(tx.store, tx.profile)?;
    // Two mails may have the same body; one mail has the same id on all relays.
    let is_kept = all.iter().any(|(_, row)| row.digest == kept.digest && row.mid == kept.opened.mid);
    if !is_kept {
        let mut record = QuarantineRecord {
            mid: kept.opened.mid.clone(),
            digest: kept.digest.clone(),
            blob: kept.blob.clone(),
            bytes: kept.bytes,
            first_seen: tx.now,
            tries: 1,
            seen: kept.opened.seen,
            transport: place.transport,
            ..Default::default()
        };
        quarantine::set_wait(&mut record, kept.wait);
        let Some(evicted) = quarantine::make_room(&all, kept.bytes, kept.wait) else {
            report::given_up(tx, &record, kept.wait)?;
            copies::add(tx, place, &kept.opened.mid)?;
            return Ok(RelayMailAction::Keep);
        };
        for sequence in evicted {
            give_up(tx, sequence)?;
        }
        rows::add(tx, &record)?;
        report::kept(tx, Source::Relay(place), kept.opened, kept.wait)?;
        // One that could not even be opened waits for something of ours that holds up many; a line for each is too much.
        if let (Wait::Fault(cause), None) = (kept.wait, &kept.opened.wait) {
            report_failure(tx, cause)?;
        }
    }
    copies::add(tx, place, &kept.opened.mid)?;
    // What waits for others is safe here. What our own fault holds back may be needed there once more.
    let deletes = !kept.wait.is_fault() && heads::deletes_after_download(tx.store, tx.profile)?;
    if deletes {
        copies::ask(tx, place, true)?;
        return Ok(RelayMailAction::Delete);
    }
    Ok(RelayMailAction::Keep)
}

/// A mail was tried again in vain.
pub fn keep_on(tx: &mut Tx<'_, '_>, sequence: u64, wait: &Wait) -> Outcome<()> {
    let Some(mut record) = rows::load(tx.store, tx.profile, sequence)? else { return Ok(()) };
    record.tries = record.tries.saturating_add(1);
    quarantine::set_wait(&mut record, wait);
    Ok(rows::put(tx, sequence, &record)?)
}

/// A mail is not kept any longer.
fn give_up(tx: &mut Tx<'_, '_>, sequence: u64) -> Outcome<()> {
    let Some(record) = rows::load(tx.store, tx.profile, sequence)? else { return Ok(()) };
    rows::remove(tx, sequence)?;
    let wait = quarantine::wait_of(&record);
    report::given_up(tx, &record, &wait)?;
    // The copy of the relay may be the last one of what our own fault held back.
    if wait.is_fault() {
        return Ok(());
    }
    delete_copies(tx, &record.mid, Copies::Keep)
}

/// Gives up what was kept too long.
pub fn expire(tx: &mut Tx<'_, '_>) -> Outcome<()> {
    for (sequence, record) in rows::all(tx.store, tx.profile)? {
        if quarantine::is_over(&record, tx.now) {
            give_up(tx, sequence)?;
        }
    }
    Ok(())
}

/// Mails that are worth another try after a change.
pub fn candidates(
    view: &impl View,
    profile: ProfileId,
    unlocked: Unlocked,
) -> Outcome<Vec<(u64, QuarantineRecord)>> {
    let mut found = Vec::new();
    for (sequence, record) in rows::all(view, profile)? {
        let wait = quarantine::wait_of(&record);
        let there = match &wait {
            _ if !quarantine::serves(unlocked, &wait) => false,
            Wait::Secret | Wait::Fault(_) => true,
            Wait::Signer(fingerprints) => {
                let mut any = false;
                for fingerprint in fingerprints {
                    any |= keys::has_certificate(view, profile, fingerprint)?;
                }
                any
            }
            Wait::Group(id) => chats::by_group_id(view, profile, id)?.is_some(),
            Wait::App(mid) => messages::by_mid(view, profile, mid)?.is_some(),
        };
        if there {
            found.push((sequence, record));
        }
    }
    Ok(found)
}

/// The rules failed on a mail, which waits until this is mended: a message says so, in words that clients know.
fn report_failure(tx: &mut Tx<'_, '_>, cause: &str) -> Outcome<()> {
    tx.warning(format!("Failed to receive a message: {cause}"));
    let dot = if cause.ends_with('.') { "" } else { "." };
    let text = format!(
        "❌ Failed to receive a message: {cause}{dot} Core version v{VERSION}. \
         Please report this bug to delta@merlinux.eu or https://support.delta.chat/",
        VERSION = crate::ground::version::API_VERSION,
    );
    let message = crate::chat::compose::NewMessage { text, ..Default::default() };
    crate::chat::device::add(tx, None, Some(message))?;
    Ok(())
}

/// What becomes of the copies on relays, remembered until the relays have done it.
fn conclude(tx: &mut Tx<'_, '_>, source: Source, mid: &str, fate: Copies) -> Outcome<RelayMailAction> {
    let place = match source {
        Source::Relay(place) => place,
        Source::Quarantine(sequence) => {
            if let Some(record) = rows::load(tx.store, tx.profile, sequence)? {
                rows::remove(tx, sequence)?;
                rename_copies(tx, &record.mid, mid)?;
            }
            delete_copies(tx, mid, fate)?;
            return Ok(RelayMailAction::Keep);
        }
    };
    let single_device = heads::deletes_after_download(tx.store, tx.profile)?;
    copies::add(tx, place, mid)?;
    let action = match fate {
        Copies::Delete => RelayMailAction::Delete,
        _ if single_device => RelayMailAction::Delete,
        Copies::Seen => RelayMailAction::MarkSeen,
        Copies::Keep => RelayMailAction::Keep,
    };
    match action {
        // Copies on other relays are found known and deleted when they turn up.
        RelayMailAction::Delete if fate == Copies::Delete => copies::want_deleted(tx, mid)?,
        RelayMailAction::Delete => copies::ask(tx, place, true)?,
        RelayMailAction::MarkSeen => copies::ask(tx, place, false)?,
        RelayMailAction::Keep => {}
    }
    // The answer to the relay says it already; other connections get orders only about their own copies.
    Ok(action)
}

/// Copies that were known by the outer Message-ID are known by the one inside.
fn rename_copies(tx: &mut Tx<'_, '_>, outer: &str, mid: &str) -> Outcome<()> {
    if outer == mid {
        return Ok(());
    }
    for place in copies::of_mail(tx.store, tx.profile, outer)? {
        copies::forget(tx, place)?;
        copies::add(tx, place, mid)?;
    }
    Ok(())
}

/// Relays are asked to do with the copies of a mail what they would have been answered.
fn delete_copies(tx: &mut Tx<'_, '_>, mid: &str, fate: Copies) -> Outcome<()> {
    let single_device = heads::deletes_after_download(tx.store, tx.profile)?;
    match fate {
        Copies::Delete => copies::want_deleted(tx, mid)?,
        _ if single_device => {
            for place in copies::of_mail(tx.store, tx.profile, mid)? {
                copies::ask(tx, place, true)?;
            }
        }
        Copies::Seen => copies::want_seen(tx, mid)?,
        Copies::Keep => {}
    }
    Ok(())
}

/// A mail that was judged by its header fields and left on the relay.
pub fn skipped(tx: &mut Tx<'_, '_>, transport: TransportId, skip: &heads::Skipped) -> Outcome<()> {
    report::judged(tx, transport, skip, NotShownState::Skipped)
}

#[cfg(test)]
mod tests;
