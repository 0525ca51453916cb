//! What is done when a deadline is due, each in one transaction.

use volary_storage::StoreError;
use volary_storage::records::Mute;

use super::{housekeeping, search_index};
use crate::chat::compose::is_muted;
use crate::chat::{aging, calls, locations, requests};
use crate::ground::db::{Db, Tx};
use crate::ground::effects::Effects;
use crate::ground::error::{Failure, Outcome};
use crate::ground::events::Events as _;
use crate::ground::ids::{ChatId, MessageId, ProfileId};
use crate::outgoing::keyupdate;
use crate::state::deadlines::{self, Deadline, Kind};
use crate::state::{apps, chats, contacts, copies, messages, profiles};
use crate::webxdc::sending;

/// Rows handled before looking again.
const BATCH: usize = 256;
/// A row that cannot be handled is tried again after that many seconds.
const AFTER_FAILURE: i64 = 60;

/// What came of handling what is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handled {
    /// When the next deadline is.
    pub next: Option<i64>,
    /// What takes more than a transaction, to be done one after the other.
    pub upkeep: Vec<Upkeep>,
}

/// What takes more than a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upkeep {
    /// Housekeeping of a profile, see [`housekeeping::clean`].
    Clean(ProfileId),
    /// Indexing the texts of a profile, see [`search_index::build`].
    Index(ProfileId),
}

/// Handles what is due, each row in a transaction of its own. A row that fails waits and stops no other.
pub async fn handle_due(db: &Db, quiet: Quiet) -> Outcome<Handled> {
    let mut upkeep = Vec::new();
    loop {
        let rows = db.read(|view| deadlines::first(view, BATCH))?;
        let now = db.now();
        let due: Vec<Deadline> = rows.iter().copied().take_while(|row| row.time <= now).collect();
        if due.is_empty() {
            return Ok(Handled { next: rows.first().map(|row| row.time), upkeep });
        }
        let mut stuck = false;
        for row in due {
            // Every deadline is a row less, so none has to wait for space.
            match db.transact_freeing(row.profile, move |tx| handle(tx, row, quiet)).await {
                Ok(written) => {
                    tracing::debug!(profile = %row.profile, kind = ?row.kind, id = row.id, "deadline handled");
                    upkeep.extend(written.value);
                }
                Err(error) => {
                    tracing::error!(profile = %row.profile, kind = ?row.kind, %error, "a deadline cannot be handled");
                    stuck |= db.transact_freeing(row.profile, move |tx| put_off(tx, row)).await.is_err();
                }
            }
        }
        if stuck {
            return Ok(Handled { next: Some(now + AFTER_FAILURE), upkeep });
        }
    }
}

fn put_off(tx: &mut Tx<'_, '_>, row: Deadline) -> Result<(), StoreError> {
    deadlines::remove(tx, row)?;
    deadlines::add(tx, tx.now + AFTER_FAILURE, row.kind, row.id)
}

/// Since when what removes things by their age waits for a quiet time.
#[derive(Clone, Copy, Debug)]
pub struct Quiet {
    /// Housekeeping.
    pub housekeeping: i64,
    /// Deletion by age, if the clock was set.
    pub aging: Option<i64>,
}

/// Handles a deadline. What takes more than this transaction is the answer.
fn handle(tx: &mut Tx<'_, '_>, row: Deadline, quiet: Quiet) -> Outcome<Option<Upkeep>> {
    deadlines::remove(tx, row)?;
    let id = u32::try_from(row.id).unwrap_or(0);
    if profiles::load(tx.store, row.profile)?.is_none() {
        return Ok(None);
    }
    match row.kind {
        Kind::MessageExpires => expire(tx, id.into())?,
        Kind::RetrySending => tx.effects().merge(Effects { outbox: true, ..Effects::default() }),
        Kind::ChatDeleted => chats::erase_some(tx, id.into())?,
        Kind::MuteEnds => unmute(tx, id.into())?,
        Kind::AppUpdates => sending::proceed(tx, id.into())?,
        Kind::AppForgotten => apps::forget(tx, id.into())?,
        Kind::StreamEnds => locations::end(tx, id.into())?,
        Kind::PositionsDue => locations::send_positions(tx, id.into())?,
        Kind::CopiesGo => copies::go(tx)?,
        Kind::CallRingsOut => calls::ring_out(tx, id.into())?,
        Kind::KeyUpdate => keyupdate::announce(tx)?,
        Kind::RecentlySeenEnds => contacts::recently_seen_ends(tx, id.into())?,
        Kind::DeleteOld if quiet.aging.is_some_and(|set| tx.now < set + housekeeping::QUIET) => {
            deadlines::set_single(tx, tx.now + housekeeping::QUIET, Kind::DeleteOld, 0)?;
        }
        Kind::DeleteOld => aging::delete_old(tx)?,
        Kind::Housekeeping if tx.now < quiet.housekeeping + housekeeping::QUIET => {
            let time = housekeeping::first_time(row.profile, quiet.housekeeping);
            deadlines::set_single(tx, time, Kind::Housekeeping, 0)?;
        }
        Kind::Housekeeping => {
            housekeeping::again(tx)?;
            return Ok(Some(Upkeep::Clean(row.profile)));
        }
        Kind::SearchIndex => {
            search_index::again(tx)?;
            return Ok(Some(Upkeep::Index(row.profile)));
        }
    }
    Ok(None)
}

/// A message with a timer disappears here and on the relays. Mail that is still queued is
/// sent all the same and forgotten then.
fn expire(tx: &mut Tx<'_, '_>, id: MessageId) -> Outcome<()> {
    let Some(record) = messages::load(tx.store, tx.profile, id)? else { return Ok(()) };
    if record.expires == 0 || record.expires > tx.now {
        return Ok(());
    }
    if crate::state::outbox::is_queued(tx.store, tx.profile, id)? {
        messages::hide(tx, id)?;
        tx.msg_deleted(record.chat, id);
        tx.msgs_changed(record.chat);
        return Ok(());
    }
    requests::forget_messages(tx, &[(id, record.chat)])
}

fn unmute(tx: &mut Tx<'_, '_>, chat: ChatId) -> Outcome<()> {
    let now = tx.now;
    let changed = chats::update(tx, chat, |record| {
        if !is_muted(record.mute, now) {
            record.mute = Mute::Not;
        }
    })?;
    if changed {
        tx.chat_modified(chat);
        tx.chatlist_item_changed(Some(chat));
    }
    Ok::<_, Failure>(())
}

#[cfg(test)]
mod tests;
