//! What is done when somebody sets the clock of the machine.
//!
//! Deadlines are times of that clock. One that was noted while it went ahead would be waited for until the clock gets
//! there once more, which may take years; none may be further away than it was when it was noted.

use volary_storage::{StoreError, View};

use super::housekeeping;
use crate::ground::db::{Db, Tx};
use crate::ground::error::Outcome;
use crate::outgoing::keyupdate;
use crate::state::deadlines::{self, Deadline, kind};
use crate::state::{config, contacts, messages, outbox};

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
        kind::MESSAGE_EXPIRES => {
            let record = messages::load(view, row.profile, message(row))?;
            record.is_some_and(|record| {
                record.expires == row.time
                    && record.ephemeral_timer != 0
                    && ahead > i64::from(record.ephemeral_timer)
            })
        }
        kind::RETRY_SENDING | kind::CHAT_DELETED => ahead > outbox::LONGEST_WAIT,
        kind::KEY_UPDATE => ahead > config::keyupdate_debounce(view, row.profile)?.max(0),
        kind::RECENTLY_SEEN_ENDS => ahead > contacts::RECENTLY_SEEN + 1,
        kind::HOUSEKEEPING => ahead > housekeeping::LONGEST_PAUSE,
        kind::DELETE_OLD => {
            ahead > config::number(view, row.profile, config::key::DELETE_DEVICE_AFTER)? + housekeeping::QUIET
        }
        // The end of a mute is a time that a user chose.
        _ => false,
    })
}

fn message(row: Deadline) -> u32 {
    u32::try_from(row.id).unwrap_or(0)
}

fn mend_one(tx: &mut Tx<'_, '_>, row: Deadline) -> Outcome<()> {
    let now = tx.now;
    match row.kind {
        kind::MESSAGE_EXPIRES => {
            deadlines::remove(tx, row)?;
            messages::update(tx, message(row), |record| {
                record.expires = now.saturating_add(i64::from(record.ephemeral_timer));
            })?;
        }
        kind::RETRY_SENDING | kind::CHAT_DELETED => {
            deadlines::remove(tx, row)?;
            deadlines::add(tx, now, row.kind, row.id)?;
        }
        kind::KEY_UPDATE => keyupdate::schedule(tx)?,
        kind::HOUSEKEEPING => housekeeping::again(tx)?,
        _ => deadlines::set_single(tx, now, row.kind, row.id)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests;
