//! What is done when somebody sets the clock of the machine.
//!
//! Deadlines are times of that clock. One that was noted while it went ahead would be waited for until the clock gets
//! there once more, which may take years; none may be further away than it was when it was noted.

use volary_mail::calls::RING_SECONDS;
use volary_storage::{StoreError, View};

use super::housekeeping;
use crate::chat::locations;
use crate::ground::db::{Db, Tx};
use crate::ground::error::Outcome;
use crate::ground::ids::MessageId;
use crate::outgoing::keyupdate;
use crate::state::deadlines::{self, Deadline, Kind};
use crate::state::{config, contacts, copies, messages, outbox, search};

/// Brings deadlines that are too far away back to where they belong; how many there were.
pub async fn mend(db: &Db) -> Outcome<usize> {
    let now = db.now();
    let wrong = db.look(|view| {
        let mut wrong = Vec::new();
        for row in deadlines::all(view)? {
            let row = row?;
            if is_too_far(view, row, now)? {
                wrong.push(row);
            }
        }
        Ok(wrong)
    })?;
    for row in &wrong {
        let row = *row;
        db.transact(row.profile, move |tx| mend_one(tx, row)).await?;
    }
    Ok(wrong.len())
}

/// Whether nobody would have noted this deadline now.
fn is_too_far(view: &impl View, row: Deadline, now: i64) -> Result<bool, StoreError> {
    let ahead = row.time.saturating_sub(now);
    Ok(match row.kind {
        _ if ahead <= 0 => false,
        Kind::MessageExpires => {
            let record = messages::load(view, row.profile, message(row))?;
            record.is_some_and(|record| {
                record.expires == row.time
                    && record.ephemeral_timer != 0
                    && ahead > i64::from(record.ephemeral_timer)
            })
        }
        Kind::RetrySending => ahead > outbox::LONGEST_WAIT,
        Kind::KeyUpdate => ahead > config::keyupdate_debounce(view, row.profile)?.max(0),
        Kind::RecentlySeenEnds => ahead > contacts::RECENTLY_SEEN + 1,
        Kind::Housekeeping => ahead > housekeeping::LONGEST_PAUSE,
        Kind::DeleteOld => {
            ahead > config::number(view, row.profile, config::key::DELETE_DEVICE_AFTER)? + housekeeping::QUIET
        }
        Kind::AppUpdates => ahead > 1,
        Kind::SearchIndex => ahead > search::CHANGES_WAIT,
        Kind::ChatDeleted | Kind::AppForgotten => true,
        Kind::PositionsDue => ahead > locations::PAUSE + 1,
        Kind::CopiesGo => ahead > copies::LEFT_FOR,
        Kind::CallRingsOut => ahead > RING_SECONDS,
        // A time that a user chose.
        Kind::MuteEnds | Kind::StreamEnds => false,
    })
}

fn message(row: Deadline) -> MessageId {
    u32::try_from(row.id).unwrap_or(0).into()
}

fn mend_one(tx: &mut Tx<'_, '_>, row: Deadline) -> Outcome<()> {
    let now = tx.now;
    match row.kind {
        Kind::MessageExpires => {
            deadlines::remove(tx, row)?;
            messages::update(tx, message(row), |record| {
                record.expires = now.saturating_add(i64::from(record.ephemeral_timer));
            })?;
        }
        Kind::RetrySending => {
            deadlines::remove(tx, row)?;
            deadlines::add(tx, now, row.kind, row.id)?;
        }
        Kind::KeyUpdate => keyupdate::schedule(tx)?,
        Kind::Housekeeping => housekeeping::again(tx)?,
        _ => deadlines::set_single(tx, now, row.kind, row.id)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
